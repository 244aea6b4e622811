//! Sources that are read over HTTP, by a connector's description instead of code of their own.
//!
//! ```text
//! description + what the operator gave -> request -> answer -> page -> records -> rows -> contacts
//!                     ^ limits, login, tokens          | where the next page is
//! ```
//! It guarantees that
//! - one request is under way at a time, within the vendor's limits, and every wait ends with the read;
//! - a read ends: pages, bytes, tries and waits are bounded, and no page is asked for twice;
//! - a credential goes to the hosts of the description alone, and is in no error and no log;
//! - changes overlap, and a cursor is never later than the start of the read that made it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tokio::runtime::{Builder, Handle};

use self::ask::Asker;
use self::description::ApiSettings;
use self::error::{ApiError, Patience};
use self::read::Reading;
use self::session::Session;
use super::error::{ReadError, SourceError};
use super::json::JsonRows;
use super::read::{Abilities, Job, ReadReport, Taker};
use super::settings::{Kind, RecordSettings};
use crate::domain::join::JoinBy;

mod answer;
mod ask;
mod changes;
pub mod cursor;
pub mod description;
pub mod error;
mod kept;
mod limits;
mod login;
pub mod paging;
mod read;
mod request;
mod session;
pub mod template;
mod walk;

/// A configured source with a connector.
pub struct ApiSource {
    settings: ApiSettings,
    /// Of its own, for tokens that rotate.
    state: PathBuf,
    /// Held by the read that is under way.
    session: Mutex<Session>,
    patience: Patience,
}

impl fmt::Debug for ApiSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.fmt(f)
    }
}

impl ApiSource {
    pub fn new(settings: ApiSettings, state: &Path) -> ApiSource {
        ApiSource {
            settings,
            state: state.to_owned(),
            session: Mutex::default(),
            patience: Patience::default(),
        }
    }

    pub fn records(&self) -> &RecordSettings {
        &self.settings.records
    }

    pub fn abilities(&self) -> Abilities {
        let object = &self.settings.connector.object;
        // Without an identity a change could not be told from a new record.
        let records = &self.settings.records;
        let has_identity = match records.kind {
            Kind::Contacts => records.identity_column().is_some(),
            Kind::Balances(by) => by != JoinBy::Number,
        };
        let changes = object.changes.as_ref().filter(|_| has_identity);
        let has_tombstones = changes.is_some_and(|changes| changes.tombstone.is_some());
        Abilities {
            changes: changes.is_some(),
            tells_deleted: changes.is_some() && (has_tombstones || object.deleted.is_some()),
            ids: object.ids.is_some() && has_identity,
            resumes: object.resumes,
            is_remote: true,
        }
    }

    /// On a thread that may wait. A second read at the same time waits for the first.
    pub fn read<E>(
        &self,
        job: &Job<'_>,
        taker: &mut dyn Taker<Error = E>,
    ) -> Result<ReadReport, ReadError<E>> {
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let settings = &self.settings;
        let reading = async {
            let asker = Asker::new(settings, &mut session, &self.state, job.halt, self.patience)?;
            let rows = JsonRows::new(&settings.columns, &settings.records, self.from());
            Reading::new(asker, rows, taker).run(job.wanted).await
        };
        match Handle::try_current() {
            Ok(runtime) => runtime.block_on(reading),
            // A command without the daemon's runtime.
            Err(_) => {
                let runtime = Builder::new_current_thread().enable_all().build();
                runtime.map_err(ApiError::Runtime)?.block_on(reading)
            }
        }
    }

    fn from(&self) -> String {
        format!(
            "{} ({})",
            self.settings.records.name, self.settings.connector.title
        )
    }
}

impl From<ApiError> for SourceError {
    fn from(error: ApiError) -> SourceError {
        SourceError::Api(Box::new(error))
    }
}

#[cfg(test)]
mod tests;
