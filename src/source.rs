//! How contacts reach us: one closed `enum` of connectors, each reading one kind of source.
//!
//! A connector turns what it reads into rows (`rows.rs`), which all become contacts in the same way. Everything
//! blocks: the sync runs it on a thread of its own.
//!
//! Architecture Invariant: a connector hands out contacts one at a time and keeps nothing of them, so a
//! source of any size is read in the same small memory. It decides nothing about publishing: contacts
//! handed out before an error belong to a load that must be thrown away.

use std::time::SystemTime;

use tokio_util::sync::CancellationToken;

use self::digest::Digest;
use self::error::{ReadError, SourceError};
use self::file::Picked;
use self::held::Held;
use self::read::{Abilities, Job, ReadReport, Taker};
use self::settings::RecordSettings;

pub mod api;
pub mod archive;
mod array;
mod cell;
mod csv;
mod decode;
pub mod digest;
pub mod download;
pub mod error;
pub mod export;
pub mod file;
mod guard;
mod header;
mod held;
mod http;
pub mod json;
mod metered;
mod ndjson;
mod owned;
mod pass;
pub mod read;
pub mod reject;
mod row;
pub mod rows;
pub mod settings;
pub mod sql;
pub mod vcard;
pub mod xlsx;

/// One configured source, ready to be read. Holds no open file or connection between loads.
#[derive(Debug)]
pub enum Source {
    File(export::FileSource),
    Api(api::ApiSource),
    Sql(sql::SqlSource),
}

impl Source {
    /// What its records are and mean.
    pub fn records(&self) -> &RecordSettings {
        match self {
            Source::File(source) => source.records(),
            Source::Api(source) => source.records(),
            Source::Sql(source) => source.records(),
        }
    }

    /// The operator's name for it.
    pub fn name(&self) -> &str {
        &self.records().name
    }

    pub fn abilities(&self) -> Abilities {
        match self {
            Source::File(source) => Abilities {
                is_remote: source.is_remote(),
                ..Abilities::default()
            },
            Source::Api(source) => source.abilities(),
            Source::Sql(source) => source.abilities(),
        }
    }

    /// True where files are dropped, and a new one should be noticed between syncs.
    pub fn is_folder(&self) -> bool {
        match self {
            Source::File(source) => source.is_folder(),
            Source::Api(_) => false,
            Source::Sql(_) => false,
        }
    }

    /// Finds the file that a load would read now; `None` of a source that is no file.
    /// One that a server gives out is fetched first, which `halt` ends.
    pub fn pick(
        &self,
        now: SystemTime,
        halt: &CancellationToken,
    ) -> Result<Option<Picked>, SourceError> {
        match self {
            Source::File(source) => source.pick(now, halt).map(Some),
            Source::Api(_) | Source::Sql(_) => Ok(None),
        }
    }

    /// Finds what the last load read and put away, for a replica that was lost since.
    pub fn pick_archived(&self) -> Result<Option<Picked>, SourceError> {
        match self {
            Source::File(source) => source.pick_archived().map(Some),
            Source::Api(_) | Source::Sql(_) => Ok(None),
        }
    }

    /// Equal digests give equal contacts, so the load can be spared.
    pub fn digest(&self, picked: &Picked) -> Result<Digest, SourceError> {
        match self {
            Source::File(source) => source.digest(picked),
            Source::Api(_) | Source::Sql(_) => Err(SourceError::NothingPicked),
        }
    }

    /// Hands out what the job wants; only after `Ok` may it be published. `picked` is what `pick` gave.
    pub fn read<E>(
        &self,
        picked: Option<&Picked>,
        job: &Job<'_>,
        taker: &mut dyn Taker<Error = E>,
    ) -> Result<ReadReport, ReadError<E>> {
        let mut held = Held::new(taker);
        let read = match (self, picked) {
            (Source::File(source), Some(picked)) => source.read(picked, job, &mut held),
            (Source::File(_), None) => Err(SourceError::NothingPicked.into()),
            (Source::Api(source), _) => source.read(job, &mut held),
            (Source::Sql(source), _) => source.read(job, &mut held),
        };
        held.told(read)
    }

    /// Puts away what was loaded, or found to be loaded already.
    pub fn settle(&self, picked: Option<&Picked>) -> Result<(), SourceError> {
        match (self, picked) {
            (Source::File(source), Some(picked)) => source.settle(picked),
            (Source::Api(_) | Source::Sql(_), _) | (_, None) => Ok(()),
        }
    }
}
