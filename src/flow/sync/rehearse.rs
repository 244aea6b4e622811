//! A dry run: everything is read and compared with the copy, and nothing is published or written.
//!
//! Of the copy only two hashes a record are kept in memory, so a million records take 16 MB. It may run beside
//! the daemon.

use super::super::guard::sight;
use super::old::{Old, hashes};
use super::samples::Samples;
use super::{Changes, Mode, Outcome, Picked, Progress, Report, Round, SyncError};
use crate::domain::callers::Recognition;
use crate::domain::contact::Contact;
use crate::domain::filling::Filling;
use crate::domain::guard::{Sight, judge};
use crate::domain::join::JoinBy;
use crate::flow::report::Rehearsal;
use crate::source::read::{Job, Taker, Wanted};
use crate::store::load::LoadError;
use crate::store::replica::{Replica, ReplicaError};

pub(super) fn rehearse(
    round: &Round<'_>,
    picked: Option<&Picked>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, SyncError> {
    let (feed, witnesses) = (round.feed, round.witnesses);
    let identity = feed.source.records().identity_column();
    let identity = identity.map(|_| feed.join.unwrap_or(JoinBy::Key));
    let callers = Recognition::new(&witnesses.ladder, &witnesses.callers);
    let mut rehearsing = Rehearsing::new(identity, callers, progress);
    let current = feed.shelf.current();
    let mut known = Recognition::new(&witnesses.ladder, &witnesses.callers);
    if let Some(current) = &current {
        current.each(&mut |contact| {
            rehearsing.old.add(hashes(contact, identity));
            known.see(contact);
        })?;
        rehearsing.old.sort();
    }
    let (wanted, halt) = (Wanted::Everything { from: None }, round.halt);
    let job = Job { wanted, halt };
    let read = feed.source.read(picked, &job, &mut rehearsing);
    let read = read.map_err(SyncError::from_read)?;
    let callers = rehearsing.callers.beside(&known);
    let callers = callers.filter(|_| feed.join.is_none());
    let mut doubts = Vec::new();
    if let Some(current) = &current {
        rehearsing.look_for_removed(current)?;
        let sight = Sight {
            after: rehearsing.filling,
            removed: identity.map_or(0, |_| rehearsing.changes.removed),
            callers,
            ..sight(current, &read.rejects)
        };
        doubts = judge(&feed.guards, &sight);
    }
    let report = Report::new(feed, Outcome::DryRun, round.start);
    Ok(Report {
        contacts: read.contacts,
        numbers: rehearsing.numbers,
        mode: Mode::Full,
        changes: current.is_some().then_some(rehearsing.changes),
        rehearsal: Some(Rehearsal {
            samples: rehearsing.samples.shown(),
            doubts: doubts.iter().map(ToString::to_string).collect(),
            callers: callers.map(|c| [c.before, c.after, c.of]),
        }),
        ..report.of(read)
    })
}

struct Rehearsing<'a> {
    old: Old,
    identity: Option<JoinBy>,
    samples: Samples,
    changes: Changes,
    filling: Filling,
    numbers: u64,
    callers: Recognition<'a>,
    progress: &'a mut dyn FnMut(Progress),
}

impl<'a> Rehearsing<'a> {
    fn new(
        identity: Option<JoinBy>,
        callers: Recognition<'a>,
        progress: &'a mut dyn FnMut(Progress),
    ) -> Rehearsing<'a> {
        Rehearsing {
            old: Old::default(),
            identity,
            samples: Samples::default(),
            changes: Changes::default(),
            filling: Filling::default(),
            numbers: 0,
            callers,
            progress,
        }
    }
}

impl Taker for Rehearsing<'_> {
    type Error = LoadError;

    fn contact(&mut self, contact: Contact) -> Result<(), LoadError> {
        self.filling.add(Filling::of(&contact));
        self.numbers += (contact.numbers.len() + contact.loose.len()) as u64;
        self.callers.see(&contact);
        let (identity, content) = hashes(&contact, self.identity);
        let same = self.old.find(identity);
        if same.is_empty() {
            self.changes.added += 1;
            self.samples.added(&contact);
            return Ok(());
        }
        if same.clone().all(|at| self.old.records[at].1 != content) {
            self.changes.changed += 1;
            self.samples.changed(identity, contact);
        }
        self.old.met[same].fill(true);
        Ok(())
    }

    fn progress(&mut self, progress: Progress) {
        (self.progress)(progress);
    }
}

impl Rehearsing<'_> {
    /// The copy once more, for what was not met, and for what the changed were before.
    fn look_for_removed(&mut self, current: &Replica) -> Result<(), ReplicaError> {
        self.changes.removed = self.old.met.iter().filter(|met| !**met).count() as u64;
        current.each(&mut |contact| {
            let (identity, _) = hashes(contact, self.identity);
            if self.old.find(identity).any(|at| !self.old.met[at]) {
                self.samples.removed(contact);
            }
            self.samples.was(identity, contact);
        })
    }
}
