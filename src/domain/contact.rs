//! A contact as we show it: only what the operator mapped, nothing else of the source's record.
//!
//! Names and fields are personal data, so `Debug` shows which fields are there, never what they say.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::dialling::LooseNumber;
use super::money::Money;
use super::phone::PhoneNumber;

/// Most numbers one record may carry; a CRM row rarely has more than six.
pub const NUMBERS_PER_CONTACT: usize = 16;
/// Longest value kept of any one field, in bytes; a card shows some forty characters of it.
pub const FIELD_BYTES: usize = 1024;

/// A contact's place in one generation of one source: dense, in reading order, never shown to anyone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContactId(pub u32);

/// What of a contact another source can know it by. Held in the form in which equal ones are the same text.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ids {
    pub customer_code: Option<String>,
    pub tax_number: Option<String>,
    pub email: Option<String>,
}

/// What an agent should know before the first word. The text is the source's own and may be empty: a mere
/// `yes` says nothing more than the flag.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flags {
    pub vip: Option<String>,
    pub warning: Option<String>,
    pub overdue: Option<String>,
}

/// One record as a source gives it: a person or company with numbers, or, of a source of balances, what is
/// known of the one with this id.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// The source's own id of the record, if a column is mapped to it.
    pub key: Option<String>,
    pub name: Option<String>,
    pub company: Option<String>,
    pub balance: Option<Money>,
    pub numbers: Vec<PhoneNumber>,
    /// Numbers whose country can't be told. One may also stand in `numbers`, as what it would be at home.
    pub loose: Vec<LooseNumber>,
    /// Those of `numbers` that are marked as a company's switchboard.
    pub switchboards: Vec<PhoneNumber>,
    pub ids: Ids,
    /// The e-mail address of the colleague who looks after the contact.
    pub owner: Option<String>,
    pub flags: Flags,
    /// When the record was last changed, in seconds since 1970 as written there: only ever compared.
    pub updated: Option<i64>,
    /// Further mapped fields by the operator's names, for the card's templates.
    pub fields: BTreeMap<String, String>,
}

impl Contact {
    /// What a card needs at the least: somebody to name.
    pub fn is_nameable(&self) -> bool {
        self.name.is_some() || self.company.is_some()
    }
}

/// Where a value came from, and how old it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    pub source: String,
    /// When the source was read.
    pub as_of: Timestamp,
}

/// A contact as it can be shown: merged from several sources, each value with its origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    pub contact: Contact,
    pub origin: Origin,
    /// Of the balance, if another source gave it.
    pub balance_origin: Option<Origin>,
    /// Of the fields that another source gave, flags included, by name.
    pub field_origins: BTreeMap<String, Origin>,
    /// The contact is not one record but what several that share a number have in common.
    pub shared: Shared,
}

/// Of how many contacts a `Profile` speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shared {
    /// One.
    #[default]
    No,
    /// Several of one company, or one unknown extension of it: it names the company alone.
    Company,
    /// Different ones: it names up to three.
    Several,
}

impl Shared {
    pub fn as_str(self) -> &'static str {
        match self {
            Shared::No => "no",
            Shared::Company => "company",
            Shared::Several => "several",
        }
    }
}

impl Profile {
    pub fn new(contact: Contact, origin: Origin) -> Profile {
        Profile {
            contact,
            origin,
            balance_origin: None,
            field_origins: BTreeMap::new(),
            shared: Shared::No,
        }
    }

    pub fn balance_origin(&self) -> &Origin {
        self.balance_origin.as_ref().unwrap_or(&self.origin)
    }

    pub fn field_origin(&self, name: &str) -> &Origin {
        self.field_origins.get(name).unwrap_or(&self.origin)
    }
}

impl fmt::Debug for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contact")
            .field("name", &self.name.is_some())
            .field("company", &self.company.is_some())
            .field("balance", &self.balance.is_some())
            .field("numbers", &self.numbers)
            .field("fields", &self.fields.keys())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_never_shows_a_name() {
        let contact = Contact {
            name: Some("Ayşe Yılmaz".into()),
            fields: [("city".into(), "İzmir".into())].into(),
            ..Contact::default()
        };
        let shown = format!("{contact:?}");
        assert!(
            !shown.contains("Ayşe") && !shown.contains("İzmir"),
            "{shown}"
        );
        assert!(shown.contains("city"), "{shown}");
    }
}
