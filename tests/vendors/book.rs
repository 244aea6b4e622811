//! Who is in a vendor's CRM, and what becomes of them: the same people for all vendors.
//!
//! They were written down an hour apart, the last of them fifty minutes ago; what a test does comes minutes apart
//! after that. So it is no matter of chance what an overlap of some minutes covers, and nothing lies in the future.

use jiff::Timestamp;
use jiff::tz::TimeZone;

const HOUR: i64 = 3600;
/// From the last person to now: after an hour Ringcard would not look so far back.
const AGO: i64 = 50 * 60;
/// Between two changes: longer than any connector's overlap.
const PACE: i64 = 240;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub id: u64,
    pub first: String,
    pub last: String,
    pub company: String,
    /// As people type it.
    pub phone: String,
    pub mobile: String,
    pub email: String,
    /// Seconds since 1970.
    pub changed: i64,
    pub is_archived: bool,
}

impl Person {
    fn new(id: u64, changed: i64) -> Person {
        Person {
            id,
            first: format!("Ayşe {id}"),
            last: "Yılmaz".into(),
            company: format!("Firma {id}"),
            phone: format!(
                "0532 5{:02} {:02} {:02}",
                id / 10_000,
                id / 100 % 100,
                id % 100
            ),
            mobile: format!("+90 (533) 5{:06}", id),
            email: format!("ayse.{id}@firma.example"),
            changed,
            is_archived: false,
        }
    }

    pub fn name(&self) -> String {
        format!("{} {}", self.first, self.last)
    }

    /// The time of change in the vendor's words: `%Y-%m-%d %H:%M:%S`, in a zone of so many hours.
    pub fn changed(&self, format: &str, zone_hours: i8) -> String {
        time(self.changed, format, zone_hours)
    }
}

pub fn time(seconds: i64, format: &str, zone_hours: i8) -> String {
    let zone = TimeZone::fixed(jiff::tz::offset(zone_hours));
    let at = Timestamp::from_second(seconds).unwrap().to_zoned(zone);
    at.strftime(format).to_string()
}

#[derive(Debug, Default)]
pub struct Book {
    pub people: Vec<Person>,
    /// Ids with the time they went.
    pub deleted: Vec<(u64, i64)>,
    now: i64,
    /// Seconds from one change to the next; less where there are hundreds of them.
    pub pace: i64,
    next: u64,
    /// From the second page on, each begins with the last record of the page before.
    pub repeats: bool,
}

impl Book {
    pub fn of(people: u64) -> Book {
        let hours = i64::try_from(people).unwrap();
        let mut book = Book {
            now: Timestamp::now().as_second() - AGO - hours * HOUR,
            pace: HOUR,
            next: 101,
            ..Book::default()
        };
        for _ in 0..people {
            book.add();
        }
        book.pace = PACE;
        book
    }

    /// When the last change was.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// From here on changes have the time at which they are made, as if all of the read were before them.
    pub fn go_live(&mut self) {
        self.now = Timestamp::now().as_second();
        self.pace = 0;
    }

    fn tick(&mut self) -> i64 {
        self.now += self.pace;
        self.now
    }

    pub fn add(&mut self) -> u64 {
        let (id, now) = (self.next, self.tick());
        self.next += 1;
        self.people.push(Person::new(id, now));
        id
    }

    pub fn change(&mut self, id: u64, what: impl FnOnce(&mut Person)) {
        let now = self.tick();
        let person = self.people.iter_mut().find(|p| p.id == id).unwrap();
        what(person);
        person.changed = now;
    }

    pub fn delete(&mut self, id: u64) {
        let now = self.tick();
        let before = self.people.len();
        self.people.retain(|p| p.id != id);
        assert!(self.people.len() < before);
        self.deleted.push((id, now));
    }

    pub fn archive(&mut self, id: u64) {
        self.change(id, |p| p.is_archived = true);
    }

    /// The later record takes the earlier one's number over; the earlier is no more.
    pub fn merge(&mut self, from: u64, into: u64) {
        let phone = self.person(from).phone.clone();
        self.delete(from);
        self.change(into, |p| p.mobile = phone);
    }

    pub fn person(&self, id: u64) -> &Person {
        self.people.iter().find(|p| p.id == id).unwrap()
    }

    /// Those who are there, by id.
    pub fn living(&self) -> Vec<Person> {
        let mut living: Vec<_> = self.people.clone();
        living.retain(|p| !p.is_archived);
        living.sort_by_key(|p| p.id);
        living
    }

    /// The page from a place on, and whether there is more behind it.
    pub fn page<T: Clone>(&self, all: &[T], from: usize, size: usize) -> (Vec<T>, bool) {
        let from = from.min(all.len());
        let end = (from + size).min(all.len());
        let again = usize::from(self.repeats && from > 0 && from < all.len());
        (all[from - again..end].to_vec(), end < all.len())
    }
}
