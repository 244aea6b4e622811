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

/// Chooses among all contacts that a rung found. A rung that is not exact has to find only one, or only one
/// company: a guess is not made twice.
pub fn choose(candidates: &[Candidate], rung: Rung, sharing: Sharing) -> Result<Choice, Skip> {
    let Some(first) = candidates.first() else {
        return Err(Skip::UnknownCaller);
    };
    let choice = |contact, shared| Choice {
        contact,
        origin: first.origin.clone(),
        shared,
    };
    if candidates.len() > CANDIDATES {
        return Err(Skip::SharedNumber);
    }
    if rung == Rung::HeadOffice {
        // Whoever calls from an unknown extension need not be the one whose account the company has.
        let company = one_company(candidates).ok_or(Skip::SharedNumber)?;
        let ids = Ids::default();
        return Ok(choice(Contact { ids, ..company }, Shared::Company));
    }
    if candidates
        .iter()
        .all(|c| same_card(&c.contact, &first.contact))
    {
        return Ok(choice(
            one_of_equals(candidates, &first.contact),
            Shared::No,
        ));
    }
    if let Some(company) = one_company(candidates) {
        return Ok(choice(company, Shared::Company));
    }
    if rung != Rung::Exact {
        return Err(Skip::SharedNumber);
    }
    match sharing {
        Sharing::None => Err(Skip::SharedNumber),
        Sharing::List => Ok(choice(listed(candidates), Shared::Several)),
        Sharing::CompanyOnly => {
            let with_company: Vec<Candidate> = with_company(candidates).cloned().collect();
            let company = one_company(&with_company).ok_or(Skip::SharedNumber)?;
            let ids = Ids::default();
            Ok(choice(Contact { ids, ..company }, Shared::Company))
        }
        Sharing::First => {
            let newest = |c: &&Candidate| (c.source, std::cmp::Reverse(c.contact.updated));
            let newest = candidates.iter().min_by_key(newest).unwrap_or(first);
            Ok(Choice {
                contact: newest.contact.clone(),
                origin: newest.origin.clone(),
                shared: Shared::No,
            })
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
