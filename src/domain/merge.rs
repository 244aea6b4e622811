//! One profile of what several sources know: the contact's own record, and what others say of it.
//!
//! Each value is taken whole from the source that comes first for it, with that source's age. Values are never
//! mixed: a balance has its own currency and its own time.

use std::collections::BTreeMap;

use super::contact::{Contact, Origin, Profile};

/// The values that have an order of their own besides the operator's fields.
pub const VALUES: [&str; 5] = ["balance", "owner", "vip", "warning", "overdue"];

/// For each value the sources that may give it, the best first. A value that is not named here comes from the
/// sources of balances, in their order, and only then from the contact's own record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Priority(pub BTreeMap<String, Vec<String>>);

impl Priority {
    /// The records that may give a value, in order; the contact's own is one of them.
    fn order<'a>(&self, value: &str, records: &'a [Record<'a>]) -> Vec<&'a Record<'a>> {
        match self.0.get(value) {
            None => records.iter().collect(),
            Some(sources) => sources
                .iter()
                .filter_map(|name| records.iter().find(|r| r.origin.source == *name))
                .collect(),
        }
    }
}

type Get = fn(&Contact) -> Option<&String>;
type Set = fn(&mut Contact, Option<String>);

/// The values that are one text, by their names.
const TEXTS: [(&str, Get, Set); 4] = [
    ("owner", |c| c.owner.as_ref(), |c, v| c.owner = v),
    ("vip", |c| c.flags.vip.as_ref(), |c, v| c.flags.vip = v),
    (
        "warning",
        |c| c.flags.warning.as_ref(),
        |c, v| c.flags.warning = v,
    ),
    (
        "overdue",
        |c| c.flags.overdue.as_ref(),
        |c, v| c.flags.overdue = v,
    ),
];

struct Record<'a> {
    origin: &'a Origin,
    contact: &'a Contact,
}

