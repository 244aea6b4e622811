//! Why a sync did not publish, in the operator's words, and what is to be made of it.

use crate::source::error::{ReadError, SourceError, Verdict};
use crate::store::load::LoadError;
use crate::store::replica::ReplicaError;

#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error("{doubts}, so the copy was kept; if that is right: ringcard sync --accept {name}")]
    Held { name: String, doubts: String },
    #[error("a person went back to the copy before: it is kept until `ringcard sync {name}`")]
    RolledBack { name: String },
    #[error("the source has records of whose changes nothing was heard: everything must be read")]
    Missed,
    #[error("the copy is gone that the changes belong to: everything must be read")]
    Gone,
    #[error("the copy can't be compared")]
    Replica(#[from] ReplicaError),
    #[error("none of its rows can be used ({rows} read), so the copy was kept: {first}")]
    NothingUsable { rows: u64, first: String },
    #[error("reading it failed in a way that should not happen")]
    Panicked,
}

impl SyncError {
    /// Whether the published copy is as good as it was meant to be.
    pub fn is_nothing_new(&self) -> bool {
        matches!(self, SyncError::Source(e) if e.verdict() == Verdict::NothingNew)
    }

    /// Whether the source does not know us, which only a person can mend.
    pub fn is_refused(&self) -> bool {
        matches!(self, SyncError::Source(e) if e.refused_credential().is_some())
    }

    pub fn verdict(&self) -> Verdict {
        match self {
            SyncError::Source(e) => e.verdict(),
            SyncError::Load(_) | SyncError::Missed | SyncError::Gone | SyncError::Replica(_) => {
                Verdict::TryLater
            }
            SyncError::Held { .. }
            | SyncError::RolledBack { .. }
            | SyncError::NothingUsable { .. }
            | SyncError::Panicked => Verdict::NeedsPerson,
        }
    }

    /// Changes will not do, and reading everything will.
    pub(super) fn wants_everything(&self) -> bool {
        match self {
            SyncError::Source(e) => matches!(e, SourceError::CursorExpired),
            SyncError::Load(e) => e.wants_everything(),
            SyncError::Missed | SyncError::Gone | SyncError::Replica(_) => true,
            SyncError::Held { .. }
            | SyncError::RolledBack { .. }
            | SyncError::NothingUsable { .. }
            | SyncError::Panicked => false,
        }
    }

    pub(super) fn from_read(error: ReadError<LoadError>) -> SyncError {
        match error {
            ReadError::Source(e) => SyncError::Source(e),
            ReadError::Row(e) => SyncError::Load(e),
        }
    }
}
