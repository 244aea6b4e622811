//! Ringcard shows the agent who is calling before they say hello.
pub mod domain;
pub mod source;
