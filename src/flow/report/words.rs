//! A report as the terminal shows it, with the first few rows of each kind that could not be used.

use std::fmt;

use super::{Outcome, Rehearsal, Report};
use crate::source::reject::Tally;
use crate::status::Records;

impl fmt::Display for Rehearsal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for sample in &self.samples {
            write!(f, "\n    {sample}")?;
        }
        if let Some([before, after, of]) = self.callers {
            write!(
                f,
                "\n  of the last {of} callers the copy knows {before}, and would know {after}"
            )?;
        }
        for doubt in &self.doubts {
            write!(f, "\n  would be held: {doubt}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.outcome {
            Outcome::Published => "published",
            Outcome::Unchanged => "unchanged since the last load",
            Outcome::DryRun if self.is_doubted() => "would be held (dry run)",
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
        if let Some(changes) = &self.changes {
            write!(f, "\n  {changes}")?;
        }
        for notice in &self.notices {
            write!(f, "\n  {}: {}", notice.words, notice.advice)?;
        }
        if let Some(rehearsal) = &self.rehearsal {
            write!(f, "{rehearsal}")?;
        }
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
            self.show(f, "rows", reason.words(), tally)?;
        }
        for (reason, tally) in &self.rejects.values {
            self.show(f, "values", reason.words(), tally)?;
        }
        Ok(())
    }
}

impl Report {
    fn show(
        &self,
        f: &mut fmt::Formatter<'_>,
        kind: &str,
        words: &str,
        tally: &Tally,
    ) -> fmt::Result {
        write!(f, "\n  {} {kind}: {words}", tally.count)?;
        for example in &tally.examples {
            write!(f, "\n    {}", self.rejects.place(example))?;
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
}
