//! Takes the place of the crate of this name: a list of certificate authorities with nobody in it.
//!
//! mysql_async can't be built without the list, and Ringcard tells it not to use it: who is trusted is
//! the system's business (docs/decisions.md). Empty, it costs nothing, and nobody can be trusted by mistake.
#![no_std]

/// The authorities: none.
pub const TLS_SERVER_ROOTS: &[pki_types::TrustAnchor<'static>] = &[];
