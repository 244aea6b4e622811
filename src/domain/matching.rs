//! Whom a number means when several contacts have it.
//!
//! Architecture Invariant: unless the operator chose `first`, an answer names one person only if exactly one
//! contact can be meant, and has a balance only if it is the account of all that can be meant. All of them
//! count: of a number with more contacts than are looked at nothing can be said.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::call::Skip;
use super::contact::{Contact, Ids, Origin, Shared};
use super::ladder::Rung;
use super::phone::PhoneNumber;

/// Most contacts of one number that are looked at, each some microseconds; the largest head office has
/// some hundreds.
pub const CANDIDATES: usize = 1_000;
/// Most names on the card of a number that different contacts share.
pub const LISTED: usize = 3;

/// What is shown when different contacts share a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sharing {
    /// The first source's most recently changed one, as if it were the only one.
    First,
    /// The company, if all that have one have the same.
    CompanyOnly,
    /// The names of up to three, and nothing else of them.
    #[default]
    List,
    /// Nobody.
    None,
}

impl Sharing {
    pub const ALLOWED: &'static str = "\"list\", \"first\", \"company-only\" or \"none\"";

    pub fn parse(text: &str) -> Option<Sharing> {
        Some(match text {
            "first" => Sharing::First,
            "company-only" => Sharing::CompanyOnly,
            "list" => Sharing::List,
            "none" => Sharing::None,
            _ => return None,
        })
    }
}

/// A contact that can be meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub contact: Contact,
    /// The place of its source among the sources: the first is trusted most.
    pub source: usize,
    pub origin: Origin,
}

/// Who is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    pub contact: Contact,
    pub origin: Origin,
    pub shared: Shared,
}

impl Choice {
    fn new(contact: Contact, origin: &Origin, shared: Shared) -> Choice {
        Choice {
            contact,
            origin: origin.clone(),
            shared,
        }
    }

    /// A company, but not whose account it is: the caller need not be the one whose ids the record has.
    fn company(company: Contact, origin: &Origin) -> Choice {
        let ids = Ids::default();
        Choice::new(Contact { ids, ..company }, origin, Shared::Company)
    }
}

/// Chooses among all contacts that a rung found. A rung that is not exact has to find only one, or only one
/// company: a guess is not made twice.
pub fn choose(candidates: &[Candidate], rung: Rung, sharing: Sharing) -> Result<Choice, Skip> {
    let Some(first) = candidates.first() else {
        return Err(Skip::UnknownCaller);
    };
    let origin = &first.origin;
    if candidates.len() > CANDIDATES {
        return Err(Skip::SharedNumber);
    }
    if rung == Rung::HeadOffice {
        // Without one company the block is nobody's, and the caller, at an unknown extension, as unknown as before.
        let company = one_company(candidates).ok_or(Skip::UnknownCaller)?;
        return Ok(Choice::company(company, origin));
    }
    if candidates
        .iter()
        .all(|c| same_card(&c.contact, &first.contact))
    {
        let contact = one_of_equals(candidates, &first.contact);
        return Ok(Choice::new(contact, origin, Shared::No));
    }
    if let Some(company) = one_company(candidates) {
        return Ok(Choice::new(company, origin, Shared::Company));
    }
    if rung != Rung::Exact {
        return Err(Skip::SharedNumber);
    }
    by_sharing(candidates, first, sharing)
}

/// Several people have the number, and not one company: what the office wants to see then.
fn by_sharing(
    candidates: &[Candidate],
    first: &Candidate,
    sharing: Sharing,
) -> Result<Choice, Skip> {
    match sharing {
        Sharing::None => Err(Skip::SharedNumber),
        Sharing::List => Ok(Choice::new(
            listed(candidates),
            &first.origin,
            Shared::Several,
        )),
        Sharing::CompanyOnly => {
            let with_company: Vec<Candidate> = with_company(candidates).cloned().collect();
            let company = one_company(&with_company).ok_or(Skip::SharedNumber)?;
            Ok(Choice::company(company, &first.origin))
        }
        Sharing::First => {
            let newest = |c: &&Candidate| (c.source, std::cmp::Reverse(c.contact.updated));
            let newest = candidates.iter().min_by_key(newest).unwrap_or(first);
            Ok(Choice::new(
                newest.contact.clone(),
                &newest.origin,
                Shared::No,
            ))
        }
    }
}

/// Two records that would give the same card, but for its links, are no riddle.
fn same_card(a: &Contact, b: &Contact) -> bool {
    let shown = |c: &Contact| {
        (
            c.name.is_some(),
            c.balance,
            c.owner.clone(),
            c.flags.clone(),
        )
    };
    shown(a) == shown(b) && a.name == b.name && a.company == b.company && a.fields == b.fields
}