/// The profile with every value from where it should come. `others` are in the order of their sources.
pub fn merge(own: Profile, others: &[(Origin, Contact)], priority: &Priority) -> Profile {
    let joined = others.iter();
    let joined = joined.map(|(origin, contact)| Record { origin, contact });
    let itself = Record {
        origin: &own.origin,
        contact: &own.contact,
    };
    let records: Vec<Record<'_>> = joined.chain([itself]).collect();
    let mut merged = own.clone();
    let contact = &mut merged.contact;
    let pick = |value: &str, has: &dyn Fn(&Contact) -> bool| {
        let order = priority.order(value, &records);
        let best = order.into_iter().find(|r| has(r.contact));
        best.map(|r| (r.origin.clone(), r.contact))
    };
    let balance = pick("balance", &|c| c.balance.is_some());
    contact.balance = balance.as_ref().and_then(|(_, c)| c.balance);
    merged.balance_origin = balance.map(|(origin, _)| origin);
    let origins = &mut merged.field_origins;
    for (value, get, set) in TEXTS {
        let best = pick(value, &|c| get(c).is_some());
        set(contact, best.as_ref().and_then(|(_, c)| get(c).cloned()));
        origins.extend(best.map(|(origin, _)| (value.to_owned(), origin)));
    }
    let names = records.iter().flat_map(|r| r.contact.fields.keys());
    for name in names {
        match pick(name, &|c| c.fields.contains_key(name)) {
            Some((origin, best)) => {
                let value = best.fields.get(name).cloned().unwrap_or_default();
                contact.fields.insert(name.clone(), value);
                origins.insert(name.clone(), origin);
            }
            None => {
                contact.fields.remove(name);
            }
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::{DecimalSign, Money};
    use jiff::Timestamp;

    fn origin(source: &str, second: i64) -> Origin {
        Origin {
            source: source.into(),
            as_of: Timestamp::from_second(second).unwrap(),
        }
    }

    fn money(text: &str) -> Option<Money> {
        Money::parse(text, DecimalSign::Point, None).ok()
    }

    fn fields(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let owned = pairs.iter().map(|(n, v)| ((*n).into(), (*v).into()));
        owned.collect()
    }

    fn crm() -> Profile {
        let contact = Contact {
            name: Some("Ayşe".into()),
            balance: money("1 TRY"),
            owner: Some("zeynep@example.com".into()),
            fields: fields(&[("city", "İzmir"), ("limit", "10")]),
            ..Contact::default()
        };
        Profile::new(contact, origin("crm", 1))
    }

    fn erp(balance: Option<Money>) -> (Origin, Contact) {
        let contact = Contact {
            balance,
            fields: fields(&[("limit", "20")]),
            ..Contact::default()
        };
        (origin("erp", 2), contact)
    }

    fn priority(value: &str, sources: &[&str]) -> Priority {
        let sources = sources.iter().map(|s| (*s).to_owned()).collect();
        Priority([(value.to_owned(), sources)].into())
    }

    #[test]
    fn what_another_source_gives_comes_with_its_own_age() {
        let merged = merge(crm(), &[erp(money("2 TRY"))], &Priority::default());
        assert_eq!(merged.contact.balance, money("2 TRY"));
        assert_eq!(merged.balance_origin(), &origin("erp", 2));
        assert_eq!(merged.contact.fields["limit"], "20");
        assert_eq!(merged.field_origin("limit"), &origin("erp", 2));
        assert_eq!(merged.contact.fields["city"], "İzmir");
        assert_eq!(merged.field_origin("city"), &origin("crm", 1));
        assert_eq!(merged.contact.owner.as_deref(), Some("zeynep@example.com"));
    }

    #[test]
    fn a_source_that_knows_nothing_leaves_the_value_to_the_next() {
        let merged = merge(crm(), &[erp(None)], &Priority::default());
        assert_eq!(merged.contact.balance, money("1 TRY"));
        assert_eq!(merged.balance_origin(), &origin("crm", 1));
    }

    #[test]
    fn each_text_is_taken_for_itself_with_its_own_age() {
        let mut own = crm();
        own.contact.flags.vip = Some("A".into());
        own.contact.flags.overdue = Some("3 days".into());
        let mut erp = erp(None);
        erp.1.flags.warning = Some("lawyer".into());
        erp.1.flags.overdue = Some("90 days".into());
        let merged = merge(own, &[erp], &Priority::default());
        let flags = &merged.contact.flags;
        let texts = [
            &merged.contact.owner,
            &flags.vip,
            &flags.warning,
            &flags.overdue,
        ];
        let texts = texts.map(|text| text.as_deref().unwrap_or_default());
        assert_eq!(texts, ["zeynep@example.com", "A", "lawyer", "90 days"]);
        let sources = ["owner", "vip", "warning", "overdue"];
        let sources = sources.map(|value| merged.field_origin(value).source.as_str());
        assert_eq!(sources, ["crm", "crm", "erp", "erp"]);
    }

    #[test]
    fn each_value_has_an_order_of_its_own() {
        let others = [erp(money("2 TRY"))];
        let merged = merge(crm(), &others, &priority("balance", &["crm", "erp"]));
        assert_eq!(merged.contact.balance, money("1 TRY"));
        assert_eq!(merged.contact.fields["limit"], "20");
        let merged = merge(crm(), &others, &priority("limit", &["crm"]));
        assert_eq!(merged.contact.fields["limit"], "10");
        assert_eq!(merged.contact.balance, money("2 TRY"));
    }

    #[test]
    fn a_source_that_is_not_named_for_a_value_never_gives_it() {
        let merged = merge(crm(), &[erp(None)], &priority("balance", &["erp"]));
        assert_eq!(merged.contact.balance, None);
        let merged = merge(crm(), &[], &priority("city", &["erp"]));
        assert_eq!(merged.contact.fields, fields(&[("limit", "10")]));
    }
}
