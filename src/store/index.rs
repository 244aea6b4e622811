//! What a generation is found by, gathered while its contacts are written, and written last, sorted.
//!
//! Held in memory in sixteen bytes for each number and id: a table filled in random order comes out four
//! times as large.

use std::collections::BTreeSet;

use redb::{ReadableTableMetadata, TableDefinition, WriteTransaction};

use super::keys;
use super::schema::{BLOCKS, DOUBTFUL, FORWARD, IDS, NUMBERS};
use crate::domain::contact::Contact;
use crate::domain::join::JoinBy;
use crate::domain::ladder::blocks;
use crate::domain::matching::company_id;

/// Most numbers of one source, and most ids.
pub(super) const NUMBERS_PER_SOURCE: usize = 4_000_000;
/// Ids of contacts that balances are joined by; record ids are unique by themselves.
const JOINED_BY: [JoinBy; 3] = [JoinBy::CustomerCode, JoinBy::TaxNumber, JoinBy::Email];

type Rows = Vec<(u64, u32)>;

#[derive(Default)]
pub(super) struct Index {
    /// Digits and contact, for numbers with their country and without.
    numbers: Rows,
    loose: Rows,
    blocks: Rows,
    /// An id and the record that has it, or, of contacts, who has it: a hash of the company or the name.
    ids: Rows,
}

/// How much was written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Written {
    pub(super) numbers: u64,
    pub(super) doubtful_ids: u64,
}

impl Index {
    /// Whether there is room for what the contact is found by.
    pub(super) fn has_room(&self, contact: &Contact) -> bool {
        let numbers = self.numbers.len() + self.loose.len() + contact.numbers.len();
        numbers + contact.loose.len() <= NUMBERS_PER_SOURCE
            && self.blocks.len() < NUMBERS_PER_SOURCE
            && self.ids.len() + JOINED_BY.len() <= NUMBERS_PER_SOURCE
    }

    /// `join`: the record is one of balances, and found by this id alone.
    pub(super) fn add(&mut self, contact: &Contact, id: u32, join: Option<JoinBy>) {
        if let Some(by) = join {
            let ids = by.ids_of(contact).into_iter();
            return self.ids.extend(ids.map(|text| (keys::id(by, &text), id)));
        }
        let numbers = contact.numbers.iter();
        self.numbers.extend(numbers.map(|n| (n.digits(), id)));
        let loose = contact.loose.iter();
        self.loose.extend(loose.map(|n| (n.digits(), id)));
        self.blocks
            .extend(blocks(contact).map(|block| (block.stem, id)));
        let who = who(contact);
        for by in JOINED_BY {
            let ids = by.ids_of(contact).into_iter();
            self.ids.extend(ids.map(|text| (keys::id(by, &text), who)));
        }
    }

    pub(super) fn write(
        mut self,
        transaction: &WriteTransaction,
        join: Option<JoinBy>,
    ) -> Result<Written, redb::Error> {
        write(transaction, BLOCKS, &mut self.blocks)?;
        let doubtful_ids = match join {
            Some(_) => write_ids(transaction, &mut self.ids)?,
            None => write_doubtful(transaction, &mut self.ids)?,
        };
        let (numbers, loose) = (&self.numbers, &self.loose);
        let keyed = |key: fn(u64, bool) -> u64| {
            let numbers = numbers.iter().map(move |(n, id)| (key(*n, false), *id));
            let loose = loose.iter().map(move |(n, id)| (key(*n, true), *id));
            numbers.chain(loose).collect::<Rows>()
        };
        let numbers = write(transaction, NUMBERS, &mut keyed(keys::number))?;
        write(transaction, FORWARD, &mut keyed(keys::forward))?;
        Ok(Written {
            numbers,
            doubtful_ids,
        })
    }
}

/// Whose an id is: all that have the same company's, or the same name without one, are one.
fn who(contact: &Contact) -> u32 {
    let company = company_id(contact).or_else(|| contact.name.clone());
    keys::text(&company.unwrap_or_default()) as u32
}

/// Sorted, each row once.
fn write(
    transaction: &WriteTransaction,
    table: TableDefinition<(u64, u32), ()>,
    rows: &mut Rows,
) -> Result<u64, redb::Error> {
    rows.sort_unstable();
    rows.dedup();
    let mut table = transaction.open_table(table)?;
    for row in rows.iter() {
        table.insert(row, ())?;
    }
    *rows = Vec::new();
    Ok(table.len()?)
}

/// An id of several records is nobody's: which of the balances is the right one can't be told.
fn write_ids(transaction: &WriteTransaction, ids: &mut Rows) -> Result<u64, redb::Error> {
    ids.sort_unstable();
    ids.dedup();
    let of_several = |same: &[(u64, u32)]| same.len() > 1;
    let doubtful = ids
        .chunk_by(|a, b| a.0 == b.0)
        .filter(|s| of_several(s))
        .count();
    let mut rows: Rows = ids
        .chunk_by(|a, b| a.0 == b.0)
        .map(|same| match of_several(same) {
            true => (same[0].0, DOUBTFUL),
            false => same[0],
        })
        .collect();
    write(transaction, IDS, &mut rows)?;
    Ok(doubtful as u64)
}

/// An id of different contacts, such as an accountant's address, is none of theirs.
fn write_doubtful(transaction: &WriteTransaction, ids: &mut Rows) -> Result<u64, redb::Error> {
    ids.sort_unstable();
    let mut rows: Rows = Vec::new();
    for same in ids.chunk_by(|a, b| a.0 == b.0) {
        let who: BTreeSet<u32> = same.iter().map(|(_, who)| *who).collect();
        if who.len() > 1 {
            rows.push((same[0].0, DOUBTFUL));
        }
    }
    write(transaction, IDS, &mut rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::dialling::LooseNumber;

    #[test]
    fn what_is_held_in_memory_is_bounded() {
        let rows = |count| vec![(0, 0); count];
        let loose = |count: u64| Contact {
            loose: (0..count)
                .filter_map(|n| LooseNumber::new(5_325_550_100 + n, 90))
                .collect(),
            ..Contact::default()
        };
        let full = Index {
            numbers: rows(NUMBERS_PER_SOURCE - 2),
            loose: rows(1),
            ..Index::default()
        };
        assert!(full.has_room(&loose(1)) && !full.has_room(&loose(2)));
        let full = Index {
            ids: rows(NUMBERS_PER_SOURCE - JOINED_BY.len()),
            ..Index::default()
        };
        assert!(full.has_room(&loose(1)));
        for full in [
            Index {
                ids: rows(NUMBERS_PER_SOURCE),
                ..Index::default()
            },
            Index {
                blocks: rows(NUMBERS_PER_SOURCE),
                ..Index::default()
            },
        ] {
            assert!(!full.has_room(&loose(1)));
        }
    }
}