/// Which of the records a link should open, and whose account another source speaks of, can't be told unless
/// they agree: they may be two people of one name.
fn one_of_equals(candidates: &[Candidate], first: &Contact) -> Contact {
    let all_have = |n: &&PhoneNumber| candidates.iter().all(|c| c.contact.numbers.contains(n));
    Contact {
        key: common(candidates, |c| c.key.as_ref()),
        ids: common_ids(candidates),
        numbers: first.numbers.iter().filter(all_have).copied().collect(),
        ..first.clone()
    }
}

fn common_ids(candidates: &[Candidate]) -> Ids {
    Ids {
        customer_code: common(candidates, |c| c.ids.customer_code.as_ref()),
        tax_number: common(candidates, |c| c.ids.tax_number.as_ref()),
        email: common(candidates, |c| c.ids.email.as_ref()),
    }
}

/// The value that all have.
fn common(candidates: &[Candidate], of: fn(&Contact) -> Option<&String>) -> Option<String> {
    let mut values = candidates.iter().map(|c| of(&c.contact));
    let first = values.next().flatten()?;
    values
        .all(|value| value == Some(first))
        .then(|| first.clone())
}

/// The company that all are of, without anything that only one of them has. Of its account, another source
/// may still speak, if all agree on whose it is.
fn one_company(candidates: &[Candidate]) -> Option<Contact> {
    let first = candidates.first()?;
    let names: Option<BTreeSet<String>> =
        candidates.iter().map(|c| company_id(&c.contact)).collect();
    let taxes: BTreeSet<&String> = candidates
        .iter()
        .filter_map(|c| c.contact.ids.tax_number.as_ref())
        .collect();
    let is_one = names.is_some_and(|names| names.len() == 1) && taxes.len() <= 1;
    is_one.then(|| Contact {
        company: first.contact.company.clone(),
        ids: common_ids(candidates),
        owner: common(candidates, |c| c.owner.as_ref()),
        ..Contact::default()
    })
}

fn with_company(candidates: &[Candidate]) -> impl Iterator<Item = &Candidate> {
    candidates.iter().filter(|c| c.contact.company.is_some())
}

/// A company's name as it is compared: without regard to capitals, blanks and full stops. What people write
/// where there is no company is none.
pub fn company_id(contact: &Contact) -> Option<String> {
    let lower = contact
        .company
        .as_ref()?
        .chars()
        .flat_map(char::to_lowercase);
    // The lower case of `İ` is an `i` and a combining dot; of `I`, in Turkish, an `ı`.
    let folded = lower.filter(|c| !c.is_whitespace() && !matches!(c, '.' | ',' | '\u{307}'));
    let folded: String = folded.map(|c| if c == 'ı' { 'i' } else { c }).collect();
    let is_some = folded.contains(char::is_alphanumeric) && !NO_COMPANY.contains(&folded.as_str());
    is_some.then_some(folded)
}

/// Folded.
const NO_COMPANY: &[&str] = &[
    "bireysel",
    "şahis",
    "sahis",
    "şahsi",
    "özel",
    "yok",
    "none",
    "null",
    "n/a",
    "private",
    "privat",
    "privatperson",
    "particulier",
    "individual",
    "person",
    "self",
    "test",
];

