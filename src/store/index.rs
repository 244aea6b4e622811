//! What a generation is found by, gathered while its contacts are written, and written last, sorted.
//!
//! Held in memory in twelve to sixteen bytes for each number: a table filled in random order comes out four
//! times as large. A block of a company's extensions is kept only if nobody else's number lies in it.

use redb::{ReadableTableMetadata, WriteTransaction};

use super::keys;
use super::schema::{BLOCKS, IDS, NUMBERS};
use crate::domain::contact::Contact;
use crate::domain::join::JoinBy;
use crate::domain::ladder::{Block, blocks};
use crate::domain::matching::company_id;

/// Most numbers of one source.
pub(super) const NUMBERS_PER_SOURCE: usize = 4_000_000;

#[derive(Default)]
pub(super) struct Index {
    /// Digits and contact, for numbers with their country.
    numbers: Vec<(u64, u32)>,
    loose: Vec<(u64, u32)>,
    ids: Vec<(u64, u32)>,
    blocks: Vec<(Block, u32)>,
    /// Of each contact, its company's name in four bytes; none is 0.
    companies: Vec<u32>,
}

/// How much was written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Written {
    pub(super) numbers: u64,
    pub(super) doubtful_ids: u64,
}

impl Index {
    /// Whether there is room for the contact's numbers.
    pub(super) fn has_room(&self, contact: &Contact) -> bool {
        let more = contact.numbers.len() + contact.loose.len();
        self.numbers.len() + self.loose.len() + self.ids.len() + more.max(1) <= NUMBERS_PER_SOURCE
    }

    /// `join`: the record is one of balances, and found by this id alone.
    pub(super) fn add(&mut self, contact: &Contact, id: u32, join: Option<JoinBy>) {
        if let Some(by) = join {
            let ids = by.ids_of(contact).into_iter();
            return self.ids.extend(ids.map(|text| (keys::id(&text), id)));
        }
        let numbers = contact.numbers.iter();
        self.numbers.extend(numbers.map(|n| (n.digits(), id)));
        let loose = contact.loose.iter();
        self.loose.extend(loose.map(|n| (n.digits(), id)));
        self.blocks.extend(blocks(contact).map(|block| (block, id)));
        let company = company_id(contact).map(|name| keys::id(&name) as u32 | 1);
        self.companies.push(company.unwrap_or(0));
    }

    pub(super) fn write(mut self, transaction: &WriteTransaction) -> Result<Written, redb::Error> {
        self.numbers.sort_unstable();
        self.numbers.dedup();
        let mut blocks: Vec<(u64, u32)> = self.sound_blocks().collect();
        blocks.sort_unstable();
        blocks.dedup();
        self.companies = Vec::new();
        let key = |loose| move |(digits, id)| (keys::number(digits, loose), id);
        let mut numbers: Vec<(u64, u32)> = std::mem::take(&mut self.numbers);
        numbers.iter_mut().for_each(|n| *n = key(false)(*n));
        numbers.extend(self.loose.into_iter().map(key(true)));
        numbers.sort_unstable();
        numbers.dedup();
        let mut table = transaction.open_table(NUMBERS)?;
        for number in &numbers {
            table.insert(number, ())?;
        }
        let written = table.len()?;
        drop(numbers);
        let mut table = transaction.open_table(BLOCKS)?;
        for block in &blocks {
            table.insert(block, ())?;
        }
        self.ids.sort_unstable();
        self.ids.dedup();
        let doubtful_ids = write_ids(transaction, &self.ids)?;
        Ok(Written {
            numbers: written,
            doubtful_ids,
        })
    }

    /// Blocks in which every known number is of the switchboard's company. Numbers must be sorted.
    fn sound_blocks(&self) -> impl Iterator<Item = (u64, u32)> {
        let company = |id: &u32| self.companies.get(*id as usize).copied().unwrap_or(0);
        let is_sound = move |(block, id): &&(Block, u32)| {
            block.claims().all(|range| {
                let first = self.numbers.partition_point(|(n, _)| *n < range.start);
                let inside = self.numbers[first..].iter();
                let mut inside = inside.take_while(|(n, _)| *n < range.end);
                inside.all(|(_, other)| other == id || company(other) == company(id))
            })
        };
        let sound = self.blocks.iter().filter(is_sound);
        sound.map(|(block, id)| (block.stem, *id))
    }
}

/// An id of several records is none: which of the balances is the right one can't be told.
fn write_ids(transaction: &WriteTransaction, ids: &[(u64, u32)]) -> Result<u64, redb::Error> {
    let mut table = transaction.open_table(IDS)?;
    let mut doubtful = 0;
    for same in ids.chunk_by(|a, b| a.0 == b.0) {
        match same {
            [one] => {
                table.insert(one, ())?;
            }
            _ => doubtful += 1,
        }
    }
    Ok(doubtful)
}
