//! The outbox on a disk that loses power: cut at every one of its operations, with none, all or some of what
//! was not synced surviving, sector by sector. What was acknowledged must be there, and nothing by half.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redb::StorageBackend;

use super::*;
use crate::domain::call::CallId;
use crate::domain::card::Card;
use crate::domain::deadline::{Deadline, Moment};

/// What a disk writes in one piece.
const SECTOR: usize = 512;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Survival {
    None,
    All,
    Some(u64),
}

#[derive(Clone, Debug)]
enum Change {
    Length(u64),
    Write(usize, Vec<u8>),
}

#[derive(Debug, Default)]
struct Platter {
    /// As it would be read back after a power cut.
    stable: Vec<u8>,
    /// As it reads while there is power.
    seen: Vec<u8>,
    unsynced: Vec<Change>,
    operations: usize,
    cut_at: Option<usize>,
    /// Says that it has synced, and has not.
    lies: bool,
}

impl Platter {
    fn operate(&mut self) -> Result<(), std::io::Error> {
        if self.cut_at.is_some_and(|cut| self.operations >= cut) {
            return Err(std::io::Error::other("the power is gone"));
        }
        self.operations += 1;
        Ok(())
    }

    fn after_the_cut(&self, survival: Survival) -> Vec<u8> {
        let mut dice = fastrand::Rng::with_seed(match survival {
            Survival::Some(seed) => seed,
            _ => 0,
        });
        let mut survives = || match survival {
            Survival::None => false,
            Survival::All => true,
            Survival::Some(_) => dice.bool(),
        };
        let mut disk = self.stable.clone();
        for change in &self.unsynced {
            match change {
                Change::Length(length) if survives() => disk.resize(*length as usize, 0),
                Change::Length(_) => {}
                Change::Write(start, data) => {
                    for (i, sector) in data.chunks(SECTOR).enumerate() {
                        let at = start + i * SECTOR;
                        if survives() && at + sector.len() <= disk.len() {
                            disk[at..at + sector.len()].copy_from_slice(sector);
                        }
                    }
                }
            }
        }
        disk
    }
}

#[derive(Clone, Debug, Default)]
struct Disk(Arc<Mutex<Platter>>);

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, std::io::Error> {
        Ok(self.0.lock().unwrap().seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), std::io::Error> {
        let start = offset as usize;
        out.copy_from_slice(&self.0.lock().unwrap().seen[start..start + out.len()]);
        Ok(())
    }

    fn set_len(&self, length: u64) -> Result<(), std::io::Error> {
        let mut platter = self.0.lock().unwrap();
        platter.operate()?;
        platter.seen.resize(length as usize, 0);
        platter.unsynced.push(Change::Length(length));
        Ok(())
    }

    fn sync_data(&self) -> Result<(), std::io::Error> {
        let mut platter = self.0.lock().unwrap();
        platter.operate()?;
        if !platter.lies {
            platter.stable = platter.seen.clone();
            platter.unsynced.clear();
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), std::io::Error> {
        let mut platter = self.0.lock().unwrap();
        platter.operate()?;
        let start = offset as usize;
        platter.seen[start..start + data.len()].copy_from_slice(data);
        platter.unsynced.push(Change::Write(start, data.to_vec()));
        Ok(())
    }
}

fn open(disk: &Disk) -> (OutboxFile, Vec<Entry>) {
    let disk = disk.clone();
    let create = move || builder().create_with_backend(disk.clone());
    OutboxFile::with(Path::new("/nonexistent/outbox.redb"), Box::new(create))
}

fn entry(call: usize, phase: Phase) -> Entry {
    let now = Moment {
        boot: 1,
        since_boot: Duration::ZERO,
        wall: jiff::Timestamp::UNIX_EPOCH,
        belief: Default::default(),
    };
    let deadline = Deadline::new(now, None, Duration::from_secs(90));
    let call = CallId::parse(&format!("call-{call}")).unwrap();
    Entry {
        phase,
        ..Entry::new("office", call, Card { rows: vec![] }, deadline)
    }
}

type State = BTreeMap<Key, Phase>;

/// Six calls come in; each is settled two calls later, and forgotten four calls later. Returns the states
/// that may be found after a cut: the last that was acknowledged, and the one under way.
fn work(file: &mut OutboxFile) -> Vec<State> {
    let mut states = vec![State::new()];
    for call in 0..6 {
        let mut changes: HashMap<Key, Option<Box<Entry>>> = HashMap::new();
        let mut next = states[0].clone();
        let mut put = |entry: Entry| {
            next.insert(entry.key(), entry.phase);
            changes.insert(entry.key(), Some(Box::new(entry)));
        };
        put(entry(call, Phase::Waiting));
        if call >= 2 {
            put(entry(call - 2, Phase::Settled));
        }
        if call >= 4 {
            let key = entry(call - 4, Phase::Settled).key();
            next.remove(&key);
            changes.insert(key, None);
        }
        match file.commit(&changes) {
            Ok(()) => states = vec![next],
            Err(_) => {
                states.push(next);
                break;
            }
        }
    }
    states
}

/// A disk with an outbox on it; the file itself came there whole, under another name.
fn disk(cut_at: Option<usize>, lies: bool) -> Disk {
    let disk = Disk::default();
    drop(open(&disk));
    {
        let mut platter = disk.0.lock().unwrap();
        let stable = platter.seen.clone();
        *platter = Platter {
            seen: stable.clone(),
            stable,
            cut_at,
            lies,
            ..Platter::default()
        };
    }
    disk
}

/// What is wrong after a cut at each operation, with each kind of survival.
fn faults(lies: bool) -> Vec<String> {
    let whole = disk(None, false);
    work(&mut open(&whole).0);
    let operations = whole.0.lock().unwrap().operations;
    assert!(operations > 50, "{operations}");
    let mut faults = Vec::new();
    for cut in 0..operations {
        for survival in [
            Survival::None,
            Survival::All,
            Survival::Some(1),
            Survival::Some(2),
        ] {
            let disk = disk(Some(cut), lies);
            let states = work(&mut open(&disk).0);
            let stable = disk.0.lock().unwrap().after_the_cut(survival);
            let again = Disk::default();
            *again.0.lock().unwrap() = Platter {
                seen: stable.clone(),
                stable,
                ..Platter::default()
            };
            // What a damaged file may make redb do is a fault as well.
            let opened = std::panic::catch_unwind(|| {
                let (file, entries) = open(&again);
                (file.problem, entries)
            });
            let Ok((problem, entries)) = opened else {
                faults.push(format!("cut {cut}, {survival:?}: panicked"));
                continue;
            };
            let found: State = entries.into_iter().map(|e| (e.key(), e.phase)).collect();
            if problem.is_some() || !states.contains(&found) {
                faults.push(format!("cut {cut}, {survival:?}: {problem:?}, {found:?}"));
            }
        }
    }
    faults
}

#[test]
fn what_was_acknowledged_survives_a_power_cut_at_any_operation() {
    assert_eq!(faults(false), Vec::<String>::new());
}

#[test]
fn a_disk_that_lies_about_syncing_is_found_out() {
    // Else the test above could not fail.
    assert!(!faults(true).is_empty());
}
