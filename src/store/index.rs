//! What a generation is found by, gathered while its contacts are written, and written last, sorted.
//!
//! Held in memory in twelve bytes for each number and id: a table filled in random order comes out four times
//! as large. Sorted where they lie, and numbers turned round there, so no row is held twice.

use std::collections::BTreeSet;

use redb::{ReadableTableMetadata, TableDefinition, WriteTransaction};

use super::keys;
use super::schema::{BLOCKS, DOUBTFUL, FORWARD, HOLDERS, IDS, NUMBERS};
use crate::domain::contact::Contact;
use crate::domain::join::JoinBy;
use crate::domain::ladder::blocks;
use crate::domain::matching::company_id;

/// Most numbers of one source, and most ids.
pub(super) const NUMBERS_PER_SOURCE: usize = 4_000_000;
/// Ids of contacts that balances are joined by; record ids are unique by themselves.
const JOINED_BY: [JoinBy; 3] = [JoinBy::CustomerCode, JoinBy::TaxNumber, JoinBy::Email];

/// A key and a contact, without the four bytes that would round it up.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(C, packed(4))]
pub(super) struct Row {
    pub(super) key: u64,
    pub(super) id: u32,
}

pub(super) type Rows = Vec<Row>;

pub(super) struct Index {
    join: Option<JoinBy>,
    keyed: bool,
    /// By their forward keys.
    numbers: Rows,
    blocks: Rows,
    /// An id, and the record that has it; of contacts that are not keyed, who has it.
    ids: Rows,
    /// Of contacts that are keyed, in the order in which they came: who they are.
    who: Vec<u32>,
}

/// How much was written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Written {
    pub(super) numbers: u64,
    pub(super) doubtful_ids: u64,
}

impl Index {
    /// `join`: the records are of balances, and found by this id alone. `keyed`: it will be asked who has an
    /// id, since changes may come.
    pub(super) fn new(join: Option<JoinBy>, keyed: bool) -> Index {
        let (numbers, blocks, ids, who) = Default::default();
        Index {
            join,
            keyed,
            numbers,
            blocks,
            ids,
            who,
        }
    }

    /// Whether there is room for what the contact is found by.
    pub(super) fn has_room(&self, contact: &Contact) -> bool {
        let numbers = self.numbers.len() + contact.numbers.len();
        numbers + contact.loose.len() <= NUMBERS_PER_SOURCE
            && self.blocks.len() < NUMBERS_PER_SOURCE
            && self.ids.len() + JOINED_BY.len() < NUMBERS_PER_SOURCE
    }

    /// Contacts are added in the order of their ids; of a base, these are their places from 0 on.
    pub(super) fn add(&mut self, contact: &Contact, id: u32) {
        if let Some(by) = self.join {
            let ids = by.ids_of(contact).into_iter();
            let row = |text: String| Row {
                key: keys::id(by, &text),
                id,
            };
            return self.ids.extend(ids.map(row));
        }
        let row = |key| Row { key, id };
        self.numbers.extend(forward_keys(contact).map(row));
        self.blocks.extend(blocks(contact).map(|b| row(b.stem)));
        let who = who(contact);
        if self.keyed {
            self.ids.extend(ids_held(contact).map(row));
            self.who.push(who);
        } else {
            let row = |key| Row { key, id: who };
            self.ids.extend(joining_ids(contact).map(row));
        }
    }

    /// All of a generation. What was written is let go of before the next is sorted.
    pub(super) fn write(mut self, transaction: &WriteTransaction) -> Result<Written, redb::Error> {
        self.ids.sort_unstable();
        self.ids.dedup();
        let doubtful_ids = match self.join {
            Some(_) => write_ids(transaction, &self.ids)?,
            None => write_doubtful(transaction, &self.ids, &self.who)?,
        };
        if self.keyed && self.join.is_none() {
            write(transaction, HOLDERS, &self.ids)?;
        }
        drop(std::mem::take(&mut self.ids));
        let numbers = self.write_numbers(transaction)?;
        Ok(Written {
            numbers,
            doubtful_ids,
        })
    }

    /// What lies on top of a base: its ids are as they come, since what they mean lies in both.
    pub(super) fn write_increment(
        mut self,
        transaction: &WriteTransaction,
        doubts: &Rows,
    ) -> Result<(), redb::Error> {
        self.sort_ids();
        if self.join.is_none() {
            write(transaction, IDS, doubts)?;
            write(transaction, HOLDERS, &self.ids)?;
        } else {
            write(transaction, IDS, &self.ids)?;
        }
        self.write_numbers(transaction)?;
        Ok(())
    }

    /// Brings the ids in order, for `holders`.
    pub(super) fn sort_ids(&mut self) {
        self.ids.sort_unstable();
    }

    /// Who has an id, once the ids are in order.
    pub(super) fn holders(&self, key: u64) -> impl Iterator<Item = u32> {
        let first = self.ids.partition_point(|row| row.key < key);
        let same = self.ids[first..]
            .iter()
            .take_while(move |row| row.key == key);
        same.map(|row| row.id)
    }

