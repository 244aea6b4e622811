//! The vCard format, 2.1 to 4.0: cards to rows, one card at a time.
//!
//! What programs write under these names is wider than any one standard, so lines are read by what they all
//! share: a name, parameters, and a value. Only the properties that a column asks for are kept; a photo of
//! any size is passed over.
//!
//! A card that has no end, or a line that is none, is rejected as a whole and counted, and so is one whose
//! mapped properties are longer than is read. The next one begins at its `BEGIN:VCARD`.

use std::io::{BufRead, BufReader, Seek};

use ::csv::StringRecord;

use self::column::Column;
use self::line::{Lines, Property, Text};
use super::decode::{decoded, encoding_of};
use super::error::{ReadError, SourceError};
use super::export::{Input, READ_BYTES};
use super::pass::Pass;
use super::reject::RowReason;
use super::row::{Row, RowPlace};
use super::rows::Rows;
use super::settings::Encoding;

pub mod column;
mod line;
#[cfg(test)]
mod tests;

/// Longest line, folded ones together: a long note. Longer ones are photos, which nobody maps.
const LINE_BYTES: usize = 64 * 1024;
/// The properties kept of one card together; the fullest have some kilobytes.
const CARD_BYTES: usize = 256 * 1024;

/// Hands out the cards of the file.
pub(super) fn read<'s, E>(
    encoding: Encoding,
    input: &Input<'s, '_>,
    pass: &mut Pass<'_, E>,
) -> Result<Rows<'s>, ReadError<E>> {
    let mut file = input.file;
    let mut looked_at = std::io::Read::take(file, input.picked.size());
    let encoding = encoding_of(encoding, &mut looked_at)
        .and_then(|encoding| file.rewind().map(|()| encoding))
        .map_err(|e| input.io(e))?;
    let text = decoded(
        BufReader::with_capacity(READ_BYTES, input.summed()),
        encoding,
    );
    let columns = input.settings.mapping.columns();
    let columns: Vec<Column> = columns.filter_map(|c| Column::parse(c).ok()).collect();
    let mut cards = Cards {
        lines: Lines::new(BufReader::with_capacity(READ_BYTES, text), LINE_BYTES),
        columns: &columns,
        fallback: encoding,
        begun: false,
        card: Card::default(),
    };
    let mut rows = input.rows_of_mapping();
    let mut values = StringRecord::new();
    let mut seen = false;
    while !pass.is_over(&rows) {
        let line = match cards.next().map_err(|e| input.io(e))? {
            Found::End => break,
            Found::Refused(reason, line) => {
                rows.refuse(reason, line, None);
                pass.go_on(&rows)?;
                continue;
            }
            Found::Card(line) => line,
        };
        seen = true;
        let properties = &cards.card.properties;
        values.clear();
        values.extend(columns.iter().map(|column| column.of(properties)));
        pass.show_members(|| properties.iter().map(Property::shown).collect());
        take(&mut rows, &values, line, pass)?;
        pass.go_on(&rows)?;
    }
    match seen || rows.rows > 0 {
        true => Ok(rows),
        false => Err(input.error(|path| SourceError::NoCards { path }).into()),
    }
}

fn take<E>(
    rows: &mut Rows<'_>,
    values: &StringRecord,
    line: u64,
    pass: &mut Pass<'_, E>,
) -> Result<(), ReadError<E>> {
    let row = Row { values, typed: &[] };
    let place = RowPlace {
        line,
        broken_quote: false,
    };
    rows.take(row, place, pass.taker)
}

/// The properties of one card that a column asks for.
#[derive(Default)]
struct Card {
    properties: Vec<Property>,
    bytes: usize,
    line: u64,
    fault: Option<RowReason>,
    /// Cards within this one: 2.1 has such for somebody's secretary.
    inner: u32,
}

enum Found {
    Card(u64),
    Refused(RowReason, u64),
    End,
}

struct Cards<'c, R> {
    lines: Lines<R>,
    columns: &'c [Column],
    /// Of texts that don't say how they are encoded.
    fallback: &'static encoding_rs::Encoding,
    begun: bool,
    card: Card,
}

impl<R: BufRead> Cards<'_, R> {
    fn next(&mut self) -> std::io::Result<Found> {
        loop {
            let after_agent = self.after_agent();
            let Some(text) = self.lines.next()? else {
                let was_open = std::mem::take(&mut self.begun);
                return Ok(match was_open {
                    true => Found::Refused(RowReason::BrokenRecord, self.card.line),
                    false => Found::End,
                });
            };
            let (line, too_long) = (text.line, text.too_long);
            match mark(&text) {
                Some(Mark::Begin) if self.begun && self.card.inner == 0 && !after_agent => {
                    let broken = self.card.line;
                    self.begin(line);
                    return Ok(Found::Refused(RowReason::BrokenRecord, broken));
                }
                Some(Mark::Begin) if self.begun => self.card.inner += 1,
                Some(Mark::Begin) => self.begin(line),
                Some(Mark::End) if self.begun && self.card.inner > 0 => self.card.inner -= 1,
                Some(Mark::End) if self.begun => {
                    self.begun = false;
                    let line = self.card.line;
                    return Ok(match self.card.fault {
                        Some(reason) => Found::Refused(reason, line),
                        None => Found::Card(line),
                    });
                }
                // What is written in base64 ends with a blank line.
                None if text.text.trim().is_empty() => {}
                _ if self.begun && self.card.inner == 0 => {
                    let property = Property::parse(text.text, self.fallback);
                    self.take(property, too_long);
                }
                // Between cards, or within one that is not asked for.
                _ => {}
            }
        }
    }

    fn begin(&mut self, line: u64) {
        self.begun = true;
        self.card = Card {
            line,
            ..Card::default()
        };
    }

    fn after_agent(&self) -> bool {
        self.card
            .properties
            .last()
            .is_some_and(|p| p.name == "AGENT")
    }

    fn take(&mut self, property: Option<Property>, too_long: bool) {
        let Some(property) = property else {
            self.card.fault = Some(RowReason::BrokenRecord);
            return;
        };
        let is_agent = property.name == "AGENT";
        if !is_agent && !self.columns.iter().any(|c| c.wants(&property.name)) {
            return;
        }
        self.card.bytes += property.bytes();
        if too_long || self.card.bytes > CARD_BYTES {
            self.card.fault = Some(RowReason::LongRecord);
            return;
        }
        self.card.properties.push(property);
    }
}

enum Mark {
    Begin,
    End,
}

/// Whether the line is where a card begins or ends.
fn mark(text: &Text<'_>) -> Option<Mark> {
    let (name, value) = text.text.split_once(':')?;
    if !value.trim().eq_ignore_ascii_case("vcard") {
        return None;
    }
    match name.trim().to_ascii_uppercase().as_str() {
        "BEGIN" => Some(Mark::Begin),
        "END" => Some(Mark::End),
        _ => None,
    }
}
