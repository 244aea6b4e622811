//! Changes on top of a copy answer as a copy of everything would, whatever came before.

use fastrand::Rng;
use jiff::Timestamp;

use super::*;
use crate::domain::contact::Ids;
use crate::domain::dialling::Dialling;
use crate::domain::ladder::Question;
use crate::domain::matching::CANDIDATES;
use crate::domain::money::{DecimalSign, Money};
use crate::domain::phone::{PhoneNumber, Region};
use crate::store::replica::Joined;

fn number(text: &str) -> PhoneNumber {
    PhoneNumber::parse(text, Region::parse("TR").unwrap()).unwrap()
}

fn made(digest: &str) -> Made {
    Made {
        as_of: Timestamp::UNIX_EPOCH,
        digest: digest.into(),
        cursor: Some(format!("after {digest}")),
        history: Default::default(),
    }
}

/// Known by `key`, with a customer code.
fn contact(key: &str, name: &str, code: &str, number_text: &str) -> Contact {
    Contact {
        key: Some(key.into()),
        name: Some(name.into()),
        numbers: vec![number(number_text)],
        ids: Ids {
            customer_code: Some(code.into()),
            ..Ids::default()
        },
        ..Contact::default()
    }
}

const FIRST: &str = "0532 555 01 01";
const SECOND: &str = "0532 555 01 02";

fn shelf(directory: &tempfile::TempDir) -> Shelf {
    let (shelf, failures) = Shelf::open(directory.path().join("crm")).unwrap();
    assert!(failures.is_empty(), "{failures:?}");
    shelf
}

fn load(shelf: &Shelf, join: Option<JoinBy>, contacts: &[Contact]) -> Facts {
    let plan = Plan {
        join,
        keyed: true,
        resume: None,
    };
    let mut load = Load::begin(shelf, &plan).unwrap();
    for contact in contacts {
        load.add(contact).unwrap();
    }
    load.finish(made("load")).unwrap().publish(shelf).unwrap()
}

fn change(shelf: &Shelf, puts: &[Contact], removals: &[&str]) -> Option<Facts> {
    let mut increment = Increment::begin(shelf).unwrap();
    for contact in puts {
        increment.put(contact).unwrap();
    }
    for identity in removals {
        increment.remove(identity).unwrap();
    }
    let built = increment.finish(made("change")).unwrap();
    built.map(|built| built.publish(shelf).unwrap())
}

fn names(replica: &Replica, question: Question) -> Vec<String> {
    let found = replica.ask(question).unwrap().into_iter();
    found.filter_map(|(_, contact)| contact.name).collect()
}

fn files(directory: &tempfile::TempDir) -> Vec<String> {
    let entries = std::fs::read_dir(directory.path().join("crm")).unwrap();
    let mut names: Vec<String> = entries
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_change_is_seen_and_what_was_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let shelf = shelf(&dir);
    let (ayse, can) = (
        contact("1", "Ayşe", "c1", FIRST),
        contact("2", "Can", "c2", SECOND),
    );
    load(&shelf, None, &[ayse, can.clone()]);
    let moved = contact("1", "Ayşe Yılmaz", "c1", SECOND);
    let new = contact("3", "Ece", "c3", FIRST);
    let mut increment = Increment::begin(&shelf).unwrap();
    for contact in [&moved, &new, &can] {
        increment.put(contact).unwrap();
    }
    let counts = increment.counts();
    assert_eq!(
        (
            counts.added,
            counts.changed,
            counts.unchanged,
            counts.removed
        ),
        (1, 1, 1, 0)
    );
    let built = increment.finish(made("change")).unwrap().unwrap();
    assert_eq!(built.facts().contacts, 3);
    let first = Question::Having(number(FIRST));
    assert_eq!(names(built.replica(), first), ["Ece"]);
    // Nobody else sees it before it is published.
    assert_eq!(names(&shelf.current().unwrap(), first), ["Ayşe"]);
    built.publish(&shelf).unwrap();
    let current = shelf.current().unwrap();
    assert_eq!(names(&current, first), ["Ece"]);
    let second = Question::Having(number(SECOND));
    assert_eq!(names(&current, second), ["Ayşe Yılmaz", "Can"]);
    assert_eq!(current.by_identity("1").unwrap(), Some(moved));
    assert_eq!(files(&dir), ["000001.redb", "000002.increment"]);
    assert_eq!(shelf.cursor().as_deref(), Some("after change"));
    change(&shelf, &[], &["1", "nobody"]).unwrap();
    let current = shelf.current().unwrap();
    assert_eq!(names(&current, second), ["Can"]);
    assert_eq!(current.by_identity("1").unwrap(), None);
    assert_eq!(current.facts.contacts, 2);
}

