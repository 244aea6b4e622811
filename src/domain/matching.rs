//! Which contact a number belongs to, and why.
//!
//! Architecture Invariant: an answer names a person only if exactly one contact can be meant. When several
//! share a number the company is named if it is the same for all, and otherwise nobody. All of them count:
//! of a number with more contacts than are looked at nothing can be said.

use super::call::Skip;
use super::contact::Contact;

/// Most contacts of one number that are looked at, each some microseconds; the largest head office has
/// some hundreds.
pub const CANDIDATES: usize = 1_000;

/// How a number was found. The stricter rung wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rung {
    /// The same E.164 number.
    Exact,
    /// Several contacts of one company have it: the company is meant, no person.
    SharedByCompany,
}

impl Rung {
    pub fn as_str(self) -> &'static str {
        match self {
            Rung::Exact => "exact number",
            Rung::SharedByCompany => "exact number, shared by a company's contacts",
        }
    }
}

/// Chooses among the contacts of one source that have the number.
pub fn choose(candidates: Vec<Contact>) -> Result<(Contact, Rung), Skip> {
    if candidates.len() > CANDIDATES {
        return Err(Skip::SharedNumber);
    }
    let mut others = candidates.into_iter();
    let Some(mut first) = others.next() else {
        return Err(Skip::UnknownCaller);
    };
    let others: Vec<Contact> = others.collect();
    if others.iter().all(|c| same_card(c, &first)) {
        // Which of the records a link should open can't be told: they may be two people of one name.
        if others.iter().any(|c| c.key != first.key) {
            first.key = None;
        }
        return Ok((first, Rung::Exact));
    }
    let shared = first.company.is_some() && others.iter().all(|c| c.company == first.company);
    if shared {
        Ok((company_only(&first), Rung::SharedByCompany))
    } else {
        Err(Skip::SharedNumber)
    }
}

/// The contact reduced to its company, for a number that several of its people share.
fn company_only(contact: &Contact) -> Contact {
    Contact {
        company: contact.company.clone(),
        numbers: contact.numbers.clone(),
        ..Contact::default()
    }
}

/// Two records that would give the same card, but for its links, are no riddle.
fn same_card(a: &Contact, b: &Contact) -> bool {
    a.name == b.name && a.company == b.company && a.balance == b.balance && a.fields == b.fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::{DecimalSign, Money};

    fn contact(name: &str, company: Option<&str>) -> Contact {
        Contact {
            name: Some(name.into()),
            company: company.map(Into::into),
            balance: Money::parse("5 TRY", DecimalSign::Auto, None).ok(),
            ..Contact::default()
        }
    }

    #[test]
    fn one_contact_is_meant() {
        let (chosen, rung) = choose(vec![contact("Ayşe", Some("Acme"))]).unwrap();
        assert_eq!((chosen.name.as_deref(), rung), (Some("Ayşe"), Rung::Exact));
    }

    #[test]
    fn colleagues_on_one_number_are_their_company_without_money() {
        let both = vec![contact("Ayşe", Some("Acme")), contact("Can", Some("Acme"))];
        let (chosen, rung) = choose(both).unwrap();
        assert_eq!(rung, Rung::SharedByCompany);
        assert_eq!(chosen.company.as_deref(), Some("Acme"));
        assert_eq!((chosen.name, chosen.balance), (None, None));
    }

    #[test]
    fn strangers_on_one_number_are_nobody() {
        for companies in [
            (Some("Acme"), Some("Other")),
            (Some("Acme"), None),
            (None, None),
        ] {
            let both = vec![contact("Ayşe", companies.0), contact("Can", companies.1)];
            assert_eq!(choose(both), Err(Skip::SharedNumber), "{companies:?}");
        }
        assert_eq!(choose(vec![]), Err(Skip::UnknownCaller));
    }

    #[test]
    fn the_same_contact_twice_is_one_whose_record_is_told_only_if_it_is_one() {
        let keyed = |key: &str| Contact {
            key: Some(key.into()),
            ..contact("Ayşe", None)
        };
        let (chosen, rung) = choose(vec![keyed("1"), keyed("1")]).unwrap();
        assert_eq!((chosen.key.as_deref(), rung), (Some("1"), Rung::Exact));
        let (chosen, rung) = choose(vec![keyed("1"), keyed("2")]).unwrap();
        assert_eq!((chosen.key, rung), (None, Rung::Exact));
        assert_eq!(chosen.name.as_deref(), Some("Ayşe"));
    }

    #[test]
    fn more_contacts_than_are_looked_at_are_nobody() {
        let acme = |count: usize| {
            let names = (0..count).map(|i| contact(&format!("{i}"), Some("Acme")));
            choose(names.collect()).map(|(_, rung)| rung)
        };
        assert_eq!(acme(CANDIDATES), Ok(Rung::SharedByCompany));
        assert_eq!(acme(CANDIDATES + 1), Err(Skip::SharedNumber));
    }
}
