//! One part of a workbook, unpacked as it is read and never held whole.
//!
//! What a part says of its own size is not believed: unpacked bytes are counted as they come, against an
//! allowance that whoever reads the part grants anew for each piece it has done with. A small file that would
//! unpack to a large one, or a value without an end, runs out of its allowance.

use std::io::{BufReader, Read};

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::super::metered::{Allowance, Metered};
use super::error::Fault;

/// Unpacked at once.
pub(super) const CHUNK_BYTES: usize = 16 * 1024;

/// XML of one part, an event at a time.
pub(super) struct Part<'z> {
    reader: Reader<BufReader<Metered<Box<dyn Read + 'z>>>>,
    allowance: Allowance,
    buffer: Vec<u8>,
    what: &'static str,
    limit: u64,
}

impl<'z> Part<'z> {
    /// `what` is the piece that has at most `limit` bytes, in an error's words.
    pub(super) fn new(reader: impl Read + 'z, what: &'static str, limit: u64) -> Part<'z> {
        let allowance = Allowance::new(limit);
        let reader: Box<dyn Read + 'z> = Box::new(reader);
        let metered = Metered::new(reader, &allowance);
        let mut reader = Reader::from_reader(BufReader::with_capacity(CHUNK_BYTES, metered));
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.check_end_names = true;
        Part {
            reader,
            allowance,
            buffer: Vec::new(),
            what,
            limit,
        }
    }

    /// A piece is done with, the next one may be as long.
    pub(super) fn grant(&self) {
        self.allowance.grant(self.limit);
    }

    /// `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Event<'_>>, Fault> {
        self.buffer.clear();
        match self.reader.read_event_into(&mut self.buffer) {
            Ok(Event::Eof) => Ok(None),
            Ok(event) => Ok(Some(event)),
            Err(_) if self.allowance.is_used_up() => Err(Fault::TooMuch {
                what: self.what,
                limit: self.limit,
            }),
            Err(_) => Err(Fault::Damaged),
        }
    }
}

/// An attribute's value, without regard to the prefix of its name.
pub(super) fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let mut attributes = element.attributes();
    let attributes = attributes.with_checks(false);
    let found = attributes
        .flatten()
        .find(|a| a.key.local_name().as_ref() == name)?;
    let value = found.normalized_value(quick_xml::XmlVersion::Implicit1_0);
    Some(value.ok()?.into_owned())
}

/// What `&amp;` and its like stand for; nothing for what is not known.
pub(super) fn resolve(entity: &BytesRef<'_>) -> Option<char> {
    match entity.as_ref() {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => entity.resolve_char_ref().ok().flatten(),
    }
}
