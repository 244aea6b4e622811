//! number -> contact: the sources are asked rung by rung, and the answer can say why it is the answer.
//!
//! A surer rung of any source goes before a less sure one of the most trusted. On the exact rung the first
//! source that knows the number decides; on the others all are asked, for what is found has to be the only one.

use std::collections::BTreeSet;

use tokio::sync::Semaphore;

use super::office::{Flow, Office};
use crate::domain::call::Skip;
use crate::domain::contact::Profile;
use crate::domain::dialling::Reading;
use crate::domain::ladder::Rung;
use crate::domain::matching::{Candidate, choose};
use crate::tasks::Tasks;

/// Lookups at once. On a disk that does not answer each keeps a thread, and without one to spare nobody would give
/// a 200. What waits for its turn keeps none.
const LOOKUPS: usize = 6;
static PLACES: Semaphore = Semaphore::const_new(LOOKUPS);

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
    /// Sources of contacts whose copy is not there or can't be read.
    pub missing: BTreeSet<String>,
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
    pub async fn look_up(&self, office: &Office, caller: &Reading) -> Search {
        // Never closed, so there is always a permit in the end.
        let place = PLACES.acquire().await;
        let search = self.find(office, caller);
        drop(place);
        search
    }

    /// Without waiting for a place: for one alone.
    pub fn find(&self, office: &Office, caller: &Reading) -> Search {
        Tasks::in_place(|| self.climb(office, caller))
    }

    fn climb(&self, office: &Office, caller: &Reading) -> Search {
        let (mut tried, mut missing) = (Vec::new(), BTreeSet::new());
        for rung in &office.matching.ladder.rungs {
            let found = self.candidates(office, *rung, caller);
            missing.extend(found.missing);
            // With a copy that is not there, who is the only one can't be told.
            let candidates = match missing.is_empty() || *rung == Rung::Exact {
                true => found.candidates,
                false => Vec::new(),
            };
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
                missing,
                outcome,
            };
        }
        Search {
            tried,
            candidates: Vec::new(),
            missing,
            outcome: Err(Skip::UnknownCaller),
        }
    }
}
