//! Cards accepted and not yet settled, and what became of the recent ones.
//!
//! Everything is held in memory and written behind by one thread (`writer`), so that a send never waits for
//! the disk; `Outbox::persist` tells when the card would outlast a power cut. The writer is told which entries
//! have changed (`changes`) and takes them as they are when it gets to them. What is done with is kept
//! for a while without its card, so that the same event told twice gives one card, also after a restart.
//!
//! Guarantees: one entry for each call; an entry leaves `Waiting` once; every list has a bound.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, MutexGuard};

use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, watch};

mod comments;
mod copy;
mod index;
mod rehearsal;
mod shared;

pub use super::changes::WriterState;
use super::changes::{Changes, Progress};
pub use super::entry::{Entry, Halt, Key, Outcome, Phase, key};
use super::entry::{shortened, told};
use super::writer::Writer;
use crate::domain::call::{CallId, Skip};
use crate::domain::card::Card;
use crate::domain::deadline::{Deadline, Moment};
use crate::domain::fate::Why;

pub use copy::write_copy;
pub(super) use shared::Shared;

/// Cards waiting at once: 90 s of an offline line at 100 calls a second.
pub const WAITING_CARDS: usize = 10_000;
/// Cards parked for a person; the oldest makes room for the newest.
pub const PARKED_CARDS: usize = 1_000;
/// What all cards may take that wait, are parked or are to be told in a comment: a usual one has some 500 bytes.
pub const CARD_BYTES: usize = 16 << 20;
/// Calls remembered after they were done with: a busy office's day.
pub const FINISHED_CALLS: usize = 5_000;
/// Comments due; the oldest is given up for the newest.
pub const COMMENTS_DUE: usize = 1_000;

#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    #[error("no card of call {0} is in the outbox")]
    NoSuchCard(String),
    #[error("the card of call {call} is {phase}, not parked")]
    NotParked { call: String, phase: &'static str },
    #[error("there is no account {0} any more; give the card up: ringcard outbox drop CALL")]
    NoSuchAccount(String),
    #[error(
        "the call {0} is over by now, and nobody would see its card; give it up: ringcard outbox drop {0}"
    )]
    TooLate(String),
    #[error("the card of call {0} is done with already")]
    Finished(String),
}

/// The disk did not take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the disk did not take the card")]
pub struct NotDurable;

/// A card to be delivered, and what may halt it.
pub type Waiting = (Entry, watch::Receiver<Option<Halt>>);

struct Slot {
    entry: Entry,
    halt: Option<watch::Sender<Option<Halt>>>,
}

#[derive(Default)]
struct Index {
    slots: HashMap<Key, Slot>,
    parked: VecDeque<Key>,
    /// Calls whose comment is due.
    comments: VecDeque<Key>,
    finished: VecDeque<Key>,
    waiting: usize,
    /// What the cards take that are kept.
    card_bytes: usize,
    turn: u64,
    /// What the disk has to learn.
    changes: Changes,
    /// What ended without anybody waiting for it, until it is counted.
    let_go: Vec<(String, Why)>,
    /// Cards found waiting on a disk that could not be read at the start.
    found: Vec<Key>,
}

pub struct Outbox {
    shared: Arc<Shared>,
    progress: watch::Receiver<Progress>,
    comment_due: Notify,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub waiting: usize,
    pub parked: usize,
    /// Comments to be written into the records of calls that got no card in time.
    #[serde(default)]
    pub comments: usize,
    pub finished: usize,
}

impl Outbox {
    /// Empty until the writer has read the file.
    pub(super) fn new() -> (Outbox, Arc<Shared>, watch::Sender<Progress>) {
        let shared = Arc::new(Shared::default());
        let (told, progress) = watch::channel(Progress::default());
        let outbox = Outbox {
            shared: shared.clone(),
            progress,
            comment_due: Notify::new(),
        };
        (outbox, shared, told)
    }

    /// One that nobody writes.
    pub fn in_memory() -> Outbox {
        Outbox::new().0
    }

    /// The outbox, and its thread's work, which begins with reading the file.
    pub fn open(path: &std::path::Path) -> (Outbox, Writer) {
        Writer::new(Arc::new(super::drive::FileSystem), path)
    }

    /// Comes when the writer has read the file, or has found that it can't. What it finds later than anybody waits
    /// for this comes through `found_late`.
    pub async fn was_read(&self) -> bool {
        let mut progress = self.progress.clone();
        progress.wait_for(|p| p.was_read).await.is_ok()
    }

