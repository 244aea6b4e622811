//! What of a source could not be used, and why: counted, with a few examples the operator can look up.
//!
//! A row that is rejected gives no contact. A value that is left out costs the contact only that value. The
//! report goes to the status and the logs, so examples are masked: the line number leads to the rest.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::phone::masked;

/// Examples kept of each reason: enough to see a pattern, few enough for a status that is read by people.
pub const FIRST_SHOWN: usize = 5;
/// Longest key shown: a UUID has 36 signs.
const KEY_CHARS: usize = 40;
/// Characters shown of a value that is no number.
const SHOWN_CHARS: usize = 2;

/// Why a whole row gives no contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowReason {
    Blank,
    TooFewColumns,
    TooManyColumns,
    BrokenQuote,
    InvalidBytes,
    NoNumber,
    NoUsableNumber,
    NoName,
    DuplicateKey,
    NoId,
    NoUsableId,
    Structure,
    BrokenRecord,
    LongRecord,
}

impl RowReason {
    /// In the operator's words.
    pub fn words(self) -> &'static str {
        match self {
            RowReason::Blank => "the row is blank",
            RowReason::TooFewColumns => "the row ends before a mapped column",
            RowReason::TooManyColumns => "the row has more values than the header has columns",
            RowReason::BrokenQuote => "a quote inside a quoted value is not doubled",
            RowReason::InvalidBytes => "has bytes that are no letters in the file's encoding",
            RowReason::NoNumber => "no number is given",
            RowReason::NoUsableNumber => "no number of the row can be used",
            RowReason::NoName => "neither a name nor a company is given",
            RowReason::DuplicateKey => "an earlier row has the same key",
            RowReason::NoId => "the join column is empty, so whose values these are is unknown",
            RowReason::NoUsableId => "the value of the join column can't be used",
            RowReason::BrokenRecord => "the record is broken, or of another kind than the file's",
            RowReason::LongRecord => "the record is longer than is read",
            RowReason::Structure => {
                "a mapped value is a structure, or its expression does not fit: name a member within it"
            }
        }
    }
}

/// Why one value of an accepted row is left out or cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ValueReason {
    Number,
    RoundedNumber,
    TooManyNumbers,
    Balance,
    Currency,
    TooLong,
    NoCountry,
    Id,
    Email,
    Updated,
}

impl ValueReason {
    /// Whether the value is used all the same, and the operator is only told how.
    fn is_note(self) -> bool {
        self == ValueReason::NoCountry
    }

    /// In the operator's words.
    pub fn words(self) -> &'static str {
        match self {
            ValueReason::Number => "the number can't be used",
            ValueReason::RoundedNumber => {
                "a spreadsheet has rounded the number: export the column as text"
            }
            ValueReason::TooManyNumbers => "the contact has more numbers than are kept",
            ValueReason::Balance => "the balance can't be read",
            ValueReason::Currency => "the currency is not known",
            ValueReason::TooLong => "the value is cut, as it is longer than is kept",
            ValueReason::NoCountry => {
                "the number's country can't be told: it is found by its national digits"
            }
            ValueReason::Id => "the id tells nobody from others, or is longer than is compared",
            ValueReason::Email => "the value is not an e-mail address",
            ValueReason::Updated => "the date can't be read",
        }
    }
}

/// One row or value that could not be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    pub line: u64,
    /// What the source knows the record by, where it is counted and has no line. Nothing that may be a person's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Absent where the row as a whole is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    pub reason: String,
    /// Masked.
    pub value: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    pub count: u64,
    pub examples: Vec<Example>,
}

