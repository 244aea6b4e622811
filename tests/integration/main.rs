//! The whole of Ringcard against a strict stand-in for Hipcall, over real TLS, files and signals.

#![allow(unreachable_pub, reason = "a test program has no outside")]
#![allow(clippy::unwrap_used, reason = "a test that can not go on has failed")]

mod backup;
mod calls;
mod clock;
mod commands;
mod copies;
mod doctor;
mod guards;
mod handed;
mod increments;
mod matching;
mod metrics;
mod office;
mod outbox;
mod owners;
mod process;
mod remote;
mod service;
mod setup;
mod shop;
mod silence;
mod sources;
mod webhook;
