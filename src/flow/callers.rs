//! Who called lately: remembered from real calls, so that a new copy can be tried on them before it serves.
//!
//! Architecture Invariant: numbers only, no name and no time; and nothing of a call waits for the disk.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::{debug, info};

use crate::domain::callers::{Callers, RUNGS};
use crate::domain::dialling::Reading;
use crate::domain::ladder::Ladder;
use crate::store::callers as file;
use crate::store::replica::{Replica, ReplicaError};

/// The callers of this run and those before it.
#[derive(Debug, Default)]
pub struct Recent {
    callers: Mutex<(Callers, IsWritten)>,
    /// `None`: kept in memory alone.
    file: Option<PathBuf>,
}

#[derive(Debug, Default, PartialEq)]
enum IsWritten {
    #[default]
    Yes,
    No,
}

impl Recent {
    /// Begins with what the file remembers. A damaged one is dropped: it fills again within days. One of a newer
    /// Ringcard is left as it is.
    pub fn open(file: PathBuf) -> Recent {
        let callers = file::read(&file).and_then(|text| Callers::parse(&text));
        let newer = file::newer(&file);
        if let Some(reason) = &newer {
            let path = file.display();
            info!(%path, %reason, "the callers are kept in memory alone, and the file is left as it is");
        }
        Recent {
            callers: Mutex::new((callers.unwrap_or_default(), IsWritten::Yes)),
            file: newer.is_none().then_some(file),
        }
    }

    pub fn remember(&self, caller: &Reading) {
        let mut callers = self.lock();
        callers.0.remember(caller);
        callers.1 = IsWritten::No;
    }

    pub fn readings(&self) -> Vec<Reading> {
        self.lock().0.readings()
    }

    /// Writes what is new; waits for the disk.
    pub fn save(&self) {
        let Some(file) = &self.file else { return };
        let lines = {
            let mut callers = self.lock();
            if callers.1 == IsWritten::Yes {
                return;
            }
            callers.1 = IsWritten::Yes;
            callers.0.lines()
        };
        if let Err(reason) = file::write(file, &lines) {
            self.lock().1 = IsWritten::No;
            debug!(%reason, "the callers' file can't be written");
        }
    }

    fn lock(&self) -> MutexGuard<'_, (Callers, IsWritten)> {
        self.callers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whom a copy is tried on, and by which rungs.
#[derive(Clone, Debug, Default)]
pub struct Witnesses {
    pub callers: Vec<Reading>,
    pub ladder: Ladder,
}

impl Witnesses {
    /// How many of them somebody in the copy can be.
    pub(super) fn known_to(&self, replica: &Replica) -> Result<usize, ReplicaError> {
        let mut known = 0;
        for caller in &self.callers {
            known += usize::from(self.knows(replica, caller)?);
        }
        Ok(known)
    }

    fn knows(&self, replica: &Replica, caller: &Reading) -> Result<bool, ReplicaError> {
        for rung in RUNGS.iter().filter(|r| self.ladder.rungs.contains(r)) {
            for question in self.ladder.questions(*rung, caller) {
                let found = replica.ask(question)?;
                let means = |c| self.ladder.means(*rung, caller, c);
                if found.iter().any(|(_, contact)| means(contact)) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}
