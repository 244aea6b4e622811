//! MariaDB and MySQL: rows of a prepared statement, read from the wire one at a time.
//!
//! The client makes its connection itself; what bounds a row is its limit for a packet.

use std::future::Future;
use std::io;
use std::time::Duration;

use ::csv::StringRecord;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use mysql_async::prelude::Queryable;
use mysql_async::{
    Conn, DriverError, Error, IoError, Opts, OptsBuilder, Params, ServerError, SslOpts, TlsError,
};
use tokio::time::timeout;

use self::values::{bound, kind, write};
use super::connect::{ROW_BYTES, Watch, addresses};
use super::cursor::Now;
use super::error::{About, Refusal, SqlError, said};
use super::query::Asked;
use super::session::{Session, goes_on};
use super::settings::{Place, Server, Tls};
use super::take::{Column, Sink};
use super::tls;
use crate::source::error::SourceError;

mod values;

/// For a farewell; with rows under way the connection is just dropped.
const LEAVE_TIME: Duration = Duration::from_millis(200);
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Times with a zone are then in UTC. The clock that the server's programs write by is asked before.
const SET_UP: [&str; 3] = [
    "SET NAMES utf8mb4",
    "SET SESSION time_zone = '+00:00'",
    "SET SESSION net_write_timeout = 600",
];
/// Of these, a server knows some: it gives up by itself on a query that outlives us, and on a locked table.
const IF_KNOWN: [&str; 3] = [
    "SET SESSION max_statement_time = 7200",
    "SET SESSION max_execution_time = 7200000",
    "SET SESSION lock_wait_timeout = 30",
];
const BEGIN: &str = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY";
const BEGINNING: &str = "the beginning of the read";

pub(super) struct MySql<'a> {
    conn: Conn,
    server: &'a Server,
    watch: Watch<'a>,
}

pub(super) async fn open<'a>(
    server: &'a Server,
    watch: Watch<'a>,
) -> Result<MySql<'a>, SourceError> {
    let options = options(server).await?;
    let opened = watch.let_in("MariaDB or MySQL", Conn::new(options)).await?;
    let conn = opened.map_err(|error| refused(server, error))?;
    Ok(MySql {
        conn,
        server,
        watch,
    })
}

async fn options(server: &Server) -> Result<Opts, SqlError> {
    let options = OptsBuilder::default()
        .user(Some(&server.user))
        .pass(Some(server.password.expose()))
        .db_name(Some(&server.database))
        .prefer_socket(false)
        .tcp_keepalive(Some(KEEPALIVE))
        .max_allowed_packet(Some(ROW_BYTES as usize));
    Ok(match &server.place {
        Place::Socket { path, .. } => options.socket(path.to_str()).into(),
        Place::Network { host, port, tls } => {
            let found: Vec<_> = addresses(server).await?.iter().map(|a| a.ip()).collect();
            let options = options
                .ip_or_hostname(host)
                .tcp_port(*port)
                .resolved_ips(Some(found));
            options.ssl_opts(ssl(server, tls)?).into()
        }
    })
}

fn ssl(server: &Server, tls: &Tls) -> Result<Option<SslOpts>, SqlError> {
    let ssl = SslOpts::default().with_disable_built_in_roots(true);
    // The client can't do without an authority, even where it believes anybody.
    let certificates = match tls {
        Tls::Off => return Ok(None),
        Tls::Verified { ca_file, .. } => tls::authorities(ca_file.as_deref())?,
        Tls::Unverified => tls::authorities(None)?,
    };
    let roots = certificates.iter().map(|c| c.as_ref().to_vec().into());
    let ssl = ssl
        .with_root_certs(roots.collect())
        .with_danger_accept_invalid_certs(*tls == Tls::Unverified)
        .with_danger_tls_hostname_override(Some(server.tls_name().to_owned()));
    Ok(Some(ssl))
}

/// Why the server did not let us in.
fn refused(server: &Server, error: Error) -> SourceError {
    let shown = server.shown();
    let error = match error {
        Error::Server(error) => error,
        Error::Driver(DriverError::NoClientSslFlagFromServer) => {
            return SqlError::NoTls { server: shown }.into();
        }
        Error::Io(IoError::Tls(TlsError::Tls(cause))) => {
            let words = io::Error::other(cause.to_string());
            return tls::failure(server, &cause, words);
        }
        Error::Io(IoError::Io(source)) => {
            let words = io::Error::new(source.kind(), source.to_string());
            return match tls::failure(server, &source, words) {
                // Before it let us in, nothing was lost.
                SourceError::Sql(SqlError::Lost { server, source }) => {
                    SqlError::NoConnection { server, source }.into()
                }
                other => other,
            };
        }
        other => {
            let what = other.to_string();
            return SqlError::Protocol {
                server: shown,
                what,
            }
            .into();
        }
    };
    let ServerError { code, message, .. } = error;
    let said = said(&code.to_string(), &message, About::Text);
    let refusal = match code {
        1045 | 1698 | 1130 | 1862 => Refusal::Password,
        1044 | 1049 => Refusal::Database,
        3159 | 4157 => Refusal::NoTls,
        _ => Refusal::Other,
    };
    refusal.of(server, said).into()
}

