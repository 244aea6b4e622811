//! Everything: every record into a new generation, which replaces the old one whole.
//!
//! A read that was interrupted goes on from the last place that the source named and the load made safe, if the
//! source has an order.

use super::super::guard;
use super::{Changes, Outcome, Picked, Progress, Report, Round, SyncError};
use crate::domain::contact::Contact;
use crate::domain::join::JoinBy;
use crate::domain::renewal::Mode;
use crate::source::error::Verdict;
use crate::source::read::{Job, Position, Taker, Wanted};
use crate::store::load::{Load, LoadError, Plan, Resume};

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
    let mut loading = Loading {
        is_again: from.is_some(),
        identity: feed.join.unwrap_or(JoinBy::Key),
        load: &mut load,
        progress,
    };
    let read = feed
        .source
        .read(picked, &Job { wanted, halt }, &mut loading);
    let read = match read.map_err(SyncError::from_read) {
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
    guard::check(round, &built, &read, Mode::Full)?;
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

/// A load that takes what a source hands out.
struct Loading<'a> {
    load: &'a mut Load,
    progress: &'a mut dyn FnMut(Progress),
    identity: JoinBy,
    /// It goes on from an earlier one: pages move, and a record may come once more.
    is_again: bool,
}

impl Taker for Loading<'_> {
    type Error = LoadError;

    fn contact(&mut self, contact: Contact) -> Result<(), LoadError> {
        if self.is_again {
            let ids = self.identity.ids_of(&contact);
            if ids.iter().any(|id| self.load.has(id)) {
                return Ok(());
            }
        }
        self.load.add(&contact)
    }

    fn position(&mut self, position: &Position) -> Result<(), LoadError> {
        self.load.checkpoint(&position.0).map(drop)
    }

    fn progress(&mut self, progress: Progress) {
        (self.progress)(progress);
    }
}
