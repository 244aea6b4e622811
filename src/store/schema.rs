//! Tables and encodings of both kinds of file, with the version that guards them.

use std::fmt;

use jiff::Timestamp;
use redb::TableDefinition;
use serde::{Deserialize, Serialize};

use crate::domain::filling::Filling;
use crate::domain::join::JoinBy;
use crate::domain::renewal::History;

/// Raised when a table or an encoding of the replica changes: an older file is then rebuilt, not read.
pub(super) const REPLICA_VERSION: u32 = 2;
/// Raised when the outbox changes: an older file is then migrated, never thrown away.
pub(super) const OUTBOX_VERSION: u32 = 2;

/// Dense contact id to the contact (postcard), in reading order.
pub(super) const CONTACTS: TableDefinition<u32, &[u8]> = TableDefinition::new("contacts");
/// Number (`keys::number`) and contact id: all contacts of a number stand side by side.
pub(super) const NUMBERS: TableDefinition<(u64, u32), ()> = TableDefinition::new("numbers");
/// The same numbers in the order of their digits (`keys::forward`): a block of them stands side by side.
pub(super) const FORWARD: TableDefinition<(u64, u32), ()> = TableDefinition::new("forward");
/// The first digits of a block of numbers, and the contact whose switchboard it is.
pub(super) const BLOCKS: TableDefinition<(u64, u32), ()> = TableDefinition::new("blocks");
/// An id (`keys::id`) and the record of balances that has it; `DOUBTFUL` for an id that several records have,
/// or, in a source of contacts, different contacts.
pub(super) const IDS: TableDefinition<(u64, u32), ()> = TableDefinition::new("ids");
/// No record: the id of nobody.
pub(super) const DOUBTFUL: u32 = u32::MAX;
/// In an increment on contacts: the id is doubtful in the base, and no more.
pub(super) const CLEAR: u32 = 0;
/// Where changes may come: an id (`keys::id`) and each contact that has it, the identity among them.
pub(super) const HOLDERS: TableDefinition<(u64, u32), ()> = TableDefinition::new("holders");
/// Of an increment: contacts of the base that are no more, or are another now.
pub(super) const HIDDEN: TableDefinition<u32, ()> = TableDefinition::new("hidden");
/// `mark`: how far an unfinished load had come (JSON). No finished file has it.
pub(super) const MARK: TableDefinition<&str, &[u8]> = TableDefinition::new("mark");
/// `facts`: the generation's own description (JSON). Written last, so that its presence means completeness.
pub(super) const FACTS: TableDefinition<&str, &[u8]> = TableDefinition::new("facts");

/// `account/call` to the entry (JSON) of a card that waits or has ended lately. Small, and so is what a commit
/// writes of it.
pub(super) const RECENT: TableDefinition<&str, &[u8]> = TableDefinition::new("recent");
/// An entry's turn to the entry (JSON): what was parked and what is done with, in that order.
pub(super) const KEPT: TableDefinition<u64, &[u8]> = TableDefinition::new("kept");
/// `version` of the outbox. The name and type of this table are the same in every version.
pub(super) const OUTBOX_META: TableDefinition<&str, u32> = TableDefinition::new("meta");

/// What a published generation says of itself. What came later has a default, so that a box that is upgraded
/// while its CRM is away keeps its answers.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    pub version: u32,
    pub contacts: u32,
    pub numbers: u64,
    /// Ids that several records of balances have, or different contacts: nothing is joined by them.
    #[serde(default)]
    pub doubtful_ids: u64,
    /// When the source was read, by the box's clock.
    pub as_of: Timestamp,
    /// Of the source's content and the mapping: the same digest gives the same generation.
    pub digest: String,
    /// `None` of a generation that was not counted.
    #[serde(default)]
    pub filling: Option<Filling>,
    /// From when on the next changes are to be asked for.
    #[serde(default)]
    pub cursor: Option<String>,
    /// Of the syncs that led to it.
    #[serde(default)]
    pub history: History,
    /// Its records are known by their ids, so changes can be put on top.
    #[serde(default)]
    pub keyed: bool,
    /// What its records are joined by, if they are balances; only told where they are keyed.
    #[serde(default)]
    pub join: Option<JoinBy>,
    /// The generation that this one is with changes on top.
    #[serde(default)]
    pub base: Option<u64>,
    /// Bytes of all increments on that one before this.
    #[serde(default)]
    pub written: u64,
}

/// What `facts` has in every version.
#[derive(Deserialize)]
pub(super) struct Versioned {
    pub(super) version: u32,
}

// A cursor may hold an address with a key in it.
impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Facts")
            .field("contacts", &self.contacts)
            .field("numbers", &self.numbers)
            .field("as_of", &self.as_of)
            .field("digest", &self.digest)
            .field("keyed", &self.keyed)
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
