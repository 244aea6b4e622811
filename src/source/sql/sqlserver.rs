//! SQL Server, by TDS 7.4: rows come as tokens of the answer, read as they are taken.
//!
//! There is no transaction that only reads: the one that is begun here is never committed, and the server rolls
//! it back when the connection ends. The client knows of no TLS that can be a part of a static binary, so the
//! handshake is done before it begins (`prelogin.rs`).

use std::future::Future;
use std::io;

use ::csv::StringRecord;
use futures_util::TryStreamExt;
use jiff::civil::DateTime;
use tiberius::error::Error;
use tiberius::{AuthMethod, Client, Config, EncryptionLevel, QueryItem, ToSql};
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt};

use self::prelogin::{Answered, prepare};
use self::values::{Bound, bound, kind, write};
use super::connect::{CONNECT_TIME, Meter, ROW_BYTES, Watch, connect};
use super::cursor::{Mark, Now};
use super::error::{About, Refusal, SqlError, said};
use super::query::Asked;
use super::session::{Session, goes_on};
use super::settings::{Place, Server};
use super::take::{Column, Next, Sink};
use crate::source::error::SourceError;

mod prelogin;
mod values;

/// Half a minute for a locked table; what waits longer is told in words. Rolled back when the connection ends.
const BEGIN: &str = "SET NOCOUNT ON; SET LOCK_TIMEOUT 30000; SET XACT_ABORT ON; BEGIN TRANSACTION";
const NOW: &str = "SELECT SYSDATETIMEOFFSET(), SYSDATETIME()";
const BEGINNING: &str = "the beginning of the read";

pub(super) struct SqlServer<'a> {
    client: Client<Compat<Answered>>,
    watch: Watch<'a>,
    meter: Meter,
}

pub(super) async fn open<'a>(
    server: &'a Server,
    watch: Watch<'a>,
) -> Result<SqlServer<'a>, SourceError> {
    let (wire, meter) = connect(server, &watch).await?;
    let wire = watch.let_in("SQL Server", prepare(server, wire)).await??;
    let mut config = Config::new();
    if let Place::Network { host, port, .. } = &server.place {
        config.host(host);
        config.port(*port);
    }
    config.database(&server.database);
    config.application_name("ringcard");
    config.authentication(AuthMethod::sql_server(
        &server.user,
        server.password.expose(),
    ));
    // What encryption there is lies beneath.
    config.encryption(EncryptionLevel::NotSupported);
    config.lossy_utf16_decoding(true);
    config.handshake_timeout(Some(CONNECT_TIME));
    let opened = watch.let_in("SQL Server", Client::connect(config, wire.compat()));
    let client = opened.await?.map_err(|error| refused(server, error))?;
    Ok(SqlServer {
        client,
        watch,
        meter,
    })
}

/// Why the server did not let us in.
fn refused(server: &Server, error: Error) -> SqlError {
    let shown = server.shown();
    let token = match error {
        Error::Server(token) => token,
        Error::Io { kind, message } => {
            let source = io::Error::new(kind, message);
            return SqlError::Lost {
                server: shown,
                source,
            };
        }
        Error::Routing { host, port } => {
            let what = format!("it sends us on to {host}:{port}; give that as host and port");
            return SqlError::Protocol {
                server: shown,
                what,
            };
        }
        other => {
            let what = other.to_string();
            return SqlError::Protocol {
                server: shown,
                what,
            };
        }
    };
    let said = said(&token.code().to_string(), token.message(), About::Text);
    let refusal = match token.code() {
        18456 | 18470 | 18486..=18488 => Refusal::Password,
        4060 | 4063 | 4064 | 911 | 916 => Refusal::Database,
        _ => Refusal::Other,
    };
    refusal.of(server, said)
}

