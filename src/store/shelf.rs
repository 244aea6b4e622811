//! The place of one source's generations: which one is published, and what to fall back on.
//!
//! A generation is a file of its own. Publishing swaps one pointer, so a reader sees the old generation or
//! the new one, whole, and never waits. The previous generation stays on disk; it is used when the newest
//! does not open, or turns out bad when it is read, which a power cut or a dying SD card can cause.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwapOption;
use jiff::Timestamp;
use tokio::sync::Notify;

use super::drive::{Drive, FileSystem};
use super::replica::{Replica, ReplicaError};

/// The place of one source's generations, and the one that is published.
pub struct Shelf {
    drive: Arc<dyn Drive>,
    directory: PathBuf,
    published: ArcSwapOption<Replica>,
    /// When the source last held what is published, if that was later than the load.
    confirmed: Mutex<Option<Timestamp>>,
    /// Reading it has failed: it must be built anew even from unchanged content.
    suspect: AtomicBool,
    /// For whoever syncs the source.
    renew: Notify,
    falling_back: Mutex<()>,
    loading: Mutex<()>,
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
        let list = |source| ReplicaError::List {
            directory: directory.clone(),
            source,
        };
        drive.create_directory(&directory).map_err(list)?;
        let generations = generations(&*drive, &directory).map_err(list)?;
        let (published, failures) = newest(&*drive, &directory, generations);
        let published = ArcSwapOption::new(published);
        let (confirmed, suspect, renew, falling_back, loading) = Default::default();
        Ok((
            Shelf {
                drive,
                directory,
                published,
                confirmed,
                suspect,
                renew,
                falling_back,
                loading,
            },
            failures,
        ))
    }

    /// What is published now; nothing before the first sync.
    pub fn current(&self) -> Option<Arc<Replica>> {
        self.published.load_full()
    }

    /// The source still holds what is published, as it was written at `as_of`; an older file of the same content
    /// takes nothing back. Kept in memory only: it is read
    /// anew at every start, and a date on disk would be a write each time.
    pub fn confirm(&self, as_of: Timestamp) {
        let mut confirmed = self
            .confirmed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *confirmed = (*confirmed).max(Some(as_of));
    }

    /// How fresh the values of a generation are.
    pub fn as_of(&self, replica: &Replica) -> Timestamp {
        let confirmed = *self
            .confirmed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        confirmed.map_or(replica.facts.as_of, |c| c.max(replica.facts.as_of))
    }

    /// The right to build the next generation; waits for whoever has it.
    pub fn turn(&self) -> MutexGuard<'_, ()> {
        self.loading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reading `bad` has failed: the generation before it serves from now on, if it opens, and the source is to
    /// be read again soon. The bad one's file stays until the next is published, which is newer than both.
    pub fn suspect(&self, bad: &Replica) {
        let _turn = self
            .falling_back
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // Whoever asked at the same time has seen to it, or a sync was faster.
        let Some(current) = self.current().filter(|c| c.generation == bad.generation) else {
            return;
        };
        self.suspect.store(true, Ordering::Relaxed);
        let older = generations(&*self.drive, &self.directory).unwrap_or_default();
        let older = older.into_iter().filter(|g| *g < bad.generation);
        let (previous, _) = newest(&*self.drive, &self.directory, older.collect());
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

    fn forget_confirmed(&self) {
        *self
            .confirmed
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(super) fn drive(&self) -> &Arc<dyn Drive> {
        &self.drive
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Makes `replica` what everybody sees from now on, and removes what is older than the one before it.
    pub(super) fn publish(&self, replica: Replica) -> io::Result<()> {
        let previous = self.published.swap(Some(Arc::new(replica)));
        self.suspect.store(false, Ordering::Relaxed);
        self.forget_confirmed();
        let (Some(current), Some(previous)) = (self.current(), previous) else {
            return Ok(());
        };
        for generation in generations(&*self.drive, &self.directory)? {
            if generation != current.generation && generation != previous.generation {
                let path = generation_path(&self.directory, generation);
                self.drive.remove(&path)?;
            }
        }
        Ok(())
    }

    /// One more than any file there has, readable or not.
    pub(super) fn next_generation(&self) -> io::Result<u64> {
        Ok(generations(&*self.drive, &self.directory)?
            .last()
            .map_or(1, |newest| newest + 1))
    }
}

pub(super) fn generation_path(directory: &Path, generation: u64) -> PathBuf {
    directory.join(format!("{generation:06}.redb"))
}

/// The newest of these that can be opened, and why the newer ones could not.
fn newest(
    drive: &dyn Drive,
    directory: &Path,
    generations: Vec<u64>,
) -> (Option<Arc<Replica>>, Vec<ReplicaError>) {
    let mut failures = Vec::new();
    for generation in generations.into_iter().rev() {
        match Replica::open(drive, directory, generation) {
            Ok(replica) => return (Some(Arc::new(replica)), failures),
            Err(e) => failures.push(e),
        }
    }
    (None, failures)
}

/// Complete generations, oldest first. A file still being built has another suffix.
fn generations(drive: &dyn Drive, directory: &Path) -> io::Result<Vec<u64>> {
    let names = drive.list(directory)?;
    let numbers = names.iter().filter_map(|name| name.strip_suffix(".redb"));
    let mut found: Vec<u64> = numbers.filter_map(|n| n.parse().ok()).collect();
    found.sort_unstable();
    Ok(found)
}

#[cfg(test)]
mod tests;
