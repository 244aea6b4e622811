//! The copy is renewed: source -> records -> contacts -> load -> publish.
//!
//! A load is thrown away whole when anything about it is wrong or doubtful, and the published copy goes on
//! serving. The same content is not loaded twice: the disk is an SD card. Which of its ways a sync takes is the
//! domain's decision (`renewal`); when a quicker way turns out not to do, everything is read at once.

use std::time::{Instant, SystemTime};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

pub use super::callers::Witnesses;
pub use super::failure::SyncError;
pub use super::held::Memory;
use super::office::Feed;
pub use super::report::{Outcome, Report};
use crate::domain::renewal::{Changes, Depth, Mode};
use crate::source::error::{SourceError, Verdict};
use crate::source::file::Picked;
use crate::source::read::Progress;

mod compare;
mod full;
mod handover;
mod old;
mod rehearse;
mod round;
mod samples;
mod step;

pub(super) use round::{Round, filling};

/// How a sync is to be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// Publish what a guard would hold.
    pub accept: bool,
    /// Read and compare only.
    pub dry_run: bool,
    pub depth: Depth,
    /// A command asked, and not the schedule.
    pub by_person: bool,
}

/// One sync, on a thread that may wait for the disk.
pub fn sync(
    feed: &Feed,
    memory: &Memory,
    witnesses: &Witnesses,
    order: Order,
    halt: &CancellationToken,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, SyncError> {
    let round = Round {
        feed,
        memory,
        witnesses,
        order,
        halt,
        start: Instant::now(),
        began: Timestamp::now(),
    };
    let _turn = feed.shelf.turn();
    let picked = pick(feed, halt)?;
    if order.dry_run {
        return rehearse::rehearse(&round, picked.as_ref(), progress);
    }
    if let Some(report) = round.unchanged(picked.as_ref())? {
        feed.source.settle(picked.as_ref())?;
        return Ok(report);
    }
    let report = match round.mode() {
        Mode::Full => full::full(&round, picked.as_ref(), progress),
        mode => match step::step(&round, mode, progress) {
            Err(e) if e.wants_everything() => full::full(&round, picked.as_ref(), progress),
            done => done,
        },
    }?;
    feed.source.settle(picked.as_ref())?;
    Ok(report)
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
