//! What becomes of a result's rows: contacts, ids, or one value.
//!
//! The engines differ in how they fetch; they all hand rows over here, as text. Columns that nobody looks at
//! are not even turned into text, so a query with a picture in it costs only its way through the wire.

use ::csv::StringRecord;

use super::cursor::Mark;
use super::error::SqlError;
use super::settings::SqlSettings;
use crate::source::error::{ReadError, SourceError};
use crate::source::header::{COLUMNS, Columns, HeaderError, places};
use crate::source::read::{Progress, Raw, Taker};
use crate::source::row::{Row, RowPlace};
use crate::source::rows::Rows;

/// A column of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
}

/// What a column holds, as far as it matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Whole,
    /// With decimals.
    Number,
    /// A date, or a date and time, without a zone.
    Local,
    /// A time with a zone, written with `Z`.
    Instant,
    Text,
    /// What can't be a text: the server's name of the type.
    Unreadable(String),
}

impl Kind {
    fn is_number(&self) -> bool {
        matches!(self, Kind::Whole | Kind::Number)
    }

    fn words(&self) -> &str {
        match self {
            Kind::Whole => "whole number",
            Kind::Number => "number with decimals",
            Kind::Local | Kind::Instant => "time",
            Kind::Text => "text",
            Kind::Unreadable(name) => name,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    More,
    /// What is wanted is there: the rest is not to be fetched.
    Enough,
}

/// Who takes a result.
pub(super) trait Sink {
    /// Which of the columns are looked at; of the others a row has an empty value.
    fn columns(&mut self, columns: &[Column]) -> Result<Vec<bool>, SourceError>;

    fn row(&mut self, values: &StringRecord) -> Next;
}

/// Makes contacts.
pub(super) struct Contacts<'a, E> {
    settings: &'a SqlSettings,
    query: &'static str,
    from: String,
    /// The first so many, shown as they are too.
    few: Option<u64>,
    is_change: bool,
    pub(super) taker: &'a mut dyn Taker<Error = E>,
    /// There once the columns are known.
    pub(super) rows: Option<Rows<'a>>,
    header: Vec<String>,
    typed: Vec<usize>,
    cursor: Option<usize>,
    pub(super) greatest: Option<Mark>,
    pub(super) failed: Option<ReadError<E>>,
}

impl<'a, E> Contacts<'a, E> {
    pub(super) fn new(
        settings: &'a SqlSettings,
        query: &'static str,
        few: Option<usize>,
        is_change: bool,
        taker: &'a mut dyn Taker<Error = E>,
    ) -> Contacts<'a, E> {
        Contacts {
            settings,
            query,
            from: settings.server.shown(),
            few: few.map(|n| n as u64),
            is_change,
            taker,
            rows: None,
            header: Vec::new(),
            typed: Vec::new(),
            cursor: None,
            greatest: None,
            failed: None,
        }
    }

    /// The place of the cursor's column, which need not be mapped.
    fn cursor_column(&self, names: &[&str], columns: &[Column]) -> Result<Option<usize>, SqlError> {
        let Some(column) = &self.settings.queries.cursor else {
            return Ok(None);
        };
        let query = self.query;
        let place = match places(names, column)[..] {
            [place] => place,
            [] => {
                return Err(SqlError::MissingColumns {
                    query,
                    missing: format!("{column:?} (the cursor)"),
                    columns: names.join(", "),
                });
            }
            _ => {
                return Err(SqlError::DoubleColumns {
                    query,
                    columns: format!("{column:?}"),
                });
            }
        };
        match &columns[place].kind {
            Kind::Whole | Kind::Local | Kind::Instant => Ok(Some(place)),
            kind => Err(SqlError::CursorKind {
                column: column.clone(),
                kind: kind.words().to_owned(),
            }),
        }
    }

    fn take(&mut self, values: &StringRecord) -> Result<Next, ReadError<E>> {
        let Some(rows) = &mut self.rows else {
            return Ok(Next::Enough);
        };
        if let Some(few) = self.few {
            let raw: Vec<_> = self
                .header
                .iter()
                .map(String::as_str)
                .zip(values.iter())
                .collect();
            if rows.rows == few {
                return Ok(Next::Enough);
            }
            self.taker.raw(Raw { values: &raw });
        }
        let mark = self.cursor.and_then(|place| Mark::parse(&values[place]));
        if let Some(mark) = mark {
            self.greatest = Some(mark.or_later(self.greatest));
        }
        let place = RowPlace {
            line: rows.rows + 1,
            broken_quote: false,
        };
        let typed = &self.typed;
        rows.take(Row { values, typed }, place, self.taker)?;
        if rows.is_milestone() {
            self.taker.progress(Progress {
                rows: rows.rows,
                ..Progress::default()
            });
        }
        Ok(match self.few {
            Some(few) if rows.rows == few => Next::Enough,
            _ => Next::More,
        })
    }
}

