//! Cards accepted and not yet settled, and what became of the recent ones.
//!
//! Everything is held in memory and written behind by one thread (`writer`), so that a send never waits for
//! the disk; `Outbox::persist` tells when the card would outlast a power cut. What is done with is kept
//! for a while without its card, so that the same event told twice gives one card, also after a restart.
//!
//! Guarantees: one entry for each call; an entry leaves `Waiting` once; every list has a bound.

use std::collections::{HashMap, VecDeque};
use std::sync::mpsc;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::{oneshot, watch};

mod rehearsal;

pub use super::entry::{Entry, Halt, Key, Outcome, Phase, key};
use super::entry::{shortened, told};
use super::writer::{Write, Writer};
use crate::domain::call::{CallId, Skip};
use crate::domain::card::Card;
use crate::domain::deadline::{Deadline, Moment};
use crate::domain::fate::Why;

/// Cards waiting at once: 90 s of an offline line at 100 calls a second.
pub const WAITING_CARDS: usize = 10_000;
/// Cards parked for a person; the oldest makes room for the newest.
pub const PARKED_CARDS: usize = 1_000;
/// Calls remembered after they were done with: a busy office's day.
pub const FINISHED_CALLS: usize = 5_000;
/// Changes on their way to the disk; past it the disk is the fault, and cards live in memory alone.
const WRITE_QUEUE: usize = 4_096;

#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    #[error("no card of call {0} is in the outbox")]
    NoSuchCard(String),
    #[error("the card of call {call} is {phase}, not parked")]
    NotParked { call: String, phase: &'static str },
    #[error("there is no account {0} any more; give the card up: ringcard outbox drop CALL")]
    NoSuchAccount(String),
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
    turn: u64,
}

/// What has to be written after the index has changed.
#[derive(Default)]
struct Changes {
    entries: Vec<Entry>,
    forgotten: Vec<Key>,
}

pub struct Outbox {
    index: Mutex<Index>,
    writes: mpsc::SyncSender<Write>,
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
    /// Takes up what the file held; `Outbox::resume` gives out the cards that still wait.
    pub fn new(entries: Vec<Entry>) -> (Outbox, mpsc::Receiver<Write>) {
        let (writes, queue) = mpsc::sync_channel(WRITE_QUEUE);
        let outbox = Outbox {
            index: Mutex::default(),
            writes,
        };
        let mut entries = entries;
        entries.sort_by_key(|e| e.turn);
        {
            let mut index = outbox.lock();
            index.turn = entries.last().map_or(0, |e| e.turn);
            for entry in entries {
                index.insert(entry);
            }
        }
        (outbox, queue)
    }

    /// Opens the file and returns the thread's work beside the outbox.
    pub fn open(path: &std::path::Path) -> (Outbox, Writer) {
        let (file, entries) = super::writer::OutboxFile::open(path);
        let (outbox, queue) = Outbox::new(entries);
        (outbox, Writer::new(file, queue))
    }

    /// Takes a card in, unless its call has had one. It is in memory only until `persist`.
    pub fn accept(&self, entry: Entry) -> Result<Waiting, Skip> {
        let mut index = self.lock();
        match index.slots.get(&entry.key()).map(|slot| slot.entry.phase) {
            Some(Phase::Expired) => return Err(Skip::Ended),
            Some(_) => return Err(Skip::Duplicate),
            None if index.waiting >= WAITING_CARDS => return Err(Skip::Overload),
            None => {}
        }
        let halt = index.insert(entry.clone());
        Ok((entry, halt))
    }

    /// Comes when an accepted card is on disk; fails when the disk refuses it.
    pub async fn persist(&self, entry: &Entry) -> Result<(), NotDurable> {
        // A card that is done with already was written as that, and nothing is lost by staying silent.
        let waits = |index: &Index| {
            index
                .slots
                .get(&entry.key())
                .is_some_and(|s| s.entry.phase == Phase::Waiting)
        };
        let durable = {
            let index = self.lock();
            if !waits(&index) {
                return Ok(());
            }
            // Under the lock, so that no later change of this card can be written before it.
            self.write(entry)
        };
        durable.await.map_err(|_| NotDurable)
    }

