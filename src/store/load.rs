//! Building the next generation of a source, whole, beside the published one.
//!
//! Contacts are written in id order and numbers in sorted order: redb files filled in random order come out
//! four times as large (measured), and the disk is an SD card. The name appears only after the last fsync, so
//! a power cut at any instant leaves the old generation or the new one.
//!
//! Of a source that gives its records in an order, what is there is made safe now and then together with the
//! source's own word for the place, and a later load goes on from there.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use super::built::{Built, LoadError, Made};
use super::draft::Draft;
use super::files::{self, INCREMENT_PARTIAL, Kind, PARTIAL};
use super::index::{Index, Written};
use super::keys;
use super::replica::{Replica, Shelf};
use super::schema::{CONTACTS, FACTS, Facts, MARK, REPLICA_VERSION};
use super::shelf::Place;
use crate::domain::contact::Contact;
use crate::domain::filling::Filling;
use crate::domain::join::JoinBy;

mod resume;

/// Most contacts of one source.
pub const CONTACTS_PER_SOURCE: u32 = 2_000_000;
/// Contacts handed to redb in one go.
const BATCH: usize = 1024;
/// How often what a load has is made safe: what a power cut costs, against a commit on an SD card.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(30);
/// The same for a source that is fast: ten seconds of reading pages, some megabytes of disk.
const CHECKPOINT_CONTACTS: u32 = 20_000;
/// An older beginning is not gone on with: too much of it may have changed since. A day is how often a source
/// is read whole.
const RESUME_WITHIN: Duration = Duration::from_secs(24 * 60 * 60);

/// What is to be built.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The source is one of balances, and its records are found by this id.
    pub join: Option<JoinBy>,
    /// Changes may come: records are to be found by their identities too.
    pub keyed: bool,
    /// Where the source can go on from a place: the load may be taken up later.
    pub resume: Option<Resume>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resume {
    /// A digest of everything that decides what becomes of a record: two parts must not be of two mappings.
    pub settings: String,
    pub now: Timestamp,
}

/// What an earlier load has come to.
#[derive(Clone, PartialEq, Eq)]
pub struct Resumed {
    /// What the source said of the place.
    pub position: String,
    /// When the first part was begun: changes are to be asked for from then on.
    pub started: Timestamp,
    pub contacts: u32,
}

/// As it stands in an unfinished file.
#[derive(Clone, Serialize, Deserialize)]
struct Mark {
    version: u32,
    settings: String,
    join: Option<JoinBy>,
    keyed: bool,
    position: String,
    started: Timestamp,
    contacts: u32,
}

struct Checkpoints {
    settings: String,
    started: Timestamp,
    every: Duration,
    last: Instant,
    last_contacts: u32,
    /// One is on the disk.
    any: bool,
}

/// A generation being built. Dropped before it is published, it leaves nothing behind.
pub struct Load {
    draft: Draft,
    place: Place,
    batch: Vec<Vec<u8>>,
    contacts: u32,
    filling: Filling,
    join: Option<JoinBy>,
    keyed: bool,
    index: Index,
    resumed: Option<Resumed>,
    /// The identities of what was taken up, as keys, sorted.
    known: Vec<u64>,
    checkpoints: Option<Checkpoints>,
}

impl Load {
    /// What others left unfinished is removed, unless this load goes on from it.
    pub fn begin(shelf: &Shelf, plan: &Plan) -> Result<Load, LoadError> {
        let place = shelf.place();
        let generation = place.next_generation().map_err(|source| LoadError::Place {
            path: place.directory.clone(),
            source,
        })?;
        if let Some(resume) = &plan.resume
            && let Some(load) = resume::take_up(place, plan, resume)
        {
            return Ok(load);
        }
        place.sweep(PARTIAL)?;
        place.sweep(INCREMENT_PARTIAL)?;
        let path = Kind::Base.draft(&place.directory, generation);
        let draft = Draft::begin(&place.drive, path)?;
        let mut load = Load::of(place.clone(), draft, plan);
        load.checkpoints = plan.resume.as_ref().map(|r| Checkpoints::of(r, r.now));
        Ok(load)
    }

    pub(super) fn of(place: Place, draft: Draft, plan: &Plan) -> Load {
        // Whoever has several ids can't be found by one of them.
        let keyed = plan.keyed && plan.join != Some(JoinBy::Number);
        Load {
            draft,
            place,
            batch: Vec::with_capacity(BATCH),
            contacts: 0,
            filling: Filling::default(),
            join: plan.join,
            keyed,
            index: Index::new(plan.join, keyed),
            resumed: None,
            known: Vec::new(),
            checkpoints: None,
        }
    }

    pub fn contacts(&self) -> u32 {
        self.contacts
    }

    pub fn filling(&self) -> Filling {
        self.filling
    }

    /// What an interrupted load had come to, that this one goes on from.
    pub fn resumed(&self) -> Option<&Resumed> {
        self.resumed.as_ref()
    }

    /// Whether the part that was taken up has a record with this identity. Pages move while they are read,
    /// and a record may come once more.
    pub fn has(&self, identity: &str) -> bool {
        let key = keys::id(self.join.unwrap_or(JoinBy::Key), identity);
        self.known.binary_search(&key).is_ok()
    }

