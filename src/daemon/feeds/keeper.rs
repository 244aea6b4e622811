//! The task of one source.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::{Timestamp, Zoned};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::renewal::Renewal;
use super::tell::{tell, tell_rolled_back};
use super::timers::Timers;
use super::{Ask, Progress};
use crate::domain::renewal::Depth;
use crate::domain::schedule::Timetable;
use crate::flow::office::{Feed, Flow};
use crate::flow::sync::{Memory, Order, Report, SyncError, sync};
use crate::system::chain;

/// How often a folder is looked into. By looking and not by inotify: exports come over network shares,
/// which tell nothing.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// A crontab's next minute is computed anew this often, since the wall clock may have jumped.
const RECKON_EVERY: Duration = Duration::from_secs(60);
/// How soon a source is read again whose copy turned out damaged.
const RENEW_PAUSE: Duration = Duration::from_secs(10);

/// A folder's newest complete file: its path, size and time.
type Seen = (PathBuf, u64, SystemTime);

pub(super) struct Keeper {
    pub(super) flow: Flow,
    pub(super) feed: Feed,
    pub(super) secrets: Renewal,
    pub(super) table: Timetable,
    pub(super) memory: Arc<Memory>,
    pub(super) retire: CancellationToken,
    pub(super) turns: Arc<Semaphore>,
}

/// What makes the source be read.
enum Cause {
    Due(Depth),
    Asked(Ask),
    Over,
}

impl Keeper {
    pub(super) async fn keep(mut self, mut asks: mpsc::Receiver<Ask>) {
        let mut timers = Timers::of(&self.feed);
        if self.feed.shelf.is_rolled_back() {
            tell_rolled_back(&self.flow.board, self.feed.source.name());
        }
        let mut first = Some(self.first());
        let mut seen = self.look().await;
        loop {
            let wait = first.take();
            let cause = tokio::select! {
                () = self.retire.cancelled() => return,
                () = self.flow.tasks.stopping() => return,
                // The next office has its own task for this source.
                asked = asks.recv() => asked.map_or(Cause::Over, Cause::Asked),
                depth = self.due(&timers, wait) => Cause::Due(depth),
                () = self.renewal() => Cause::Due(Depth::Quick),
                () = self.dropped(seen.clone()) => Cause::Due(Depth::Quick),
            };
            let (order, reply, progress) = match cause {
                Cause::Over => return,
                Cause::Asked(ask) => (ask.order, Some(ask.reply), Some(ask.progress)),
                Cause::Due(depth) => (
                    Order {
                        depth,
                        ..Order::default()
                    },
                    None,
                    None,
                ),
            };
            // Before the sync: what is dropped while it reads is new to it.
            seen = self.look().await;
            if !order.by_person && self.feed.shelf.is_rolled_back() {
                tell_rolled_back(&self.flow.board, self.feed.source.name());
                timers.done(order.depth, None);
                continue;
            }
            self.secrets.take_up(&self.flow, &mut self.feed).await;
            let result = self.sync(order, progress, timers.is_owed()).await;
            timers.done(order.depth, result.as_ref().ok().map(|report| report.mode));
            timers.refused(result.as_ref().is_err_and(SyncError::is_refused));
            if let Some(reply) = reply {
                // The command may have gone; the sync is done all the same.
                let told = Report::or_nothing_new(&self.feed, order, result);
                let _ = reply.send(told.map_err(|e| chain::of(&e)));
            }
        }
    }

    /// How long after the start it is read: at once where there is no copy, and else not in the second in which
    /// all branches got their power back.
    fn first(&self) -> Duration {
        let (has_copy, can) = (
            self.feed.shelf.current().is_some(),
            self.feed.source.abilities(),
        );
        match (has_copy, can.is_remote) {
            (false, _) => Duration::ZERO,
            (true, true) => self.table.first(&Zoned::now(), fastrand::f64()),
            (true, false) => self.table.first(&Zoned::now(), 0.0),
        }
    }

    /// One sync, told to the board and the log.
    async fn sync(
        &self,
        order: Order,
        progress: Option<Box<dyn Fn(Progress) + Send + Sync>>,
        is_owed: bool,
    ) -> Result<Report, SyncError> {
        let (feed, memory) = (self.feed.clone(), self.memory.clone());
        let turn = self.turns.clone().acquire_owned().await;
        let witnesses = self.flow.witnesses();
        // Ended by a reload, and by the daemon's stop.
        let halt = self.retire.clone();
        let work = move || {
            let _turn = turn;
            sync(&feed, &memory, &witnesses, order, &halt, &mut |p| {
                if let Some(progress) = &progress {
                    progress(p);
                }
            })
        };
        let result = self
            .flow
            .tasks
            .blocking(work)
            .await
            .unwrap_or(Err(SyncError::Panicked));
        tell(&self.flow.board, &self.feed, &result, is_owed);
        result
    }

    /// Comes when the schedule says so, or after the first wait.
    async fn due(&self, timers: &Timers, first: Option<Duration>) -> Depth {
        loop {
            let (next, depth) = timers.next(&self.feed, &self.table);
            let (wait, depth) = first.map_or((next, depth), |first| (first, Depth::Quick));
            let then = Timestamp::now().checked_add(wait).ok();
            let name = self.feed.source.name();
            self.flow.board.source(name, |s| s.next_due = then);
            if wait <= RECKON_EVERY || first.is_some() {
                sleep(wait).await;
                return depth;
            }
            sleep(RECKON_EVERY).await;
        }
    }

    /// Comes when the copy turned out damaged. A medium that goes bad page by page is not written without a
    /// pause.
    async fn renewal(&self) {
        self.feed.shelf.wants_renewal().await;
        sleep(RENEW_PAUSE).await;
    }

    /// Comes when a folder has another complete file than `seen`.
    async fn dropped(&self, seen: Option<Seen>) {
        if !self.feed.source.is_folder() {
            return std::future::pending().await;
        }
        loop {
            sleep(LOOK_EVERY).await;
            let now = self.look().await;
            if now.is_some() && now != seen {
                return;
            }
        }
    }

    async fn look(&self) -> Option<Seen> {
        if !self.feed.source.is_folder() {
            return None;
        }
        let feed = self.feed.clone();
        let turn = self.turns.clone().acquire_owned().await;
        let halt = self.retire.clone();
        let look = move || {
            let _turn = turn;
            feed.source.pick(SystemTime::now(), &halt)
        };
        let picked = self.flow.tasks.blocking(look).await;
        let picked = picked.ok()?.ok()??;
        Some((picked.path().to_owned(), picked.size(), picked.modified()))
    }
}
