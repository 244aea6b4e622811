//! What is published, whatever happens to the disk, and what serves when it turns out bad.

mod changes;

use std::time::{Duration, Instant};

use super::*;
use crate::domain::contact::Contact;
use crate::domain::ladder::Question;
use crate::domain::phone::{PhoneNumber, Region};
use crate::store::load::{Load, Made, Plan};
use crate::store::platter::{Fault, Platter};

const CONTACTS: u64 = 300;
const PLACE: &str = "/state/replica/crm";

fn number(contact: u64) -> PhoneNumber {
    let text = format!("+9053255{:05}", 10_000 + contact);
    PhoneNumber::parse(&text, Region::parse("TR").unwrap()).unwrap()
}

/// Everybody's name says the generation, so that a mixture would show.
fn load(shelf: &Shelf, generation: &str) {
    let mut load = Load::begin(shelf, &Plan::default()).unwrap();
    for contact in 0..CONTACTS {
        let contact = Contact {
            name: Some(format!("{generation} {contact}")),
            numbers: vec![number(contact)],
            ..Contact::default()
        };
        load.add(&contact).unwrap();
    }
    let made = Made {
        as_of: Timestamp::UNIX_EPOCH,
        digest: generation.to_owned(),
        cursor: None,
        history: Default::default(),
    };
    load.finish(made).unwrap().publish(shelf).unwrap();
}

/// The generation that answers, if it is whole and all of its answers are right.
fn answers(shelf: &Shelf) -> Result<String, String> {
    let replica = shelf.current().ok_or("nothing is published")?;
    let generation = replica.facts.digest.clone();
    for contact in (0..CONTACTS).step_by(7) {
        let found = replica.ask(Question::Having(number(contact)));
        let found = found.map_err(|e| e.to_string())?;
        let name = found.first().and_then(|(_, contact)| contact.name.clone());
        if found.len() != 1 || name != Some(format!("{generation} {contact}")) {
            return Err(format!("{generation}: {contact} is {name:?}"));
        }
    }
    Ok(generation)
}

fn open(platter: &Platter) -> (Shelf, Vec<ReplicaError>) {
    Shelf::open_on(Arc::new(platter.clone()), PLACE.into()).unwrap()
}

struct Tried {
    operations: usize,
    cuts: usize,
    slowest: Duration,
    faults: Vec<String>,
}

/// Two more syncs, cut at each operation of theirs.
fn cut(fault: Fault) -> Tried {
    let platter = Platter::with(fault);
    let (shelf, _) = open(&platter);
    load(&shelf, "1");
    let cuts = platter.begin();
    let mut published = vec![(0, "1".to_owned())];
    for generation in ["2", "3"] {
        load(&shelf, generation);
        published.push((platter.operations(), generation.to_owned()));
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
fn a_power_cut_leaves_the_old_generation_or_the_new_one() {
    let tried = cut(Fault::None);
    eprintln!(
        "replica: {} operations, {} cuts, {} lost, slowest reopening {:?}",
        tried.operations,
        tried.cuts,
        tried.faults.len(),
        tried.slowest
    );
    assert_eq!(tried.faults, Vec::<String>::new());
    assert!(tried.operations > 30, "{}", tried.operations);
}

#[test]
fn a_disk_that_lies_about_syncing_is_found_out() {
    assert!(!cut(Fault::Lies).faults.is_empty());
}

#[test]
fn a_name_that_is_given_before_the_data_is_whole_is_found_out() {
    assert!(!cut(Fault::NamesFirst).faults.is_empty());
}

#[tokio::test]
async fn a_copy_that_turns_out_bad_is_replaced_by_the_one_before_it_at_once() {
    let platter = Platter::default();
    let (shelf, _) = open(&platter);
    load(&shelf, "1");
    load(&shelf, "2");
    shelf.confirm(Timestamp::UNIX_EPOCH);
    let bad = shelf.current().unwrap();
    shelf.suspect(&bad);
    shelf.wants_renewal().await;
    assert_eq!(answers(&shelf).as_deref(), Ok("1"));
    assert!(shelf.is_suspect(), "the same content must be loaded anew");
    // Somebody who was reading the bad one meanwhile takes nothing else away.
    shelf.suspect(&bad);
    assert_eq!(answers(&shelf).as_deref(), Ok("1"));
    // With nothing before it, the last one is better than none.
    let last = shelf.current().unwrap();
    shelf.suspect(&last);
    assert_eq!(answers(&shelf).as_deref(), Ok("1"));
    load(&shelf, "3");
    assert_eq!(answers(&shelf).as_deref(), Ok("3"));
    assert!(!shelf.is_suspect());
    let mut names = platter.list(Path::new(PLACE)).unwrap();
    names.sort_unstable();
    assert_eq!(names, ["000001.redb", "000003.redb"]);
}

/// As the program wrote it before there were changes: a box that is upgraded while its CRM is away keeps it.
const EARLIER: &[u8] = include_bytes!("../../../tests/data/formats/replica-2.redb");

#[test]
fn a_copy_of_an_earlier_version_answers() {
    let platter = Platter::default();
    platter.put(&Path::new(PLACE).join("000001.redb"), EARLIER.to_vec());
    let (shelf, failures) = open(&platter);
    assert!(failures.is_empty(), "{failures:?}");
    let replica = shelf.current().unwrap();
    let caller = PhoneNumber::parse("0532 555 01 01", Region::parse("TR").unwrap()).unwrap();
    let found = replica.ask(Question::Having(caller)).unwrap();
    assert_eq!(found[0].1.name.as_deref(), Some("Ayşe Yılmaz"));
    assert_eq!((replica.facts.contacts, replica.facts.filling), (2, None));
    assert!(!replica.facts.keyed && shelf.cursor().is_none());
}
