//! A source is tried: a few records, as they came and as what they became. Nothing is published or compared.

use std::time::{Duration, Instant, SystemTime};

use tokio_util::sync::CancellationToken;

use crate::domain::contact::Contact;
use crate::source::Source;
use crate::source::error::{ReadError, SourceError};
use crate::source::read::{Job, Raw, ReadReport, Taker, Wanted};

/// Records that are read: enough to see a pattern, few enough for a terminal.
pub const RECORDS: usize = 5;

/// What came of it.
#[derive(Debug)]
pub struct Trial {
    pub records: Vec<Record>,
    pub report: ReadReport,
    /// Until the first record was there, and for the rest.
    pub connecting: Duration,
    pub reading: Duration,
}

/// One record.
#[derive(Debug, Default)]
pub struct Record {
    /// Names and values, as they came.
    pub raw: Vec<(String, String)>,
    /// `None` if none could be made of it.
    pub contact: Option<Contact>,
}

/// Reads the first records of a source.
pub fn trial(source: &Source, halt: &CancellationToken) -> Result<Trial, SourceError> {
    let start = Instant::now();
    let picked = source.pick(SystemTime::now(), halt)?;
    let wanted = Wanted::Few(RECORDS);
    let mut tasting = Tasting {
        records: Vec::new(),
        first: None,
    };
    let read = source.read(picked.as_ref(), &Job { wanted, halt }, &mut tasting);
    let report = match read {
        Ok(report) => report,
        Err(ReadError::Source(e)) => return Err(e),
        Err(ReadError::Row(never)) => match never {},
    };
    let whole = start.elapsed();
    let connecting = tasting.first.map_or(whole, |first| first - start);
    Ok(Trial {
        records: tasting.records,
        report,
        connecting,
        reading: whole.saturating_sub(connecting),
    })
}

struct Tasting {
    records: Vec<Record>,
    first: Option<Instant>,
}

impl Taker for Tasting {
    type Error = std::convert::Infallible;

    fn raw(&mut self, raw: Raw<'_>) {
        self.first.get_or_insert_with(Instant::now);
        let values = raw.values.iter();
        let raw = values.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.records.push(Record {
            raw: raw.collect(),
            contact: None,
        });
    }

    fn contact(&mut self, contact: Contact) -> Result<(), Self::Error> {
        self.first.get_or_insert_with(Instant::now);
        match self.records.last_mut() {
            Some(record) if record.contact.is_none() => record.contact = Some(contact),
            _ => self.records.push(Record {
                contact: Some(contact),
                ..Record::default()
            }),
        }
        Ok(())
    }
}
