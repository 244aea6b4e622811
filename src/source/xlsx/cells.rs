//! The cells of one sheet, in the order in which they are written, a row at a time.

use ::csv::StringRecord;
use quick_xml::events::{BytesStart, Event};

use super::super::header::COLUMNS;
use super::error::Fault;
use super::part::{Part, attribute, resolve};
use super::strings::{Strings, read_text};
use super::value::{Style, number};

/// What cells refer to.
pub(super) struct Lexicon<'b> {
    pub(super) strings: &'b Strings,
    pub(super) styles: &'b [Style],
    pub(super) from_1904: bool,
}

/// One row. A value beyond the columns that are read stands at their end, where it is one too many.
#[derive(Default)]
pub(super) struct SheetRow {
    /// As Excel counts it, from 1 on.
    pub(super) number: u64,
    pub(super) values: StringRecord,
    pub(super) typed: Vec<usize>,
}

pub(super) struct Cells<'z> {
    part: Part<'z>,
    row: u64,
    column: usize,
    in_sheet: bool,
    value: String,
}

impl<'z> Cells<'z> {
    pub(super) fn new(part: Part<'z>) -> Cells<'z> {
        Cells {
            part,
            row: 0,
            column: 0,
            in_sheet: false,
            value: String::new(),
        }
    }

    /// How far it has come, for errors.
    pub(super) fn row(&self) -> u64 {
        self.row
    }

    /// False at the end of the sheet.
    pub(super) fn next(&mut self, words: &Lexicon<'_>, row: &mut SheetRow) -> Result<bool, Fault> {
        row.values.clear();
        row.typed.clear();
        loop {
            let cell = match self.part.next()? {
                // A sheet without an end was cut off.
                None => return Err(Fault::Damaged),
                Some(Event::Start(element)) => match element.local_name().as_ref() {
                    "sheetData" => {
                        self.in_sheet = true;
                        None
                    }
                    "row" if self.in_sheet => {
                        let given = attribute(&element, "r").and_then(|r| r.parse().ok());
                        self.row = given.unwrap_or(self.row + 1);
                        self.column = 0;
                        None
                    }
                    "c" if self.in_sheet => Some(Cell::of(&element)),
                    _ => None,
                },
                Some(Event::End(element)) => match element.local_name().as_ref() {
                    "row" if self.in_sheet => {
                        row.number = self.row;
                        self.part.grant();
                        return Ok(true);
                    }
                    "sheetData" => return Ok(false),
                    _ => None,
                },
                Some(_) => None,
            };
            if let Some(cell) = cell {
                self.take(cell, words, row)?;
            }
            self.part.grant();
        }
    }

    fn take(&mut self, cell: Cell, words: &Lexicon<'_>, row: &mut SheetRow) -> Result<(), Fault> {
        let column = cell.column.unwrap_or(self.column);
        self.column = column + 1;
        self.value.clear();
        self.read_value()?;
        let text = self.value.trim();
        if text.is_empty() {
            return Ok(());
        }
        let (text, typed) = match cell.kind.as_str() {
            "s" => {
                let string = text.parse().ok().and_then(|place| words.strings.at(place));
                (string.ok_or(Fault::Damaged)?.to_owned(), false)
            }
            "b" => (if text == "1" { "true" } else { "false" }.to_owned(), false),
            "e" => return Ok(()),
            "n" | "" => {
                let style = words.styles.get(cell.style).copied().unwrap_or_default();
                number(text, style, words.from_1904)
            }
            _ => (text.to_owned(), false),
        };
        let column = column.min(COLUMNS);
        // Cells come in the order of their columns; one that does not would stand in another's column.
        if column < row.values.len() && column < COLUMNS {
            return Err(Fault::Damaged);
        }
        while row.values.len() < column {
            row.values.push_field("");
        }
        if typed {
            row.typed.push(row.values.len());
        }
        row.values.push_field(&text);
        Ok(())
    }

    /// What stands in the cell, to its end. Its formula is left out: the value is what Excel has calculated.
    fn read_value(&mut self) -> Result<(), Fault> {
        let mut in_value = false;
        while let Some(event) = self.part.next()? {
            match event {
                Event::Start(element) => match element.local_name().as_ref() {
                    "v" => in_value = true,
                    "is" => read_text(&mut self.part, "is", &mut self.value)?,
                    _ => {}
                },
                Event::End(element) => match element.local_name().as_ref() {
                    "v" => in_value = false,
                    "c" => return Ok(()),
                    _ => {}
                },
                Event::Text(text) if in_value => self.value.push_str(&text.xml10_content()),
                Event::GeneralRef(entity) if in_value => self.value.extend(resolve(&entity)),
                _ => {}
            }
        }
        Err(Fault::Damaged)
    }
}

/// What is said of a cell before its value.
struct Cell {
    column: Option<usize>,
    style: usize,
    kind: String,
}

impl Cell {
    fn of(element: &BytesStart<'_>) -> Cell {
        let [place, style, kind] = ["r", "s", "t"].map(|name| attribute(element, name));
        Cell {
            column: place.as_deref().and_then(column_of),
            style: style.and_then(|s| s.parse().ok()).unwrap_or(0),
            kind: kind.unwrap_or_default(),
        }
    }
}

/// `AB12` is the column 27, counted from 0. Excel has as many as `XFD`.
fn column_of(place: &str) -> Option<usize> {
    let letters = place.bytes().take_while(u8::is_ascii_alphabetic);
    let mut column = 0;
    for (count, letter) in letters.enumerate() {
        if count == 3 {
            return None;
        }
        column = column * 26 + usize::from(letter.to_ascii_uppercase() - b'A') + 1;
    }
    column.checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_counted_as_excel_names_them() {
        for (place, column) in [
            ("A1", Some(0)),
            ("Z9", Some(25)),
            ("AA1", Some(26)),
            ("ab12", Some(27)),
            ("XFD1048576", Some(16_383)),
            ("12", None),
            ("", None),
            ("ABCD1", None),
        ] {
            assert_eq!(column_of(place), column, "{place}");
        }
    }
}
