//! Generations that lie on others, and steps back, through power cuts.

use super::*;
use crate::store::increment::Increment;

/// Generations 2 and 3 change a third of the contacts of the one below, 4 is a new base of the same, and 5
/// lies on 3 again, after a step back. Names say by which generation they should be.
fn name(generation: &str, contact: u64) -> String {
    let by = match (generation, contact % 6) {
        ("2" | "3" | "5", 0 | 3) => "2",
        ("3" | "5", 1) => "3",
        ("4", 2) => "4",
        ("5", 4) => "5",
        ("4", 0 | 3) => "2",
        ("4", 1) => "3",
        _ => "1",
    };
    format!("{by} {contact}")
}

fn contact(generation: &str, contact: u64) -> Contact {
    Contact {
        key: Some(format!("k{contact}")),
        name: Some(name(generation, contact)),
        numbers: vec![number(contact)],
        ..Contact::default()
    }
}

fn made(generation: &str) -> Made {
    Made {
        as_of: Timestamp::UNIX_EPOCH,
        digest: generation.to_owned(),
        cursor: None,
        history: Default::default(),
    }
}

fn load(shelf: &Shelf, generation: &str) {
    let plan = Plan {
        keyed: true,
        ..Plan::default()
    };
    let mut load = Load::begin(shelf, &plan).unwrap();
    for n in 0..CONTACTS {
        load.add(&contact(generation, n)).unwrap();
    }
    let built = load.finish(made(generation)).unwrap();
    built.publish(shelf).unwrap();
}

fn change(shelf: &Shelf, generation: &str, merge: bool) {
    let mut increment = Increment::begin(shelf).unwrap();
    for n in 0..CONTACTS {
        increment.put(&contact(generation, n)).unwrap();
    }
    if merge {
        increment.merge();
    }
    let built = increment.finish(made(generation)).unwrap();
    built.unwrap().publish(shelf).unwrap();
}

fn answers(shelf: &Shelf) -> Result<String, String> {
    let replica = shelf.current().ok_or("nothing is published")?;
    let generation = replica.facts.digest.clone();
    // Every kind is among them.
    for n in (0..CONTACTS).step_by(5) {
        let found = replica.ask(Question::Having(number(n)));
        let found = found.map_err(|e| e.to_string())?;
        let found: Vec<Contact> = found.into_iter().map(|(_, contact)| contact).collect();
        if found != [contact(&generation, n)] {
            return Err(format!("{generation}: {n} is wrong"));
        }
    }
    Ok(generation)
}

