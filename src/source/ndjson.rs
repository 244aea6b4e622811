//! The NDJSON format: a JSON object in each line.
//!
//! A line that is none is rejected and counted like any other row: the next one begins behind its end. So is
//! one that is longer than is read, which is passed over in small pieces.

use std::io::{self, BufRead, BufReader, Read};

use serde_json::Value;

use super::array::RECORD_BYTES;
use super::error::{ReadError, SourceError};
use super::export::{Input, READ_BYTES};
use super::json::{Extractor, JsonRows, shown};
use super::pass::Pass;
use super::reject::RowReason;
use super::rows::Rows;

const MARK: &[u8] = b"\xef\xbb\xbf";

/// Hands out the records of the file.
pub(super) fn read<'s, E>(
    extractor: &'s Extractor,
    input: &Input<'s, '_>,
    pass: &mut Pass<'_, E>,
) -> Result<Rows<'s>, ReadError<E>> {
    let mut lines = Lines {
        reader: text(input)?,
        line: Vec::new(),
        number: 0,
    };
    let mut rows = JsonRows::new(extractor, input.settings, input.name());
    rows.rows.limit = input.limit;
    while !pass.is_over(&rows.rows) {
        match lines.next().map_err(|e| input.io(e))? {
            Found::End => break,
            Found::Blank => continue,
            Found::TooLong => rows.rows.refuse(RowReason::LongRecord, lines.number, None),
            Found::Line => match serde_json::from_slice(&lines.line) {
                Ok(record @ Value::Object(_)) => {
                    pass.show_members(|| shown(&record));
                    rows.take(&record, lines.number, pass.taker)?;
                }
                _ => rows
                    .rows
                    .refuse(RowReason::BrokenRecord, lines.number, None),
            },
        }
        pass.go_on(&rows.rows)?;
    }
    Ok(rows.rows)
}

/// The file behind its byte-order mark. One in UTF-16 has another.
pub(super) fn text<'i>(input: &'i Input<'_, '_>) -> Result<impl BufRead + use<'i>, SourceError> {
    let mut reader = BufReader::with_capacity(READ_BYTES, input.summed());
    let head = reader.fill_buf().map_err(|e| input.io(e))?;
    if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
        return Err(input.error(|path| SourceError::NotUtf8 { path }));
    }
    if head.is_empty() {
        return Err(input.error(|path| SourceError::Empty { path }));
    }
    if head.starts_with(MARK) {
        reader.consume(MARK.len());
    }
    Ok(reader)
}

enum Found {
    Line,
    Blank,
    TooLong,
    End,
}

struct Lines<R> {
    reader: R,
    line: Vec<u8>,
    /// Of the line, from 1 on.
    number: u64,
}

impl<R: BufRead> Lines<R> {
    fn next(&mut self) -> io::Result<Found> {
        self.line.clear();
        self.number += 1;
        let most = RECORD_BYTES as u64 + 1;
        let read = self
            .reader
            .by_ref()
            .take(most)
            .read_until(b'\n', &mut self.line)?;
        if read == 0 {
            return Ok(Found::End);
        }
        if self.line.len() > RECORD_BYTES && !self.line.ends_with(b"\n") {
            self.pass_over()?;
            return Ok(Found::TooLong);
        }
        Ok(match self.line.trim_ascii().is_empty() {
            true => Found::Blank,
            false => Found::Line,
        })
    }

