//! What must not be published without a person: a load that can only be a mistake at the source.
//!
//! The domain judges (`guard`); here is gathered what it judges by.

use super::failure::SyncError;
use super::office::Feed;
use super::sync::{Round, filling};
use crate::domain::guard::{CALLERS_NEEDED, Recognised, Sight, beyond, judge};
use crate::domain::renewal::Mode;
use crate::source::read::ReadReport;
use crate::source::reject::{Rejects, RowReason, ValueReason};
use crate::store::load::Built;
use crate::store::replica::Replica;

/// Records of the copy that are looked for in the next: of a longer list the share is known to half a point, and
/// it takes a tenth of a second.
const SAMPLE: u32 = 5_000;

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

/// Refuses to publish what can only be a mistake. `removed`: the records that are gone, where they were counted.
///
/// What a person accepts is what was shown: what has become worse meanwhile is shown first.
pub(super) fn check(
    round: &Round<'_>,
    built: &Built,
    read: &ReadReport,
    (mode, removed): (Mode, Option<u64>),
) -> Result<(), SyncError> {
    let (feed, memory) = (round.feed, round.memory);
    let Some(current) = feed.shelf.current() else {
        memory.passed(mode);
        return Ok(());
    };
    let sight = Sight {
        callers: recognised(round, &current, built.replica()),
        after: filling(built.replica()),
        removed: removed.unwrap_or_default(),
        replaced: match removed {
            Some(_) => 0,
            None => replaced(feed, &current, built.replica()),
        },
        ..sight(&current, &read.rejects)
    };
    let doubts = judge(&feed.guards, &sight);
    let unseen = match memory.shown().filter(|_| round.order.accept) {
        Some(shown) => !beyond(&shown, &doubts).is_empty(),
        None => !round.order.accept && !doubts.is_empty(),
    };
    if unseen {
        return Err(memory.hold(feed, &built.facts().digest, mode, doubts));
    }
    memory.passed(mode);
    Ok(())
}

/// How many records of the copy are not in the next, by some thousand of them: neither their id is there nor any
/// of their numbers. Another list of the same length is seen by nothing else.
fn replaced(feed: &Feed, current: &Replica, next: &Replica) -> u64 {
    if feed.guards.removed.is_none() {
        return 0;
    }
    let (mut looked_at, mut gone) = (0, 0);
    let looked = current.each_of(SAMPLE, &mut |contact| {
        looked_at += 1;
        gone += u64::from(!next.knows(contact, feed.join)?);
        Ok(())
    });
    // A copy that can't be read is no measure, and has its own alarm.
    let records = u64::from(current.facts.contacts);
    looked.map_or(0, |()| (gone * records).checked_div(looked_at).unwrap_or(0))
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
