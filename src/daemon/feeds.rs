//! One task for each source: syncs it on its schedule, when a file is dropped, and when a command asks.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use jiff::{Timestamp, Zoned};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info};

use crate::config::Config;
use crate::domain::schedule::Schedule;
use crate::flow::office::{Feed, Flow};
use crate::flow::sync::{Memory, Order, Outcome, Report, SyncError, patience, sync};
use crate::source::read::Progress;
use crate::status::AlarmId;
use crate::system::chain;

/// How often a folder is looked into. By looking and not by inotify: exports come over network shares,
/// which tell nothing.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// A crontab's next minute is computed anew this often, since the wall clock may have jumped.
const RECKON_EVERY: Duration = Duration::from_secs(60);
/// How soon a source is read again whose copy turned out damaged.
const RENEW_PAUSE: Duration = Duration::from_secs(10);
/// Sources worked on at once. A network share that hangs takes a thread with it, and lookups need theirs.
const SOURCES_AT_ONCE: usize = 3;
/// Commands waiting for one source.
const ASKS: usize = 4;

pub(super) type Schedules = HashMap<String, Schedule>;

pub(super) fn schedules(config: &Config) -> Schedules {
    config
        .sources
        .iter()
        .map(|s| (s.name().to_owned(), s.schedule.clone()))
        .collect()
}

/// A sync that a command asked for.
pub(super) struct Ask {
    pub(super) order: Order,
    pub(super) progress: Box<dyn Fn(Progress) + Send + Sync>,
    pub(super) reply: oneshot::Sender<Result<Report, String>>,
}

/// The sources' tasks of the configuration in use.
pub(super) struct Feeds {
    running: Mutex<Running>,
    turns: Arc<Semaphore>,
}

impl Default for Feeds {
    fn default() -> Feeds {
        Feeds {
            running: Mutex::default(),
            turns: Arc::new(Semaphore::new(SOURCES_AT_ONCE)),
        }
    }
}

#[derive(Default)]
struct Running {
    retire: CancellationToken,
    asks: HashMap<String, mpsc::Sender<Ask>>,
}

impl Feeds {
    /// Begins a task for each source of the office, and ends those of the office before it.
    pub(super) fn begin(&self, flow: &Flow, mut schedules: Schedules) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.retire.cancel();
        *running = Running {
            retire: flow.tasks.until_stop(),
            ..Running::default()
        };
        for feed in &flow.office.load().feeds {
            let name = feed.source.name().to_owned();
            let Some(schedule) = schedules.remove(&name) else {
                continue;
            };
            let (ask, asks) = mpsc::channel(ASKS);
            running.asks.insert(name, ask);
            let keeper = Keeper {
                flow: flow.clone(),
                feed: feed.clone(),
                schedule,
                memory: Arc::default(),
                retire: running.retire.clone(),
                turns: self.turns.clone(),
            };
            flow.tasks.spawn(keeper.keep(asks));
        }
    }

    /// The way to ask for a sync of one source, or of all.
    pub(super) fn named(&self, name: Option<&str>) -> Vec<(String, mpsc::Sender<Ask>)> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = running
            .asks
            .iter()
            .filter(|(n, _)| name.is_none_or(|name| name == *n));
        let mut asks: Vec<_> = wanted.map(|(n, a)| (n.clone(), a.clone())).collect();
        asks.sort_by(|a, b| a.0.cmp(&b.0));
        asks
    }
}

/// A folder's newest complete file: its path, size and time.
type Seen = (PathBuf, u64, SystemTime);

struct Keeper {
    flow: Flow,
    feed: Feed,
    schedule: Schedule,
    memory: Arc<Memory>,
    retire: CancellationToken,
    turns: Arc<Semaphore>,
}