/// Up to three names, and how many more there are.
fn listed(candidates: &[Candidate]) -> Contact {
    let mut names: Vec<&String> = Vec::new();
    for candidate in candidates {
        let contact = &candidate.contact;
        let name = contact.name.as_ref().or(contact.company.as_ref());
        names.extend(name.filter(|name| !names.contains(name)));
    }
    let shown: Vec<&str> = names.iter().take(LISTED).map(|n| n.as_str()).collect();
    let mut name = shown.join(" / ");
    if names.len() > LISTED {
        name.push_str(&format!(" (+{})", names.len() - LISTED));
    }
    Contact {
        name: Some(name),
        ..Contact::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::contact::Flags;
    use crate::domain::money::{DecimalSign, Money};
    use jiff::Timestamp;

    fn named(name: &str, company: &str) -> Contact {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Contact {
            name: some(name),
            company: some(company),
            ..Contact::default()
        }
    }

    fn with_code(code: &str, contact: Contact) -> Contact {
        let ids = Ids {
            customer_code: Some(code.into()),
            ..Ids::default()
        };
        Contact { ids, ..contact }
    }

    fn with_tax(tax: &str, contact: Contact) -> Contact {
        let ids = Ids {
            tax_number: Some(tax.into()),
            ..contact.ids
        };
        Contact { ids, ..contact }
    }

    fn with_balance(text: &str, contact: Contact) -> Contact {
        Contact {
            balance: Money::parse(text, DecimalSign::Point, None).ok(),
            ..contact
        }
    }

    fn candidate((source, contact): (usize, Contact)) -> Candidate {
        let origin = Origin {
            source: format!("source {source}"),
            as_of: Timestamp::UNIX_EPOCH,
        };
        Candidate {
            contact,
            source,
            origin,
        }
    }

    fn chosen(contacts: &[Contact], rung: Rung, sharing: Sharing) -> Result<Choice, Skip> {
        let candidates = contacts.iter().map(|c| candidate((0, c.clone())));
        choose(&candidates.collect::<Vec<_>>(), rung, sharing)
    }

    /// Who is shown: `Ayşe of Acme`, `a company: Acme`, `several: Ayşe / Can`.
    fn shown(contacts: &[Contact], rung: Rung, sharing: Sharing) -> String {
        match chosen(contacts, rung, sharing) {
            Ok(choice) => {
                let name = choice.contact.name.unwrap_or_default();
                let company = choice.contact.company.unwrap_or_default();
                match choice.shared {
                    Shared::No => format!("{name} of {company}"),
                    Shared::Company => format!("a company: {name}{company}"),
                    Shared::Several => format!("several: {name}{company}"),
                }
            }
            Err(skip) => format!("{skip:?}"),
        }
    }

    #[test]
    fn a_number_that_different_contacts_share_shows_what_the_operator_chose() {
        let (ayse, can) = (named("Ayşe", "Acme"), named("Can", ""));
        let beta = named("Su", "Beta");
        let two = [ayse.clone(), can.clone()];
        let three = [ayse, can.clone(), beta];
        let cases: [(&[Contact], Sharing, &str); 9] = [
            (&two, Sharing::List, "several: Ayşe / Can"),
            (&two, Sharing::First, "Ayşe of Acme"),
            (&two, Sharing::CompanyOnly, "a company: Acme"),
            (&two, Sharing::None, "SharedNumber"),
            (&three, Sharing::List, "several: Ayşe / Can / Su"),
            (&three, Sharing::CompanyOnly, "SharedNumber"),
            (
                &[can.clone(), named("Ali", "")],
                Sharing::CompanyOnly,
                "SharedNumber",
            ),
            (std::slice::from_ref(&can), Sharing::None, "Can of "),
            (&[], Sharing::List, "UnknownCaller"),
        ];
        for (contacts, sharing, expected) in cases {
            assert_eq!(
                shown(contacts, Rung::Exact, sharing),
                expected,
                "{sharing:?}"
            );
        }
    }

    #[test]
    fn a_list_has_each_name_once_and_counts_the_rest() {
        let names = ["Ayşe", "Can", "Ayşe", "Ece", "Su", "Ali"];
        let mut contacts: Vec<Contact> = names.iter().map(|n| named(n, "")).collect();
        contacts.push(named("", "Acme"));
        let shown = shown(&contacts, Rung::Exact, Sharing::List);
        assert_eq!(shown, "several: Ayşe / Can / Ece (+3)");
    }

    #[test]
    fn first_is_the_newest_of_the_most_trusted_source() {
        let changed = |updated, name| Contact {
            updated,
            ..named(name, "")
        };
        let candidates = [
            (0, changed(None, "undated")),
            (0, changed(Some(1), "older")),
            (0, changed(Some(2), "newer")),
            (1, changed(Some(3), "less trusted")),
        ]
        .map(candidate);
        let choice = choose(&candidates, Rung::Exact, Sharing::First).unwrap();
        assert_eq!(choice.contact.name.as_deref(), Some("newer"));
        assert_eq!(choice.origin.source, "source 0");
    }

    #[test]
    fn a_guess_is_not_made_twice() {
        let two = [named("Ayşe", "Acme"), named("Can", "")];
        let colleagues = [named("Ayşe", "Acme"), named("Can", "ACME")];
        let alone = [named("Ayşe", "Acme")];
        for rung in [Rung::National, Rung::Tail] {
            for sharing in [Sharing::First, Sharing::List, Sharing::CompanyOnly] {
                assert_eq!(shown(&two, rung, sharing), "SharedNumber");
                assert_eq!(shown(&colleagues, rung, sharing), "a company: Acme");
                assert_eq!(shown(&alone, rung, sharing), "Ayşe of Acme");
            }
        }
        let head = Rung::HeadOffice;
        assert_eq!(shown(&alone, head, Sharing::First), "a company: Acme");
        assert_eq!(shown(&two, head, Sharing::First), "UnknownCaller");
        assert_eq!(
            shown(&[named("Can", "")], head, Sharing::List),
            "UnknownCaller"
        );
    }

    #[test]
    fn the_same_card_twice_is_one_with_what_both_agree_on() {
        let record = |key: &str, code: &str| Contact {
            key: Some(key.into()),
            ..with_code(code, named("Ayşe", "Acme"))
        };
        let choose = |a, b| chosen(&[a, b], Rung::Exact, Sharing::None).unwrap();
        let same = choose(record("1", "c1"), record("1", "c1"));
        assert_eq!(same.shared, Shared::No);
        assert_eq!(same.contact, record("1", "c1"));
        let other = choose(record("1", "c1"), record("2", "c2"));
        assert_eq!(other.contact, named("Ayşe", "Acme"));
        let half = choose(record("1", "c1"), record("2", "c1"));
        assert_eq!(half.contact, with_code("c1", named("Ayşe", "Acme")));
        let unsaid = choose(record("1", "c1"), named("Ayşe", "Acme"));
        assert_eq!(unsaid.contact, named("Ayşe", "Acme"));
    }

    #[test]
    fn whatever_a_card_would_show_tells_two_contacts_apart() {
        let ayse = named("Ayşe", "");
        let flags = Flags {
            vip: Some(String::new()),
            ..Flags::default()
        };
        let others = [
            named("Ayse", ""),
            named("Ayşe", "Acme"),
            with_balance("1 TRY", ayse.clone()),
            Contact {
                owner: Some("su@example.com".into()),
                ..ayse.clone()
            },
            Contact {
                flags,
                ..ayse.clone()
            },
            Contact {
                fields: [("city".into(), "İzmir".into())].into(),
                ..ayse.clone()
            },
        ];
        for other in others {
            let shown = shown(&[ayse.clone(), other], Rung::Exact, Sharing::None);
            assert_eq!(shown, "SharedNumber");
        }
    }

    #[test]
    fn colleagues_are_their_company_without_what_only_one_of_them_has() {
        let ayse = with_balance("10 TRY", with_code("c1", named("Ayşe", "Acme A.Ş.")));
        let can = with_balance("20 TRY", with_code("c1", named("Can", "ACME AŞ")));
        let together = chosen(&[ayse.clone(), can.clone()], Rung::Exact, Sharing::None).unwrap();
        assert_eq!(together.contact, with_code("c1", named("", "Acme A.Ş.")));
        assert_eq!(together.shared, Shared::Company);
        let apart = with_code("c2", can.clone());
        let together = chosen(&[ayse.clone(), apart], Rung::Exact, Sharing::None).unwrap();
        assert_eq!(together.contact, named("", "Acme A.Ş."));
        // Who calls from an unknown extension need not have the account.
        let extension = chosen(&[ayse, can], Rung::HeadOffice, Sharing::None).unwrap();
        assert_eq!(extension.contact, named("", "Acme A.Ş."));
    }

    #[test]
    fn one_name_with_two_tax_numbers_is_two_companies() {
        let (ayse, can) = (named("Ayşe", "Acme"), named("Can", "Acme"));
        let two = [with_tax("123", ayse.clone()), with_tax("456", can.clone())];
        let one = [with_tax("123", ayse), can];
        for rung in Rung::ALL {
            let nobody = match rung {
                Rung::HeadOffice => "UnknownCaller",
                _ => "SharedNumber",
            };
            assert_eq!(shown(&two, rung, Sharing::None), nobody, "{rung:?}");
            assert_eq!(
                shown(&one, rung, Sharing::None),
                "a company: Acme",
                "{rung:?}"
            );
        }
    }

    #[test]
    fn what_stands_where_there_is_no_company_is_none() {
        for company in ["", "-", ".", "Yok", "ÖZEL", "private", "n/a"] {
            assert_eq!(company_id(&named("Ayşe", company)), None, "{company}");
            let two = [named("Ayşe", company), named("Can", company)];
            assert_eq!(shown(&two, Rung::Exact, Sharing::None), "SharedNumber");
        }
        let folded = |company| company_id(&named("", company));
        assert_eq!(folded("IŞIK LTD. ŞTİ."), folded("ışık ltd şti"));
        assert_ne!(folded("C++ Ltd"), folded("C# Ltd"));
    }

    #[test]
    fn of_more_contacts_than_are_looked_at_nobody_is_named() {
        let same = vec![named("Ayşe", "Acme"); CANDIDATES];
        assert_eq!(shown(&same, Rung::Exact, Sharing::First), "Ayşe of Acme");
        let more = vec![named("Ayşe", "Acme"); CANDIDATES + 1];
        for rung in Rung::ALL {
            assert_eq!(shown(&more, rung, Sharing::First), "SharedNumber");
        }
    }
}
