//! contact -> profile: what the sources of balances know of the contact that was found.

use super::candidates::origin;
use super::office::{Feed, Flow, Office};
use crate::domain::contact::{Contact, Profile};
use crate::domain::join::JoinBy;
use crate::domain::ladder::Question;
use crate::domain::matching::Choice;
use crate::domain::merge::merge;
use crate::store::replica::{Joined, Replica, ReplicaError};

impl Flow {
    /// The chosen contact with what the sources of balances know of it.
    pub(super) fn profile(&self, office: &Office, choice: Choice) -> Profile {
        let source = &choice.origin.source;
        let home = office.feeds.iter().find(|f| f.source.name() == source);
        let home = home.and_then(|feed| feed.shelf.current());
        let mut others = Vec::new();
        for feed in office.feeds.iter().filter(|f| f.join_to.contains(source)) {
            let (Some(replica), Some(home)) = (feed.shelf.current(), &home) else {
                continue;
            };
            match joined(feed, &replica, home, &choice.contact) {
                Ok(Some(record)) => others.push((origin(feed, &replica), record)),
                Ok(None) => {}
                Err(e) => self.passed_over(feed, &replica, &e),
            }
        }
        let mut own = Profile::new(choice.contact, choice.origin);
        own.shared = choice.shared;
        merge(own, &others, &office.matching.priority)
    }
}

/// The one record that all the contact's ids lead to. An id that is also somebody else's leads nowhere, and
/// where one leads to several records, or two to different ones, nothing can be said.
fn joined(
    feed: &Feed,
    replica: &Replica,
    home: &Replica,
    contact: &Contact,
) -> Result<Option<Contact>, ReplicaError> {
    let Some(by) = feed.join else {
        return Ok(None);
    };
    let mut one: Option<Contact> = None;
    for id in by.ids_of(contact) {
        if home.is_doubtful(by, &id)? {
            return Ok(None);
        }
        match (replica.joined(by, &id)?, &one) {
            (Joined::Nothing, _) => {}
            (Joined::One(record), None) => one = Some(*record),
            (Joined::One(record), Some(other)) if *record == *other => {}
            (Joined::One(_), Some(_)) | (Joined::Doubtful, _) => return Ok(None),
        }
    }
    match one {
        Some(record) if by == JoinBy::Number && is_shared(home, &record)? => Ok(None),
        one => Ok(one),
    }
}

/// Whether a number of the record is more than one contact's.
fn is_shared(home: &Replica, record: &Contact) -> Result<bool, ReplicaError> {
    for number in &record.numbers {
        if home.ask(Question::Having(*number))?.len() > 1 {
            return Ok(true);
        }
    }
    Ok(false)
}
