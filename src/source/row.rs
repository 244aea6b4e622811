//! One row to one contact, or to the reason why not.
//!
//! Architecture Invariant: a contact is made of a row only when every mapped value is certain to stand in
//! its own column. A row with a value too many, a quote in the wrong place or a damaged letter is rejected
//! as a whole, since a wrong name or a wrong balance is worse than none. What is merely useless, such as
//! one bad number among good ones, is left out alone.

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use ::csv::StringRecord;

use super::cell::{is_rounded, numbers_in};
use super::decode::REPLACEMENT;
use super::header::Columns;
use super::reject::{Example, Rejects, RowReason, ValueReason, mask_number, mask_text};
use super::settings::CsvSettings;
use crate::domain::contact::{Contact, FIELD_BYTES, NUMBERS_PER_CONTACT};
use crate::domain::money::{Currency, Money};
use crate::domain::phone::{NumberError, PhoneNumber};

/// Where a row is, and whether its quotes were in order.
#[derive(Clone, Copy)]
pub(super) struct RowPlace {
    pub(super) line: u64,
    pub(super) broken_quote: bool,
}

pub(super) struct RowReader<'a> {
    columns: &'a Columns,
    settings: &'a CsvSettings,
    /// Keys by hash: eight bytes each where a text would take sixty. That two of two million differ and
    /// hash alike is a matter of one in ten million, and costs the later one's card.
    keys: HashSet<u64>,
    hasher: RandomState,
}

struct Refusal<'r> {
    reason: RowReason,
    column: Option<usize>,
    value: &'r str,
    words: Option<NumberError>,
}

struct LeftOut<'r> {
    reason: ValueReason,
    column: usize,
    value: &'r str,
    detail: Option<String>,
}

