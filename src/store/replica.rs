//! One generation of a source's copy: looked up by number, never written.
//!
//! redb checks no page of a file that was closed well. So what an index leads to must say itself what it was
//! found by, and a page that went bad is found out instead of naming somebody else.

use std::io;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use redb::{Builder, ReadOnlyDatabase, ReadOnlyTable, ReadableDatabase, ReadableTableMetadata};

use super::drive::Drive;
use super::keys;
use super::schema::{
    BLOCKS, CONTACTS, DOUBTFUL, FACTS, FORWARD, Facts, IDS, NUMBERS, REPLICA_VERSION,
};
pub use super::shelf::Shelf;
use super::shelf::generation_path;
use crate::domain::contact::{Contact, ContactId};
use crate::domain::join::JoinBy;
use crate::domain::ladder::{Question, blocks};
use crate::domain::matching::CANDIDATES;
use crate::domain::phone::{PhoneNumber, split};

/// Pages kept in memory for each source; redb would take a gigabyte. The kernel's page cache does the rest.
pub(super) const REPLICA_CACHE_BYTES: usize = 4 << 20;

#[derive(Debug, thiserror::Error)]
pub enum ReplicaError {
    #[error("{path} can't be opened")]
    Open {
        path: PathBuf,
        source: Box<redb::Error>,
    },
    #[error("{path} is damaged: reading it failed")]
    Damaged { path: PathBuf },
    #[error("{path} was written by another version of Ringcard")]
    Version { path: PathBuf },
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

type Index = ReadOnlyTable<(u64, u32), ()>;

/// One generation, open.
pub struct Replica {
    pub generation: u64,
    pub facts: Facts,
    numbers: Index,
    forward: Index,
    blocks: Index,
    ids: Index,
    contacts: ReadOnlyTable<u32, &'static [u8]>,
    _database: ReadOnlyDatabase,
}

impl Replica {
    pub(super) fn open(
        drive: &dyn Drive,
        directory: &Path,
        generation: u64,
    ) -> Result<Replica, ReplicaError> {
        let path = generation_path(directory, generation);
        // redb trusts a file that was closed well and may panic on one that was altered since.
        catch_unwind(AssertUnwindSafe(|| open_file(drive, &path, generation)))
            .unwrap_or_else(|_| Err(ReplicaError::Damaged { path }))
    }

