//! What a copy answers to each question, and what it refuses to answer.

use std::fs;
use std::sync::Arc;

use jiff::Timestamp;
use redb::Database;

use super::*;
use crate::domain::contact::Ids;
use crate::domain::dialling::Dialling;
use crate::domain::phone::{PhoneNumber, Region};
use crate::store::load::{Load, Made, Plan};
use crate::store::schema::{BLOCKS, FORWARD, NUMBERS};
use crate::store::sums;

struct Copy {
    shelf: Shelf,
    directory: tempfile::TempDir,
}

impl Copy {
    fn of(contacts: &[Contact]) -> Copy {
        Copy::joined(contacts, None)
    }

    fn joined(contacts: &[Contact], join: Option<JoinBy>) -> Copy {
        let directory = tempfile::tempdir().unwrap();
        let (shelf, _) = Shelf::open(directory.path().join("crm")).unwrap();
        let mut load = Load::begin(
            &shelf,
            &Plan {
                join,
                ..Plan::default()
            },
        )
        .unwrap();
        for contact in contacts {
            load.add(contact).unwrap();
        }
        load.finish(made()).unwrap().publish(&shelf).unwrap();
        Copy { shelf, directory }
    }

    fn replica(&self) -> Arc<Replica> {
        self.shelf.current().unwrap()
    }

    fn names(&self, question: Question) -> Vec<String> {
        let found = self.replica().ask(question).unwrap().into_iter();
        found.filter_map(|(_, contact)| contact.name).collect()
    }

    /// The file of the copy, closed.
    fn file(self) -> (PathBuf, tempfile::TempDir) {
        let path = Kind::Base.path(self.shelf.directory(), 1);
        drop(self.shelf);
        (path, self.directory)
    }
}

fn made() -> Made {
    Made {
        as_of: Timestamp::UNIX_EPOCH,
        digest: "d".into(),
        cursor: None,
        history: Default::default(),
    }
}

/// With numbers as they are written in a place; `-` is none.
fn contact(name: &str, region: &str, texts: &[&str]) -> Contact {
    let place = Dialling {
        region: Region::parse(region),
        ..Dialling::default()
    };
    let readings = texts.iter().map(|text| place.read(text).unwrap());
    let readings: Vec<_> = readings.collect();
    Contact {
        name: Some(name.into()),
        numbers: readings.iter().filter_map(|r| r.number).collect(),
        loose: readings.iter().filter_map(|r| r.loose).collect(),
        ..Contact::default()
    }
}

fn number(text: &str) -> PhoneNumber {
    PhoneNumber::parse(text, Region::parse("TR").unwrap()).unwrap()
}

fn with_code(code: &str, contact: Contact) -> Contact {
    let ids = Ids {
        customer_code: Some(code.into()),
        ..Ids::default()
    };
    Contact { ids, ..contact }
}

#[test]
fn those_whose_numbers_end_so_are_found_with_their_country_or_without() {
    let copy = Copy::of(&[
        contact("whole", "TR", &["+44 20 4520 5757"]),
        contact("without", "TR", &["020 4520 5757"]),
        contact("in front", "GB", &["8 020 4520 5757"]),
        contact("begins so", "-", &["2045205757 123"]),
        contact("other", "TR", &["+44 20 4520 5758"]),
    ]);
    let found = copy.names(Question::Ending(2_045_205_757));
    assert_eq!(found, ["whole", "without", "in front"]);
    // A guess at home and its bare digits are one contact, not two.
    assert_eq!(copy.names(Question::Ending(45_205_757)).len(), 3);
    assert!(copy.names(Question::Ending(2_045_205_759)).is_empty());
}

#[test]
fn a_contact_with_no_certain_number_is_found_by_its_digits_alone() {
    let copy = Copy::of(&[contact("Ayşe", "-", &["0532 555 01 01"])]);
    assert_eq!(copy.replica().facts.numbers, 1);
    assert_eq!(copy.names(Question::Ending(5_325_550_101)), ["Ayşe"]);
    let having = Question::Having(number("0532 555 01 01"));
    assert!(copy.names(having).is_empty());
}

#[test]
fn a_block_leads_to_its_switchboard_and_to_everybody_in_it() {
    let switchboard = Contact {
        company: Some("Acme".into()),
        switchboards: vec![number("0212 555 01 00")],
        ..contact("head", "TR", &["0212 555 01 00"])
    };
    let copy = Copy::of(&[
        switchboard,
        contact("stranger", "TR", &["0212 555 01 37"]),
        contact("loose", "-", &["0212 555 01 42"]),
        contact("abroad", "TR", &["+1 212 555 0142"]),
        contact("beside", "TR", &["0212 555 02 37"]),
    ]);
    for stem in [90_212_555_010, 9_021_255_501] {
        assert_eq!(copy.names(Question::Block(stem)), ["head"], "{stem}");
    }
    assert!(copy.names(Question::Block(902_125_550)).is_empty());
    let within = |stem, more| copy.names(Question::Within { stem, more });
    assert_eq!(within(9_021_255_501, 2), ["head", "stranger", "loose"]);
    assert_eq!(within(90_212_555_010, 1), ["head"]);
    assert!(within(9_021_255_501, 3).is_empty());
}