    pub fn add(&mut self, contact: &Contact) -> Result<(), LoadError> {
        self.count(contact)?;
        self.batch.push(postcard::to_stdvec(contact)?);
        if self.batch.len() == BATCH {
            self.write_batch()
        } else {
            Ok(())
        }
    }

    fn count(&mut self, contact: &Contact) -> Result<(), LoadError> {
        if self.contacts == CONTACTS_PER_SOURCE || !self.index.has_room(contact) {
            return Err(LoadError::TooMany);
        }
        self.index.add(contact, self.contacts);
        self.filling.add(Filling::of(contact));
        self.contacts += 1;
        Ok(())
    }

    fn write_batch(&mut self) -> Result<(), LoadError> {
        let first = self.contacts - self.batch.len() as u32;
        let batch = &self.batch;
        self.draft.write(|transaction| {
            let mut table = transaction.open_table(CONTACTS)?;
            for (id, bytes) in (first..).zip(batch) {
                table.insert(id, bytes.as_slice())?;
            }
            Ok(())
        })?;
        self.batch.clear();
        Ok(())
    }

    /// What was added is safe, if it is time for that, and `position` says where to go on after it. True if a
    /// power cut loses nothing of it now.
    pub fn checkpoint(&mut self, position: &str) -> Result<bool, LoadError> {
        let contacts = self.contacts;
        let Some(checkpoints) = self.checkpoints.as_mut() else {
            return Ok(false);
        };
        if !checkpoints.is_due(contacts) {
            return Ok(false);
        }
        let mark = Mark {
            version: REPLICA_VERSION,
            settings: checkpoints.settings.clone(),
            join: self.join,
            keyed: self.keyed,
            position: position.to_owned(),
            started: checkpoints.started,
            contacts,
        };
        self.write_batch()?;
        self.draft.write(|transaction| {
            let json = serde_json::to_vec(&mark).unwrap_or_default();
            let mut table = transaction.open_table(MARK)?;
            table.insert("mark", json.as_slice())?;
            Ok(())
        })?;
        self.draft.commit()?;
        if let Some(checkpoints) = &mut self.checkpoints {
            checkpoints.done(contacts);
        }
        Ok(true)
    }

    /// The same, due or not.
    #[cfg(test)]
    pub(super) fn checkpoint_now(&mut self, position: &str) -> Result<bool, LoadError> {
        if let Some(checkpoints) = &mut self.checkpoints {
            checkpoints.every = Duration::ZERO;
        }
        self.checkpoint(position)
    }

    /// Ends it for now: what the last checkpoint holds stays for a later load.
    pub fn suspend(self) {
        if self.checkpoints.is_some_and(|c| c.any) {
            self.draft.keep();
        }
    }

    /// Writes what contacts are found by, and makes it all safe.
    pub fn finish(mut self, made: Made) -> Result<Built, LoadError> {
        self.write_batch()?;
        let Written {
            numbers,
            doubtful_ids,
        } = self
            .draft
            .write(|transaction| self.index.write(transaction))?;
        let facts = Facts {
            version: REPLICA_VERSION,
            contacts: self.contacts,
            numbers,
            doubtful_ids,
            as_of: made.as_of,
            digest: made.digest,
            filling: Some(self.filling),
            cursor: made.cursor,
            history: made.history,
            keyed: self.keyed,
            join: self.join.filter(|_| self.keyed),
            base: None,
            written: 0,
        };
        let mut draft = self.draft;
        finish(&mut draft, &facts)?;
        let place = &self.place;
        let next = place.next_generation().map_err(|source| LoadError::Place {
            path: place.directory.clone(),
            source,
        })?;
        let replica = Replica::open_base(&*place.drive, draft.path(), next)?;
        Ok(Built::new(draft, replica))
    }
}

/// The last of a generation: its facts, so that their presence means completeness.
pub(super) fn finish(draft: &mut Draft, facts: &Facts) -> Result<(), LoadError> {
    draft.write(|transaction| {
        transaction.open_table(CONTACTS)?;
        transaction.delete_table(MARK)?;
        let json = serde_json::to_vec(facts).unwrap_or_default();
        let mut table = transaction.open_table(FACTS)?;
        table.insert("facts", json.as_slice())?;
        Ok(())
    })?;
    draft.finish()
}

impl Checkpoints {
    fn of(resume: &Resume, started: Timestamp) -> Checkpoints {
        Checkpoints {
            settings: resume.settings.clone(),
            started,
            every: CHECKPOINT_EVERY,
            last: Instant::now(),
            last_contacts: 0,
            any: false,
        }
    }

    fn is_due(&self, contacts: u32) -> bool {
        let more = contacts.saturating_sub(self.last_contacts);
        more >= CHECKPOINT_CONTACTS || (more > 0 && self.last.elapsed() >= self.every)
    }

    fn done(&mut self, contacts: u32) {
        self.last = Instant::now();
        self.last_contacts = contacts;
        self.any = true;
    }
}

#[cfg(test)]
mod tests;