impl<E> Sink for Contacts<'_, E> {
    fn columns(&mut self, columns: &[Column]) -> Result<Vec<bool>, SourceError> {
        let query = self.query;
        if columns.is_empty() {
            return Err(SqlError::NoResult { query }.into());
        }
        let names: Vec<&str> = columns.iter().map(|c| c.name.as_str()).collect();
        let header: StringRecord = names.iter().collect();
        let records = &self.settings.records;
        let found = Columns::find(&header, records).map_err(|e| header_error(query, e))?;
        if let Some(column) = found
            .mapped
            .iter()
            .map(|c| &columns[*c])
            .find(is_unreadable)
        {
            return Err(SqlError::Unreadable {
                query,
                column: column.name.clone(),
                kind: column.kind.words().to_owned(),
            }
            .into());
        }
        self.cursor = self.cursor_column(&names, columns)?;
        let wanted = |(place, column): (usize, &Column)| {
            let looked_at = found.mapped.contains(&place) || self.cursor == Some(place);
            !is_unreadable(&column) && (looked_at || self.few.is_some())
        };
        let wanted = columns.iter().enumerate().map(wanted).collect();
        let typed = found.mapped.iter().copied();
        self.typed = typed.filter(|c| columns[*c].kind.is_number()).collect();
        self.header = names.iter().map(|name| (*name).to_owned()).collect();
        let mut rows = Rows::new(found, records, self.from.clone());
        if self.is_change {
            rows.let_repeat();
        }
        self.rows = Some(rows);
        Ok(wanted)
    }

    fn row(&mut self, values: &StringRecord) -> Next {
        self.take(values).unwrap_or_else(|error| {
            self.failed = Some(error);
            Next::Enough
        })
    }
}

fn is_unreadable(column: &&Column) -> bool {
    matches!(column.kind, Kind::Unreadable(_))
}

fn header_error(query: &'static str, error: HeaderError) -> SqlError {
    match error {
        HeaderError::ZeroBytes | HeaderError::NoHeader => SqlError::UnnamedColumns { query },
        HeaderError::TooManyColumns(columns) => SqlError::TooManyColumns {
            query,
            columns,
            limit: COLUMNS,
        },
        HeaderError::Missing { missing, header } => SqlError::MissingColumns {
            query,
            missing,
            columns: header,
        },
        HeaderError::Double(columns) => SqlError::DoubleColumns { query, columns },
    }
}

/// Hands each value of the first column to a function, as the identity of a record.
pub(super) struct Identities<'a, E> {
    settings: &'a SqlSettings,
    query: &'static str,
    take: &'a mut dyn FnMut(&str) -> Result<(), E>,
    pub(super) rows: u64,
    pub(super) failed: Option<ReadError<E>>,
}

impl<'a, E> Identities<'a, E> {
    pub(super) fn new(
        settings: &'a SqlSettings,
        query: &'static str,
        take: &'a mut dyn FnMut(&str) -> Result<(), E>,
    ) -> Identities<'a, E> {
        Identities {
            settings,
            query,
            take,
            rows: 0,
            failed: None,
        }
    }
}

impl<E> Sink for Identities<'_, E> {
    fn columns(&mut self, columns: &[Column]) -> Result<Vec<bool>, SourceError> {
        first_only(self.query, columns)
    }

    fn row(&mut self, values: &StringRecord) -> Next {
        self.rows += 1;
        let value = values.get(0).unwrap_or_default();
        let Some(identity) = self.settings.records.identity(value) else {
            return Next::More;
        };
        match (self.take)(&identity) {
            Ok(()) => Next::More,
            Err(error) => {
                self.failed = Some(ReadError::Row(error));
                Next::Enough
            }
        }
    }
}

/// Keeps the first column of the first row.
#[derive(Default)]
pub(super) struct One {
    pub(super) value: Option<String>,
}

impl Sink for One {
    fn columns(&mut self, columns: &[Column]) -> Result<Vec<bool>, SourceError> {
        first_only("guard-query", columns)
    }

    fn row(&mut self, values: &StringRecord) -> Next {
        self.value = values.get(0).map(str::to_owned);
        Next::Enough
    }
}

fn first_only(query: &'static str, columns: &[Column]) -> Result<Vec<bool>, SourceError> {
    match columns.first() {
        Some(column) if is_unreadable(&column) => Err(SqlError::Unreadable {
            query,
            column: column.name.clone(),
            kind: column.kind.words().to_owned(),
        }
        .into()),
        Some(_) => Ok((0..columns.len()).map(|place| place == 0).collect()),
        None => Err(SqlError::NoResult { query }.into()),
    }
}
