//! What a copy holds, in two hashes a record: enough to tell what is new, changed or gone.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use crate::domain::contact::Contact;
use crate::domain::join::JoinBy;

/// Hashes of the records' identities and contents, sorted, and which were met again.
#[derive(Default)]
pub(super) struct Old {
    pub(super) records: Vec<(u64, u64)>,
    pub(super) met: Vec<bool>,
}

impl Old {
    pub(super) fn add(&mut self, record: (u64, u64)) {
        self.records.push(record);
    }

    pub(super) fn sort(&mut self) {
        self.records.sort_unstable();
        self.met = vec![false; self.records.len()];
    }

    /// Those with this identity.
    pub(super) fn find(&self, identity: u64) -> Range<usize> {
        let start = self.records.partition_point(|(id, _)| *id < identity);
        let more = self.records[start..].partition_point(|(id, _)| *id == identity);
        start..start + more
    }
}

/// Of the identity, or without one of the content, and of the content.
pub(super) fn hashes(contact: &Contact, identity: Option<JoinBy>) -> (u64, u64) {
    let content = postcard::to_stdvec(contact).unwrap_or_default();
    let content = hash(&content);
    let ids = identity.map(|by| by.ids_of(contact)).unwrap_or_default();
    let identity = ids.first().map_or(content, |id| hash(id.as_bytes()));
    (identity, content)
}

pub(super) fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}
