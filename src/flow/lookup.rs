//! number -> contact: the sources are asked rung by rung, and the answer can say why it is the answer.
//!
//! A surer rung of any source goes before a less sure one of the most trusted. On the exact rung the first
//! source that knows the number decides; on the others all are asked, for what is found has to be the only one.

use tracing::error;

use super::office::{Feed, Flow, Office};
use crate::domain::call::Skip;
use crate::domain::contact::{Origin, Profile};
use crate::domain::dialling::Reading;
use crate::domain::ladder::Rung;
use crate::domain::matching::{CANDIDATES, Candidate, choose};
use crate::store::replica::{Replica, ReplicaError};
use crate::system::chain;
use crate::tasks::Tasks;

/// Whom a number belongs to, and how we know.
pub struct Finding {
    pub profile: Profile,
    pub rung: Rung,
}

/// What was found, and what was tried for it.
pub struct Search {
    /// How many contacts each rung found, down to the one that decided.
    pub tried: Vec<(Rung, usize)>,
    /// Those of the last rung.
    pub candidates: Vec<Candidate>,
    pub outcome: Result<Finding, Skip>,
}

impl Search {
    /// The rungs and how many contacts each found: `exact 0, national 0, tail 1`.
    pub fn steps(&self) -> String {
        let steps = self.tried.iter();
        let steps: Vec<String> = steps
            .map(|(rung, n)| format!("{} {n}", rung.as_str()))
            .collect();
        steps.join(", ")
    }
}

impl Flow {
    pub fn find(&self, office: &Office, caller: &Reading) -> Search {
        Tasks::in_place(|| self.climb(office, caller))
    }

    fn climb(&self, office: &Office, caller: &Reading) -> Search {
        let mut tried = Vec::new();
        for rung in &office.matching.ladder.rungs {
            let candidates = self.candidates(office, *rung, caller);
            tried.push((*rung, candidates.len()));
            if candidates.is_empty() {
                continue;
            }
            let choice = choose(&candidates, *rung, office.matching.sharing);
            let outcome = choice.map(|choice| Finding {
                profile: self.profile(office, choice),
                rung: *rung,
            });
            return Search {
                tried,
                candidates,
                outcome,
            };
        }
        Search {
            tried,
            candidates: Vec::new(),
            outcome: Err(Skip::UnknownCaller),
        }
    }

    /// All contacts that the rung means. A copy that can't be read is passed over for the next source's.
    fn candidates(&self, office: &Office, rung: Rung, caller: &Reading) -> Vec<Candidate> {
        let ladder = &office.matching.ladder;
        let questions = ladder.questions(rung, caller);
        let mut candidates = Vec::new();
        for (source, feed) in office.feeds.iter().enumerate() {
            let (Some(replica), None) = (feed.shelf.current(), feed.join) else {
                // It has not been read yet, or holds balances.
                continue;
            };
            let (mut known, origin) = (Vec::new(), origin(feed, &replica));
            for question in &questions {
                let found = replica.ask(*question).unwrap_or_else(|e| {
                    self.passed_over(feed, &e);
                    Vec::new()
                });
                let too_many = found.len() > CANDIDATES;
                for (id, contact) in found {
                    // More than are looked at must not become fewer.
                    let means = too_many || ladder.means(rung, caller, &contact);
                    if means && !known.contains(&id) {
                        known.push(id);
                        candidates.push(Candidate {
                            contact,
                            source,
                            origin: origin.clone(),
                        });
                    }
                }
            }
            if rung == Rung::Exact && !candidates.is_empty() {
                break;
            }
        }
        candidates
    }

    pub(super) fn passed_over(&self, feed: &Feed, error: &ReplicaError) {
        feed.shelf.suspect();
        let source = feed.source.name();
        let subject = format!("source {source}");
        let advice = "the next sync replaces the copy; see `ringcard sync`";
        if self.board.raise(&subject, "its copy can't be read", advice) {
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
