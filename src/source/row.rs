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

use self::cells::{Cells, LeftOut};
use super::cell::is_rounded;
use super::decode::REPLACEMENT;
use super::header::Columns;
use super::reject::{Example, Rejects, RowReason, ValueReason, mask_number, mask_text, shown_key};
use super::settings::{Kind, RecordSettings};
use crate::domain::contact::{Contact, Flags, Ids};
use crate::domain::join::{self, JoinBy};
use crate::domain::phone::NumberError;

mod cells;
mod numbers;

/// Where a row is, and whether its quotes were in order.
#[derive(Clone, Copy)]
pub(super) struct RowPlace {
    pub(super) line: u64,
    pub(super) broken_quote: bool,
}

/// One record, with a value for each column of its header.
#[derive(Clone, Copy)]
pub(super) struct Row<'r> {
    pub(super) values: &'r StringRecord,
    /// Columns whose value is a number by its type, and so has a decimal point, whatever the mapping says.
    pub(super) typed: &'r [usize],
}

pub(super) struct RowReader<'a> {
    columns: Columns,
    settings: &'a RecordSettings,
    /// Keys by hash: eight bytes each where a text would take sixty. That two of two million differ and
    /// hash alike is a matter of one in ten million, and costs the later one's card.
    keys: Option<HashSet<u64>>,
    hasher: RandomState,
}

struct Refusal<'r> {
    reason: RowReason,
    column: Option<usize>,
    value: &'r str,
    words: Option<NumberError>,
}