impl MySql<'_> {
    /// Ends the connection, without reading what is left.
    pub(super) async fn leave(self) {
        // Once begun, the client does not say goodbye again when it is dropped.
        let _ = timeout(LEAVE_TIME, self.conn.disconnect()).await;
    }
}

/// Waits for the server, and says what is wrong with `query` if it is.
async fn until<T>(
    watch: &Watch<'_>,
    query: &'static str,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, SourceError> {
    let done = watch.until(query, work).await?;
    done.map_err(|error| failed(watch.server, query, error).into())
}

fn failed(server: &str, query: &'static str, error: Error) -> SqlError {
    let server = server.to_owned();
    let error = match error {
        Error::Server(error) => error,
        Error::Io(IoError::Io(source)) if source.to_string().contains("max_allowed_packet") => {
            return SqlError::RowTooLong {
                query,
                limit: ROW_BYTES,
            };
        }
        other => {
            let source = io::Error::other(of_the_client(&other));
            return SqlError::Lost { server, source };
        }
    };
    let ServerError {
        code,
        message,
        state,
    } = error;
    let about = match state.get(..2) {
        Some("42") => About::Text,
        _ => About::Data,
    };
    let said = said(&code.to_string(), &message, about);
    match (code, about) {
        (1142..=1143 | 1227 | 1370, _) => SqlError::NotAllowed {
            server,
            query,
            said,
        },
        // A write, in a transaction that takes none.
        (1792, _) | (_, About::Text) => SqlError::Query {
            server,
            query,
            said,
        },
        _ => SqlError::Server {
            server,
            query,
            said,
        },
    }
}

/// What the client says of an answer may show a value.
fn of_the_client(error: &Error) -> String {
    match error {
        Error::Driver(DriverError::ConnectionClosed) => "the connection is closed".to_owned(),
        Error::Driver(_) => "an answer that is not understood".to_owned(),
        other => other.to_string(),
    }
}

impl Session for MySql<'_> {
    async fn begin(&mut self) -> Result<Now, SourceError> {
        let watch = self.watch;
        let now = "SELECT CAST(NOW(6) AS CHAR), CAST(UTC_TIMESTAMP(6) AS CHAR)";
        let row: Option<(String, String)> =
            until(&watch, BEGINNING, self.conn.query_first(now)).await?;
        for statement in SET_UP {
            until(&watch, BEGINNING, self.conn.query_drop(statement)).await?;
        }
        for statement in IF_KNOWN {
            match watch
                .until(BEGINNING, self.conn.query_drop(statement))
                .await?
            {
                Ok(()) | Err(Error::Server(_)) => {}
                Err(error) => return Err(failed(watch.server, BEGINNING, error).into()),
            }
        }
        until(&watch, BEGINNING, self.conn.query_drop(BEGIN)).await?;
        let now = row.and_then(|(local, utc)| {
            let local = local.parse().ok()?;
            let utc: DateTime = utc.parse().ok()?;
            let instant: Timestamp = utc.to_zoned(TimeZone::UTC).ok()?.timestamp();
            Some(Now { local, instant })
        });
        let unclear = || SqlError::Protocol {
            server: self.server.shown(),
            what: "its time can't be read".to_owned(),
        };
        now.ok_or_else(|| unclear().into())
    }

    async fn names(&mut self, asked: &Asked) -> Result<Option<Vec<String>>, SourceError> {
        let prepared = self.conn.prep(&*asked.text);
        let statement = until(&self.watch, asked.name, prepared).await?;
        let columns = statement.columns();
        Ok(Some(
            columns.iter().map(|c| c.name_str().into_owned()).collect(),
        ))
    }

    async fn rows(&mut self, asked: &Asked, sink: &mut dyn Sink) -> Result<(), SourceError> {
        let (query, watch) = (asked.name, self.watch);
        let parameters = match asked.cursor {
            Some(cursor) => Params::Positional(vec![bound(cursor); asked.cursors]),
            None => Params::Empty,
        };
        let asking = self.conn.exec_iter(&*asked.text, parameters);
        let mut rows = until(&watch, query, asking).await?;
        let types = rows.columns().unwrap_or_default();
        let columns: Vec<Column> = types
            .iter()
            .map(|c| Column {
                name: c.name_str().into_owned(),
                kind: kind(c),
            })
            .collect();
        let wanted = sink.columns(&columns)?;
        let (mut record, mut text) = (StringRecord::new(), String::new());
        while let Some(row) = until(&watch, query, rows.next()).await? {
            record.clear();
            for (place, wanted) in wanted.iter().enumerate() {
                text.clear();
                if let (true, Some(value)) = (*wanted, row.as_ref(place)) {
                    write(&types[place], value, &mut text);
                }
                record.push_field(&text);
            }
            if !goes_on(sink.row(&record)) {
                break;
            }
        }
        Ok(())
    }
}
