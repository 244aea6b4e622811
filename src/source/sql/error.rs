//! Why a database could not be read, in words that name the server and what to do.
//!
//! What a server says is repeated only where it can't hold a value: a message about data, such as "invalid
//! input syntax for type integer: \"0532...\"", is shown without what stands in quotes, and without numbers.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::settings::Server;
use crate::source::error::Verdict;

/// Characters repeated of a server's message.
const SAID_CHARS: usize = 200;
/// Digits in a row that may be somebody's number.
const SHOWN_DIGITS: usize = 4;

#[derive(Debug, Error)]
pub enum SqlError {
    #[error("{server} has no address: check host, and this box's name servers")]
    NoAddress { server: String, source: io::Error },
    #[error(
        "{server} can't be reached: check host and port, that the server runs and listens there, and the firewalls between"
    )]
    NoConnection { server: String, source: io::Error },
    #[error(
        "{server} did not let us in within {seconds} s: check that it is a {engine} server and not overloaded"
    )]
    ConnectTime {
        server: String,
        engine: &'static str,
        seconds: u64,
    },
    #[error(
        "{server} is at {address}, outside of this network, where tls = {tls:?} lets others read or change the data: set tls = \"require\""
    )]
    NotLocal {
        server: String,
        address: String,
        tls: &'static str,
    },
    #[error(
        "{server} offers no TLS: switch it on there, or set tls = \"off\" if it is in your own network"
    )]
    NoTls { server: String },
    #[error("{server} takes no connection without TLS: set tls = \"require\"")]
    TlsDemanded { server: String },
    #[error(
        "the certificate of {server} is not trusted: give its authority's as ca-file, or the name in it as tls-name"
    )]
    NotTrusted {
        server: String,
        #[source]
        source: rustls::Error,
    },
    #[error(
        "TLS with {server} failed: the server must speak TLS 1.2 or newer, with a certificate of at least 2048 bits"
    )]
    Tls { server: String, source: io::Error },
    #[error("{path} can't be read as certificates of authorities (PEM)", path = .path.display())]
    CaFile { path: PathBuf },
    #[error("the system has no certificate authorities: install ca-certificates, or give ca-file")]
    NoAuthorities,
    #[error("{server} refuses {whose} ({said}): put the right one into its file")]
    Refused {
        server: String,
        whose: String,
        said: String,
    },
    #[error("{server} has no database {database}, or does not let the user into it: {said}")]
    NoDatabase {
        server: String,
        database: String,
        said: String,
    },
    #[error(
        "{server} does not let the user do what {query} needs: {said}; grant it the right to read"
    )]
    NotAllowed {
        server: String,
        query: &'static str,
        said: String,
    },
    #[error("{server} does not understand {query}: {said}")]
    Query {
        server: String,
        query: &'static str,
        said: String,
    },
    #[error("{server} broke off {query}: {said}")]
    Server {
        server: String,
        query: &'static str,
        said: String,
    },
    #[error("{server} has gone in the middle of the read: nothing of it is used")]
    Lost {
        server: String,
        #[source]
        source: io::Error,
    },
    #[error(
        "{server} has sent nothing for {seconds} s: make {query} quicker, or give it more time with timeout"
    )]
    Silent {
        server: String,
        query: &'static str,
        seconds: u64,
    },
    #[error(
        "a row of {query} is longer than {limit} bytes: let it name only the columns that are needed, without documents and pictures"
    )]
    RowTooLong { query: &'static str, limit: u64 },
    #[error("{query} gives no result: it must be a SELECT")]
    NoResult { query: &'static str },
    #[error("{query} gives no column {missing}; its columns are {columns}")]
    MissingColumns {
        query: &'static str,
        missing: String,
        columns: String,
    },
    #[error("{query} gives more than one column {columns}: give each a name of its own with AS")]
    DoubleColumns {
        query: &'static str,
        columns: String,
    },
    #[error("{query} gives {columns} columns, more than the {limit} that are read")]
    TooManyColumns {
        query: &'static str,
        columns: usize,
        limit: usize,
    },
    #[error("{query} gives a column without a proper name: give each a name with AS")]
    UnnamedColumns { query: &'static str },
    #[error(
        "column {column} of {query} has the type {kind}, which is not read: make it a text with CAST"
    )]
    Unreadable {
        query: &'static str,
        column: String,
        kind: String,
    },
    #[error(
        "cursor = {column:?}: the column has the type {kind}; a cursor is a whole number, a date or a time (CAST it in the query)"
    )]
    CursorKind { column: String, kind: String },
    #[error("guard-query must give one row with a date, the last day of the period: {what}")]
    Guard { what: &'static str },
    #[error("{server} answers in a way that is not understood: {what}")]
    Protocol { server: String, what: String },
}

/// What a server has against us that does not let us in.
pub(super) enum Refusal {
    Password,
    User,
    Database,
    /// The connection has no TLS.
    NoTls,
    Other,
}

