//! Where each entry is in the file, and what one commit does to its two tables.
//!
//! `RECENT` has the cards that wait and a few that have ended since, and is small unless many wait. A commit
//! writes each changed page and all pages above it, so a call costs half of what it would in one large table
//! (measured: docs/store.md). When more than `RECENT_ENDS` have ended, they move to `KEPT` together, which is in
//! the order in which they ended: it grows at one end and is forgotten at the other.

use std::collections::{BTreeMap, HashMap, HashSet};

use redb::WriteTransaction;

use super::FileError;
use crate::store::entry::{Entry, Key};
use crate::store::schema::{KEPT, RECENT};

/// Ended cards that stay in the small table: with a card that waits they fit into one page.
pub(super) const RECENT_ENDS: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Recent,
    Kept(u64),
}

#[derive(Default)]
pub(super) struct Tables {
    places: HashMap<Key, Place>,
    /// Those of `RECENT` that have ended, with their turns.
    ends: BTreeMap<Key, u64>,
    /// Turns in `KEPT` to be deleted when others move there.
    forgotten: Vec<u64>,
}

impl Tables {
    pub(super) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.places.keys()
    }

    /// The file has this entry there.
    pub(super) fn hold(&mut self, entry: &Entry, place: Place) {
        let key = entry.key();
        if place == Place::Recent && !entry.phase.is_under_way() {
            self.ends.insert(key.clone(), entry.turn);
        } else {
            self.ends.remove(&key);
        }
        self.places.insert(key, place);
    }

    pub(super) fn next<'a>(&self, changes: &'a [(Key, Option<Entry>)]) -> Next<'a> {
        let ending = |(key, entry): &&'a (Key, Option<Entry>)| {
            let ends = entry.as_ref().is_some_and(|e| !e.phase.is_under_way());
            ends && !self.ends.contains_key(key)
        };
        let moves = self.ends.len() + changes.iter().filter(ending).count() > RECENT_ENDS;
        let mut next = Next::default();
        for (key, entry) in changes {
            let place = entry.as_ref().map(|entry| match entry.phase {
                phase if moves && !phase.is_under_way() => Place::Kept(entry.turn),
                _ => Place::Recent,
            });
            next.put.extend(entry.as_ref().zip(place));
            match self.places.get(key) {
                Some(old) if Some(*old) != place => next.leave(key, *old, place),
                _ => {}
            }
        }
        if moves {
            let changed: HashSet<&Key> = changes.iter().map(|(key, _)| key).collect();
            let others = self.ends.iter().filter(|(key, _)| !changed.contains(key));
            next.moved = others.map(|(key, turn)| (key.clone(), *turn)).collect();
            next.deleted.append(&mut next.forgotten);
            next.deleted.extend(&self.forgotten);
        }
        next
    }

    /// The commit is on disk.
    pub(super) fn have_become(&mut self, next: Next<'_>) {
        for key in next.gone {
            self.places.remove(key);
            self.ends.remove(key);
        }
        if !next.deleted.is_empty() {
            let deleted: HashSet<u64> = next.deleted.into_iter().collect();
            self.forgotten.retain(|turn| !deleted.contains(turn));
        }
        self.forgotten.extend(next.forgotten);
        for (key, turn) in next.moved {
            self.ends.remove(&key);
            self.places.insert(key, Place::Kept(turn));
        }
        for (entry, place) in next.put {
            self.hold(entry, place);
        }
    }
}

/// What one commit does.
#[derive(Default)]
pub(super) struct Next<'a> {
    put: Vec<(&'a Entry, Place)>,
    /// Ended cards that go from `RECENT` to `KEPT` as they are.
    moved: Vec<(Key, u64)>,
    /// To be taken out of `RECENT`.
    left: Vec<&'a Key>,
    /// To be taken out of `KEPT`, now and with the next that move there.
    deleted: Vec<u64>,
    forgotten: Vec<u64>,
    gone: Vec<&'a Key>,
}

impl<'a> Next<'a> {
    fn leave(&mut self, key: &'a Key, old: Place, new: Option<Place>) {
        match (old, new) {
            (Place::Recent, _) => self.left.push(key),
            // Alone it is not worth a commit.
            (Place::Kept(turn), None) => self.forgotten.push(turn),
            (Place::Kept(turn), Some(_)) => self.deleted.push(turn),
        }
        if new.is_none() {
            self.gone.push(key);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.put.is_empty() && self.left.is_empty() && self.deleted.is_empty()
    }

    pub(super) fn write(&self, transaction: &WriteTransaction) -> Result<(), FileError> {
        let mut recent = transaction.open_table(RECENT)?;
        let mut kept = transaction.open_table(KEPT)?;
        for key in &self.left {
            recent.remove(key.as_str())?;
        }
        for turn in &self.deleted {
            kept.remove(turn)?;
        }
        for (key, turn) in &self.moved {
            if let Some(json) = recent.remove(key.as_str())? {
                kept.insert(turn, json.value())?;
            }
        }
        for (entry, place) in &self.put {
            let json = serde_json::to_vec(entry).map_err(std::io::Error::other)?;
            match place {
                Place::Recent => drop(recent.insert(entry.key().as_str(), json.as_slice())?),
                Place::Kept(turn) => drop(kept.insert(turn, json.as_slice())?),
            }
        }
        Ok(())
    }
}
