//! A load that was interrupted, and what a later one may go on from.

use std::sync::Arc;

use super::*;
use crate::store::drive::Drive;
use crate::store::platter::{Fault, Platter};

const PLACE: &str = "/state/replica/crm";
const START: i64 = 1_800_000_000;
const DAY: i64 = 24 * 60 * 60;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(START + seconds).unwrap()
}

fn plan(settings: &str, seconds: i64) -> Plan {
    Plan {
        join: None,
        keyed: true,
        resume: Some(Resume {
            settings: settings.into(),
            now: at(seconds),
        }),
    }
}

fn record(n: u32) -> Contact {
    Contact {
        key: Some(format!("k{n}")),
        ..contact(
            &format!("Ayşe {n}"),
            &[&format!("+9053255{:05}", 10_000 + n)],
        )
    }
}

/// Adds records, with a checkpoint after each tenth.
fn add(load: &mut Load, records: std::ops::Range<u32>) {
    for n in records {
        load.add(&record(n)).unwrap();
        if n % 10 == 9 {
            if let Some(checkpoints) = &mut load.checkpoints {
                checkpoints.every = Duration::ZERO;
            }
            assert!(load.checkpoint(&format!("after {n}")).unwrap());
        }
    }
}

fn begin(shelf: &Shelf, settings: &str, seconds: i64) -> Load {
    Load::begin(shelf, &plan(settings, seconds)).unwrap()
}

fn resumed(load: &Load) -> Option<(&str, u32)> {
    load.resumed().map(|r| (r.position.as_str(), r.contacts))
}

/// All of them, by their numbers and ids.
fn whole(shelf: &Shelf, records: u32) {
    let replica = shelf.current().unwrap();
    assert_eq!(replica.facts.contacts, records);
    for n in 0..records {
        let contact = record(n);
        let found = replica.ask(Question::Having(contact.numbers[0])).unwrap();
        let found: Vec<Contact> = found.into_iter().map(|(_, c)| c).collect();
        assert_eq!(found, std::slice::from_ref(&contact));
        let found = replica.by_identity(&format!("k{n}")).unwrap();
        assert_eq!(found, Some(contact));
    }
}

#[test]
fn a_load_goes_on_where_it_was_interrupted() {
    let dir = tempfile::tempdir().unwrap();
    let first = shelf(dir.path());
    let mut load = begin(&first, "s", 0);
    assert_eq!(resumed(&load), None);
    add(&mut load, 0..25);
    load.suspend();
    drop(first);
    let shelf = shelf(dir.path());
    let mut load = begin(&shelf, "s", DAY - 1);
    assert_eq!(resumed(&load), Some(("after 19", 20)));
    assert_eq!(load.resumed().unwrap().started, at(0));
    assert_eq!((load.contacts(), load.filling().numbered), (20, 20));
    assert!(load.has("k0") && load.has("k19") && !load.has("k20"));
    add(&mut load, 20..33);
    load.suspend();
    let mut load = begin(&shelf, "s", DAY - 1);
    assert_eq!(resumed(&load), Some(("after 29", 30)));
    add(&mut load, 30..40);
    load.finish(made()).unwrap().publish(&shelf).unwrap();
    whole(&shelf, 40);
    assert_eq!(files(dir.path()), ["000001.redb"]);
}

#[test]
fn a_load_begins_anew_where_it_can_not_go_on() {
    type Otherwise = fn(&Shelf, &std::path::Path) -> Load;
    let others: [Otherwise; 6] = [
        |shelf, _| begin(shelf, "other settings", 1),
        |shelf, _| begin(shelf, "s", DAY),
        // The clock was ahead, or is behind.
        |shelf, _| begin(shelf, "s", -1),
        |shelf, _| {
            Load::begin(
                shelf,
                &Plan {
                    keyed: false,
                    ..plan("s", 1)
                },
            )
            .unwrap()
        },
        |shelf, _| Load::begin(shelf, &Plan::default()).unwrap(),
        |shelf, file| {
            let mut bytes = fs::read(file).unwrap();
            let end = bytes.len() / 2;
            bytes[4096..end].iter_mut().for_each(|b| *b ^= 1);
            fs::write(file, bytes).unwrap();
            begin(shelf, "s", 1)
        },
    ];
    for (i, other) in others.into_iter().enumerate() {
        let dir = tempfile::tempdir().unwrap();
        let shelf = shelf(dir.path());
        let mut load = begin(&shelf, "s", 0);
        add(&mut load, 0..25);
        load.suspend();
        let load = other(&shelf, &dir.path().join("crm/000001.partial"));
        assert_eq!((resumed(&load), load.contacts()), (None, 0), "{i}");
        drop(load);
        assert!(files(dir.path()).is_empty(), "{i}");
    }
}

