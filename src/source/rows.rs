//! Rows to contacts, counted: what is the same for every connector.
//!
//! A connector gives a header and rows of as many values. Of records with members instead of columns, the
//! header is the list of `Mapping::columns`, and a row has the value of each.

use ::csv::StringRecord;

use super::error::{ReadError, SourceError};
use super::header::Columns;
use super::read::{Mapped, Taker};
use super::reject::{Example, Rejects, RowReason};
use super::row::{Row, RowPlace, RowReader};
use super::settings::RecordSettings;

/// Most contacts of one source: twice what the replica was measured with.
pub const CONTACTS: u64 = 2_000_000;
/// Rows between two reports of progress: a few milliseconds, and no clock is needed.
pub(super) const PROGRESS_ROWS: u64 = 1000;

pub(super) struct Rows<'a> {
    reader: RowReader<'a>,
    /// What is read, for errors: a path, an address.
    from: String,
    pub(super) rows: u64,
    pub(super) contacts: u64,
    pub(super) rejects: Rejects,
    pub(super) limit: u64,
    settings: &'a RecordSettings,
    /// Rows are changes to what was read before.
    are_changes: bool,
    /// Some of the rows were handed out already.
    is_again: bool,
}

impl<'a> Rows<'a> {
    pub(super) fn new(columns: Columns, settings: &'a RecordSettings, from: String) -> Rows<'a> {
        Rows {
            reader: RowReader::new(columns, settings),
            from,
            rows: 0,
            contacts: 0,
            rejects: Rejects::default(),
            limit: CONTACTS,
            settings,
            are_changes: false,
            is_again: false,
        }
    }

    /// Of a source whose records have members: a row has a value for each of `Mapping::columns`, in order.
    pub(super) fn of_mapping(settings: &'a RecordSettings, from: String) -> Rows<'a> {
        let header: StringRecord = settings.mapping.columns().collect();
        Rows::new(Columns::of_mapping(&header, settings), settings, from)
    }

    /// Changes may hold a record more than once, of which the last is right.
    ///
    /// A record that gave a contact once and gives none now, such as one whose number was taken away, is gone:
    /// who is called by it now may be somebody else.
    pub(super) fn let_repeat(&mut self) {
        self.reader.let_repeat();
        self.are_changes = true;
    }

    /// What follows begins with what was handed out already, as far as it has a key. False if none is mapped:
    /// then nobody could tell.
    pub(super) fn begin_again(&mut self) -> bool {
        (self.rows, self.rejects) = (0, Rejects::default());
        self.is_again = true;
        self.are_changes || self.settings.mapping.key.is_some()
    }

    /// Hands out the contact that the row makes, or counts why it makes none.
    pub(super) fn take<E>(
        &mut self,
        row: Row<'_>,
        place: RowPlace,
        taker: &mut dyn Taker<Error = E>,
    ) -> Result<(), ReadError<E>> {
        self.rows += 1;
        taker.mapped(Mapped {
            line: place.line,
            columns: self.reader.columns(),
            row: row.values,
        });
        if self.is_again && self.reader.knows(row) {
            return Ok(());
        }
        let Some(contact) = self.reader.contact(row, place, &mut self.rejects) else {
            return self.no_more(self.reader.identity(row), taker);
        };
        if self.contacts == self.limit {
            let (from, limit) = (self.from.clone(), self.limit);
            return Err(SourceError::TooManyContacts { from, limit }.into());
        }
        self.contacts += 1;
        taker.contact(contact).map_err(ReadError::Row)
    }

    pub(super) fn identity_column(&self) -> Option<&'a str> {
        self.settings.identity_column()
    }

    /// Among changes, the record with this text as its id gives no contact any more.
    pub(super) fn no_more<E>(
        &self,
        id: &str,
        taker: &mut dyn Taker<Error = E>,
    ) -> Result<(), ReadError<E>> {
        match self.settings.identity(id) {
            Some(identity) if self.are_changes => taker.gone(&identity).map_err(ReadError::Row),
            _ => Ok(()),
        }
    }

    /// Counts a record that gives no row.
    pub(super) fn refuse(&mut self, reason: RowReason, line: u64, column: Option<&str>) {
        self.rows += 1;
        self.rejects.row(reason, || Example {
            line,
            key: None,
            column: column.map(str::to_owned),
            reason: reason.words().to_owned(),
            value: String::new(),
        });
    }

    /// Whether it is time to tell how far the read has come.
    pub(super) fn is_milestone(&self) -> bool {
        self.rows.is_multiple_of(PROGRESS_ROWS)
    }
}
