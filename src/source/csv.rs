//! The CSV format: a file to rows, in one pass and in the memory of one row.
//!
//! ```text
//! file -> counted and summed -> UTF-8 -> guard (one record at a time) -> CSV parser -> row
//! ```
//! Memory is bounded whatever the file holds: one record, the hashes of keys, a handful of examples.

use std::io::{self, BufReader, Cursor, Read, Seek};

use ::csv::StringRecord;

use super::decode::{decoded, encoding_of};
use super::error::{ReadError, SourceError};
use super::export::{Input, READ_BYTES};
use super::guard::{Guard, RECORD_BYTES, Trouble};
use super::header::{Columns, delimiter_of, separator_line};
use super::pass::Pass;
use super::row::{Row, RowPlace};
use super::rows::Rows;
use super::settings::{CsvFormat, Mapping};

type Records<R> = csv::Reader<Guard<R>>;

/// Hands out the rows of the file.
pub(super) fn read<'s, E>(
    format: &CsvFormat,
    input: &Input<'s, '_>,
    pass: &mut Pass<'_, E>,
) -> Result<Rows<'s>, ReadError<E>> {
    let mut file = input.file;
    let mut looked_at = file.take(input.picked.size());
    let encoding = encoding_of(format.encoding, &mut looked_at)
        .and_then(|encoding| file.rewind().map(|()| encoding))
        .map_err(|e| input.io(e))?;
    let text = decoded(
        BufReader::with_capacity(READ_BYTES, input.summed()),
        encoding,
    );
    let mapping = &input.settings.mapping;
    let mut records = records(format, mapping, text).map_err(|e| input.io(e))?;
    let mut header = StringRecord::new();
    if !next(input, &mut records, &mut header)? {
        return Err(input.error(|path| SourceError::Empty { path }).into());
    }
    let columns = Columns::find(&header, input.settings).map_err(|e| input.header_error(e))?;
    let mut rows = input.rows(columns);
    let mut values = StringRecord::new();
    while !pass.is_over(&rows) && next(input, &mut records, &mut values)? {
        let place = RowPlace {
            line: records.get_ref().record_line(),
            broken_quote: records.get_ref().broken_quote(),
        };
        let row = Row {
            values: &values,
            typed: &[],
        };
        pass.take(&mut rows, &header, row, place)?;
    }
    Ok(rows)
}

/// The parser, set up from what the beginning of the text shows.
fn records<R: Read>(
    format: &CsvFormat,
    mapping: &Mapping,
    mut text: R,
) -> io::Result<Records<impl io::BufRead + use<R>>> {
    let mut head = Vec::new();
    text.by_ref()
        .take(RECORD_BYTES as u64)
        .read_to_end(&mut head)?;
    let separator = separator_line(&head);
    let (delimiter, skipped) = match (format.delimiter, separator) {
        (Some(delimiter), separator) => (delimiter, separator.map_or(0, |(_, bytes)| bytes)),
        (None, Some((delimiter, bytes))) => (delimiter, bytes),
        (None, None) => (delimiter_of(&head, format.quote, mapping), 0),
    };
    head.drain(..skipped);
    let first_line = if skipped > 0 { 2 } else { 1 };
    let whole = BufReader::with_capacity(READ_BYTES, Cursor::new(head).chain(text));
    Ok(csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .quote(format.quote)
        .from_reader(Guard::new(whole, delimiter, format.quote, first_line)))
}

fn next<R: io::BufRead>(
    input: &Input<'_, '_>,
    records: &mut Records<R>,
    record: &mut StringRecord,
) -> Result<bool, SourceError> {
    records.read_record(record).map_err(|e| {
        let path = input.picked.path().to_owned();
        match records.get_ref().trouble() {
            Some(Trouble::UnclosedQuote { line }) => SourceError::UnclosedQuote { path, line },
            Some(Trouble::RecordTooLong { line }) => SourceError::RecordTooLong {
                path,
                line,
                limit: RECORD_BYTES,
            },
            None => input.io(e.into()),
        }
    })
}

#[cfg(test)]
pub(super) mod tests {
    use std::convert::Infallible;
    use std::fs::{self, File};
    use std::path::Path;
    use std::time::SystemTime;

