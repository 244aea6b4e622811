//! Contacts on their way from the thread that reads them to the thread that loads them.
//!
//! Reading a row and writing a contact take about as long as each other, so with two threads a full read of a
//! file is over in little more than the half. The way between is bounded: whoever is faster waits.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::{Progress, SyncError};
use crate::domain::contact::Contact;
use crate::domain::join::JoinBy;
use crate::source::error::ReadError;
use crate::source::read::{Position, ReadReport, Taker};
use crate::store::load::{Load, LoadError};
use crate::tasks::Tasks;

/// Contacts handed over at once: so few that half a megabyte holds all that are under way.
const TOGETHER: usize = 256;
/// Handed over and not taken yet.
const UNDER_WAY: usize = 3;

enum Handed {
    Contacts(Vec<Contact>),
    /// All contacts before it were handed over.
    Position(String),
}

/// The load has failed, and says itself why.
pub(super) struct Ended;

/// Reads on this thread, with what `read` is given for a taker, and loads on another.
pub(super) fn hand_over(
    load: &mut Load,
    taking: Taking,
    progress: &mut dyn FnMut(Progress),
    read: impl FnOnce(&mut Giver<'_>) -> Result<ReadReport, ReadError<Ended>>,
) -> Result<ReadReport, SyncError> {
    let (give, take) = sync_channel(UNDER_WAY);
    let mut giver = Giver {
        give,
        together: Vec::with_capacity(TOGETHER),
        progress,
    };
    let work = move || {
        let read = read(&mut giver);
        // What was read before an error may be gone on from, so it is handed over too.
        let rest = giver.pass_on();
        (read, rest)
    };
    let (loaded, (read, _)) = Tasks::beside(move || taking.take_all(load, take), work);
    loaded?;
    match read {
        Ok(report) => Ok(report),
        Err(ReadError::Source(e)) => Err(SyncError::Source(e)),
        // The load has not failed, so it was there to take everything.
        Err(ReadError::Row(Ended)) => Err(SyncError::Gone),
    }
}

/// How a load takes contacts.
#[derive(Clone, Copy)]
pub(super) struct Taking {
    pub(super) identity: JoinBy,
    /// It goes on from an earlier one: pages move, and a record may come once more.
    pub(super) is_again: bool,
}

impl Taking {
    fn take_all(self, load: &mut Load, handed: Receiver<Handed>) -> Result<(), LoadError> {
        for handed in handed {
            match handed {
                Handed::Contacts(contacts) => {
                    for contact in &contacts {
                        if !self.is_known(load, contact) {
                            load.add(contact)?;
                        }
                    }
                }
                Handed::Position(position) => drop(load.checkpoint(&position)?),
            }
        }
        Ok(())
    }

    fn is_known(self, load: &Load, contact: &Contact) -> bool {
        let has = |ids: Vec<String>| ids.iter().any(|id| load.has(id));
        self.is_again && has(self.identity.ids_of(contact))
    }
}

/// Where the reading thread leaves its contacts.
pub(super) struct Giver<'a> {
    give: SyncSender<Handed>,
    together: Vec<Contact>,
    progress: &'a mut dyn FnMut(Progress),
}

impl Giver<'_> {
    fn pass_on(&mut self) -> Result<(), Ended> {
        if self.together.is_empty() {
            return Ok(());
        }
        let contacts = std::mem::replace(&mut self.together, Vec::with_capacity(TOGETHER));
        self.give(Handed::Contacts(contacts))
    }

    fn give(&self, handed: Handed) -> Result<(), Ended> {
        self.give.send(handed).map_err(|_| Ended)
    }
}

impl Taker for Giver<'_> {
    type Error = Ended;

    fn contact(&mut self, contact: Contact) -> Result<(), Ended> {
        self.together.push(contact);
        match self.together.len() == TOGETHER {
            true => self.pass_on(),
            false => Ok(()),
        }
    }

    fn position(&mut self, position: &Position) -> Result<(), Ended> {
        self.pass_on()?;
        self.give(Handed::Position(position.0.clone()))
    }

    fn progress(&mut self, progress: Progress) {
        (self.progress)(progress);
    }
}
