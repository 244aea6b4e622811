//! Going on with a load that was interrupted: by an error, a restart or a power cut.
//!
//! Nothing of the file is believed but what its checksums hold, and everything a contact is found by is made
//! anew from the contacts themselves. What does not fit, is too old, or can't be read is passed over, and
//! the load begins at the beginning.

use std::time::Duration;

use redb::ReadableTable;

use super::{CONTACTS, Checkpoints, Load, MARK, Mark, Plan, RESUME_WITHIN, Resume, Resumed};
use super::{LoadError, files};
use crate::domain::contact::{Contact, ContactId};
use crate::domain::join::JoinBy;
use crate::store::draft::Draft;
use crate::store::files::{PARTIAL, named};
use crate::store::keys;
use crate::store::layer::decode;
use crate::store::schema::REPLICA_VERSION;
use crate::store::shelf::Place;

pub(super) fn take_up(place: &Place, plan: &Plan, resume: &Resume) -> Option<Load> {
    let found = files::ending(&*place.drive, &place.directory, PARTIAL).ok()?;
    let newest = found.last()?;
    let draft = Draft::take_up(&place.drive, named(&place.directory, *newest, PARTIAL))?;
    let mark = mark(&draft)?;
    let mut load = Load::of(place.clone(), draft, plan);
    let age = Duration::try_from(resume.now.duration_since(mark.started));
    let fits = mark.version == REPLICA_VERSION
        && mark.settings == resume.settings
        && (mark.join, mark.keyed) == (load.join, load.keyed)
        && age.is_ok_and(|age| age < RESUME_WITHIN);
    if !fits || read(&mut load).ok()? != mark.contacts {
        return None;
    }
    let mut checkpoints = Checkpoints::of(resume, mark.started);
    checkpoints.done(mark.contacts);
    load.checkpoints = Some(checkpoints);
    load.resumed = Some(Resumed {
        position: mark.position,
        started: mark.started,
        contacts: mark.contacts,
    });
    Some(load)
}

fn mark(draft: &Draft) -> Option<Mark> {
    let json = draft.write(|transaction| {
        let table = transaction.open_table(MARK)?;
        let mark = table.get("mark")?;
        Ok(mark.map(|m| m.value().to_vec()).unwrap_or_default())
    });
    serde_json::from_slice(&json.ok()?).ok()
}

/// Counts and indexes the contacts that are there.
fn read(load: &mut Load) -> Result<u32, LoadError> {
    let mut contacts = Vec::with_capacity(super::BATCH);
    loop {
        let next = load.contacts;
        load.draft.write(|transaction| {
            let table = transaction.open_table(CONTACTS)?;
            for entry in table.range(next..)?.take(super::BATCH) {
                let (id, bytes) = entry?;
                contacts.push(decode(ContactId(id.value()), bytes.value())?);
            }
            Ok(())
        })?;
        if contacts.is_empty() {
            load.known.sort_unstable();
            return Ok(load.contacts);
        }
        for contact in contacts.drain(..) {
            load.count(&contact)?;
            load.known.extend(identity(&contact, load.join));
        }
    }
}

fn identity(contact: &Contact, join: Option<JoinBy>) -> Option<u64> {
    let by = join.unwrap_or(JoinBy::Key);
    by.ids_of(contact).first().map(|id| keys::id(by, id))
}
