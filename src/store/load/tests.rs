//! What a load leaves behind, whatever becomes of it.

mod resumed;

use std::fs;

use super::*;
use crate::domain::ladder::Question;
use crate::domain::money::{DecimalSign, Money};
use crate::domain::phone::{PhoneNumber, Region};
use crate::domain::renewal::History;

fn number(text: &str) -> PhoneNumber {
    PhoneNumber::parse(text, Region::parse("TR").unwrap()).unwrap()
}

fn contact(name: &str, numbers: &[&str]) -> Contact {
    Contact {
        name: Some(name.into()),
        numbers: numbers.iter().map(|n| number(n)).collect(),
        ..Contact::default()
    }
}

fn shelf(directory: &std::path::Path) -> Shelf {
    let (shelf, failures) = Shelf::open(directory.join("crm")).unwrap();
    assert!(failures.is_empty(), "{failures:?}");
    shelf
}

fn publish(shelf: &Shelf, contacts: &[Contact]) -> Facts {
    let mut load = Load::begin(shelf, &Plan::default()).unwrap();
    for contact in contacts {
        load.add(contact).unwrap();
    }
    load.finish(made()).unwrap().publish(shelf).unwrap()
}

fn made() -> Made {
    Made {
        as_of: Timestamp::UNIX_EPOCH,
        digest: "d".into(),
        cursor: None,
        history: History::default(),
    }
}

fn having(replica: &Replica, text: &str) -> Vec<Contact> {
    let found = replica.ask(Question::Having(number(text))).unwrap();
    found.into_iter().map(|(_, contact)| contact).collect()
}

fn names(shelf: &Shelf, text: &str) -> Vec<String> {
    let found = shelf
        .current()
        .map(|r| having(&r, text))
        .unwrap_or_default();
    found.into_iter().filter_map(|c| c.name).collect()
}

fn files(directory: &std::path::Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory.join("crm"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_published_load_answers_by_every_number() {
    let dir = tempfile::tempdir().unwrap();
    let shelf = shelf(dir.path());
    assert!(shelf.current().is_none());
    let facts = publish(
        &shelf,
        &[
            contact("Ayşe", &["0532 555 01 01", "0212 555 01 00"]),
            contact("Can", &["0532 555 01 02", "0212 555 01 00"]),
        ],
    );
    assert_eq!((facts.contacts, facts.numbers), (2, 4));
    assert_eq!(names(&shelf, "+905325550101"), ["Ayşe"]);
    assert_eq!(names(&shelf, "+902125550100"), ["Ayşe", "Can"]);
    assert!(names(&shelf, "+905325550199").is_empty());
}

#[test]
fn a_contact_comes_back_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let shelf = shelf(dir.path());
    let whole = Contact {
        key: Some("120.01".into()),
        company: Some("Yılmaz Gıda".into()),
        balance: Money::parse("-4250.10 TRY", DecimalSign::Point, None).ok(),
        fields: [("city".into(), "İzmir".into())].into(),
        ..contact("Ayşe", &["0532 555 01 01"])
    };
    assert!(whole.balance.is_some());
    publish(&shelf, std::slice::from_ref(&whole));
    let found = having(&shelf.current().unwrap(), "05325550101");
    assert_eq!(found, [whole]);
}

#[test]
fn readers_keep_the_generation_they_have() {
    let dir = tempfile::tempdir().unwrap();
    let shelf = shelf(dir.path());
    publish(&shelf, &[contact("old", &["05325550101"])]);
    let reader = shelf.current().unwrap();
    for name in ["newer", "newest"] {
        publish(&shelf, &[contact(name, &["05325550101"])]);
    }
    assert_eq!(files(dir.path()), ["000002.redb", "000003.redb"]);
    assert_eq!(names(&shelf, "05325550101"), ["newest"]);
    let old = having(&reader, "05325550101");
    assert_eq!(old[0].name.as_deref(), Some("old"));
}

#[test]
fn a_load_given_up_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let shelf = shelf(dir.path());
    publish(&shelf, &[contact("kept", &["05325550101"])]);
    let mut load = Load::begin(&shelf, &Plan::default()).unwrap();
    load.add(&contact("lost", &["05325550101"])).unwrap();
    assert_eq!(files(dir.path()), ["000001.redb", "000002.partial"]);
    drop(load);
    assert_eq!(files(dir.path()), ["000001.redb"]);
    assert_eq!(names(&shelf, "05325550101"), ["kept"]);
}

#[test]
fn the_previous_generation_serves_when_the_newest_is_damaged() {
    type Damage = fn(&std::path::Path);
    let damages: [Damage; 4] = [
        |p| fs::write(p, b"").unwrap(),
        |p| fs::write(p, b"not a database").unwrap(),
        |p| {
            fs::File::options()
                .write(true)
                .open(p)
                .unwrap()
                .set_len(4096)
                .unwrap()
        },
        |p| {
            let mut bytes = fs::read(p).unwrap();
            bytes[64..4096].fill(0xff);
            fs::write(p, bytes).unwrap();
        },
    ];
    for (i, damage) in damages.into_iter().enumerate() {
        let dir = tempfile::tempdir().unwrap();
        {
            let shelf = shelf(dir.path());
            publish(&shelf, &[contact("previous", &["05325550101"])]);
            publish(&shelf, &[contact("newest", &["05325550101"])]);
        }
        damage(&dir.path().join("crm/000002.redb"));
        let (shelf, failures) = Shelf::open(dir.path().join("crm")).unwrap();
        assert_eq!(failures.len(), 1, "damage {i}");
        assert_eq!(names(&shelf, "05325550101"), ["previous"], "damage {i}");
        publish(&shelf, &[contact("next", &["05325550101"])]);
        assert_eq!(
            files(dir.path()),
            ["000001.redb", "000003.redb"],
            "damage {i}"
        );
    }
}

#[test]
fn a_partial_file_of_an_earlier_run_is_no_generation() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("crm")).unwrap();
    fs::write(dir.path().join("crm/000001.partial"), b"half").unwrap();
    let shelf = shelf(dir.path());
    assert!(shelf.current().is_none());
    publish(&shelf, &[contact("whole", &["05325550101"])]);
    assert_eq!(names(&shelf, "05325550101"), ["whole"]);
}
