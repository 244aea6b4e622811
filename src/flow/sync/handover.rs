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

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::source::error::SourceError;
    use crate::source::reject::Rejects;
    use crate::store::load::{Made, Plan};
    use crate::store::replica::Shelf;

    fn contact(n: usize) -> Contact {
        Contact {
            key: Some(n.to_string()),
            name: Some(format!("Contact {n}")),
            ..Contact::default()
        }
    }

    fn taking(is_again: bool) -> Taking {
        Taking {
            identity: JoinBy::Key,
            is_again,
        }
    }

    fn read(contacts: usize) -> ReadReport {
        ReadReport {
            rows_read: contacts as u64,
            contacts: contacts as u64,
            rejects: Rejects::default(),
            digest: None,
            as_of: Timestamp::UNIX_EPOCH,
            cursor: None,
            notices: Vec::new(),
        }
    }

    fn shelf(directory: &tempfile::TempDir) -> Shelf {
        Shelf::open(directory.path().join("crm")).unwrap().0
    }

    #[test]
    fn contacts_arrive_in_the_order_in_which_they_were_read() {
        let directory = tempfile::tempdir().unwrap();
        let shelf = shelf(&directory);
        let mut load = Load::begin(&shelf, &Plan::default()).unwrap();
        let wanted = 3 * TOGETHER + 1;
        let report = hand_over(&mut load, taking(false), &mut |_| {}, |giver| {
            (0..wanted).try_for_each(|n| giver.contact(contact(n)).map_err(ReadError::Row))?;
            Ok(read(wanted))
        });
        assert_eq!(report.unwrap().contacts, wanted as u64);
        let made = Made {
            as_of: Timestamp::UNIX_EPOCH,
            digest: String::new(),
            cursor: None,
            history: Default::default(),
        };
        load.finish(made).unwrap().publish(&shelf).unwrap();
        let mut seen = 0;
        let all = shelf.current().unwrap().each(&mut |found| {
            assert_eq!(found.key, contact(seen).key);
            seen += 1;
        });
        all.unwrap();
        assert_eq!(seen, wanted);
    }

    #[test]
    fn what_was_read_before_an_error_is_in_the_load() {
        let directory = tempfile::tempdir().unwrap();
        let mut load = Load::begin(&shelf(&directory), &Plan::default()).unwrap();
        let wanted = TOGETHER + 1;
        let failed = hand_over(&mut load, taking(false), &mut |_| {}, |giver| {
            (0..wanted).try_for_each(|n| giver.contact(contact(n)).map_err(ReadError::Row))?;
            Err(SourceError::Halted.into())
        });
        assert!(matches!(
            failed,
            Err(SyncError::Source(SourceError::Halted))
        ));
        assert_eq!(load.contacts(), wanted as u32);
    }

    #[test]
    fn a_load_that_fails_ends_the_read_and_says_why() {
        let directory = tempfile::tempdir().unwrap();
        let mut load = Load::begin(&shelf(&directory), &Plan::default()).unwrap();
        let numbers = u64::try_from(crate::domain::contact::NUMBERS_PER_CONTACT).unwrap();
        let crowded = |n: u64| Contact {
            loose: (0..numbers)
                .filter_map(|i| {
                    let digits = 200_000_000 + n * numbers + i;
                    crate::domain::dialling::LooseNumber::new(digits, 90)
                })
                .collect(),
            ..contact(0)
        };
        let mut given = 0;
        let failed = hand_over(&mut load, taking(false), &mut |_| {}, |giver| {
            loop {
                giver.contact(crowded(given)).map_err(ReadError::Row)?;
                given += 1;
            }
        });
        assert!(matches!(failed, Err(SyncError::Load(LoadError::TooMany))));
        assert!(given > 4_000_000 / numbers);
    }
}
