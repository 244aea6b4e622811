//! number -> contact: the sources are asked in their order, and the answer can say why it is the answer.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tracing::error;

use super::office::{Feed, Flow, Office};
use crate::domain::call::Skip;
use crate::domain::contact::Contact;
use crate::domain::matching::{Rung, choose};
use crate::domain::phone::PhoneNumber;
use crate::store::replica::ReplicaError;
use crate::system::chain;
use crate::tasks::Tasks;

/// Whom a number belongs to, and how we know.
pub struct Finding {
    pub contact: Contact,
    pub rung: Rung,
    pub source: String,
    /// When the source was read.
    pub as_of: Timestamp,
}

impl Finding {
    /// As an agent reads it: the time, and the date as well once it is another day's.
    pub fn as_of_text(&self, now: Timestamp) -> String {
        let zone = TimeZone::system();
        let (then, now) = (self.as_of.to_zoned(zone.clone()), now.to_zoned(zone));
        let form = if then.date() == now.date() {
            "%H:%M"
        } else {
            "%Y-%m-%d %H:%M"
        };
        then.strftime(form).to_string()
    }
}

impl Flow {
    pub async fn find(&self, office: &Arc<Office>, number: PhoneNumber) -> Result<Finding, Skip> {
        let board = self.board.clone();
        let failed = move |source: &str, reason: &str| {
            let subject = format!("source {source}");
            let advice = "the next sync replaces the copy; see `ringcard sync`";
            if board.raise(&subject, "its copy can't be read", advice) {
                error!(
                    event_id = "lookup-failed",
                    source, reason, "a lookup failed"
                );
            }
        };
        search(office, number, &self.tasks, failed).await
    }
}

/// Whom a lookup asks on a thread that may wait for the disk. A copy that can't be read is passed over for
/// the next source's, and told to `failed`.
async fn search(
    office: &Arc<Office>,
    number: PhoneNumber,
    tasks: &Tasks,
    failed: impl Fn(&str, &str) + Send + 'static,
) -> Result<Finding, Skip> {
    let office = office.clone();
    let search = move || {
        let mut verdict = Skip::UnknownCaller;
        for feed in &office.feeds {
            match ask(feed, number) {
                Ok(Some(Ok(finding))) => return Ok(finding),
                // Somebody has this number, but who can't be told: no other source knows better.
                Ok(Some(Err(Skip::SharedNumber))) => verdict = Skip::SharedNumber,
                Ok(_) => continue,
                Err(e) => {
                    feed.shelf.suspect();
                    failed(feed.source.name(), &chain::of(&e));
                }
            }
            if verdict == Skip::SharedNumber {
                break;
            }
        }
        Err(verdict)
    };
    // A panic here is a damaged file: nobody is found, and the next sync replaces it.
    tasks
        .blocking(search)
        .await
        .unwrap_or(Err(Skip::UnknownCaller))
}

/// `None`: the source has not been read yet.
fn ask(feed: &Feed, number: PhoneNumber) -> Result<Option<Result<Finding, Skip>>, ReplicaError> {
    let Some(replica) = feed.shelf.current() else {
        return Ok(None);
    };
    let chosen = choose(replica.lookup(number)?);
    Ok(Some(chosen.map(|(contact, rung)| Finding {
        contact,
        rung,
        source: feed.source.name().to_owned(),
        as_of: replica.facts.as_of,
    })))
}
