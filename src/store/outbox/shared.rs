//! What the outbox and its writer hold together, the writer's view of it, and what is to be known of the writer.
//!
//! The writer takes entries as they are at that moment and names its progress; it never holds the lock while it
//! touches the disk.

use std::collections::HashSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{Notify, watch};

use super::{Entry, Index, Key, Outbox, Phase, Slot, Waiting, WriterState};
use crate::domain::fate::Why;
use crate::store::changes::{Changes, Progress, Wake};

/// What the outbox and its writer hold together.
#[derive(Default)]
pub(in crate::store) struct Shared {
    index: Mutex<Index>,
    /// For the writer.
    pub(super) wake: Condvar,
    /// Cards were found late.
    pub(super) late: Notify,
}

impl Outbox {
    /// Comes with the cards that wait on a disk that could not be read before.
    pub async fn found_late(&self) -> Vec<Waiting> {
        loop {
            let late = self.shared.late.notified();
            {
                let mut index = self.lock();
                let keys = std::mem::take(&mut index.found);
                let mut found = Vec::new();
                for key in keys {
                    found.extend(index.slots.get_mut(&key).and_then(Slot::resumed));
                }
                if !found.is_empty() {
                    return found;
                }
            }
            late.await;
        }
    }

    /// Whether the writer's thread lives. One that waits for the disk does; one that has ended, or neither
    /// answers nor waits for the disk, does not.
    pub async fn ping(&self) -> bool {
        let ping = self.lock().changes.ping();
        self.shared.wake.notify_one();
        let mut progress = self.progress.clone();
        let answered = progress
            .wait_for(|p| p.pongs >= ping || !matches!(p.state, WriterState::Idle))
            .await;
        answered.is_ok_and(|p| p.state != WriterState::Gone)
    }

    /// What the writer's thread is doing.
    pub fn writer_state(&self) -> WriterState {
        // Its end closes the channel, a panic included.
        match self.progress.has_changed() {
            Ok(_) => self.progress.borrow().state,
            Err(_) => WriterState::Gone,
        }
    }

    pub(in crate::store) fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// Lets the writer write what it has and end.
    pub fn close(&self) {
        self.lock().changes.close();
        self.shared.wake.notify_one();
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is something to do, at the longest until the time that `until` makes of the instant
    /// since which changes wait.
    pub(in crate::store) fn wait(
        &self,
        heed: bool,
        answered: u64,
        until: impl Fn(Option<Instant>) -> Option<Instant>,
    ) -> Wake {
        let mut index = self.lock();
        loop {
            if let Some(wake) = index.changes.wake(heed, answered) {
                return wake;
            }
            let until = until(index.changes.since());
            let left = until.map(|at| at.saturating_duration_since(Instant::now()));
            index = match left {
                Some(left) if left.is_zero() => return Wake::Time,
                Some(left) => {
                    let waited = self.wake.wait_timeout(index, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => {
                    let waited = self.wake.wait(index);
                    waited.unwrap_or_else(PoisonError::into_inner)
                }
            };
        }
    }

    /// The oldest changes as they are now, and the count that is reached once they are on disk.
    pub(in crate::store) fn take(&self, most: usize) -> (Vec<(Key, Option<Entry>)>, u64) {
        let mut index = self.lock();
        let (keys, count) = index.changes.take(most);
        let now = |key: Key| {
            let entry = index.slots.get(&key).map(|slot| slot.entry.clone());
            (key, entry)
        };
        (keys.into_iter().map(now).collect(), count)
    }

    pub(in crate::store) fn changes<T>(&self, ask: impl FnOnce(&mut Changes) -> T) -> T {
        ask(&mut self.lock().changes)
    }

    /// Whether the memory has this entry exactly as it was found on disk.
    pub(in crate::store) fn is_as(&self, found: &Entry) -> bool {
        let index = self.lock();
        index
            .slots
            .get(&found.key())
            .is_some_and(|s| s.entry == *found)
    }

    /// Notes everything but `same` as changed; what is `on_disk` alone was forgotten.
    pub(in crate::store) fn note_all_but<'a>(
        &self,
        same: &HashSet<Key>,
        on_disk: impl Iterator<Item = &'a Key>,
    ) {
        let mut index = self.lock();
        let on_disk: HashSet<&Key> = on_disk.collect();
        let in_memory_only =
            |s: &Slot| s.entry.why == Some(Why::CallEnded) && !on_disk.contains(&s.entry.key());
        let slots = index.slots.iter().filter(|(_, s)| !in_memory_only(s));
        let mut differ: Vec<Key> = slots
            .map(|(key, _)| key.clone())
            .filter(|key| !same.contains(key))
            .collect();
        let forgotten = on_disk.iter().filter(|k| !index.slots.contains_key(**k));
        differ.extend(forgotten.map(|key| (*key).clone()));
        for key in differ {
            index.changes.note(&key);
        }
    }

    /// Takes up what an unreadable disk turned out to hold, and returns the calls of which the memory knows
    /// something newer.
    pub(in crate::store) fn found_late(&self, entries: Vec<Entry>) -> HashSet<Key> {
        let known = self.lock().found_late(entries);
        self.late.notify_one();
        known
    }
}

impl Index {
    fn found_late(&mut self, mut entries: Vec<Entry>) -> HashSet<Key> {
        // What ended in memory meanwhile has ended after what the disk holds, and no two have one turn.
        let latest = entries.iter().map(|e| e.turn).max().unwrap_or(0);
        self.turn += latest;
        for slot in self.slots.values_mut().filter(|s| s.entry.turn > 0) {
            slot.entry.turn += latest;
        }
        let keys = entries.iter().map(Entry::key);
        let known = keys.filter(|k| self.slots.contains_key(k)).collect();
        // Each goes to the front, so the newest goes first.
        entries.sort_by_key(|e| std::cmp::Reverse(e.turn));
        for entry in entries {
            let (key, phase) = (entry.key(), entry.phase);
            if self.slots.contains_key(&key) {
                continue;
            }
            self.insert(entry);
            match phase {
                Phase::Waiting => self.found.push(key),
                Phase::Parked => self.parked.rotate_right(1),
                Phase::CommentDue => self.comments.rotate_right(1),
                _ => self.finished.rotate_right(1),
            }
        }
        self.make_room();
        known
    }
}
