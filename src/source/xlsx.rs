//! The XLSX format: one sheet of a workbook to rows, in the memory of the workbook's texts and one row.
//!
//! The first row with anything in it is the header. Cells that are merged have their value in the first of
//! them. A cell with an error (`#N/A`) is empty, a formula has the value that was calculated last.
//!
//! It guarantees that what a workbook says of sizes is not believed (`part.rs`), that its texts are bounded
//! (`strings.rs`), and that a panic within the libraries that unpack it costs the read and nothing else.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};

use ::csv::StringRecord;

use self::book::Book;
use self::cells::{Cells, Lexicon, SheetRow};
use self::error::{Fault, XlsxError, listed};
use super::error::{ReadError, SourceError};
use super::export::Input;
use super::header::Columns;
use super::pass::Pass;
use super::row::{Row, RowPlace};
use super::rows::Rows;

mod book;
mod cells;
pub mod error;
mod part;
mod strings;
#[cfg(test)]
mod tests;
mod value;

/// Largest workbook: a million rows of ten columns take some 60 MB.
pub const XLSX_BYTES: u64 = 128 * 1024 * 1024;
/// What an .xls file begins with, and an .xlsx file with a password.
const OLE: [u8; 8] = [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];
const ZIP: [u8; 2] = *b"PK";

/// Hands out the rows of the sheet.
pub(super) fn read<'s, E>(
    sheet: Option<&str>,
    input: &Input<'s, '_>,
    pass: &mut Pass<'_, E>,
) -> Result<Rows<'s>, ReadError<E>> {
    check_kind(input)?;
    input.sum_up()?;
    pass.check_halt()?;
    let mut book =
        unpanicked(|| Book::open(input.file)).map_err(|f| fault(input, f, "in its lists"))?;
    let sheet = chosen(&book, sheet, input)?;
    let (strings, styles) = (
        std::mem::take(&mut book.strings),
        std::mem::take(&mut book.styles),
    );
    let words = Lexicon {
        strings: &strings,
        styles: &styles,
        from_1904: book.from_1904,
    };
    let part = unpanicked(|| book.cells(sheet)).map_err(|f| fault(input, f, "in its sheet"))?;
    let mut cells = Cells::new(part);
    let mut row = SheetRow::default();
    let header = header(input, &mut cells, &words, &mut row)?;
    let columns = Columns::find(&header, input.settings).map_err(|e| input.header_error(e))?;
    let mut rows = input.rows(columns);
    while !pass.is_over(&rows) && next(input, &mut cells, &words, &mut row)? {
        // What an export has deleted leaves rows without a cell behind, up to the sheet's end.
        if row.values.is_empty() {
            continue;
        }
        while row.values.len() < header.len() {
            row.values.push_field("");
        }
        let place = RowPlace {
            line: row.number,
            broken_quote: false,
        };
        let given = Row {
            values: &row.values,
            typed: &row.typed,
        };
        pass.take(&mut rows, &header, given, place)?;
    }
    Ok(rows)
}

/// The first row with anything in it.
fn header(
    input: &Input<'_, '_>,
    cells: &mut Cells<'_>,
    words: &Lexicon<'_>,
    row: &mut SheetRow,
) -> Result<StringRecord, SourceError> {
    while next(input, cells, words, row)? {
        if !row.values.is_empty() {
            return Ok(row.values.clone());
        }
    }
    Err(input.error(|path| SourceError::Empty { path }))
}

fn next(
    input: &Input<'_, '_>,
    cells: &mut Cells<'_>,
    words: &Lexicon<'_>,
    row: &mut SheetRow,
) -> Result<bool, SourceError> {
    let found = unpanicked(|| cells.next(words, row));
    found.map_err(|f| fault(input, f, &format!("in or after row {}", cells.row())))
}

/// The place of the sheet in the workbook.
fn chosen(
    book: &Book<'_>,
    wanted: Option<&str>,
    input: &Input<'_, '_>,
) -> Result<usize, SourceError> {
    let path = input.picked.path().to_owned();
    let Some(wanted) = wanted else {
        return match book.sheets.is_empty() {
            true => Err(XlsxError::NoSheets { path }.into()),
            false => Ok(0),
        };
    };
    let names: Vec<&str> = book.sheets.iter().map(|s| s.name.as_str()).collect();
    let place = names.iter().position(|name| name.trim() == wanted.trim());
    place.ok_or_else(|| {
        let sheets = listed(&names);
        let wanted = wanted.to_owned();
        XlsxError::NoSheet {
            path,
            wanted,
            sheets,
        }
        .into()
    })
}

fn fault(input: &Input<'_, '_>, fault: Fault, at: &str) -> SourceError {
    fault
        .within(input.picked.path().to_owned(), at.to_owned())
        .into()
}

/// What the libraries make of a damaged workbook is theirs; that they end in order is not sure.
fn unpanicked<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(Fault::Damaged))
}

/// Whether it is a workbook at all, and one that can be read.
fn check_kind(input: &Input<'_, '_>) -> Result<(), SourceError> {
    let path = input.picked.path().to_owned();
    let size = input.picked.size();
    if size == 0 {
        return Err(SourceError::Empty { path });
    }
    let mut file = input.file;
    let mut head = Vec::new();
    let read = file.take(OLE.len() as u64).read_to_end(&mut head);
    read.and_then(|_| file.rewind()).map_err(|e| input.io(e))?;
    if head == OLE {
        let is_locked = holds_package(file).map_err(|e| input.io(e))?;
        return Err(match is_locked {
            true => XlsxError::Locked { path },
            false => XlsxError::OldFormat { path },
        }
        .into());
    }
    if !head.starts_with(&ZIP) {
        return Err(XlsxError::NotXlsx { path }.into());
    }
    if size > XLSX_BYTES {
        let limit = XLSX_BYTES;
        return Err(XlsxError::TooLarge { path, size, limit }.into());
    }
    Ok(())
}

/// Whether a file of the old kind holds a new one that is locked.
fn holds_package(file: &File) -> std::io::Result<bool> {
    let wanted: Vec<u8> = "EncryptedPackage"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let mut reader = BufReader::new(file.take(XLSX_BYTES));
    let mut window = Vec::new();
    let mut chunk = [0; 16 * 1024];
    loop {
        let read = reader.read(&mut chunk)?;
        if read == 0 {
            return Ok(false);
        }
        window.extend_from_slice(&chunk[..read]);
        if window.windows(wanted.len()).any(|bytes| bytes == wanted) {
            return Ok(true);
        }
        window.drain(..window.len().saturating_sub(wanted.len()));
    }
}