/// Waits for the server, and says what is wrong with `query` if it is.
async fn until<T>(
    (watch, meter): (&Watch<'_>, &Meter),
    query: &'static str,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, SourceError> {
    let done = watch.until(query, work).await?;
    done.map_err(|error| failed(watch.server, meter, query, error).into())
}

fn failed(server: &str, meter: &Meter, query: &'static str, error: Error) -> SqlError {
    if meter.is_over() {
        return SqlError::RowTooLong {
            query,
            limit: ROW_BYTES,
        };
    }
    let server = server.to_owned();
    let token = match error {
        Error::Server(token) => token,
        Error::Io { kind, message } => {
            let source = io::Error::new(kind, message);
            return SqlError::Lost { server, source };
        }
        // What the client says of an answer may show a value.
        _ => {
            let what = "an answer or a value has another form than its type".to_owned();
            return SqlError::Protocol { server, what };
        }
    };
    let code = token.code();
    // Of the messages below 1000, and of those about objects, it is the query's text that stands in them.
    let about = match code {
        100..=219 | 312..=319 | 911 | 1033 | 4104 | 8120 | 8155..=8156 => About::Text,
        _ => About::Data,
    };
    let mut said = said(&code.to_string(), token.message(), about);
    if code == 1033 {
        said.push_str("; leave ORDER BY out, or give changes-query and ids-query");
    }
    let is_of_a_value = matches!(code, 241..=248 | 220 | 8114 | 8115 | 8134);
    match code {
        229 | 230 | 262 | 297 | 300 | 916 => SqlError::NotAllowed {
            server,
            query,
            said,
        },
        _ if about == About::Text || is_of_a_value => SqlError::Query {
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

/// Keeps the first two values of the first row.
#[derive(Default)]
struct Clock {
    values: Option<(String, String)>,
}

impl Sink for Clock {
    fn columns(&mut self, columns: &[Column]) -> Result<Vec<bool>, SourceError> {
        Ok(vec![true; columns.len()])
    }

    fn row(&mut self, values: &StringRecord) -> Next {
        let value = |place| values.get(place).unwrap_or_default().to_owned();
        self.values = Some((value(0), value(1)));
        Next::Enough
    }
}

impl Session for SqlServer<'_> {
    async fn begin(&mut self) -> Result<Now, SourceError> {
        let beside = (&self.watch, &self.meter);
        let work = async {
            let results = self.client.simple_query(BEGIN).await?;
            results.into_results().await
        };
        until(beside, BEGINNING, work).await?;
        let mut clock = Clock::default();
        let asked = Asked {
            name: BEGINNING,
            text: NOW.to_owned(),
            cursor: None,
            cursors: 0,
        };
        self.rows(&asked, &mut clock).await?;
        let now = clock.values.and_then(|(instant, local)| {
            let instant = instant.parse().ok()?;
            let local: DateTime = local.parse().ok()?;
            Some(Now { local, instant })
        });
        let unclear = || SqlError::Protocol {
            server: self.watch.server.to_owned(),
            what: "its time can't be read".to_owned(),
        };
        now.ok_or_else(|| unclear().into())
    }

    /// Names of columns are compared as the database's collation says: mostly without regard to case.
    async fn names(&mut self, _: &Asked) -> Result<Option<Vec<String>>, SourceError> {
        Ok(None)
    }

    async fn rows(&mut self, asked: &Asked, sink: &mut dyn Sink) -> Result<(), SourceError> {
        let query = asked.name;
        let beside = (&self.watch, &self.meter);
        let cursor: Option<Bound> = asked.cursor.map(|mark: Mark| bound(mark));
        let parameters: Vec<&dyn ToSql> = match &cursor {
            Some(Bound::Whole(number)) => vec![number],
            Some(Bound::Text(text)) => vec![text],
            None => Vec::new(),
        };
        let asking = self.client.query(&*asked.text, &parameters);
        let mut rows = until(beside, query, asking).await?;
        let mut wanted: Option<Vec<bool>> = None;
        let (mut record, mut text) = (StringRecord::new(), String::new());
        while let Some(item) = until(beside, query, rows.try_next()).await? {
            self.meter.reset();
            let row = match item {
                // A second result is another query's.
                QueryItem::Metadata(_) if wanted.is_some() => break,
                QueryItem::Metadata(of) => {
                    let columns: Vec<Column> = of.columns().iter().map(column).collect();
                    wanted = Some(sink.columns(&columns)?);
                    continue;
                }
                QueryItem::Row(row) => row,
            };
            record.clear();
            let wanted = wanted.as_deref().unwrap_or_default();
            for ((_, value), wanted) in row.cells().zip(wanted) {
                text.clear();
                if *wanted {
                    write(value, &mut text);
                }
                record.push_field(&text);
            }
            if !goes_on(sink.row(&record)) {
                break;
            }
        }
        match wanted {
            Some(_) => Ok(()),
            None => Err(SqlError::NoResult { query }.into()),
        }
    }
}

fn column(of: &tiberius::Column) -> Column {
    Column {
        name: of.name().to_owned(),
        kind: kind(of.column_type()),
    }
}
