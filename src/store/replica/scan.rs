//! All of a copy, one after the other, and the contacts of one identity.

use std::ops::ControlFlow;

use redb::ReadableTable;

use super::{Joined, Question, Replica, ReplicaError, guarded, keys, misled};
use crate::domain::contact::{Contact, ContactId};
use crate::domain::join::JoinBy;
use crate::store::layer::decode;

impl Replica {
    /// Hands out every contact, in the source's order.
    pub fn each(&self, take: &mut dyn FnMut(&Contact)) -> Result<(), ReplicaError> {
        guarded(|| {
            self.each_stored(|id, bytes| {
                take(&decode(id, bytes)?);
                Ok(ControlFlow::Continue(()))
            })
        })
    }

    /// Hands out so many contacts at the most, from all over the copy.
    pub fn each_of(
        &self,
        most: u32,
        take: &mut dyn FnMut(&Contact) -> Result<(), ReplicaError>,
    ) -> Result<(), ReplicaError> {
        let end = guarded(|| self.end())?;
        let step = end.div_ceil(most.max(1)).max(1);
        for id in (0..end).step_by(step as usize) {
            // Who was removed has left a gap.
            if let Some(contact) = guarded(|| self.contact(ContactId(id)))? {
                take(&contact)?;
            }
        }
        Ok(())
    }

    /// Whether somebody here has the contact's identity, where records have one, or one of its numbers. Of
    /// balances: whether one is joined by its id.
    pub fn knows(&self, contact: &Contact, join: Option<JoinBy>) -> Result<bool, ReplicaError> {
        for id in join.unwrap_or(JoinBy::Key).ids_of(contact) {
            let is_there = match join {
                Some(by) => self.joined(by, &id)? != Joined::Nothing,
                None => self.by_identity(&id)?.is_some(),
            };
            if is_there {
                return Ok(true);
            }
        }
        let numbers = contact.numbers.iter().map(|n| n.split().1);
        for digits in numbers.chain(contact.loose.iter().map(|n| n.digits())) {
            if join.is_none() && !self.ask(Question::Ending(digits))?.is_empty() {
                return Ok(true);
            }
        }
        // Nobody could tell.
        Ok(join.is_some_and(|by| by.ids_of(contact).is_empty()))
    }

    /// The contact with this identity; `None` also where records have none, and for what several have.
    pub fn by_identity(&self, identity: &str) -> Result<Option<Contact>, ReplicaError> {
        let mut found = guarded(|| self.identified(identity))?;
        let one = found.pop().map(|(_, contact)| contact);
        Ok(one.filter(|_| found.is_empty()))
    }

    pub(in crate::store) fn identity_key(&self, identity: &str) -> u64 {
        keys::id(self.facts.join.unwrap_or(JoinBy::Key), identity)
    }

    /// Those with this identity. Of balances none if several have it: the index says no more than that.
    pub(in crate::store) fn identified(
        &self,
        identity: &str,
    ) -> Result<Vec<(ContactId, Contact)>, redb::Error> {
        let by = self.facts.join.unwrap_or(JoinBy::Key);
        let mut found = Vec::new();
        if !self.facts.keyed {
            return Ok(found);
        }
        let key = self.identity_key(identity);
        if self.facts.join.is_some() && self.is_doubtful_key(key)? {
            return Ok(found);
        }
        for id in self.holders(key)? {
            let contact = self.contact(id)?.ok_or_else(|| misled(id))?;
            if by.ids_of(&contact).iter().any(|own| own == identity) {
                found.push((id, contact));
            }
        }
        Ok(found)
    }

    /// Contacts that are found by this key of an id.
    pub(in crate::store) fn holders(&self, key: u64) -> Result<Vec<ContactId>, redb::Error> {
        let mut found = Vec::new();
        for (layer, hidden) in self.layers() {
            let table = match self.facts.join {
                Some(_) => Some(&layer.ids),
                None => layer.holders.as_ref(),
            };
            let Some(table) = table else { continue };
            for entry in table.range((key, 0)..=(key, u32::MAX))? {
                let id = entry?.0.value().1;
                if hidden.binary_search(&id).is_err() {
                    found.push(ContactId(id));
                }
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    pub(in crate::store) fn contact(&self, id: ContactId) -> Result<Option<Contact>, redb::Error> {
        if let Some(top) = &self.top {
            if let Some(contact) = top.layer.contact(id)? {
                return Ok(Some(contact));
            }
            if top.hidden.binary_search(&id.0).is_ok() {
                return Ok(None);
            }
        }
        self.base.contact(id)
    }

    /// One more than the greatest id there is.
    pub(in crate::store) fn end(&self) -> Result<u32, redb::Error> {
        let base = self.base.facts.contacts;
        let Some(top) = &self.top else {
            return Ok(base);
        };
        let last = top.layer.contacts.last()?.map(|(id, _)| id.value());
        Ok(last.map_or(base, |last| base.max(last + 1)))
    }

    /// Hands out what is stored of every contact that is to be seen, by its id.
    pub(in crate::store) fn each_stored(
        &self,
        mut take: impl FnMut(ContactId, &[u8]) -> Result<ControlFlow<()>, redb::Error>,
    ) -> Result<(), redb::Error> {
        let hidden = self.top.as_ref().map_or(&[][..], |top| &top.hidden);
        let mut below = self.base.contacts.range::<u32>(..)?.peekable();
        let mut above = match &self.top {
            Some(top) => Some(top.layer.contacts.range::<u32>(..)?.peekable()),
            None => None,
        };
        loop {
            let base = below.peek().and_then(|e| e.as_ref().ok());
            let base = base.map(|(id, _)| id.value());
            let top = above.as_mut().and_then(|above| above.peek());
            let top = top.and_then(|e| e.as_ref().ok()).map(|(id, _)| id.value());
            // A changed contact stands in the place of the one below, which is hidden.
            let is_top = top.is_some_and(|top| base.is_none_or(|base| top <= base));
            let next = match (is_top, &mut above) {
                (true, Some(above)) => above.next(),
                _ => below.next().or_else(|| above.as_mut()?.next()),
            };
            let Some(entry) = next else { return Ok(()) };
            let (id, bytes) = entry?;
            let id = ContactId(id.value());
            if !is_top && hidden.binary_search(&id.0).is_ok() {
                continue;
            }
            if take(id, bytes.value())?.is_break() {
                return Ok(());
            }
        }
    }
}
