//! How a call reaches us: Hipcall's webhook, over TLS or from a proxy on the same box.
//!
//! Architecture Invariant: once the secret in the path is right, the answer to a POST is 200, within
//! `ANSWER_WITHIN`, whatever the body says and however the CRM, the disk and Hipcall do. Four other answers
//! in an hour and Hipcall stops sending until a person notices.

mod auth;
mod connections;
mod door;
mod facts;
mod handed;
mod listener;
mod page;
mod payload;
mod rehearsal;
mod seen;
mod service;
mod tls;

pub use auth::Gate;
pub use connections::CONNECTIONS;
pub use door::{Bound, Door, Listen, NothingHanded};
pub use facts::Facts;
pub use handed::Handed;
pub use listener::{CLOSE_TIME, Listener, Stream};
pub use page::Page;
pub use payload::{Unreadable, parse};
pub use rehearsal::rehearse;
pub use seen::{Seen, pinned};
pub use service::{ANSWER_WITHIN, BODY_BYTES, NotTaken, Reception};
pub use tls::{CertificateError, Identity, IdentityFiles};
