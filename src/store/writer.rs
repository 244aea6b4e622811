//! The thread that brings the outbox to disk. docs/store.md has the file's layout and what we need of the disk.
//!
//! Changes that come while a commit runs go into the next one together, so a burst of calls costs a few
//! fsyncs and not one each. A card's end waits for company: losing it costs that Hipcall is asked for the card
//! before it is sent again. A disk that refuses a commit is tried again every few seconds; until then cards
//! live in memory, and then everything in which the file differs from the memory is written.
//!
//! Guarantees: what is told as written has been synced; a fault of the disk never ends this thread, and never
//! makes it forget what is unwritten.

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::changes::{Changes, Progress, Wake, WriterState};
use super::drive::Drive;
use super::file::{FileError, OutboxFile};
use super::outbox::{Outbox, Shared};

/// How long a card's end waits for other changes before it is committed: longer than the pause between calls
/// in an office that has any, so that its end rides with the next call's beginning.
const LINGER: Duration = Duration::from_secs(300);
/// How long a card waits for others, or for its own delivery, before it is committed: nothing beside the 5 to
/// 100 ms that an SD card takes, and each commit saved is an fsync saved.
const GATHER: Duration = Duration::from_millis(2);
/// How soon a disk that refused is tried again; each time later, up to the longest, since a try reads the file
/// and writes some pages of it.
const DISK_RETRY: Duration = Duration::from_secs(5);
const DISK_RETRY_LONGEST: Duration = Duration::from_secs(60);
/// Entries written at a time.
const COMMIT_CHANGES: usize = 1_024;
/// How long nothing was written before the file is compacted, and how often at most: it takes the disk for
/// itself, and writes the file anew.
const COMPACT_REST: Duration = Duration::from_secs(60);
const COMPACT_EVERY: Duration = Duration::from_secs(3600);
/// How long a damage found is told: somebody should have looked within a day.
const DAMAGE_TOLD: Duration = Duration::from_secs(24 * 3600);

/// Tells the daemon how the disk does.
pub trait DiskReport: Send {
    /// Told at each try, with the reason and with what to do.
    fn disk_refused(&mut self, reason: &str, advice: &str);
    fn disk_recovered(&mut self);
    fn outbox_damaged(&mut self, what: &str);
    /// The damage is old news.
    fn damage_is_past(&mut self);
}

/// The waits, so that tests need not wait.
#[derive(Clone, Copy)]
pub(super) struct Pace {
    pub(super) linger: Duration,
    pub(super) gather: Duration,
    pub(super) disk_retry: Duration,
    pub(super) compact_rest: Duration,
    pub(super) compact_every: Duration,
    pub(super) damage_told: Duration,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace {
            linger: LINGER,
            gather: GATHER,
            disk_retry: DISK_RETRY,
            compact_rest: COMPACT_REST,
            compact_every: COMPACT_EVERY,
            damage_told: DAMAGE_TOLD,
        }
    }
}

pub struct Writer {
    file: OutboxFile,
    shared: Arc<Shared>,
    progress: watch::Sender<Progress>,
    pub(super) pace: Pace,
    /// While the disk refuses: when it is tried next.
    retry_at: Option<Instant>,
    pause: Duration,
    compact_at: Option<Instant>,
    compacted: Option<Instant>,
    damage_told_until: Option<Instant>,
}

impl Writer {
    /// The file is read by the thread: a disk that does not answer holds up nobody else.
    pub(super) fn new(drive: Arc<dyn Drive>, path: &Path) -> (Outbox, Writer) {
        let (outbox, shared, progress) = Outbox::new();
        let writer = Writer {
            file: OutboxFile::new(drive, path),
            shared,
            progress,
            pace: Pace::default(),
            retry_at: None,
            pause: Duration::ZERO,
            compact_at: None,
            compacted: None,
            damage_told_until: None,
        };
        (outbox, writer)
    }

    /// Runs until the outbox is closed or dropped, then writes what is left.
    pub fn run(mut self, mut report: impl DiskReport) {
        self.begin(&mut report);
        let mut answered = 0;
        loop {
            let heed = self.retry_at.is_none();
            match self.shared.wait(heed, answered, |since| self.next(since)) {
                Wake::Closed => {
                    while self.has_work() && self.commit(&mut report) {}
                    return self.file.close();
                }
                Wake::Pinged(ping) => {
                    answered = ping;
                    self.progress.send_modify(|p| p.pongs = ping);
                }
                Wake::Urgent => {
                    thread::sleep(self.pace.gather);
                    self.commit(&mut report);
                }
                Wake::Time => self.on_time(&mut report),
            }
        }
    }

    fn begin(&mut self, report: &mut impl DiskReport) {
        let read = self.at_work(WriterState::Committing, Writer::reopen);
        self.tell_damage(report);
        match read {
            Ok(()) => self.progress.send_modify(|p| p.state = WriterState::Idle),
            Err(problem) => self.refused(&problem, report),
        }
        self.progress.send_modify(|p| p.was_read = true);
        self.plan_compaction();
    }

