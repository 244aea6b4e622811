//! One file of a copy, open: contacts, and what they are found by.
//!
//! Two of them may lie on each other, so what it answers says nothing of what is right: `replica` does.

use std::path::Path;

use redb::{
    Builder, ReadOnlyDatabase, ReadOnlyTable, ReadTransaction, ReadableDatabase,
    ReadableTableMetadata, TableDefinition, TableError,
};

use super::drive::Drive;
use super::replica::ReplicaError;
use super::schema::{
    BLOCKS, CONTACTS, FACTS, FORWARD, Facts, HIDDEN, HOLDERS, IDS, NUMBERS, REPLICA_VERSION,
    Versioned,
};
use crate::domain::contact::{Contact, ContactId};

pub(super) type Table = ReadOnlyTable<(u64, u32), ()>;

pub(super) struct Layer {
    pub(super) facts: Facts,
    pub(super) numbers: Table,
    pub(super) forward: Table,
    pub(super) blocks: Table,
    pub(super) ids: Table,
    /// Of contacts that changes may come for.
    pub(super) holders: Option<Table>,
    pub(super) contacts: ReadOnlyTable<u32, &'static [u8]>,
    hidden: Option<ReadOnlyTable<u32, ()>>,
    _database: ReadOnlyDatabase,
}

impl Layer {
    /// `cache`: bytes of pages kept in memory.
    pub(super) fn open(
        drive: &dyn Drive,
        path: &Path,
        cache: usize,
    ) -> Result<Layer, ReplicaError> {
        let fault = |e| match e {
            Fault::Redb(e) => ReplicaError::Open {
                path: path.into(),
                source: Box::new(e),
            },
            Fault::NoFacts => ReplicaError::Damaged { path: path.into() },
            Fault::Version(found) => ReplicaError::Version {
                path: path.into(),
                found,
            },
        };
        open(drive, path, cache).map_err(fault)
    }

    pub(super) fn contact(&self, id: ContactId) -> Result<Option<Contact>, redb::Error> {
        let contact = self.contacts.get(id.0)?;
        contact.map(|bytes| decode(id, bytes.value())).transpose()
    }

    /// Contacts of the base below that are not to be seen, sorted.
    pub(super) fn hidden(&self) -> Result<Vec<u32>, redb::Error> {
        let Some(table) = &self.hidden else {
            return Ok(Vec::new());
        };
        let ids = table.range::<u32>(..)?;
        ids.map(|entry| Ok(entry?.0.value())).collect()
    }

    pub(super) fn index_bytes(&self) -> Result<u64, redb::Error> {
        let mut bytes = 0;
        let indexes = [&self.numbers, &self.forward, &self.blocks, &self.ids];
        for index in indexes.into_iter().chain(&self.holders) {
            let stats = index.stats()?;
            bytes += stats.stored_bytes() + stats.metadata_bytes() + stats.fragmented_bytes();
        }
        Ok(bytes)
    }
}

pub(super) fn decode(id: ContactId, bytes: &[u8]) -> Result<Contact, redb::Error> {
    postcard::from_bytes(bytes)
        .map_err(|_| redb::Error::Corrupted(format!("contact {} can't be decoded", id.0)))
}

enum Fault {
    Redb(redb::Error),
    /// Or none that can be understood.
    NoFacts,
    /// Another version may have other tables.
    Version(u32),
}

impl<E: Into<redb::Error>> From<E> for Fault {
    fn from(error: E) -> Fault {
        Fault::Redb(error.into())
    }
}

fn open(drive: &dyn Drive, path: &Path, cache: usize) -> Result<Layer, Fault> {
    let mut builder = Builder::new();
    builder.set_cache_size(cache);
    let database = drive.open_read_only(path, &builder)?;
    let read = database.begin_read()?;
    let facts = read.open_table(FACTS)?.get("facts")?;
    let json = facts.ok_or(Fault::NoFacts)?;
    // First, since of another version nothing else need be understood.
    match serde_json::from_slice(json.value()) {
        Ok(Versioned { version }) if version == REPLICA_VERSION => {}
        Ok(Versioned { version }) => return Err(Fault::Version(version)),
        Err(_) => return Err(Fault::NoFacts),
    }
    let facts: Facts = serde_json::from_slice(json.value()).map_err(|_| Fault::NoFacts)?;
    Ok(Layer {
        facts,
        numbers: read.open_table(NUMBERS)?,
        forward: read.open_table(FORWARD)?,
        blocks: read.open_table(BLOCKS)?,
        ids: read.open_table(IDS)?,
        holders: if_there(&read, HOLDERS)?,
        contacts: read.open_table(CONTACTS)?,
        hidden: if_there(&read, HIDDEN)?,
        _database: database,
    })
}

/// Not every file has this one.
fn if_there<K: redb::Key, V: redb::Value>(
    read: &ReadTransaction,
    table: TableDefinition<'_, K, V>,
) -> Result<Option<ReadOnlyTable<K, V>>, TableError> {
    match read.open_table(table) {
        Ok(table) => Ok(Some(table)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(e) => Err(e),
    }
}
