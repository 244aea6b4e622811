//! What a power cut may leave.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Naming, Op, Platter};

/// What a disk writes in one piece.
const SECTOR: usize = 512;
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::store) enum Survival {
    None,
    All,
    /// About half of the sectors, and of the names.
    Some(u64),
}

pub(in crate::store) const SURVIVALS: [Survival; 5] = [
    Survival::None,
    Survival::All,
    Survival::Some(1),
    Survival::Some(2),
    Survival::Some(3),
];

impl Platter {
    /// Begins the log here, with all that is there as synced.
    pub(in crate::store) fn begin(&self) -> Cuts {
        let mut state = self.lock();
        state.log.clear();
        let files = state.files.iter();
        Cuts {
            files: files
                .map(|(id, bytes)| (*id, (bytes.clone(), Vec::new())))
                .collect(),
            names: (state.names.clone(), Vec::new()),
        }
    }

    /// What was done since `begin`, one operation after the other.
    fn log(&self) -> Vec<Op> {
        self.lock().log.clone()
    }
}

/// A disk as of some operation: what is safe, and what is not yet.
pub(in crate::store) struct Cuts {
    files: BTreeMap<u64, (Vec<u8>, Vec<Op>)>,
    names: (BTreeMap<PathBuf, u64>, Vec<Naming>),
}

impl Cuts {
    /// Calls `check` with what each cut may leave of the work that `platter` did: the number of operations that
    /// were begun, what survived, and the disk.
    pub(in crate::store) fn each(
        mut self,
        platter: &Platter,
        mut check: impl FnMut(usize, Survival, Platter),
    ) {
        for (done, op) in platter.log().into_iter().enumerate() {
            let empty = matches!(op, Op::Sync(_) | Op::SyncNames);
            self.apply(op);
            // What a sync leaves, only the next operation can put at risk.
            let survivals = if empty {
                &SURVIVALS[..1]
            } else {
                &SURVIVALS[..]
            };
            for survival in survivals {
                check(done + 1, *survival, self.after(*survival));
            }
        }
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Write(file, ..) | Op::Length(file, _) => {
                self.files.entry(file).or_default().1.push(op);
            }
            Op::Sync(file) => {
                let (stable, unsynced) = self.files.entry(file).or_default();
                for op in unsynced.drain(..) {
                    write(stable, &op, &mut || true);
                }
            }
            Op::Name(naming) => self.names.1.push(naming),
            Op::SyncNames => {
                for naming in self.names.1.drain(..) {
                    naming.apply(&mut self.names.0);
                }
            }
        }
    }

    fn after(&self, survival: Survival) -> Platter {
        let mut dice = fastrand::Rng::with_seed(match survival {
            Survival::Some(seed) => seed,
            _ => 0,
        });
        let mut survives = || match survival {
            Survival::None => false,
            Survival::All => true,
            Survival::Some(_) => dice.bool(),
        };
        let platter = Platter::default();
        {
            let mut state = platter.lock();
            state.names = self.names.0.clone();
            for naming in &self.names.1 {
                if survives() {
                    naming.apply(&mut state.names);
                }
            }
            for (id, (stable, unsynced)) in &self.files {
                let mut bytes = stable.clone();
                for op in unsynced {
                    write(&mut bytes, op, &mut survives);
                }
                state.files.insert(*id, bytes);
            }
            // Begun, and nothing written yet.
            for file in state.names.values().copied().collect::<Vec<_>>() {
                state.files.entry(file).or_default();
            }
        }
        platter
    }
}

fn write(bytes: &mut Vec<u8>, op: &Op, survives: &mut dyn FnMut() -> bool) {
    match op {
        Op::Length(_, length) if survives() => bytes.resize(*length, 0),
        Op::Write(_, start, data) => {
            for (i, sector) in data.chunks(SECTOR).enumerate() {
                let at = start + i * SECTOR;
                if survives() && at + sector.len() <= bytes.len() {
                    bytes[at..at + sector.len()].copy_from_slice(sector);
                }
            }
        }
        _ => {}
    }
}