    /// When something is due by itself, with the oldest change noted at `since`.
    fn next(&self, since: Option<Instant>) -> Option<Instant> {
        let lingered = since.map(|at| at + self.pace.linger);
        let written = self.retry_at.or(lingered);
        let others = [self.compact_at, self.damage_told_until];
        others.into_iter().flatten().chain(written).min()
    }

    fn on_time(&mut self, report: &mut impl DiskReport) {
        let now = Instant::now();
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if is_due(self.damage_told_until) {
            self.damage_told_until = None;
            report.damage_is_past();
        }
        let since = self.shared.changes(|c| c.since());
        if is_due(self.retry_at.or(since.map(|at| at + self.pace.linger))) {
            self.commit(report);
        } else if is_due(self.compact_at) {
            self.compact(report);
        }
    }

    fn has_work(&self) -> bool {
        self.shared
            .changes(|c| c.since().is_some() || c.must_compare())
    }

    /// One commit. False if the disk refused it.
    fn commit(&mut self, report: &mut impl DiskReport) -> bool {
        let result = self.at_work(WriterState::Committing, |writer| writer.write());
        self.tell_damage(report);
        match result {
            Ok(written) => {
                self.progress.send_modify(|p| {
                    (p.written, p.refused) = (written, false);
                    p.state = WriterState::Idle;
                });
                if self.retry_at.take().is_some() {
                    report.disk_recovered();
                }
                self.plan_compaction();
                true
            }
            Err(e) => {
                self.refused(&e, report);
                false
            }
        }
    }

    /// While it runs, the disk is waited for. The state is left to the caller: first comes what it has to tell.
    fn at_work<T>(
        &mut self,
        state: fn(Instant) -> WriterState,
        work: impl FnOnce(&mut Writer) -> T,
    ) -> T {
        let now = Instant::now();
        self.progress.send_modify(|p| p.state = state(now));
        work(self)
    }

    fn write(&mut self) -> Result<u64, FileError> {
        if !self.file.is_open() || self.shared.changes(|c| c.must_compare()) {
            self.reopen()?;
        }
        let (changes, count) = self.shared.take(COMMIT_CHANGES);
        if !changes.is_empty() {
            self.file.commit(&changes)?;
        }
        Ok(count)
    }

    /// Opens the file again, and finds out in what it differs from the memory.
    fn reopen(&mut self) -> Result<(), FileError> {
        self.file.close();
        // First, so that what changes while the file is read is named.
        self.shared.changes(Changes::begin_comparing);
        let (shared, was_read) = (self.shared.clone(), self.file.was_read());
        let mut same = std::collections::HashSet::new();
        let mut late = Vec::new();
        self.file.open(&mut |entry| {
            if shared.is_as(&entry) {
                same.insert(entry.key());
            } else if !was_read {
                late.push(entry);
            }
        })?;
        same.extend(late.iter().map(|entry| entry.key()));
        // What the memory knew already differs, and is among these no more.
        let known = shared.found_late(late);
        same.retain(|key| !known.contains(key));
        shared.note_all_but(&same, self.file.keys());
        Ok(())
    }

    fn refused(&mut self, error: &FileError, report: &mut impl DiskReport) {
        self.shared.changes(Changes::fail);
        self.file.close();
        self.pause = match self.retry_at {
            None => self.pace.disk_retry,
            Some(_) => (self.pause * 2).min(DISK_RETRY_LONGEST),
        };
        self.retry_at = Some(Instant::now() + self.pause);
        report.disk_refused(&error.to_string(), error.advice());
        self.progress
            .send_modify(|p| (p.refused, p.state) = (true, WriterState::Idle));
    }

    fn tell_damage(&mut self, report: &mut impl DiskReport) {
        if let Some(damage) = self.file.take_damage() {
            report.outbox_damaged(&damage.told());
            self.damage_told_until = Some(Instant::now() + self.pace.damage_told);
        }
    }

    fn plan_compaction(&mut self) {
        self.compact_at = self.file.is_over_budget().then(|| {
            let rest = Instant::now() + self.pace.compact_rest;
            let next = self.compacted.map(|last| last + self.pace.compact_every);
            rest.max(next.unwrap_or(rest))
        });
    }

    fn compact(&mut self, report: &mut impl DiskReport) {
        self.compacted = Some(Instant::now());
        match self.at_work(WriterState::Compacting, |writer| writer.file.compact()) {
            Ok(()) => {
                self.progress.send_modify(|p| p.state = WriterState::Idle);
                self.plan_compaction();
            }
            Err(e) => self.refused(&e, report),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.progress.send_modify(|p| p.state = WriterState::Gone);
    }
}

#[cfg(test)]
mod tests;
