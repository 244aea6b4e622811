//! One generation of a source's copy: looked up by number, never written.
//!
//! A page that is not as it was written is none (`sums`). A copy of an earlier version has no checksums for that, so what
//! an index leads to must also say itself what it was found by: a page that went bad names nobody else.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::caught::caught;
use super::drive::Drive;
use super::files::Kind;
use super::keys;
use super::layer::{Layer, Table};
pub use super::schema::Facts;
use super::schema::{CLEAR, DOUBTFUL, REPLICA_VERSION};
pub use super::shelf::{RollbackError, Shelf};
use crate::domain::contact::{Contact, ContactId};
use crate::domain::join::JoinBy;
use crate::domain::ladder::{Question, blocks};
use crate::domain::matching::CANDIDATES;
use crate::domain::phone::{PhoneNumber, split};

mod scan;

/// Pages kept in memory for each source; redb would take a gigabyte. The kernel's page cache does the rest.
pub(super) const REPLICA_CACHE_BYTES: usize = 4 << 20;
/// The same for the changes that lie on top.
const INCREMENT_CACHE_BYTES: usize = 1 << 20;

#[derive(Debug, thiserror::Error)]
pub enum ReplicaError {
    #[error("{path} can't be opened")]
    Open {
        path: PathBuf,
        source: Box<redb::Error>,
    },
    #[error("{path} is damaged: reading it failed")]
    Damaged { path: PathBuf },
    #[error(
        "{path} has format {found}, of {} Ringcard, and this one knows {REPLICA_VERSION}: it is left as it is, and the source is read anew",
        if *found > REPLICA_VERSION { "a newer" } else { "an older" }
    )]
    Version { path: PathBuf, found: u32 },
    #[error("{directory} can't be listed")]
    List {
        directory: PathBuf,
        source: io::Error,
    },
    #[error("a page of the copy is damaged")]
    DamagedPage,
    #[error("a lookup failed")]
    Read(#[from] Box<redb::Error>),
}

/// What a source of balances has for an id.
#[derive(Debug, PartialEq)]
pub enum Joined {
    Nothing,
    One(Box<Contact>),
    /// Several records: which is the right one can't be told.
    Doubtful,
}

/// One generation, open: a base, and what has changed since, if anything has.
pub struct Replica {
    pub generation: u64,
    pub facts: Facts,
    pub(super) base: Arc<Layer>,
    pub(super) top: Option<Top>,
}

/// Changes on top of a base. A contact that was changed keeps its place: its id is the one it has below.
pub(super) struct Top {
    pub(super) layer: Layer,
    /// Contacts of the base that are no more, or are another now, sorted: 200 KB at most.
    pub(super) hidden: Vec<u32>,
}

impl Replica {
    pub(super) fn open(
        drive: &dyn Drive,
        directory: &Path,
        generation: u64,
        kind: Kind,
    ) -> Result<Replica, ReplicaError> {
        let path = kind.path(directory, generation);
        match kind {
            Kind::Base => Replica::open_base(drive, &path, generation),
            Kind::Increment => Replica::open_increment(drive, &path, generation, |base| {
                let path = Kind::Base.path(directory, base);
                open_layer(drive, &path, REPLICA_CACHE_BYTES).map(Arc::new)
            }),
        }
    }

    pub(super) fn open_base(
        drive: &dyn Drive,
        path: &Path,
        generation: u64,
    ) -> Result<Replica, ReplicaError> {
        let base = open_layer(drive, path, REPLICA_CACHE_BYTES)?;
        Ok(Replica {
            generation,
            facts: base.facts.clone(),
            base: Arc::new(base),
            top: None,
        })
    }

