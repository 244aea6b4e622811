//! Files as sources, as they come: given out by a server over HTTPS, dropped over SFTP, read by a running daemon.

#![allow(clippy::unwrap_used, reason = "a test that can not go on has failed")]
#![allow(unreachable_pub)] // nothing outside reads these modules

mod configuration;
mod download;
mod office;
mod sftp;
mod web;
#[allow(dead_code, reason = "most of it is for other tests")]
#[path = "../integration/office.rs"]
mod whole_office;