    use tempfile::TempDir;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::domain::contact::Contact;
    use crate::domain::dialling::Dialling;
    use crate::domain::money::{Currency, DecimalSign};
    use crate::domain::phone::{PhoneNumber, Region};
    use crate::source::decode::tests::{TURKISH, utf_16, windows_1254};
    use crate::source::export::FileSource;
    use crate::source::file::Picked;
    use crate::source::header::COLUMNS;
    use crate::source::read::{Each, Job, Progress, Raw, ReadReport, Taker, Wanted};
    use crate::source::reject::RowReason;
    use crate::source::rows::{CONTACTS, PROGRESS_ROWS};
    use crate::source::settings::{
        BalanceColumn, BalanceSign, FileSettings, Format, Kind, Line, Location, Mapping,
        NumbersColumn, RecordSettings,
    };

    pub(in crate::source) fn turkish() -> Dialling {
        Dialling::of(Region::parse("TR").unwrap())
    }

    pub(in crate::source) fn numbers(column: &str) -> NumbersColumn {
        NumbersColumn {
            column: column.into(),
            dialling: turkish(),
            line: Line::Own,
        }
    }

    pub(in crate::source) fn settings() -> FileSettings {
        FileSettings {
            records: records(),
            location: Location::File("contacts.csv".into()),
            format: Format::Csv(CsvFormat::default()),
        }
    }

    pub(in crate::source) fn csv(settings: &mut FileSettings) -> &mut CsvFormat {
        match &mut settings.format {
            Format::Csv(format) => format,
            _ => panic!("the settings are of another format"),
        }
    }

    /// Columns `Id`, `Name`, `Phone` and `Balance`.
    pub(in crate::source) fn records() -> RecordSettings {
        RecordSettings {
            name: "crm".into(),
            mapping: Mapping {
                key: Some("Id".into()),
                name: vec!["Name".into()],
                numbers: vec![numbers("Phone")],
                balance: Some(BalanceColumn {
                    column: "Balance".into(),
                    currency_column: None,
                    currency: Currency::parse("TRY"),
                    decimal: DecimalSign::Auto,
                    sign: BalanceSign::Debit,
                }),
                ..Mapping::default()
            },
            kind: Kind::Contacts,
            dialling: turkish(),
        }
    }

    /// An export on a disk of its own.
    struct Export {
        folder: TempDir,
        source: FileSource,
    }

    type Given = Result<(Vec<Contact>, ReadReport), SourceError>;

    impl Export {
        fn new(mut settings: FileSettings, content: &[u8]) -> Export {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("contacts.csv");
            fs::write(&path, content).unwrap();
            settings.location = Location::File(path);
            let source = FileSource::new(settings, Path::new(""));
            Export { folder, source }
        }

        fn path(&self) -> std::path::PathBuf {
            self.folder.path().join("contacts.csv")
        }

        fn picked(&self) -> Picked {
            self.source
                .pick(SystemTime::UNIX_EPOCH, &CancellationToken::new())
                .unwrap()
        }

        fn read_with<E>(
            &self,
            take: impl FnMut(Contact) -> Result<(), E>,
        ) -> Result<ReadReport, ReadError<E>> {
            self.read_by(Wanted::Everything { from: None }, &mut Each(take))
        }

        fn read_by<E>(
            &self,
            wanted: Wanted<'_>,
            taker: &mut dyn Taker<Error = E>,
        ) -> Result<ReadReport, ReadError<E>> {
            let halt = &CancellationToken::new();
            self.source
                .read(&self.picked(), &Job { wanted, halt }, taker)
        }

        fn read(&self) -> Given {
            self.read_while(&mut |_, _| {})
        }

        fn read_while(&self, meanwhile: &mut dyn FnMut(&Path, usize)) -> Given {
            let mut contacts = Vec::new();
            let report = self.read_with(|contact| {
                contacts.push(contact);
                meanwhile(&self.path(), contacts.len());
                Ok::<(), Infallible>(())
            });
            match report {
                Ok(report) => Ok((contacts, report)),
                Err(ReadError::Source(e)) => Err(e),
            }
        }
    }

    fn read(content: impl AsRef<[u8]>) -> Given {
        Export::new(settings(), content.as_ref()).read()
    }