impl Keeper {
    async fn keep(self, mut asks: mpsc::Receiver<Ask>) {
        let mut ask = None;
        loop {
            let order = ask.as_ref().map_or_else(Order::default, |a: &Ask| a.order);
            let (reply, progress) = match ask.take() {
                Some(ask) => (Some(ask.reply), Some(ask.progress)),
                None => (None, None),
            };
            // Before the sync: what is dropped while it reads is new to it.
            let seen = self.look().await;
            let result = self.sync(order, progress).await;
            if let Some(reply) = reply {
                // The command may have gone; the sync is done all the same.
                let _ = reply.send(result);
            }
            ask = tokio::select! {
                () = self.retire.cancelled() => return,
                () = self.flow.tasks.stopping() => return,
                asked = asks.recv() => match asked {
                    Some(asked) => Some(asked),
                    // The next office has its own task for this source.
                    None => return,
                },
                () = self.due() => None,
                () = self.renewal() => None,
                () = self.dropped(seen) => None,
            };
        }
    }

    /// One sync, told to the board and the log. The error is for a command, in words.
    async fn sync(
        &self,
        order: Order,
        progress: Option<Box<dyn Fn(Progress) + Send + Sync>>,
    ) -> Result<Report, String> {
        let (feed, memory) = (self.feed.clone(), self.memory.clone());
        let turn = self.turns.clone().acquire_owned().await;
        // Ended by a reload, and by the daemon's stop.
        let halt = self.retire.clone();
        let work = move || {
            let _turn = turn;
            sync(&feed, &memory, order, &halt, &mut |p| {
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
        if !order.dry_run {
            self.report(&result);
        }
        result.map_err(|e| chain::of(&e))
    }

    fn report(&self, result: &Result<Report, SyncError>) {
        let (name, now) = (self.feed.source.name(), Timestamp::now());
        let (board, subject) = (&self.flow.board, format!("source {name}"));
        board.source(name, |s| s.last_try = Some(now));
        match result {
            Ok(report) => {
                board.clear(AlarmId::SyncFailed, &subject);
                board.clear(AlarmId::SyncHeld, &subject);
                board.clear(AlarmId::LookupFailed, &subject);
                board.source(name, |s| {
                    s.last_good = Some(now);
                    s.last_error = None;
                    if report.outcome == Outcome::Published {
                        (s.contacts, s.numbers) = (report.contacts as u32, report.numbers);
                        (s.rows, s.load_seconds) = (report.rows, report.seconds);
                        s.rejects = Some(report.rejects.clone());
                    }
                });
                let (rows, contacts, seconds) = (report.rows, report.contacts, report.seconds);
                let rejected = report.rejects.rows_rejected();
                let outcome = report.outcome;
                info!(
                    source = name,
                    ?outcome,
                    rows,
                    contacts,
                    rejected,
                    seconds,
                    "synced"
                );
            }
            Err(e) if e.is_nothing_new() && self.feed.shelf.current().is_some() => {
                board.source(name, |s| s.last_error = None);
                debug!(source = name, "no new file");
            }
            Err(e) => {
                let reason = chain::of(e);
                board.source(name, |s| s.last_error = Some(reason.clone()));
                let (id, other) = match e {
                    SyncError::Removals { .. } => (AlarmId::SyncHeld, AlarmId::SyncFailed),
                    _ => (AlarmId::SyncFailed, AlarmId::SyncHeld),
                };
                // One try has one reason; the one before it is not over, but told anew.
                board.clear(other, &subject);
                let advice = match id {
                    AlarmId::SyncHeld => {
                        format!(
                            "look at the export; if it is right: ringcard sync {name} --accept-removals"
                        )
                    }
                    _ => format!("after mending it: ringcard sync {name}"),
                };
                if board.raise(id, &subject, &reason, &advice) {
                    let event_id = id.as_str();
                    error!(event_id, source = name, reason, "the copy was not renewed");
                }
            }
        }
    }

    /// Comes when the schedule says so.
    async fn due(&self) {
        let wait = || self.schedule.wait(&Zoned::now(), fastrand::f64());
        match &self.schedule {
            Schedule::Every(_) => sleep(patience(&self.feed, wait())).await,
            Schedule::Cron(_) => loop {
                let wait = patience(&self.feed, wait());
                if wait <= RECKON_EVERY {
                    return sleep(wait).await;
                }
                sleep(RECKON_EVERY).await;
            },
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
