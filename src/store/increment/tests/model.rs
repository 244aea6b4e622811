//! Random loads, changes, removals, restarts and steps back, beside a list that does the same.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::store::platter::Platter;

const STEPS: usize = 60;
const SEEDS: u64 = 12;

fn open(platter: &Platter) -> Shelf {
    let drive = Arc::new(platter.clone());
    let (shelf, failures) = Shelf::open_on(drive, "/state/replica/crm".into()).unwrap();
    assert!(failures.is_empty(), "{failures:?}");
    shelf
}

/// What a generation should hold.
#[derive(Clone, Default)]
struct Naive {
    contacts: Vec<Contact>,
}

impl Naive {
    fn put(&mut self, contact: &Contact) {
        let same = |c: &&mut Contact| c.key == contact.key;
        match self.contacts.iter_mut().find(same) {
            Some(old) => *old = contact.clone(),
            None => self.contacts.push(contact.clone()),
        }
    }
}

/// Few of everything, so that much is shared.
struct Dice(Rng);

impl Dice {
    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.0.usize(..all.len())]
    }

    fn contact(&mut self, key: u32) -> Contact {
        let place = Dialling {
            region: Region::parse(self.of(&["TR", "-", "GB"])),
            ..Dialling::default()
        };
        let texts = [
            "0532 555 01 01",
            "0212 555 01 00",
            "0212 555 01 37",
            "+442045205757",
        ];
        let readings: Vec<_> = (0..self.0.usize(..3))
            .filter_map(|_| place.read(self.of(&texts)).ok())
            .collect();
        let numbers: Vec<_> = readings.iter().filter_map(|r| r.number).collect();
        let some = |dice: &mut Dice, all: &[&str]| {
            let text = dice.of(all);
            (!text.is_empty()).then(|| text.to_owned())
        };
        Contact {
            key: Some(format!("k{key}")),
            name: some(self, &["Ayşe", "Can", "Ece", ""]),
            company: some(self, &["Acme", "Beta", "", ""]),
            switchboards: numbers.iter().take(self.0.usize(..2)).copied().collect(),
            numbers,
            loose: readings.iter().filter_map(|r| r.loose).collect(),
            ids: Ids {
                customer_code: some(self, &["c1", "c2", "c3", ""]),
                email: some(self, &["a@x.example", "b@x.example", "", ""]),
                tax_number: None,
            },
            ..Contact::default()
        }
    }
}

/// Everything that can be asked, and what a scan of everything says.
fn compare(replica: &Replica, naive: &Naive, told: &str) {
    let mut stored = Vec::new();
    replica.each(&mut |c| stored.push(c.clone())).unwrap();
    assert_eq!(sorted(&stored), sorted(&naive.contacts), "{told}");
    let facts = &replica.facts;
    assert_eq!(facts.contacts as usize, naive.contacts.len(), "{told}");
    let numbers = stored
        .iter()
        .map(|c| index::numbers_of(c, None))
        .sum::<u64>();
    assert_eq!(facts.numbers, numbers, "{told}");
    let mut filling = Filling::default();
    stored.iter().for_each(|c| filling.add(Filling::of(c)));
    assert_eq!(facts.filling, Some(filling), "{told}");
    let whole = open(&Platter::default());
    load(&whole, None, &stored);
    let whole = whole.current().unwrap();
    compare_answers(replica, &whole, told);
    assert_eq!(facts.doubtful_ids, whole.facts.doubtful_ids, "{told}");
    for key in 0..12 {
        let key = format!("k{key}");
        let is = naive.contacts.iter().find(|c| c.key.as_ref() == Some(&key));
        assert_eq!(replica.by_identity(&key).unwrap().as_ref(), is, "{told}");
    }
}

