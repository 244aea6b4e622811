//! number -> contact: the sources are asked in their order, and the answer can say why it is the answer.

use tracing::error;

use super::office::{Feed, Flow, Office};
use crate::domain::call::Skip;
use crate::domain::contact::{Origin, Profile};
use crate::domain::matching::{Rung, choose};
use crate::domain::phone::PhoneNumber;
use crate::store::replica::ReplicaError;
use crate::system::chain;
use crate::tasks::Tasks;

/// Whom a number belongs to, and how we know.
pub struct Finding {
    pub profile: Profile,
    pub rung: Rung,
}

impl Flow {
    /// Asks the sources in their order. A copy that can't be read is passed over for the next source's.
    pub fn find(&self, office: &Office, number: PhoneNumber) -> Result<Finding, Skip> {
        Tasks::in_place(|| {
            for feed in &office.feeds {
                match ask(feed, number) {
                    Ok(Err(Skip::UnknownCaller)) => {}
                    // Also when different contacts share the number: no other source knows better.
                    Ok(known) => return known,
                    Err(e) => self.passed_over(feed, &e),
                }
            }
            Err(Skip::UnknownCaller)
        })
    }

    fn passed_over(&self, feed: &Feed, error: &ReplicaError) {
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

fn ask(feed: &Feed, number: PhoneNumber) -> Result<Result<Finding, Skip>, ReplicaError> {
    let Some(replica) = feed.shelf.current() else {
        // It has not been read yet.
        return Ok(Err(Skip::UnknownCaller));
    };
    let chosen = choose(replica.lookup(number)?);
    Ok(chosen.map(|(contact, rung)| Finding {
        profile: Profile::new(
            contact,
            Origin {
                source: feed.source.name().to_owned(),
                as_of: replica.facts.as_of,
            },
        ),
        rung,
    }))
}