    /// To the line's end.
    fn pass_over(&mut self) -> io::Result<()> {
        loop {
            let chunk = self.reader.fill_buf()?;
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let length = end.map_or(chunk.len(), |end| end + 1);
            self.reader.consume(length);
            if end.is_some() || length == 0 {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::source::csv::tests::records;
    use crate::source::decode::tests::{TURKISH, utf_16};
    use crate::source::export::tests::{Taken, read_as, survives_damage};
    use crate::source::read::{ReadReport, Wanted};
    use crate::source::settings::Format;

    const EVERYTHING: Wanted<'_> = Wanted::Everything { from: None };

    fn read(bytes: impl AsRef<[u8]>) -> Result<(Taken, ReadReport), SourceError> {
        read_as(Format::NdJson, records(), bytes.as_ref(), EVERYTHING)
    }

    fn line(key: &str) -> String {
        format!(
            "{{\"Id\":\"{key}\",\"Name\":\"{TURKISH}\",\"Phone\":\"05325550101\",\"Balance\":1250.500}}"
        )
    }

    #[test]
    fn each_line_is_a_record() {
        let content = format!("\u{feff}{}\r\n\n  \n{}", line("1"), line("2"));
        let (taken, report) = read(content).unwrap();
        assert_eq!((taken.contacts.len(), report.rows_read), (2, 2));
        assert_eq!(taken.contacts[0].name.as_deref(), Some(TURKISH));
        let balance = taken.contacts[0].balance.unwrap().amount.to_string();
        assert_eq!(
            balance, "1250.5",
            "a number by its type has a decimal point"
        );
        assert!(report.rejects.is_empty());
    }

    #[test]
    fn a_broken_line_is_counted_with_its_number_and_the_rest_is_read() {
        let lines = [
            line("1"),
            line("2").replace('}', ""),
            "[1]".into(),
            "5 6".into(),
            line("3"),
            line("4").replace('1', "\u{1}"),
        ];
        let mut content = lines.join("\n").into_bytes();
        content.extend(b"\n{\"Name\":\"\xff\"}\n");
        let (taken, report) = read(content).unwrap();
        assert_eq!(taken.contacts.len(), 2);
        let tally = &report.rejects.rows[&RowReason::BrokenRecord];
        let lines: Vec<u64> = tally.examples.iter().map(|e| e.line).collect();
        assert_eq!((tally.count, lines), (5, vec![2, 3, 4, 6, 7]));
        assert!(tally.examples.iter().all(|e| e.value.is_empty()));
    }

    #[test]
    fn a_line_is_as_long_as_the_bound_and_no_longer() {
        let filled = |length: usize| {
            let record = line("1").replace('}', ",\"Note\":\"\"}");
            let filler = "x".repeat(length - record.len());
            record.replace("\"Note\":\"", &format!("\"Note\":\"{filler}"))
        };
        let content = format!(
            "{}\n{}\n{}\n",
            filled(RECORD_BYTES),
            filled(RECORD_BYTES + 1),
            line("2")
        );
        let (taken, report) = read(content).unwrap();
        assert_eq!(taken.contacts.len(), 2);
        let tally = &report.rejects.rows[&RowReason::LongRecord];
        assert_eq!((tally.count, tally.examples[0].line), (1, 2));
        let endless = format!("{}\n{}", line("1"), "x".repeat(RECORD_BYTES * 3));
        assert_eq!(read(endless).unwrap().1.rejects.rows_rejected(), 1);
    }

    #[test]
    fn a_few_records_are_shown_as_they_are() {
        let content = format!("{}\n{}\n{}\n", line("1"), line("2"), line("3"));
        let few = read_as(
            Format::NdJson,
            records(),
            content.as_bytes(),
            Wanted::Few(2),
        );
        let (taken, report) = few.unwrap();
        assert_eq!((taken.contacts.len(), report.rows_read), (2, 2));
        assert!(taken.raw[0].contains("Id=1") && taken.raw[0].contains("Balance=1250.5"));
    }

    #[test]
    fn a_file_in_utf_16_or_without_anything_is_refused() {
        let error = read(utf_16(&format!("\u{feff}{}", line("1")), u16::to_le_bytes)).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("is not written in UTF-8: let the export write UTF-8"),
            "{error}"
        );
        assert!(matches!(read(""), Err(SourceError::Empty { .. })));
    }

    #[test]
    fn a_damaged_file_never_ends_more_than_its_read() {
        let content = (0..20)
            .map(|i| line(&i.to_string()) + "\n")
            .collect::<String>();
        survives_damage(&Format::NdJson, &records(), content.as_bytes(), 400);
    }
}
