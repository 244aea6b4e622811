//! The published copy of one source: looked up by number, never written.
//!
//! A generation is a file of its own. Publishing swaps one pointer, so a reader sees the old generation or
//! the new one, whole, and never waits. The previous generation stays on disk; it is used when the newest
//! does not open, which a power cut or a dying SD card can cause.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwapOption;
use redb::{Builder, ReadOnlyDatabase, ReadOnlyTable, ReadableDatabase};

use super::schema::{CONTACTS, FACTS, Facts, NUMBERS, REPLICA_VERSION};
use crate::domain::contact::{Contact, ContactId};
use crate::domain::matching::CANDIDATES;
use crate::domain::phone::PhoneNumber;

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

/// One generation, open.
pub struct Replica {
    pub generation: u64,
    pub facts: Facts,
    numbers: ReadOnlyTable<(u64, u32), ()>,
    contacts: ReadOnlyTable<u32, &'static [u8]>,
    _database: ReadOnlyDatabase,
}

impl Replica {
    pub(super) fn open(directory: &Path, generation: u64) -> Result<Replica, ReplicaError> {
        let path = generation_path(directory, generation);
        // redb trusts a file that was closed well and may panic on one that was altered since.
        catch_unwind(AssertUnwindSafe(|| open_file(&path, generation)))
            .unwrap_or_else(|_| Err(ReplicaError::Damaged { path }))
    }

    /// The contacts that have this number, in the source's order, at most one more than `CANDIDATES`.
    pub fn lookup(&self, number: PhoneNumber) -> Result<Vec<Contact>, ReplicaError> {
        // As in `open`: a page that went bad since may make redb panic.
        catch_unwind(AssertUnwindSafe(|| self.find(number)))
            .map_err(|_| ReplicaError::DamagedPage)?
            .map_err(|e| ReplicaError::Read(Box::new(e)))
    }

    fn find(&self, number: PhoneNumber) -> Result<Vec<Contact>, redb::Error> {
        let key = number.digits();
        let mut contacts = Vec::new();
        for entry in self
            .numbers
            .range((key, 0)..=(key, u32::MAX))?
            .take(CANDIDATES + 1)
        {
            let (_, id) = entry?.0.value();
            let id = ContactId(id);
            let contact = self.contacts.get(id.0)?;
            let contact = contact.map(|bytes| decode(id, bytes.value())).transpose()?;
            // redb checks no page once a file was closed well; this keeps a damaged one from leading to
            // somebody else, and from hiding that a number is shared.
            let contact = contact.filter(|c| c.numbers.contains(&number));
            contacts.push(contact.ok_or_else(|| {
                redb::Error::Corrupted(format!("contact {} lacks the number that led to it", id.0))
            })?);
        }
        Ok(contacts)
    }
}

fn open_file(path: &Path, generation: u64) -> Result<Replica, ReplicaError> {
    let open = || -> Result<_, redb::Error> {
        let database = Builder::new()
            .set_cache_size(REPLICA_CACHE_BYTES)
            .open_read_only(path)?;
        let read = database.begin_read()?;
        let facts = read
            .open_table(FACTS)?
            .get("facts")?
            .map(|f| f.value().to_vec());
        Ok((
            facts,
            read.open_table(NUMBERS)?,
            read.open_table(CONTACTS)?,
            database,
        ))
    };
    let (facts, numbers, contacts, database) = open().map_err(|e| ReplicaError::Open {
        path: path.into(),
        source: Box::new(e),
    })?;
    let facts: Facts = facts
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .ok_or_else(|| ReplicaError::Damaged { path: path.into() })?;
    if facts.version != REPLICA_VERSION {
        return Err(ReplicaError::Version { path: path.into() });
    }
    Ok(Replica {
        generation,
        facts,
        numbers,
        contacts,
        _database: database,
    })
}

fn decode(id: ContactId, bytes: &[u8]) -> Result<Contact, redb::Error> {
    postcard::from_bytes(bytes)
        .map_err(|_| redb::Error::Corrupted(format!("contact {} can't be decoded", id.0)))
}

/// The place of one source's generations, and the one that is published.
pub struct Shelf {
    directory: PathBuf,
    published: ArcSwapOption<Replica>,
    /// Reading it has failed: it must be built anew even from unchanged content.
    suspect: AtomicBool,
    loading: Mutex<()>,
}

impl Shelf {
    /// Opens the newest generation that can be opened; also says which could not, and why.
    pub fn open(directory: PathBuf) -> Result<(Shelf, Vec<ReplicaError>), ReplicaError> {
        let list = |source| ReplicaError::List {
            directory: directory.clone(),
            source,
        };
        std::fs::create_dir_all(&directory).map_err(list)?;
        let mut failures = Vec::new();
        let mut published = None;
        for generation in generations(&directory).map_err(list)?.into_iter().rev() {
            match Replica::open(&directory, generation) {
                Ok(replica) => {
                    published = Some(Arc::new(replica));
                    break;
                }
                Err(e) => failures.push(e),
            }
        }
        let published = ArcSwapOption::new(published);
        let (suspect, loading) = Default::default();
        Ok((
            Shelf {
                directory,
                published,
                suspect,
                loading,
            },
            failures,
        ))
    }

    /// What is published now; nothing before the first sync.
    pub fn current(&self) -> Option<Arc<Replica>> {
        self.published.load_full()
    }

    /// The right to build the next generation; waits for whoever has it.
    pub fn turn(&self) -> MutexGuard<'_, ()> {
        self.loading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn suspect(&self) {
        self.suspect.store(true, Ordering::Relaxed);
    }

    pub fn is_suspect(&self) -> bool {
        self.suspect.load(Ordering::Relaxed)
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Makes `replica` what everybody sees from now on, and removes what is older than the one before it.
    pub(super) fn publish(&self, replica: Replica) -> io::Result<()> {
        let previous = self.published.swap(Some(Arc::new(replica)));
        self.suspect.store(false, Ordering::Relaxed);
        let (Some(current), Some(previous)) = (self.current(), previous) else {
            return Ok(());
        };
        for generation in generations(&self.directory)? {
            if generation != current.generation && generation != previous.generation {
                std::fs::remove_file(generation_path(&self.directory, generation))?;
            }
        }
        Ok(())
    }

    /// One more than any file there has, readable or not.
    pub(super) fn next_generation(&self) -> io::Result<u64> {
        Ok(generations(&self.directory)?
            .last()
            .map_or(1, |newest| newest + 1))
    }
}

pub(super) fn generation_path(directory: &Path, generation: u64) -> PathBuf {
    directory.join(format!("{generation:06}.redb"))
}

/// Complete generations, oldest first. A file still being built has another suffix.
fn generations(directory: &Path) -> io::Result<Vec<u64>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|n| n.strip_suffix(".redb"));
        found.extend(number.and_then(|n| n.parse::<u64>().ok()));
    }
    found.sort_unstable();
    Ok(found)
}
