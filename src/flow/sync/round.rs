//! One sync under way: what it is judged by, which way it takes, and what it leaves behind.

use std::time::Instant;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{
    Changes, Depth, Feed, Memory, Mode, Order, Outcome, Picked, Report, SyncError, Witnesses,
};
use crate::domain::filling::Filling;
use crate::domain::renewal::Footing;
use crate::source::read::ReadReport;
use crate::store::load::Made;
use crate::store::replica::Replica;

/// See the head of the file.
pub(in crate::flow) struct Round<'a> {
    pub(in crate::flow) feed: &'a Feed,
    pub(in crate::flow) memory: &'a Memory,
    pub(in crate::flow) witnesses: &'a Witnesses,
    pub(in crate::flow) order: Order,
    pub(super) halt: &'a CancellationToken,
    pub(super) start: Instant,
    pub(super) began: Timestamp,
}

impl Round<'_> {
    /// The report, if the file that was picked holds what the copy holds.
    pub(super) fn unchanged(&self, picked: Option<&Picked>) -> Result<Option<Report>, SyncError> {
        let shelf = &self.feed.shelf;
        let (Some(current), Some(file)) = (shelf.current(), picked) else {
            return Ok(None);
        };
        let digest = self.feed.source.digest(file)?.to_string();
        let is_wanted = self.order.depth == Depth::Whole || shelf.is_rolled_back();
        if digest != current.facts.digest || shelf.is_suspect() || is_wanted {
            self.memory.refuse_held(self.feed, &digest, self.order)?;
            return Ok(None);
        }
        shelf.confirm(file.as_of());
        Ok(Some(self.report(
            Outcome::Unchanged,
            Mode::Full,
            None,
            &current,
            None,
        )))
    }

    pub(super) fn mode(&self) -> Mode {
        let (shelf, can) = (&self.feed.shelf, self.feed.source.abilities());
        let Some(current) = shelf.current().filter(|_| !shelf.is_suspect()) else {
            return Mode::Full;
        };
        let facts = &current.facts;
        let footing = Footing {
            has_base: facts.digest == self.feed.settings && !shelf.is_rolled_back(),
            can_change: can.changes && facts.keyed && facts.cursor.is_some(),
            can_compare: can.ids && facts.keyed,
            history: facts.history,
        };
        let depth = self.memory.depth_of_held().filter(|_| self.order.accept);
        depth.unwrap_or(self.order.depth).mode(&footing, self.began)
    }

    /// What the next generation says of itself.
    pub(super) fn made(&self, mode: Mode, read: &ReadReport) -> Made {
        let current = self.feed.shelf.current();
        let (history, filling) = current.map_or_else(Default::default, |current| {
            (current.facts.history, filling(&current))
        });
        let (rejected, accept) = (read.rejects.rows_rejected(), self.order.accept);
        let of_file = read.digest.map(|digest| digest.to_string());
        Made {
            as_of: read.as_of,
            digest: of_file.unwrap_or_else(|| self.feed.settings.clone()),
            cursor: read.cursor.as_ref().map(|cursor| cursor.0.clone()),
            history: history.after(mode, self.began, rejected, filling, accept),
        }
    }

    pub(super) fn report(
        &self,
        outcome: Outcome,
        mode: Mode,
        read: Option<ReadReport>,
        replica: &Replica,
        changes: Option<Changes>,
    ) -> Report {
        let facts = &replica.facts;
        let report = Report {
            contacts: facts.contacts.into(),
            numbers: facts.numbers,
            doubtful_ids: facts.doubtful_ids,
            mode,
            changes,
            ..Report::new(self.feed, outcome, self.start)
        };
        match read {
            Some(read) => report.of(read),
            None => report,
        }
    }
}

/// How full a copy is; of one that was not counted only its size is known.
pub(in crate::flow) fn filling(replica: &Replica) -> Filling {
    let records = replica.facts.contacts.into();
    replica.facts.filling.unwrap_or(Filling {
        records,
        ..Filling::default()
    })
}