#[test]
fn an_id_of_two_records_is_nobodys() {
    let record = |code: &str| with_code(code, Contact::default());
    let copy = Copy::joined(
        &[record("c1"), record("c2"), record("c2")],
        Some(JoinBy::CustomerCode),
    );
    let replica = copy.replica();
    let joined = |code: &str| replica.joined(JoinBy::CustomerCode, code).unwrap();
    assert!(matches!(joined("c1"), Joined::One(found) if *found == record("c1")));
    assert!(matches!(joined("c2"), Joined::Doubtful));
    assert!(matches!(joined("c3"), Joined::Nothing));
    assert_eq!(replica.facts.doubtful_ids, 1);
}

#[test]
fn an_id_of_two_contacts_is_nobodys_unless_they_are_colleagues() {
    let of = |name, code, company: &str| Contact {
        company: Some(company.into()),
        ..with_code(code, contact(name, "TR", &["0532 555 01 01"]))
    };
    let copy = Copy::of(&[
        of("Ayşe", "acme", "Acme"),
        of("Can", "acme", "ACME"),
        of("Ece", "both", "Acme"),
        of("Su", "both", "Beta"),
    ]);
    let replica = copy.replica();
    let doubtful = |code| replica.is_doubtful(JoinBy::CustomerCode, code).unwrap();
    assert!(!doubtful("acme") && doubtful("both") && !doubtful("none"));
}

#[test]
fn an_index_that_leads_to_somebody_without_the_number_is_damaged() {
    let contacts = [
        contact("Ayşe", "TR", &["0532 555 01 01"]),
        contact("Can", "TR", &["0532 555 01 02"]),
    ];
    let (path, directory) = Copy::of(&contacts).file();
    sums::take_off(&path);
    let wrong = number("0532 555 01 03").digits();
    let database = Database::open(&path).unwrap();
    let write = database.begin_write().unwrap();
    for (digits, id) in [(wrong, 1), (number("0532 555 01 01").digits(), 7)] {
        let mut numbers = write.open_table(NUMBERS).unwrap();
        numbers
            .insert((keys::number(digits, false), id), ())
            .unwrap();
    }
    for (table, key) in [(BLOCKS, wrong), (FORWARD, keys::forward(wrong, false))] {
        let mut table = write.open_table(table).unwrap();
        table.insert((key, 1), ()).unwrap();
    }
    write.commit().unwrap();
    database.close().unwrap();
    let (shelf, failures) = Shelf::open(directory.path().join("crm")).unwrap();
    assert!(failures.is_empty());
    let replica = shelf.current().unwrap();
    let damaged = [
        Question::Having(number("0532 555 01 03")),
        Question::Ending(325_550_103),
        Question::Block(wrong),
        Question::Within {
            stem: wrong,
            more: 0,
        },
        // The other contact of this number is not there at all.
        Question::Having(number("0532 555 01 01")),
    ];
    for question in damaged {
        assert!(replica.ask(question).is_err(), "{question:?}");
    }
    let whole = replica.ask(Question::Having(number("0532 555 01 02")));
    assert_eq!(whole.unwrap().len(), 1);
}

#[test]
fn of_a_copy_with_any_byte_changed_nothing_wrong_is_shown() {
    let numbers: Vec<String> = (0..200).map(|n| format!("0532 555 {n:04}")).collect();
    let contacts = numbers.iter().map(|n| contact(n, "TR", &[n]));
    let (path, directory) = Copy::of(&contacts.collect::<Vec<_>>()).file();
    let whole = fs::read(&path).unwrap();
    let (mut refused, mut in_part, mut shown) = (0, 0, 0);
    // Each block several times, each time elsewhere in it.
    for at in (0..whole.len()).step_by(1021) {
        let mut changed = whole.clone();
        changed[at] ^= 1 << (at % 8);
        fs::write(&path, changed).unwrap();
        let (shelf, failures) = Shelf::open(directory.path().join("crm")).unwrap();
        let Some(replica) = shelf.current() else {
            assert_eq!(failures.len(), 1);
            refused += 1;
            continue;
        };
        let mut lost = 0;
        for text in numbers.iter().step_by(7) {
            // Who can't be told of must not hide the others.
            let Ok(found) = replica.ask(Question::Having(number(text))) else {
                lost += 1;
                continue;
            };
            let names: Vec<_> = found.into_iter().filter_map(|(_, c)| c.name).collect();
            assert_eq!(names, [text.as_str()], "at {at}");
            shown += 1;
        }
        in_part += usize::from((1..20).contains(&lost));
    }
    assert!(
        refused > 5 && in_part > 5 && shown > 100,
        "{refused} {in_part} {shown}"
    );
}

#[test]
fn one_more_contact_than_can_be_looked_at_is_found_and_no_more() {
    let many = vec![contact("Ayşe", "TR", &["0212 555 01 00"]); CANDIDATES + 7];
    let copy = Copy::of(&many);
    let found = copy.names(Question::Having(number("0212 555 01 00")));
    assert_eq!(found.len(), CANDIDATES + 1);
}