    fn ayse() -> Contact {
        let number = PhoneNumber::parse("+905325550101", Region::parse("TR").unwrap());
        let balance =
            crate::domain::money::Money::parse("1250.50 TRY", DecimalSign::Point, None).unwrap();
        Contact {
            key: Some("1".into()),
            name: Some(TURKISH.into()),
            balance: Some(balance),
            numbers: vec![number.unwrap()],
            ..Contact::default()
        }
    }

    #[test]
    fn one_contact_is_read_however_the_file_is_written() {
        let plain = format!("Id,Name,Phone,Balance\n1,{TURKISH},0532 555 01 01,1250.50\n");
        let german = format!("ID;NAME;PHONE;BALANCE\n1;{TURKISH};+905325550101;1.250,50\n");
        let marked = format!("\u{feff}{german}");
        let (le, be) = (
            u16::to_le_bytes as fn(u16) -> _,
            u16::to_be_bytes as fn(u16) -> _,
        );
        let cases: Vec<Vec<u8>> = vec![
            plain.clone().into(),
            plain.trim_end().into(),
            plain.replace('\n', "\r\n").into(),
            plain.replace('\n', "\r").into(),
            plain.replace('\n', "\n\n").into(),
            plain.replace(',', "\t").into(),
            plain.replace(',', "|").into(),
            plain
                .replace(',', "\",\"")
                .replace("Id", "\"Id")
                .replace("Balance\n1", "Balance\"\n\"1")
                .replace("50\n", "50\"\n")
                .into(),
            german.clone().into(),
            marked.clone().into(),
            format!("sep=;\r\n{german}").into(),
            windows_1254(&german),
            utf_16(&marked, le),
            utf_16(&marked, be),
            format!("Extra,Balance,Id,Phone,Name\nx,\"1,250.50\",1,05325550101,  {TURKISH} \n")
                .into(),
            format!("Id,Name,Phone,Balance\n1,{TURKISH},05325550101,1250.5,,\n").into(),
            format!("Id,Name,Phone,Balance,Notes\n1,{TURKISH},05325550101,1250.5\n").into(),
            format!(
                "Id,Name,Phone,Balance,Notes\n1,{TURKISH},05325550101,1250.5,\"a\n\"\"b\"\"\n\"\n"
            )
            .into(),
        ];
        for content in cases {
            let shown = String::from_utf8_lossy(&content).into_owned();
            let (contacts, report) = read(content).unwrap_or_else(|e| panic!("{shown:?}: {e}"));
            assert!(report.rejects.is_empty(), "{shown:?}: {report:?}");
            assert_eq!((report.rows_read, report.contacts), (1, 1), "{shown:?}");
            assert!(contacts == [ayse()], "{shown:?}: {contacts:?}");
        }
    }

    #[test]
    fn the_delimiter_and_quote_can_be_given() {
        let mut settings = settings();
        csv(&mut settings).delimiter = Some(b'~');
        csv(&mut settings).quote = b'\'';
        let content = format!("Id~Name~Phone~Balance\n1~'{TURKISH}'~'05325550101'~'1250,50'\n");
        let (contacts, _) = Export::new(settings, content.as_bytes()).read().unwrap();
        assert!(contacts == [ayse()]);
    }

    #[test]
    fn a_header_alone_is_an_export_of_nobody() {
        for end in ["", "\n", "\r\n\r\n"] {
            let (contacts, report) = read(format!("Id,Name,Phone,Balance{end}")).unwrap();
            assert_eq!((contacts.len(), report.rows_read), (0, 0));
        }
    }