impl Tally {
    fn add(&mut self, example: impl FnOnce() -> Example) {
        self.count += 1;
        if self.examples.len() < FIRST_SHOWN {
            self.examples.push(example());
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejects {
    pub rows: BTreeMap<RowReason, Tally>,
    pub values: BTreeMap<ValueReason, Tally>,
    /// What the examples' lines are: those of a file, or else records that were counted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub are_records: bool,
}

impl Rejects {
    pub fn rows_rejected(&self) -> u64 {
        self.rows.values().map(|tally| tally.count).sum()
    }

    pub fn values_left_out(&self) -> u64 {
        let lost = self.values.iter().filter(|(reason, _)| !reason.is_note());
        lost.map(|(_, tally)| tally.count).sum()
    }

    /// Where an example stands.
    pub fn place(&self, example: &Example) -> String {
        match (self.are_records, &example.key) {
            (true, Some(key)) => format!("key {key}"),
            (true, None) => format!("record {}", example.line),
            (false, _) => format!("line {}", example.line),
        }
    }

    /// Of records that were counted: a key leads to one, and a number to none.
    pub(super) fn of_records(mut self) -> Rejects {
        self.are_records = true;
        self
    }

    /// Of a file, whose lines lead to everything.
    pub(super) fn of_lines(mut self) -> Rejects {
        let rows = self.rows.values_mut();
        for tally in rows.chain(self.values.values_mut()) {
            tally.examples.iter_mut().for_each(|e| e.key = None);
        }
        self
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.values.is_empty()
    }

    pub(super) fn row(&mut self, reason: RowReason, example: impl FnOnce() -> Example) {
        self.rows.entry(reason).or_default().add(example);
    }

    pub(super) fn value(&mut self, reason: ValueReason, example: impl FnOnce() -> Example) {
        self.values.entry(reason).or_default().add(example);
    }
}

/// A key as it may be shown: a code, and nothing that may be a name, an address, or the number of a telephone or
/// a person.
pub(super) fn shown_key(key: &str) -> Option<String> {
    let digits = key.bytes().filter(u8::is_ascii_digit).count();
    let is_code = key
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b".-_/".contains(&b));
    let letters = key.bytes().filter(u8::is_ascii_alphabetic).count();
    let fits = (1..=KEY_CHARS).contains(&key.len()) && digits > 0;
    // Telephone numbers and tax numbers have ten digits or more in a row; ids of vendors have letters among them.
    let may_be_a_persons = digits >= 9 && letters == 0 && !key.contains('.');
    (fits && is_code && !may_be_a_persons).then(|| key.to_owned())
}

/// Any text but a number with all but its start covered, and of a short one nearly all.
pub fn mask_text(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    // Reading on to the end of a long text would only confirm that it is long.
    let length = text.chars().take(4 * SHOWN_CHARS).count();
    let shown = text.chars().take(SHOWN_CHARS.min(length / 4));
    let shown = shown.map(|c| if c.is_control() { '*' } else { c });
    shown.chain("***".chars()).collect()
}

/// A value of a number column. People write names there too, which the mask for numbers would show.
pub fn mask_number(text: &str) -> String {
    if text.chars().any(char::is_alphabetic) {
        mask_text(text)
    } else {
        masked(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(line: u64) -> Example {
        Example {
            line,
            key: None,
            column: Some("Phone".into()),
            reason: ValueReason::Number.words().into(),
            value: mask_number("hello"),
        }
    }

    #[test]
    fn all_are_counted_and_the_first_are_shown() {
        let mut rejects = Rejects::default();
        assert!(rejects.is_empty());
        for line in 2..12 {
            rejects.value(ValueReason::Number, || example(line));
        }
        rejects.row(RowReason::NoNumber, || example(20));
        assert_eq!(
            (rejects.rows_rejected(), rejects.values_left_out()),
            (1, 10)
        );
        let shown = &rejects.values[&ValueReason::Number].examples;
        let lines: Vec<u64> = shown.iter().map(|e| e.line).collect();
        assert_eq!(lines, [2, 3, 4, 5, 6]);
        assert_eq!(shown.len(), FIRST_SHOWN);
        assert!(!rejects.is_empty());
    }

    #[test]
    fn rejects_go_through_json_unchanged() {
        let mut rejects = Rejects::default();
        rejects.row(RowReason::NoUsableNumber, || example(3));
        rejects.value(ValueReason::TooManyNumbers, || Example {
            column: None,
            ..example(4)
        });
        let json = serde_json::to_string(&rejects).unwrap();
        assert!(json.contains(r#""no-usable-number":{"count":1"#), "{json}");
        assert!(!json.contains("are_records"), "{json}");
        assert_eq!(serde_json::from_str::<Rejects>(&json).unwrap(), rejects);
        assert_eq!(rejects.place(&example(3)), "line 3");
        rejects.are_records = true;
        let json = serde_json::to_string(&rejects).unwrap();
        assert_eq!(serde_json::from_str::<Rejects>(&json).unwrap(), rejects);
        assert_eq!(rejects.place(&example(3)), "record 3");
    }

    #[test]
    fn a_record_is_named_by_its_key_where_it_has_no_line() {
        let keyed = || Example {
            key: Some("120.01.001".into()),
            ..example(3)
        };
        let mut rejects = Rejects::default();
        rejects.row(RowReason::NoNumber, keyed);
        let of_file = rejects.clone().of_lines();
        assert_eq!(of_file.rows[&RowReason::NoNumber].examples[0].key, None);
        assert_eq!(of_file.place(&keyed()), "line 3");
        let counted = rejects.of_records();
        let shown = &counted.rows[&RowReason::NoNumber].examples[0];
        assert_eq!(counted.place(shown), "key 120.01.001");
    }

    #[test]
    fn only_a_key_that_is_nobodys_number_or_name_is_shown() {
        for code in [
            "7",
            "120.01.001",
            "C-0042",
            "98f1b2c3-0000-4a5b-8c7d-000000000042",
            "12345678",
        ] {
            assert_eq!(shown_key(code).as_deref(), Some(code));
        }
        for odd in [
            "",
            "Ayşe",
            "Yilmaz",
            "Ayse Yilmaz 1",
            "a1@example.com",
            "+905325550101",
            "905325550101",
            "0532-555-01-01",
            "12345678901",
            &"x1".repeat(21),
        ] {
            assert_eq!(shown_key(odd), None, "{odd}");
        }
    }

    #[test]
    fn values_are_masked_whatever_they_are() {
        let cases = [
            (mask_text(""), ""),
            (mask_text("Al"), "***"),
            (mask_text("Ayşe"), "A***"),
            (mask_text("Ayşe Yılmaz"), "Ay***"),
            (mask_text("\nAyşe Yılmaz"), "*A***"),
            (mask_number("Ayşe Yılmaz"), "Ay***"),
            (mask_number("0532 555 01 01 ev"), "05***"),
            (mask_number("0532 555 01 0199"), "0532 5********99"),
            (mask_number("101"), "***"),
        ];
        for (masked, expected) in cases {
            assert_eq!(masked, expected);
        }
    }
}