    /// Takes a card in, unless its call has had one. It is in memory only until `persist`.
    pub fn accept(&self, entry: Entry) -> Result<Waiting, Skip> {
        let mut index = self.lock();
        match index.slots.get(&entry.key()).map(|slot| slot.entry.phase) {
            Some(Phase::Expired) => return Err(Skip::Ended),
            Some(_) => return Err(Skip::Duplicate),
            None if index.waiting >= WAITING_CARDS => return Err(Skip::Overload),
            None if !index.has_room_for(&entry) => return Err(Skip::Overload),
            None => {}
        }
        let halt = index.insert(entry.clone());
        index.changes.note(&entry.key());
        Ok((entry, halt))
    }

    /// Comes when an accepted card is on disk; fails when the disk refuses it.
    pub async fn persist(&self, entry: &Entry) -> Result<(), NotDurable> {
        let change = {
            let mut index = self.lock();
            // A card that is done with already is written as that, and nothing is lost by staying silent.
            let slot = index.slots.get(&entry.key());
            if slot.is_none_or(|s| s.entry.phase != Phase::Waiting) {
                return Ok(());
            }
            index.changes.hurry();
            index.changes.note(&entry.key())
        };
        self.written(change).await
    }

    async fn written(&self, change: u64) -> Result<(), NotDurable> {
        self.shared.wake.notify_one();
        let mut progress = self.progress.clone();
        let told = progress.wait_for(|p| p.refused || p.written >= change);
        let written = told.await.is_ok_and(|p| p.written >= change);
        written.then_some(()).ok_or(NotDurable)
    }

    /// Gives out the cards that wait since an earlier run, oldest first. Whether they were sent is not known:
    /// a card's end is not written at once.
    pub fn resume(&self) -> Vec<Waiting> {
        let mut index = self.lock();
        index.found.clear();
        let slots = index.slots.values_mut();
        let mut given: Vec<Waiting> = slots.filter_map(Slot::resumed).collect();
        given.sort_by_key(|(entry, _)| {
            let accepted = entry.deadline.accepted();
            (accepted.wall, accepted.since_boot)
        });
        given
    }

    /// Notes a try that failed and will be repeated, and whether Hipcall may have the card all the same.
    pub fn attempted(&self, key: &Key, reason: &str, may_have_arrived: bool) {
        if let Some(slot) = self.lock().slots.get_mut(key) {
            slot.entry.attempts += 1;
            slot.entry.uncertain |= may_have_arrived;
            slot.entry.reason = Some(shortened(reason));
            // Not written: a restart tries again at once, and the disk is spared a write for every try.
        }
    }

    pub fn finish(&self, key: &Key, outcome: &Outcome) {
        self.lock().finish(key, outcome);
        self.shared.wake.notify_one();
        if matches!(outcome, Outcome::ExpiredWithComment(_)) {
            self.comment_due.notify_waiters();
        }
    }

    /// The call is over: its card, if it still waits, is not worth sending, and a late start of it neither. Comes
    /// when a restart would know it too, or the disk refuses.
    pub async fn call_ended(&self, account: &str, call: &CallId, now: &Moment) {
        let change = self.lock().call_ended(account, call, now);
        if let Some(change) = change {
            // Without the disk there is a restart to fear, and nothing to be done about it.
            let _ = self.written(change).await;
        }
    }

    /// Puts a parked card back to waiting: a person asked for it.
    pub fn retry(&self, key: &Key) -> Result<Waiting, OutboxError> {
        let mut index = self.lock();
        let slot = index
            .slots
            .get(key)
            .ok_or_else(|| OutboxError::NoSuchCard(key.clone()))?;
        if slot.entry.phase != Phase::Parked {
            let phase = slot.entry.phase.as_str();
            return Err(OutboxError::NotParked {
                call: key.clone(),
                phase,
            });
        }
        let entry = Entry {
            phase: Phase::Waiting,
            ..slot.entry.clone()
        };
        index.remove(key);
        let halt = index.insert(entry.clone());
        index.changes.hurry();
        index.changes.note(key);
        drop(index);
        self.shared.wake.notify_one();
        Ok((entry, halt))
    }