    #[test]
    fn what_can_not_be_read_says_what_to_do() {
        let long = "x".repeat(RECORD_BYTES + 1);
        let wide = "x,".repeat(COLUMNS + 1);
        let utf_16_unmarked: String = "Id,Name,Phone,Balance\n"
            .chars()
            .flat_map(|c| [c, '\0'])
            .collect();
        let cases = [
            ("".to_owned(), "is empty"),
            ("\u{feff}".into(), "is empty"),
            ("\r\n\n".into(), "is empty"),
            (
                "Id;Nmae;Tel".into(),
                r#"has no column "Name", "Phone", "Balance"; its columns are "Id", "Nmae", "Tel""#,
            ),
            (
                "Id,Name,Phone,Phone,Balance".into(),
                r#"has more than one column "Phone""#,
            ),
            ("1,Ayşe,05325550101,5".into(), "is no header"),
            (wide, "columns, more than the 512"),
            (utf_16_unmarked, "set encoding"),
            (
                "Id,Name,Phone,Balance\n1,\"Ayşe,0532\n2,b\n".into(),
                "line 2: a quote opened here is not closed",
            ),
            (
                format!("Id,Name,Phone,Balance\n\n1,{long}"),
                "line 3: the row is longer than 65536 bytes",
            ),
            (
                format!("{long},Id,Name,Phone,Balance\n"),
                "line 1: the row is longer",
            ),
        ];
        for (content, words) in cases {
            let error = read(content).unwrap_err();
            assert!(error.to_string().contains(words), "{words}: {error}");
            assert!(error.to_string().contains("contacts.csv"), "{error}");
            assert!(!error.to_string().contains("Ayşe"), "{error}");
        }
    }

    #[test]
    fn the_header_may_be_further_from_the_rows_than_one_buffer() {
        let filler = "x".repeat(RECORD_BYTES - 100);
        let row = format!("1,{TURKISH},0532 555 01 01,1250.50,{filler}\n");
        let content = format!(
            "Id,Name,Phone,Balance,{filler}\n{row}{}",
            row.replace("1,Ş", "2,Ş")
        );
        let (contacts, report) = read(content).unwrap();
        assert_eq!((contacts.len(), report.rejects.is_empty()), (2, true));
        assert!(contacts[0] == ayse());
    }

    fn many(rows: usize) -> String {
        let row = |i| format!("{i},Name {i},0532{:07},{i}.50\n", i % 10_000_000);
        "Id,Name,Phone,Balance\n"
            .chars()
            .chain((0..rows).flat_map(|i| row(i).into_bytes()).map(char::from))
            .collect()
    }

    /// A taker that looks at all it is told.
    #[derive(Default)]
    struct Watched {
        seen: Vec<Progress>,
        contacts: usize,
        raw: Vec<String>,
    }

    impl Taker for Watched {
        type Error = Infallible;

        fn raw(&mut self, raw: Raw<'_>) {
            let values = raw
                .values
                .iter()
                .map(|(name, value)| format!("{name}={value}"));
            self.raw.push(values.collect::<Vec<_>>().join(" "));
        }

        fn contact(&mut self, _contact: Contact) -> Result<(), Infallible> {
            self.contacts += 1;
            Ok(())
        }

        fn progress(&mut self, progress: Progress) {
            self.seen.push(progress);
        }
    }

    #[test]
    fn a_few_rows_are_shown_as_they_are_written() {
        let export = Export::new(settings(), many(5).as_bytes());
        let mut watched = Watched::default();
        let report = export.read_by(Wanted::Few(2), &mut watched).unwrap();
        assert_eq!((report.rows_read, watched.contacts), (2, 2));
        assert_eq!(report.digest, None);
        assert_eq!(
            watched.raw[1],
            "Id=1 Name=Name 1 Phone=05320000001 Balance=1.50"
        );
    }

    #[test]
    fn a_read_ends_when_it_is_halted() {
        let export = Export::new(settings(), many(1_500).as_bytes());
        let (picked, halt) = (export.picked(), CancellationToken::new());
        halt.cancel();
        let wanted = Wanted::Everything { from: None };
        let job = Job {
            wanted,
            halt: &halt,
        };
        let read = export.source.read(&picked, &job, &mut Watched::default());
        assert!(matches!(read, Err(ReadError::Source(SourceError::Halted))));
    }

    #[test]
    fn rows_are_handed_out_while_the_file_is_still_read() {
        let export = Export::new(settings(), many(12_500).as_bytes());
        let mut watched = Watched::default();
        let report = export.read_by(Wanted::Everything { from: None }, &mut watched);
        let (report, Watched { seen, contacts, .. }) = (report.unwrap(), watched);
        assert_eq!((report.contacts, contacts), (12_500, 12_500));
        assert_eq!(seen.len(), 12 + 1);
        assert_eq!(seen[0].rows, PROGRESS_ROWS);
        let total = export.picked().size();
        assert!(seen[0].bytes_read < total / 2, "{seen:?}");
        assert!(
            seen.iter()
                .all(|p| p.bytes_total == total && p.bytes_read <= total)
        );
        let last = seen[12];
        assert_eq!((last.rows, last.bytes_read), (12_500, total));
    }

