//! A contact as we show it: only what the operator mapped, nothing else of the source's record.
//!
//! Names and fields are personal data, so `Debug` shows which fields are there, never what they say.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::money::Money;
use super::phone::PhoneNumber;

/// Most numbers one record may carry; a CRM row rarely has more than six.
pub const NUMBERS_PER_CONTACT: usize = 16;
/// Longest value kept of any one field, in bytes; a card shows some forty characters of it.
pub const FIELD_BYTES: usize = 1024;

/// A contact's place in one generation of one source: dense, in reading order, never shown to anyone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContactId(pub u32);

#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// The source's own id of the record, if a column is mapped to it.
    pub key: Option<String>,
    pub name: Option<String>,
    pub company: Option<String>,
    pub balance: Option<Money>,
    pub numbers: Vec<PhoneNumber>,
    /// Further mapped fields by the operator's names, for the card's templates.
    pub fields: BTreeMap<String, String>,
}

impl Contact {
    /// What a card needs at the least: somebody to name.
    pub fn is_nameable(&self) -> bool {
        self.name.is_some() || self.company.is_some()
    }

    /// The contact reduced to its company, for a number that several of its people share.
    pub fn company_only(&self) -> Contact {
        Contact {
            company: self.company.clone(),
            numbers: self.numbers.clone(),
            ..Contact::default()
        }
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
