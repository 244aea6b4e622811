//! A file of the replica that is being written: it has no name that anybody would open it by.
//!
//! All is one transaction, or a few where a load makes checkpoints, and the name comes only after the last of
//! them is on the disk. Dropped before that, the file is removed, unless it is to be taken up again.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::{Builder, Database, Durability, WriteTransaction};

use super::built::LoadError;
use super::caught::caught;
use super::drive::Drive;
use super::sums;

/// Pages a draft keeps in memory, and with it most of what a load adds to the process.
const LOAD_CACHE_BYTES: usize = 8 << 20;

pub(super) struct Draft {
    drive: Arc<dyn Drive>,
    path: PathBuf,
    database: Option<Database>,
    transaction: Option<WriteTransaction>,
    is_kept: bool,
}

impl Draft {
    /// Begins an empty one in the place of whatever had the name.
    pub(super) fn begin(drive: &Arc<dyn Drive>, path: PathBuf) -> Result<Draft, LoadError> {
        remove(&**drive, &path)?;
        Draft::open(drive, path, &builder())
    }

    /// Opens one that an earlier run left behind. Its bytes may have been anywhere since, so all of them are
    /// compared with their checksums; redb may panic on what is no file of its own.
    pub(super) fn take_up(drive: &Arc<dyn Drive>, path: PathBuf) -> Option<Draft> {
        let mut builder = builder();
        builder.set_check_integrity_on_open(true);
        caught(|| Draft::open(drive, path, &builder))?.ok()
    }

    fn open(drive: &Arc<dyn Drive>, path: PathBuf, builder: &Builder) -> Result<Draft, LoadError> {
        let open = || -> Result<_, redb::Error> {
            let database = drive.create(&path, builder)?;
            let transaction = transaction(&database)?;
            Ok((database, transaction))
        };
        let (database, transaction) = open().map_err(|e| write_error(&path, e))?;
        Ok(Draft {
            drive: drive.clone(),
            path,
            database: Some(database),
            transaction: Some(transaction),
            is_kept: false,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn write<T: Default>(
        &self,
        body: impl FnOnce(&WriteTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, LoadError> {
        let Some(transaction) = &self.transaction else {
            return Ok(T::default());
        };
        body(transaction).map_err(|e| write_error(&self.path, e))
    }

    /// What was written so far is on the disk, and so is the name it is found by; more may follow.
    pub(super) fn commit(&mut self) -> Result<(), LoadError> {
        let (done, database) = (self.transaction.take(), self.database.as_ref());
        let commit = || -> Result<_, redb::Error> {
            done.map_or(Ok(()), WriteTransaction::commit)?;
            database.map(transaction).transpose()
        };
        self.transaction = commit().map_err(|e| write_error(&self.path, e))?;
        let directory = self.path.parent().unwrap_or(&self.path);
        let synced = self.drive.sync_directory(directory);
        synced.map_err(|source| LoadError::Place {
            path: self.path.clone(),
            source,
        })
    }

    /// All that was written is on the disk, with its checksums behind it, and the file is closed.
    pub(super) fn finish(&mut self) -> Result<(), LoadError> {
        let (transaction, database) = (self.transaction.take(), self.database.take());
        let close = || -> Result<(), redb::Error> {
            transaction.map_or(Ok(()), WriteTransaction::commit)?;
            database.map_or(Ok(()), Database::close)?;
            let trailer = sums::trailer(self.drive.read(&self.path)?)?;
            Ok(self.drive.append(&self.path, &trailer)?)
        };
        close().map_err(|e| write_error(&self.path, e))
    }

    /// Gives the finished file its name, for good.
    pub(super) fn place(&mut self, path: &Path) -> io::Result<()> {
        self.drive.rename(&self.path, path)?;
        self.is_kept = true;
        let directory = path.parent().unwrap_or(path);
        self.drive.sync_directory(directory)
    }

    /// Leaves the file as of its last commit, to be taken up again.
    pub(super) fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        drop(self.transaction.take());
        drop(self.database.take());
        if !self.is_kept {
            // Failing to remove it costs disk until the next load.
            let _ = self.drive.remove(&self.path);
        }
    }
}

pub(super) fn remove(drive: &dyn Drive, path: &Path) -> Result<(), LoadError> {
    match drive.remove(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(LoadError::Place {
            path: path.into(),
            source: e,
        }),
        _ => Ok(()),
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(LOAD_CACHE_BYTES);
    builder
}

fn transaction(database: &Database) -> Result<WriteTransaction, redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    Ok(transaction)
}

fn write_error(path: &Path, source: redb::Error) -> LoadError {
    LoadError::Write {
        path: path.into(),
        source: Box::new(source),
    }
}
