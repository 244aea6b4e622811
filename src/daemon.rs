//! Build, run, drain: what `ringcard run` is.
//!
//! Architecture Invariant: tasks and threads begin here or in `tasks`, nowhere else. Those that last as
//! long as the daemon are in one named set, and an early end of any ends the daemon: restarting is
//! systemd's work, and it begins with everything sound.

mod accounts;
mod alive;
mod commands;
mod credentials;
mod crew;
mod disk;
mod explain;
mod feeds;
mod housekeeping;
mod owners;
mod silence;
mod start;
mod timekeeper;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{error, info, warn};

use crate::config::Config;
use crate::domain::fate::Why;
use crate::flow::deliver::Delivery;
use crate::flow::office::{Flow, Office};
use crate::status::AlarmId;
use crate::store::outbox::{Outcome, Waiting};
use crate::system::{chain, notify};
use crate::webhook::{Gate, Identity, IdentityFiles, Listen, Listener};

pub use explain::{CandidateShown, Explanation, Offline};
pub use start::StartError;

/// What a stop may take: a card under way gets this long. systemd's own limit is longer.
const DRAIN_TIME: Duration = Duration::from_secs(6);
/// How long the doors stay open at the least after a stop has begun: a client with many calls is told in an
/// answer that its connection ends, and not by its end.
const LEAVE_TIME: Duration = Duration::from_millis(250);
/// For the events of those who were let in last: their cards are on disk when they are answered.
const LAST_EVENTS_TIME: Duration = Duration::from_secs(1);
/// What the outbox's last write may take after that.
const FLUSH_TIME: Duration = Duration::from_secs(2);

pub struct Daemon {
    flow: Flow,
    gate: Arc<ArcSwap<Gate>>,
    listener: Listener<Flow>,
    identity: Option<Arc<Identity>>,
    feeds: Arc<feeds::Feeds>,
    owners: owners::Keepers,
    accounts: accounts::Keepers,
    silences: silence::Keepers,
    essential: JoinSet<&'static str>,
    writer_ended: Option<oneshot::Receiver<()>>,
    addresses: Vec<SocketAddr>,
    fixed: Fixed,
    config_path: Option<PathBuf>,
    _lock: crate::store::StateLock,
}

/// What a reload can't change: it takes a restart.
#[derive(Debug, PartialEq, Eq)]
struct Fixed {
    state_directory: PathBuf,
    runtime_directory: PathBuf,
    listen: Vec<Listen>,
    certificate: Option<IdentityFiles>,
    metrics: Option<SocketAddr>,
}

impl Fixed {
    fn of(config: &Config) -> Fixed {
        Fixed {
            state_directory: config.state_directory.clone(),
            runtime_directory: config.runtime_directory.clone(),
            listen: config.webhook.listen.clone(),
            certificate: config.webhook.certificate.clone(),
            metrics: config.metrics,
        }
    }
}

impl Daemon {
    /// Where webhooks are taken, in the configuration's order; sockets in the file system are left out.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The flows, for whoever runs the daemon inside another program.
    pub fn flow(&self) -> &Flow {
        &self.flow
    }

    /// The TLS certificate in use.
    pub fn identity(&self) -> Option<&Arc<Identity>> {
        self.identity.as_ref()
    }

    /// Runs until `stop`, then drains; reads the configuration anew whenever `reload` says so. An error
    /// names the task that ended by itself.
    pub async fn run(
        mut self,
        stop: impl Future<Output = ()>,
        reload: &Notify,
    ) -> Result<(), String> {
        tokio::pin!(stop);
        let mut stamps = accounts::Stamps::of(&self.flow);
        let failed = loop {
            tokio::select! {
                () = &mut stop => break None,
                () = reload.notified() => self.reload(),
                () = stamps.change(&self.flow) => self.take_tokens(),
                ended = self.essential.join_next() => break Some(match ended {
                    Some(Ok(name)) => name.to_owned(),
                    Some(Err(e)) => e.to_string(),
                    None => "every task".to_owned(),
                }),
            }
        };
        if let Some(name) = &failed {
            error!(
                event_id = "task-ended",
                name, "a task that should never end has ended"
            );
        }
        self.drain().await;
        failed.map_or(Ok(()), |name| Err(format!("{name} ended unexpectedly")))
    }

    /// Stops at once, as `run` would.
    pub async fn stop(mut self) {
        self.drain().await;
    }

