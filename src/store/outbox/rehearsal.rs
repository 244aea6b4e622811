//! An entry goes into the index and comes out again: proof that cards can, while nobody calls.

use super::{Entry, Outbox};

impl Outbox {
    /// Takes an entry the way of a card, up to the writer and out again, unseen by anybody. False if it can't be
    /// taken or written. The thread itself answers `ping`.
    pub fn rehearse(&self, entry: Entry) -> bool {
        let key = entry.key();
        let is_writable = serde_json::to_vec(&entry).is_ok();
        let mut index = self.lock();
        if index.slots.contains_key(&key) {
            return false;
        }
        index.insert(entry);
        index.remove(&key).is_some() && is_writable
    }

    /// Keeps everybody from the index, as a deadlock would.
    #[cfg(test)]
    pub(crate) fn hold(&self, meanwhile: impl FnOnce()) {
        let _index = self.lock();
        meanwhile();
    }
}