    /// Gives a card up by hand.
    pub fn drop_card(&self, key: &Key) -> Result<(), OutboxError> {
        let index = self.lock();
        let slot = index
            .slots
            .get(key)
            .ok_or_else(|| OutboxError::NoSuchCard(key.clone()))?;
        if let Some(halt) = &slot.halt {
            halt.send_replace(Some(Halt::DroppedByHand));
            return Ok(());
        }
        if slot.entry.phase.is_finished() {
            return Err(OutboxError::Finished(key.clone()));
        }
        drop(index);
        self.finish(key, &Outcome::Dropped(Why::ByHand));
        Ok(())
    }

    /// Waiting and parked cards and what became of the rest, newest last.
    pub fn list(&self) -> Vec<Entry> {
        let index = self.lock();
        let mut entries: Vec<Entry> = index.slots.values().map(|s| s.entry.clone()).collect();
        entries.sort_by_key(|e| (e.turn == 0, e.turn, e.deadline.accepted().wall));
        entries
    }

    /// Entries whose call id or key is `name`.
    pub fn find(&self, name: &str) -> Vec<Entry> {
        let index = self.lock();
        let named = |s: &&Slot| s.entry.call.as_str() == name || s.entry.key() == name;
        index
            .slots
            .values()
            .filter(named)
            .map(|s| s.entry.clone())
            .collect()
    }

    /// What ended since the last time without a delivery that could tell: it made room, or a person gave it up.
    pub fn take_let_go(&self) -> Vec<(String, Why)> {
        std::mem::take(&mut self.lock().let_go)
    }

