//! What is asked of any database, one query after the other, within one transaction that only reads.
//!
//! The guard comes first, so that its answer is known even if the read fails; then the records, or what changed
//! of them, or their keys alone.

use jiff::civil::Date;

use super::cursor::{Mark, Now};
use super::error::SqlError;
use super::query::{self, Asked};
use super::settings::{Engine, SqlSettings};
use super::take::{Contacts, Identities, Next, One, Sink};
use crate::source::error::{ReadError, SourceError};
use crate::source::header::places;
use crate::source::read::{Cursor, Job, Taker, Wanted};
use crate::source::reject::Rejects;
use crate::source::rows::Rows;

/// A connection that we were let into.
pub(super) trait Session {
    /// Begins the transaction, and gives the server's time.
    async fn begin(&mut self) -> Result<Now, SourceError>;

    /// The columns that the query will give, in their exact letters; `None` if the server doesn't tell.
    async fn names(&mut self, asked: &Asked) -> Result<Option<Vec<String>>, SourceError>;

    /// Hands over the rows one at a time.
    async fn rows(&mut self, asked: &Asked, sink: &mut dyn Sink) -> Result<(), SourceError>;
}

/// What a read gave.
#[derive(Default)]
pub(super) struct Given {
    pub(super) rows: u64,
    pub(super) contacts: u64,
    pub(super) rejects: Rejects,
    pub(super) cursor: Option<Mark>,
    /// The last day of the period, by the guard.
    pub(super) until: Option<Date>,
}

impl Given {
    fn of(rows: Rows<'_>) -> Given {
        Given {
            rows: rows.rows,
            contacts: rows.contacts,
            rejects: rows.rejects,
            ..Given::default()
        }
    }
}

pub(super) async fn read<S: Session, E>(
    session: &mut S,
    settings: &SqlSettings,
    job: &Job<'_>,
    taker: &mut dyn Taker<Error = E>,
) -> Result<Given, ReadError<E>> {
    let now = session.begin().await?;
    let ask = Ask {
        settings,
        engine: settings.server.engine,
    };
    if let Wanted::Ids = job.wanted {
        return ask.ids(session, taker).await;
    }
    let until = ask.guard(session).await?;
    let (since, few) = match job.wanted {
        Wanted::Changes { since } => (Some(mark(since)?), None),
        Wanted::Few(few) => (None, Some(few)),
        _ => (None, None),
    };
    let from = since.map(|since| since.before(settings.queries.overlap));
    let asked = match from {
        Some(from) => ask.changes(session, from).await?,
        None => ask.asked("query", &settings.queries.query, None),
    };
    // Before the changes: one that was deleted and is there again is among these, and stays.
    if let (Some(from), Some(deleted)) = (from, &settings.queries.deleted) {
        let asked = ask.asked("deleted-query", deleted, Some(from));
        let mut gone = |identity: &str| taker.gone(identity);
        identities(session, settings, &asked, &mut gone).await?;
    }
    let mut contacts = Contacts::new(settings, asked.name, few, since.is_some(), taker);
    let read = session.rows(&asked, &mut contacts).await;
    if let Some(failed) = contacts.failed {
        return Err(failed);
    }
    read?;
    // Never backwards: what was known once is known.
    let cursor = match contacts.greatest {
        Some(greatest) => Some(greatest.not_after(now).or_later(since)),
        None => since,
    };
    let rows = contacts.rows;
    Ok(Given {
        cursor,
        until,
        ..rows.map_or_else(Given::default, Given::of)
    })
}

fn mark(cursor: &Cursor) -> Result<Mark, SourceError> {
    Mark::of(cursor).ok_or(SourceError::CursorExpired)
}

struct Ask<'a> {
    settings: &'a SqlSettings,
    engine: Engine,
}

