//! The comparison: what the source no longer has an id of is taken out of the copy.
//!
//! The ids are asked for *before* the changes: a record that is made between the two comes with the changes,
//! and is not missed. Ids of which the copy knows nothing may be of records that give no contact; if there are
//! more of them than such records, changes were missed, and everything is read.

use super::old::hash;
use super::step::Step;
use super::{Round, SyncError};
use crate::domain::contact::Contact;
use crate::source::read::{Job, ReadReport, Taker, Wanted};
use crate::store::load::LoadError;

/// Most records that a comparison takes out one by one: with more gone, reading everything is as quick.
const GONE: usize = 100_000;

/// The ids of all records that the source has, as hashes, sorted. Of balances, more ids of several records than
/// the copy knows of mean that a record came to another's id, and changes can't tell.
pub(super) fn ids(round: &Round<'_>) -> Result<Vec<u64>, SyncError> {
    let mut ids = Ids(Vec::new());
    let (wanted, halt) = (Wanted::Ids, round.halt);
    let read = round
        .feed
        .source
        .read(None, &Job { wanted, halt }, &mut ids);
    read.map_err(SyncError::from_read)?;
    ids.0.sort_unstable();
    let shared = ids
        .0
        .chunk_by(|a, b| a == b)
        .filter(|c| c.len() > 1)
        .count() as u64;
    let current = round.feed.shelf.current().ok_or(SyncError::Gone)?;
    if round.feed.join.is_some() && shared > current.facts.doubtful_ids {
        return Err(SyncError::Missed);
    }
    ids.0.dedup();
    Ok(ids.0)
}

struct Ids(Vec<u64>);

impl Taker for Ids {
    type Error = LoadError;

    fn contact(&mut self, _: Contact) -> Result<(), LoadError> {
        Ok(())
    }

    fn id(&mut self, identity: &str) -> Result<(), LoadError> {
        self.0.push(hash(identity.as_bytes()));
        Ok(())
    }
}

impl Step<'_> {
    /// Takes out what the source has no id of. More ids than can be explained mean that changes were missed.
    pub(super) fn compare(
        &mut self,
        round: &Round<'_>,
        ids: Vec<u64>,
        read: &ReadReport,
    ) -> Result<(), SyncError> {
        let current = round.feed.shelf.current().ok_or(SyncError::Gone)?;
        let (mut seen, mut gone) = (vec![false; ids.len()], Vec::new());
        let mut too_many = false;
        current.each(&mut |contact| {
            for id in self.identity.ids_of(contact) {
                match ids.binary_search(&hash(id.as_bytes())) {
                    Ok(at) => seen[at] = true,
                    Err(_) if self.touched.contains(&hash(id.as_bytes())) => {}
                    Err(_) if gone.len() == GONE => too_many = true,
                    Err(_) => gone.push(id),
                }
            }
        })?;
        let is_unknown = |(at, id): (usize, &u64)| !seen[at] && !self.touched.contains(id);
        let unknown = ids
            .iter()
            .enumerate()
            .filter(|pair| is_unknown(*pair))
            .count() as u64;
        let rejected = read.rejects.rows_rejected();
        if too_many
            || !current
                .facts
                .history
                .explains(unknown.saturating_sub(rejected))
        {
            return Err(SyncError::Missed);
        }
        for id in gone {
            self.increment.remove(&id)?;
        }
        Ok(())
    }
}