#[test]
fn changes_that_change_nothing_write_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let shelf = shelf(&dir);
    let ayse = contact("1", "Ayşe", "c1", FIRST);
    load(&shelf, None, std::slice::from_ref(&ayse));
    assert_eq!(change(&shelf, &[ayse], &["nobody"]), None);
    assert_eq!(files(&dir), ["000001.redb"]);
    shelf.confirm_at(Timestamp::UNIX_EPOCH, Some("later".into()));
    assert_eq!(shelf.cursor().as_deref(), Some("later"));
}

#[test]
fn an_increment_given_up_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let shelf = shelf(&dir);
    load(&shelf, None, &[contact("1", "Ayşe", "c1", FIRST)]);
    let mut increment = Increment::begin(&shelf).unwrap();
    increment.remove("1").unwrap();
    drop(increment.finish(made("change")).unwrap());
    assert_eq!(files(&dir), ["000001.redb"]);
    assert_eq!(shelf.current().unwrap().facts.contacts, 1);
}

#[test]
fn a_copy_without_identities_takes_no_changes() {
    let dir = tempfile::tempdir().unwrap();
    let shelf = shelf(&dir);
    let refused = |shelf: &Shelf| Increment::begin(shelf).err().unwrap();
    assert!(refused(&shelf).wants_everything());
    let load = Load::begin(&shelf, &Plan::default()).unwrap();
    load.finish(made("load")).unwrap().publish(&shelf).unwrap();
    assert!(refused(&shelf).wants_everything());
    // A record with several numbers can't be found by one of them.
    let facts = self::load(&shelf, Some(JoinBy::Number), &[]);
    assert!(!facts.keyed && refused(&shelf).wants_everything());
    self::load(&shelf, None, &[]);
    let current = shelf.current().unwrap();
    shelf.suspect(&current);
    assert!(matches!(refused(&shelf), LoadError::Suspect));
}

#[test]
fn an_increment_is_not_published_on_a_base_that_turned_out_bad() {
    let dir = tempfile::tempdir().unwrap();
    let shelf = shelf(&dir);
    load(&shelf, None, &[contact("1", "Ayşe", "c1", FIRST)]);
    let mut increment = Increment::begin(&shelf).unwrap();
    increment.remove("1").unwrap();
    let built = increment.finish(made("change")).unwrap().unwrap();
    shelf.suspect(&shelf.current().unwrap());
    assert!(matches!(built.publish(&shelf), Err(LoadError::Suspect)));
    assert_eq!(files(&dir), ["000001.redb"]);
}

