//! The files of a shelf by their names: `000007.redb` is a whole generation, `000008.increment` one that is
//! another with changes on top.
//!
//! Names with other endings are of nobody's generation: what is being written, and what was rolled back.

use std::io;
use std::path::{Path, PathBuf};

use super::drive::Drive;
use super::schema::Facts;

/// The ending of a whole generation that is being written.
pub(super) const PARTIAL: &str = "partial";
/// The ending of what is written of changes: what lies on top of a base, or a new base.
pub(super) const INCREMENT_PARTIAL: &str = "increment-partial";
/// The ending of a generation that a person has rolled back. That there is one is what a restart knows it by.
pub(super) const ROLLED_BACK: &str = "rolled-back";

/// What is in the file of a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// All contacts.
    Base,
    /// What is different from the base that its facts name.
    Increment,
}

impl Kind {
    pub(super) fn of(facts: &Facts) -> Kind {
        match facts.base {
            Some(_) => Kind::Increment,
            None => Kind::Base,
        }
    }

    fn ending(self) -> &'static str {
        match self {
            Kind::Base => "redb",
            Kind::Increment => "increment",
        }
    }

    pub(super) fn path(self, directory: &Path, generation: u64) -> PathBuf {
        named(directory, generation, self.ending())
    }

    /// Where it is written before it has a name.
    pub(super) fn draft(self, directory: &Path, generation: u64) -> PathBuf {
        match self {
            Kind::Base => named(directory, generation, PARTIAL),
            Kind::Increment => named(directory, generation, INCREMENT_PARTIAL),
        }
    }
}

pub(super) fn named(directory: &Path, generation: u64, ending: &str) -> PathBuf {
    directory.join(format!("{generation:06}.{ending}"))
}

/// Complete generations, oldest first.
pub(super) fn generations(drive: &dyn Drive, directory: &Path) -> io::Result<Vec<(u64, Kind)>> {
    let names = drive.list(directory)?;
    let mut found = Vec::new();
    for kind in [Kind::Base, Kind::Increment] {
        let numbers = names.iter().filter_map(|n| number(n, kind.ending()));
        found.extend(numbers.map(|n| (n, kind)));
    }
    found.sort_unstable();
    Ok(found)
}

/// The files with another ending, by their numbers, oldest first.
pub(super) fn ending(drive: &dyn Drive, directory: &Path, ending: &str) -> io::Result<Vec<u64>> {
    let names = drive.list(directory)?;
    let mut found: Vec<u64> = names.iter().filter_map(|n| number(n, ending)).collect();
    found.sort_unstable();
    Ok(found)
}

fn number(name: &str, ending: &str) -> Option<u64> {
    name.strip_suffix(ending)?.strip_suffix('.')?.parse().ok()
}
