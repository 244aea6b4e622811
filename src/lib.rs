//! Ringcard shows the agent who is calling before they say hello.
pub mod demo;
pub mod domain;
