//! Changes on top of the published generation: what is new, what is different, what is no more.
//!
//! The base stays as it is. Beside it goes one small file with all that has changed since the base was made,
//! written anew each time, so a lookup never goes through more than two. A contact that was changed keeps its
//! place and so its id; what it was is hidden. Once the small file would be large, base and changes are written
//! as a new base. The published generation, its file and its base are not touched before the next is whole.
//!
//! An id of several contacts must join nothing, whether they lie in one file or in two. So for each id that a
//! change gives or takes, everybody who has it is looked at again, and the verdict is kept with the changes.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

pub use super::built::{Built, LoadError, Made};
use super::draft::Draft;
use super::files::{INCREMENT_PARTIAL, Kind};
use super::index;
use super::layer::decode;
use super::load::{self, Load, Plan};
use super::replica::{Replica, Shelf, guarded};
use super::schema::{Facts, REPLICA_VERSION};
use super::shelf::Place;
use crate::domain::contact::{Contact, ContactId};
use crate::domain::filling::Filling;
use crate::domain::join::JoinBy;

mod on_top;

/// A base takes so many changes, a tenth of its contacts at the most: with more, every increment would write
/// as much as a new base now and then does. Of a small base a thousand are no matter.
const CHANGES: usize = 50_000;
const CHANGED_PART: usize = 10;
const FEWEST_CHANGES: usize = 1_000;
/// And so many bytes of changes, since each increment writes them all again.
const INCREMENT_BYTES: u64 = 16 << 20;
/// Most records of one increment, held in memory until it is finished: with more, reading everything is no
/// slower, and needs less.
const CHANGES_AT_ONCE: usize = 100_000;
const CHANGED_BYTES: usize = 24 << 20;

/// What an increment does to the generation below it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub added: u32,
    pub changed: u32,
    /// Records that came and are as they were.
    pub unchanged: u32,
    pub removed: u32,
    /// Records without an identity, or of an id that several have: what they change can't be told, so they
    /// change nothing until everything is read.
    pub passed_over: u32,
}

impl Counts {
    pub fn any(&self) -> bool {
        self.added + self.changed + self.removed > 0
    }
}

/// Changes being gathered. Dropped, it leaves nothing behind.
pub struct Increment {
    place: Place,
    replica: Arc<Replica>,
    /// By their ids: what a contact is now, or that it is no more.
    changes: BTreeMap<u32, Option<Vec<u8>>>,
    /// Identities that came before, and the places of their contacts.
    seen: HashMap<String, u32>,
    /// Of balances: keys of the ids that came with a record, whether it was different or not.
    came: HashSet<u64>,
    /// The first id that is nobody's in the generation below.
    first_new: u32,
    next: u32,
    bytes: usize,
    unchanged: u32,
    passed_over: u32,
    filling: Filling,
    numbers: u64,
    /// Keys of ids that somebody has now and had not, or the other way round.
    touched: BTreeSet<u64>,
    merge: bool,
}

impl Increment {
    /// On top of what is published.
    pub fn begin(shelf: &Shelf) -> Result<Increment, LoadError> {
        let replica = shelf.current().ok_or(LoadError::NotKeyed)?;
        if shelf.is_suspect() {
            return Err(LoadError::Suspect);
        }
        let facts = &replica.facts;
        let (true, Some(filling)) = (facts.keyed, facts.filling) else {
            return Err(LoadError::NotKeyed);
        };
        shelf.place().sweep(INCREMENT_PARTIAL)?;
        let first_new = read(|| replica.end())?;
        Ok(Increment {
            place: shelf.place().clone(),
            changes: BTreeMap::new(),
            seen: HashMap::new(),
            came: HashSet::new(),
            first_new,
            next: first_new,
            bytes: 0,
            unchanged: 0,
            passed_over: 0,
            filling,
            numbers: facts.numbers,
            touched: BTreeSet::new(),
            merge: false,
            replica,
        })
    }

    fn join(&self) -> Option<JoinBy> {
        self.replica.facts.join
    }

