//! The copy is renewed: source -> records -> contacts -> load -> publish.
//!
//! A load is thrown away whole when anything about it is wrong, and the published copy goes on serving. The
//! same content is not loaded twice: the disk is an SD card.

use std::time::{Duration, Instant, SystemTime};

use tokio_util::sync::CancellationToken;

pub use super::guard::Memory;
use super::guard::check;
use super::office::Feed;
pub use super::report::{Outcome, Report, SyncError};
use crate::domain::contact::Contact;
use crate::source::error::{SourceError, Verdict};
use crate::source::file::Picked;
use crate::source::read::{Each, Job, Progress, ReadReport, Taker, Wanted};
use crate::source::reject::Rejects;
use crate::store::load::{Load, LoadError};

/// How a sync is to be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Order {
    pub accept_removals: bool,
    /// Read and count only.
    pub dry_run: bool,
}

/// One sync, on a thread that may wait for the disk.
pub fn sync(
    feed: &Feed,
    memory: &Memory,
    order: Order,
    halt: &CancellationToken,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, SyncError> {
    let start = Instant::now();
    let _turn = feed.shelf.turn();
    let picked = pick(feed, halt)?;
    let job = Job {
        wanted: Wanted::Everything { from: None },
        halt,
    };
    if order.dry_run {
        return dry_run(feed, picked.as_ref(), &job, start);
    }
    if let (Some(current), Some(file)) = (feed.shelf.current(), &picked) {
        let facts = current.facts.clone();
        let digest = feed.source.digest(file)?.to_string();
        if digest == facts.digest && !feed.shelf.is_suspect() {
            feed.shelf.confirm(file.as_of());
            feed.source.settle(picked.as_ref())?;
            return Ok(Report {
                source: feed.source.name().to_owned(),
                outcome: Outcome::Unchanged,
                rows: 0,
                records: feed.records(),
                contacts: facts.contacts.into(),
                numbers: facts.numbers,
                doubtful_ids: facts.doubtful_ids,
                rejects: Rejects::default(),
                seconds: start.elapsed().as_secs_f64(),
            });
        }
        memory.refuse_held(feed, &digest, order)?;
    }
    let mut load = Load::begin(&feed.shelf, feed.join)?;
    let mut loading = Loading {
        load: &mut load,
        progress,
    };
    let read = feed.source.read(picked.as_ref(), &job, &mut loading);
    let read = read.map_err(SyncError::from_read)?;
    check(feed, &read, load.contacts(), memory, order)?;
    let digest = read.digest.map(|d| d.to_string()).unwrap_or_default();
    let facts = load.publish(&feed.shelf, read.as_of, digest)?;
    feed.source.settle(picked.as_ref())?;
    Ok(Report {
        numbers: facts.numbers,
        doubtful_ids: facts.doubtful_ids,
        ..report(feed, Outcome::Published, read, start)
    })
}

/// A load that takes what a source hands out.
struct Loading<'a> {
    load: &'a mut Load,
    progress: &'a mut dyn FnMut(Progress),
}

impl Taker for Loading<'_> {
    type Error = LoadError;

    fn contact(&mut self, contact: Contact) -> Result<(), LoadError> {
        self.load.add(&contact)
    }

    fn progress(&mut self, progress: Progress) {
        (self.progress)(progress);
    }
}

/// The newest file; or, when the copy was lost, the one it was made from.
fn pick(feed: &Feed, halt: &CancellationToken) -> Result<Option<Picked>, SourceError> {
    match feed.source.pick(SystemTime::now(), halt) {
        Err(e) if e.verdict() == Verdict::NothingNew && feed.shelf.current().is_none() => {
            feed.source.pick_archived().map_err(|_| e)
        }
        picked => picked,
    }
}

fn dry_run(
    feed: &Feed,
    picked: Option<&Picked>,
    job: &Job<'_>,
    start: Instant,
) -> Result<Report, SyncError> {
    let mut numbers = 0;
    let mut count = Each(|contact: Contact| {
        numbers += (contact.numbers.len() + contact.loose.len()) as u64;
        Ok::<(), LoadError>(())
    });
    let read = feed.source.read(picked, job, &mut count);
    let read = read.map_err(SyncError::from_read)?;
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
        records: feed.records(),
        contacts: read.contacts,
        numbers: 0,
        doubtful_ids: 0,
        rejects: read.rejects,
        seconds: start.elapsed().as_secs_f64(),
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
