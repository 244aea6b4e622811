//! Cards that need no configuration, and the made-up call that a configured card is tried on.

use rust_decimal::Decimal;

use super::{RowKind, RowTemplate};
use crate::domain::call::{Call, CallId, Direction, RawNumber};
use crate::domain::contact::Contact;
use crate::domain::money::{Currency, Locale, Money};
use crate::domain::phone::{PhoneNumber, Region};

/// The card shown when none is configured: name, company and balance under a title.
pub fn default_rows(locale: Locale) -> Vec<RowTemplate> {
    let [title, name, company, balance, ..] = words(locale);
    vec![
        RowTemplate::new(RowKind::Title, None, title),
        RowTemplate::new(RowKind::ShortText, Some(name), "{{ contact.name }}"),
        RowTemplate::new(RowKind::ShortText, Some(company), "{{ contact.company }}"),
        RowTemplate::new(RowKind::ShortText, Some(balance), "{{ contact.balance }}"),
    ]
}

/// The minimal card for an unknown caller, when one is wanted.
pub fn default_unknown_rows(locale: Locale) -> Vec<RowTemplate> {
    let [.., number, unknown] = words(locale);
    vec![
        RowTemplate::new(RowKind::Title, None, unknown),
        RowTemplate::new(RowKind::ShortText, Some(number), "{{ call.number }}"),
    ]
}

fn words(locale: Locale) -> [&'static str; 6] {
    match locale {
        Locale::English => [
            "Customer",
            "Name",
            "Company",
            "Balance",
            "Number",
            "Unknown caller",
        ],
        Locale::Turkish => [
            "Müşteri",
            "Ad",
            "Firma",
            "Bakiye",
            "Numara",
            "Kayıtsız numara",
        ],
        Locale::German => [
            "Kunde",
            "Name",
            "Firma",
            "Saldo",
            "Nummer",
            "Unbekannter Anrufer",
        ],
        Locale::French => [
            "Client",
            "Nom",
            "Société",
            "Solde",
            "Numéro",
            "Appelant inconnu",
        ],
        Locale::Dutch => [
            "Klant",
            "Naam",
            "Bedrijf",
            "Saldo",
            "Nummer",
            "Onbekende beller",
        ],
    }
}

pub(super) fn sample_call() -> Call {
    Call {
        id: CallId::try_from("sample".to_owned()).unwrap_or_else(|_| unreachable!("a valid id")),
        direction: Direction::Inbound,
        customer: RawNumber("+905325550101".into()),
        line: RawNumber("+908505550100".into()),
        user_id: Some(1),
        started_at: None,
    }
}

pub(super) fn sample_contact() -> Contact {
    let amount = Decimal::new(425_000, 2);
    Contact {
        key: Some("1".into()),
        name: Some("Name".into()),
        company: Some("Company".into()),
        balance: Currency::parse("TRY").map(|currency| Money { amount, currency }),
        ..Contact::default()
    }
}

pub(super) fn sample_number() -> Option<PhoneNumber> {
    PhoneNumber::parse("+905325550101", Region::parse("TR")?).ok()
}