    pub fn counts(&self) -> Counts {
        let index = self.lock();
        Counts {
            waiting: index.waiting,
            parked: index.parked.len(),
            comments: index.comments.len(),
            finished: index.finished.len(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Index> {
        self.shared.lock()
    }
}

impl Slot {
    /// A card that waits since an earlier run.
    fn resumed(&mut self) -> Option<Waiting> {
        let halt = self.halt.as_ref()?.subscribe();
        self.entry.uncertain = true;
        Some((self.entry.clone(), halt))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::card::Row;
    use jiff::Timestamp;
    use std::time::Duration;

    fn now() -> Moment {
        Moment {
            boot: 1,
            since_boot: Duration::from_secs(5),
            wall: Timestamp::UNIX_EPOCH,
            belief: Default::default(),
        }
    }

    pub(super) fn entry(call: &str) -> Entry {
        let deadline = Deadline::new(now(), None, Duration::from_secs(90));
        Entry::new(
            "office",
            CallId::parse(call).unwrap(),
            Card { rows: vec![] },
            deadline,
        )
    }

    pub(super) fn outbox() -> (Outbox, Arc<Shared>) {
        let (outbox, shared, _) = Outbox::new();
        (outbox, shared)
    }

    #[test]
    fn one_call_has_one_card() {
        let (outbox, _) = outbox();
        assert!(outbox.accept(entry("a")).is_ok());
        assert_eq!(outbox.accept(entry("a")).err(), Some(Skip::Duplicate));
        outbox.finish(&"office/a".into(), &Outcome::Settled);
        assert_eq!(outbox.accept(entry("a")).err(), Some(Skip::Duplicate));
        let other = Entry {
            account: "branch".into(),
            ..entry("a")
        };
        assert!(outbox.accept(other).is_ok());
    }

    #[tokio::test]
    async fn the_end_of_a_call_halts_its_card_and_forbids_a_later_one() {
        let (outbox, _) = outbox();
        let (_, halt) = outbox.accept(entry("a")).unwrap();
        outbox.call_ended("office", &entry("a").call, &now()).await;
        assert_eq!(*halt.borrow(), Some(Halt::CallEnded));
        outbox.call_ended("office", &entry("b").call, &now()).await;
        assert_eq!(outbox.accept(entry("b")).err(), Some(Skip::Ended));
    }

    #[test]
    fn a_parked_card_can_be_retried_or_dropped_once() {
        let (outbox, _) = outbox();
        let key = entry("a").key();
        outbox.accept(entry("a")).unwrap();
        assert!(matches!(
            outbox.retry(&key),
            Err(OutboxError::NotParked { .. })
        ));
        outbox.finish(&key, &Outcome::Parked("token refused".into()));
        assert_eq!(
            outbox.counts(),
            Counts {
                waiting: 0,
                parked: 1,
                comments: 0,
                finished: 0
            }
        );
        let (again, _) = outbox.retry(&key).unwrap();
        assert_eq!((again.phase, again.card.is_some()), (Phase::Waiting, true));
        outbox.finish(&key, &Outcome::Parked("token refused".into()));
        outbox.drop_card(&key).unwrap();
        assert!(matches!(
            outbox.drop_card(&key),
            Err(OutboxError::Finished(_))
        ));
        assert!(matches!(
            outbox.drop_card(&"office/x".into()),
            Err(OutboxError::NoSuchCard(_))
        ));
        assert_eq!(outbox.find("a")[0].card, None);
    }

    #[test]
    fn large_cards_end_at_their_bytes_and_what_no_call_waits_for_makes_room() {
        let (outbox, _writes) = outbox();
        let link = Some(format!("https://crm.example/{}", "x".repeat(2_000)));
        let row = Row::Title {
            text: "x".repeat(4_000),
            link,
        };
        let rows = vec![row; 12];
        let large = |call: &str| Entry {
            card: Some(Card { rows: rows.clone() }),
            ..entry(call)
        };
        let fit = CARD_BYTES / large("a").card_bytes();
        assert!((100..1_000).contains(&fit), "{fit}");
        for n in 0..fit {
            assert!(outbox.accept(large(&format!("c{n}"))).is_ok(), "{n}");
        }
        assert_eq!(outbox.accept(large("more")).err(), Some(Skip::Overload));
        assert!(
            outbox.accept(entry("small")).is_ok(),
            "an empty card needs no room"
        );
        outbox.finish(&"office/c0".into(), &Outcome::Parked("refused".into()));
        outbox.finish(
            &"office/c1".into(),
            &Outcome::ExpiredWithComment(Why::TooLate),
        );
        for (call, gone) in [("new", "c1"), ("newer", "c0")] {
            assert!(outbox.accept(large(call)).is_ok());
            let gone = &outbox.find(gone)[0];
            assert_eq!((gone.phase, gone.why), (Phase::Dropped, Some(Why::NoRoom)));
        }
        assert_eq!(outbox.accept(large("more")).err(), Some(Skip::Overload));
        outbox.finish(&"office/c2".into(), &Outcome::Settled);
        assert!(outbox.accept(large("more")).is_ok());
    }

    #[test]
    fn each_list_ends_at_its_bound() {
        let (outbox, shared) = outbox();
        for i in 0..WAITING_CARDS {
            assert!(outbox.accept(entry(&format!("w{i}"))).is_ok());
        }
        assert_eq!(outbox.accept(entry("one-more")).err(), Some(Skip::Overload));
        for i in 0..WAITING_CARDS {
            let outcome = match i <= PARKED_CARDS {
                true => Outcome::Parked("refused".into()),
                false => Outcome::Settled,
            };
            outbox.finish(&format!("office/w{i}"), &outcome);
        }
        let (changes, _) = shared.take(usize::MAX);
        let forgotten = changes.iter().filter(|(_, entry)| entry.is_none()).count();
        assert_eq!(forgotten, WAITING_CARDS - PARKED_CARDS - FINISHED_CALLS);
        let expected = Counts {
            waiting: 0,
            parked: PARKED_CARDS,
            comments: 0,
            finished: FINISHED_CALLS,
        };
        assert_eq!(outbox.counts(), expected);
        assert_eq!(outbox.list().len(), PARKED_CARDS + FINISHED_CALLS);
        assert!(outbox.find("w0").is_empty() && !outbox.find("w1").is_empty());
    }

    #[tokio::test]
    async fn what_is_found_late_is_older_than_what_is_known() {
        let (outbox, shared) = outbox();
        outbox.accept(entry("known")).unwrap();
        outbox.finish(&"office/known".into(), &Outcome::Settled);
        let done = |call: &str, turn| Entry {
            phase: Phase::Settled,
            turn,
            ..entry(call)
        };
        let older = vec![
            entry("waits"),
            done("second", 2),
            entry("known"),
            done("first", 1),
        ];
        shared.found_late(older);
        let calls: Vec<String> = outbox.list().iter().map(|e| e.call.to_string()).collect();
        assert_eq!(calls, ["first", "second", "known", "waits"]);
        let mut turns: Vec<u64> = outbox.list().iter().map(|e| e.turn).collect();
        turns.dedup();
        assert_eq!(turns, [1, 2, 3, 0]);
        assert_eq!(outbox.find("known")[0].phase, Phase::Settled);
        let late = outbox.found_late().await;
        assert_eq!(late[0].0.call.as_str(), "waits");
        assert_eq!(outbox.accept(entry("second")).err(), Some(Skip::Duplicate));
    }
}
