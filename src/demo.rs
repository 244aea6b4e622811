//! A whole telephone day on one machine: a stand-in for each side Ringcard talks to.
//!
//! `ringcard demo`, the integration tests and the benches use the same code, so it refuses whatever the
//! real Hipcall refuses; nothing here loosens that.

pub mod export;
pub mod hipcall;
pub mod identity;
pub mod office;
pub mod panel;
pub mod screen;
pub mod show;
