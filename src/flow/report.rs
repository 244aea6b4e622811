//! What a sync did, in the operator's words.

use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::failure::SyncError;
use super::office::Feed;
use super::sync::Order;
use crate::domain::renewal::{Changes, Depth, Mode};
use crate::source::error::SourceError;
use crate::source::read::{NoticeKind, ReadReport};
use crate::source::reject::Rejects;
use crate::status::Records;

mod words;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Published,
    /// The source holds what the copy holds.
    Unchanged,
    /// Nothing was there to be read, and the copy serves.
    NothingNew,
    DryRun,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub source: String,
    pub outcome: Outcome,
    pub rows: u64,
    /// What its records are.
    pub records: Records,
    pub contacts: u64,
    pub numbers: u64,
    /// Ids that several records of balances have, or different contacts: nothing is joined by them.
    pub doubtful_ids: u64,
    pub rejects: Rejects,
    pub seconds: f64,
    #[serde(default)]
    pub mode: Mode,
    /// Where it is known what is new.
    #[serde(default)]
    pub changes: Option<Changes>,
    /// What the operator should know though the read went well, and what to do about it.
    #[serde(default)]
    pub notices: Vec<Noticed>,
    /// Of a dry run.
    #[serde(default)]
    pub rehearsal: Option<Rehearsal>,
}

impl Report {
    fn is_doubted(&self) -> bool {
        self.rehearsal.iter().any(|r| !r.doubts.is_empty())
    }
}

/// Of a fiscal period that is over, or soon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noticed {
    pub words: String,
    pub advice: String,
}

/// What a dry run says of the load that would be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rehearsal {
    /// Some of the records that are new, changed or gone, masked.
    pub samples: Vec<String>,
    /// Why it would be held; empty if it would be published.
    pub doubts: Vec<String>,
    /// How many of the last callers the copy knows, how many it would, and how many there are.
    pub callers: Option<[usize; 3]>,
}

/// Why sources were not read, and which were all the same.
pub fn failed(failures: &[String], read: &[Report]) -> String {
    let names: Vec<&str> = read.iter().map(|report| &*report.source).collect();
    let others = match names.is_empty() {
        true => String::new(),
        false => format!("\nread all the same: {}", names.join(", ")),
    };
    format!("{}{others}", failures.join("\n"))
}

impl Report {
    /// To the person who asked, a folder without a new file is no failure where a copy serves. To accept what is
    /// held, to read all again and to come back from a step back, there must be something to read.
    pub fn or_nothing_new(
        feed: &Feed,
        order: Order,
        result: Result<Report, SyncError>,
    ) -> Result<Report, SyncError> {
        let start = Instant::now();
        let wants_a_file = order.accept || order.dry_run || order.depth == Depth::Whole;
        let current = feed.shelf.current();
        let serves = current.filter(|_| !wants_a_file && !feed.shelf.is_rolled_back());
        match (result, serves) {
            (Err(SyncError::Source(SourceError::NoFile { .. })), Some(current)) => Ok(Report {
                contacts: current.facts.contacts.into(),
                numbers: current.facts.numbers,
                ..Report::new(feed, Outcome::NothingNew, start)
            }),
            (result, _) => result,
        }
    }

    /// With what was read.
    pub(super) fn of(self, read: ReadReport) -> Report {
        let (rows, rejects) = (read.rows_read, read.placed_rejects());
        let notices = read.notices.into_iter().map(|notice| match notice.kind {
            NoticeKind::PeriodOver | NoticeKind::PeriodEnds => Noticed {
                words: notice.words,
                advice: notice.advice,
            },
        });
        Report {
            rows,
            rejects,
            notices: notices.collect(),
            ..self
        }
    }

    /// One of a sync that was begun at `start`, of which nothing more is known.
    pub(super) fn new(feed: &Feed, outcome: Outcome, start: Instant) -> Report {
        Report {
            source: feed.source.name().to_owned(),
            outcome,
            rows: 0,
            records: feed.records(),
            contacts: 0,
            numbers: 0,
            doubtful_ids: 0,
            rejects: Rejects::default(),
            seconds: start.elapsed().as_secs_f64(),
            mode: Mode::Full,
            changes: None,
            notices: Vec::new(),
            rehearsal: None,
        }
    }
}
