//! What is looked after while nothing happens: the warm line to each node, the certificate's files, the
//! line in `systemctl status`, and the sign of life that systemd's watchdog wants.
//!
//! The sign of life is given only after work was seen done: the outbox's writer and a worker thread have
//! both answered. A daemon that hangs is silent, and is restarted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::{error, info, warn};

use crate::flow::office::{Account, Flow};
use crate::status::{AlarmId, Board, Records};
use crate::system::{chain, notify};
use crate::webhook::Identity;

/// How often the line is used at the least.
const WARM_EVERY: Duration = Duration::from_secs(30);
/// How often the certificate's files are looked at: two file times.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// A sign of life is given this many times in the watchdog's period.
const SIGNS: u32 = 3;
/// Without a watchdog the status line is still renewed this often.
const STATUS_EVERY: Duration = Duration::from_secs(10);
/// How long writer and worker may take to answer.
const ANSWER_TIME: Duration = Duration::from_secs(10);

pub(super) async fn run(flow: Flow, identity: Option<Arc<Identity>>) {
    let signs = notify::watchdog().map_or(STATUS_EVERY, |period| period / SIGNS);
    let (mut sign, mut look) = (interval(signs), interval(LOOK_EVERY));
    let mut warm = interval(WARM_EVERY);
    sign.set_missed_tick_behavior(MissedTickBehavior::Delay);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    warm.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stamp = identity.as_ref().map(|i| i.stamp());
    loop {
        tokio::select! {
            () = flow.tasks.stopping() => return std::future::pending().await,
            _ = sign.tick() => {
                if is_alive(&flow).await {
                    notify::alive();
                }
                notify::status(&line(&flow));
            }
            _ = warm.tick() => use_lines(&flow),
            _ = look.tick() => {
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

async fn is_alive(flow: &Flow) -> bool {
    let answers = async { flow.outbox.ping().await && flow.tasks.blocking(|| ()).await.is_ok() };
    timeout(ANSWER_TIME, answers).await.unwrap_or(false)
}

fn line(flow: &Flow) -> String {
    let status = flow.board.show(flow.outbox.counts());
    let sources = status.sources.values();
    let sources = sources.filter(|s| s.records == Records::Contacts);
    let contacts: u64 = sources.map(|s| u64::from(s.contacts)).sum();
    let cards: u64 = status.accounts.values().map(|a| a.delivered).sum();
    let alarm = status
        .alarms
        .iter()
        .next()
        .map(|a| format!("; ALARM {}: {}", a.subject, a.what));
    let waiting = status.outbox.waiting;
    format!(
        "{contacts} contacts, {cards} cards, {waiting} waiting{}",
        alarm.unwrap_or_default()
    )
}

/// Uses each node's connection, so that a lost one is opened before a call needs it.
pub(super) fn use_lines(flow: &Flow) {
    let office = flow.office.load();
    let nodes: BTreeMap<&str, &Arc<Account>> = office
        .accounts
        .values()
        .map(|a| (a.config.node.as_str(), a))
        .collect();
    for account in nodes.into_values() {
        let (account, board) = (account.clone(), flow.board.clone());
        flow.tasks.spawn(async move {
            let subject = account.node_subject();
            match account.client.warm().await {
                Ok(()) if board.clear(AlarmId::NodeUnreachable, &subject) => {
                    info!(node = account.config.node, "reachable again")
                }
                Ok(()) => {}
                Err(e) => {
                    let reason = chain::of(&e);
                    let advice = "look at the line and its DNS; cards wait up to their deadline";
                    if board.raise(
                        AlarmId::NodeUnreachable,
                        &subject,
                        "Hipcall can't be reached",
                        advice,
                    ) {
                        let node = &account.config.node;
                        warn!(
                            event_id = "node-unreachable",
                            node, reason, "Hipcall can't be reached"
                        );
                    }
                }
            }
        });
    }
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
