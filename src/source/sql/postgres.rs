//! PostgreSQL: rows come as a stream of the extended protocol, a few kilobytes ahead of what is taken.
//!
//! The connection is a future of its own, which has to be driven beside the queries.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::rc::Rc;

use ::csv::StringRecord;
use futures_util::TryStreamExt;
use jiff::Timestamp;
use jiff::civil::DateTime;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::{ErrorPosition, SqlState};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, Error, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use self::values::{Parameter, Raw, kind, write};
use super::connect::{Meter, ROW_BYTES, Watch, Wire, connect};
use super::cursor::{Mark, Now};
use super::error::{About, Refusal, SqlError, said, with_causes};
use super::query::Asked;
use super::session::{Session, goes_on};
use super::settings::Server;
use super::take::{Column, Sink};
use super::tls;
use crate::source::error::SourceError;

mod values;

/// A snapshot that nothing can be written in. The server gives up by itself on a query that outlives us, and
/// on a lock that an administrator holds; a client that has gone is noticed by servers since version 14.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET LOCAL statement_timeout = '2h';
SET LOCAL lock_timeout = '30s';
SELECT set_config(name, '10s', true) FROM pg_settings WHERE name = 'client_connection_check_interval'";

/// Why the connection ended, for the query that was cut off.
type Ended = Rc<RefCell<Option<Error>>>;

pub(super) struct Postgres<'a> {
    client: Client,
    server: &'a Server,
    watch: Watch<'a>,
    meter: Meter,
    ended: Ended,
}

/// A session, and its connection to be driven beside it.
pub(super) async fn open<'a>(
    server: &'a Server,
    watch: Watch<'a>,
) -> Result<(Postgres<'a>, impl Future<Output = ()> + use<>), SourceError> {
    let (wire, meter) = connect(server, &watch).await?;
    let mut config = Config::new();
    config
        .user(&server.user)
        .password(server.password.expose())
        .dbname(&server.database)
        .application_name("ringcard");
    let ended = Ended::default();
    let (client, connection) = let_in(&config, server, &watch, wire, ended.clone())
        .await
        .map_err(|failure| match failure {
            Failure::Source(error) => error,
            Failure::Client(error) => refused(server, error),
        })?;
    let session = Postgres {
        client,
        server,
        watch,
        meter,
        ended,
    };
    Ok((session, connection))
}

enum Failure {
    Source(SourceError),
    Client(Error),
}

/// Either kind of connection has a type of its own; both are futures.
async fn let_in(
    config: &Config,
    server: &Server,
    watch: &Watch<'_>,
    wire: Wire,
    ended: Ended,
) -> Result<(Client, impl Future<Output = ()> + use<>), Failure> {
    let mut config = config.clone();
    let tls = tls::client(server, rustls::ALL_VERSIONS).map_err(|e| Failure::Source(e.into()))?;
    let (client, plain, secure) = match tls {
        None => {
            config.ssl_mode(SslMode::Disable);
            let opened = watch.let_in("PostgreSQL", config.connect_raw(wire, NoTls));
            let opened = opened.await.map_err(Failure::Source)?;
            let (client, connection) = opened.map_err(Failure::Client)?;
            (client, Some(connection), None)
        }
        Some(tls) => {
            config.ssl_mode(SslMode::Require);
            let mut maker = MakeRustlsConnect::new(tls);
            let name = server.tls_name();
            let tls =
                tokio_postgres::tls::MakeTlsConnect::<Wire>::make_tls_connect(&mut maker, name);
            let tls = tls.unwrap_or_else(|never| match never {});
            let opened = watch.let_in("PostgreSQL", config.connect_raw(wire, tls));
            let opened = opened.await.map_err(Failure::Source)?;
            let (client, connection) = opened.map_err(Failure::Client)?;
            (client, None, Some(connection))
        }
    };
    let connection = async move {
        let done = match (plain, secure) {
            (Some(connection), _) => connection.await,
            (None, Some(connection)) => connection.await,
            (None, None) => Ok(()),
        };
        *ended.borrow_mut() = done.err();
    };
    Ok((client, connection))
}

/// Why the server did not let us in.
fn refused(server: &Server, error: Error) -> SourceError {
    let shown = server.shown();
    let Some(db) = error.as_db_error() else {
        let words = with_causes(&error);
        // The client knows no better way to tell it.
        if words.contains("server does not support TLS") {
            return SqlError::NoTls { server: shown }.into();
        }
        let words = io::Error::other(words);
        return tls::failure(server, &error, words);
    };
    let said = said(db.code().code(), db.message(), About::Text);
    // pg_hba.conf has one code for a user it does not know and for a connection without TLS.
    let wants_tls = db.message().contains("no encryption") && db.message().contains("pg_hba.conf");
    let refusal = match db.code() {
        code if *code == SqlState::INVALID_PASSWORD => Refusal::Password,
        code if *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION && wants_tls => {
            Refusal::NoTls
        }
        code if *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION => Refusal::User,
        code if *code == SqlState::INVALID_CATALOG_NAME => Refusal::Database,
        code if *code == SqlState::INSUFFICIENT_PRIVILEGE => Refusal::Database,
        _ => Refusal::Other,
    };
    refusal.of(server, said).into()
}

