//! How a card leaves us: the Hipcall API over one warm connection for each node.

mod calls;
mod client;
mod error;
mod hello;
mod look;
mod names;
mod profile;
mod quota;
mod turns;
mod users;

pub use calls::{CallList, CallsError};
pub use client::{Client, Connector, REQUEST_TIME, Trust, TrustError};
pub use error::{SendError, TOKEN_ADVICE, Verdict};
pub use look::{Guest, HandshakeError, issues, shake_hands};
pub use profile::Profile;
pub use turns::Turn;
pub use users::{User, UsersError};
