//! Why a source could not be read, in words that name the file and what to do.
//!
//! No error carries a row's content: it goes to logs and to the status, and rows are personal data. Column
//! names are shown, after making sure that the first line is a header and not a customer.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::api::error::ApiError;
use super::download::error::DownloadError;
use super::sql::error::SqlError;
use super::xlsx::error::XlsxError;

/// What a sync should make of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is wrong: no whole export has come since the last one.
    NothingNew,
    /// Passes by itself; the next sync tries again.
    TryLater,
    /// Stays until somebody changes the file, its place or the config.
    NeedsPerson,
}

#[derive(Debug, Error)]
pub enum SourceError {
    #[error("{} does not exist: check the path, and that the export has run", .path.display())]
    Missing { path: PathBuf, source: io::Error },
    #[error("{} can't be {operation}: give the user ringcard the right to", .path.display())]
    NotAllowed {
        operation: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("{} could not be {operation}", .path.display())]
    Io {
        operation: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("{} is not {wanted}", .path.display())]
    WrongKind { path: PathBuf, wanted: &'static str },
    #[error("{} holds more than {limit} entries: move old ones away", .path.display())]
    TooManyEntries { path: PathBuf, limit: usize },
    #[error("no file ending in {suffix:?} is in {}", .folder.display())]
    NoFile { folder: PathBuf, suffix: String },
    #[error("{} has changed within the last {quiet} seconds and may still be written", .path.display())]
    StillWritten { path: PathBuf, quiet: u64 },
    #[error("{} changed while it was read: nothing of it is used", .path.display())]
    Changed { path: PathBuf },
    #[error("{} is {size} bytes large, more than the {limit} that are read", .path.display())]
    TooLarge {
        path: PathBuf,
        size: u64,
        limit: u64,
    },
    #[error("{} is empty, without even a header", .path.display())]
    Empty { path: PathBuf },
    #[error("the first line of {} holds a number and is no header: let the export write column names", .path.display())]
    NoHeader { path: PathBuf },
    #[error("the header of {} has zero bytes: set encoding = \"utf-16le\" or \"utf-16be\"", .path.display())]
    ZeroBytes { path: PathBuf },
    #[error("the header of {} has {columns} columns, more than the {limit} that are read", .path.display())]
    TooManyColumns {
        path: PathBuf,
        columns: usize,
        limit: usize,
    },
    #[error("{} has no column {missing}; its columns are {header}", .path.display())]
    MissingColumns {
        path: PathBuf,
        missing: String,
        header: String,
    },
    #[error("{} has more than one column {columns}: which is meant can't be told", .path.display())]
    DoubleColumns { path: PathBuf, columns: String },
    #[error("{}, line {line}: a quote opened here is not closed", .path.display())]
    UnclosedQuote { path: PathBuf, line: u64 },
    #[error("{}, line {line}: the row is longer than {limit} bytes", .path.display())]
    RecordTooLong {
        path: PathBuf,
        line: u64,
        limit: usize,
    },
    #[error("{from} has more than {limit} contacts")]
    TooManyContacts { from: String, limit: u64 },
    #[error("{} is not written in UTF-8: let the export write UTF-8", .path.display())]
    NotUtf8 { path: PathBuf },
    #[error("{} has no array of records{}: say where it is, such as records = \"data.items\"", .path.display(), at(.records))]
    NoArray { path: PathBuf, records: String },
    #[error("{}, line {line}, column {column}: from here on it is not JSON", .path.display())]
    BrokenJson {
        path: PathBuf,
        line: u64,
        column: usize,
    },
    #[error("{} holds no card: it has no line BEGIN:VCARD", .path.display())]
    NoCards { path: PathBuf },
    #[error(transparent)]
    Download(#[from] DownloadError),
    #[error(transparent)]
    Xlsx(#[from] XlsxError),
    #[error("there is no file to read")]
    NothingPicked,
    #[error(
        "the source no longer tells what has changed since the last sync: everything must be read"
    )]
    CursorExpired,
    #[error(transparent)]
    Sql(#[from] SqlError),
    #[error(transparent)]
    Api(Box<ApiError>),
    #[error("the read was ended before its time: the daemon stops or reads its configuration anew")]
    Halted,
}

fn at(records: &str) -> String {
    match records {
        "" => String::new(),
        names => format!(" at {names:?}"),
    }
}

impl SourceError {
    /// Sorts an error of the file system by who can do something about it.
    pub(super) fn io(operation: &'static str, path: &Path, source: io::Error) -> SourceError {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::NotFound => SourceError::Missing { path, source },
            io::ErrorKind::PermissionDenied => SourceError::NotAllowed {
                operation,
                path,
                source,
            },
            _ => SourceError::Io {
                operation,
                path,
                source,
            },
        }
    }

    /// What has to be renewed, in words, if the source refuses who asks.
    pub fn refused_credential(&self) -> Option<&str> {
        match self {
            SourceError::Download(error) => error.refused_credential(),
            SourceError::Api(error) => error.refused_credential(),
            SourceError::Sql(error) => error.refused_credential(),
            _ => None,
        }
    }

    pub fn verdict(&self) -> Verdict {
        match self {
            SourceError::Download(error) => error.verdict(),
            SourceError::Api(error) => error.verdict(),
            SourceError::Sql(error) => error.verdict(),
            SourceError::NoFile { .. }
            | SourceError::StillWritten { .. }
            | SourceError::NothingPicked => Verdict::NothingNew,
            // A share that hangs or a worn card may answer the next time.
            SourceError::Io { .. }
            | SourceError::Changed { .. }
            | SourceError::CursorExpired
            | SourceError::Halted => Verdict::TryLater,
            SourceError::Missing { .. }
            | SourceError::NotAllowed { .. }
            | SourceError::WrongKind { .. }
            | SourceError::TooManyEntries { .. }
            | SourceError::TooLarge { .. }
            | SourceError::Empty { .. }
            | SourceError::NoHeader { .. }
            | SourceError::ZeroBytes { .. }
            | SourceError::TooManyColumns { .. }
            | SourceError::MissingColumns { .. }
            | SourceError::DoubleColumns { .. }
            | SourceError::UnclosedQuote { .. }
            | SourceError::RecordTooLong { .. }
            | SourceError::TooManyContacts { .. }
            | SourceError::NotUtf8 { .. }
            | SourceError::NoArray { .. }
            | SourceError::BrokenJson { .. }
            | SourceError::NoCards { .. }
            | SourceError::Xlsx(_) => Verdict::NeedsPerson,
        }
    }
}

/// Why a read ended early: the source's fault, or the receiver's.
#[derive(Debug, Error)]
pub enum ReadError<E> {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error("a contact could not be taken")]
    Row(#[source] E),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_file_system_say_who_can_help() {
        let error = |kind| SourceError::io("opened", Path::new("/x/a.csv"), io::Error::from(kind));
        let cases = [
            (
                io::ErrorKind::NotFound,
                Verdict::NeedsPerson,
                "/x/a.csv does not exist",
            ),
            (
                io::ErrorKind::PermissionDenied,
                Verdict::NeedsPerson,
                "/x/a.csv can't be opened: give",
            ),
            (
                io::ErrorKind::TimedOut,
                Verdict::TryLater,
                "/x/a.csv could not be opened",
            ),
        ];
        for (kind, verdict, words) in cases {
            let error = error(kind);
            assert_eq!(error.verdict(), verdict, "{error}");
            assert!(error.to_string().starts_with(words), "{error}");
            assert!(std::error::Error::source(&error).is_some());
        }
    }
}
