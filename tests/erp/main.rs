//! A real ERP: Tryton on PostgreSQL, whose customers and accounts a running daemon shows on its cards.
//!
//! The keeper of the books works in Tryton over its own protocol, as its clients do; Ringcard reads it by
//! `packaging/connectors/tryton.toml`, as a user who may only read. Hipcall is the demo's stand-in.

#![allow(unreachable_pub, reason = "a test program has no outside")]
#![allow(clippy::unwrap_used, reason = "a test that can not go on has failed")]

mod branch;
mod keeper;
#[allow(
    dead_code,
    reason = "shared with tests/integration, which uses all of it"
)]
#[path = "../integration/office.rs"]
mod office;
#[path = "../servers/mod.rs"]
mod servers;
mod stories;
