//! A few records of a source, each from what the source gives to what a card is made of.

use std::convert::Infallible;
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::domain::contact::Contact;
use crate::source::Source;
use crate::source::error::{ReadError, SourceError, Verdict};
use crate::source::read::{Job, Mapped, Raw, ReadReport, Taker, Wanted};
use crate::source::reject::{Example, Rejects, RowReason};

/// What a source gave, or had given when it failed.
pub(crate) struct Sample {
    pub(crate) records: Vec<Record>,
    /// What was read: a file's path.
    pub(crate) from: Option<String>,
    /// Until the first record was there: finding the file, connecting, logging in, asking.
    pub(crate) first_after: Option<Duration>,
    pub(crate) took: Duration,
    /// What the source has to say of itself.
    pub(crate) notices: Vec<String>,
    start: Instant,
}

/// One record. What is not there did not come of it.
#[derive(Default)]
pub(crate) struct Record {
    pub(crate) line: u64,
    pub(crate) raw: Vec<(String, String)>,
    pub(crate) mapped: Vec<Value>,
    pub(crate) contact: Option<Contact>,
    pub(crate) rejected: Option<Remark>,
    pub(crate) reason: Option<RowReason>,
    pub(crate) left_out: Vec<Remark>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Value {
    pub(crate) ours: String,
    pub(crate) column: String,
    pub(crate) value: String,
}

/// Why a record, or one of its values, could not be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Remark {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) column: Option<String>,
    pub(crate) reason: String,
}

impl Sample {
    /// Reads so many records; blocks. What there is comes with the error, if one ends it.
    pub(crate) fn take(
        source: &Source,
        most: usize,
        halt: &CancellationToken,
    ) -> (Sample, Result<(), SourceError>) {
        let start = Instant::now();
        let mut sample = Sample {
            records: Vec::new(),
            from: None,
            first_after: None,
            notices: Vec::new(),
            took: Duration::ZERO,
            start,
        };
        let read = sample.read(source, most, halt);
        sample.took = start.elapsed();
        let end = match read {
            Ok(report) => {
                sample.explain(&report.rejects);
                let notices = report.notices.into_iter();
                sample.notices = notices
                    .map(|n| format!("{}: {}", n.words, n.advice))
                    .collect();
                Ok(())
            }
            Err(e) => Err(e),
        };
        (sample, end)
    }

    fn read(
        &mut self,
        source: &Source,
        most: usize,
        halt: &CancellationToken,
    ) -> Result<ReadReport, SourceError> {
        let picked = match source.pick(SystemTime::now(), halt) {
            // What was put away when it was loaded shows as well what becomes of it.
            Err(e) if e.verdict() == Verdict::NothingNew => {
                source.pick_archived().map_err(|_| e)?
            }
            picked => picked?,
        };
        self.from = picked.as_ref().map(|p| p.path().display().to_string());
        let job = Job {
            wanted: Wanted::Few(most),
            halt,
        };
        source
            .read(picked.as_ref(), &job, self)
            .map_err(|e| match e {
                ReadError::Source(e) => e,
                ReadError::Row(never) => match never {},
            })
    }

    /// Puts what could not be used beside the record that it is about.
    fn explain(&mut self, rejects: &Rejects) {
        for (reason, tally) in &rejects.rows {
            for example in &tally.examples {
                let mut records = self.records.iter_mut();
                let about = |r: &&mut Record| r.line == example.line && r.contact.is_none();
                if let Some(record) = records.find(about) {
                    record.reason = Some(*reason);
                    record.rejected = Some(example.into());
                }
            }
        }
        for example in rejects.values.values().flat_map(|t| &t.examples) {
            let mut records = self.records.iter_mut();
            if let Some(record) = records.find(|r| r.line == example.line) {
                record.left_out.push(example.into());
            }
        }
    }

    fn begin(&mut self) -> &mut Record {
        let elapsed = self.start.elapsed();
        self.first_after.get_or_insert(elapsed);
        self.records.push(Record::default());
        self.last()
    }

    fn last(&mut self) -> &mut Record {
        if self.records.is_empty() {
            return self.begin();
        }
        let last = self.records.len() - 1;
        &mut self.records[last]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(crate) fn contacts(&self) -> usize {
        self.records.iter().filter(|r| r.contact.is_some()).count()
    }

    pub(crate) fn took(&self) -> Duration {
        self.took
    }
}

impl From<&Example> for Remark {
    fn from(example: &Example) -> Remark {
        let (column, reason) = (example.column.clone(), example.reason.clone());
        Remark { column, reason }
    }
}

impl Taker for Sample {
    type Error = Infallible;

    fn raw(&mut self, raw: Raw<'_>) {
        let owned = raw
            .values
            .iter()
            .map(|(n, v)| (n.to_string(), v.to_string()));
        self.begin().raw = owned.collect();
    }

    fn mapped(&mut self, mapped: Mapped<'_>) {
        // Of a source that shows nothing raw, this is the first that is seen of a record.
        let goes_on = self.records.last().is_some_and(|r| r.mapped.is_empty());
        let record = match goes_on {
            true => self.last(),
            false => self.begin(),
        };
        record.line = mapped.line;
        record.mapped = mapped
            .values()
            .into_iter()
            .map(|value| Value {
                ours: value.ours.to_owned(),
                column: value.column.to_owned(),
                value: value.value.to_owned(),
            })
            .collect();
    }

    fn contact(&mut self, contact: Contact) -> Result<(), Infallible> {
        self.last().contact = Some(contact);
        Ok(())
    }
}
