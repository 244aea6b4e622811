//! The place of one source's generations: which one is published, and what to fall back on.
//!
//! A generation is a file of its own, or a small one on top of another. Publishing swaps one pointer, so a
//! reader sees the old generation or the new one, whole, and never waits. The previous generation stays on
//! disk; it is used when the newest does not open, or turns out bad when it is read, which a power cut or a
//! dying SD card can cause, and when a person wants it back.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwapOption;
use jiff::Timestamp;
use tokio::sync::Notify;

use super::built::LoadError;
use super::draft;
use super::drive::{Drive, FileSystem};
use super::files::{self, Kind, ROLLED_BACK, named};
use super::replica::{Replica, ReplicaError};
use super::schema::Facts;

mod rollback;

pub use rollback::RollbackError;

/// Where the files are.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) drive: Arc<dyn Drive>,
    pub(super) directory: PathBuf,
}

/// The place of one source's generations, and the one that is published.
pub struct Shelf {
    place: Place,
    published: ArcSwapOption<Replica>,
    /// What the source said later of what is published.
    confirmed: Mutex<Confirmed>,
    /// Reading it has failed: it must be built anew even from unchanged content.
    suspect: AtomicBool,
    /// What was published before is published again, because a person said so.
    rolled_back: AtomicBool,
    /// For whoever syncs the source.
    renew: Notify,
    falling_back: Mutex<()>,
    loading: Mutex<()>,
}

#[derive(Clone, Default)]
struct Confirmed {
    as_of: Option<Timestamp>,
    cursor: Option<String>,
}

impl Shelf {
    /// Opens the newest generation that can be opened; also says which could not, and why.
    pub fn open(directory: PathBuf) -> Result<(Shelf, Vec<ReplicaError>), ReplicaError> {
        Shelf::open_on(Arc::new(FileSystem), directory)
    }

    pub(super) fn open_on(
        drive: Arc<dyn Drive>,
        directory: PathBuf,
    ) -> Result<(Shelf, Vec<ReplicaError>), ReplicaError> {
        let place = Place { drive, directory };
        let list = |source| ReplicaError::List {
            directory: place.directory.clone(),
            source,
        };
        let (drive, directory) = (&*place.drive, &place.directory);
        drive.create_directory(directory).map_err(list)?;
        let generations = files::generations(drive, directory).map_err(list)?;
        let aside = files::ending(drive, directory, ROLLED_BACK).map_err(list)?;
        let (published, failures) = place.newest(generations);
        let published = ArcSwapOption::new(published);
        let rolled_back = AtomicBool::new(!aside.is_empty());
        let (confirmed, suspect, renew, falling_back, loading) = Default::default();
        let shelf = Shelf {
            place,
            published,
            confirmed,
            suspect,
            rolled_back,
            renew,
            falling_back,
            loading,
        };
        Ok((shelf, failures))
    }

    /// What is published now; nothing before the first sync.
    pub fn current(&self) -> Option<Arc<Replica>> {
        self.published.load_full()
    }

    /// The source was asked again and still holds what is published.
    pub fn confirm(&self, as_of: Timestamp) {
        self.confirm_at(as_of, None);
    }

    /// The same, and the next changes are to be asked for from `cursor` on. A restart forgets both: changes
    /// are then asked for from earlier on, which is always right.
    pub fn confirm_at(&self, as_of: Timestamp, cursor: Option<String>) {
        let mut confirmed = self.lock_confirmed();
        confirmed.as_of = confirmed.as_of.max(Some(as_of));
        confirmed.cursor = cursor.or(confirmed.cursor.take());
    }

    /// How fresh the values of a generation are.
    pub fn as_of(&self, replica: &Replica) -> Timestamp {
        let confirmed = self.lock_confirmed().as_of;
        confirmed.map_or(replica.facts.as_of, |c| c.max(replica.facts.as_of))
    }

    /// From when on changes are to be asked for; `None` if nobody said.
    pub fn cursor(&self) -> Option<String> {
        let confirmed = self.lock_confirmed().cursor.clone();
        confirmed.or_else(|| self.current()?.facts.cursor.clone())
    }

