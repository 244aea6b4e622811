//! What survives a power cut, in two kinds of file.
//!
//! - `replica/<source>/<generation>.redb`: disposable copies of the sources. Built beside the published one
//!   (`load`), read without locks (`replica`), and rebuilt from the source when lost.
//! - `outbox.redb`: precious. Cards accepted and not yet settled (`outbox`, `writer`, `file`).
//!
//! docs/store.md describes both, and what they need of the disk.
//!
//! Architecture Invariant: redb has one writer per file, so a load never shares a file with the outbox,
//! and nothing outside this module knows that redb exists.

mod built;
pub mod callers;
mod caught;
mod changes;
mod damage;
mod draft;
mod drive;
mod entry;
mod file;
mod files;
pub mod increment;
mod index;
mod keys;
mod layer;
pub mod load;
mod migrate;
pub mod outbox;
#[cfg(test)]
mod platter;
pub mod replica;
mod schema;
mod shelf;
pub mod stall;
mod sums;
pub mod writer;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::stat::{Mode, umask};

/// The right to write in a state directory; whoever holds it is alone.
#[derive(Debug)]
pub struct StateLock(#[expect(dead_code, reason = "held, not read")] Flock<File>);

#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("the state directory {directory} can't be used")]
    Directory {
        directory: std::path::PathBuf,
        source: io::Error,
    },
    #[error("another Ringcard works in {directory}")]
    Taken { directory: std::path::PathBuf },
}

impl StateLock {
    /// Makes the directory, readable by its owner alone, and takes the lock in it. From here on this process
    /// makes no file that users outside its group can read: the directory may have been there before, and
    /// open to them.
    pub fn take(directory: &Path) -> Result<StateLock, LockError> {
        let others = Mode::S_IRWXO;
        umask(umask(others) | others);
        let unusable = |source| LockError::Directory {
            directory: directory.into(),
            source,
        };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(unusable)?;
        let path = directory.join("lock");
        let file = File::options().create(true).append(true).open(&path);
        // A card that has gone read-only still serves lookups; the lock itself needs no writing.
        let file = file
            .or_else(|e| File::open(&path).map_err(|_| e))
            .map_err(unusable)?;
        StateLock::hold(file, directory)
    }

    /// Takes the lock where there is one, and makes nothing: whoever only reads must leave no file of another
    /// user. `None` where nobody ever worked.
    pub fn take_existing(directory: &Path) -> Result<Option<StateLock>, LockError> {
        match File::open(directory.join("lock")) {
            Ok(file) => StateLock::hold(file, directory).map(Some),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(LockError::Directory {
                directory: directory.into(),
                source,
            }),
        }
    }

    fn hold(file: File, directory: &Path) -> Result<StateLock, LockError> {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(StateLock(lock)),
            Err((_, Errno::EWOULDBLOCK)) => Err(LockError::Taken {
                directory: directory.into(),
            }),
            Err((_, e)) => Err(LockError::Directory {
                directory: directory.into(),
                source: e.into(),
            }),
        }
    }
}
