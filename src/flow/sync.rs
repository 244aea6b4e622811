//! The copy is renewed: source -> records -> contacts -> load -> publish.
//!
//! A load is thrown away whole when anything about it is wrong, and the published copy goes on serving. The
//! same content is not loaded twice: the disk is an SD card.

use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;

use super::office::Feed;
pub use super::report::{Outcome, Report, SyncError};
use crate::source::csv::{Progress, ReadReport};
use crate::source::error::{SourceError, Verdict};
use crate::source::file::Picked;
use crate::source::reject::Rejects;
use crate::store::load::{Load, LoadError};

/// A load that would remove more than this share of the contacts, and more than `REMOVED_ROWS`, is held
/// until a person accepts it: half a CRM deleted by mistake must not empty the office's screens.
const REMOVED_SHARE: f64 = 0.1;
const REMOVED_ROWS: u32 = 20;

/// How a sync is to be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Order {
    pub accept_removals: bool,
    /// Read and count only.
    pub dry_run: bool,
}

/// What a feed remembers between syncs.
#[derive(Debug, Default)]
pub struct Memory {
    /// The content that was held back, so that it is not loaded again only to be held again.
    held: Mutex<Option<(String, u32, u32)>>,
}

/// One sync, on a thread that may wait for the disk.
pub fn sync(
    feed: &Feed,
    memory: &Memory,
    order: Order,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, SyncError> {
    let start = Instant::now();
    let picked = pick(feed)?;
    if order.dry_run {
        return dry_run(feed, &picked, progress, start);
    }
    if let Some(facts) = feed.shelf.current().map(|r| r.facts.clone()) {
        let digest = feed.source.digest(&picked)?.to_string();
        if digest == facts.digest {
            feed.source.settle(&picked)?;
            return Ok(Report {
                source: feed.source.name().to_owned(),
                outcome: Outcome::Unchanged,
                rows: 0,
                contacts: facts.contacts.into(),
                numbers: facts.numbers,
                rejects: Rejects::default(),
                seconds: start.elapsed().as_secs_f64(),
            });
        }
        memory.refuse_held(feed, &digest, order)?;
    }
    let mut load = Load::begin(&feed.shelf)?;
    let read = feed
        .source
        .read(&picked, progress, &mut |contact| load.add(&contact))
        .map_err(SyncError::from_read)?;
    check(feed, &read, load.contacts(), memory, order)?;
    let as_of = Timestamp::try_from(picked.modified()).unwrap_or_else(|_| Timestamp::now());
    let facts = load.publish(&feed.shelf, as_of, read.digest.to_string())?;
    feed.source.settle(&picked)?;
    let numbers = facts.numbers;
    Ok(Report {
        numbers,
        ..report(feed, Outcome::Published, read, start)
    })
}

/// The newest file; or, when the copy was lost, the one it was made from.
fn pick(feed: &Feed) -> Result<Picked, SourceError> {
    match feed.source.pick(SystemTime::now()) {
        Err(e) if e.verdict() == Verdict::NothingNew && feed.shelf.current().is_none() => {
            feed.source.pick_archived().map_err(|_| e)
        }
        picked => picked,
    }
}

fn dry_run(
    feed: &Feed,
    picked: &Picked,
    progress: &mut dyn FnMut(Progress),
    start: Instant,
) -> Result<Report, SyncError> {
    let mut numbers = 0;
    let mut count = |contact: crate::domain::contact::Contact| {
        numbers += contact.numbers.len() as u64;
        Ok::<(), LoadError>(())
    };
    let read = feed
        .source
        .read(picked, progress, &mut count)
        .map_err(SyncError::from_read)?;
    Ok(Report {
        numbers,
        ..report(feed, Outcome::DryRun, read, start)
    })
}

fn report(feed: &Feed, outcome: Outcome, read: ReadReport, start: Instant) -> Report {
    Report {
        source: feed.source.name().to_owned(),
        outcome,
        rows: read.rows_read,
        contacts: read.contacts,
        numbers: 0,
        rejects: read.rejects,
        seconds: start.elapsed().as_secs_f64(),
    }
}

/// Refuses to publish what can only be a mistake.
fn check(
    feed: &Feed,
    read: &ReadReport,
    contacts: u32,
    memory: &Memory,
    order: Order,
) -> Result<(), SyncError> {
    let old = feed.shelf.current().map_or(0, |r| r.facts.contacts);
    if contacts == 0 && !order.accept_removals {
        let first = read.rejects.rows.values().flat_map(|t| &t.examples).next();
        let first = first.map_or_else(
            || "it has a header and nothing below".to_owned(),
            |e| format!("line {}: {}", e.line, e.reason),
        );
        return Err(SyncError::NothingUsable {
            rows: read.rows_read,
            first,
        });
    }
    let removed = old.saturating_sub(contacts);
    let many = removed > REMOVED_ROWS && f64::from(removed) > f64::from(old) * REMOVED_SHARE;
    if many && !order.accept_removals {
        memory.hold(Some((read.digest.to_string(), removed, old)));
        let name = feed.source.name().to_owned();
        return Err(SyncError::Removals {
            name,
            removed,
            of: old,
        });
    }
    memory.hold(None);
    Ok(())
}

impl Memory {
    fn hold(&self, held: Option<(String, u32, u32)>) {
        *self
            .held
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = held;
    }

    fn refuse_held(&self, feed: &Feed, digest: &str, order: Order) -> Result<(), SyncError> {
        let held = self
            .held
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        match &*held {
            Some((same, removed, of)) if same == digest && !order.accept_removals => {
                let name = feed.source.name().to_owned();
                Err(SyncError::Removals {
                    name,
                    removed: *removed,
                    of: *of,
                })
            }
            _ => Ok(()),
        }
    }
}

/// How soon a source that has never been read is tried again.
const FIRST_COPY: Duration = Duration::from_secs(60);

/// How long until the next try: soon where there is no copy yet.
pub fn patience(feed: &Feed, wait: Duration) -> Duration {
    if feed.shelf.current().is_none() {
        wait.min(FIRST_COPY)
    } else {
        wait
    }
}
