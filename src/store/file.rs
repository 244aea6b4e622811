//! The outbox's file: opened, migrated, written, compacted, and set aside when it is damaged.
//!
//! A fault of the disk leaves the file closed, to be read again. Damage is set apart from it: only what can't be
//! read as our file is set aside, never what the disk just did not want to read or write now.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::backends::InMemoryBackend;
use redb::{Builder, Database, Durability, ReadableDatabase, ReadableTable, StorageBackend};

use super::caught::caught;
use super::damage::{Damage, set_aside};
use super::drive::Drive;
use super::entry::{Entry, Key};
use super::migrate::migrate;
use super::schema::{KEPT, OUTBOX_META, OUTBOX_VERSION, RECENT};

mod tables;

use tables::{Place, Tables};

/// Pages of the outbox kept in memory: it holds little.
const OUTBOX_CACHE_BYTES: usize = 1 << 20;
/// A larger file is compacted when there is time. All calls that are remembered, and as many parked cards as
/// are kept, take 2.3 MB (measured).
pub(super) const OUTBOX_BYTES: u64 = 8 << 20;
/// A larger file is not looked at before it is opened. The largest ever measured, with as many waiting cards as
/// there may be, has 18 MB.
const LOOKED_AT_BYTES: u64 = 64 << 20;
/// Read at once into the copy that is looked at.
const CHUNK_BYTES: usize = 64 << 10;
/// Where redb's header has the form of each of its two roots (redb's docs/design.md), and forms that may come.
/// redb takes all of these for damage.
const REDB_FORMS: [usize; 2] = [64, 192];
const NEWER_REDB: std::ops::RangeInclusive<u8> = 4..=32;
const REDB_MAGIC: &[u8] = b"redb\x1a\x0a\xa9\x0d\x0a";

#[derive(Debug, thiserror::Error)]
pub(super) enum FileError {
    #[error("{0}")]
    Disk(Box<redb::Error>),
    #[error("another Ringcard has it open")]
    Taken,
    #[error("a newer Ringcard wrote it (version {0}; this one knows {OUTBOX_VERSION})")]
    Newer(u32),
    #[error("a newer Ringcard wrote it, in a form of which this one can't even tell the version")]
    NewerRedb,
    #[error("it is damaged: {0}")]
    Damaged(String),
}

impl FileError {
    pub(super) fn advice(&self) -> &'static str {
        match self {
            FileError::Disk(_) | FileError::Damaged(_) => {
                "look at the free space (df -h) and at the SD card; it is tried again by itself"
            }
            FileError::Taken => "stop the other one; it is tried again by itself",
            FileError::Newer(_) | FileError::NewerRedb => {
                "install that Ringcard again, or stop this one, move outbox.redb away, and start it"
            }
        }
    }
}

impl<E: Into<redb::Error>> From<E> for FileError {
    fn from(error: E) -> FileError {
        match error.into() {
            redb::Error::DatabaseAlreadyOpen => FileError::Taken,
            // Not a database at all, or shorter than it says.
            redb::Error::Io(e)
                if matches!(
                    e.kind(),
                    io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
                ) =>
            {
                FileError::Damaged(e.to_string())
            }
            e @ (redb::Error::Io(_) | redb::Error::PreviousIo | redb::Error::DatabaseClosed) => {
                FileError::Disk(Box::new(e))
            }
            e => FileError::Damaged(e.to_string()),
        }
    }
}

pub(super) struct OutboxFile {
    drive: Arc<dyn Drive>,
    path: PathBuf,
    database: Option<Database>,
    was_read: bool,
    tables: Tables,
    damage: Option<Damage>,
}

