//! What the operator says about a database, typed: where it is, who asks it, and what is asked.
//!
//! Plain values; the config module makes and checks them.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use jiff::civil::Date;

use super::query;
use crate::source::settings::RecordSettings;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlSettings {
    pub records: RecordSettings,
    pub server: Server,
    pub queries: Queries,
    /// Longest time in which the server may send nothing.
    pub timeout: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    pub engine: Engine,
    pub place: Place,
    pub database: String,
    pub user: String,
    pub password: Password,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Postgres,
    /// MariaDB and MySQL.
    MySql,
    SqlServer,
}

impl Engine {
    /// Where its servers listen unless told otherwise.
    pub fn port(self) -> u16 {
        match self {
            Engine::Postgres => 5432,
            Engine::MySql => 3306,
            Engine::SqlServer => 1433,
        }
    }

    /// Whether the query can have a condition put around it.
    pub fn can_wrap(self, query: &str) -> bool {
        query::can_be_wrapped(query, self)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Network {
        host: String,
        port: u16,
        tls: Tls,
    },
    /// On this box: a socket, or of PostgreSQL the directory that it is in.
    Socket {
        path: PathBuf,
        port: u16,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// The certificate must be an authority's whom we trust, and name the host.
    Verified {
        /// The authorities in this file instead of the system's.
        ca_file: Option<PathBuf>,
        /// The name in the certificate, where it is not the host's.
        name: Option<String>,
    },
    /// Encrypted with whoever answers. Only within the own network.
    Unverified,
    /// Readable to everybody on the way. Only within the own network.
    Off,
}

/// It has no `Display`, and `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    pub fn new(text: impl Into<String>) -> Password {
        Password(text.into())
    }

    /// The deliberate way out, for the wire.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(***)")
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Queries {
    /// Gives every record.
    pub query: String,
    /// A column of the query that grows with each change.
    pub cursor: Option<String>,
    /// Changes are asked for from so long before the newest one known.
    pub overlap: Duration,
    /// Instead of the query with a condition around it.
    pub changes: Option<String>,
    /// Instead of the query's key column alone.
    pub ids: Option<String>,
    /// Gives the keys of what was deleted since `{{cursor}}`.
    pub deleted: Option<String>,
    /// Gives the day on which the period ends that the query names.
    pub guard: Option<String>,
    /// The same, where the operator knows it.
    pub valid_until: Option<Date>,
}

impl Queries {
    /// Stands in a query where the cursor's value is meant.
    pub const CURSOR: &str = query::CURSOR;

    /// What is wrong with the cursors of a query, if anything.
    pub fn cursor_problem(query: &str) -> Option<&'static str> {
        query::cursor_problem(query)
    }
}
