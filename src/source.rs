//! How contacts reach us: one closed `enum` of connectors, each reading one kind of source.
//!
//! The first connector reads CSV files, which every CRM and ERP can export; a further one is a variant
//! here and a module below. Everything blocks: the sync runs it on a thread of its own.
//!
//! Architecture Invariant: a connector hands out contacts one at a time and keeps nothing of them, so a
//! source of any size is read in the same small memory. It decides nothing about publishing: contacts
//! handed out before an error belong to a load that must be thrown away.

use std::time::SystemTime;

use self::csv::{Progress, ReadReport};
use self::digest::Digest;
use self::error::{ReadError, SourceError};
use self::file::Picked;
use self::settings::Kind;
use crate::domain::contact::Contact;

pub mod archive;
mod cell;
pub mod csv;
mod decode;
pub mod digest;
pub mod error;
pub mod file;
mod guard;
mod header;
pub mod reject;
mod row;
pub mod settings;

/// One configured source, ready to be read. Holds no open file between loads.
#[derive(Debug)]
pub enum Source {
    Csv(csv::CsvSource),
}

impl Source {
    /// The operator's name for it.
    pub fn name(&self) -> &str {
        match self {
            Source::Csv(source) => source.name(),
        }
    }

    /// Whether its records are contacts, or what is known of those of other sources.
    pub fn kind(&self) -> Kind {
        match self {
            Source::Csv(source) => source.kind(),
        }
    }

    /// True where files are dropped, and a new one should be noticed between syncs.
    pub fn is_folder(&self) -> bool {
        match self {
            Source::Csv(source) => source.is_folder(),
        }
    }

    /// Finds what a load would read now.
    pub fn pick(&self, now: SystemTime) -> Result<Picked, SourceError> {
        match self {
            Source::Csv(source) => source.pick(now),
        }
    }

    /// Finds what the last load read and put away, for a replica that was lost since.
    pub fn pick_archived(&self) -> Result<Picked, SourceError> {
        match self {
            Source::Csv(source) => source.pick_archived(),
        }
    }

    /// Equal digests give equal contacts, so the load can be spared.
    pub fn digest(&self, picked: &Picked) -> Result<Digest, SourceError> {
        match self {
            Source::Csv(source) => source.digest(picked),
        }
    }

    /// Hands every usable contact to `row`; only after `Ok` may they be published.
    pub fn read<E>(
        &self,
        picked: &Picked,
        progress: &mut dyn FnMut(Progress),
        row: &mut dyn FnMut(Contact) -> Result<(), E>,
    ) -> Result<ReadReport, ReadError<E>> {
        match self {
            Source::Csv(source) => source.read(picked, progress, row),
        }
    }

    /// Puts away what was loaded, or found to be loaded already.
    pub fn settle(&self, picked: &Picked) -> Result<(), SourceError> {
        match self {
            Source::Csv(source) => source.settle(picked),
        }
    }
}
