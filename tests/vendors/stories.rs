//! What every CRM goes through, told once.

use ringcard::domain::contact::Contact;
use ringcard::source::read::Wanted;

use super::book::{Book, Person};
use super::office::{Office, words};
use super::stand_in::{Answer, StandIn, Vendor};

/// A vendor whose people are in a book.
pub trait Crm: Vendor {
    fn book(&mut self) -> &mut Book;

    /// How the office's card should know the person.
    fn shown(&self, person: &Person) -> Shown;

    /// The vendor's own id of the person.
    fn id(&self, person: u64) -> String {
        person.to_string()
    }
}

/// A stand-in of whichever vendor.
pub trait Crowd {
    /// How the first of the people should be known.
    fn first(&self) -> Shown;

    fn rename_first(&self, last: &str);
}

impl<V: Crm> Crowd for StandIn<V> {
    fn first(&self) -> Shown {
        self.with(|vendor| {
            let first = vendor.book().living()[0].clone();
            vendor.shown(&first)
        })
    }

    fn rename_first(&self, last: &str) {
        self.with(|vendor| {
            let id = vendor.book().living()[0].id;
            // The daemon has read since the book was written.
            vendor.book().go_live();
            vendor
                .book()
                .change(id, |person| person.last = last.to_owned());
        });
    }
}

#[derive(Debug, PartialEq, Eq)]
pub struct Shown {
    pub name: Option<String>,
    pub company: Option<String>,
    /// In E.164.
    pub numbers: Vec<String>,
    pub email: Option<String>,
}

impl Shown {
    /// Of a vendor that gives it all.
    pub fn all(person: &Person) -> Shown {
        Shown {
            name: Some(person.name()),
            company: Some(person.company.clone()),
            numbers: [&person.phone, &person.mobile].map(|n| e164(n)).into(),
            email: Some(person.email.clone()),
        }
    }

    fn of(contact: &Contact) -> Shown {
        let mut numbers: Vec<_> = contact.numbers.iter().map(|n| n.e164()).collect();
        numbers.sort();
        Shown {
            name: contact.name.clone(),
            company: contact.company.clone(),
            numbers,
            email: contact.ids.email.clone(),
        }
    }
}

/// The book's numbers are Turkish, typed in one of two ways.
pub fn e164(typed: &str) -> String {
    let digits: String = typed.chars().filter(char::is_ascii_digit).collect();
    match digits.strip_prefix('0') {
        Some(national) => format!("+90{national}"),
        None => format!("+{digits}"),
    }
}

/// The office has everybody who is there, as they are, and nobody else.
pub fn agree<V: Crm>(crm: &StandIn<V>, office: &Office) {
    let expected: Vec<_> = crm.with(|vendor| {
        let living = vendor.book().living();
        let shown = |p: &Person| {
            let mut shown = vendor.shown(p);
            shown.numbers.sort();
            (vendor.id(p.id), shown)
        };
        living.iter().map(shown).collect()
    });
    let has = |id: &str| office.copy.get(id).map(Shown::of);
    for (id, shown) in &expected {
        assert_eq!(has(id).as_ref(), Some(shown), "{id}");
    }
    assert_eq!(office.copy.len(), expected.len());
}

/// An id in the middle, whose change is older than any overlap.
fn somebody<V: Crm>(crm: &StandIn<V>) -> u64 {
    crm.with(|vendor| {
        let living = vendor.book().living();
        living[living.len() / 2].id
    })
}

pub fn everything_arrives<V: Crm>(crm: &StandIn<V>, office: &mut Office) {
    let read = office.sync_everything();
    let report = read.report.unwrap();
    assert!(report.rejects.is_empty(), "{:?}", report.rejects);
    assert_eq!(report.contacts as usize, office.copy.len());
    agree(crm, office);
}

/// What is looked at with `ringcard source test` costs one request of data.
pub fn a_few_are_the_first_ones<V: Crm>(crm: &StandIn<V>, office: &Office) {
    crm.count_anew();
    let read = office.try_read(Wanted::Few(5)).unwrap();
    assert_eq!((read.contacts.len(), read.raw), (5, 5));
    let requests = crm.requests();
    assert!(requests.len() <= 2, "{}", requests.len());
}

pub fn a_change_arrives_alone<V: Crm>(crm: &StandIn<V>, office: &mut Office) {
    office.sync_everything();
    let id = somebody(crm);
    crm.with(|vendor| {
        let changed = |p: &mut Person| {
            p.last = "Kaya".into();
            p.phone = "0212 555 01 00".into();
        };
        vendor.book().change(id, changed);
        vendor.book().add();
    });
    let read = office.sync_changes();
    // The two, and the newest of before, which is within the overlap.
    let newest = read.contacts.len();
    assert!((2..=3).contains(&newest), "{newest}");
    agree(crm, office);
    let read = office.sync_changes();
    assert!(read.contacts.len() <= 1, "{}", read.contacts.len());
    agree(crm, office);
}

/// A sync that finds nothing new is no error, and the next finds what is.
pub fn nothing_new_is_no_error<V: Crm>(crm: &StandIn<V>, office: &mut Office) {
    office.sync_everything();
    for _ in 0..2 {
        let read = office.sync_changes();
        assert!(read.contacts.len() + read.gone.len() <= 1);
    }
    let id = somebody(crm);
    crm.with(|vendor| vendor.book().change(id, |p| p.last = "Kaya".into()));
    office.sync_changes();
    agree(crm, office);
}

