//! What the operating system gives us: clocks, systemd's notifications, the journal, the control socket; and what keeps
//! its log readable.

pub mod chain;
pub mod clock;
pub mod control;
pub mod journal;
pub mod notify;
pub mod throttle;
pub mod user;
