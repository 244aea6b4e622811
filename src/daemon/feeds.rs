//! One task for each source: syncs it on its schedule, when a file is dropped, and when a command asks.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use self::keeper::Keeper;
use self::renewal::Renewal;
use crate::config::{Config, Timing};
use crate::flow::office::Flow;
use crate::flow::sync::{Order, Report};
use crate::source::read::Progress;

mod keeper;
mod renewal;
mod tell;
mod timers;

pub(super) use tell::tell_rolled_back;

/// Sources worked on at once. A network share that hangs takes a thread with it, and lookups need theirs.
const SOURCES_AT_ONCE: usize = 3;
/// Commands waiting for one source.
const ASKS: usize = 4;

/// When each source is read, and where that was configured.
pub(super) struct Schedules {
    timings: HashMap<String, Timing>,
    config_path: Option<PathBuf>,
}

pub(super) fn schedules(config: &Config, config_path: Option<PathBuf>) -> Schedules {
    let sources = config.sources.iter();
    let timings = sources.map(|s| (s.name().to_owned(), s.timing.clone()));
    Schedules {
        timings: timings.collect(),
        config_path,
    }
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
            let Some(timing) = schedules.timings.remove(&name) else {
                continue;
            };
            let (ask, asks) = mpsc::channel(ASKS);
            running.asks.insert(name, ask);
            let keeper = Keeper {
                flow: flow.clone(),
                table: timing.timetable(feed.source.abilities().is_remote),
                secrets: Renewal::of(feed, schedules.config_path.clone()),
                feed: feed.clone(),
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
