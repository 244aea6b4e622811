//! What is looked after while nothing happens: the warm line to each node, the clock, the certificate's files,
//! the line in `systemctl status`, and the sign of life that systemd's watchdog wants.
//!
//! The sign of life is given only after a made-up call has come through (`alive`). A daemon that is of no use
//! is silent, and is restarted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, info, warn};

use super::alive::Life;
use super::timekeeper;
use crate::domain::fate::Why;
use crate::flow::office::{Account, Flow};
use crate::status::{AlarmId, Alarms, Board, Records, Status};
use crate::system::{chain, notify};
use crate::webhook::Identity;

/// How often the line is used at the least.
const WARM_EVERY: Duration = Duration::from_secs(30);
/// How often the clock and the certificate's files are looked at: four file times.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How often the callers' file is written, if there was a call.
const SAVE_EVERY: Duration = Duration::from_secs(60 * 60);
/// A sign of life is given this many times in the watchdog's period.
const SIGNS: u32 = 3;
/// Without a watchdog the status line is still renewed this often.
const STATUS_EVERY: Duration = Duration::from_secs(10);

pub(super) async fn run(flow: Flow, identity: Option<Arc<Identity>>) {
    let signs = notify::watchdog().map_or(STATUS_EVERY, |period| period / SIGNS);
    let (mut sign, mut look) = (interval(signs), interval(LOOK_EVERY));
    let (mut warm, mut save) = (interval(WARM_EVERY), interval(SAVE_EVERY));
    sign.set_missed_tick_behavior(MissedTickBehavior::Delay);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    warm.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut life = Life::default();
    let mut stamp = identity.as_ref().map(|i| i.stamp());
    let mut saving: Option<JoinHandle<()>> = None;
    loop {
        tokio::select! {
            () = flow.tasks.stopping() => return std::future::pending().await,
            _ = sign.tick() => {
                if life.shows(&flow).await {
                    notify::alive();
                }
                notify::status(&line(&flow));
            }
            // Not waited for: on a disk that stalls, the signs of life would stay away.
            _ = save.tick() => if saving.as_ref().is_none_or(JoinHandle::is_finished) {
                let (tasks, callers) = (flow.tasks.clone(), flow.callers.clone());
                saving = Some(flow.tasks.spawn(async move {
                    let _ = tasks.blocking(move || callers.save()).await;
                }));
            },
            _ = warm.tick() => use_lines(&flow),
            _ = look.tick() => {
                timekeeper::look(&flow);
                if let Some(identity) = &identity {
                    let now = Some(identity.stamp());
                    if now != stamp {
                        stamp = now;
                        reload_certificate(identity, &flow.board);
                    }
                }
            }
        }
    }
}

/// What `systemctl status` shows.
pub(super) fn line(flow: &Flow) -> String {
    told(&flow.status())
}

fn told(status: &Status) -> String {
    if status.accounts.is_empty() {
        return "not set up yet: run sudo ringcard setup".to_owned();
    }
    let sources = status.sources.values();
    let sources = sources.filter(|s| s.records == Records::Contacts);
    let contacts: u64 = sources.map(|s| u64::from(s.contacts)).sum();
    let cards: u64 = status.accounts.values().map(|a| a.delivered).sum();
    let waiting = status.outbox.waiting;
    format!(
        "{contacts} contacts, {cards} cards, {waiting} waiting{}",
        alarms(&status.alarms)
    )
}

/// How many, and the words of the one that stands longest.
fn alarms(alarms: &Alarms) -> String {
    let Some(first) = alarms.iter().next() else {
        return String::new();
    };
    let count = match alarms.len() {
        1 => "ALARM".to_owned(),
        n => format!("{n} ALARMS, the first"),
    };
    format!("; {count}: {}: {}", first.subject, first.what)
}

/// Uses each node's connection, so that a lost one is opened before a call needs it, and hears what time it is.
pub(super) fn use_lines(flow: &Flow) {
    let office = flow.office.load();
    let nodes: BTreeMap<&str, &Arc<Account>> = office
        .accounts
        .values()
        .map(|a| (a.config.node.as_str(), a))
        .collect();
    for account in nodes.into_values() {
        let (account, flow) = (account.clone(), flow.clone());
        flow.tasks.clone().spawn(async move {
            let (board, subject) = (&flow.board, account.node_subject());
            match account.client.hello().await {
                Ok(date) => {
                    line_is(&flow, &account, true);
                    board.clear(AlarmId::NodeUnreachable, &subject);
                    date.into_iter().for_each(|date| flow.clock.hear(date));
                    // What was heard may end an alarm, or begin one.
                    timekeeper::look(&flow);
                }
                Err(e) => {
                    line_is(&flow, &account, false);
                    flow.clock.doubt(e.why() == Why::Clock);
                    let what = format!("Hipcall can't be reached: {e}");
                    if board.raise(AlarmId::NodeUnreachable, &subject, &what, e.advice()) {
                        let (node, reason) = (&account.config.node, chain::of(&e));
                        let event_id = "node-unreachable";
                        warn!(event_id, node, reason, "Hipcall can't be reached");
                    }
                }
            }
        });
    }
}

/// One account has asked for all that have its node: each counts its own requests.
fn line_is(flow: &Flow, asked: &Account, up: bool) {
    let office = flow.office.load();
    let same = |a: &&Arc<Account>| a.config.node == asked.config.node;
    office
        .accounts
        .values()
        .filter(same)
        .for_each(|a| a.client.line_is(up));
}

pub(super) fn reload_certificate(identity: &Identity, board: &Board) {
    match identity.reload() {
        Ok(()) => {
            let fingerprint = identity.fingerprint();
            info!(fingerprint, "the certificate was read anew");
            board.clear(AlarmId::CertificateKept, "certificate");
            board.webhook(|w| w.certificate_fingerprint = Some(fingerprint));
        }
        Err(e) => {
            let reason = chain::of(&e);
            board.raise(
                AlarmId::CertificateKept,
                "certificate",
                &reason,
                "put a matching pair there; it is read by itself",
            );
            error!(
                event_id = "certificate-kept",
                reason, "the old certificate stays in use"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_that_is_not_set_up_says_so_and_what_to_do() {
        let mut status = Status::default();
        assert_eq!(told(&status), "not set up yet: run sudo ringcard setup");
        status.accounts.insert("izmir".into(), Default::default());
        assert_eq!(told(&status), "0 contacts, 0 cards, 0 waiting");
    }

    #[test]
    fn the_status_line_tells_how_many_alarms_there_are_and_the_oldest_one() {
        let mut standing = Alarms::default();
        assert_eq!(alarms(&standing), "");
        standing.raise(AlarmId::ClockWrong, "clock", "it is wrong", "set it");
        assert_eq!(alarms(&standing), "; ALARM: clock: it is wrong");
        standing.raise(AlarmId::DiskRefused, "disk", "it is full", "make room");
        let told = "; 2 ALARMS, the first: clock: it is wrong";
        assert_eq!(alarms(&standing), told);
    }
}