    /// `below` gives the base of a number.
    pub(super) fn open_increment(
        drive: &dyn Drive,
        path: &Path,
        generation: u64,
        below: impl FnOnce(u64) -> Result<Arc<Layer>, ReplicaError>,
    ) -> Result<Replica, ReplicaError> {
        let layer = open_layer(drive, path, INCREMENT_CACHE_BYTES)?;
        let facts = layer.facts.clone();
        let damaged = ReplicaError::Damaged { path: path.into() };
        let base = below(facts.base.ok_or(damaged)?)?;
        let hidden = guarded(|| layer.hidden())?;
        let top = Some(Top { layer, hidden });
        Ok(Replica {
            generation,
            facts,
            base,
            top,
        })
    }

    /// The contacts that a question leads to, in the source's order, at most one more than `CANDIDATES`.
    pub fn ask(&self, question: Question) -> Result<Vec<(ContactId, Contact)>, ReplicaError> {
        guarded(|| match question {
            Question::Having(number) => {
                let key = keys::number(number.digits(), false);
                self.find(
                    |l| &l.numbers,
                    key..key + 1,
                    |c| c.numbers.contains(&number),
                )
            }
            Question::Ending(digits) => {
                let keys = keys::ending(digits);
                self.find(
                    |l| &l.numbers,
                    keys.clone(),
                    |contact| {
                        let numbers = contact
                            .numbers
                            .iter()
                            .map(|n| keys::number(n.digits(), false));
                        let loose = contact.loose.iter().map(|n| keys::number(n.digits(), true));
                        numbers.chain(loose).any(|key| keys.contains(&key))
                    },
                )
            }
            Question::Block(stem) => self.find(
                |l| &l.blocks,
                stem..stem + 1,
                |contact| blocks(contact).any(|block| block.stem == stem),
            ),
            Question::Within { stem, more } => self.within(stem, more),
        })
    }

    fn within(&self, stem: u64, more: u32) -> Result<Vec<(ContactId, Contact)>, redb::Error> {
        let keys = keys::beginning(stem, more);
        let with_country = |c: &Contact| {
            let mut numbers = c.numbers.iter();
            numbers.any(|n| keys.contains(&keys::forward(n.digits(), false)))
        };
        let mut found = self.find_where(
            |layer| &layer.forward,
            keys.clone(),
            |key| key % 2 == 0,
            with_country,
        )?;
        let keys = keys::beginning(split(stem).1, more);
        let without = |c: &Contact| {
            let mut numbers = c.loose.iter();
            numbers.any(|n| keys.contains(&keys::forward(n.digits(), true)))
        };
        // Those with a country whose digits begin so are of another one.
        let loose = self.find_where(|l| &l.forward, keys.clone(), |key| key % 2 == 1, without)?;
        // A doubtful number stands in both.
        let known: Vec<ContactId> = found.iter().map(|(id, _)| *id).collect();
        found.extend(loose.into_iter().filter(|(id, _)| !known.contains(id)));
        Ok(found)
    }

    /// A number of somebody in the copy, whom the dice choose; `None` if the one they chose has none.
    pub fn sample(&self, dice: u32) -> Result<Option<PhoneNumber>, ReplicaError> {
        guarded(|| {
            let end = self.end()?;
            let first = dice % end.max(1);
            for id in (first..end).chain(0..first) {
                // Who was removed has left a gap.
                if let Some(contact) = self.contact(ContactId(id))? {
                    return Ok(contact.numbers.first().copied());
                }
            }
            Ok(None)
        })
    }

    /// Whether this id of a contact is also one of a different contact, so that nothing may be joined by it.
    pub fn is_doubtful(&self, by: JoinBy, id: &str) -> Result<bool, ReplicaError> {
        guarded(|| self.is_doubtful_key(keys::id(by, id)))
    }

    pub(super) fn is_doubtful_key(&self, key: u64) -> Result<bool, redb::Error> {
        let top = self.top.as_ref().filter(|_| self.facts.join.is_none());
        // What an increment says of an id of contacts is newer.
        if let Some(Top { layer, .. }) = top {
            if layer.ids.get((key, DOUBTFUL))?.is_some() {
                return Ok(true);
            }
            if layer.ids.get((key, CLEAR))?.is_some() {
                return Ok(false);
            }
        }
        Ok(self.base.ids.get((key, DOUBTFUL))?.is_some())
    }