    /// The contacts that a question leads to, in the source's order, at most one more than `CANDIDATES`.
    pub fn ask(&self, question: Question) -> Result<Vec<(ContactId, Contact)>, ReplicaError> {
        guarded(|| match question {
            Question::Having(number) => {
                let key = keys::number(number.digits(), false);
                self.find(&self.numbers, key..key + 1, |c| c.numbers.contains(&number))
            }
            Question::Ending(digits) => {
                let keys = keys::ending(digits);
                self.find(&self.numbers, keys.clone(), |contact| {
                    let numbers = contact
                        .numbers
                        .iter()
                        .map(|n| keys::number(n.digits(), false));
                    let loose = contact.loose.iter().map(|n| keys::number(n.digits(), true));
                    numbers.chain(loose).any(|key| keys.contains(&key))
                })
            }
            Question::Block(stem) => self.find(&self.blocks, stem..stem + 1, |contact| {
                blocks(contact).any(|block| block.stem == stem)
            }),
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
            &self.forward,
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
        let loose = self.find_where(&self.forward, keys.clone(), |key| key % 2 == 1, without)?;
        // A doubtful number stands in both.
        let known: Vec<ContactId> = found.iter().map(|(id, _)| *id).collect();
        found.extend(loose.into_iter().filter(|(id, _)| !known.contains(id)));
        Ok(found)
    }

    /// A number of somebody in the copy, whom the dice choose; `None` if the one they chose has none.
    pub fn sample(&self, dice: u32) -> Result<Option<PhoneNumber>, ReplicaError> {
        guarded(|| {
            let id = ContactId(dice % self.facts.contacts.max(1));
            let contact = self.contacts.get(id.0)?;
            let contact = contact.map(|bytes| decode(id, bytes.value())).transpose()?;
            Ok(contact.and_then(|c| c.numbers.first().copied()))
        })
    }

    /// Whether this id of a contact is also one of a different contact, so that nothing may be joined by it.
    pub fn is_doubtful(&self, by: JoinBy, id: &str) -> Result<bool, ReplicaError> {
        guarded(|| Ok(self.ids.get((keys::id(by, id), DOUBTFUL))?.is_some()))
    }

    /// What a source of balances has under this id.
    pub fn joined(&self, by: JoinBy, id: &str) -> Result<Joined, ReplicaError> {
        if self.is_doubtful(by, id)? {
            return Ok(Joined::Doubtful);
        }
        let key = keys::id(by, id);
        guarded(|| {
            // Ids may be different and have one key, as far as the index can tell.
            let found = self.find(&self.ids, key..key + 1, |_| true)?;
            let mut found = found.into_iter().map(|(_, contact)| contact);
            let one = found.find(|contact| by.ids_of(contact).iter().any(|own| own == id));
            Ok(one.map_or(Joined::Nothing, |contact| Joined::One(Box::new(contact))))
        })
    }

    /// What numbers and ids are found by, on disk, with the free space in its pages.
    pub fn index_bytes(&self) -> Result<u64, ReplicaError> {
        guarded(|| {
            let mut bytes = 0;
            for index in [&self.numbers, &self.forward, &self.blocks, &self.ids] {
                let stats = index.stats()?;
                bytes += stats.stored_bytes() + stats.metadata_bytes() + stats.fragmented_bytes();
            }
            Ok(bytes)
        })
    }

    /// `leads` is what makes the index lead to a contact: redb checks no page once a file was closed well, so
    /// this keeps a damaged one from leading to somebody else, and from hiding that a number is shared.
    fn find(
        &self,
        index: &Index,
        keys: Range<u64>,
        leads: impl Fn(&Contact) -> bool,
    ) -> Result<Vec<(ContactId, Contact)>, redb::Error> {
        self.find_where(index, keys, |_| true, leads)
    }

    fn find_where(
        &self,
        index: &Index,
        keys: Range<u64>,
        counts: impl Fn(u64) -> bool,
        leads: impl Fn(&Contact) -> bool,
    ) -> Result<Vec<(ContactId, Contact)>, redb::Error> {
        let mut found: Vec<(ContactId, Contact)> = Vec::new();
        for entry in index.range((keys.start, 0)..(keys.end, 0))? {
            let (key, id) = entry?.0.value();
            let id = ContactId(id);
            if !counts(key) || found.iter().any(|(known, _)| *known == id) {
                continue;
            }
            let contact = self.contacts.get(id.0)?;
            let contact = contact.map(|bytes| decode(id, bytes.value())).transpose()?;
            let contact = contact.filter(&leads).ok_or_else(|| {
                redb::Error::Corrupted(format!("contact {} lacks what led to it", id.0))
            })?;
            found.push((id, contact));
            if found.len() > CANDIDATES {
                break;
            }
        }
        found.sort_unstable_by_key(|(id, _)| *id);
        Ok(found)
    }
}

/// As in `open`: a page that went bad since may make redb panic.
fn guarded<T>(read: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, ReplicaError> {
    catch_unwind(AssertUnwindSafe(read))
        .map_err(|_| ReplicaError::DamagedPage)?
        .map_err(|e| ReplicaError::Read(Box::new(e)))
}

fn open_file(drive: &dyn Drive, path: &Path, generation: u64) -> Result<Replica, ReplicaError> {
    let open = || -> Result<_, redb::Error> {
        let mut builder = Builder::new();
        builder.set_cache_size(REPLICA_CACHE_BYTES);
        let database = drive.open_read_only(path, &builder)?;
        let read = database.begin_read()?;
        let facts = read
            .open_table(FACTS)?
            .get("facts")?
            .map(|f| f.value().to_vec());
        Ok((
            facts,
            [NUMBERS, FORWARD, BLOCKS, IDS].map(|table| read.open_table(table)),
            read.open_table(CONTACTS),
            database,
        ))
    };
    let (facts, indexes, contacts, database) = open().map_err(|e| ReplicaError::Open {
        path: path.into(),
        source: Box::new(e),
    })?;
    let facts: Facts = facts
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .ok_or_else(|| ReplicaError::Damaged { path: path.into() })?;
    if facts.version != REPLICA_VERSION {
        return Err(ReplicaError::Version { path: path.into() });
    }
    let broken = |e: redb::TableError| ReplicaError::Open {
        path: path.into(),
        source: Box::new(e.into()),
    };
    let [numbers, forward, blocks, ids] = indexes;
    Ok(Replica {
        generation,
        facts,
        numbers: numbers.map_err(broken)?,
        forward: forward.map_err(broken)?,
        blocks: blocks.map_err(broken)?,
        ids: ids.map_err(broken)?,
        contacts: contacts.map_err(broken)?,
        _database: database,
    })
}

fn decode(id: ContactId, bytes: &[u8]) -> Result<Contact, redb::Error> {
    postcard::from_bytes(bytes)
        .map_err(|_| redb::Error::Corrupted(format!("contact {} can't be decoded", id.0)))
}

#[cfg(test)]
mod tests;
