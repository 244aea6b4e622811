//! The SQL connectors: a query of the operator's to PostgreSQL, MariaDB or MySQL, or SQL Server.
//!
//! ```text
//! connection -> transaction that only reads -> query -> rows as they come -> text -> row -> contact
//! ```
//! It guarantees that
//! - memory is bounded whatever the query gives: one row of `connect::ROW_BYTES`, and what is under way;
//! - nothing is written: the transaction is read-only, or, of SQL Server, always rolled back;
//! - a server that is silent, gone or endless ends the read, and so does the daemon's stop;
//! - nothing of a row is in an error.
//!
//! The clients are async and the sync is not: it waits here, on a thread that may. What a client wants driven
//! beside the query is driven in the same wait, so nothing goes on after it.

use std::future::Future;
use std::pin::pin;

use jiff::{Timestamp, Zoned};
use tokio::runtime::Handle;

use self::connect::Watch;
use self::session::Given;
use self::settings::{Engine, SqlSettings};
use super::error::ReadError;
use super::read::{Abilities, Job, Progress, ReadReport, Taker, Wanted};
use super::settings::RecordSettings;

mod connect;
mod cursor;
pub mod error;
mod mysql;
mod notice;
mod postgres;
mod query;
mod session;
pub mod settings;
mod sqlserver;
mod take;
mod tls;

/// A configured database.
#[derive(Debug)]
pub struct SqlSource {
    settings: SqlSettings,
}

impl SqlSource {
    pub fn new(settings: SqlSettings) -> SqlSource {
        SqlSource { settings }
    }

    pub fn records(&self) -> &RecordSettings {
        &self.settings.records
    }

    pub fn abilities(&self) -> Abilities {
        let queries = &self.settings.queries;
        let is_identified = self.settings.records.identity_column().is_some();
        let changes = queries.cursor.is_some() && is_identified;
        let wraps = self.settings.server.engine.can_wrap(&queries.query);
        Abilities {
            changes,
            tells_deleted: changes && queries.deleted.is_some(),
            ids: is_identified && (queries.ids.is_some() || wraps),
            resumes: false,
            is_remote: true,
        }
    }

    /// Must be called on a thread that may wait, of a tokio runtime.
    pub fn read<E>(
        &self,
        job: &Job<'_>,
        taker: &mut dyn Taker<Error = E>,
    ) -> Result<ReadReport, ReadError<E>> {
        let as_of = Timestamp::now();
        let given = Handle::current().block_on(self.ask(job, taker))?;
        taker.progress(Progress {
            rows: given.rows,
            ..Progress::default()
        });
        let cursor = match job.wanted {
            Wanted::Everything { .. } | Wanted::Changes { .. } => given.cursor,
            Wanted::Ids | Wanted::Few(_) => None,
        };
        let notices = notice::of(
            given.until,
            Zoned::now().date(),
            &self.settings.records.name,
        );
        Ok(ReadReport {
            rows_read: given.rows,
            contacts: given.contacts,
            rejects: given.rejects,
            digest: None,
            as_of,
            cursor: cursor.map(cursor::Mark::cursor),
            notices,
        })
    }

    async fn ask<E>(
        &self,
        job: &Job<'_>,
        taker: &mut dyn Taker<Error = E>,
    ) -> Result<Given, ReadError<E>> {
        let server = &self.settings.server;
        let shown = server.shown();
        let watch = Watch {
            halt: job.halt,
            within: self.settings.timeout,
            server: &shown,
        };
        match server.engine {
            Engine::Postgres => {
                let (mut session, connection) = postgres::open(server, watch).await?;
                let work = session::read(&mut session, &self.settings, job, taker);
                beside(connection, work).await
            }
            Engine::MySql => {
                let mut session = mysql::open(server, watch).await?;
                let given = session::read(&mut session, &self.settings, job, taker).await;
                session.leave().await;
                given
            }
            Engine::SqlServer => {
                let mut session = sqlserver::open(server, watch).await?;
                session::read(&mut session, &self.settings, job, taker).await
            }
        }
    }
}

/// Drives a connection as long as the work that uses it lasts.
async fn beside<T>(connection: impl Future<Output = ()>, work: impl Future<Output = T>) -> T {
    let (connection, mut work) = (pin!(connection), pin!(work));
    tokio::select! {
        done = &mut work => done,
        () = connection => work.await,
    }
}