impl Postgres<'_> {
    /// Waits for the server, and says what is wrong with `query` if it is.
    async fn until<T>(
        &self,
        query: &'static str,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, SourceError> {
        let done = self.watch.until(query, work).await?;
        done.map_err(|error| self.failed(query, error).into())
    }

    fn failed(&self, query: &'static str, error: Error) -> SqlError {
        if self.meter.is_over() {
            return SqlError::RowTooLong {
                query,
                limit: ROW_BYTES,
            };
        }
        let server = self.server.shown();
        let Some(db) = error.as_db_error() else {
            // The query only knows that its connection has ended; the connection knows why.
            let cause = self.ended.borrow_mut().take().unwrap_or(error);
            let source = io::Error::other(with_causes(&cause));
            return SqlError::Lost { server, source };
        };
        let code = db.code();
        let about = match code.code().get(..2) {
            Some("42" | "3F" | "0A" | "25") => About::Text,
            _ => About::Data,
        };
        let mut said = said(code.code(), db.message(), about);
        if let (About::Text, Some(ErrorPosition::Original(at))) = (about, db.position()) {
            said = format!("{said}, at character {at}");
        }
        match (code, about) {
            (code, _) if *code == SqlState::INSUFFICIENT_PRIVILEGE => SqlError::NotAllowed {
                server,
                query,
                said,
            },
            (_, About::Text) => SqlError::Query {
                server,
                query,
                said,
            },
            (code, _) if code.code().starts_with("22") => SqlError::Query {
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
}

impl Session for Postgres<'_> {
    async fn begin(&mut self) -> Result<Now, SourceError> {
        const QUERY: &str = "the beginning of the read";
        self.until(QUERY, self.client.batch_execute(BEGIN)).await?;
        let now = "SELECT now(), localtimestamp";
        let row = self.until(QUERY, self.client.query_one(now, &[])).await?;
        let now = row.try_get(0).and_then(|instant: Timestamp| {
            let local: DateTime = row.try_get(1)?;
            Ok(Now { local, instant })
        });
        now.map_err(|error| self.failed(QUERY, error).into())
    }

    async fn names(&mut self, asked: &Asked) -> Result<Option<Vec<String>>, SourceError> {
        let statement = self
            .until(asked.name, self.client.prepare(&asked.text))
            .await?;
        let columns = statement.columns().iter();
        Ok(Some(columns.map(|c| c.name().to_owned()).collect()))
    }

    async fn rows(&mut self, asked: &Asked, sink: &mut dyn Sink) -> Result<(), SourceError> {
        let query = asked.name;
        let statement = self.until(query, self.client.prepare(&asked.text)).await?;
        let columns: Vec<Column> = statement
            .columns()
            .iter()
            .map(|c| Column {
                name: c.name().to_owned(),
                kind: kind(c.type_()),
            })
            .collect();
        let wanted = sink.columns(&columns)?;
        let cursor = asked.cursor.map(parameter);
        let parameters = cursor.iter().map(|p| p as &(dyn ToSql + Sync));
        let rows = self
            .until(query, self.client.query_raw(&statement, parameters))
            .await?;
        let mut rows = pin!(rows);
        let (mut record, mut text) = (StringRecord::new(), String::new());
        while let Some(row) = self.until(query, rows.try_next()).await? {
            self.meter.reset();
            record.clear();
            for (place, wanted) in wanted.iter().enumerate() {
                text.clear();
                if *wanted {
                    let raw: Option<Raw<'_>> =
                        row.try_get(place).map_err(|e| self.failed(query, e))?;
                    let of = statement.columns()[place].type_();
                    let written = raw.map_or(Some(()), |raw| write(of, raw.0, &mut text));
                    written.ok_or_else(|| self.not_understood(&columns[place].name))?;
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

impl Postgres<'_> {
    fn not_understood(&self, column: &str) -> SqlError {
        SqlError::Protocol {
            server: self.server.shown(),
            what: format!("a value of the column {column} has another form than its type"),
        }
    }
}

fn parameter(mark: Mark) -> Parameter {
    Parameter(match mark {
        Mark::Whole(number) => number.to_string(),
        Mark::Local(at) => at.to_string(),
        Mark::Instant(at) => at.to_string(),
    })
}
