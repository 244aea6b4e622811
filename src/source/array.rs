//! The JSON format: an array of records, which may lie within members of an object.
//!
//! The file is never in memory: the parser walks to the array and hands out its elements one by one. A record
//! that is no object is rejected and counted; where the file stops being JSON, nothing behind can be told from
//! what is before, and the read ends in an error.

use std::cell::RefCell;
use std::fmt;
use std::io::BufReader;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::error::{ReadError, SourceError};
use super::export::{Input, READ_BYTES};
use super::json::{Extractor, JsonRows, shown};
use super::metered::{Allowance, Metered};
use super::ndjson;
use super::pass::Pass;
use super::reject::RowReason;
use super::rows::Rows;

/// Longest record of a JSON file, in an array or a line: the widest CRMs give some 100 kB for each.
pub(super) const RECORD_BYTES: usize = 1024 * 1024;

/// Hands out the records of the array that `names` lead to.
pub(super) fn read<'s, E>(
    names: &[String],
    extractor: &'s Extractor,
    input: &Input<'s, '_>,
    pass: &mut Pass<'_, E>,
) -> Result<Rows<'s>, ReadError<E>> {
    // What a record may have, and what was read ahead of it.
    let piece = (RECORD_BYTES + READ_BYTES) as u64;
    let allowance = Allowance::new(piece);
    let metered = Metered::new(ndjson::text(input)?, &allowance);
    let reader = BufReader::with_capacity(READ_BYTES, metered);
    let mut parser = serde_json::Deserializer::from_reader(reader);
    let mut rows = JsonRows::new(extractor, input.settings, input.name());
    rows.rows.limit = input.limit;
    let stop = RefCell::new(None);
    let mut each = |record: Value| -> Result<(), ()> {
        if pass.is_over(&rows.rows) {
            return Err(());
        }
        let taken = take(&record, &mut rows, pass);
        taken.map_err(|e| drop(stop.borrow_mut().replace(e)))
    };
    let mut is_found = false;
    let walk = Walk {
        names,
        allowance: &allowance,
        piece,
        each: &mut each,
        is_found: &mut is_found,
    };
    let walked = walk.deserialize(&mut parser).and_then(|()| {
        allowance.grant(u64::MAX);
        parser.end()
    });
    if let Some(e) = stop.into_inner() {
        return Err(e);
    }
    match walked {
        _ if pass.is_over(&rows.rows) => Ok(rows.rows),
        Ok(()) if is_found => Ok(rows.rows),
        Err(e) if e.is_data() && !is_found => Err(no_array(names, input).into()),
        Ok(()) => Err(no_array(names, input).into()),
        Err(e) => Err(broken(&e, &allowance, input).into()),
    }
}

fn take<E>(
    record: &Value,
    rows: &mut JsonRows<'_>,
    pass: &mut Pass<'_, E>,
) -> Result<(), ReadError<E>> {
    let number = rows.rows.rows + 1;
    if record.is_object() {
        pass.show_members(|| shown(record));
        rows.take(record, number, pass.taker)?;
    } else {
        rows.rows.refuse(RowReason::BrokenRecord, number, None);
    }
    Ok(pass.go_on(&rows.rows)?)
}

fn no_array(names: &[String], input: &Input<'_, '_>) -> SourceError {
    let records = names.join(".");
    input.error(|path| SourceError::NoArray { path, records })
}

fn broken(error: &serde_json::Error, allowance: &Allowance, input: &Input<'_, '_>) -> SourceError {
    let (line, column) = (error.line() as u64, error.column());
    if error.is_io() && allowance.is_used_up() {
        let limit = RECORD_BYTES;
        return input.error(|path| SourceError::RecordTooLong { path, line, limit });
    }
    if error.is_io() {
        return input.io(std::io::Error::other(error.to_string()));
    }
    input.error(|path| SourceError::BrokenJson { path, line, column })
}

