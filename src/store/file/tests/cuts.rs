//! The outbox on a disk that loses power: cut at every one of its operations, with none, all or some of what
//! was not synced surviving, sector by sector. What was acknowledged must be there, and nothing by half.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use super::*;
use crate::store::platter::{Cuts, Fault};

/// What may be found after a cut.
#[derive(Clone, Debug, Default)]
struct State {
    entries: BTreeMap<Key, Entry>,
    /// These may still be there: they are deleted in company.
    forgotten: BTreeSet<Key>,
}

impl State {
    fn apply(&mut self, changes: &[Change]) {
        for (key, entry) in changes {
            match entry {
                Some(entry) => drop(self.entries.insert(key.clone(), entry.clone())),
                None => {
                    self.entries.remove(key);
                    self.forgotten.insert(key.clone());
                }
            }
        }
    }

    fn allows(&self, found: &[Entry]) -> bool {
        let there = |e: &&Entry| self.entries.get(&e.key()) == Some(*e);
        let known = found.iter().filter(there).count();
        let others = found.iter().filter(|e| !there(e)).map(Entry::key);
        known == self.entries.len() && others.into_iter().all(|k| self.forgotten.contains(&k))
    }
}

/// What was acknowledged after how many operations.
#[derive(Default)]
struct Oracle {
    states: Vec<(usize, State)>,
    next: State,
}

impl Oracle {
    /// The states that may be found when so many operations were begun: the last that was acknowledged by
    /// then, and the one under way.
    fn allows(&self, begun: usize, found: &[Entry]) -> bool {
        let acknowledged = self.states.iter().rposition(|(at, _)| *at <= begun);
        let from = acknowledged.unwrap_or(0);
        let states = self.states[from..].iter().take(2);
        states.into_iter().any(|(_, state)| state.allows(found))
    }

    /// Acknowledged too early, with `early`: the mistake that the test must find.
    fn commit(
        &mut self,
        file: &mut OutboxFile,
        platter: &Platter,
        changes: &[Change],
        early: bool,
    ) {
        self.next.apply(changes);
        if early {
            self.states.push((platter.operations(), self.next.clone()));
        }
        file.commit(changes).unwrap();
        if !early {
            self.states.push((platter.operations(), self.next.clone()));
        }
    }
}

/// Calls come in, each with what became of an earlier one: settled, expired, given up for a comment, parked and
/// tried again, forgotten. Once the file is opened anew, and once it is compacted.
fn work(platter: &Platter, early: bool) -> Oracle {
    let mut oracle = Oracle {
        states: vec![(0, State::default())],
        ..Oracle::default()
    };
    let (mut file, _) = open(platter).unwrap();
    let mut turn = 0;
    for call in 0..24 {
        let mut changes = vec![is(call, Phase::Waiting, 0)];
        if call >= 2 {
            turn += 1;
            let phases = [
                Phase::Settled,
                Phase::Expired,
                Phase::CommentDue,
                Phase::Parked,
            ];
            changes.push(is(call - 2, phases[call % 4], turn));
        }
        if call >= 5 && call % 4 == 1 {
            // The comment of three calls ago is written, or the parked card is tried again.
            turn += 1;
            changes.push(is(call - 5, Phase::Settled, turn));
        }
        if call >= 12 && call % 4 == 2 {
            changes.push(gone(call - 12));
        }
        oracle.commit(&mut file, platter, &changes, early);
        match call {
            12 => {
                file.close();
                file.open(&mut |_| {}).unwrap();
            }
            18 => file.compact().unwrap(),
            _ => {}
        }
    }
    oracle
}

#[derive(Default)]
struct Tried {
    operations: usize,
    cuts: usize,
    slowest: Duration,
    faults: Vec<String>,
}

fn try_all(cuts: Cuts, platter: &Platter, oracle: &Oracle) -> Tried {
    let mut tried = Tried {
        operations: platter.operations(),
        ..Tried::default()
    };
    cuts.each(platter, |begun, survival, disk| {
        tried.cuts += 1;
        // Enough is known.
        if tried.faults.len() > 9 {
            return;
        }
        let start = Instant::now();
        // What a damaged file may make redb do is a fault as well.
        let opened = catch_unwind(AssertUnwindSafe(|| open(&disk)));
        tried.slowest = tried.slowest.max(start.elapsed());
        let wrong = match opened {
            Ok(Ok((mut file, found))) => match file.take_damage() {
                Some(damage) => Some(damage.told()),
                None if oracle.allows(begun, &found) => None,
                None => Some(format!("{found:?}")),
            },
            Ok(Err(e)) => Some(e.to_string()),
            Err(_) => Some("panicked".into()),
        };
        tried
            .faults
            .extend(wrong.map(|w| format!("cut {begun}, {survival:?}: {w}")));
    });
    tried
}

fn faults(fault: Fault, early: bool) -> Tried {
    let platter = Platter::with(fault);
    let cuts = platter.begin();
    let oracle = work(&platter, early);
    try_all(cuts, &platter, &oracle)
}

#[test]
fn what_was_acknowledged_survives_a_power_cut_at_any_operation() {
    let tried = faults(Fault::None, false);
    eprintln!(
        "outbox: {} operations, {} cuts, {} lost, slowest reopening {:?}",
        tried.operations,
        tried.cuts,
        tried.faults.len(),
        tried.slowest
    );
    assert_eq!(tried.faults, Vec::<String>::new());
    assert!(tried.operations > 200, "{}", tried.operations);
}

#[test]
fn a_disk_that_lies_about_syncing_is_found_out() {
    // Else the test above could not fail. Nothing can be promised on such a disk.
    assert!(!faults(Fault::Lies, false).faults.is_empty());
}

#[test]
fn an_acknowledgement_before_the_sync_is_found_out() {
    assert!(!faults(Fault::None, true).faults.is_empty());
}
