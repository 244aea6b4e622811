//! Which entries the disk does not have as they are now, and how the writer and those who wait for it meet.
//!
//! A set of names and not a queue of copies: however long the disk stalls, nothing is refused or dropped, and
//! an entry that changes three times meanwhile is written once. Beyond `NAMED`, and after the disk has failed a
//! write, names are of no use: the file is then read again and compared with the memory, entry by entry.

use std::collections::{HashSet, VecDeque};
use std::time::Instant;

use super::entry::Key;

/// Entries named as changed; about as many as the outbox can hold.
pub(super) const NAMED: usize = 20_000;

#[derive(Default)]
pub(super) struct Changes {
    named: HashSet<Key>,
    /// In the order in which they changed, each with the count of changes at that time.
    order: VecDeque<(u64, Key)>,
    /// How many changes there were.
    count: u64,
    /// When the oldest of them was noted.
    since: Option<Instant>,
    /// Somebody waits for the disk.
    urgent: bool,
    /// The names are not all.
    compare: bool,
    pings: u64,
    closed: bool,
}

/// Why the writer is to do something before the time it waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wake {
    Time,
    Urgent,
    Pinged(u64),
    Closed,
}

/// How far the writer has come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Progress {
    /// Changes up to this count are on disk.
    pub(super) written: u64,
    /// The disk has failed the last write.
    pub(super) refused: bool,
    pub(super) pongs: u64,
    /// The file was read at the start, or could not be.
    pub(super) was_read: bool,
    pub(super) state: WriterState,
}

/// What the writer's thread is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WriterState {
    #[default]
    Idle,
    /// It waits for the disk since then.
    Committing(Instant),
    /// It gives free space back since then, which may take long on a disk that works.
    Compacting(Instant),
    /// It has ended.
    Gone,
}

impl Changes {
    /// Notes that an entry has changed, was forgotten or is new. The answer is what `Progress::written` must
    /// reach for this change to be on disk.
    pub(super) fn note(&mut self, key: &Key) -> u64 {
        self.count += 1;
        self.since = self.since.or_else(|| Some(Instant::now()));
        if self.named.len() >= NAMED {
            self.fail();
        }
        if !self.compare && self.named.insert(key.clone()) {
            self.order.push_back((self.count, key.clone()));
        }
        self.count
    }

    pub(super) fn hurry(&mut self) {
        self.urgent = true;
    }

    /// The oldest names, and the count that is reached once they are written.
    pub(super) fn take(&mut self, most: usize) -> (Vec<Key>, u64) {
        let taken: Vec<Key> = (0..most)
            .map_while(|_| self.order.pop_front())
            .map(|(_, key)| key)
            .collect();
        for key in &taken {
            self.named.remove(key);
        }
        match self.order.front() {
            Some((next, _)) => (taken, next - 1),
            None => {
                (self.urgent, self.since) = (false, None);
                (taken, self.count)
            }
        }
    }

    /// What was taken did not get to the disk.
    pub(super) fn fail(&mut self) {
        self.named.clear();
        self.order.clear();
        self.compare = true;
    }

    /// From here on changes are named again; the others are found by comparing.
    pub(super) fn begin_comparing(&mut self) {
        self.compare = false;
    }

    pub(super) fn must_compare(&self) -> bool {
        self.compare
    }

    pub(super) fn since(&self) -> Option<Instant> {
        self.since
    }

    pub(super) fn ping(&mut self) -> u64 {
        self.pings += 1;
        self.pings
    }

    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    /// `heed`: urgent changes count. They don't while the disk refuses.
    pub(super) fn wake(&self, heed: bool, answered: u64) -> Option<Wake> {
        match self {
            _ if self.closed => Some(Wake::Closed),
            _ if self.pings > answered => Some(Wake::Pinged(self.pings)),
            _ if self.urgent && heed => Some(Wake::Urgent),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_often_is_written_once_and_in_order() {
        let mut changes = Changes::default();
        for key in ["a", "b", "a", "c"] {
            changes.note(&key.into());
        }
        // "a" has changed again after "b": with it alone not all of its changes are counted as written.
        assert_eq!(changes.take(1), (vec!["a".to_owned()], 1));
        assert!(changes.since().is_some());
        assert_eq!(changes.take(9), (vec!["b".to_owned(), "c".to_owned()], 4));
        assert!(changes.since().is_none());
        assert_eq!(changes.take(9), (vec![], 4));
    }

    #[test]
    fn too_many_names_are_replaced_by_a_comparison() {
        let mut changes = Changes::default();
        for i in 0..=NAMED {
            assert!(!changes.must_compare());
            changes.note(&i.to_string());
        }
        assert!(changes.must_compare());
        assert!(changes.take(9).0.is_empty());
        changes.begin_comparing();
        changes.note(&"a".into());
        assert_eq!(changes.take(9).0, ["a"]);
    }
}