    /// Gives out the cards that wait since an earlier run.
    pub fn resume(&self) -> Vec<Waiting> {
        let index = self.lock();
        let waiting = index
            .slots
            .values()
            .filter(|s| s.entry.phase == Phase::Waiting);
        waiting
            .filter_map(|s| Some((s.entry.clone(), s.halt.as_ref()?.subscribe())))
            .collect()
    }

    /// Notes a try that failed and will be repeated.
    pub fn attempted(&self, key: &Key, reason: &str) {
        if let Some(slot) = self.lock().slots.get_mut(key) {
            slot.entry.attempts += 1;
            slot.entry.reason = Some(shortened(reason));
            // Not written: a restart tries again at once, and the disk is spared a write for every try.
        }
    }

    pub fn finish(&self, key: &Key, outcome: &Outcome) {
        let mut index = self.lock();
        let changes = index.finish(key, outcome);
        drop(index);
        self.write_all(changes);
    }

    /// The call is over: its card, if it still waits, is not worth sending, and a late start of it neither.
    pub fn call_ended(&self, account: &str, call: &CallId, now: &Moment) {
        let mut index = self.lock();
        let key = key(account, call);
        match index.slots.get(&key) {
            Some(Slot {
                halt: Some(halt), ..
            }) => {
                halt.send_replace(Some(Halt::CallEnded));
            }
            Some(_) => {}
            None => {
                let deadline = Deadline::new(*now, None, std::time::Duration::ZERO);
                let nothing = Card { rows: Vec::new() };
                index.insert(Entry::new(account, call.clone(), nothing, deadline));
                let over = Outcome::Expired(Why::CallEnded);
                // Only in memory: most calls that end had no card, and none of them needs the disk.
                let forgotten = index.finish(&key, &over).forgotten;
                drop(index);
                self.write_all(Changes {
                    entries: Vec::new(),
                    forgotten,
                });
            }
        }
    }

    /// Puts a parked card back to waiting, with its time starting anew: a person asked for it.
    pub fn retry(&self, key: &Key, deadline: Deadline) -> Result<Waiting, OutboxError> {
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
            deadline,
            ..slot.entry.clone()
        };
        index.remove(key);
        let halt = index.insert(entry.clone());
        drop(index);
        drop(self.write(&entry));
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

    pub fn counts(&self) -> Counts {
        let index = self.lock();
        Counts {
            waiting: index.waiting,
            parked: index.parked.len(),
            comments: index.comments.len(),
            finished: index.finished.len(),
        }
    }

    /// Comes when the writer has worked through everything before it: proof that it lives, and that what
    /// was told before is written if the disk takes it.
    pub async fn ping(&self) -> bool {
        let (pong, came) = oneshot::channel();
        self.writes.try_send(Write::Ping(pong)).is_ok() && came.await.is_ok()
    }

    /// Lets the writer write what it has and end.
    pub fn close(&self) {
        drop(self.writes.try_send(Write::Close));
    }

    fn write_all(&self, changes: Changes) {
        for entry in changes.entries {
            drop(self.write(&entry));
        }
        for key in changes.forgotten {
            drop(self.writes.try_send(Write::Forget(key)));
        }
    }

    fn write(&self, entry: &Entry) -> oneshot::Receiver<()> {
        let (done, durable) = oneshot::channel();
        // A full queue drops `done`, and the receiver learns that the entry is not durable.
        drop(
            self.writes
                .try_send(Write::Put(Box::new(entry.clone()), done)),
        );
        durable
    }