    /// Who they are, in the order in which they were added; only where they are keyed.
    pub(super) fn who(&self) -> &[u32] {
        &self.who
    }

    fn write_numbers(&mut self, transaction: &WriteTransaction) -> Result<u64, redb::Error> {
        let mut blocks = std::mem::take(&mut self.blocks);
        blocks.sort_unstable();
        write(transaction, BLOCKS, &blocks)?;
        drop(blocks);
        let mut numbers = std::mem::take(&mut self.numbers);
        numbers.sort_unstable();
        numbers.dedup();
        let count = write(transaction, FORWARD, &numbers)?;
        for row in &mut numbers {
            row.key = keys::number_of_forward(row.key);
        }
        numbers.sort_unstable();
        write(transaction, NUMBERS, &numbers)?;
        Ok(count)
    }
}

/// The forward keys of a contact's numbers, with their country and without.
fn forward_keys(contact: &Contact) -> impl Iterator<Item = u64> {
    let numbers = contact.numbers.iter();
    let numbers = numbers.map(|n| keys::forward(n.digits(), false));
    let loose = contact.loose.iter();
    numbers.chain(loose.map(|n| keys::forward(n.digits(), true)))
}

/// How many rows a contact has among the numbers.
pub(super) fn numbers_of(contact: &Contact, join: Option<JoinBy>) -> u64 {
    match join {
        Some(_) => 0,
        None => forward_keys(contact).collect::<BTreeSet<u64>>().len() as u64,
    }
}

fn joining_ids(contact: &Contact) -> impl Iterator<Item = u64> {
    JOINED_BY.into_iter().flat_map(|by| ids(contact, by))
}

/// The keys of all ids by which a contact may be looked for in a source with changes.
pub(super) fn ids_held(contact: &Contact) -> impl Iterator<Item = u64> {
    joining_ids(contact).chain(ids(contact, JoinBy::Key))
}

fn ids(contact: &Contact, by: JoinBy) -> impl Iterator<Item = u64> {
    let ids = by.ids_of(contact).into_iter();
    ids.map(move |text| keys::id(by, &text))
}

/// Whose an id is: all that have the same company's, or the same name without one, are one.
pub(super) fn who(contact: &Contact) -> u32 {
    let company = company_id(contact).or_else(|| contact.name.clone());
    keys::text(&company.unwrap_or_default()) as u32
}

/// Sorted rows.
fn write(
    transaction: &WriteTransaction,
    table: TableDefinition<(u64, u32), ()>,
    rows: &Rows,
) -> Result<u64, redb::Error> {
    let mut table = transaction.open_table(table)?;
    for row in rows {
        table.insert((row.key, row.id), ())?;
    }
    Ok(table.len()?)
}

/// An id of several records is nobody's: which of the balances is the right one can't be told.
fn write_ids(transaction: &WriteTransaction, ids: &Rows) -> Result<u64, redb::Error> {
    let (mut table, mut doubtful) = (transaction.open_table(IDS)?, 0);
    for same in ids.chunk_by(|a, b| a.key == b.key) {
        let id = if same.len() > 1 { DOUBTFUL } else { same[0].id };
        doubtful += u64::from(id == DOUBTFUL);
        table.insert((same[0].key, id), ())?;
    }
    Ok(doubtful)
}

/// An id of different contacts, such as an accountant's address, is none of theirs.
fn write_doubtful(
    transaction: &WriteTransaction,
    ids: &Rows,
    who: &[u32],
) -> Result<u64, redb::Error> {
    let (mut table, mut doubtful) = (transaction.open_table(IDS)?, 0);
    let who = |row: &Row| who.get(row.id as usize).copied().unwrap_or(row.id);
    for same in ids.chunk_by(|a, b| a.key == b.key) {
        if same.iter().any(|row| who(row) != who(&same[0])) {
            table.insert((same[0].key, DOUBTFUL), ())?;
            doubtful += 1;
        }
    }
    Ok(doubtful)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::dialling::LooseNumber;

    #[test]
    fn what_is_held_in_memory_is_bounded() {
        assert_eq!(size_of::<Row>(), 12);
        let rows = |count| vec![Row { key: 0, id: 0 }; count];
        let loose = |count: u64| Contact {
            loose: (0..count)
                .filter_map(|n| LooseNumber::new(5_325_550_100 + n, 90))
                .collect(),
            ..Contact::default()
        };
        let full = Index {
            numbers: rows(NUMBERS_PER_SOURCE - 1),
            ..Index::new(None, false)
        };
        assert!(full.has_room(&loose(1)) && !full.has_room(&loose(2)));
        // Its identity is one more.
        let full = Index {
            ids: rows(NUMBERS_PER_SOURCE - JOINED_BY.len() - 1),
            ..Index::new(None, true)
        };
        assert!(full.has_room(&loose(1)));
        for full in [
            Index {
                ids: rows(NUMBERS_PER_SOURCE),
                ..Index::new(None, false)
            },
            Index {
                blocks: rows(NUMBERS_PER_SOURCE),
                ..Index::new(None, false)
            },
        ] {
            assert!(!full.has_room(&loose(1)));
        }
    }
}
