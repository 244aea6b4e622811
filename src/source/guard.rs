//! Watches the text on its way into the CSV parser, which by itself would follow a quote that is never
//! closed through the whole file and hold all of it as one value.
//!
//! The guard walks the same grammar as the parser, but only to know where it stands. It hands over at most
//! one record at a time, so whenever the parser has finished a record, what the guard says is about that
//! record. It guarantees that
//! - no record longer than `RECORD_BYTES` is ever handed over whole;
//! - a quote still open there, or at the end of the file, is an error that names the line it was opened in;
//! - a record in which text follows a closing quote is known: such a quote was meant to be closed elsewhere,
//!   and two customers may have run into one another.

use std::io::{self, BufRead, Read};

/// Longest record, without its line end: 512 columns of 128 bytes. Longer ones are an unclosed quote.
pub(super) const RECORD_BYTES: usize = 64 * 1024;

/// Why reading can't go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    UnclosedQuote { line: u64 },
    RecordTooLong { line: u64 },
}

/// Where in a record the last byte was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    BetweenRecords,
    ValueStart,
    Plain,
    Quoted,
    /// After a quote within quotes: it ends the value, unless a second one follows.
    QuoteSeen,
    /// Blanks after a closing quote.
    AfterQuoted,
}

pub(super) struct Guard<R> {
    reader: R,
    delimiter: u8,
    quote: u8,
    place: Place,
    /// Of the next byte, counted from 1.
    line: u64,
    after_return: bool,
    quote_line: u64,
    record_line: u64,
    record_bytes: usize,
    broken_quote: bool,
    trouble: Option<Trouble>,
}

impl<R: BufRead> Guard<R> {
    /// `line` is that of the reader's first byte.
    pub(super) fn new(reader: R, delimiter: u8, quote: u8, line: u64) -> Guard<R> {
        Guard {
            reader,
            delimiter,
            quote,
            place: Place::BetweenRecords,
            line,
            after_return: false,
            quote_line: line,
            record_line: line,
            record_bytes: 0,
            broken_quote: false,
            trouble: None,
        }
    }

    /// The line the last record starts in.
    pub(super) fn record_line(&self) -> u64 {
        self.record_line
    }

    /// Whether text followed a closing quote in the last record.
    pub(super) fn broken_quote(&self) -> bool {
        self.broken_quote
    }

    pub(super) fn trouble(&self) -> Option<Trouble> {
        self.trouble
    }

    /// Walks to the end of the record or of the bytes; gives how far that was.
    fn walk(&mut self, bytes: &[u8]) -> Result<usize, Trouble> {
        for (i, byte) in bytes.iter().enumerate() {
            let was = self.place;
            self.step(*byte);
            if self.place == Place::BetweenRecords {
                if was != Place::BetweenRecords {
                    return Ok(i + 1);
                }
            } else if self.record_bytes > RECORD_BYTES {
                return Err(match self.place {
                    Place::Quoted => self.unclosed_quote(),
                    _ => Trouble::RecordTooLong {
                        line: self.record_line,
                    },
                });
            }
        }
        Ok(bytes.len())
    }

    fn step(&mut self, byte: u8) {
        let ends_line = byte == b'\n' || byte == b'\r';
        if self.place == Place::BetweenRecords && !ends_line {
            self.record_line = self.line;
            self.record_bytes = 0;
            self.broken_quote = false;
        }
        self.record_bytes += 1;
        self.place = match self.place {
            Place::BetweenRecords if ends_line => Place::BetweenRecords,
            Place::BetweenRecords | Place::ValueStart if byte == self.quote => {
                self.quote_line = self.line;
                Place::Quoted
            }
            Place::Quoted if byte == self.quote => Place::QuoteSeen,
            Place::Quoted => Place::Quoted,
            Place::QuoteSeen if byte == self.quote => Place::Quoted,
            _ if byte == self.delimiter => Place::ValueStart,
            _ if ends_line => Place::BetweenRecords,
            Place::QuoteSeen | Place::AfterQuoted if byte == b' ' => Place::AfterQuoted,
            Place::QuoteSeen | Place::AfterQuoted => {
                self.broken_quote = true;
                Place::Plain
            }
            _ => Place::Plain,
        };
        if ends_line && !(byte == b'\n' && self.after_return) {
            self.line += 1;
        }
        self.after_return = byte == b'\r';
    }

    fn unclosed_quote(&self) -> Trouble {
        Trouble::UnclosedQuote {
            line: self.quote_line,
        }
    }

    fn stop(&mut self, trouble: Trouble) -> io::Error {
        self.trouble = Some(trouble);
        io::Error::from(io::ErrorKind::InvalidData)
    }
}

