//! Ringcard shows the agent who is calling before they say hello.
pub mod demo;
pub mod domain;
pub mod hipcall;
pub mod store;
pub mod tasks;
pub mod webhook;