#[test]
fn an_id_that_a_change_shares_is_doubtful_until_it_is_shared_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let shelf = shelf(&dir);
    let ayse = contact("1", "Ayşe", "c1", FIRST);
    load(&shelf, None, &[ayse, contact("2", "Can", "c2", SECOND)]);
    let doubtful = || {
        let current = shelf.current().unwrap();
        let is = |code| current.is_doubtful(JoinBy::CustomerCode, code).unwrap();
        (is("c1"), is("c2"), current.facts.doubtful_ids)
    };
    assert_eq!(doubtful(), (false, false, 0));
    change(&shelf, &[contact("3", "Ece", "c1", SECOND)], &[]);
    assert_eq!(doubtful(), (true, false, 1));
    change(&shelf, &[contact("3", "Ece", "c2", SECOND)], &[]);
    assert_eq!(doubtful(), (false, true, 1));
    // In the base it is so until the base's own contact has another.
    let mut increment = Increment::begin(&shelf).unwrap();
    increment.merge();
    let built = increment.finish(made("merged")).unwrap().unwrap();
    built.publish(&shelf).unwrap();
    assert_eq!(doubtful(), (false, true, 1));
    change(&shelf, &[], &["2"]);
    assert_eq!(doubtful(), (false, false, 0));
}

#[test]
fn a_balance_of_several_records_stays_nobodys_until_everything_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let shelf = shelf(&dir);
    let record = |code: &str, amount: &str| Contact {
        balance: Money::parse(amount, DecimalSign::Point, None).ok(),
        ids: Ids {
            customer_code: Some(code.into()),
            ..Ids::default()
        },
        ..Contact::default()
    };
    let by = JoinBy::CustomerCode;
    let both = [
        record("c1", "1 TRY"),
        record("c2", "2 TRY"),
        record("c2", "3 TRY"),
    ];
    load(&shelf, Some(by), &both);
    let joined = |code| shelf.current().unwrap().joined(by, code).unwrap();
    let facts = change(
        &shelf,
        &[record("c1", "5 TRY"), record("c2", "9 TRY")],
        &["c2"],
    );
    assert_eq!(facts.unwrap().doubtful_ids, 1);
    assert_eq!(joined("c1"), Joined::One(Box::new(record("c1", "5 TRY"))));
    assert_eq!(joined("c2"), Joined::Doubtful);
    change(&shelf, &[record("c3", "7 TRY")], &["c1"]);
    assert_eq!(joined("c1"), Joined::Nothing);
    assert_eq!(joined("c3"), Joined::One(Box::new(record("c3", "7 TRY"))));
}

#[test]
fn changes_of_two_balances_with_one_id_have_everything_read() {
    let dir = tempfile::tempdir().unwrap();
    let shelf = shelf(&dir);
    let record = |key: Option<&str>, balance: i64| Contact {
        key: key.map(str::to_owned),
        name: Some(format!("{balance}")),
        ..contact("", "", "c1", FIRST)
    };
    let ambiguous = |puts: &[Contact]| {
        let mut increment = Increment::begin(&shelf).unwrap();
        let put = puts.iter().try_for_each(|contact| increment.put(contact));
        matches!(put, Err(LoadError::Ambiguous))
            .then(|| assert!(put.unwrap_err().wants_everything()))
    };
    let by = Some(JoinBy::CustomerCode);
    load(&shelf, by, &[record(None, 10)]);
    assert!(ambiguous(&[record(None, 20)]).is_none());
    assert!(ambiguous(&[record(None, 20), record(None, 20)]).is_none());
    assert!(ambiguous(&[record(None, 20), record(None, 30)]).is_some());
    // The first is as it was.
    assert!(ambiguous(&[record(None, 10), record(None, 30)]).is_some());
    load(&shelf, by, &[record(Some("a"), 10)]);
    assert!(ambiguous(&[record(Some("a"), 20)]).is_none());
    assert!(ambiguous(&[record(Some("b"), 20)]).is_some());
    // One that was deleted makes room for another.
    let mut increment = Increment::begin(&shelf).unwrap();
    increment.remove("c1").unwrap();
    increment.put(&record(Some("b"), 20)).unwrap();
}

#[test]
fn a_record_without_an_identity_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let shelf = shelf(&dir);
    load(&shelf, None, &[]);
    let mut increment = Increment::begin(&shelf).unwrap();
    let nobody = Contact {
        key: Some("-".into()),
        ..contact("1", "Ayşe", "c1", FIRST)
    };
    increment.put(&nobody).unwrap();
    assert_eq!(increment.counts().passed_over, 1);
    assert!(increment.finish(made("change")).unwrap().is_none());
}

