//! A record as it is mapped, and as what it became.

use crate::domain::contact::Contact;
use crate::domain::money::Locale;
use crate::flow::trial::Record;
use crate::source::settings::Mapping;

/// One mapped value.
pub(super) struct Mapped {
    pub(super) what: String,
    pub(super) column: String,
    pub(super) value: String,
}

/// What the mapping takes of a record, in the mapping's order.
pub(super) fn mapped(mapping: &Mapping, record: &Record) -> Vec<Mapped> {
    let columns = columns(mapping).into_iter();
    let mapped = columns.map(|(what, column)| {
        let found = record.raw.iter().find(|(name, _)| name == column);
        Mapped {
            what,
            column: column.to_owned(),
            // A path or an expression is worked out of several members.
            value: found.map_or_else(|| "(worked out)".to_owned(), |(_, value)| value.clone()),
        }
    });
    mapped.collect()
}

fn columns(mapping: &Mapping) -> Vec<(String, &str)> {
    let named = |what: &str, column: &'_ Option<String>| column.as_deref().map(|_| what.to_owned());
    let singles = [
        ("key", &mapping.key),
        ("company", &mapping.company),
        ("join", &mapping.join),
        ("customer-code", &mapping.customer_code),
        ("tax-number", &mapping.tax_number),
        ("email", &mapping.email),
        ("owner", &mapping.owner),
        ("vip", &mapping.vip),
        ("warning", &mapping.warning),
        ("overdue", &mapping.overdue),
    ];
    let names = mapping.name.iter().map(|c| ("name".to_owned(), c.as_str()));
    let singles = singles
        .iter()
        .filter_map(|(what, column)| Some((named(what, column)?, column.as_deref()?)));
    let numbers = mapping.numbers.iter();
    let numbers = numbers.map(|n| ("numbers".to_owned(), n.column.as_str()));
    let balance = mapping.balance.iter().flat_map(|b| {
        let currency = b.currency_column.as_deref();
        let currency = currency.map(|c| ("currency".to_owned(), c));
        std::iter::once(("balance".to_owned(), b.column.as_str())).chain(currency)
    });
    let updated = mapping.updated.iter();
    let updated = updated.map(|u| ("updated".to_owned(), u.column.as_str()));
    let fields = mapping
        .fields
        .iter()
        .map(|(name, c)| (format!("fields.{name}"), c.as_str()));
    names
        .chain(singles)
        .chain(numbers)
        .chain(balance)
        .chain(updated)
        .chain(fields)
        .collect()
}

/// What is kept of it: numbers in full, money as it is understood, ids as they are compared.
pub(super) fn normalised(contact: &Contact) -> Vec<(String, String)> {
    let mut shown: Vec<(String, String)> = Vec::new();
    let mut show = |what: &str, value: Option<String>| {
        shown.extend(value.map(|value| (what.to_owned(), value)));
    };
    show("key", contact.key.clone());
    show("name", contact.name.clone());
    show("company", contact.company.clone());
    let numbers: Vec<String> = contact.numbers.iter().map(|n| n.e164()).collect();
    show("numbers", (!numbers.is_empty()).then(|| numbers.join(", ")));
    let loose = contact.loose.iter().map(|l| l.digits().to_string());
    let loose: Vec<String> = loose.collect();
    let country = "(its country can't be told)";
    show(
        "loose",
        (!loose.is_empty()).then(|| format!("{} {country}", loose.join(", "))),
    );
    let balance = contact.balance.as_ref();
    show(
        "balance",
        balance.map(|money| money.format(Locale::English)),
    );
    show("customer-code", contact.ids.customer_code.clone());
    show("tax-number", contact.ids.tax_number.clone());
    show("email", contact.ids.email.clone());
    show("owner", contact.owner.clone());
    show("vip", contact.flags.vip.clone());
    show("warning", contact.flags.warning.clone());
    show("overdue", contact.flags.overdue.clone());
    let updated = contact
        .updated
        .and_then(|s| jiff::Timestamp::from_second(s).ok());
    show("updated", updated.map(|t| t.to_string()));
    for (name, value) in &contact.fields {
        show(&format!("fields.{name}"), Some(value.clone()));
    }
    shown
}
