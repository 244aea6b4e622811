//! What a sync and a source say to each other: what is wanted, what is handed out, and what came of it.
//!
//! Architecture Invariant: a connector decides nothing about publishing. It hands out contacts one at a time to
//! a `Taker`; what was handed out before an error belongs to a load that must be thrown away, or goes on from a
//! `Position` that the taker was told.

use std::fmt;

use ::csv::StringRecord;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::digest::Digest;
use super::header::Columns;
use super::reject::Rejects;
use crate::domain::contact::Contact;

/// From when on changes are to be asked for, in the source's own words: a time, a number, a page's address.
/// It stands as the source gave it; the overlap is taken off when it is used.
#[derive(Clone, PartialEq, Eq)]
pub struct Cursor(pub String);

/// How far a read of everything has come, in the source's own words. Only of sources that are sorted.
#[derive(Clone, PartialEq, Eq)]
pub struct Position(pub String);

// Either may hold an address with a key in it.
impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cursor(..)")
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Position(..)")
    }
}

/// What a sync wants of a source.
#[derive(Clone, Copy, Debug)]
pub enum Wanted<'a> {
    /// Every record, or those after the position that an interrupted read had come to.
    Everything { from: Option<&'a Position> },
    /// What was changed or deleted since. A record may come that was not.
    Changes { since: &'a Cursor },
    /// Only which records there are.
    Ids,
    /// The first so many records, to be looked at.
    Few(usize),
}

/// One read.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    pub wanted: Wanted<'a>,
    /// Cancelled when the daemon stops or reads its configuration anew: the read then ends with
    /// `SourceError::Halted`, within the time of one request.
    pub halt: &'a CancellationToken,
}

/// What a source can do beside giving everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Abilities {
    /// It can be asked for what has changed.
    pub changes: bool,
    /// Among the changes are records that were deleted.
    pub tells_deleted: bool,
    /// It can be asked for its records' ids alone.
    pub ids: bool,
    /// It gives everything in an order that a later read can go on from.
    pub resumes: bool,
    /// It is asked over the network, where others ask too.
    pub is_remote: bool,
}

/// A record in the source's own words, before anything is made of it.
#[derive(Clone, Copy)]
pub struct Raw<'r> {
    /// Names of values, in the source's order, and the values. Of JSON: the names of its members.
    pub values: &'r [(&'r str, &'r str)],
}

/// A record on its way to a contact: where it stands, and what of it is taken for what.
#[derive(Clone, Copy)]
pub struct Mapped<'r> {
    /// As in the examples of `Rejects`: a line, or of what has none a count of records.
    pub line: u64,
    pub(super) columns: &'r Columns,
    pub(super) row: &'r StringRecord,
}

/// One value that the mapping names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MappedValue<'r> {
    /// Our name of it, as in `[source.columns]`.
    pub ours: &'r str,
    /// The source's name of it, as in the examples of `Rejects`.
    pub column: &'r str,
    pub value: &'r str,
}

impl<'r> Mapped<'r> {
    pub fn values(self) -> Vec<MappedValue<'r>> {
        let Mapped { columns, row, .. } = self;
        let value = |(ours, place): (&'r str, usize)| MappedValue {
            ours,
            column: columns.names.get(place).map_or("", String::as_str),
            value: row.get(place).unwrap_or_default(),
        };
        columns.by_our_names().into_iter().map(value).collect()
    }
}

/// Who takes what a source hands out.
pub trait Taker {
    type Error;

    /// Comes before the contact that is made of it, if any is. Only for `Wanted::Few`.
    fn raw(&mut self, _raw: Raw<'_>) {}

    /// Comes of every record before anything is made of it.
    fn mapped(&mut self, _mapped: Mapped<'_>) {}

    /// A record: of `Wanted::Changes` one that is new or has changed, the later one being right.
    fn contact(&mut self, contact: Contact) -> Result<(), Self::Error>;

    /// The record with this identity (`RecordSettings::identity`) is no more.
    fn gone(&mut self, _identity: &str) -> Result<(), Self::Error> {
        Ok(())
    }

    /// A record that there is: of `Wanted::Ids`.
    fn id(&mut self, _identity: &str) -> Result<(), Self::Error> {
        Ok(())
    }

    /// Everything before this was handed out, and a later read may go on from here.
    fn position(&mut self, _position: &Position) -> Result<(), Self::Error> {
        Ok(())
    }

    fn progress(&mut self, _progress: Progress) {}
}

/// A taker of contacts alone.
pub struct Each<F>(pub F);

impl<E, F: FnMut(Contact) -> Result<(), E>> Taker for Each<F> {
    type Error = E;

    fn contact(&mut self, contact: Contact) -> Result<(), E> {
        (self.0)(contact)
    }
}

/// How far a read has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    pub rows: u64,
    pub bytes_read: u64,
    /// 0 where it is not known.
    pub bytes_total: u64,
}

/// What a read gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadReport {
    /// Records, blank ones left out.
    pub rows_read: u64,
    pub contacts: u64,
    pub rejects: Rejects,
    /// Of a file: equal digests give equal contacts.
    pub digest: Option<Digest>,
    /// As of when the contacts are so.
    pub as_of: Timestamp,
    /// From when on the next changes are to be asked for.
    pub cursor: Option<Cursor>,
    /// What the operator should know though the read went well.
    pub notices: Vec<Notice>,
}

impl ReadReport {
    /// What could not be used. Only a file has lines by which a row is found again.
    pub fn placed_rejects(&self) -> Rejects {
        match self.digest {
            None => self.rejects.clone().of_records(),
            Some(_) => self.rejects.clone().of_lines(),
        }
    }
}

/// Something that is not wrong yet, or that the source can't tell from what is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub kind: NoticeKind,
    /// What is so.
    pub words: String,
    /// What to do about it.
    pub advice: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeKind {
    /// The fiscal period that the query names is over: what it gives is old.
    PeriodOver,
    /// It ends within days.
    PeriodEnds,
}
