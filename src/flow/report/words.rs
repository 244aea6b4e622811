//! A report as the terminal shows it, with the first few rows of each kind that could not be used.

use std::fmt;

use super::{Outcome, Rehearsal, Report};
use crate::domain::tally::counted;
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
            Outcome::NothingNew => "of the last load serve: no new file is there",
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
            Records::Contacts => {
                let (contacts, numbers) =
                    (counted(*contacts, "contact"), counted(*numbers, "number"));
                write!(f, "{source}: {contacts} with {numbers}")?;
            }
            Records::Balances => write!(f, "{source}: {}", counted(*contacts, "balance"))?,
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
        if !matches!(self.outcome, Outcome::Unchanged | Outcome::NothingNew) {
            let rejected = self.rejects.rows_rejected();
            let rows = counted(*rows, "row");
            write!(f, "\n  {rows} read, {rejected} rejected")?;
        }
        if self.doubtful_ids > 0 {
            let ids = counted(self.doubtful_ids, "id");
            write!(f, "\n  {ids} of several records: not used")?;
        }
        self.show_rejects(f)
    }
}

impl Report {
    fn show_rejects(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (reason, tally) in &self.rejects.rows {
            self.show(f, "row", reason.words(), tally)?;
        }
        for (reason, tally) in &self.rejects.values {
            self.show(f, "value", reason.words(), tally)?;
        }
        Ok(())
    }

    fn show(
        &self,
        f: &mut fmt::Formatter<'_>,
        kind: &str,
        words: &str,
        tally: &Tally,
    ) -> fmt::Result {
        write!(f, "\n  {}: {words}", counted(tally.count, kind))?;
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
