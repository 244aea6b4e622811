//! Everything: every record into a new generation, which replaces the old one whole.
//!
//! A read that was interrupted goes on from the last place that the source named and the load made safe, if the
//! source has an order.

use super::super::guard;
use super::handover::{Taking, hand_over};
use super::{Changes, Outcome, Picked, Progress, Report, Round, SyncError};
use crate::domain::join::JoinBy;
use crate::domain::renewal::Mode;
use crate::source::error::Verdict;
use crate::source::read::{Job, Position, Wanted};
use crate::store::load::{Load, Plan, Resume};

pub(super) fn full(
    round: &Round<'_>,
    picked: Option<&Picked>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, SyncError> {
    let (feed, halt) = (round.feed, round.halt);
    let mut load = Load::begin(&feed.shelf, &plan(round))?;
    let from = load.resumed().map(|r| Position(r.position.clone()));
    let wanted = Wanted::Everything {
        from: from.as_ref(),
    };
    let taking = Taking {
        identity: feed.join.unwrap_or(JoinBy::Key),
        is_again: from.is_some(),
    };
    let job = Job { wanted, halt };
    let read = hand_over(&mut load, taking, progress, |giver| {
        feed.source.read(picked, &job, giver)
    });
    let read = match read {
        Ok(read) => read,
        Err(e) => {
            if e.verdict() == Verdict::TryLater {
                load.suspend();
            }
            return Err(e);
        }
    };
    guard::usable(round, &read, load.contacts())?;
    let built = load.finish(round.made(Mode::Full, &read))?;
    guard::check(round, &built, &read, (Mode::Full, None))?;
    built.publish(&feed.shelf)?;
    let current = feed.shelf.current().ok_or(SyncError::Gone)?;
    let changes: Option<Changes> = None;
    Ok(round.report(
        Outcome::Published,
        Mode::Full,
        Some(read),
        &current,
        changes,
    ))
}

fn plan(round: &Round<'_>) -> Plan {
    let (feed, can) = (round.feed, round.feed.source.abilities());
    let has_identity = feed.source.records().identity_column().is_some();
    Plan {
        join: feed.join,
        keyed: can.changes && has_identity,
        resume: can.resumes.then(|| Resume {
            settings: feed.settings.clone(),
            now: round.began,
        }),
    }
}
