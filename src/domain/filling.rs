//! How full a source's records are: what is compared before a load replaces the one before it.

use serde::{Deserialize, Serialize};

use super::contact::Contact;

/// Counts over all records of a generation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Filling {
    pub records: u64,
    /// With a name or a company.
    pub named: u64,
    /// Those of them whose name has more letters than digits, and no `@`: a column that was moved has not.
    pub lettered: u64,
    /// With a number, its country known or not.
    pub numbered: u64,
    pub balances: u64,
}

impl Filling {
    pub fn of(contact: &Contact) -> Filling {
        let name = contact.name.as_deref().or(contact.company.as_deref());
        let numbered = !contact.numbers.is_empty() || !contact.loose.is_empty();
        Filling {
            records: 1,
            named: u64::from(name.is_some()),
            lettered: u64::from(name.is_some_and(is_lettered)),
            numbered: u64::from(numbered),
            balances: u64::from(contact.balance.is_some()),
        }
    }

    pub fn add(&mut self, other: Filling) {
        self.each(other, u64::saturating_add);
    }

    pub fn take(&mut self, other: Filling) {
        self.each(other, u64::saturating_sub);
    }

    fn each(&mut self, other: Filling, sum: fn(u64, u64) -> u64) {
        *self = Filling {
            records: sum(self.records, other.records),
            named: sum(self.named, other.named),
            lettered: sum(self.lettered, other.lettered),
            numbered: sum(self.numbered, other.numbered),
            balances: sum(self.balances, other.balances),
        };
    }
}

fn is_lettered(name: &str) -> bool {
    let letters = name.chars().filter(|c| c.is_alphabetic()).count();
    let digits = name.chars().filter(char::is_ascii_digit).count();
    letters > digits && !name.contains('@')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Filling {
        Filling::of(&Contact {
            name: Some(name.into()),
            ..Contact::default()
        })
    }

    #[test]
    fn what_a_record_has_is_counted() {
        assert_eq!(Filling::of(&Contact::default()).records, 1);
        assert_eq!(Filling::of(&Contact::default()).named, 0);
        for (name, lettered) in [
            ("Ayşe Yılmaz", 1),
            ("3M", 0),
            ("Adler 24", 1),
            ("05325550101", 0),
            ("2026-01-01", 0),
            ("ali@example.com", 0),
        ] {
            assert_eq!(
                (named(name).named, named(name).lettered),
                (1, lettered),
                "{name}"
            );
        }
    }

    #[test]
    fn what_is_added_can_be_taken() {
        let mut both = named("Ayşe");
        both.add(named("1"));
        assert_eq!((both.records, both.named, both.lettered), (2, 2, 1));
        both.take(named("1"));
        assert_eq!(both, named("Ayşe"));
        both.take(named("1"));
        both.take(named("1"));
        assert_eq!(both.records, 0);
    }
}
