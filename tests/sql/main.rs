//! Contacts out of databases: real PostgreSQL and MariaDB servers, and for SQL Server a stand-in that speaks as
//! much of TDS as a read needs.

#![allow(unreachable_pub, reason = "a test program has no outside")]
#![allow(clippy::unwrap_used, reason = "a test that can not go on has failed")]

#[path = "../servers/mod.rs"]
mod servers;

mod both;
mod branch;
mod database;
mod mariadb;
#[allow(
    dead_code,
    reason = "shared with tests/integration, which uses all of it"
)]
#[path = "../integration/office.rs"]
mod office;
mod postgres;
mod reading;
mod sqlserver;
mod tds;