impl<'a> RowReader<'a> {
    pub(super) fn new(columns: &'a Columns, settings: &'a CsvSettings) -> RowReader<'a> {
        RowReader {
            columns,
            settings,
            keys: HashSet::new(),
            hasher: RandomState::new(),
        }
    }

    pub(super) fn contact(
        &mut self,
        record: &StringRecord,
        place: RowPlace,
        rejects: &mut Rejects,
    ) -> Option<Contact> {
        let mut left_out = Vec::new();
        let built = self
            .check(record, place)
            .and_then(|()| self.build(record, &mut left_out));
        match built {
            Ok(contact) => {
                for value in left_out {
                    rejects.value(value.reason, || self.left_out_example(place.line, &value));
                }
                Some(contact)
            }
            Err(refusal) => {
                rejects.row(refusal.reason, || {
                    self.refusal_example(place.line, &refusal)
                });
                None
            }
        }
    }

    /// Whether the values can be trusted to stand in their columns.
    fn check<'r>(&self, record: &'r StringRecord, place: RowPlace) -> Result<(), Refusal<'r>> {
        let width = self.columns.names.len();
        if record.iter().all(|value| value.trim().is_empty()) {
            return Err(refusal(RowReason::Blank));
        }
        if place.broken_quote {
            return Err(refusal(RowReason::BrokenQuote));
        }
        if self
            .columns
            .mapped
            .last()
            .is_some_and(|last| *last >= record.len())
        {
            return Err(refusal(RowReason::TooFewColumns));
        }
        // Programs that end each row with a delimiter are common; a value beyond the header is a shift.
        if record
            .iter()
            .skip(width)
            .any(|value| !value.trim().is_empty())
        {
            return Err(refusal(RowReason::TooManyColumns));
        }
        for column in &self.columns.mapped {
            let value = &record[*column];
            if value.contains(REPLACEMENT) {
                return Err(Refusal {
                    column: Some(*column),
                    value,
                    ..refusal(RowReason::InvalidBytes)
                });
            }
        }
        Ok(())
    }

    fn build<'r>(
        &mut self,
        record: &'r StringRecord,
        left_out: &mut Vec<LeftOut<'r>>,
    ) -> Result<Contact, Refusal<'r>> {
        let columns = self.columns;
        let name = self.name(record, left_out);
        let company = columns.company.and_then(|c| text(record, c, left_out));
        if name.is_none() && company.is_none() {
            return Err(refusal(RowReason::NoName));
        }
        let numbers = self.numbers(record, left_out)?;
        let balance = self.balance(record, left_out);
        let field = |(name, column): &(String, usize)| {
            Some((name.clone(), text(record, *column, left_out)?))
        };
        let fields = columns.fields.iter().filter_map(field).collect();
        Ok(Contact {
            key: self.key(record, left_out)?,
            name,
            company,
            balance,
            numbers,
            fields,
            ..Contact::default()
        })
    }

    /// Last of all, so that a key counts as taken only by a row that gave a contact.
    fn key<'r>(
        &mut self,
        record: &'r StringRecord,
        left_out: &mut Vec<LeftOut<'r>>,
    ) -> Result<Option<String>, Refusal<'r>> {
        let Some(column) = self.columns.key else {
            return Ok(None);
        };
        let value = record[column].trim();
        if !value.is_empty() && !self.keys.insert(self.hasher.hash_one(value)) {
            return Err(Refusal {
                column: Some(column),
                value,
                ..refusal(RowReason::DuplicateKey)
            });
        }
        Ok(text(record, column, left_out))
    }

    fn name<'r>(
        &self,
        record: &'r StringRecord,
        left_out: &mut Vec<LeftOut<'r>>,
    ) -> Option<String> {
        let mut name = String::new();
        for column in &self.columns.name {
            let part = record[*column].trim();
            if part.is_empty() {
                continue;
            }
            if !name.is_empty() {
                name.push(' ');
            }
            name.push_str(part);
            if name.len() > FIELD_BYTES {
                name.truncate(cut(&name).len());
                left_out.push(left(ValueReason::TooLong, *column, part));
                break;
            }
        }
        (!name.is_empty()).then_some(name)
    }

    fn numbers<'r>(
        &self,
        record: &'r StringRecord,
        left_out: &mut Vec<LeftOut<'r>>,
    ) -> Result<Vec<PhoneNumber>, Refusal<'r>> {
        let mut numbers: Vec<PhoneNumber> = Vec::new();
        let mut bad = None;
        for column in &self.columns.numbers {
            let cell = record[*column].trim();
            let mut found = |number| {
                if numbers.contains(&number) {
                    return;
                }
                if numbers.len() < NUMBERS_PER_CONTACT {
                    numbers.push(number);
                } else {
                    left_out.push(left(ValueReason::TooManyNumbers, *column, cell));
                }
            };
            match numbers_in(cell, self.settings.region, &mut found) {
                Ok(()) | Err(NumberError::Empty) => {}
                Err(error) => {
                    bad = bad.or(Some((*column, cell, error)));
                    let reason = if is_rounded(cell) {
                        ValueReason::RoundedNumber
                    } else {
                        ValueReason::Number
                    };
                    left_out.push(LeftOut {
                        detail: Some(format!("the number {error}")),
                        ..left(reason, *column, cell)
                    });
                }
            }
        }
        match bad {
            _ if !numbers.is_empty() => Ok(numbers),
            None => Err(refusal(RowReason::NoNumber)),
            Some((column, value, error)) => Err(Refusal {
                reason: RowReason::NoUsableNumber,
                column: Some(column),
                value,
                words: Some(error),
            }),
        }
    }

    /// A balance whose currency is unknown is no balance: the default may be off by a factor of forty.
    fn balance<'r>(
        &self,
        record: &'r StringRecord,
        left_out: &mut Vec<LeftOut<'r>>,
    ) -> Option<Money> {
        let column = self.columns.balance?;
        let mapped = self.settings.mapping.balance.as_ref()?;
        let amount = record[column].trim();
        if amount.is_empty() {
            return None;
        }
        let mut currency = mapped.currency;
        if let Some(column) = self.columns.currency {
            let text = record[column].trim();
            if !text.is_empty() {
                currency = Currency::parse(text);
                if currency.is_none() {
                    left_out.push(left(ValueReason::Currency, column, text));
                    return None;
                }
            }
        }
        match Money::parse(amount, mapped.decimal, currency) {
            Ok(money) => Some(money),
            Err(error) => {
                left_out.push(LeftOut {
                    detail: Some(format!("the balance {error}")),
                    ..left(ValueReason::Balance, column, amount)
                });
                None
            }
        }
    }

    fn column_name(&self, column: usize) -> Option<String> {
        self.columns.names.get(column).cloned()
    }

    fn left_out_example(&self, line: u64, value: &LeftOut<'_>) -> Example {
        Example {
            line,
            column: self.column_name(value.column),
            reason: match (value.reason, &value.detail) {
                (ValueReason::RoundedNumber, _) | (_, None) => value.reason.words().to_owned(),
                (_, Some(detail)) => detail.clone(),
            },
            value: match value.reason {
                ValueReason::Number | ValueReason::RoundedNumber | ValueReason::TooManyNumbers => {
                    mask_number(value.value)
                }
                _ => mask_text(value.value),
            },
        }
    }

    fn refusal_example(&self, line: u64, refusal: &Refusal<'_>) -> Example {
        Example {
            line,
            column: refusal.column.and_then(|c| self.column_name(c)),
            reason: match refusal.words {
                _ if is_rounded(refusal.value) => ValueReason::RoundedNumber.words().to_owned(),
                Some(error) => format!("the number {error}"),
                None => refusal.reason.words().to_owned(),
            },
            value: match refusal.reason {
                RowReason::NoUsableNumber => mask_number(refusal.value),
                _ => mask_text(refusal.value),
            },
        }
    }
}

