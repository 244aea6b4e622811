//! Building the next generation of a source beside the published one.
//!
//! Contacts are written in id order and numbers in sorted order: redb files filled in random order come out
//! four times as large (measured), and the disk is an SD card. One transaction, one fsync of the data; the
//! name appears only after it, so a power cut at any instant leaves the old generation or the new one.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use redb::{Builder, Database, Durability};

use super::drive::Drive;
use super::index::{Index, NUMBERS_PER_SOURCE, Written};
use super::replica::{Replica, ReplicaError, Shelf};
use super::schema::{CONTACTS, FACTS, Facts, REPLICA_VERSION};
use super::shelf::generation_path;
use crate::domain::contact::Contact;
use crate::domain::join::JoinBy;

/// Most contacts of one source.
pub const CONTACTS_PER_SOURCE: u32 = 2_000_000;
/// Pages a load keeps in memory, and with it most of what a load adds to the process.
const LOAD_CACHE_BYTES: usize = 8 << 20;
/// Contacts handed to redb in one go.
const BATCH: usize = 1024;

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
}

/// A generation being built. Dropped before it is published, it leaves nothing behind.
pub struct Load {
    drive: Arc<dyn Drive>,
    database: Option<Database>,
    transaction: Option<redb::WriteTransaction>,
    partial: PathBuf,
    generation: u64,
    batch: Vec<Vec<u8>>,
    contacts: u32,
    join: Option<JoinBy>,
    index: Index,
}

impl Load {
    /// `join`: the source is one of balances, and its records are found by this id.
    pub fn begin(shelf: &Shelf, join: Option<JoinBy>) -> Result<Load, LoadError> {
        let place = |source| LoadError::Place {
            path: shelf.directory().into(),
            source,
        };
        let generation = shelf.next_generation().map_err(place)?;
        let partial = generation_path(shelf.directory(), generation).with_extension("partial");
        // Left by a power cut in the middle of an earlier load.
        let drive = shelf.drive().clone();
        if let Err(e) = drive.remove(&partial)
            && e.kind() != io::ErrorKind::NotFound
        {
            return Err(LoadError::Place {
                path: partial,
                source: e,
            });
        }
        let open = || -> Result<_, redb::Error> {
            let mut builder = Builder::new();
            builder.set_cache_size(LOAD_CACHE_BYTES);
            let database = drive.create(&partial, &builder)?;
            let mut transaction = database.begin_write()?;
            transaction.set_durability(Durability::Immediate)?;
            Ok((database, transaction))
        };
        let (database, transaction) = open().map_err(|e| LoadError::Write {
            path: partial.clone(),
            source: Box::new(e),
        })?;
        Ok(Load {
            drive,
            database: Some(database),
            transaction: Some(transaction),
            partial,
            generation,
            batch: Vec::with_capacity(BATCH),
            contacts: 0,
            join,
            index: Index::default(),
        })
    }

    pub fn contacts(&self) -> u32 {
        self.contacts
    }

    pub fn add(&mut self, contact: &Contact) -> Result<(), LoadError> {
        if self.contacts == CONTACTS_PER_SOURCE || !self.index.has_room(contact) {
            return Err(LoadError::TooMany);
        }
        self.index.add(contact, self.contacts, self.join);
        self.batch.push(postcard::to_stdvec(contact)?);
        self.contacts += 1;
        if self.batch.len() == BATCH {
            self.write_batch()
        } else {
            Ok(())
        }
    }

    fn write_batch(&mut self) -> Result<(), LoadError> {
        let first = self.contacts - self.batch.len() as u32;
        let batch = std::mem::take(&mut self.batch);
        self.write(|transaction| {
            let mut table = transaction.open_table(CONTACTS)?;
            for (id, bytes) in (first..).zip(&batch) {
                table.insert(id, bytes.as_slice())?;
            }
            Ok(())
        })?;
        self.batch = batch;
        self.batch.clear();
        Ok(())
    }