impl Refusal {
    pub(super) fn of(self, by: &Server, said: String) -> SqlError {
        let (server, user) = (by.shown(), &by.user);
        let refused = |server, whose, said| SqlError::Refused {
            server,
            whose,
            said,
        };
        match self {
            Refusal::Password => refused(server, format!("the password of the user {user}"), said),
            Refusal::User => refused(server, format!("the user {user}"), said),
            Refusal::Database => SqlError::NoDatabase {
                server,
                database: by.database.clone(),
                said,
            },
            Refusal::NoTls => SqlError::TlsDemanded { server },
            Refusal::Other => SqlError::Server {
                server,
                query: "the connection",
                said,
            },
        }
    }
}

impl SqlError {
    pub fn verdict(&self) -> Verdict {
        match self {
            // A server that restarts, a line that is down, a table that is locked.
            SqlError::NoAddress { .. }
            | SqlError::NoConnection { .. }
            | SqlError::ConnectTime { .. }
            | SqlError::Server { .. }
            | SqlError::Lost { .. }
            | SqlError::Protocol { .. }
            | SqlError::Silent { .. } => Verdict::TryLater,
            SqlError::NotLocal { .. }
            | SqlError::NoTls { .. }
            | SqlError::TlsDemanded { .. }
            | SqlError::NotTrusted { .. }
            | SqlError::Tls { .. }
            | SqlError::CaFile { .. }
            | SqlError::NoAuthorities
            | SqlError::Refused { .. }
            | SqlError::NoDatabase { .. }
            | SqlError::NotAllowed { .. }
            | SqlError::Query { .. }
            | SqlError::RowTooLong { .. }
            | SqlError::NoResult { .. }
            | SqlError::MissingColumns { .. }
            | SqlError::DoubleColumns { .. }
            | SqlError::TooManyColumns { .. }
            | SqlError::UnnamedColumns { .. }
            | SqlError::Unreadable { .. }
            | SqlError::CursorKind { .. }
            | SqlError::Guard { .. } => Verdict::NeedsPerson,
        }
    }

    /// What to renew, in words, if the server refused who we are.
    pub fn refused_credential(&self) -> Option<&str> {
        match self {
            SqlError::Refused { whose, .. } => Some(whose),
            _ => None,
        }
    }
}

/// A client's error with its causes, for one that can't be kept.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let (mut all, mut next) = (error.to_string(), error.source());
    while let Some(cause) = next {
        all = format!("{all}: {cause}");
        next = cause.source();
    }
    all
}

/// What a message of a server is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// The query's text: names in quotes are tables and columns.
    Text,
    /// Perhaps data.
    Data,
}

/// A server's code and the first line of its message, as far as it can be shown.
pub(super) fn said(code: &str, message: &str, about: About) -> String {
    let line = message.lines().next().unwrap_or_default().trim();
    let line = match about {
        About::Text => line.to_owned(),
        About::Data => without_values(line),
    };
    let mut line: String = line.chars().take(SAID_CHARS).collect();
    if line.is_empty() {
        line.push_str("no reason given");
    }
    format!("{line} (error {code})")
}

fn without_values(line: &str) -> String {
    let (mut shown, mut quote, mut digits) = (String::new(), None, String::new());
    for c in line.chars().chain([' ']) {
        if c.is_ascii_digit() && quote.is_none() {
            digits.push(c);
            continue;
        }
        shown.push_str(if digits.len() > SHOWN_DIGITS {
            "…"
        } else {
            &digits
        });
        digits.clear();
        match quote {
            Some(open) if c == open => {
                quote = None;
                shown.push(c);
            }
            Some(_) => {}
            None => {
                shown.push(c);
                if matches!(c, '"' | '\'' | '`') {
                    quote = Some(c);
                    shown.push('…');
                }
            }
        }
    }
    shown.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_about_data_shows_no_value() {
        let message = "invalid input syntax for type integer: \"0532 555 01 01\"\nLINE 1: ...";
        assert_eq!(
            said("22P02", message, About::Data),
            "invalid input syntax for type integer: \"…\" (error 22P02)"
        );
        let message = "Conversion failed when converting the varchar value 'Ayşe' to 905325550101";
        assert_eq!(
            said("245", message, About::Data),
            "Conversion failed when converting the varchar value '…' to … (error 245)"
        );
        assert_eq!(
            said("1", "an 'open end 5325550101", About::Data),
            "an '… (error 1)"
        );
    }

    #[test]
    fn a_message_about_the_query_shows_its_first_line() {
        let message = "relation \"LG_001_CLCARD\" does not exist\nmore";
        assert_eq!(
            said("42P01", message, About::Text),
            "relation \"LG_001_CLCARD\" does not exist (error 42P01)"
        );
        let long = "x".repeat(SAID_CHARS + 1);
        assert_eq!(
            said("1", &long, About::Text),
            format!("{} (error 1)", "x".repeat(SAID_CHARS))
        );
        assert_eq!(said("1", "", About::Text), "no reason given (error 1)");
    }
}
