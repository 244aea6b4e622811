//! contact -> profile: what the sources of balances know of the contact that was found.

use super::lookup::origin;
use super::office::{Flow, Office};
use crate::domain::contact::{Contact, Profile};
use crate::domain::join::JoinBy;
use crate::domain::matching::Choice;
use crate::domain::merge::merge;
use crate::store::replica::{Replica, ReplicaError};

impl Flow {
    /// The chosen contact with what the sources of balances know of it.
    pub(super) fn profile(&self, office: &Office, choice: Choice) -> Profile {
        let mut others = Vec::new();
        for feed in &office.feeds {
            let (Some(replica), Some(by)) = (feed.shelf.current(), feed.join) else {
                continue;
            };
            match joined(&replica, by, &choice.contact) {
                Ok(Some(record)) => others.push((origin(feed, &replica), record)),
                Ok(None) => {}
                Err(e) => self.passed_over(feed, &e),
            }
        }
        let mut own = Profile::new(choice.contact, choice.origin);
        own.shared = choice.shared;
        merge(own, &others, &office.matching.priority)
    }
}

/// The one record that all the contact's ids lead to; ids that lead to different ones lead nowhere.
fn joined(replica: &Replica, by: JoinBy, of: &Contact) -> Result<Option<Contact>, ReplicaError> {
    let mut one = None;
    for id in by.ids_of(of) {
        match (replica.joined(by, &id)?, &one) {
            (None, _) => {}
            (Some(record), None) => one = Some(record),
            (Some(record), Some(other)) if record == *other => {}
            (Some(_), Some(_)) => return Ok(None),
        }
    }
    Ok(one)
}