    /// A record as it is now. Of several with one identity the last is right; of balances none is, since an id
    /// that they are joined by may be one of several records.
    pub fn put(&mut self, contact: &Contact) -> Result<(), LoadError> {
        let by = self.join().unwrap_or(JoinBy::Key);
        let identity = by.ids_of(contact).into_iter().next();
        let Some(identity) = identity.filter(|i| !self.is_doubtful(i).unwrap_or(true)) else {
            self.passed_over += 1;
            return Ok(());
        };
        let old = self.now(&identity)?;
        let is_first =
            self.join().is_none() || self.came.insert(self.replica.identity_key(&identity));
        if old.len() == 1 && old[0].1 == *contact {
            self.unchanged += 1;
            return Ok(());
        }
        let is_another = |(_, old): &(ContactId, Contact)| {
            let keys = old.key.as_ref().zip(contact.key.as_ref());
            !is_first || keys.is_some_and(|(old, new)| old != new)
        };
        if self.join().is_some() && old.iter().any(is_another) {
            return Err(LoadError::Ambiguous);
        }
        self.make_room(contact)?;
        // Whoever comes back on the same day has the old place.
        let before = self.seen.get(&identity).copied();
        let id = before.or(old.first().map(|(id, _)| id.0));
        let id = id.unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        });
        self.take(&old, Some(contact));
        self.filling.add(Filling::of(contact));
        self.numbers += index::numbers_of(contact, self.join());
        let bytes = postcard::to_stdvec(contact)?;
        self.bytes += bytes.len();
        self.changes.insert(id, Some(bytes));
        self.seen.insert(identity, id);
        Ok(())
    }

    /// The record with this identity is no more. One that is not there is nobody's loss.
    pub fn remove(&mut self, identity: &str) -> Result<(), LoadError> {
        if self.is_doubtful(identity)? {
            self.passed_over += 1;
            return Ok(());
        }
        let old = self.now(identity)?;
        if let Some((id, _)) = old.first() {
            self.make_room(&Contact::default())?;
            self.seen.insert(identity.to_owned(), id.0);
        }
        self.take(&old, None);
        Ok(())
    }

    pub fn counts(&self) -> Counts {
        let mut counts = Counts {
            unchanged: self.unchanged,
            passed_over: self.passed_over,
            ..Counts::default()
        };
        for (id, change) in &self.changes {
            match (*id < self.first_new, change) {
                (true, Some(_)) => counts.changed += 1,
                (true, None) => counts.removed += 1,
                (false, Some(_)) => counts.added += 1,
                (false, None) => {}
            }
        }
        counts
    }

    pub fn contacts(&self) -> u32 {
        let counts = self.counts();
        (self.replica.facts.contacts + counts.added).saturating_sub(counts.removed)
    }

    pub fn filling(&self) -> Filling {
        self.filling
    }

    /// Has base and changes written as a new base, though there would be room for the changes.
    pub fn merge(&mut self) {
        self.merge = true;
    }

    /// Makes it all safe. `None`: nothing is different, and nothing was written.
    pub fn finish(self, made: Made) -> Result<Option<Built>, LoadError> {
        let merges = self.merge && self.replica.top.is_some();
        if !merges && !self.counts().any() {
            return Ok(None);
        }
        let built = if self.merge || self.is_large()? {
            self.merged(made)
        } else {
            self.on_top(made)
        };
        built.map(Some)
    }

    /// Balances: an id that several records have. Which of them has changed can't be told.
    fn is_doubtful(&self, identity: &str) -> Result<bool, LoadError> {
        if self.join().is_none() {
            return Ok(false);
        }
        let key = self.replica.identity_key(identity);
        read(|| self.replica.is_doubtful_key(key))
    }

    /// Who has the identity as of now.
    fn now(&self, identity: &str) -> Result<Vec<(ContactId, Contact)>, LoadError> {
        let Some(id) = self.seen.get(identity) else {
            return read(|| self.replica.identified(identity));
        };
        let Some(Some(bytes)) = self.changes.get(id) else {
            return Ok(Vec::new());
        };
        read(|| Ok(vec![(ContactId(*id), decode(ContactId(*id), bytes)?)]))
    }

    fn make_room(&self, contact: &Contact) -> Result<(), LoadError> {
        if self.changes.len() >= CHANGES_AT_ONCE || self.bytes > CHANGED_BYTES {
            return Err(LoadError::TooManyChanges);
        }
        let numbers = self.numbers as usize + contact.numbers.len() + contact.loose.len();
        let full = self.next >= load::CONTACTS_PER_SOURCE || numbers > index::NUMBERS_PER_SOURCE;
        // What was removed is still counted, so it is for a full read to say.
        if full {
            return Err(LoadError::TooManyChanges);
        }
        Ok(())
    }

    /// Takes away what was, and notes the ids of which something is different from now on.
    fn take(&mut self, old: &[(ContactId, Contact)], new: Option<&Contact>) {
        for (id, contact) in old {
            self.filling.take(Filling::of(contact));
            let numbers = index::numbers_of(contact, self.join());
            self.numbers = self.numbers.saturating_sub(numbers);
            if let Some(Some(bytes)) = self.changes.insert(id.0, None) {
                self.bytes -= bytes.len();
            }
        }
        if self.join().is_none() {
            let ids = |c| index::ids_held(c).map(|key| (key, index::who(c)));
            let before: BTreeSet<(u64, u32)> = old.iter().flat_map(|(_, c)| ids(c)).collect();
            let after: BTreeSet<(u64, u32)> = new.into_iter().flat_map(ids).collect();
            let different = before.symmetric_difference(&after);
            self.touched.extend(different.map(|(key, _)| key));
        }
    }

    /// Whether it would be too much for one small file.
    fn is_large(&self) -> Result<bool, LoadError> {
        let below = self.replica.base.facts.contacts;
        let added = self.changes.range(below..);
        let added = added.filter(|(_, change)| change.is_some()).count();
        let (mut changes, mut bytes) = (self.hidden().len() + added, self.bytes as u64);
        if let Some(top) = &self.replica.top {
            let is_there = |id: &u32| !self.changes.contains_key(id);
            changes += read(|| {
                let ids = top.layer.contacts.range(below..)?;
                let ids = ids.map(|entry| Ok(entry?.0.value()));
                let ids: Vec<u32> = ids.collect::<Result<_, redb::Error>>()?;
                Ok(ids.iter().filter(|id| is_there(id)).count())
            })?;
            bytes += self.length(Kind::Increment, self.replica.generation)?;
        }
        let base = self.replica.facts.base.unwrap_or(self.replica.generation);
        let worn = is_worn(self.length(Kind::Base, base)?, self.written()?);
        Ok(worn || is_too_much(below, changes, bytes))
    }

    fn facts(&self, made: Made, doubtful_ids: u64, written: u64) -> Facts {
        let below = &self.replica;
        Facts {
            version: REPLICA_VERSION,
            contacts: self.contacts(),
            numbers: self.numbers,
            doubtful_ids,
            as_of: made.as_of,
            digest: made.digest,
            filling: Some(self.filling),
            cursor: made.cursor,
            history: made.history,
            keyed: true,
            join: self.join(),
            base: Some(below.facts.base.unwrap_or(below.generation)),
            written,
        }
    }

    fn draft(&self) -> Result<Draft, LoadError> {
        let Place { drive, directory } = &self.place;
        let generation = self.place.next_generation().map_err(place(directory))?;
        Draft::begin(drive, Kind::Increment.draft(directory, generation))
    }

    /// A new base, in the order of the one before it.
    fn merged(self, made: Made) -> Result<Built, LoadError> {
        let plan = Plan {
            join: self.join(),
            keyed: true,
            resume: None,
        };
        let mut load = Load::of(self.place.clone(), self.draft()?, &plan);
        let mut failure = None;
        let mut add = |id: ContactId, bytes: &[u8]| {
            let added = decode(id, bytes).map(|contact| load.add(&contact))?;
            Ok(match added {
                Ok(()) => ControlFlow::Continue(()),
                Err(e) => {
                    failure = Some(e);
                    ControlFlow::Break(())
                }
            })
        };
        read(|| {
            self.replica
                .each_stored(|id, bytes| match self.changes.get(&id.0) {
                    Some(Some(changed)) => add(id, changed),
                    Some(None) => Ok(ControlFlow::Continue(())),
                    None => add(id, bytes),
                })?;
            for (id, change) in self.changes.range(self.first_new..) {
                if let Some(bytes) = change {
                    let _ = add(ContactId(*id), bytes)?;
                }
            }
            Ok(())
        })?;
        match failure {
            Some(e) => Err(e),
            None => load.finish(made),
        }
    }
}

/// Whether so many changes are too many for a file of their own, on a base of so many contacts.
fn is_too_much(contacts: u32, changes: usize, bytes: u64) -> bool {
    let most = (contacts as usize / CHANGED_PART).clamp(FEWEST_CHANGES, CHANGES);
    changes > most || bytes > INCREMENT_BYTES
}

/// Whether increments have written as much as a new base would. Each writes all changes again: of a source that
/// is asked every minute that would be gigabytes a day, on an SD card.
fn is_worn(base: u64, written: u64) -> bool {
    written > base.max(INCREMENT_BYTES)
}

/// Of what lies below.
fn read<T>(body: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, LoadError> {
    guarded(body).map_err(LoadError::Base)
}

fn place(path: &Path) -> impl FnOnce(io::Error) -> LoadError {
    let path = path.to_owned();
    move |source| LoadError::Place { path, source }
}

#[cfg(test)]
mod tests;