    /// What a source of balances has under this id.
    pub fn joined(&self, by: JoinBy, id: &str) -> Result<Joined, ReplicaError> {
        let key = keys::id(by, id);
        guarded(|| {
            if self.is_doubtful_key(key)? {
                return Ok(Joined::Doubtful);
            }
            // Ids may be different and have one key, as far as the index can tell.
            let found = self.find(|l| &l.ids, key..key + 1, |_| true)?;
            let (several, mut found) = (found.len() > 1, found.into_iter());
            if several {
                return Ok(Joined::Doubtful);
            }
            let one = found.find(|(_, contact)| by.ids_of(contact).iter().any(|own| own == id));
            Ok(one.map_or(Joined::Nothing, |(_, contact)| {
                Joined::One(Box::new(contact))
            }))
        })
    }

    /// What numbers and ids are found by, on disk, with the free space in its pages.
    pub fn index_bytes(&self) -> Result<u64, ReplicaError> {
        guarded(|| {
            let layers = self.layers().map(|(layer, _)| layer.index_bytes());
            layers.sum()
        })
    }

    /// The base with what is not to be seen of it, and what lies on top.
    pub(super) fn layers(&self) -> impl Iterator<Item = (&Layer, &[u32])> {
        let hidden = self.top.as_ref().map_or(&[][..], |top| &top.hidden);
        let top = self.top.iter().map(|top| (&top.layer, &[][..]));
        [(&*self.base, hidden)].into_iter().chain(top)
    }

    /// `leads` is what makes the index lead to a contact. In a copy without checksums behind it, this keeps a
    /// damaged page from leading to somebody else, and from hiding that a number is shared.
    fn find(
        &self,
        table: fn(&Layer) -> &Table,
        keys: Range<u64>,
        leads: impl Fn(&Contact) -> bool,
    ) -> Result<Vec<(ContactId, Contact)>, redb::Error> {
        self.find_where(table, keys, |_| true, leads)
    }

    fn find_where(
        &self,
        table: fn(&Layer) -> &Table,
        keys: Range<u64>,
        counts: impl Fn(u64) -> bool,
        leads: impl Fn(&Contact) -> bool,
    ) -> Result<Vec<(ContactId, Contact)>, redb::Error> {
        let mut found: Vec<(ContactId, Contact)> = Vec::new();
        for (layer, hidden) in self.layers() {
            for entry in table(layer).range((keys.start, 0)..(keys.end, 0))? {
                let (key, id) = entry?.0.value();
                let is_known = || found.iter().any(|(known, _)| known.0 == id);
                if !counts(key) || hidden.binary_search(&id).is_ok() || is_known() {
                    continue;
                }
                let id = ContactId(id);
                let contact = layer.contact(id)?.filter(&leads);
                let contact = contact.ok_or_else(|| misled(id))?;
                found.push((id, contact));
                if found.len() > CANDIDATES {
                    break;
                }
            }
        }
        found.truncate(CANDIDATES + 1);
        found.sort_unstable_by_key(|(id, _)| *id);
        Ok(found)
    }
}

pub(super) fn misled(id: ContactId) -> redb::Error {
    redb::Error::Corrupted(format!("contact {} lacks what led to it", id.0))
}

/// redb trusts a file that was closed well, and panics over a page that is none.
fn open_layer(drive: &dyn Drive, path: &Path, cache: usize) -> Result<Layer, ReplicaError> {
    let opened = caught(|| Layer::open(drive, path, cache));
    opened.unwrap_or_else(|| Err(ReplicaError::Damaged { path: path.into() }))
}

/// As in `open_layer`: a page that went bad since may make redb panic.
pub(super) fn guarded<T>(read: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, ReplicaError> {
    caught(read)
        .ok_or(ReplicaError::DamagedPage)?
        .map_err(|e| ReplicaError::Read(Box::new(e)))
}

#[cfg(test)]
mod tests;
