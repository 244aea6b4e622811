//! What must not be published without a person: a load that can only be a mistake at the source.
//!
//! The domain judges (`guard`); here is gathered what it judges by, and remembered what was held.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::failure::SyncError;
use super::office::Feed;
use super::sync::{Order, Round, filling};
use crate::domain::guard::{CALLERS_NEEDED, Doubt, Recognised, Sight, judge};
use crate::domain::renewal::{Depth, Mode};
use crate::source::read::ReadReport;
use crate::source::reject::{Rejects, RowReason, ValueReason};
use crate::store::load::Built;
use crate::store::replica::Replica;

/// What a feed remembers between syncs.
#[derive(Debug, Default)]
pub struct Memory {
    held: Mutex<Option<Held>>,
}

/// What was held back, so that it is not loaded again only to be held again.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Held {
    digest: String,
    mode: Mode,
    doubts: String,
}

/// Refuses what holds nobody. An empty export is no reason to forget everybody.
pub(super) fn usable(round: &Round<'_>, read: &ReadReport, contacts: u32) -> Result<(), SyncError> {
    if contacts > 0 || round.order.accept {
        return Ok(());
    }
    let rejects = read.placed_rejects();
    let first = rejects.rows.values().flat_map(|t| &t.examples).next();
    let first = first.map_or_else(
        || "it holds no records".to_owned(),
        |example| format!("{}: {}", rejects.place(example), example.reason),
    );
    let rows = read.rows_read;
    Err(SyncError::NothingUsable { rows, first })
}

/// Refuses to publish what can only be a mistake.
pub(super) fn check(
    round: &Round<'_>,
    built: &Built,
    read: &ReadReport,
    mode: Mode,
) -> Result<(), SyncError> {
    let Some(current) = round.feed.shelf.current().filter(|_| !round.order.accept) else {
        round.memory.hold(None);
        return Ok(());
    };
    let sight = Sight {
        callers: recognised(round, &current, built.replica()),
        after: filling(built.replica()),
        ..sight(&current, &read.rejects)
    };
    let doubts = judge(&round.feed.guards, &sight);
    if doubts.is_empty() {
        round.memory.hold(None);
        return Ok(());
    }
    let held = Held {
        digest: built.facts().digest.clone(),
        mode,
        doubts: words(&doubts),
    };
    let error = held.error(round.feed);
    round.memory.hold(Some(held));
    Err(error)
}

/// What is known of the copy that would be replaced, and of what could not be read.
pub(super) fn sight(current: &Replica, rejects: &Rejects) -> Sight {
    let row = |reason| rejects.rows.get(&reason).map_or(0, |t| t.count);
    let value = |reason| rejects.values.get(&reason).map_or(0, |t| t.count);
    let numbers = [ValueReason::Number, ValueReason::RoundedNumber].map(value);
    Sight {
        before: current.facts.history.base.unwrap_or(filling(current)),
        unreadable_numbers: numbers.iter().sum::<u64>() + row(RowReason::NoUsableNumber),
        unreadable_balances: value(ValueReason::Balance) + value(ValueReason::Currency),
        ..Sight::default()
    }
}

/// How many of the last callers the copy knows, and how many it would.
fn recognised(round: &Round<'_>, current: &Replica, next: &Replica) -> Option<Recognised> {
    let (witnesses, feed) = (round.witnesses, round.feed);
    let of = witnesses.callers.len();
    if of < CALLERS_NEEDED || feed.join.is_some() || feed.guards.match_rate.is_none() {
        return None;
    }
    // A copy that can't be read is no measure, and has its own alarm.
    Some(Recognised {
        before: witnesses.known_to(current).ok()?,
        after: witnesses.known_to(next).ok()?,
        of,
    })
}

pub(super) fn words(doubts: &[Doubt]) -> String {
    let words: Vec<String> = doubts.iter().map(ToString::to_string).collect();
    words.join("; ")
}

impl Held {
    fn error(&self, feed: &Feed) -> SyncError {
        SyncError::Held {
            name: feed.source.name().to_owned(),
            doubts: self.doubts.clone(),
        }
    }
}

impl Memory {
    fn hold(&self, held: Option<Held>) {
        *self.lock() = held;
    }

    /// Refuses a file that was held already.
    pub(super) fn refuse_held(
        &self,
        feed: &Feed,
        digest: &str,
        order: Order,
    ) -> Result<(), SyncError> {
        match &*self.lock() {
            Some(held) if held.digest == digest && !order.accept => Err(held.error(feed)),
            _ => Ok(()),
        }
    }

    /// What has to be read once more to find what was held; everything, if that is not remembered.
    pub(super) fn depth_of_held(&self) -> Option<Depth> {
        let held = self.lock();
        Some(held.as_ref().map_or(Depth::Whole, |held| match held.mode {
            Mode::Full => Depth::Whole,
            Mode::Comparison => Depth::Thorough,
            Mode::Increment => Depth::Quick,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