impl<R: BufRead> Read for Guard<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if let Some(trouble) = self.trouble {
            return Err(self.stop(trouble));
        }
        let chunk = self.reader.fill_buf()?;
        if chunk.is_empty() && self.place == Place::Quoted {
            let trouble = self.unclosed_quote();
            return Err(self.stop(trouble));
        }
        let length = chunk.len().min(out.len());
        out[..length].copy_from_slice(&chunk[..length]);
        match self.walk(&out[..length]) {
            Ok(walked) => {
                self.reader.consume(walked);
                Ok(walked)
            }
            Err(trouble) => Err(self.stop(trouble)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Records through guard and parser: line, broken quote, values.
    fn records(text: &str) -> Result<Vec<(u64, bool, Vec<String>)>, Trouble> {
        let mut reader = ::csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(Guard::new(text.as_bytes(), b',', b'"', 1));
        let mut record = ::csv::StringRecord::new();
        let mut records = Vec::new();
        loop {
            match reader.read_record(&mut record) {
                Ok(false) => return Ok(records),
                Ok(true) => records.push((
                    reader.get_ref().record_line(),
                    reader.get_ref().broken_quote(),
                    record.iter().map(str::to_owned).collect(),
                )),
                Err(e) => return Err(reader.get_ref().trouble().unwrap_or_else(|| panic!("{e}"))),
            }
        }
    }

    #[test]
    fn the_guard_speaks_of_the_record_the_parser_has_finished() {
        for end in ["\n", "\r\n", "\r"] {
            let text = ["a,b", "", "", "\"c", "d\",\"e\"\"\"", "f", "g,\"h\"i", "j"].join(end);
            let quoted = format!("c{end}d");
            let expected = [
                (1, false, vec!["a", "b"]),
                (4, false, vec![&quoted, "e\""]),
                (6, false, vec!["f"]),
                (7, true, vec!["g", "hi"]),
                (8, false, vec!["j"]),
            ];
            for text in [text.clone(), text + end] {
                let records = records(&text).unwrap();
                let records: Vec<_> = records
                    .iter()
                    .map(|(line, broken, values)| {
                        (*line, *broken, values.iter().map(String::as_str).collect())
                    })
                    .collect();
                assert_eq!(records, expected, "{text:?}");
            }
        }
    }

    #[test]
    fn text_after_a_closing_quote_is_noticed_and_nothing_else() {
        let cases = [
            ("\"a\"", false),
            ("\"a\" ,b", false),
            ("\"a\"  ", false),
            ("\"a\"\"b\"", false),
            ("5\" pipe,b\"", false),
            ("\"\",\"\"", false),
            ("\"a\"b", true),
            ("\"a\" \"b\"", true),
            ("\"a \"best\" b\"", true),
            ("\"Acme,1\n2,\"Other\",3", true),
        ];
        for (text, broken) in cases {
            let records = records(text).unwrap();
            assert_eq!(records.len(), 1, "{text}");
            assert_eq!(records[0].1, broken, "{text}");
        }
    }

    #[test]
    fn an_unclosed_quote_is_named_by_its_line() {
        let long = "x\n".repeat(RECORD_BYTES);
        let cases = [
            ("a\n\"b".to_owned(), 2),
            ("a\nb,\"c\nd\",\"e\nf\n".into(), 3),
            (format!("a\n\nb,\"{long}"), 3),
            (format!("a,\"{long}\""), 1),
        ];
        for (text, line) in cases {
            assert_eq!(records(&text), Err(Trouble::UnclosedQuote { line }));
        }
    }

    #[test]
    fn a_record_may_be_as_long_as_the_bound_and_no_longer() {
        for end in ["", "\n", "\r\n"] {
            let fits = "x".repeat(RECORD_BYTES);
            assert_eq!(records(&format!("a\n{fits}{end}")).unwrap().len(), 2);
            assert_eq!(
                records(&format!("a\n{fits}x{end}")),
                Err(Trouble::RecordTooLong { line: 2 })
            );
            let quoted = format!("a\n\"{}\"{end}", "x".repeat(RECORD_BYTES - 2));
            assert_eq!(records(&quoted).unwrap().len(), 2);
        }
    }

    #[test]
    fn blank_lines_are_no_record_however_many() {
        let text = format!("a\n{}b", "\r\n".repeat(RECORD_BYTES));
        assert_eq!(records(&text).unwrap()[1].0, RECORD_BYTES as u64 + 2);
    }

    #[test]
    fn whatever_the_text_the_guard_is_never_ahead_of_the_parser() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut records = 0;
        for _ in 0..2_000 {
            let length = random.usize(0..24);
            let text: String = (0..length)
                .map(|_| random.choice(['a', '"', '"', ',', '\n', '\r', ' ']))
                .map(Option::unwrap)
                .collect();
            let mut builder = ::csv::ReaderBuilder::new();
            builder.has_headers(false).flexible(true);
            let mut alone = builder.from_reader(text.as_bytes());
            let mut guarded = builder.from_reader(Guard::new(text.as_bytes(), b',', b'"', 1));
            let (mut a, mut b) = (::csv::StringRecord::new(), ::csv::StringRecord::new());
            while let Ok(true) = guarded.read_record(&mut b) {
                assert!(alone.read_record(&mut a).unwrap(), "{text:?}");
                assert_eq!(a, b, "{text:?}");
                let handed_over = text.len() - guarded.get_ref().reader.len();
                assert_eq!(guarded.position().byte(), handed_over as u64, "{text:?}");
                records += 1;
            }
            let more = alone.read_record(&mut a).unwrap();
            assert_eq!(more, guarded.get_ref().trouble().is_some(), "{text:?}");
        }
        assert!(records > 2_000, "{records}");
    }
}
