//! Writing the small file that lies on top of a base.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::index::{self, Index, Row, Rows};
use super::{Built, Increment, Kind, LoadError, Made, Replica, decode, load, place, read};
use crate::domain::contact::ContactId;
use crate::store::draft::Draft;
use crate::store::replica::misled;
use crate::store::schema::{CLEAR, CONTACTS, DOUBTFUL, HIDDEN};

/// Contacts read and written in one go.
const BATCH: usize = 1024;

/// Whom the changes are found by.
struct Gathered {
    index: Index,
    /// Their ids, rising.
    ids: Vec<u32>,
}

impl Increment {
    pub(super) fn on_top(self, made: Made) -> Result<Built, LoadError> {
        let mut draft = self.draft()?;
        let mut gathered = self.write_contacts(&draft)?;
        gathered.index.sort_ids();
        let hidden = self.hidden();
        let (doubts, doubtful_ids) = self.doubts(&gathered, &hidden)?;
        draft.write(|transaction| {
            let mut table = transaction.open_table(HIDDEN)?;
            for id in &hidden {
                table.insert(id, ())?;
            }
            gathered.index.write_increment(transaction, &doubts)
        })?;
        let facts = self.facts(made, doubtful_ids, self.written()?);
        load::finish(&mut draft, &facts)?;
        let base = self.replica.base.clone();
        let drive = &*self.place.drive;
        let generation = self.replica.generation + 1;
        let replica = Replica::open_increment(drive, draft.path(), generation, |_| Ok(base))?;
        Ok(Built::new(draft, replica))
    }

    /// Bytes of all increments on the base so far.
    pub(super) fn written(&self) -> Result<u64, LoadError> {
        let Some(_) = &self.replica.top else {
            return Ok(0);
        };
        let last = self.length(Kind::Increment, self.replica.generation)?;
        Ok(self.replica.facts.written + last)
    }

    pub(super) fn length(&self, kind: Kind, generation: u64) -> Result<u64, LoadError> {
        let path = kind.path(&self.place.directory, generation);
        self.place.drive.length(&path).map_err(place(&path))
    }

    /// What lay on top before and lies there still, and what came, by their ids.
    fn write_contacts(&self, draft: &Draft) -> Result<Gathered, LoadError> {
        let mut gathered = Gathered {
            index: Index::new(self.join(), true),
            ids: Vec::new(),
        };
        let mut from = 0;
        loop {
            let before = self.before(from)?;
            let Some(last) = before.last().map(|(id, _)| *id) else {
                let rest = self.changes.range(from..);
                let rest = rest.filter_map(|(id, change)| Some((*id, change.as_deref()?)));
                gathered.write(draft, rest)?;
                return Ok(gathered);
            };
            let mut next: Vec<(u32, Cow<'_, [u8]>)> = Vec::new();
            for (id, bytes) in before {
                let changes = self.changes.range(from..=id);
                next.extend(changes.filter_map(|(id, c)| Some((*id, c.as_deref()?.into()))));
                if !self.changes.contains_key(&id) {
                    next.push((id, bytes.into()));
                }
                from = id + 1;
            }
            gathered.write(draft, next.iter().map(|(id, bytes)| (*id, &**bytes)))?;
            from = last + 1;
        }
    }

    /// Some of what lay on top before, from an id on.
    fn before(&self, from: u32) -> Result<Vec<(u32, Vec<u8>)>, LoadError> {
        let Some(top) = &self.replica.top else {
            return Ok(Vec::new());
        };
        read(|| {
            let stored = top.layer.contacts.range(from..)?.take(BATCH);
            let stored = stored.map(|entry| {
                let (id, bytes) = entry?;
                Ok((id.value(), bytes.value().to_vec()))
            });
            stored.collect()
        })
    }

    /// Contacts of the base that are not to be seen from now on.
    pub(super) fn hidden(&self) -> Vec<u32> {
        let before = self.replica.top.iter().flat_map(|top| &top.hidden);
        let below = self.replica.base.facts.contacts;
        let changed = self.changes.range(..below).map(|(id, _)| id);
        let all: BTreeSet<u32> = before.chain(changed).copied().collect();
        all.into_iter().collect()
    }

    /// What is to be said of ids that the base says otherwise, or does not know, and how many ids are doubtful
    /// in all. Of balances each id lies with its record, and several are told from one by that.
    fn doubts(&self, gathered: &Gathered, hidden: &[u32]) -> Result<(Rows, u64), LoadError> {
        let mut doubtful_ids = self.replica.facts.doubtful_ids;
        let mut rows = self.said_before()?;
        for key in &self.touched {
            let was = read(|| self.replica.is_doubtful_key(*key))?;
            let above = gathered.having(*key);
            let is = read(|| self.are_different(*key, above, hidden))?;
            doubtful_ids = (doubtful_ids + u64::from(is)).saturating_sub(u64::from(was));
            let below = read(|| Ok(self.replica.base.ids.get((*key, DOUBTFUL))?.is_some()))?;
            if is || below {
                let id = if is { DOUBTFUL } else { CLEAR };
                rows.push(Row { key: *key, id });
            }
        }
        rows.sort_unstable();
        Ok((rows, doubtful_ids))
    }

    fn said_before(&self) -> Result<Rows, LoadError> {
        let top = self.replica.top.as_ref();
        let Some(top) = top.filter(|_| self.join().is_none()) else {
            return Ok(Rows::new());
        };
        read(|| {
            let mut rows = Rows::new();
            for entry in top.layer.ids.range((0, 0)..)? {
                let (key, id) = entry?.0.value();
                if !self.touched.contains(&key) {
                    rows.push(Row { key, id });
                }
            }
            Ok(rows)
        })
    }

    /// Whether those who have this id, among the changes and in the base, are not all one.
    fn are_different(
        &self,
        key: u64,
        mut above: BTreeSet<u32>,
        hidden: &[u32],
    ) -> Result<bool, redb::Error> {
        let base = &self.replica.base;
        let Some(holders) = &base.holders else {
            return Ok(above.len() > 1);
        };
        for entry in holders.range((key, 0)..=(key, u32::MAX))? {
            if above.len() > 1 {
                break;
            }
            let id = entry?.0.value().1;
            if hidden.binary_search(&id).is_ok() {
                continue;
            }
            let id = ContactId(id);
            let contact = base.contact(id)?;
            let contact = contact.filter(|c| index::ids_held(c).any(|held| held == key));
            above.insert(index::who(&contact.ok_or_else(|| misled(id))?));
        }
        Ok(above.len() > 1)
    }
}

impl Gathered {
    /// Who of these has an id; the index has its ids in order.
    fn having(&self, key: u64) -> BTreeSet<u32> {
        let places = self.index.holders(key);
        let places = places.filter_map(|id| self.ids.binary_search(&id).ok());
        places.map(|place| self.index.who()[place]).collect()
    }

    fn write<'b>(
        &mut self,
        draft: &Draft,
        contacts: impl Iterator<Item = (u32, &'b [u8])>,
    ) -> Result<(), LoadError> {
        draft.write(|transaction| {
            let mut table = transaction.open_table(CONTACTS)?;
            for (id, bytes) in contacts {
                self.index.add(&decode(ContactId(id), bytes)?, id);
                self.ids.push(id);
                table.insert(id, bytes)?;
            }
            Ok(())
        })
    }
}