impl OutboxFile {
    pub(super) fn new(drive: Arc<dyn Drive>, path: &Path) -> OutboxFile {
        OutboxFile {
            drive,
            path: path.into(),
            database: None,
            was_read: false,
            tables: Tables::default(),
            damage: None,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.database.is_some()
    }

    /// Whether it was ever read since the start, so that what else it holds is known.
    pub(super) fn was_read(&self) -> bool {
        self.was_read
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.tables.keys()
    }

    pub(super) fn take_damage(&mut self) -> Option<Damage> {
        self.damage.take()
    }

    /// Opens or makes the file and hands out its entries. One that is damaged is set aside, never deleted, and
    /// a new one begun.
    pub(super) fn open(&mut self, found: &mut dyn FnMut(Entry)) -> Result<(), FileError> {
        let opened = match self.read_all() {
            Err(FileError::Damaged(what)) => {
                let aside = set_aside(&*self.drive, &self.path).map_err(redb::Error::Io)?;
                self.damage = Some(Damage::new(self.drive.clone(), aside, what));
                self.read_all()?
            }
            other => other?,
        };
        self.was_read = true;
        // Only now: of a file that turned out damaged nothing is taken.
        for (entry, place) in opened {
            self.tables.hold(&entry, place);
            found(entry);
        }
        Ok(())
    }

    /// An error of the disk while closing is of no use: what was acknowledged is synced.
    pub(super) fn close(&mut self) {
        let database = self.database.take();
        let _ = guarded(|| Ok(database.map(Database::close)));
        self.tables = Tables::default();
    }

    fn read_all(&mut self) -> Result<Vec<(Entry, Place)>, FileError> {
        self.close();
        let (database, entries) = guarded(|| {
            self.make()?;
            self.turn_newer_away()?;
            let database = self.drive.create(&self.path, &builder())?;
            let read = database.begin_read()?;
            let version = match read.list_tables()?.next() {
                None => None,
                Some(_) => read.open_table(OUTBOX_META)?.get("version")?,
            };
            let version = version.map(|v| v.value());
            drop(read);
            match version {
                None => begin(&database)?,
                Some(OUTBOX_VERSION) => {}
                Some(newer) if newer > OUTBOX_VERSION => return Err(FileError::Newer(newer)),
                Some(older) => migrate(&database, older)?,
            }
            let entries = entries(&database)?;
            Ok((database, entries))
        })?;
        self.database = Some(database);
        Ok(entries)
    }

    /// Makes a missing file beside its place: a power cut leaves a whole one or none, and none is no damage.
    fn make(&self) -> Result<(), FileError> {
        match self.drive.length(&self.path) {
            // It got its name when it was whole: whatever emptied it, cards are gone.
            Ok(0) => return Err(FileError::Damaged("it is empty".into())),
            Ok(_) => return Ok(()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(e.into()),
        }
        let beside = self.path.with_extension("new");
        let _ = self.drive.remove(&beside);
        let database = self.drive.create(&beside, &builder())?;
        begin(&database)?;
        database.close()?;
        self.drive.rename(&beside, &self.path)?;
        let directory = self.path.parent();
        directory.map_or(Ok(()), |d| self.drive.sync_directory(d))?;
        Ok(())
    }

    /// A newer file is looked at without touching it: it is told by its version, or by redb's own.
    fn turn_newer_away(&self) -> Result<(), FileError> {
        match self.look_at_a_copy() {
            Ok(Some(newer)) if newer > OUTBOX_VERSION => Err(FileError::Newer(newer)),
            Err(_) if self.is_newer_redb().unwrap_or(false) => Err(FileError::NewerRedb),
            _ => Ok(()),
        }
    }

    /// Its two roots must say the same: of a damaged one they hardly do.
    fn is_newer_redb(&self) -> io::Result<bool> {
        let mut header = [0; REDB_FORMS[1] + 1];
        self.drive.read(&self.path)?.read_exact(&mut header)?;
        let [first, second] = REDB_FORMS.map(|at| header[at]);
        Ok(header.starts_with(REDB_MAGIC) && first == second && NEWER_REDB.contains(&first))
    }

    /// The version as a copy in memory tells it, after that was looked through and put in order: the file stays as
    /// it is. Where redb only reads a file it looks at no checksum first, and one bit of a page's address makes it
    /// ask for up to 4 GiB.
    fn look_at_a_copy(&self) -> Result<Option<u32>, FileError> {
        let length = self.drive.length(&self.path)?;
        if length > LOOKED_AT_BYTES {
            return Ok(None);
        }
        let backend = InMemoryBackend::new();
        backend.set_len(length)?;
        let (mut file, mut chunk, mut at) = (self.drive.read(&self.path)?, vec![0; CHUNK_BYTES], 0);
        while at < length {
            let read = file.read(&mut chunk)?;
            if read == 0 {
                return Ok(None);
            }
            let fits = read.min((length - at) as usize);
            backend.write(at, &chunk[..fits])?;
            at += fits as u64;
        }
        guarded(|| version(&builder().create_with_backend(backend)?))
    }

    /// Writes the entries as they are now; `None` is forgotten. All of them or, with an error, perhaps none:
    /// the file must then be opened again.
    pub(super) fn commit(&mut self, changes: &[(Key, Option<Entry>)]) -> Result<(), FileError> {
        let Some(database) = &self.database else {
            return Err(redb::Error::DatabaseClosed.into());
        };
        let next = self.tables.next(changes);
        if !next.is_empty() {
            guarded(|| {
                let mut transaction = database.begin_write()?;
                transaction.set_durability(Durability::Immediate)?;
                next.write(&transaction)?;
                transaction.commit()?;
                Ok(())
            })?;
        }
        self.tables.have_become(next);
        Ok(())
    }

    pub(super) fn is_over_budget(&self) -> bool {
        let length = self.drive.length(&self.path);
        self.is_open() && length.is_ok_and(|length| length > OUTBOX_BYTES)
    }

    /// Gives back what nothing is stored in. Cut off at any point, it has changed nothing that is stored.
    pub(super) fn compact(&mut self) -> Result<(), FileError> {
        let Some(database) = &mut self.database else {
            return Ok(());
        };
        guarded(|| Ok(database.compact().map(drop)?))
    }
}

fn version(database: &impl ReadableDatabase) -> Result<Option<u32>, FileError> {
    let meta = database.begin_read()?.open_table(OUTBOX_META)?;
    Ok(meta.get("version")?.map(|v| v.value()))
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(OUTBOX_CACHE_BYTES);
    // Else redb trusts a file that was closed well, and a card might show what a bad page says.
    builder.set_check_integrity_on_open(true);
    builder
}

fn begin(database: &Database) -> Result<(), FileError> {
    let transaction = database.begin_write()?;
    transaction.open_table(RECENT)?;
    transaction.open_table(KEPT)?;
    let mut meta = transaction.open_table(OUTBOX_META)?;
    meta.insert("version", OUTBOX_VERSION)?;
    drop(meta);
    transaction.commit()?;
    Ok(())
}

fn entries(database: &Database) -> Result<Vec<(Entry, Place)>, FileError> {
    let read = database.begin_read()?;
    let mut entries = Vec::new();
    // An entry that can't be understood is left where it is; the others count.
    for kept in read.open_table(KEPT)?.iter()? {
        let (turn, json) = kept?;
        let entry = serde_json::from_slice(json.value()).ok();
        entries.extend(entry.map(|entry| (entry, Place::Kept(turn.value()))));
    }
    for recent in read.open_table(RECENT)?.iter()? {
        let entry = serde_json::from_slice(recent?.1.value()).ok();
        entries.extend(entry.map(|entry| (entry, Place::Recent)));
    }
    Ok(entries)
}

/// redb may panic on a file that was altered.
fn guarded<T>(work: impl FnOnce() -> Result<T, FileError>) -> Result<T, FileError> {
    caught(work).unwrap_or_else(|| Err(FileError::Damaged("working on it failed".into())))
}

#[cfg(test)]
mod tests;