    fn write<T: Default>(
        &mut self,
        body: impl FnOnce(&redb::WriteTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, LoadError> {
        let Some(transaction) = &self.transaction else {
            return Ok(T::default());
        };
        let write = |e| LoadError::Write {
            path: self.partial.clone(),
            source: Box::new(e),
        };
        body(transaction).map_err(write)
    }

    /// Finishes the file, gives it its name and makes it what everybody sees.
    pub fn publish(
        mut self,
        shelf: &Shelf,
        as_of: Timestamp,
        digest: String,
    ) -> Result<Facts, LoadError> {
        self.write_batch()?;
        let (index, join) = (std::mem::take(&mut self.index), self.join);
        let Written {
            numbers,
            doubtful_ids,
        } = self.write(|transaction| index.write(transaction, join))?;
        let facts = Facts {
            version: REPLICA_VERSION,
            contacts: self.contacts,
            numbers,
            doubtful_ids,
            as_of,
            digest,
        };
        self.write(|transaction| {
            transaction.open_table(CONTACTS)?;
            let json = serde_json::to_vec(&facts).unwrap_or_default();
            transaction
                .open_table(FACTS)?
                .insert("facts", json.as_slice())?;
            Ok(())
        })?;
        self.commit()?;
        let path = generation_path(shelf.directory(), self.generation);
        self.drive
            .rename(&self.partial, &path)
            .and_then(|()| self.drive.sync_directory(shelf.directory()))
            .map_err(|source| LoadError::Place {
                path: path.clone(),
                source,
            })?;
        let replica = Replica::open(&*self.drive, shelf.directory(), self.generation)?;
        shelf
            .publish(replica)
            .map_err(|source| LoadError::Place { path, source })?;
        Ok(facts)
    }

    fn commit(&mut self) -> Result<(), LoadError> {
        let (transaction, database) = (self.transaction.take(), self.database.take());
        let close = || -> Result<(), redb::Error> {
            transaction.map_or(Ok(()), |t| t.commit())?;
            database.map_or(Ok(()), Database::close)?;
            Ok(())
        };
        close().map_err(|e| LoadError::Write {
            path: self.partial.clone(),
            source: Box::new(e),
        })
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        drop(self.transaction.take());
        drop(self.database.take());
        // After publishing there is no such file; failing to remove it costs disk until the next load.
        let _ = self.drive.remove(&self.partial);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::domain::ladder::Question;
    use crate::domain::money::{DecimalSign, Money};
    use crate::domain::phone::{PhoneNumber, Region};

    fn number(text: &str) -> PhoneNumber {
        PhoneNumber::parse(text, Region::parse("TR").unwrap()).unwrap()
    }

    fn contact(name: &str, numbers: &[&str]) -> Contact {
        Contact {
            name: Some(name.into()),
            numbers: numbers.iter().map(|n| number(n)).collect(),
            ..Contact::default()
        }
    }

    fn shelf(directory: &std::path::Path) -> Shelf {
        let (shelf, failures) = Shelf::open(directory.join("crm")).unwrap();
        assert!(failures.is_empty(), "{failures:?}");
        shelf
    }

    fn publish(shelf: &Shelf, contacts: &[Contact]) -> Facts {
        let mut load = Load::begin(shelf, None).unwrap();
        for contact in contacts {
            load.add(contact).unwrap();
        }
        load.publish(shelf, Timestamp::UNIX_EPOCH, "d".into())
            .unwrap()
    }

    fn having(replica: &Replica, text: &str) -> Vec<Contact> {
        let found = replica.ask(Question::Having(number(text))).unwrap();
        found.into_iter().map(|(_, contact)| contact).collect()
    }

    fn names(shelf: &Shelf, text: &str) -> Vec<String> {
        let found = shelf
            .current()
            .map(|r| having(&r, text))
            .unwrap_or_default();
        found.into_iter().filter_map(|c| c.name).collect()
    }

    fn files(directory: &std::path::Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(directory.join("crm"))
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_published_load_answers_by_every_number() {
        let dir = tempfile::tempdir().unwrap();
        let shelf = shelf(dir.path());
        assert!(shelf.current().is_none());
        let facts = publish(
            &shelf,
            &[
                contact("Ayşe", &["0532 555 01 01", "0212 555 01 00"]),
                contact("Can", &["0532 555 01 02", "0212 555 01 00"]),
            ],
        );
        assert_eq!((facts.contacts, facts.numbers), (2, 4));
        assert_eq!(names(&shelf, "+905325550101"), ["Ayşe"]);
        assert_eq!(names(&shelf, "+902125550100"), ["Ayşe", "Can"]);
        assert!(names(&shelf, "+905325550199").is_empty());
    }

    #[test]
    fn a_contact_comes_back_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let shelf = shelf(dir.path());
        let whole = Contact {
            key: Some("120.01".into()),
            company: Some("Yılmaz Gıda".into()),
            balance: Money::parse("-4250.10 TRY", DecimalSign::Point, None).ok(),
            fields: [("city".into(), "İzmir".into())].into(),
            ..contact("Ayşe", &["0532 555 01 01"])
        };
        assert!(whole.balance.is_some());
        publish(&shelf, std::slice::from_ref(&whole));
        let found = having(&shelf.current().unwrap(), "05325550101");
        assert_eq!(found, [whole]);
    }

    #[test]
    fn readers_keep_the_generation_they_have() {
        let dir = tempfile::tempdir().unwrap();
        let shelf = shelf(dir.path());
        publish(&shelf, &[contact("old", &["05325550101"])]);
        let reader = shelf.current().unwrap();
        for name in ["newer", "newest"] {
            publish(&shelf, &[contact(name, &["05325550101"])]);
        }
        assert_eq!(files(dir.path()), ["000002.redb", "000003.redb"]);
        assert_eq!(names(&shelf, "05325550101"), ["newest"]);
        let old = having(&reader, "05325550101");
        assert_eq!(old[0].name.as_deref(), Some("old"));
    }

    #[test]
    fn a_load_given_up_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let shelf = shelf(dir.path());
        publish(&shelf, &[contact("kept", &["05325550101"])]);
        let mut load = Load::begin(&shelf, None).unwrap();
        load.add(&contact("lost", &["05325550101"])).unwrap();
        assert_eq!(files(dir.path()), ["000001.redb", "000002.partial"]);
        drop(load);
        assert_eq!(files(dir.path()), ["000001.redb"]);
        assert_eq!(names(&shelf, "05325550101"), ["kept"]);
    }

    #[test]
    fn the_previous_generation_serves_when_the_newest_is_damaged() {
        type Damage = fn(&std::path::Path);
        let damages: [Damage; 4] = [
            |p| fs::write(p, b"").unwrap(),
            |p| fs::write(p, b"not a database").unwrap(),
            |p| {
                fs::File::options()
                    .write(true)
                    .open(p)
                    .unwrap()
                    .set_len(4096)
                    .unwrap()
            },
            |p| {
                let mut bytes = fs::read(p).unwrap();
                bytes[64..4096].fill(0xff);
                fs::write(p, bytes).unwrap();
            },
        ];
        for (i, damage) in damages.into_iter().enumerate() {
            let dir = tempfile::tempdir().unwrap();
            {
                let shelf = shelf(dir.path());
                publish(&shelf, &[contact("previous", &["05325550101"])]);
                publish(&shelf, &[contact("newest", &["05325550101"])]);
            }
            damage(&dir.path().join("crm/000002.redb"));
            let (shelf, failures) = Shelf::open(dir.path().join("crm")).unwrap();
            assert_eq!(failures.len(), 1, "damage {i}");
            assert_eq!(names(&shelf, "05325550101"), ["previous"], "damage {i}");
            publish(&shelf, &[contact("next", &["05325550101"])]);
            assert_eq!(
                files(dir.path()),
                ["000001.redb", "000003.redb"],
                "damage {i}"
            );
        }
    }

    #[test]
    fn a_partial_file_of_an_earlier_run_is_no_generation() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("crm")).unwrap();
        fs::write(dir.path().join("crm/000001.partial"), b"half").unwrap();
        let shelf = shelf(dir.path());
        assert!(shelf.current().is_none());
        publish(&shelf, &[contact("whole", &["05325550101"])]);
        assert_eq!(names(&shelf, "05325550101"), ["whole"]);
    }
}