#[test]
fn hidden_contacts_do_not_count_among_those_that_are_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    let shelf = shelf(&dir);
    let many: Vec<Contact> = (0..CANDIDATES + 2)
        .map(|n| contact(&format!("k{n}"), "Ayşe", "c", FIRST))
        .collect();
    load(&shelf, None, &many);
    let found = || names(&shelf.current().unwrap(), Question::Having(number(FIRST))).len();
    assert_eq!(found(), CANDIDATES + 1);
    let gone: Vec<String> = (0..CANDIDATES).map(|n| format!("k{n}")).collect();
    let gone: Vec<&str> = gone.iter().map(String::as_str).collect();
    change(
        &shelf,
        &[contact("new", "Can", "c", FIRST)],
        &gone[..CANDIDATES - 1],
    );
    assert_eq!(found(), 4);
    let few: Vec<Contact> = many[..CANDIDATES - 2].to_vec();
    change(&shelf, &few, &[]);
    assert_eq!(found(), CANDIDATES + 1);
}

#[test]
fn increments_that_have_written_as_much_as_a_base_become_one() {
    assert!(!is_worn(300 << 20, 300 << 20) && is_worn(300 << 20, (300 << 20) + 1));
    assert!(!is_worn(1 << 20, INCREMENT_BYTES) && is_worn(1 << 20, INCREMENT_BYTES + 1));
    let dir = tempfile::tempdir().unwrap();
    let shelf = shelf(&dir);
    load(&shelf, None, &[contact("1", "Ayşe", "c1", FIRST)]);
    let step = |n: u64| {
        let name = format!("Ayşe {n}");
        change(&shelf, &[contact("1", &name, "c1", FIRST)], &[]).unwrap()
    };
    let first = step(0);
    let file = dir.path().join("crm/000002.increment");
    let length = file.metadata().unwrap().len();
    assert_eq!((first.base, first.written), (Some(1), 0));
    assert_eq!(step(1).written, length);
    let steps = INCREMENT_BYTES / length;
    let became = (2..steps + 5).find(|n| step(*n).base.is_none());
    let became = became.unwrap();
    assert!(
        (steps / 2..=steps + 2).contains(&became),
        "{became} {steps}"
    );
    assert_eq!(step(0).written, 0);
    assert!(files(&dir).len() <= 3, "{:?}", files(&dir));
}

#[test]
fn who_is_in_another_copy_is_told_by_the_id_or_a_number() {
    let dir = tempfile::tempdir().unwrap();
    let shelf = shelf(&dir);
    load(&shelf, None, &[contact("1", "Ayşe", "c1", FIRST)]);
    let copy = shelf.current().unwrap();
    let knows = |key, number_text| {
        let contact = contact(key, "Somebody", "c9", number_text);
        copy.knows(&contact, None).unwrap()
    };
    assert!(knows("1", FIRST) && knows("1", SECOND) && knows("9", FIRST));
    assert!(!knows("9", SECOND));
    let mut seen = 0;
    let mut count = |_: &Contact| {
        seen += 1;
        Ok(())
    };
    copy.each_of(5, &mut count).unwrap();
    assert_eq!(seen, 1);
    let by = Some(JoinBy::CustomerCode);
    load(&shelf, by, &[contact("1", "Ayşe", "c1", FIRST)]);
    let copy = shelf.current().unwrap();
    assert!(copy.knows(&contact("9", "Can", "c1", SECOND), by).unwrap());
    assert!(!copy.knows(&contact("1", "Ayşe", "c2", FIRST), by).unwrap());
}