pub fn a_deletion_comes_with_the_changes<V: Crm>(crm: &StandIn<V>, office: &mut Office) {
    office.sync_everything();
    let id = somebody(crm);
    crm.with(|vendor| vendor.book().delete(id));
    let read = office.sync_changes();
    assert_eq!(read.gone.len(), 1, "{:?}", read.gone);
    agree(crm, office);
}

pub fn an_archived_one_goes_with_the_changes<V: Crm>(crm: &StandIn<V>, office: &mut Office) {
    office.sync_everything();
    let id = somebody(crm);
    crm.with(|vendor| vendor.book().archive(id));
    let read = office.sync_changes();
    assert_eq!(read.gone.len(), 1, "{:?}", read.gone);
    agree(crm, office);
}

pub fn a_deletion_is_found_by_its_id<V: Crm>(crm: &StandIn<V>, office: &mut Office) {
    office.sync_everything();
    let id = somebody(crm);
    let name = crm.with(|vendor| {
        vendor.book().delete(id);
        vendor.id(id)
    });
    assert_eq!(office.compare_ids(), [name]);
    agree(crm, office);
    assert!(office.compare_ids().is_empty());
}

pub fn a_merge_leaves_the_one_that_is_left<V: Crm>(crm: &StandIn<V>, office: &mut Office) {
    office.sync_everything();
    crm.with(|vendor| {
        let living = vendor.book().living();
        let middle = living.len() / 2;
        vendor
            .book()
            .merge(living[middle].id, living[middle + 1].id);
    });
    office.sync_changes();
    office.compare_ids();
    agree(crm, office);
}

/// The request with this number is told to wait, and nothing is lost.
pub fn it_waits_when_told_to<V: Crm>(
    crm: &StandIn<V>,
    office: &mut Office,
    number: usize,
    answer: Answer,
) {
    office.sync_everything();
    let usual = crm.requests().len();
    office.restart();
    crm.count_anew();
    crm.instead(number, answer);
    office.sync_everything();
    assert_eq!(crm.requests().len(), usual + 1);
    agree(crm, office);
}

/// People come, change and go between two pages. Nobody is missing after that read, and after the next one the
/// copy is right again.
pub fn nobody_is_lost_when_the_list_moves<V: Crm>(
    crm: &StandIn<V>,
    office: &mut Office,
    number: usize,
) {
    crm.before(number, |vendor| {
        let book = vendor.book();
        book.go_live();
        let living = book.living();
        book.delete(living[0].id);
        book.change(living[1].id, |p| p.last = "Kaya".into());
        book.add();
    });
    let stayed = crm.with(|vendor| {
        let living = vendor.book().living();
        let stayed = living[1..].iter().map(|p| vendor.id(p.id));
        stayed.collect::<Vec<_>>()
    });
    office.sync_everything();
    assert!(crm.requests().len() >= number);
    for id in stayed {
        assert!(office.copy.contains_key(&id), "{id}");
    }
    if office.source.abilities().changes {
        office.sync_changes();
    } else {
        office.sync_everything();
    }
    if office.source.abilities().ids {
        office.compare_ids();
    }
    agree(crm, office);
}

pub fn a_record_that_comes_twice_is_one<V: Crm>(crm: &StandIn<V>, office: &mut Office) {
    crm.with(|vendor| vendor.book().repeats = true);
    let read = office.sync_everything();
    assert_eq!(read.contacts.len(), office.copy.len());
    agree(crm, office);
    crm.with(|vendor| vendor.book().repeats = false);
}

/// A refused credential is told with what to renew, and without itself.
pub fn it_says_what_to_renew(office: &mut Office, renew: &str, secret: &str) {
    let error = office.try_everything().unwrap_err();
    let told = error
        .refused_credential()
        .unwrap_or_else(|| panic!("{}", words(&error)));
    assert!(told.contains(renew), "{told}");
    assert!(!words(&error).contains(secret));
}

/// The request with this number finds the server gone. What was read before it is not asked for again.
pub fn it_goes_on_after_an_interruption<V: Crm>(
    crm: &StandIn<V>,
    office: &mut Office,
    number: usize,
) {
    let whole = office.sync_everything().contacts.len();
    crm.count_anew();
    crm.instead(number, Answer::empty(400));
    let (first, failed) = office.read_until_it_fails();
    assert!(failed, "it did not fail");
    let position = first
        .positions
        .last()
        .expect("no position was told")
        .clone();
    office.restart();
    crm.count_anew();
    let rest = office.try_read(Wanted::Everything {
        from: Some(&position),
    });
    let rest = rest.unwrap_or_else(|e| panic!("{}", words(&e)));
    assert!(rest.contacts.len() < whole);
    let all = first.contacts.iter().chain(&rest.contacts);
    let keys: std::collections::BTreeSet<_> = all.map(|c| c.key.clone()).collect();
    assert_eq!(keys.len(), whole);
}

/// What a right connector does not send fails the read and is remembered, or no test here would hold anything.
pub fn a_wrong_request_is_refused<V: Crm>(crm: &StandIn<V>, mut office: Office, what: &str) {
    let refused = match office.try_everything() {
        Ok(_) => office.try_changes().is_err(),
        Err(_) => true,
    };
    assert!(refused, "{what}");
    assert!(crm.excuse() > 0, "{what}");
}
