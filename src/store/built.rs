//! A generation that is whole and on the disk, and not published: it can be asked, compared, and thrown away.
//!
//! Guards look at what it would answer before anybody else does. It has no name until `publish`, so a power
//! cut leaves the generation before it; dropped, it leaves nothing.

use std::io;
use std::path::PathBuf;

use jiff::Timestamp;

use super::draft::Draft;
use super::files::Kind;
use super::index::NUMBERS_PER_SOURCE;
use super::load::CONTACTS_PER_SOURCE;
use super::replica::{Replica, ReplicaError, Shelf};
use super::schema::Facts;
use crate::domain::renewal::History;

#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("the next generation can't be written to {path}")]
    Write {
        path: PathBuf,
        source: Box<redb::Error>,
    },
    #[error("{path} can't be put in place")]
    Place { path: PathBuf, source: io::Error },
    #[error(
        "the source has more than {CONTACTS_PER_SOURCE} contacts or {NUMBERS_PER_SOURCE} numbers"
    )]
    TooMany,
    #[error("the finished generation does not open")]
    Open(#[from] ReplicaError),
    #[error("a contact can't be encoded")]
    Encode(#[from] postcard::Error),
    #[error("the copy does not know its records by their ids: everything must be read")]
    NotKeyed,
    #[error("the copy is suspected to be damaged: everything must be read")]
    Suspect,
    #[error("more has changed than can be put on top of the copy: everything must be read")]
    TooManyChanges,
    #[error("changes came of several records with one id: everything must be read")]
    Ambiguous,
    #[error("the copy that the changes belong to can't be read")]
    Base(#[source] ReplicaError),
}

impl LoadError {
    /// Changes can't be had on top of what there is, and reading everything will do.
    pub fn wants_everything(&self) -> bool {
        match self {
            LoadError::NotKeyed
            | LoadError::Suspect
            | LoadError::TooManyChanges
            | LoadError::Ambiguous
            | LoadError::Base(_) => true,
            LoadError::Write { .. }
            | LoadError::Place { .. }
            | LoadError::TooMany
            | LoadError::Open(_)
            | LoadError::Encode(_) => false,
        }
    }
}

/// What a read says of what it gave.
#[derive(Clone, PartialEq, Eq)]
pub struct Made {
    pub as_of: Timestamp,
    /// Of the source's content and the mapping: the same digest gives the same generation.
    pub digest: String,
    /// From when on the next changes are to be asked for.
    pub cursor: Option<String>,
    /// Of the syncs that led to it.
    pub history: History,
}

/// See the head of the file.
pub struct Built {
    draft: Draft,
    replica: Replica,
}

impl Built {
    pub(super) fn new(draft: Draft, replica: Replica) -> Built {
        Built { draft, replica }
    }

    pub fn facts(&self) -> &Facts {
        &self.replica.facts
    }

    /// What it would answer.
    pub fn replica(&self) -> &Replica {
        &self.replica
    }

    /// Gives it its name and makes it what everybody sees. What was rolled back before is done with.
    pub fn publish(mut self, shelf: &Shelf) -> Result<Facts, LoadError> {
        let kind = Kind::of(&self.replica.facts);
        // The base may have turned out bad while it was added to.
        if kind == Kind::Increment && shelf.is_suspect() {
            return Err(LoadError::Suspect);
        }
        let place = |path: PathBuf| move |source| LoadError::Place { path, source };
        let next = shelf.next_generation();
        self.replica.generation = next.map_err(place(shelf.directory().into()))?;
        let path = kind.path(shelf.directory(), self.replica.generation);
        self.draft.place(&path).map_err(place(path.clone()))?;
        let facts = self.replica.facts.clone();
        shelf.publish(self.replica).map_err(place(path))?;
        Ok(facts)
    }
}