/// The way to the array, and along it.
struct Walk<'w> {
    names: &'w [String],
    allowance: &'w Allowance,
    piece: u64,
    each: &'w mut dyn FnMut(Value) -> Result<(), ()>,
    is_found: &'w mut bool,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.names.is_empty() {
            true => deserializer.deserialize_seq(self),
            false => deserializer.deserialize_map(self),
        }
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        *self.is_found = true;
        self.allowance.grant(self.piece);
        while let Some(record) = seq.next_element()? {
            (self.each)(record).map_err(|()| A::Error::custom("the read is over"))?;
            self.allowance.grant(self.piece);
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((name, rest)) = self.names.split_first() else {
            return Err(A::Error::custom("no array"));
        };
        let mut way = Some((self.each, self.is_found));
        self.allowance.grant(self.piece);
        while let Some(key) = map.next_key::<String>()? {
            match way.take_if(|_| key == *name) {
                Some((each, is_found)) => map.next_value_seed(Walk {
                    names: rest,
                    allowance: self.allowance,
                    piece: self.piece,
                    each,
                    is_found,
                })?,
                None => {
                    // What is passed over takes no memory, so it may be as long as it is.
                    self.allowance.grant(u64::MAX);
                    map.next_value::<IgnoredAny>()?;
                }
            }
            self.allowance.grant(self.piece);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::csv::tests::records;
    use crate::source::export::tests::{Taken, read_as, survives_damage};
    use crate::source::read::{ReadReport, Wanted};
    use crate::source::settings::Format;

    const EVERYTHING: Wanted<'_> = Wanted::Everything { from: None };

    const MARK: char = '\u{feff}';

    type Given = Result<(Taken, ReadReport), SourceError>;

    fn format(names: &str) -> Format {
        let names = names.split('.').filter(|name| !name.is_empty());
        Format::Json {
            records: names.map(str::to_owned).collect(),
        }
    }

    fn read_at(names: &str, content: &str) -> Given {
        read_as(format(names), records(), content.as_bytes(), EVERYTHING)
    }

    fn record(key: &str) -> String {
        format!("{{\"Id\": {key}, \"Name\": \"Ayşe\", \"Phone\": 905325550101, \"Balance\": null}}")
    }

    #[test]
    fn records_are_read_wherever_their_array_is() {
        let array = format!("[{},\n {}]", record("1"), record("2"));
        let within = format!(
            "{MARK}{{\"meta\": {{\"items\": [1]}}, \"data\": {{\"n\": 2, \"items\": {array}, \"x\": [{{}}]}}, \"y\": 1}}"
        );
        for (names, content) in [("", array), ("data.items", within)] {
            let (taken, report) =
                read_at(names, &content).unwrap_or_else(|e| panic!("{content}: {e}"));
            assert_eq!(
                (taken.contacts.len(), report.rows_read),
                (2, 2),
                "{content}"
            );
            assert_eq!(taken.contacts[0].numbers[0].e164(), "+905325550101");
            assert!(report.rejects.is_empty());
        }
        assert_eq!(read_at("", "[]").unwrap().1.rows_read, 0);
    }

    #[test]
    fn where_there_is_no_array_is_told() {
        for (names, content) in [
            ("", "{\"data\": []}"),
            ("", "5"),
            ("data", "[]"),
            ("data", "{}"),
            ("data", "{\"data\": {}}"),
            ("data", "{\"data\": null}"),
            ("data.items", "{\"data\": [{\"items\": []}]}"),
        ] {
            let error = read_at(names, content).unwrap_err();
            let is_it = matches!(&error, SourceError::NoArray { records, .. } if records == names);
            assert!(is_it, "{content}: {error}");
        }
        let told = read_at("", "{}").unwrap_err().to_string();
        assert!(
            told.ends_with("say where it is, such as records = \"data.items\""),
            "{told}"
        );
    }

    #[test]
    fn what_stops_being_json_is_not_used() {
        let good = record("1");
        for content in [
            format!("[{good}"),
            format!("[{good},"),
            format!("[{good} {good}]"),
            format!("[{good}] x"),
            format!("[{good}, {{\"Id\": }}]"),
            format!("[{good}, \"\u{1}\"]"),
        ] {
            let error = read_at("", &content).unwrap_err();
            assert!(
                matches!(error, SourceError::BrokenJson { .. }),
                "{content}: {error}"
            );
            assert!(!error.to_string().contains("Ayşe"));
        }
    }

    #[test]
    fn a_record_that_is_no_object_is_counted_by_its_number() {
        let (taken, report) = read_at(
            "",
            &format!("[{}, 5, [], null, {}]", record("1"), record("2")),
        )
        .unwrap();
        assert_eq!(taken.contacts.len(), 2);
        let tally = &report.rejects.rows[&RowReason::BrokenRecord];
        assert_eq!((tally.count, tally.examples[0].line), (3, 2));
    }

    #[test]
    fn a_few_records_end_the_read() {
        let many = format!("[{}, {}, broken", record("1"), record("2"));
        let few = read_as(format(""), records(), many.as_bytes(), Wanted::Few(2)).unwrap();
        assert_eq!((few.0.contacts.len(), few.0.raw.len()), (2, 2));
    }

    #[test]
    fn a_record_is_as_long_as_the_bound_and_not_much_longer() {
        let of = |length: usize| {
            let note = format!(", \"Note\": \"{}\"}}", "x".repeat(length));
            format!("[{}, {}]", record("1"), record("2").replace('}', &note))
        };
        assert_eq!(read_at("", &of(RECORD_BYTES - 200)).unwrap().1.contacts, 2);
        let error = read_at("", &of(RECORD_BYTES + 2 * READ_BYTES)).unwrap_err();
        assert!(
            matches!(
                error,
                SourceError::RecordTooLong {
                    limit: RECORD_BYTES,
                    ..
                }
            ),
            "{error}"
        );
        // What is passed over on the way may be longer.
        let ahead = format!(
            "{{\"x\": \"{}\", \"data\": [{}]}}",
            "x".repeat(RECORD_BYTES * 3),
            record("1")
        );
        assert_eq!(read_at("data", &ahead).unwrap().1.contacts, 1);
    }

    #[test]
    fn a_record_that_is_nested_without_end_is_broken() {
        let deep = format!("[{}", "[".repeat(100_000));
        assert!(matches!(
            read_at("", &deep),
            Err(SourceError::BrokenJson { .. })
        ));
        let ahead = format!("{{\"x\": {}", "[".repeat(100_000));
        assert!(read_at("data", &ahead).is_err());
    }

    #[test]
    fn a_damaged_file_never_ends_more_than_its_read() {
        let list: Vec<String> = (0..10).map(|i| record(&i.to_string())).collect();
        let content = format!("{{\"data\": [{}]}}", list.join(", "));
        survives_damage(&format("data"), &records(), content.as_bytes(), 400);
    }
}