/// Each step, and what is published after it.
type Step = (&'static str, fn(&Shelf));
const STEPS: [Step; 5] = [
    ("2", |shelf| change(shelf, "2", false)),
    ("3", |shelf| change(shelf, "3", false)),
    ("4", |shelf| change(shelf, "4", true)),
    ("3", |shelf| drop(shelf.rollback().unwrap())),
    ("5", |shelf| change(shelf, "5", false)),
];

fn cut(fault: Fault) -> Tried {
    let platter = Platter::with(fault);
    let (shelf, _) = open(&platter);
    load(&shelf, "1");
    let cuts = platter.begin();
    let mut published = vec![(0, "1")];
    for (generation, step) in STEPS {
        step(&shelf);
        assert_eq!(answers(&shelf).as_deref(), Ok(generation));
        published.push((platter.operations(), generation));
    }
    let mut tried = Tried {
        operations: platter.operations(),
        cuts: 0,
        slowest: Duration::ZERO,
        faults: Vec::new(),
    };
    cuts.each(&platter, |begun, survival, disk| {
        tried.cuts += 1;
        // Enough is known.
        if tried.faults.len() > 9 {
            return;
        }
        let last = published.iter().rposition(|(at, _)| *at <= begun).unwrap();
        let mut allowed = published[last..].iter().take(2).map(|(_, g)| g);
        let start = Instant::now();
        let (shelf, failures) = open(&disk);
        tried.slowest = tried.slowest.max(start.elapsed());
        let wrong = match answers(&shelf) {
            _ if !failures.is_empty() => Some(format!("{failures:?}")),
            Ok(found) if allowed.any(|g| *g == found) => None,
            other => Some(format!("{other:?}")),
        };
        let at = format!("cut {begun}, {survival:?}");
        tried.faults.extend(wrong.map(|w| format!("{at}: {w}")));
    });
    tried
}

#[test]
fn a_power_cut_among_changes_leaves_the_old_generation_or_the_new_one() {
    let tried = cut(Fault::None);
    eprintln!(
        "changes: {} operations, {} cuts, {} lost, slowest reopening {:?}",
        tried.operations,
        tried.cuts,
        tried.faults.len(),
        tried.slowest
    );
    assert_eq!(tried.faults, Vec::<String>::new());
    assert!(tried.operations > 50, "{}", tried.operations);
}

#[test]
fn changes_on_a_disk_that_lies_are_found_out() {
    assert!(!cut(Fault::Lies).faults.is_empty());
}

#[test]
fn changes_with_a_name_before_the_data_is_whole_are_found_out() {
    assert!(!cut(Fault::NamesFirst).faults.is_empty());
}

#[test]
fn a_step_back_lasts_until_something_is_published() {
    let platter = Platter::default();
    let (shelf, _) = open(&platter);
    assert!(matches!(
        shelf.rollback(),
        Err(RollbackError::NothingBefore)
    ));
    load(&shelf, "1");
    assert!(shelf.previous().is_none() && shelf.rollback().is_err());
    assert!(!shelf.is_rolled_back());
    change(&shelf, "2", false);
    change(&shelf, "4", true);
    shelf.confirm(Timestamp::MAX);
    assert_eq!(shelf.previous().unwrap().digest, "2");
    assert_eq!(shelf.rollback().unwrap().digest, "2");
    assert_eq!(answers(&shelf).as_deref(), Ok("2"));
    let current = shelf.current().unwrap();
    assert_eq!(shelf.as_of(&current), Timestamp::UNIX_EPOCH);
    let (shelf, failures) = open(&platter);
    assert!(failures.is_empty() && shelf.is_rolled_back());
    assert_eq!(answers(&shelf).as_deref(), Ok("2"));
    change(&shelf, "3", false);
    assert!(!shelf.is_rolled_back());
    let mut names = platter.list(Path::new(PLACE)).unwrap();
    names.sort_unstable();
    assert_eq!(
        names,
        ["000001.redb", "000002.increment", "000004.increment"]
    );
    let (shelf, _) = open(&platter);
    assert!(!shelf.is_rolled_back());
}

#[test]
fn a_step_back_from_what_replaced_a_bad_copy_does_not_bring_the_bad_one_back() {
    let platter = Platter::default();
    let (shelf, _) = open(&platter);
    load(&shelf, "1");
    change(&shelf, "2", false);
    change(&shelf, "3", false);
    shelf.suspect(&shelf.current().unwrap());
    assert_eq!(answers(&shelf).as_deref(), Ok("2"));
    shelf.rollback().unwrap();
    let (shelf, _) = open(&platter);
    assert_eq!(answers(&shelf).as_deref(), Ok("1"));
}

#[test]
fn changes_whose_base_is_lost_are_no_generation() {
    let platter = Platter::default();
    let (shelf, _) = open(&platter);
    load(&shelf, "1");
    change(&shelf, "2", false);
    drop(shelf);
    platter
        .remove(&Path::new(PLACE).join("000001.redb"))
        .unwrap();
    let (shelf, failures) = open(&platter);
    assert!(shelf.current().is_none());
    assert_eq!(failures.len(), 1);
    load(&shelf, "1");
    assert_eq!(answers(&shelf).as_deref(), Ok("1"));
}
