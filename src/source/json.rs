//! JSON records to rows: each column of the mapping is a member, a path or an expression over the record.
//!
//! Columns are compiled once, when the configuration is read, so that what is wrong with an expression is told
//! then. A member that is called exactly like the column always wins; then a path is followed natively; what is
//! neither is an expression.
//!
//! It guarantees that a record whose mapped value is not a text, a number, a yes or no, or a list of these is
//! rejected as a whole: half of a structure is not what the operator meant.
//!
//! Exactness: whole numbers up to 20 digits, and fractions up to 15 significant digits, are as written, but
//! for zeros at a fraction's end. Longer ones are doubtful, and told as a number that was rounded.

use std::fmt::{self, Write};
use std::sync::Arc;

use ::csv::StringRecord;
use serde_json::{Number, Value};

use self::expression::{Expression, Subject};
use super::error::ReadError;
use super::read::Taker;
use super::reject::RowReason;
use super::row::{Row, RowPlace};
use super::rows::Rows;
use super::settings::{Mapping, RecordSettings};

pub(super) mod expression;
mod path;

pub use path::Path;

/// From here on a floating-point number may have lost digits: a telephone number is below, an id may not be.
const EXACT: f64 = 9_007_199_254_740_992.0;
/// Members shown of a record that is looked at.
const SHOWN_MEMBERS: usize = 200;

/// The columns of a mapping over JSON records.
pub struct Extractor {
    columns: Vec<Column>,
    /// Making a record ready for expressions copies it.
    has_expressions: bool,
}

struct Column {
    text: String,
    by: By,
}

enum By {
    Path(Path),
    Expression(Expression),
}

/// A value of a record by a path or an expression, outside of a mapping.
#[derive(Clone)]
pub struct RecordValue(Arc<Column>);

impl RecordValue {
    pub fn new(text: &str) -> Result<RecordValue, String> {
        let by = By::compile(text)?;
        let text = text.to_owned();
        Ok(RecordValue(Arc::new(Column { text, by })))
    }

    /// Empty if the record has none, or none that is a text.
    pub(super) fn of(&self, record: &Value) -> String {
        self.0.alone(record)
    }
}

impl fmt::Debug for RecordValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.text.fmt(f)
    }
}

/// A condition on a record.
#[derive(Clone)]
pub struct RecordExpression(Arc<(String, Expression)>);

impl RecordExpression {
    pub fn new(text: &str) -> Result<RecordExpression, String> {
        let expression = Expression::compile(text)?;
        Ok(RecordExpression(Arc::new((text.to_owned(), expression))))
    }

    /// One that can't be told does not hold.
    pub(super) fn holds(&self, record: &Value) -> bool {
        self.0.1.holds(&Subject::of(record)) == Some(true)
    }
}

impl fmt::Debug for RecordExpression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.0.fmt(f)
    }
}

/// A column that can't be read: the column as it is written, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {column:?} is no member's name, no path and no expression: {what}")]
pub struct ColumnError {
    pub column: String,
    pub what: String,
}

impl fmt::Debug for Extractor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.columns.iter().map(|c| &c.text))
            .finish()
    }
}

impl Extractor {
    /// All that is wrong is told at once.
    pub fn new(mapping: &Mapping) -> Result<Extractor, Vec<ColumnError>> {
        let (mut columns, mut errors) = (Vec::new(), Vec::new());
        for text in mapping.columns() {
            match By::compile(text) {
                Ok(by) => columns.push(Column {
                    text: text.to_owned(),
                    by,
                }),
                Err(what) => errors.push(ColumnError {
                    column: text.to_owned(),
                    what,
                }),
            }
        }
        let has_expressions = columns.iter().any(|c| matches!(c.by, By::Expression(_)));
        match errors.is_empty() {
            true => Ok(Extractor {
                columns,
                has_expressions,
            }),
            false => Err(errors),
        }
    }

    /// The value of one column alone, such as an id: empty if the record has none, or none that is a text.
    pub(super) fn text_of(&self, column: &str, record: &Value) -> String {
        let column = self.columns.iter().find(|c| c.text == column);
        column
            .map(|column| column.alone(record))
            .unwrap_or_default()
    }

    fn subject(&self, record: &Value) -> Option<Subject> {
        self.has_expressions.then(|| Subject::of(record))
    }

    /// Fills the row; the number of the column whose value is none, if there is one.
    fn fill(&self, record: &Value, row: &mut JsonRow) -> Result<(), usize> {
        row.values.clear();
        row.typed.clear();
        let subject = self.subject(record);
        for (place, column) in self.columns.iter().enumerate() {
            row.cell.text.clear();
            row.cell.numbers = 0;
            row.cell.values = 0;
            if !column.read(record, subject.as_ref(), &mut row.cell) {
                return Err(place);
            }
            if row.cell.values == 1 && row.cell.numbers == 1 {
                row.typed.push(place);
            }
            row.values.push_field(&row.cell.text);
        }
        Ok(())
    }
}

