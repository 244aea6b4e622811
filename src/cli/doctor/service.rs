//! The running daemon: whether it answers, what alarms stand, and its doors.

use std::time::Duration;

use super::door;
use super::finding::{ALARM, DAEMON, DOOR, Finding};
use crate::cli::terminal::span;
use crate::config::Outline;
use crate::domain::tally::counted;
use crate::status::{Alarm, AlarmId, Status};
use crate::system::control::{ControlError, Request, ask};

/// The daemon answers from memory.
const CONTROL_TIME: Duration = Duration::from_secs(10);

pub(super) async fn look(outline: &Outline) -> Vec<Finding> {
    let Some(socket) = &outline.control_socket else {
        return vec![DAEMON.skip("", "not asked: the configuration does not tell where")];
    };
    let asked = ask::<Status>(socket, &Request::Status, |_| {});
    let status = match tokio::time::timeout(CONTROL_TIME, asked).await {
        Ok(Ok(status)) => status,
        Ok(Err(ControlError::Denied { .. })) => {
            return vec![DAEMON.hidden(""), DOOR.hidden("")];
        }
        Ok(Err(e)) => return silent(&e.to_string()),
        Err(_) => {
            let seconds = CONTROL_TIME.as_secs();
            return silent(&format!("the daemon does not answer within {seconds} s"));
        }
    };
    let mut findings = vec![up(&status)];
    findings.extend(status.alarms.iter().map(alarm));
    if status.alarms.is_empty() {
        findings.push(ALARM.ok("", "none stands"));
    }
    findings.extend(door::look(outline, &status).await);
    findings
}

fn silent(what: &str) -> Vec<Finding> {
    let advice =
        "sudo systemctl start ringcard; if it does not stay up: journalctl -u ringcard -n 50";
    vec![
        DAEMON.fail("", what, advice),
        DOOR.skip("", "not tried: the daemon does not run"),
    ]
}

fn up(status: &Status) -> Finding {
    let ours = env!("CARGO_PKG_VERSION");
    if status.version != ours {
        let what = format!("{} runs, and {ours} is installed", status.version);
        return DAEMON.warn("", what, "sudo systemctl restart ringcard");
    }
    let events: u64 = status.webhook.events.values().sum();
    let (up, events) = (span(status.uptime_seconds), counted(events, "event"));
    DAEMON.ok("", format!("answers, up {up}, {events} taken"))
}

fn alarm(alarm: &Alarm) -> Finding {
    let subject = format!("{} ({})", alarm.id.as_str(), alarm.subject);
    let (what, advice) = (&*alarm.what, &*alarm.advice);
    match alarm.id {
        // Calls still get their cards.
        AlarmId::CardParked
        | AlarmId::UsersNotRead
        | AlarmId::ReplicaRolledBack
        | AlarmId::CredentialExpires
        | AlarmId::PeriodOver
        | AlarmId::TokenKept
        | AlarmId::CertificateKept
        | AlarmId::ConfigKept => ALARM.warn(subject, what, advice),
        _ => ALARM.fail(subject, what, advice),
    }
}
