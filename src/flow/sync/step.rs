//! Changes: what is new is put into the copy, and what is gone is taken out of it.

use std::collections::HashSet;

use super::super::guard;
use super::compare::ids;
use super::old::hash;
use super::{Changes, Outcome, Progress, Report, Round, SyncError};
use crate::domain::contact::Contact;
use crate::domain::join::JoinBy;
use crate::domain::renewal::Mode;
use crate::source::read::{Cursor, Job, Taker, Wanted};
use crate::store::increment::Increment;
use crate::store::load::LoadError;

pub(super) fn step(
    round: &Round<'_>,
    mode: Mode,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, SyncError> {
    let (feed, halt) = (round.feed, round.halt);
    let current = feed.shelf.current().ok_or(SyncError::Gone)?;
    let since = feed.shelf.cursor().map(Cursor);
    let since = since.ok_or(SyncError::Gone)?;
    let ids = match mode {
        Mode::Comparison => Some(ids(round)?),
        _ => None,
    };
    let mut step = Step {
        increment: Increment::begin(&feed.shelf)?,
        identity: feed.join.unwrap_or(JoinBy::Key),
        touched: HashSet::new(),
        progress,
    };
    let wanted = Wanted::Changes { since: &since };
    let read = feed.source.read(None, &Job { wanted, halt }, &mut step);
    let read = read.map_err(SyncError::from_read)?;
    if let Some(ids) = ids {
        step.compare(round, ids, &read)?;
    }
    let counts = step.increment.counts();
    let changes = Changes {
        added: counts.added.into(),
        changed: counts.changed.into(),
        removed: counts.removed.into(),
    };
    let (outcome, current) = match step.increment.finish(round.made(mode, &read))? {
        Some(built) => {
            guard::check(round, &built, &read, (mode, Some(changes.removed)))?;
            built.publish(&feed.shelf)?;
            (
                Outcome::Published,
                feed.shelf.current().ok_or(SyncError::Gone)?,
            )
        }
        None => {
            let cursor = read.cursor.as_ref().map(|cursor| cursor.0.clone());
            feed.shelf.confirm_at(read.as_of, cursor);
            (Outcome::Unchanged, current)
        }
    };
    Ok(round.report(outcome, mode, Some(read), &current, Some(changes)))
}

/// An increment that takes what a source hands out.
pub(super) struct Step<'a> {
    pub(super) increment: Increment,
    pub(super) identity: JoinBy,
    /// What came with the changes, as hashes.
    pub(super) touched: HashSet<u64>,
    progress: &'a mut dyn FnMut(Progress),
}

impl Taker for Step<'_> {
    type Error = LoadError;

    fn contact(&mut self, contact: Contact) -> Result<(), LoadError> {
        let ids = self.identity.ids_of(&contact);
        self.touched
            .extend(ids.iter().map(|id| hash(id.as_bytes())));
        self.increment.put(&contact)
    }

    fn gone(&mut self, identity: &str) -> Result<(), LoadError> {
        self.touched.insert(hash(identity.as_bytes()));
        self.increment.remove(identity)
    }

    fn progress(&mut self, progress: Progress) {
        (self.progress)(progress);
    }
}
