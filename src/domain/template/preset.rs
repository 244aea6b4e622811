//! Cards that need no configuration, and the made-up call that a configured card is tried on.

use jiff::Timestamp;
use rust_decimal::Decimal;

use super::{RowKind, RowTemplate};
use crate::domain::call::{Call, CallId, Direction, RawNumber};
use crate::domain::contact::{Contact, Flags, Origin, Profile};
use crate::domain::money::{Currency, Money};
use crate::domain::phone::Region;
use crate::domain::words::{Word, Words};

/// The card shown when none is configured: what to mind first, then name, company, balance, and who looks
/// after the contact. The words are written in, so that most labels need no rendering.
pub fn default_rows(words: &Words) -> Vec<RowTemplate> {
    let name = format!(
        "{{% if match.shared == 'several' %}}{}{{% else %}}{}{{% endif %}}",
        words.get(Word::OneOf),
        words.get(Word::Name)
    );
    let short = |label: &str, text| RowTemplate::new(RowKind::ShortText, Some(label), text);
    vec![
        RowTemplate::new(RowKind::Title, None, words.get(Word::Title)),
        short(words.get(Word::Attention), "{{ contact.flags }}"),
        short(&name, "{{ contact.name }}"),
        short(words.get(Word::Company), "{{ contact.company }}"),
        RowTemplate {
            when: Some("contact.balance".into()),
            ..short(
                words.get(Word::Balance),
                "{{ contact.balance.worded }}, {{ contact.balance.as_of }}",
            )
        },
        RowTemplate::new(
            RowKind::User,
            Some(words.get(Word::Owner)),
            "{{ contact.owner_id }}",
        ),
    ]
}

/// The minimal card for an unknown caller, when one is wanted.
pub fn default_unknown_rows(words: &Words) -> Vec<RowTemplate> {
    let number = Some(words.get(Word::Number));
    vec![
        RowTemplate::new(RowKind::Title, None, words.get(Word::Unknown)),
        RowTemplate::new(RowKind::ShortText, number, "{{ call.number }}"),
    ]
}

pub(super) const SAMPLE_NUMBER: &str = "+905325550101";

pub(super) fn sample_call() -> Call {
    Call {
        id: CallId::try_from("sample".to_owned()).unwrap_or_else(|_| unreachable!("a valid id")),
        direction: Direction::Inbound,
        customer: RawNumber(SAMPLE_NUMBER.into()),
        line: RawNumber("+908505550100".into()),
        user_id: Some(1),
        started_at: None,
    }
}

pub(super) fn sample_contact() -> Profile {
    let amount = Decimal::new(425_000, 2);
    let contact = Contact {
        key: Some("1".into()),
        name: Some("Name".into()),
        company: Some("Company".into()),
        balance: Currency::parse("TRY").map(|currency| Money { amount, currency }),
        flags: Flags {
            vip: Some(String::new()),
            warning: Some("Warning".into()),
            overdue: Some("350.00".into()),
        },
        ..Contact::default()
    };
    let origin = Origin {
        source: "crm".into(),
        as_of: Timestamp::UNIX_EPOCH,
    };
    Profile::new(contact, origin)
}

pub(super) fn sample_region() -> Option<Region> {
    Region::parse("TR")
}
