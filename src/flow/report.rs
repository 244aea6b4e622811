//! What a sync did, and why one did not, in the operator's words.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::source::error::{ReadError, SourceError, Verdict};
use crate::source::reject::{Rejects, Tally};
use crate::status::Records;
use crate::store::load::LoadError;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Published,
    /// The source holds what the copy holds.
    Unchanged,
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
}

#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(
        "{removed} of {of} contacts would be removed, so the copy was kept; if that is right: \
         ringcard sync {name} --accept-removals"
    )]
    Removals { name: String, removed: u32, of: u32 },
    #[error("none of its {rows} rows can be used, so the copy was kept: {first}")]
    NothingUsable { rows: u64, first: String },
    #[error("reading it failed in a way that should not happen")]
    Panicked,
}

impl SyncError {
    /// Whether the published copy is as good as it was meant to be.
    pub fn is_nothing_new(&self) -> bool {
        matches!(self, SyncError::Source(e) if e.verdict() == Verdict::NothingNew)
    }

    pub(super) fn from_read(error: ReadError<LoadError>) -> SyncError {
        match error {
            ReadError::Source(e) => SyncError::Source(e),
            ReadError::Row(e) => SyncError::Load(e),
        }
    }
}

/// With the first few rows of each kind that could not be used.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.outcome {
            Outcome::Published => "published",
            Outcome::Unchanged => "unchanged since the last load",
            Outcome::DryRun => "would be published (dry run)",
        };
        let Report {
            source,
            contacts,
            numbers,
            rows,
            seconds,
            ..
        } = self;
        match self.records {
            Records::Contacts => write!(f, "{source}: {contacts} contacts with {numbers} numbers")?,
            Records::Balances => write!(f, "{source}: {contacts} balances")?,
        }
        write!(f, " {what}, {seconds:.2} s")?;
        if self.outcome != Outcome::Unchanged {
            let rejected = self.rejects.rows_rejected();
            write!(f, "\n  {rows} rows read, {rejected} rejected")?;
        }
        if self.doubtful_ids > 0 {
            let ids = self.doubtful_ids;
            write!(
                f,
                "\n  {ids} ids that several records have: none of these is used"
            )?;
        }
        for (reason, tally) in &self.rejects.rows {
            show(f, "rows", reason.words(), tally)?;
        }
        for (reason, tally) in &self.rejects.values {
            show(f, "values", reason.words(), tally)?;
        }
        Ok(())
    }
}

fn show(f: &mut fmt::Formatter<'_>, kind: &str, words: &str, tally: &Tally) -> fmt::Result {
    write!(f, "\n  {} {kind}: {words}", tally.count)?;
    for example in &tally.examples {
        write!(f, "\n    line {}", example.line)?;
        if let Some(column) = &example.column {
            write!(f, ", {column}")?;
        }
        if !example.value.is_empty() {
            write!(f, " \"{}\"", example.value)?;
        }
        write!(f, ": {}", example.reason)?;
    }
    Ok(())
}