    /// The right to build the next generation; waits for whoever has it.
    pub fn turn(&self) -> MutexGuard<'_, ()> {
        self.loading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reading `bad` has failed: the generation before it serves from now on, if it opens, and the source is to
    /// be read again soon. The bad one's file stays until the next is published, which is newer than both.
    pub fn suspect(&self, bad: &Replica) {
        let _turn = self.lock_falling_back();
        // Whoever asked at the same time has seen to it, or a sync was faster.
        let Some(current) = self.current().filter(|c| c.generation == bad.generation) else {
            return;
        };
        self.suspect.store(true, Ordering::Relaxed);
        let older = self.place.before(bad.generation).unwrap_or_default();
        let (previous, _) = self.place.newest(older);
        if previous.is_some() {
            self.published.compare_and_swap(&Some(current), previous);
            self.forget_confirmed();
        }
        self.renew.notify_one();
    }

    /// Comes when what is published turned out bad.
    pub async fn wants_renewal(&self) {
        self.renew.notified().await;
    }

    pub fn is_suspect(&self) -> bool {
        self.suspect.load(Ordering::Relaxed)
    }

    fn lock_falling_back(&self) -> MutexGuard<'_, ()> {
        self.falling_back
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_confirmed(&self) -> MutexGuard<'_, Confirmed> {
        self.confirmed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn forget_confirmed(&self) {
        *self.lock_confirmed() = Confirmed::default();
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    pub(super) fn directory(&self) -> &Path {
        &self.place.directory
    }

    /// Makes `replica` what everybody sees from now on, and removes what is older than the one before it.
    pub(super) fn publish(&self, replica: Replica) -> io::Result<()> {
        let previous = self.published.swap(Some(Arc::new(replica)));
        self.suspect.store(false, Ordering::Relaxed);
        self.forget_confirmed();
        let kept = self.current().into_iter().chain(previous);
        let kept: Vec<u64> = kept
            .flat_map(|r| [Some(r.generation), r.facts.base])
            .flatten()
            .collect();
        let Place { drive, directory } = &self.place;
        if kept.len() > 1 {
            for (generation, kind) in files::generations(&**drive, directory)? {
                if !kept.contains(&generation) {
                    drive.remove(&kind.path(directory, generation))?;
                }
            }
        }
        self.place.forget_rolled_back()?;
        self.rolled_back.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// One more than any file there has, readable or not.
    pub(super) fn next_generation(&self) -> io::Result<u64> {
        self.place.next_generation()
    }
}

impl Place {
    pub(super) fn next_generation(&self) -> io::Result<u64> {
        let (drive, directory) = (&*self.drive, &self.directory);
        let complete = files::generations(drive, directory)?.into_iter();
        let complete = complete.map(|(generation, _)| generation);
        let aside = files::ending(drive, directory, ROLLED_BACK)?;
        let newest = complete.chain(aside).max();
        Ok(newest.map_or(1, |newest| newest + 1))
    }

    /// Removes what was begun under this ending and never finished.
    pub(super) fn sweep(&self, ending: &str) -> Result<(), LoadError> {
        let (drive, directory) = (&*self.drive, &self.directory);
        let found = files::ending(drive, directory, ending);
        let found = found.map_err(|source| LoadError::Place {
            path: directory.clone(),
            source,
        })?;
        for generation in found {
            draft::remove(drive, &named(directory, generation, ending))?;
        }
        Ok(())
    }

    fn forget_rolled_back(&self) -> io::Result<()> {
        for generation in files::ending(&*self.drive, &self.directory, ROLLED_BACK)? {
            let path = named(&self.directory, generation, ROLLED_BACK);
            self.drive.remove(&path)?;
        }
        Ok(())
    }

    /// Complete generations that are older, oldest first.
    fn before(&self, generation: u64) -> io::Result<Vec<(u64, Kind)>> {
        let mut found = files::generations(&*self.drive, &self.directory)?;
        found.retain(|(number, _)| *number < generation);
        Ok(found)
    }

    /// The newest of these that can be opened, and why the newer ones could not.
    fn newest(&self, generations: Vec<(u64, Kind)>) -> (Option<Arc<Replica>>, Vec<ReplicaError>) {
        let mut failures = Vec::new();
        for (generation, kind) in generations.into_iter().rev() {
            match Replica::open(&*self.drive, &self.directory, generation, kind) {
                Ok(replica) => return (Some(Arc::new(replica)), failures),
                Err(e) => failures.push(e),
            }
        }
        (None, failures)
    }
}

#[cfg(test)]
mod tests;
