//! Rows to contacts, counted: what is the same for every connector.
//!
//! A connector gives a header and rows of as many values. Of records with members instead of columns, the
//! header is the list of `Mapping::columns`, and a row has the value of each.

use ::csv::StringRecord;

use super::error::{ReadError, SourceError};
use super::header::Columns;
use super::read::{Mapped, Taker};
use super::reject::Rejects;
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
        }
    }

    /// Of a source whose records have members: a row has a value for each of `Mapping::columns`, in order.
    pub(super) fn of_mapping(settings: &'a RecordSettings, from: String) -> Rows<'a> {
        let header: StringRecord = settings.mapping.columns().collect();
        Rows::new(Columns::of_mapping(&header, settings), settings, from)
    }

    /// Changes may hold a record more than once, of which the last is right.
    pub(super) fn let_repeat(&mut self) {
        self.reader.let_repeat();
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
        let Some(contact) = self.reader.contact(row, place, &mut self.rejects) else {
            return Ok(());
        };
        if self.contacts == self.limit {
            let (from, limit) = (self.from.clone(), self.limit);
            return Err(SourceError::TooManyContacts { from, limit }.into());
        }
        self.contacts += 1;
        taker.contact(contact).map_err(ReadError::Row)
    }

    /// Whether it is time to tell how far the read has come.
    pub(super) fn is_milestone(&self) -> bool {
        self.rows.is_multiple_of(PROGRESS_ROWS)
    }
}