/// The same as of a replica that was loaded in one.
fn compare_answers(replica: &Replica, whole: &Replica, told: &str) {
    let questions = [
        Question::Having(number("0532 555 01 01")),
        Question::Having(number("+442045205757")),
        Question::Ending(5_550_100),
        Question::Ending(2_125_550_137),
        Question::Block(9_021_255_501),
        Question::Within {
            stem: 9_021_255_501,
            more: 2,
        },
    ];
    for question in questions {
        let of = |r: &Replica| -> Vec<Contact> {
            r.ask(question)
                .unwrap()
                .into_iter()
                .map(|(_, c)| c)
                .collect()
        };
        assert_eq!(
            sorted(&of(replica)),
            sorted(&of(whole)),
            "{told}: {question:?}"
        );
    }
    for (by, ids) in [
        (JoinBy::CustomerCode, ["c1", "c2", "c3"]),
        (JoinBy::Email, ["a@x.example", "b@x.example", "c@x.example"]),
    ] {
        for id in ids {
            let of = |r: &Replica| r.is_doubtful(by, id).unwrap();
            assert_eq!(of(replica), of(whole), "{told}: {id}");
        }
    }
}

fn sorted(contacts: &[Contact]) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = contacts
        .iter()
        .map(|c| postcard::to_stdvec(c).unwrap())
        .collect();
    all.sort();
    all
}

fn step(dice: &mut Dice, shelf: &Shelf, naive: &mut Naive) -> String {
    match dice.0.u8(..10) {
        0 => {
            let keys: BTreeSet<u32> = (0..8).map(|_| dice.0.u32(..12)).collect();
            naive.contacts = keys.into_iter().map(|key| dice.contact(key)).collect();
            load(shelf, None, &naive.contacts);
            "load".to_owned()
        }
        _ if shelf.current().is_none() => "nothing".to_owned(),
        kind => {
            let mut increment = Increment::begin(shelf).unwrap();
            let before = naive.clone();
            for _ in 0..dice.0.usize(..5) {
                let key = dice.0.u32(..12);
                if dice.0.u8(..3) == 0 {
                    let key = format!("k{key}");
                    increment.remove(&key).unwrap();
                    naive.contacts.retain(|c| c.key.as_ref() != Some(&key));
                } else {
                    let contact = dice.contact(key);
                    increment.put(&contact).unwrap();
                    naive.put(&contact);
                }
            }
            if kind == 1 {
                increment.merge();
            }
            let any = increment.counts().any();
            assert_eq!(increment.contacts() as usize, naive.contacts.len());
            assert!(any || sorted(&before.contacts) == sorted(&naive.contacts));
            match increment.finish(made("change")).unwrap() {
                // Looked into, and not published.
                Some(built) if kind == 2 => {
                    compare(built.replica(), naive, "built");
                    *naive = before;
                    "given up".to_owned()
                }
                Some(built) => {
                    built.publish(shelf).unwrap();
                    format!("changed {kind}")
                }
                None => "unchanged".to_owned(),
            }
        }
    }
}

#[test]
fn a_copy_with_changes_answers_as_a_copy_of_everything() {
    for seed in 0..SEEDS {
        let platter = Platter::default();
        let mut shelf = open(&platter);
        let mut dice = Dice(Rng::with_seed(seed));
        let (mut naive, mut published) = (Naive::default(), BTreeMap::new());
        let mut told = String::new();
        for at in 0..STEPS {
            let generation = |shelf: &Shelf| shelf.current().map(|r| r.generation);
            let before = generation(&shelf);
            match dice.0.u8(..12) {
                0 => {
                    drop(shelf);
                    shelf = open(&platter);
                    told.push_str(" reopened");
                }
                1 if shelf.previous().is_some() => {
                    shelf.rollback().unwrap();
                    assert!(shelf.is_rolled_back() && generation(&shelf) < before);
                    naive = Naive::clone(&published[&generation(&shelf)]);
                    told.push_str(" back");
                }
                _ => {
                    let did = step(&mut dice, &shelf, &mut naive);
                    told = format!("{told} {did}");
                    published.insert(generation(&shelf), naive.clone());
                    let another = before.is_some() && generation(&shelf) != before;
                    assert!(!another || shelf.previous().is_some(), "{seed}:{told}");
                }
            }
            if let Some(current) = shelf.current() {
                compare(&current, &naive, &format!("seed {seed}, step {at}:{told}"));
            }
        }
    }
}