#[test]
fn many_changes_become_a_new_base() {
    let dir = tempfile::tempdir().unwrap();
    let shelf = shelf(&dir);
    let base: Vec<Contact> = (0..20)
        .map(|n| contact(&format!("b{n}"), "Ayşe", "c", FIRST))
        .collect();
    load(&shelf, None, &base);
    let new = |range: std::ops::Range<usize>| -> Vec<Contact> {
        let keys = range.map(|n| format!("n{n}"));
        keys.map(|key| contact(&key, "Can", "d", SECOND)).collect()
    };
    let facts = change(&shelf, &new(0..FEWEST_CHANGES), &[]).unwrap();
    assert_eq!(facts.base, Some(1));
    // The same again is no more of them.
    let again: Vec<Contact> = new(0..FEWEST_CHANGES - 1)
        .into_iter()
        .map(|c| Contact {
            name: Some("Ece".into()),
            ..c
        })
        .collect();
    let facts = change(&shelf, &again[..0], &["n0"]).unwrap();
    assert_eq!(
        (facts.base, facts.contacts),
        (Some(1), 19 + FEWEST_CHANGES as u32)
    );
    let facts = change(&shelf, &new(FEWEST_CHANGES..FEWEST_CHANGES + 2), &[]).unwrap();
    assert_eq!(
        (facts.base, facts.contacts),
        (None, 21 + FEWEST_CHANGES as u32)
    );
    assert_eq!(
        files(&dir),
        ["000001.redb", "000003.increment", "000004.redb"]
    );
    let mut keys = Vec::new();
    let current = shelf.current().unwrap();
    current.each(&mut |c| keys.extend(c.key.clone())).unwrap();
    assert_eq!(keys[..2], ["b0", "b1"]);
    assert_eq!((keys[20].as_str(), keys.len()), ("n1", 1021));
}

#[test]
fn a_file_of_changes_is_small_beside_its_base() {
    let most = [
        (20, 1_000),
        (100_000, 10_000),
        (500_000, 50_000),
        (2_000_000, 50_000),
    ];
    for (contacts, changes) in most {
        assert!(
            !is_too_much(contacts, changes, INCREMENT_BYTES),
            "{contacts}"
        );
        assert!(is_too_much(contacts, changes + 1, 0), "{contacts}");
        assert!(is_too_much(contacts, 1, INCREMENT_BYTES + 1), "{contacts}");
    }
}

#[test]
fn the_dice_find_whoever_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let shelf = shelf(&dir);
    let all: Vec<Contact> = (0..5)
        .map(|n| contact(&format!("k{n}"), "Ayşe", "c", FIRST))
        .collect();
    load(&shelf, None, &all);
    change(
        &shelf,
        &[contact("new", "Can", "c", SECOND)],
        &["k0", "k1", "k3", "k4", "k2"],
    );
    let current = shelf.current().unwrap();
    for dice in 0..12 {
        assert_eq!(current.sample(dice).unwrap(), Some(number(SECOND)));
    }
    change(&shelf, &[], &["new"]);
    assert_eq!(shelf.current().unwrap().sample(7).unwrap(), None);
}

#[test]
fn more_changes_than_fit_are_for_a_load() {
    let dir = tempfile::tempdir().unwrap();
    let shelf = shelf(&dir);
    load(&shelf, None, &[]);
    let mut increment = Increment::begin(&shelf).unwrap();
    let full = (0..CHANGES_AT_ONCE as u32).map(|id| (id, None));
    increment.changes = full.collect();
    let refused = increment.put(&contact("1", "Ayşe", "c1", FIRST));
    assert!(refused.unwrap_err().wants_everything());
    increment.changes.pop_last();
    increment.put(&contact("1", "Ayşe", "c1", FIRST)).unwrap();
    increment.changes.clear();
    increment.bytes = CHANGED_BYTES + 1;
    let refused = increment.put(&contact("2", "Ayşe", "c1", FIRST));
    assert!(matches!(refused, Err(LoadError::TooManyChanges)));
}

mod model;