    fn lock(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Index {
    fn insert(&mut self, entry: Entry) -> watch::Receiver<Option<Halt>> {
        let (halt, halted) = watch::channel(None);
        let key = entry.key();
        match entry.phase {
            Phase::Waiting => self.waiting += 1,
            Phase::Parked => self.parked.push_back(key.clone()),
            Phase::CommentDue => self.comments.push_back(key.clone()),
            _ => self.finished.push_back(key.clone()),
        }
        let halt = (entry.phase == Phase::Waiting).then_some(halt);
        self.slots.insert(key, Slot { entry, halt });
        halted
    }

    fn remove(&mut self, key: &Key) -> Option<Slot> {
        let slot = self.slots.remove(key)?;
        match slot.entry.phase {
            Phase::Waiting => self.waiting -= 1,
            Phase::Parked => self.parked.retain(|k| k != key),
            Phase::CommentDue => self.comments.retain(|k| k != key),
            _ => self.finished.retain(|k| k != key),
        }
        Some(slot)
    }

    fn finish(&mut self, key: &Key, outcome: &Outcome) -> Changes {
        let mut changes = Changes::default();
        self.end(key, outcome, &mut changes);
        if self.parked.len() > PARKED_CARDS
            && let Some(oldest) = self.parked.front().cloned()
        {
            let reason = Outcome::Dropped(Why::NoRoom);
            self.end(&oldest, &reason, &mut changes);
        }
        while self.finished.len() > FINISHED_CALLS
            && let Some(oldest) = self.finished.pop_front()
        {
            self.slots.remove(&oldest);
            changes.forgotten.push(oldest);
        }
        changes
    }

    fn end(&mut self, key: &Key, outcome: &Outcome, changes: &mut Changes) {
        let Some(slot) = self.remove(key) else { return };
        let (phase, why) = match outcome {
            Outcome::Settled => (Phase::Settled, None),
            Outcome::Expired(why) => (Phase::Expired, Some(*why)),
            Outcome::ExpiredWithComment(why) => (Phase::CommentDue, Some(*why)),
            Outcome::Parked(_) => (Phase::Parked, None),
            Outcome::Dropped(why) => (Phase::Dropped, Some(*why)),
        };
        let reason = match outcome {
            Outcome::Settled => None,
            Outcome::Parked(reason) => Some(shortened(reason)),
            _ => why.map(|why| told(why, slot.entry.reason.as_deref())),
        };
        self.turn += 1;
        let mut entry = Entry {
            phase,
            turn: self.turn,
            attempts: slot.entry.attempts + 1,
            reason,
            why,
            ..slot.entry
        };
        if phase.is_finished() {
            entry.card = None;
        }
        self.insert(entry.clone());
        changes.entries.push(entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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

    fn entry(call: &str) -> Entry {
        let deadline = Deadline::new(now(), None, Duration::from_secs(90));
        Entry::new(
            "office",
            CallId::parse(call).unwrap(),
            Card { rows: vec![] },
            deadline,
        )
    }

    fn outbox() -> (Outbox, mpsc::Receiver<Write>) {
        Outbox::new(Vec::new())
    }

    #[test]
    fn one_call_has_one_card() {
        let (outbox, _writes) = outbox();
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

    #[test]
    fn the_end_of_a_call_halts_its_card_and_forbids_a_later_one() {
        let (outbox, _writes) = outbox();
        let (_, halt) = outbox.accept(entry("a")).unwrap();
        outbox.call_ended("office", &entry("a").call, &now());
        assert_eq!(*halt.borrow(), Some(Halt::CallEnded));
        outbox.call_ended("office", &entry("b").call, &now());
        assert_eq!(outbox.accept(entry("b")).err(), Some(Skip::Ended));
    }

    #[test]
    fn a_parked_card_can_be_retried_or_dropped_once() {
        let (outbox, _writes) = outbox();
        let key = entry("a").key();
        outbox.accept(entry("a")).unwrap();
        let deadline = entry("a").deadline;
        assert!(matches!(
            outbox.retry(&key, deadline),
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
        let (again, _) = outbox.retry(&key, deadline).unwrap();
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
    fn each_list_ends_at_its_bound() {
        let (outbox, writes) = outbox();
        for i in 0..WAITING_CARDS {
            assert!(outbox.accept(entry(&format!("w{i}"))).is_ok());
            let _ = writes.try_recv();
        }
        assert_eq!(outbox.accept(entry("one-more")).err(), Some(Skip::Overload));
        let mut forgotten = 0;
        for i in 0..WAITING_CARDS {
            let outcome = match i <= PARKED_CARDS {
                true => Outcome::Parked("refused".into()),
                false => Outcome::Settled,
            };
            outbox.finish(&format!("office/w{i}"), &outcome);
            let forget = |w: &Write| matches!(w, Write::Forget(_));
            forgotten += writes.try_iter().filter(forget).count();
        }
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
    async fn a_full_queue_means_not_durable_and_never_a_wait() {
        let (outbox, _writes) = outbox();
        for i in 0..WRITE_QUEUE {
            let (entry, _) = outbox.accept(entry(&format!("c{i}"))).unwrap();
            drop(outbox.write(&entry));
        }
        let (entry, _) = outbox.accept(entry("one-more")).unwrap();
        assert_eq!(outbox.persist(&entry).await, Err(NotDurable));
    }
}