impl<'a> RowReader<'a> {
    pub(super) fn new(columns: Columns, settings: &'a RecordSettings) -> RowReader<'a> {
        RowReader {
            columns,
            settings,
            keys: Some(HashSet::new()),
            hasher: RandomState::new(),
        }
    }

    pub(super) fn columns(&self) -> &Columns {
        &self.columns
    }

    /// Takes a key's second row as well.
    pub(super) fn let_repeat(&mut self) {
        self.keys = None;
    }

    /// Whether a contact with the row's key was made already.
    pub(super) fn knows(&self, row: Row<'_>) -> bool {
        let key = self.columns.key.and_then(|column| row.values.get(column));
        let hash = key.map(|key| self.hasher.hash_one(key.trim()));
        let known = self.keys.as_ref().zip(hash);
        known.is_some_and(|(keys, hash)| keys.contains(&hash))
    }

    /// What stands in the column that a record is known by; empty if there is none.
    pub(super) fn identity<'r>(&self, row: Row<'r>) -> &'r str {
        let column = match self.settings.kind {
            Kind::Contacts => self.columns.key,
            Kind::Balances(_) => self.columns.join,
        };
        column
            .and_then(|column| row.values.get(column))
            .unwrap_or_default()
    }

    pub(super) fn contact(
        &mut self,
        row: Row<'_>,
        place: RowPlace,
        rejects: &mut Rejects,
    ) -> Option<Contact> {
        let mut cells = Cells::new(row);
        let built = self
            .check(row.values, place)
            .and_then(|()| self.build(&mut cells));
        match built {
            Ok(contact) => {
                for value in cells.left_out {
                    let key = || self.shown_key(row);
                    rejects.value(value.reason, || Example {
                        key: key(),
                        ..self.left_out_example(place.line, &value)
                    });
                }
                Some(contact)
            }
            Err(refusal) => {
                rejects.row(refusal.reason, || Example {
                    key: self.shown_key(row),
                    ..self.refusal_example(place.line, &refusal)
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

    fn build<'r>(&mut self, cells: &mut Cells<'r>) -> Result<Contact, Refusal<'r>> {
        match self.settings.kind {
            Kind::Contacts => self.person(cells),
            Kind::Balances(by) => self.values_of(by, cells),
        }
    }

    fn person<'r>(&mut self, cells: &mut Cells<'r>) -> Result<Contact, Refusal<'r>> {
        let columns = &self.columns;
        let name = cells.joined(&columns.name);
        let company = cells.text(columns.company);
        if name.is_none() && company.is_none() {
            return Err(refusal(RowReason::NoName));
        }
        let numbers = cells.numbers(&columns.numbers)?;
        let updated = self.settings.mapping.updated.as_ref();
        let contact = Contact {
            name,
            company,
            numbers: numbers.certain,
            loose: numbers.loose,
            switchboards: numbers.switchboards,
            ids: Ids {
                customer_code: cells.id(columns.customer_code, join::code),
                tax_number: cells.id(columns.tax_number, join::tax_number),
                email: cells.email(columns.email),
            },
            updated: cells.updated(columns.updated, updated.and_then(|u| u.order)),
            ..self.values(cells)
        };
        let key = self.key(cells)?;
        Ok(Contact { key, ..contact })
    }

    /// The contact is whoever has the id, so nothing else of it is told.
    fn values_of<'r>(&self, by: JoinBy, cells: &mut Cells<'r>) -> Result<Contact, Refusal<'r>> {
        let Some((column, value)) = self.columns.join.map(|c| (c, cells.cell(c))) else {
            return Err(refusal(RowReason::NoId));
        };
        if value.is_empty() {
            return Err(refusal(RowReason::NoId));
        }
        let unusable = |words| Refusal {
            reason: RowReason::NoUsableId,
            column: Some(column),
            value,
            words,
        };
        let mut contact = self.values(cells);
        let id = |id: Option<String>| id.map(Some).ok_or(unusable(None));
        match by {
            JoinBy::Key => {
                id(join::record_id(value))?;
                contact.key = Some(value.to_owned());
            }
            JoinBy::CustomerCode => contact.ids.customer_code = id(join::code(value))?,
            JoinBy::TaxNumber => contact.ids.tax_number = id(join::tax_number(value))?,
            JoinBy::Email => contact.ids.email = id(join::email(value))?,
            JoinBy::Number => {
                let numbers = numbers::certain_in(value, &self.settings.dialling);
                contact.numbers = numbers.map_err(unusable)?;
            }
        }
        Ok(contact)
    }

    /// What either kind of source may say of a contact.
    fn values(&self, cells: &mut Cells<'_>) -> Contact {
        let columns = &self.columns;
        let fields = columns.fields.iter();
        let fields = fields.filter_map(|(name, c)| Some((name.clone(), cells.text(Some(*c))?)));
        let fields = fields.collect();
        let balance = self.settings.mapping.balance.as_ref();
        Contact {
            fields,
            owner: cells.email(columns.owner),
            flags: Flags {
                vip: cells.flag(columns.vip),
                warning: cells.flag(columns.warning),
                overdue: cells.flag(columns.overdue),
            },
            balance: balance.and_then(|b| cells.balance(columns.balance?, columns.currency, b)),
            ..Contact::default()
        }
    }

    /// Last of all, so that a key counts as taken only by a row that gave a contact.
    fn key<'r>(&mut self, cells: &mut Cells<'r>) -> Result<Option<String>, Refusal<'r>> {
        let Some(column) = self.columns.key else {
            return Ok(None);
        };
        let value = cells.cell(column);
        let hash = self.hasher.hash_one(value);
        let is_new = |keys: &mut HashSet<u64>| value.is_empty() || keys.insert(hash);
        if !self.keys.as_mut().is_none_or(is_new) {
            return Err(Refusal {
                column: Some(column),
                value,
                ..refusal(RowReason::DuplicateKey)
            });
        }
        Ok(cells.text(Some(column)))
    }

    fn column_name(&self, column: usize) -> Option<String> {
        self.columns.names.get(column).cloned()
    }

    /// Of contacts alone: what balances are joined by may be a person's.
    fn shown_key(&self, row: Row<'_>) -> Option<String> {
        let key = self.columns.key.and_then(|column| row.values.get(column))?;
        shown_key(key.trim())
    }

    fn left_out_example(&self, line: u64, value: &LeftOut<'_>) -> Example {
        Example {
            line,
            key: None,
            column: self.column_name(value.column),
            reason: match (value.reason, &value.detail) {
                (ValueReason::RoundedNumber, _) | (_, None) => value.reason.words().to_owned(),
                (_, Some(detail)) => detail.clone(),
            },
            value: match value.reason {
                ValueReason::Number
                | ValueReason::RoundedNumber
                | ValueReason::TooManyNumbers
                | ValueReason::NoCountry
                | ValueReason::Id => mask_number(value.value),
                _ => mask_text(value.value),
            },
        }
    }

    fn refusal_example(&self, line: u64, refusal: &Refusal<'_>) -> Example {
        Example {
            line,
            key: None,
            column: refusal.column.and_then(|c| self.column_name(c)),
            reason: match refusal.words {
                _ if is_rounded(refusal.value) => ValueReason::RoundedNumber.words().to_owned(),
                Some(error) => format!("the number {error}"),
                None => refusal.reason.words().to_owned(),
            },
            value: match refusal.reason {
                RowReason::NoUsableNumber | RowReason::NoUsableId => mask_number(refusal.value),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::contact::{FIELD_BYTES, NUMBERS_PER_CONTACT};
    use crate::domain::dialling::Dialling;
    use crate::domain::money::{Currency, DecimalSign};
    use crate::domain::phone::Region;
    use crate::source::csv::tests::{numbers as column, records as settings};
    use crate::source::settings::{BalanceColumn, BalanceSign, Line, Mapping, UpdatedColumn};

    const HEADER: [&str; 9] = [
        "Id", "Name", "Surname", "Company", "Phone", "Mobile", "Balance", "Currency", "City",
    ];

    fn rich() -> RecordSettings {
        let text = |s: &str| s.to_owned();
        RecordSettings {
            mapping: Mapping {
                key: Some(text("Id")),
                name: vec![text("Name"), text("Surname")],
                company: Some(text("Company")),
                numbers: vec![column("Phone"), column("Mobile")],
                balance: Some(BalanceColumn {
                    column: text("Balance"),
                    currency_column: Some(text("Currency")),
                    currency: Currency::parse("TRY"),
                    decimal: DecimalSign::Comma,
                    sign: BalanceSign::Debit,
                }),
                fields: [(text("town"), text("City"))].into(),
                ..Mapping::default()
            },
            ..settings()
        }
    }

    /// Reads rows as the lines 2 and on.
    fn read(rows: &[&[&str]]) -> (Vec<Contact>, Rejects) {
        let settings = rich();
        let columns = Columns::find(&StringRecord::from(HEADER.to_vec()), &settings).ok();
        let columns = columns.unwrap();
        let mut reader = RowReader::new(columns, &settings);
        let mut rejects = Rejects::default();
        let mut contacts = Vec::new();
        for (row, line) in rows.iter().zip(2..) {
            let place = RowPlace {
                line,
                broken_quote: row.iter().any(|value| value.contains('"')),
            };
            let values = StringRecord::from(row.to_vec());
            let row = Row {
                values: &values,
                typed: &[],
            };
            contacts.extend(reader.contact(row, place, &mut rejects));
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

    /// A source with every column that there is, read as the lines 2 and on.
    fn read_wide(
        kind: Kind,
        change: fn(&mut RecordSettings),
        header: &[&str],
        rows: &[&[&str]],
    ) -> (Vec<Contact>, Rejects) {
        let mut settings = RecordSettings {
            kind,
            mapping: Mapping::default(),
            ..settings()
        };
        change(&mut settings);
        let header = StringRecord::from(header.to_vec());
        let columns = Columns::find(&header, &settings).ok().unwrap();
        let mut reader = RowReader::new(columns, &settings);
        let mut rejects = Rejects::default();
        let mut contacts = Vec::new();
        for (row, line) in rows.iter().zip(2..) {
            let place = RowPlace {
                line,
                broken_quote: false,
            };
            let values = StringRecord::from(row.to_vec());
            let row = Row {
                values: &values,
                typed: &[],
            };
            contacts.extend(reader.contact(row, place, &mut rejects));
        }
        (contacts, rejects)
    }

    const PEOPLE: [&str; 11] = [
        "Name", "Cep", "UK", "Santral", "Code", "Tax", "Mail", "Owner", "Changed", "VIP", "Note",
    ];

    fn people(settings: &mut RecordSettings) {
        let text = |s: &str| Some(s.to_owned());
        let mut british = column("UK");
        british.dialling = Dialling::of(Region::parse("GB").unwrap());
        let mut office = column("Santral");
        office.line = Line::Switchboard;
        settings.mapping = Mapping {
            name: vec!["Name".into()],
            numbers: vec![column("Cep"), british, office],
            customer_code: text("Code"),
            tax_number: text("Tax"),
            email: text("Mail"),
            owner: text("Owner"),
            updated: Some(UpdatedColumn {
                column: "Changed".into(),
                order: None,
            }),
            vip: text("VIP"),
            warning: text("Note"),
            ..Mapping::default()
        };
    }

    #[test]
    fn ids_flags_and_dates_reach_the_contact() {
        let (contacts, rejects) = read_wide(
            Kind::Contacts,
            people,
            &PEOPLE,
            &[&[
                "Ayşe",
                "0532 555 01 01",
                "020 4520 5757",
                "0212 555 01 00",
                " C-120.01 ",
                "TR 123 456 78 90",
                "Ayse@Example.com",
                "ali@example.com",
                "01.09.2026",
                "x",
                "avukatta",
            ]],
        );
        let [contact] = &contacts[..] else { panic!() };
        assert!(rejects.is_empty(), "{rejects:?}");
        let numbers: Vec<_> = contact.numbers.iter().map(|n| n.e164()).collect();
        assert_eq!(numbers, ["+905325550101", "+442045205757", "+902125550100"]);
        assert_eq!(contact.switchboards, [contact.numbers[2]]);
        assert_eq!(contact.ids.customer_code.as_deref(), Some("c-120.01"));
        assert_eq!(contact.ids.tax_number.as_deref(), Some("tr1234567890"));
        assert_eq!(contact.ids.email.as_deref(), Some("ayse@example.com"));
        assert_eq!(contact.owner.as_deref(), Some("ali@example.com"));
        assert_eq!(contact.updated, Some(1_788_220_800));
        let flags = Flags {
            vip: Some(String::new()),
            warning: Some("avukatta".into()),
            overdue: None,
        };
        assert!(contact.flags == flags);
    }

    #[test]
    fn an_id_flag_or_date_that_can_not_be_read_is_left_out_alone() {
        use ValueReason::*;
        let long = "ş".repeat(FIELD_BYTES);
        let cases: &[(&str, &str, ValueReason, &str)] = &[
            ("Code", "-", Id, "tells nobody"),
            ("Tax", "11111111111", Id, "tells nobody"),
            ("Mail", "yok", Email, "not an e-mail"),
            ("Owner", "Ali Yılmaz", Email, "not an e-mail"),
            ("Changed", "01/09/2026", Updated, "say date-order"),
            ("Changed", "dün", Updated, "the date is not a date"),
            ("Note", &long, TooLong, "is cut"),
            ("UK", "8 020 4520 5757", NoCountry, "national digits"),
            ("UK", "101", Number, "too short"),
        ];
        for (name, value, reason, words) in cases {
            let row = PEOPLE.map(|column| match column {
                "Name" => "Ayşe",
                "Cep" => "0532 555 01 01",
                _ if column == *name => value,
                _ => "",
            });
            let (contacts, rejects) = read_wide(Kind::Contacts, people, &PEOPLE, &[&row]);
            assert_eq!((contacts.len(), rejects.rows_rejected()), (1, 0), "{name}");
            let tally = &rejects.values[reason];
            assert_eq!((tally.count, rejects.values.len()), (1, 1), "{name}");
            assert!(tally.examples[0].reason.contains(words), "{tally:?}");
            assert!(!tally.examples[0].value.contains(value), "{tally:?}");
            // A note costs nothing.
            assert_eq!(rejects.values_left_out(), u64::from(*reason != NoCountry));
        }
    }

    #[test]
    fn a_contact_may_have_only_a_number_without_a_country() {
        fn anywhere(settings: &mut RecordSettings) {
            people(settings);
            settings.mapping.numbers.truncate(1);
            settings.mapping.numbers[0].dialling = Dialling::default();
        }
        let row = |number| {
            let row = PEOPLE.map(|column| match column {
                "Name" => "Ayşe",
                "Cep" => number,
                _ => "",
            });
            read_wide(Kind::Contacts, anywhere, &PEOPLE, &[&row])
        };
        let (contacts, rejects) = row("0532 555 01 01 / 532 555 01 01");
        let loose: Vec<u64> = contacts[0].loose.iter().map(|l| l.digits()).collect();
        assert_eq!((loose, contacts[0].numbers.len()), (vec![5_325_550_101], 0));
        assert_eq!(rejects.values[&ValueReason::NoCountry].count, 2);
        let (contacts, rejects) = row("yok");
        assert_eq!((contacts.len(), rejects.rows_rejected()), (0, 1));
    }

    #[test]
    fn the_bound_of_numbers_counts_those_without_a_country() {
        fn wide(settings: &mut RecordSettings) {
            people(settings);
            settings.mapping.numbers[1].dialling = Dialling::default();
        }
        let list = |from: usize, count: usize| {
            let numbers = (from..from + count).map(|i| format!("0532 555 01 {i:02}"));
            numbers.collect::<Vec<_>>().join("/")
        };
        for (more, counted) in [(0, 0), (2, 2)] {
            let (sure, loose) = (list(0, 10), list(20, NUMBERS_PER_CONTACT - 10 + more));
            let row = PEOPLE.map(|column| match column {
                "Name" => "Ayşe",
                "Cep" => &sure,
                "UK" => &loose,
                _ => "",
            });
            let (contacts, rejects) = read_wide(Kind::Contacts, wide, &PEOPLE, &[&row]);
            assert_eq!(
                contacts[0].numbers.len() + contacts[0].loose.len(),
                NUMBERS_PER_CONTACT
            );
            assert_eq!(rejects.values_left_out(), counted);
        }
    }

    #[test]
    fn a_positive_balance_always_means_that_the_customer_owes() {
        fn credit(settings: &mut RecordSettings) {
            settings.mapping = Mapping {
                join: Some("Code".into()),
                balance: Some(BalanceColumn {
                    column: "Balance".into(),
                    currency_column: None,
                    currency: Currency::parse("TRY"),
                    decimal: DecimalSign::Comma,
                    sign: BalanceSign::Credit,
                }),
                ..Mapping::default()
            };
        }
        let cases = [
            ("1.250,50", "-1250.50"),
            ("-7", "7"),
            ("(7,10)", "7.10"),
            ("0,00", "0.00"),
        ];
        for (cell, expected) in cases {
            let kind = Kind::Balances(JoinBy::CustomerCode);
            let (contacts, _) = read_wide(kind, credit, &["Code", "Balance"], &[&["1", cell]]);
            assert_eq!(contacts[0].balance.unwrap().amount.to_string(), expected);
        }
    }

    fn values(settings: &mut RecordSettings) {
        settings.mapping = Mapping {
            join: Some("Id".into()),
            overdue: Some("Late".into()),
            fields: [("limit".into(), "Limit".into())].into(),
            ..Mapping::default()
        };
    }

    #[test]
    fn a_row_of_balances_has_its_id_and_its_values_and_no_more() {
        let cases = [
            (JoinBy::Key, " C-1 ", "C-1"),
            (JoinBy::CustomerCode, "C-1", "c-1"),
            (JoinBy::TaxNumber, "TR 123", "tr123"),
            (JoinBy::Email, "Ali@Example.com", "ali@example.com"),
            (JoinBy::Number, "0532 555 01 01", "+905325550101"),
        ];
        for (by, cell, id) in cases {
            let row: [&str; 3] = [cell, "90 gün", "5000"];
            let (contacts, rejects) = read_wide(
                Kind::Balances(by),
                values,
                &["Id", "Late", "Limit"],
                &[&row, &row],
            );
            // Which of two rows is right can't be told here, so neither is kept back.
            assert_eq!(contacts.len(), 2, "{by:?}");
            assert!(rejects.is_empty() && contacts[0] == contacts[1]);
            assert_eq!(by.ids_of(&contacts[0]), [id]);
            let contact = &contacts[0];
            let ids = [
                JoinBy::Key,
                JoinBy::CustomerCode,
                JoinBy::TaxNumber,
                JoinBy::Email,
                JoinBy::Number,
            ];
            assert_eq!(ids.iter().flat_map(|by| by.ids_of(contact)).count(), 1);
            assert!(!contact.is_nameable());
            assert_eq!(contact.flags.overdue.as_deref(), Some("90 gün"));
            assert_eq!(contact.fields["limit"], "5000");
        }
    }

    #[test]
    fn a_row_of_balances_without_a_usable_id_is_rejected() {
        use RowReason::*;
        let cases = [
            (JoinBy::Key, " ", NoId, "the join column is empty"),
            (
                JoinBy::CustomerCode,
                "-",
                NoUsableId,
                "join column can't be used",
            ),
            (
                JoinBy::TaxNumber,
                "1111111111",
                NoUsableId,
                "join column can't be used",
            ),
            (
                JoinBy::Email,
                "ali",
                NoUsableId,
                "join column can't be used",
            ),
            (JoinBy::Number, "101", NoUsableId, "is too short"),
            // Likely British: as a Turkish number it could be a stranger's.
            (
                JoinBy::Number,
                "020 4520 5757",
                NoUsableId,
                "join column can't be used",
            ),
        ];
        for (by, cell, reason, words) in cases {
            let row: [&str; 3] = [cell, "x", ""];
            let (contacts, rejects) = read_wide(
                Kind::Balances(by),
                values,
                &["Id", "Late", "Limit"],
                &[&row],
            );
            assert!(contacts.is_empty(), "{by:?}");
            let example = &rejects.rows[&reason].examples[0];
            assert!(example.reason.contains(words), "{example:?}");
        }
    }
}
