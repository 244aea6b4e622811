//! By what a record of one source is known to be of a contact of another: an id that both have.
//!
//! Ids are typed by people: each kind has a form in which equal ones are the same text. Anything more
//! generous, such as names that look alike, would put one customer's balance on another's card.

use serde::{Deserialize, Serialize};

use super::contact::Contact;
use super::phone::PhoneNumber;

/// Longest id that is compared, in bytes.
pub const ID_BYTES: usize = 128;

/// The id that a source of balances has in common with the contacts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JoinBy {
    /// The contact's own record id.
    Key,
    CustomerCode,
    TaxNumber,
    Email,
    Number,
}

impl JoinBy {
    pub const ALLOWED: &'static str =
        "\"key\", \"customer-code\", \"tax-number\", \"email\" or \"number\"";

    pub fn parse(text: &str) -> Option<JoinBy> {
        Some(match text {
            "key" => JoinBy::Key,
            "customer-code" => JoinBy::CustomerCode,
            "tax-number" => JoinBy::TaxNumber,
            "email" => JoinBy::Email,
            "number" => JoinBy::Number,
            _ => return None,
        })
    }

    pub fn as_str(self) -> &'static str {
        match self {
            JoinBy::Key => "key",
            JoinBy::CustomerCode => "customer-code",
            JoinBy::TaxNumber => "tax-number",
            JoinBy::Email => "email",
            JoinBy::Number => "number",
        }
    }

    /// A text as it is compared. Numbers are none: one record may have several.
    pub fn normalised(self, text: &str) -> Option<String> {
        match self {
            JoinBy::Key => record_id(text),
            JoinBy::CustomerCode => code(text),
            JoinBy::TaxNumber => tax_number(text),
            JoinBy::Email => email(text),
            JoinBy::Number => None,
        }
    }

    /// What of this contact is compared. Only numbers can be several.
    pub fn ids_of(self, contact: &Contact) -> Vec<String> {
        let ids = &contact.ids;
        let one = match self {
            JoinBy::Key => contact.key.as_deref().and_then(record_id),
            JoinBy::CustomerCode => ids.customer_code.clone(),
            JoinBy::TaxNumber => ids.tax_number.clone(),
            JoinBy::Email => ids.email.clone(),
            JoinBy::Number => return certain_numbers(contact),
        };
        one.into_iter().collect()
    }
}

/// A number that is only what its digits would be at home is no id.
fn certain_numbers(contact: &Contact) -> Vec<String> {
    let is_guess = |n: &PhoneNumber| contact.loose.iter().any(|l| l.digits() == n.split().1);
    let certain = contact.numbers.iter().filter(|n| !is_guess(n));
    certain.map(|n| n.e164()).collect()
}

/// A record's own id, as the system that gave it writes it: Salesforce tells `aB` from `Ab`.
pub fn record_id(text: &str) -> Option<String> {
    kept(text.trim().to_owned()).filter(|id| !is_filler(id))
}

/// Customer codes, which people type too: ` C-120.01` is `c-120.01`.
pub fn code(text: &str) -> Option<String> {
    record_id(&text.to_lowercase())
}

/// What stands where there is no id: a dash, zeros, a word, what a spreadsheet shows for a failed look-up
/// (`#N/A`, in Turkish `#YOK`). It is nobody's, however many records have it.
fn is_filler(id: &str) -> bool {
    let mut letters = id.chars().filter(|c| c.is_alphanumeric());
    id.starts_with('#')
        || letters.all(|c| c == '0')
        || NO_ID.iter().any(|word| word.eq_ignore_ascii_case(id))
}

const NO_ID: &[&str] = &[
    "yok",
    "none",
    "null",
    "nil",
    "n/a",
    "na",
    "nan",
    "unknown",
    "bilinmiyor",
];

/// Tax and VAT numbers are printed in groups: `TR 123 456 78 90` is `tr1234567890`. One digit over and over
/// is what accountants enter for who has none (11111111111 by Turkish law), so it is nobody's, with a country
/// or zeros before it too.
pub fn tax_number(text: &str) -> Option<String> {
    let letters = text.chars().filter(|c| c.is_alphanumeric());
    let plain: String = letters.flat_map(char::to_lowercase).collect();
    let digits = plain.trim_start_matches(|c: char| c == '0' || c.is_alphabetic());
    let is_filler = digits.chars().all(|c| digits.starts_with(c));
    (!is_filler).then_some(plain).and_then(kept)
}

/// An address as it is compared; `None` for what is none.
pub fn email(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    let (user, host) = text.split_once('@')?;
    let plain = |part: &str| !part.is_empty() && !part.contains(['@', ' ', ',', ';', '<', '>']);
    (plain(user) && plain(host)).then_some(text).and_then(kept)
}

fn kept(text: String) -> Option<String> {
    (!text.is_empty() && text.len() <= ID_BYTES).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_compared_in_one_form() {
        assert_eq!(code(" C-120.01 ").as_deref(), Some("c-120.01"));
        assert_eq!(
            tax_number("TR 123 456 78 90").as_deref(),
            Some("tr1234567890")
        );
        assert_eq!(
            email(" Ali@Example.COM ").as_deref(),
            Some("ali@example.com")
        );
        for bad in ["", "ali", "@example.com", "ali@", "a@b, c@d", "Ali <a@b>"] {
            assert_eq!(email(bad), None, "{bad}");
        }
        for none in ["", "  ", "-", "."] {
            assert_eq!((code(none), tax_number(none)), (None, None), "{none}");
        }
        for filler in [
            "11111111111",
            "0",
            "222 222 22 22",
            "TR11111111111",
            "TR 000 000 00 00",
            "01111111111",
            "NL000000000B01",
            "yok",
            "#N/A",
        ] {
            assert_eq!(tax_number(filler), None, "{filler}");
        }
        assert_eq!(tax_number("0011223344").as_deref(), Some("0011223344"));
        for error in ["#N/A", "#YOK", "#REF!", " #DEĞER!"] {
            assert_eq!((code(error), record_id(error)), (None, None), "{error}");
        }
        assert_eq!(code("C#1").as_deref(), Some("c#1"));
        assert_eq!(code(&"x".repeat(ID_BYTES)).map(|c| c.len()), Some(ID_BYTES));
        assert_eq!(code(&"x".repeat(ID_BYTES + 1)), None);
    }

    #[test]
    fn every_kind_is_known_by_its_name() {
        for by in [
            JoinBy::Key,
            JoinBy::CustomerCode,
            JoinBy::TaxNumber,
            JoinBy::Email,
            JoinBy::Number,
        ] {
            assert_eq!(JoinBy::parse(by.as_str()), Some(by));
            assert!(JoinBy::ALLOWED.contains(by.as_str()));
        }
        assert_eq!(JoinBy::parse("name"), None);
    }
}