    #[test]
    fn as_many_contacts_as_the_bound_are_read_and_no_more() {
        let mut export = Export::new(settings(), many(5).as_bytes());
        assert_eq!(export.source.limit, CONTACTS);
        export.source.limit = 5;
        assert_eq!(export.read().unwrap().1.contacts, 5);
        export.source.limit = 4;
        let error = export.read().unwrap_err();
        assert!(
            matches!(error, SourceError::TooManyContacts { limit: 4, .. }),
            "{error}"
        );
    }

    #[test]
    fn the_receiver_can_end_a_read() {
        let export = Export::new(settings(), many(5).as_bytes());
        let mut taken = 0;
        let read = export.read_with(|_| {
            taken += 1;
            if taken == 2 { Err("disk full") } else { Ok(()) }
        });
        assert!(matches!(read, Err(ReadError::Row("disk full"))));
        assert_eq!(taken, 2);
    }

    #[test]
    fn a_file_that_changes_while_it_is_read_is_not_used() {
        type Change = fn(&Path);
        let changes: &[Change] = &[
            |path| {
                use std::io::Write;
                let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
                file.write_all(b"9,New,05325550109,1\n").unwrap();
            },
            |path| {
                File::options()
                    .write(true)
                    .open(path)
                    .unwrap()
                    .set_len(100_000)
                    .unwrap()
            },
            |path| {
                File::options()
                    .write(true)
                    .open(path)
                    .unwrap()
                    .set_len(0)
                    .unwrap()
            },
            |path| {
                let file = File::options().write(true).open(path);
                file.unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
            },
            // Cut within a quote, which would be an error of its own.
            |path| {
                let mut content = fs::read(path).unwrap();
                content[200_000] = b'"';
                content.truncate(250_000);
                fs::write(path, content).unwrap();
            },
        ];
        for (i, change) in changes.iter().enumerate() {
            let export = Export::new(settings(), many(10_000).as_bytes());
            let error = export.read_while(&mut |path, contacts| {
                if contacts == 1 {
                    change(path);
                }
            });
            let error = error.map(|(_, report)| report).unwrap_err();
            assert!(
                matches!(error, SourceError::Changed { .. }),
                "change {i}: {error}"
            );
        }
    }

    #[test]
    fn a_file_that_is_replaced_by_another_is_read_to_its_end() {
        let export = Export::new(settings(), many(10_000).as_bytes());
        let given = export.read_while(&mut |path, contacts| {
            if contacts == 1 {
                let new = path.with_extension("new");
                fs::write(&new, many(3)).unwrap();
                fs::rename(new, path).unwrap();
            }
        });
        assert_eq!(given.unwrap().1.contacts, 10_000);
    }

    #[test]
    fn a_file_that_changed_since_it_was_picked_is_not_opened() {
        let export = Export::new(settings(), many(3).as_bytes());
        let picked = export.picked();
        fs::write(export.path(), many(4)).unwrap();
        let error = export.source.digest(&picked).unwrap_err();
        assert!(matches!(error, SourceError::Changed { .. }), "{error}");
    }

    #[test]
    fn the_digest_is_known_before_the_read_and_told_by_it() {
        let export = Export::new(settings(), many(100).as_bytes());
        let before = export.source.digest(&export.picked()).unwrap();
        assert_eq!(export.read().unwrap().1.digest, Some(before));
        fs::write(export.path(), many(101)).unwrap();
        assert_ne!(export.source.digest(&export.picked()).unwrap(), before);
    }

    #[test]
    fn damaged_letters_cost_their_row_and_no_other() {
        let mut content =
            format!("Id,Name,Phone,Balance\n1,{TURKISH},05325550101,1250.5\n2,Ay").into_bytes();
        content.extend(b"\xff,05325550102,5\n3,Can,05325550103,5\n");
        let (contacts, report) = read(content).unwrap();
        assert_eq!(contacts.len(), 2);
        assert!(contacts[0] == ayse());
        let tally = &report.rejects.rows[&RowReason::InvalidBytes];
        assert_eq!((tally.count, tally.examples[0].line), (1, 3));
        assert_eq!(tally.examples[0].column.as_deref(), Some("Name"));
    }
}
