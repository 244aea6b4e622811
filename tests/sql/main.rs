//! Contacts out of databases: real PostgreSQL and MariaDB servers, and for SQL Server a stand-in that speaks as
//! much of TDS as a read needs.

#[path = "../servers/mod.rs"]
mod servers;

mod both;
mod database;
mod mariadb;
mod postgres;
mod reading;
mod sqlserver;
mod tds;
