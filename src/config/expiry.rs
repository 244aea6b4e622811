//! Dates on which secrets expire: nobody else knows them, and a card that is not there on that day is too late
//! a reminder.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::reader::Section;

const ALLOWED: &str = "a date such as \"2026-12-31\", the last day on which it is valid";

/// `[source.expires]`: a date for each secret.
pub(super) fn dates(source: &Section<'_>) -> BTreeMap<String, Date> {
    let Some(section) = source.section("expires") else {
        return BTreeMap::new();
    };
    let mut dates = BTreeMap::new();
    for (secret, text) in section.free_texts() {
        match date(&text) {
            Some(date) => drop(dates.insert(secret, date)),
            None => section.wrong_at(&secret, format!("must be {ALLOWED}")),
        }
    }
    dates
}

/// A key with a date.
pub(super) fn read(section: &Section<'_>, key: &'static str) -> Option<Date> {
    section.parse(key, ALLOWED, date)
}

fn date(text: &str) -> Option<Date> {
    Date::strptime("%Y-%m-%d", text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::reader::tests::{self, problems};

    #[test]
    fn each_secret_has_its_date() {
        let read = tests::read("[expires]\ntoken = \"2026-12-31\"", dates);
        assert_eq!(read["token"], jiff::civil::date(2026, 12, 31));
        assert!(tests::read("", dates).is_empty());
    }

    #[test]
    fn what_is_no_date_is_told() {
        let told = problems("[expires]\ntoken = \"31.12.2026\"\nkey = 5", |root| {
            drop(dates(root));
        });
        assert_eq!(
            told,
            [
                format!("line 2: expires.token = \"31.12.2026\": must be {ALLOWED}"),
                "line 3: expires.key = 5: must be a text in quotes".into(),
            ]
        );
    }
}
