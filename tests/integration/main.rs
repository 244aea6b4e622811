//! The whole of Ringcard against a strict stand-in for Hipcall, over real TLS, files and signals.

mod calls;
mod commands;
mod copies;
mod office;
mod outbox;
mod process;
mod service;
mod webhook;