impl By {
    fn compile(text: &str) -> Result<By, String> {
        if let Some(path) = Path::parse(text) {
            return Ok(By::Path(path));
        }
        match Expression::compile(text) {
            Ok(expression) => Ok(By::Expression(expression)),
            // `Müşteri Adı` is a member's name; with a sign of the language in it, it is a mistake.
            Err(_) if is_words(text) => Ok(By::Path(Path::of_member(text))),
            Err(what) => Err(what),
        }
    }
}

fn is_words(text: &str) -> bool {
    text.chars()
        .all(|c| c.is_alphanumeric() || " _-./&#:()'".contains(c))
}

impl Column {
    fn alone(&self, record: &Value) -> String {
        let subject = matches!(self.by, By::Expression(_)).then(|| Subject::of(record));
        let mut cell = Cell::default();
        match self.read(record, subject.as_ref(), &mut cell) {
            true => cell.text,
            false => String::new(),
        }
    }

    /// False if the value is none.
    fn read(&self, record: &Value, subject: Option<&Subject>, cell: &mut Cell) -> bool {
        if let Some(exact) = record
            .as_object()
            .and_then(|members| members.get(&self.text))
        {
            return cell.take(exact);
        }
        match &self.by {
            By::Path(path) => {
                let mut fits = true;
                path.each(record, &mut |value| fits &= cell.take(value));
                fits
            }
            By::Expression(expression) => {
                let value = subject.and_then(|subject| expression.of(subject));
                value.is_some_and(|value| cell.take(&value))
            }
        }
    }
}

/// One cell while it is filled.
#[derive(Default)]
struct Cell {
    text: String,
    values: usize,
    numbers: usize,
}

impl Cell {
    /// False if it is a structure. Several values stand in lines of their own.
    fn take(&mut self, value: &Value) -> bool {
        match value {
            Value::Null => {}
            Value::Bool(yes) => self.add(if *yes { "true" } else { "false" }),
            Value::Number(number) => {
                self.add("");
                write_number(number, &mut self.text);
                self.numbers += 1;
            }
            Value::String(text) => self.add(text),
            Value::Array(list) => return list.iter().all(|value| self.take(value)),
            Value::Object(_) => return false,
        }
        true
    }

    fn add(&mut self, text: &str) {
        if self.values > 0 {
            self.text.push('\n');
        }
        self.text.push_str(text);
        self.values += 1;
    }
}

/// Never with an exponent, but for what may have lost digits: that is told as a number that was rounded.
fn write_number(number: &Number, text: &mut String) {
    // A text grows; it does not fail.
    let _ = match number.as_f64() {
        Some(float) if number.is_f64() && float.abs() >= EXACT => write!(text, "{float:E}"),
        Some(float) if number.is_f64() => write!(text, "{float}"),
        _ => write!(text, "{number}"),
    };
}

/// The row that is filled anew for each record.
#[derive(Default)]
struct JsonRow {
    values: StringRecord,
    typed: Vec<usize>,
    cell: Cell,
}

/// JSON records to contacts.
pub(super) struct JsonRows<'a> {
    pub(super) rows: Rows<'a>,
    extractor: &'a Extractor,
    row: JsonRow,
}

impl<'a> JsonRows<'a> {
    /// `from` is what is read, for errors.
    pub(super) fn new(
        extractor: &'a Extractor,
        settings: &'a RecordSettings,
        from: String,
    ) -> JsonRows<'a> {
        JsonRows {
            rows: Rows::of_mapping(settings, from),
            extractor,
            row: JsonRow::default(),
        }
    }

    /// What stands in the column that a record is known by; empty if there is none.
    pub(super) fn identity_of(&self, record: &Value) -> String {
        let column = self.rows.identity_column();
        column
            .map(|column| self.extractor.text_of(column, record))
            .unwrap_or_default()
    }

    /// Hands out the contact that the record makes, or counts why it makes none. `line` is its line, or its
    /// number from 1 on.
    pub(super) fn take<E>(
        &mut self,
        record: &Value,
        line: u64,
        taker: &mut dyn Taker<Error = E>,
    ) -> Result<(), ReadError<E>> {
        if let Err(column) = self.extractor.fill(record, &mut self.row) {
            let column = &self.extractor.columns[column].text;
            self.rows.refuse(RowReason::Structure, line, Some(column));
            let id = self.identity_of(record);
            return self.rows.no_more(&id, taker);
        }
        let row = Row {
            values: &self.row.values,
            typed: &self.row.typed,
        };
        let place = RowPlace {
            line,
            broken_quote: false,
        };
        self.rows.take(row, place, taker)
    }
}

/// A record's members as texts, to be looked at: structures as JSON.
pub(super) fn shown(record: &Value) -> Vec<(String, String)> {
    let shown = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    match record {
        Value::Object(members) => {
            let members = members.iter().take(SHOWN_MEMBERS);
            members
                .map(|(name, value)| (name.clone(), shown(value)))
                .collect()
        }
        Value::Array(list) => {
            let list = list.iter().take(SHOWN_MEMBERS).enumerate();
            list.map(|(place, value)| (format!("[{place}]"), shown(value)))
                .collect()
        }
        other => vec![(String::new(), shown(other))],
    }
}

#[cfg(test)]
mod tests;