impl Ask<'_> {
    fn asked(&self, name: &'static str, text: &str, cursor: Option<Mark>) -> Asked {
        Asked::new(name, text, self.engine, cursor)
    }

    async fn changes<S: Session>(&self, session: &mut S, from: Mark) -> Result<Asked, SourceError> {
        let queries = &self.settings.queries;
        if let Some(own) = &queries.changes {
            return Ok(self.asked("changes-query", own, Some(from)));
        }
        let column = queries.cursor.as_deref().unwrap_or_default();
        let column = self.exact(session, column).await?;
        let text = query::changes(&queries.query, &column, self.engine);
        Ok(self.asked("query", &text, Some(from)))
    }

    /// The column in the letters that the server knows it by.
    async fn exact<S: Session>(
        &self,
        session: &mut S,
        column: &str,
    ) -> Result<String, SourceError> {
        let asked = self.asked("query", &self.settings.queries.query, None);
        let Some(names) = session.names(&asked).await? else {
            return Ok(column.to_owned());
        };
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        match places(&names, column)[..] {
            [place] => Ok(names[place].to_owned()),
            _ => Err(SqlError::MissingColumns {
                query: "query",
                missing: format!("{column:?}"),
                columns: names.join(", "),
            }
            .into()),
        }
    }

    async fn ids<S: Session, E>(
        &self,
        session: &mut S,
        taker: &mut dyn Taker<Error = E>,
    ) -> Result<Given, ReadError<E>> {
        let queries = &self.settings.queries;
        let asked = match (&queries.ids, self.settings.records.identity_column()) {
            (Some(own), _) => self.asked("ids-query", own, None),
            (None, column) => {
                let column = self.exact(session, column.unwrap_or_default()).await?;
                let text = query::only(&queries.query, &column, self.engine);
                self.asked("query", &text, None)
            }
        };
        let mut id = |identity: &str| taker.id(identity);
        let rows = identities(session, self.settings, &asked, &mut id).await?;
        Ok(Given {
            rows,
            ..Given::default()
        })
    }

    async fn guard<S: Session>(&self, session: &mut S) -> Result<Option<Date>, SourceError> {
        let queries = &self.settings.queries;
        let Some(guard) = &queries.guard else {
            return Ok(queries.valid_until);
        };
        let mut one = One::default();
        let asked = self.asked("guard-query", guard, None);
        session.rows(&asked, &mut one).await?;
        let wrong = |what| SqlError::Guard { what };
        let value = one
            .value
            .ok_or_else(|| wrong("it gave none; is the period that it asks for there?"))?;
        let day = value.get(..10).and_then(|day| day.parse().ok());
        let day: Date = day.ok_or_else(|| wrong("its first value is no date"))?;
        Ok(Some(
            queries.valid_until.map_or(day, |until| until.min(day)),
        ))
    }
}

async fn identities<S: Session, E>(
    session: &mut S,
    settings: &SqlSettings,
    asked: &Asked,
    take: &mut dyn FnMut(&str) -> Result<(), E>,
) -> Result<u64, ReadError<E>> {
    let mut ids = Identities::new(settings, asked.name, take);
    let read = session.rows(asked, &mut ids).await;
    match ids.failed {
        Some(failed) => Err(failed),
        None => {
            read?;
            Ok(ids.rows)
        }
    }
}

/// Whether a result goes on after this row.
pub(super) fn goes_on(next: Next) -> bool {
    next == Next::More
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use ::csv::StringRecord;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::domain::contact::Contact;
    use crate::source::csv::tests::records;
    use crate::source::read::Cursor;
    use crate::source::sql::settings::{Password, Place, Queries, Server};
    use crate::source::sql::take::{Column, Kind};

    /// A database with one record, which was deleted and put back.
    struct Restored;

    impl Session for Restored {
        async fn begin(&mut self) -> Result<Now, SourceError> {
            Ok(Now {
                local: "2026-09-01T12:00:00".parse().unwrap(),
                instant: "2026-09-01T09:00:00Z".parse().unwrap(),
            })
        }

        async fn names(&mut self, _: &Asked) -> Result<Option<Vec<String>>, SourceError> {
            Ok(None)
        }

        async fn rows(&mut self, asked: &Asked, sink: &mut dyn Sink) -> Result<(), SourceError> {
            let row = match asked.name {
                "deleted-query" => StringRecord::from(vec!["7"]),
                _ => StringRecord::from(vec!["7", "Ayşe", "+905325550101", "10", "4711"]),
            };
            let names = ["Id", "Name", "Phone", "Balance", "Version"].iter();
            let columns: Vec<Column> = names
                .take(row.len())
                .map(|name| Column {
                    name: (*name).to_owned(),
                    kind: match *name {
                        "Version" => Kind::Whole,
                        _ => Kind::Text,
                    },
                })
                .collect();
            sink.columns(&columns)?;
            sink.row(&row);
            Ok(())
        }
    }

    #[derive(Default)]
    struct Told(Vec<&'static str>);

    impl Taker for Told {
        type Error = Infallible;

        fn contact(&mut self, _: Contact) -> Result<(), Infallible> {
            self.0.push("there");
            Ok(())
        }

        fn gone(&mut self, _: &str) -> Result<(), Infallible> {
            self.0.push("gone");
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_record_that_was_deleted_and_is_there_again_stays() {
        let settings = SqlSettings {
            records: records(),
            server: Server {
                engine: Engine::Postgres,
                place: Place::Socket {
                    path: "/nowhere".into(),
                    port: 5432,
                },
                database: "erp".into(),
                user: "reader".into(),
                password: Password::new(""),
            },
            queries: Queries {
                query: "SELECT * FROM customers".into(),
                cursor: Some("Version".into()),
                deleted: Some("SELECT id FROM gone WHERE version >= {{cursor}}".into()),
                ..Queries::default()
            },
            timeout: std::time::Duration::from_secs(1),
        };
        let (halt, since) = (CancellationToken::new(), Cursor("4000".into()));
        let job = Job {
            wanted: Wanted::Changes { since: &since },
            halt: &halt,
        };
        let mut told = Told::default();
        let given = read(&mut Restored, &settings, &job, &mut told).await;
        assert!(given.is_ok());
        assert_eq!(told.0, ["gone", "there"]);
    }
}
