//! One read on its way: shows rows to whoever looks at a few, tells how far it has come, and ends when it is
//! halted. The same for files of every format.

use std::cell::Cell;

use ::csv::StringRecord;

use super::error::{ReadError, SourceError};
use super::read::{Job, Progress, Raw, Taker, Wanted};
use super::row::{Row, RowPlace};
use super::rows::Rows;

pub(super) struct Pass<'p, E> {
    job: &'p Job<'p>,
    pub(super) taker: &'p mut dyn Taker<Error = E>,
    /// Of the file so far.
    bytes: &'p Cell<u64>,
    total: u64,
}

impl<'p, E> Pass<'p, E> {
    pub(super) fn new(
        job: &'p Job<'p>,
        taker: &'p mut dyn Taker<Error = E>,
        bytes: &'p Cell<u64>,
        total: u64,
    ) -> Pass<'p, E> {
        Pass {
            job,
            taker,
            bytes,
            total,
        }
    }

    /// Whether as many rows were taken as are wanted.
    pub(super) fn is_over(&self, rows: &Rows<'_>) -> bool {
        match self.job.wanted {
            Wanted::Few(most) => rows.rows >= most as u64,
            _ => false,
        }
    }

    /// Hands out a row of a file that has a header.
    pub(super) fn take(
        &mut self,
        rows: &mut Rows<'_>,
        header: &StringRecord,
        row: Row<'_>,
        place: RowPlace,
    ) -> Result<(), ReadError<E>> {
        self.show(|| header.iter().zip(row.values.iter()).collect());
        rows.take(row, place, self.taker)?;
        Ok(self.go_on(rows)?)
    }

    /// Shows a record as it is written, if anybody looks.
    pub(super) fn show<'r>(&mut self, values: impl FnOnce() -> Vec<(&'r str, &'r str)>) {
        if matches!(self.job.wanted, Wanted::Few(_)) {
            let values = values();
            self.taker.raw(Raw { values: &values });
        }
    }

    /// The same of a record with members.
    pub(super) fn show_members(&mut self, members: impl FnOnce() -> Vec<(String, String)>) {
        if matches!(self.job.wanted, Wanted::Few(_)) {
            let members = members();
            let values: Vec<_> = members
                .iter()
                .map(|(n, v)| (n.as_str(), v.as_str()))
                .collect();
            self.taker.raw(Raw { values: &values });
        }
    }

    /// Belongs after each row, one that was rejected too.
    pub(super) fn go_on(&mut self, rows: &Rows<'_>) -> Result<(), SourceError> {
        if !rows.is_milestone() {
            return Ok(());
        }
        self.check_halt()?;
        self.taker.progress(Progress {
            rows: rows.rows,
            bytes_read: self.bytes.get(),
            bytes_total: self.total,
        });
        Ok(())
    }

    /// For what takes long without giving rows.
    pub(super) fn check_halt(&self) -> Result<(), SourceError> {
        match self.job.halt.is_cancelled() {
            true => Err(SourceError::Halted),
            false => Ok(()),
        }
    }
}
