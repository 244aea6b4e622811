//! Going back: what was published before is published again, because a person saw that the newest is wrong.
//!
//! The newer files get another ending, the newest first. Each is one rename, so a power cut leaves the newest
//! or the one before it as the newest complete generation, and that there is such a file is what a restart
//! knows it by. They are removed when something is published.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Facts, Place, ROLLED_BACK, Replica, ReplicaError, Shelf, files, named};

#[derive(Debug, thiserror::Error)]
pub enum RollbackError {
    #[error("there is no copy before this one to go back to")]
    NothingBefore,
    #[error("the copy before can't be read")]
    Unreadable(#[source] ReplicaError),
    #[error("{path} can't be set aside")]
    Place { path: PathBuf, source: io::Error },
}

impl Shelf {
    /// What `rollback` would bring back.
    pub fn previous(&self) -> Option<Facts> {
        self.before_current().ok().map(|previous| previous.facts)
    }

    /// The generation before the published one is published again, and is so after a restart.
    pub fn rollback(&self) -> Result<Facts, RollbackError> {
        let _turn = self.lock_falling_back();
        let previous = self.before_current()?;
        self.place.set_aside_after(previous.generation)?;
        let facts = previous.facts.clone();
        self.published.store(Some(Arc::new(previous)));
        self.rolled_back.store(true, Ordering::Relaxed);
        self.suspect.store(false, Ordering::Relaxed);
        self.forget_confirmed();
        Ok(facts)
    }

    /// True from a rollback until something is published: what the source has now was refused by a person, so
    /// only a person should have it published.
    pub fn is_rolled_back(&self) -> bool {
        self.rolled_back.load(Ordering::Relaxed)
    }

    fn before_current(&self) -> Result<Replica, RollbackError> {
        let current = self.current().ok_or(RollbackError::NothingBefore)?;
        let Place { drive, directory } = &self.place;
        let place = |source| RollbackError::Place {
            path: directory.clone(),
            source,
        };
        let mut older = self.place.before(current.generation).map_err(place)?;
        // What the published one lies on was published before others that did, and is their base now.
        let mut failure = RollbackError::NothingBefore;
        while let Some((generation, kind)) = older.pop() {
            match Replica::open(&**drive, directory, generation, kind) {
                Ok(replica) => return Ok(replica),
                Err(e) => failure = RollbackError::Unreadable(e),
            }
        }
        Err(failure)
    }
}

impl Place {
    fn set_aside_after(&self, generation: u64) -> Result<(), RollbackError> {
        let (drive, directory) = (&*self.drive, &self.directory);
        let at = |path: PathBuf| move |source| RollbackError::Place { path, source };
        let newer = files::generations(drive, directory).map_err(at(directory.clone()))?;
        let newer = newer.into_iter().filter(|(number, _)| *number > generation);
        for (number, kind) in newer.rev() {
            let path = kind.path(directory, number);
            let aside = named(directory, number, ROLLED_BACK);
            drive.rename(&path, &aside).map_err(at(path))?;
        }
        drive
            .sync_directory(directory)
            .map_err(at(directory.clone()))
    }
}
