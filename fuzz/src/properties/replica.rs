//! A copy of a source on a disk that has damaged it. What is still answered is what was written, and what can't be
//! answered is said: nothing ends the process, and nothing is read for ever.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use jiff::Timestamp;
use ringcard::domain::contact::{Contact, ContactId};
use ringcard::domain::ladder::Question;
use ringcard::domain::phone::{PhoneNumber, Region};
use ringcard::domain::renewal::History;
use ringcard::store::increment::Increment;
use ringcard::store::load::{Load, Made, Plan};
use ringcard::store::replica::{Replica, Shelf};
use tempfile::TempDir;

use super::damage::damage;

/// Enough for pages above pages.
const CONTACTS: usize = 600;
const CHANGED: usize = 40;
/// Every one of so many is asked for.
const ASKED: usize = 29;

struct Copy {
    asked: Vec<Asked>,
    /// As they were: the base, and what lies on it.
    files: Vec<(PathBuf, Vec<u8>)>,
    directory: TempDir,
}

/// A number, and whom it has led to: in the copy as it was read, and with the changes.
struct Asked {
    number: PhoneNumber,
    then: Vec<(ContactId, Contact)>,
    now: Vec<(ContactId, Contact)>,
}

pub fn check(data: &[u8]) -> bool {
    static COPY: OnceLock<Copy> = OnceLock::new();
    let copy = COPY.get_or_init(copy);
    let Some((choice, damages)) = data.split_first() else {
        return false;
    };
    let chosen = usize::from(*choice) % copy.files.len();
    for (at, (path, bytes)) in copy.files.iter().enumerate() {
        let mut bytes = bytes.clone();
        if at == chosen {
            damage(&mut bytes, damages);
        }
        fs::write(path, bytes).expect("the file is written");
    }
    let (shelf, _) = Shelf::open(copy.directory.path().into()).expect("a directory");
    let Some(replica) = shelf.current() else {
        return false;
    };
    let answered = copy.asked.iter().filter(|asked| answers(&replica, asked));
    let answered = answered.count();
    read_all(&replica);
    answered > 0
}

fn answers(replica: &Replica, asked: &Asked) -> bool {
    let number = asked.number;
    let Ok(found) = replica.ask(Question::Having(number)) else {
        return false;
    };
    assert!(found == asked.then || found == asked.now, "never written");
    let stem = number.digits() / 100;
    let others = [
        Question::Ending(number.digits() % 10_000_000),
        Question::Block(stem),
        Question::Within { stem, more: 2 },
    ];
    for question in others {
        let _ = replica.ask(question);
    }
    found == asked.now
}

/// What a renewal and doctor read of it.
fn read_all(replica: &Replica) {
    let mut contacts = 0;
    let _ = replica.each(&mut |_| contacts += 1);
    let _ = replica.sample(17);
    let _ = replica.index_bytes();
    let _ = replica.by_identity("17");
}

/// In memory where there is such a directory, as for a file that another program wrote.
fn copy() -> Copy {
    let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    let directory = directory.expect("a directory");
    let (shelf, _) = Shelf::open(directory.path().into()).expect("a directory");
    let plan = Plan {
        keyed: true,
        ..Plan::default()
    };
    let mut load = Load::begin(&shelf, &plan).expect("a load begins");
    let contacts: Vec<Contact> = (0..CONTACTS).map(contact).collect();
    for contact in &contacts {
        load.add(contact).expect("a contact is added");
    }
    let built = load.finish(made("all")).expect("the load ends");
    built.publish(&shelf).expect("it is published");
    let then = shelf.current().expect("it is published");
    let mut increment = Increment::begin(&shelf).expect("an increment begins");
    for mut contact in (0..CONTACTS).step_by(CONTACTS / CHANGED).map(contact) {
        contact.name = Some("Changed".to_owned());
        increment.put(&contact).expect("a change is put");
    }
    let built = increment.finish(made("changes")).expect("it ends");
    built
        .expect("there are changes")
        .publish(&shelf)
        .expect("it is published");
    let now = shelf.current().expect("it is published");
    let numbers = contacts.iter().step_by(ASKED).flat_map(|c| &c.numbers);
    let asked = numbers.map(|number| Asked {
        number: *number,
        then: then.ask(Question::Having(*number)).expect("it is whole"),
        now: now.ask(Question::Having(*number)).expect("it is whole"),
    });
    let asked = asked.collect();
    let mut files: Vec<_> = fs::read_dir(directory.path())
        .expect("it is there")
        .map(|entry| entry.expect("an entry").path())
        .map(|path| (path.clone(), fs::read(path).expect("it is read")))
        .collect();
    files.sort();
    Copy {
        asked,
        files,
        directory,
    }
}

fn contact(at: usize) -> Contact {
    let region = Region::parse("TR").expect("a region");
    let number = |digits: String| PhoneNumber::parse(&digits, region).expect("a number");
    Contact {
        key: Some(at.to_string()),
        name: Some(format!("Somebody {at}")),
        company: Some(format!("Company {}", at / 3)),
        numbers: vec![
            number(format!("+90532{:07}", 5_550_000 + at)),
            number(format!("+90212{:07}", 5_550_000 + at / 2)),
        ],
        ..Contact::default()
    }
}

fn made(digest: &str) -> Made {
    Made {
        as_of: Timestamp::UNIX_EPOCH,
        digest: digest.to_owned(),
        cursor: Some("0".to_owned()),
        history: History::default(),
    }
}
