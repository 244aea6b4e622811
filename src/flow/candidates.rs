//! rung -> candidates: all contacts, in all copies, that a rung of the ladder means.

use std::collections::BTreeSet;

use tracing::error;

use super::office::{Feed, Flow, Office};
use crate::domain::contact::{Contact, ContactId, Origin};
use crate::domain::dialling::Reading;
use crate::domain::ladder::{Question, Rung};
use crate::domain::matching::{CANDIDATES, Candidate};
use crate::status::AlarmId;
use crate::store::replica::{Replica, ReplicaError};
use crate::system::chain;

/// Contacts that a rung found.
pub(super) struct Found {
    pub(super) candidates: Vec<Candidate>,
    known: BTreeSet<(usize, ContactId)>,
    /// Sources of contacts whose copy is not there or can't be read.
    pub(super) missing: BTreeSet<String>,
}

impl Found {
    fn new() -> Found {
        let (candidates, known, missing) = Default::default();
        Found {
            candidates,
            known,
            missing,
        }
    }
}

impl Flow {
    /// All contacts that the rung means, and for an extension all that have a number in the company's block.
    pub(super) fn candidates(&self, office: &Office, rung: Rung, caller: &Reading) -> Found {
        let ladder = &office.matching.ladder;
        let mut found = Found::new();
        let means = |contact: &Contact| ladder.means(rung, caller, contact);
        let questions = ladder.questions(rung, caller);
        self.ask(office, &questions, rung == Rung::Exact, means, &mut found);
        if rung == Rung::HeadOffice {
            let switchboards = found.candidates.iter();
            let mut neighbours: Vec<Question> = switchboards
                .flat_map(|c| ladder.neighbours(caller, &c.contact))
                .collect();
            neighbours.sort_unstable();
            neighbours.dedup();
            self.ask(office, &neighbours, false, |_| true, &mut found);
        }
        found
    }

    /// Asks the copies of contacts in their order. One that can't be read is passed over for the next.
    fn ask(
        &self,
        office: &Office,
        questions: &[Question],
        first_only: bool,
        means: impl Fn(&Contact) -> bool,
        found: &mut Found,
    ) {
        let feeds = office.feeds.iter().enumerate();
        for (source, feed) in feeds.filter(|(_, feed)| feed.join.is_none()) {
            let Some(replica) = feed.shelf.current() else {
                found.missing.insert(feed.source.name().to_owned());
                continue;
            };
            let origin = origin(feed, &replica);
            for question in questions {
                let contacts = replica.ask(*question).unwrap_or_else(|e| {
                    self.passed_over(feed, &replica, &e);
                    found.missing.insert(feed.source.name().to_owned());
                    Vec::new()
                });
                let too_many = contacts.len() > CANDIDATES;
                for (id, contact) in contacts {
                    // More than are looked at must not become fewer.
                    if (too_many || means(&contact)) && found.known.insert((source, id)) {
                        let origin = origin.clone();
                        found.candidates.push(Candidate {
                            contact,
                            source,
                            origin,
                        });
                    }
                }
            }
            if first_only && !found.candidates.is_empty() {
                return;
            }
        }
    }

    pub(super) fn passed_over(&self, feed: &Feed, replica: &Replica, error: &ReplicaError) {
        feed.shelf.suspect(replica);
        let source = feed.source.name();
        let subject = format!("source {source}");
        let advice = "the next sync replaces the copy; see `ringcard sync`";
        if self.board.raise(
            AlarmId::LookupFailed,
            &subject,
            "its copy can't be read",
            advice,
        ) {
            let reason = chain::of(error);
            error!(
                event_id = "lookup-failed",
                source, reason, "a lookup failed"
            );
        }
    }
}

pub(super) fn origin(feed: &Feed, replica: &Replica) -> Origin {
    Origin {
        source: feed.source.name().to_owned(),
        as_of: feed.shelf.as_of(replica),
    }
}