    /// Lets what runs end, then takes no new calls, and closes the outbox. The doors stay open meanwhile: what
    /// comes in is put on disk for the next run, which can't begin before this one is over.
    async fn drain(&mut self) {
        let waiting = self.flow.outbox.counts().waiting;
        self.flow.tasks.stop();
        self.listener.leave();
        notify::stopping(&format!("stopping; {waiting} cards wait"));
        let (drained, ()) = tokio::join!(self.flow.tasks.drain(DRAIN_TIME), sleep(LEAVE_TIME));
        let answered = self.listener.close().await;
        // Nothing of before is waited for twice.
        let ended = !drained || self.flow.tasks.drain(LAST_EVENTS_TIME).await;
        self.essential.abort_all();
        if !(drained && answered && ended) {
            warn!(
                event_id = "drain-incomplete",
                "not everything ended in time; cards stay on disk"
            );
        }
        // Writes what still lingers; a disk that does not answer is not waited for.
        self.flow.outbox.close();
        let callers = self.flow.callers.clone();
        let saved = self.flow.tasks.blocking(move || callers.save());
        let ended = self.writer_ended.take();
        let flushed = async { ended?.await.ok() };
        let flushed = timeout(FLUSH_TIME, async { tokio::join!(flushed, saved) });
        let flushed = flushed.await.is_ok();
        info!(waiting, flushed, "stopped");
    }

    /// Takes up a new configuration whole, or says why the old one stays.
    fn reload(&mut self) {
        notify::reloading();
        self.reload_certificate();
        if let Some(path) = &self.config_path {
            match Config::load(path) {
                Ok(config) => self.take(config),
                Err(e) => self.keep_old(&e.to_string()),
            }
        }
        self.flow.board.reloaded();
        notify::ready(&housekeeping::line(&self.flow));
    }

    /// Takes up tokens whose files have changed, and nothing else.
    fn take_tokens(&self) {
        if accounts::take_tokens(&self.flow) {
            self.owners.begin(&self.flow);
            self.accounts.begin(&self.flow);
            self.silences.begin(&self.flow);
        }
    }

    fn keep_old(&self, reason: &str) {
        let advice = "mend it (ringcard check lists all problems), then: systemctl reload ringcard; do it before the next \
             restart, which would not come up";
        self.flow.board.raise(
            AlarmId::ConfigKept,
            "configuration",
            "the new configuration has problems, so the old one stays in use",
            advice,
        );
        error!(
            event_id = "config-kept",
            "the old configuration stays: {reason}"
        );
    }

    fn take(&mut self, config: Config) {
        if Fixed::of(&config) != self.fixed {
            warn!(
                event_id = "restart-needed",
                "addresses, certificate paths and directories change only with a restart"
            );
        }
        let path = self.config_path.clone();
        let (gate, schedules) = (start::gate(&config), feeds::schedules(&config, path));
        let old = self.flow.office.load_full();
        match Office::open(config, Some(&old)) {
            Ok((office, damaged)) => {
                start::report_damaged(&damaged);
                start::announce(&self.flow.board, &office);
                // In this order, so that a new account's first event finds it in the office.
                self.flow.office.store(Arc::new(office));
                self.flow.renewed.notify_waiters();
                self.gate.store(Arc::new(gate));
                // The new office has its own connections; no call should pay for opening them.
                housekeeping::use_lines(&self.flow);
                self.feeds.begin(&self.flow, schedules);
                self.owners.begin(&self.flow);
                self.accounts.begin(&self.flow);
                self.silences.begin(&self.flow);
                self.flow.board.clear(AlarmId::ConfigKept, "configuration");
                info!("the new configuration is in use");
            }
            Err(e) => {
                self.keep_old(&chain::of(&e));
            }
        }
    }

    fn reload_certificate(&self) {
        if let Some(identity) = &self.identity {
            housekeeping::reload_certificate(identity, &self.flow.board);
        }
    }
}

/// Sends the cards that an earlier run left.
fn resume(flow: &Flow, waiting: Vec<Waiting>) {
    let office = flow.office.load_full();
    for (entry, halt) in waiting {
        match office.accounts.get(entry.account.as_str()).cloned() {
            Some(account) => {
                let delivery = Delivery::new(flow.clone(), account, None);
                flow.tasks.spawn(delivery.run(entry, halt));
            }
            None => {
                let (account, call) = (&entry.account, &entry.call);
                let reason = Why::NoAccount.reason();
                warn!(event_id = "card-expired", account, %call, reason, "a card came too late");
                flow.outbox
                    .finish(&entry.key(), &Outcome::Expired(Why::NoAccount));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhook::CLOSE_TIME;

    #[test]
    fn a_stop_takes_less_than_systemd_gives_it() {
        let unit = include_str!("../systemd/ringcard.service");
        let given = unit.lines().find_map(|l| l.strip_prefix("TimeoutStopSec="));
        let seconds = given.and_then(|s| s.strip_suffix('s')).unwrap();
        let given = Duration::from_secs(seconds.parse().unwrap());
        assert!(DRAIN_TIME.max(LEAVE_TIME) + CLOSE_TIME + LAST_EVENTS_TIME + FLUSH_TIME < given);
    }
}
