//! What can be wrong with a workbook, in the words of whoever saves it.

use std::path::PathBuf;

use thiserror::Error;

/// Sheets listed in an error; the list is there to spot a misspelt name.
const SHOWN_SHEETS: usize = 20;

#[derive(Debug, Error)]
pub enum XlsxError {
    #[error("{} is protected with a password: save it without one", .path.display())]
    Locked { path: PathBuf },
    #[error("{} is an .xls file of Excel 97 to 2003: save it as \"Excel Workbook (.xlsx)\"", .path.display())]
    OldFormat { path: PathBuf },
    #[error("{} is no .xlsx file: save it as \"Excel Workbook (.xlsx)\"", .path.display())]
    NotXlsx { path: PathBuf },
    #[error("{} is {size} bytes large, more than the {limit} that are read of a workbook: export it as CSV", .path.display())]
    TooLarge {
        path: PathBuf,
        size: u64,
        limit: u64,
    },
    #[error("{}: {what} are more than the {limit} that are read: export it as CSV", .path.display())]
    TooMuch {
        path: PathBuf,
        what: &'static str,
        limit: u64,
    },
    #[error("{} has no sheet {wanted:?}; its sheets are {sheets}", .path.display())]
    NoSheet {
        path: PathBuf,
        wanted: String,
        sheets: String,
    },
    #[error("{} has no sheet with cells", .path.display())]
    NoSheets { path: PathBuf },
    #[error("{} is damaged {at}: open it in Excel and save it anew", .path.display())]
    Damaged { path: PathBuf, at: String },
}

/// What went wrong within a part; the path is added by whoever knows it.
#[derive(Debug)]
pub(super) enum Fault {
    Damaged,
    TooMuch { what: &'static str, limit: u64 },
}

impl Fault {
    pub(super) fn within(self, path: PathBuf, at: String) -> XlsxError {
        match self {
            Fault::Damaged => XlsxError::Damaged { path, at },
            Fault::TooMuch { what, limit } => XlsxError::TooMuch { path, what, limit },
        }
    }
}

impl From<quick_xml::Error> for Fault {
    fn from(_: quick_xml::Error) -> Fault {
        Fault::Damaged
    }
}

pub(super) fn listed(names: &[&str]) -> String {
    let quoted: Vec<String> = names
        .iter()
        .take(SHOWN_SHEETS)
        .map(|n| format!("{n:?}"))
        .collect();
    let list = quoted.join(", ");
    match names.len().saturating_sub(SHOWN_SHEETS) {
        0 => list,
        more => format!("{list} and {more} more"),
    }
}