#[test]
fn a_load_that_came_nowhere_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let shelf = shelf(dir.path());
    let mut load = begin(&shelf, "s", 0);
    add(&mut load, 0..9);
    // Too soon.
    assert!(!load.checkpoint("after 8").unwrap());
    load.suspend();
    assert!(files(dir.path()).is_empty());
    let mut load = begin(&shelf, "s", 0);
    add(&mut load, 0..25);
    // Not suspended: what it was given was wrong.
    drop(load);
    assert!(files(dir.path()).is_empty());
}

#[test]
fn what_is_added_is_made_safe_after_a_while_or_many_contacts() {
    let resume = plan("s", 0).resume.unwrap();
    let mut checkpoints = Checkpoints::of(&resume, at(0));
    assert!(!checkpoints.is_due(CHECKPOINT_CONTACTS - 1));
    assert!(checkpoints.is_due(CHECKPOINT_CONTACTS));
    checkpoints.done(CHECKPOINT_CONTACTS);
    assert!(!checkpoints.is_due(2 * CHECKPOINT_CONTACTS - 1));
    checkpoints.last -= CHECKPOINT_EVERY;
    assert!(checkpoints.is_due(CHECKPOINT_CONTACTS + 1));
    assert!(
        !checkpoints.is_due(CHECKPOINT_CONTACTS),
        "there is nothing new"
    );
}

#[test]
fn increments_meanwhile_leave_an_interrupted_load_alone() {
    let dir = tempfile::tempdir().unwrap();
    let shelf = shelf(dir.path());
    let mut load = Load::begin(
        &shelf,
        &Plan {
            keyed: true,
            ..Plan::default()
        },
    )
    .unwrap();
    load.add(&record(0)).unwrap();
    load.finish(made()).unwrap().publish(&shelf).unwrap();
    let mut load = begin(&shelf, "s", 0);
    add(&mut load, 0..10);
    load.suspend();
    for (n, merge) in [(1, false), (2, true)] {
        let mut increment = crate::store::increment::Increment::begin(&shelf).unwrap();
        increment.put(&record(n)).unwrap();
        if merge {
            increment.merge();
        }
        let built = increment.finish(made()).unwrap().unwrap();
        built.publish(&shelf).unwrap();
    }
    whole(&shelf, 3);
    let mut load = begin(&shelf, "s", 0);
    assert_eq!(resumed(&load), Some(("after 9", 10)));
    add(&mut load, 10..20);
    load.finish(made()).unwrap().publish(&shelf).unwrap();
    whole(&shelf, 20);
    assert_eq!(files(dir.path()), ["000003.redb", "000004.redb"]);
}

/// Cuts a load with three checkpoints at each operation, and goes on from what is left. The faults found, and
/// how often there was something to go on from.
fn cut(fault: Fault) -> (Vec<String>, usize, usize) {
    let platter = Platter::with(fault);
    let open = |platter: &Platter| Shelf::open_on(Arc::new(platter.clone()), PLACE.into());
    let (shelf, _) = open(&platter).unwrap();
    let cuts = platter.begin();
    let mut load = begin(&shelf, "s", 0);
    let mut safe = Vec::new();
    for part in [0..10, 10..20, 20..30] {
        let contacts = part.end;
        add(&mut load, part);
        safe.push((platter.operations(), contacts));
    }
    // The power is gone: nothing is closed.
    std::mem::forget(load);
    let (mut faults, mut gone_on, mut tried) = (Vec::new(), 0, 0);
    cuts.each(&platter, |begun, survival, disk| {
        tried += 1;
        let (shelf, _) = open(&disk).unwrap();
        let mut load = begin(&shelf, "s", 60);
        let least = safe.iter().rfind(|(at, _)| *at <= begun).map_or(0, |s| s.1);
        let contacts = load.contacts();
        gone_on += usize::from(contacts > 0);
        let position = load.resumed().map(|r| r.position.clone());
        let right = contacts.checked_sub(1).map(|last| format!("after {last}"));
        if contacts < least || position != right {
            let told = format!("cut {begun}, {survival:?}: {contacts} of {least}, {position:?}");
            return faults.push(told);
        }
        add(&mut load, contacts..40);
        load.finish(made()).unwrap().publish(&shelf).unwrap();
        whole(&shelf, 40);
        let names = disk.list(PLACE.as_ref()).unwrap();
        assert_eq!(names, ["000001.redb"], "cut {begun}, {survival:?}");
    });
    eprintln!(
        "load: {} operations, {tried} cuts, {gone_on} gone on from, {} faults",
        platter.operations(),
        faults.len()
    );
    (faults, gone_on, tried)
}

#[test]
fn a_power_cut_costs_what_came_after_the_last_checkpoint() {
    let (faults, gone_on, tried) = cut(Fault::None);
    assert_eq!(faults, Vec::<String>::new());
    assert!(gone_on > 20 && gone_on < tried, "{gone_on} of {tried}");
}

#[test]
fn checkpoints_on_a_disk_that_lies_are_found_missing() {
    assert!(!cut(Fault::Lies).0.is_empty());
}