fn refusal(reason: RowReason) -> Refusal<'static> {
    Refusal {
        reason,
        column: None,
        value: "",
        words: None,
    }
}

fn left(reason: ValueReason, column: usize, value: &str) -> LeftOut<'_> {
    LeftOut {
        reason,
        column,
        value,
        detail: None,
    }
}

/// The value of a column, cut to what is kept; `None` if there is nothing in it.
fn text<'r>(
    record: &'r StringRecord,
    column: usize,
    left_out: &mut Vec<LeftOut<'r>>,
) -> Option<String> {
    let value = record[column].trim();
    let kept = cut(value);
    if kept.len() < value.len() {
        left_out.push(left(ValueReason::TooLong, column, value));
    }
    (!kept.is_empty()).then(|| kept.to_owned())
}

/// The longest start of the text that is kept, ending between two letters.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(FIELD_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::DecimalSign;
    use crate::source::csv::tests::settings;
    use crate::source::settings::{BalanceColumn, Mapping};

    const HEADER: [&str; 9] = [
        "Id", "Name", "Surname", "Company", "Phone", "Mobile", "Balance", "Currency", "City",
    ];

    fn rich() -> CsvSettings {
        let text = |s: &str| s.to_owned();
        CsvSettings {
            mapping: Mapping {
                key: Some(text("Id")),
                name: vec![text("Name"), text("Surname")],
                company: Some(text("Company")),
                numbers: vec![text("Phone"), text("Mobile")],
                balance: Some(BalanceColumn {
                    column: text("Balance"),
                    currency_column: Some(text("Currency")),
                    currency: Currency::parse("TRY"),
                    decimal: DecimalSign::Comma,
                }),
                fields: [(text("town"), text("City"))].into(),
            },
            ..settings()
        }
    }

    /// Reads rows as the lines 2 and on.
    fn read(rows: &[&[&str]]) -> (Vec<Contact>, Rejects) {
        let settings = rich();
        let columns = Columns::find(&StringRecord::from(HEADER.to_vec()), &settings).ok();
        let columns = columns.unwrap();
        let mut reader = RowReader::new(&columns, &settings);
        let mut rejects = Rejects::default();
        let mut contacts = Vec::new();
        for (row, line) in rows.iter().zip(2..) {
            let place = RowPlace {
                line,
                broken_quote: row.iter().any(|value| value.contains('"')),
            };
            contacts.extend(reader.contact(&StringRecord::from(row.to_vec()), place, &mut rejects));
        }
        (contacts, rejects)
    }

    fn row<'a>(changes: &[(&str, &'a str)]) -> Vec<&'a str> {
        let good = [
            "7",
            "Ayşe",
            "Yılmaz",
            "Acme",
            "0532 555 01 01",
            "",
            "1.250,50",
            "USD",
            "İzmir",
        ];
        let value = |(name, value)| {
            let change = changes.iter().find(|(n, _)| *n == name);
            change.map_or(value, |(_, v)| *v)
        };
        HEADER.into_iter().zip(good).map(value).collect()
    }

    fn numbers(phone: &str, mobile: &str) -> (Vec<String>, Rejects) {
        let (contacts, rejects) = read(&[&row(&[("Phone", phone), ("Mobile", mobile)])]);
        let numbers = contacts.iter().flat_map(|c| &c.numbers);
        (numbers.map(|n| n.e164()).collect(), rejects)
    }

    #[test]
    fn every_mapped_column_reaches_the_contact() {
        let (contacts, rejects) = read(&[&row(&[])]);
        let [contact] = &contacts[..] else { panic!() };
        assert_eq!(contact.key.as_deref(), Some("7"));
        assert_eq!(contact.name.as_deref(), Some("Ayşe Yılmaz"));
        assert_eq!(contact.company.as_deref(), Some("Acme"));
        let balance = contact.balance.unwrap();
        assert_eq!(
            (balance.amount.to_string().as_str(), balance.currency.code()),
            ("1250.50", "USD")
        );
        assert_eq!(contact.fields["town"], "İzmir");
        assert!(rejects.is_empty());
        let (contacts, rejects) = read(&[&row(&[
            ("Name", " "),
            ("Balance", ""),
            ("Currency", ""),
            ("City", " "),
            ("Id", ""),
        ])]);
        assert_eq!(contacts[0].name.as_deref(), Some("Yılmaz"));
        assert_eq!(
            (contacts[0].key.as_ref(), contacts[0].balance),
            (None, None)
        );
        assert!(contacts[0].fields.is_empty() && rejects.is_empty());
    }

    #[test]
    fn rows_that_can_not_be_trusted_give_no_contact() {
        use RowReason::*;
        let long = {
            let mut row = row(&[]);
            row.push("x");
            row
        };
        let cases: Vec<(Vec<&str>, RowReason, Option<&str>)> = vec![
            (vec![" "; 9], Blank, None),
            (row(&[])[..8].to_vec(), TooFewColumns, None),
            (long, TooManyColumns, None),
            (row(&[("Name", "Ay\"şe")]), BrokenQuote, None),
            (row(&[("City", "\u{fffd}zmir")]), InvalidBytes, Some("City")),
            (row(&[("Phone", " ")]), NoNumber, None),
            (row(&[("Phone", "101")]), NoUsableNumber, Some("Phone")),
            (
                row(&[("Name", ""), ("Surname", " "), ("Company", "")]),
                NoName,
                None,
            ),
            (row(&[]), DuplicateKey, Some("Id")),
        ];
        for (bad, reason, column) in cases {
            let (contacts, rejects) = read(&[
                &row(&[("Phone", "05325550199")]),
                &bad,
                &row(&[("Id", "8")]),
            ]);
            assert_eq!(contacts.len(), 2, "{reason:?}");
            let tally = rejects
                .rows
                .get(&reason)
                .unwrap_or_else(|| panic!("{reason:?}: {rejects:?}"));
            assert_eq!((rejects.rows_rejected(), rejects.values_left_out()), (1, 0));
            assert_eq!(tally.examples[0].line, 3);
            assert_eq!(tally.examples[0].column.as_deref(), column, "{reason:?}");
        }
    }

    #[test]
    fn the_first_row_of_a_key_that_gives_a_contact_is_kept() {
        let (contacts, rejects) = read(&[
            &row(&[("Name", "Bad"), ("Phone", "")]),
            &row(&[("Name", "First")]),
            &row(&[("Name", "Second"), ("Id", " 7 ")]),
            &row(&[("Name", "Third"), ("Id", "07")]),
            &row(&[("Name", "No key"), ("Id", "")]),
            &row(&[("Name", "No key"), ("Id", "")]),
        ]);
        let names: Vec<_> = contacts.iter().filter_map(|c| c.name.as_deref()).collect();
        assert_eq!(
            names,
            [
                "First Yılmaz",
                "Third Yılmaz",
                "No key Yılmaz",
                "No key Yılmaz"
            ]
        );
        assert_eq!(rejects.rows[&RowReason::DuplicateKey].count, 1);
    }

    #[test]
    fn numbers_come_from_every_mapped_column_once() {
        let (found, rejects) = numbers("0532 555 01 01/0212 555 01 00", "+90 532 555 0101");
        assert_eq!(found, ["+905325550101", "+902125550100"]);
        assert!(rejects.is_empty());
        let (found, rejects) = numbers("0532 555 01 01/02", "yok");
        assert_eq!(found, ["+905325550101"]);
        assert_eq!(rejects.values[&ValueReason::Number].count, 2);
        for cell in ["101", "9,05326E+11", "Ayşe Yılmaz"] {
            let (found, rejects) = numbers(cell, "");
            assert!(found.is_empty(), "{cell}");
            assert_eq!(rejects.rows[&RowReason::NoUsableNumber].count, 1, "{cell}");
        }
    }

    #[test]
    fn values_are_left_out_alone() {
        use ValueReason::*;
        let long = "ş".repeat(FIELD_BYTES);
        let digits = "9".repeat(70);
        let cases: &[(&str, &str, ValueReason, &str, &str)] = &[
            ("Mobile", "101", Number, "is too short", "***"),
            ("Mobile", "Ayşe Yılmaz", Number, "is not a tele", "Ay***"),
            ("Mobile", "9,05326E+11", RoundedNumber, "rounded", "9,***"),
            ("Balance", "n/a", Balance, "is not an amount", "***"),
            ("Balance", &digits, Balance, "more digits", "99***"),
            ("Currency", "Lira", Currency, "is not known", "L***"),
            ("City", &long, TooLong, "is cut", "şş***"),
        ];
        for (column, value, reason, words, shown) in cases {
            let (contacts, rejects) = read(&[&row(&[(*column, *value)])]);
            assert_eq!(contacts.len(), 1, "{column}");
            assert_eq!(
                contacts[0].balance.is_none(),
                [Balance, Currency].contains(reason)
            );
            assert_eq!((rejects.rows_rejected(), rejects.values_left_out()), (0, 1));
            let example = &rejects.values[reason].examples[0];
            assert_eq!(example.column.as_deref(), Some(*column));
            assert!(example.reason.contains(words), "{example:?}");
            assert_eq!(example.value, *shown);
        }
    }

    #[test]
    fn fields_are_kept_up_to_the_bound_and_cut_between_letters_beyond() {
        let fits = "x".repeat(FIELD_BYTES);
        let (contacts, rejects) = read(&[&row(&[("City", &fits)])]);
        assert_eq!(contacts[0].fields["town"], fits);
        assert!(rejects.is_empty());
        let beyond = format!("x{}", "ş".repeat(FIELD_BYTES / 2));
        let (contacts, rejects) = read(&[&row(&[("City", &beyond), ("Name", &beyond)])]);
        let kept = format!("x{}", "ş".repeat(FIELD_BYTES / 2 - 1));
        assert_eq!(contacts[0].fields["town"], kept);
        assert_eq!(contacts[0].name.as_deref(), Some(kept.as_str()));
        assert_eq!(rejects.values[&ValueReason::TooLong].count, 2);
    }

    #[test]
    fn a_contact_has_as_many_numbers_as_the_bound_and_no_more() {
        let list = |count: usize| {
            let numbers = (0..count).map(|i| format!("0532 555 01 {i:02}"));
            numbers.collect::<Vec<_>>().join("/")
        };
        let (found, rejects) = numbers(&list(NUMBERS_PER_CONTACT), "0532 555 01 00");
        assert_eq!(
            (found.len(), rejects.is_empty()),
            (NUMBERS_PER_CONTACT, true)
        );
        let (found, rejects) = numbers(&list(NUMBERS_PER_CONTACT + 2), "");
        assert_eq!(found.len(), NUMBERS_PER_CONTACT);
        assert_eq!(rejects.values[&ValueReason::TooManyNumbers].count, 2);
    }

    #[test]
    fn a_key_that_is_cut_still_differs_from_another() {
        let long = "k".repeat(FIELD_BYTES);
        let (a, b) = (format!("{long}a"), format!("{long}b"));
        let (contacts, _) = read(&[&row(&[("Id", &a)]), &row(&[("Id", &b)])]);
        assert_eq!(contacts.len(), 2);
    }

    #[test]
    fn examples_never_show_a_whole_name_or_number() {
        let values = [
            "Ayşe Yılmaz",
            "0532 555 01 011",
            "05325550101999",
            "Al",
            "\u{fffd}Ayşe",
            "9,05326E+11",
        ];
        for column in HEADER {
            for value in values {
                let changed = row(&[(column, value), ("Mobile", value)]);
                let (_, rejects) = read(&[&changed, &changed]);
                let json = serde_json::to_string(&rejects).unwrap();
                assert!(!json.contains(value), "{column}: {json}");
            }
        }
    }
}
