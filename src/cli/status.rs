//! `ringcard status`: at a glance, how everything does.

use std::path::Path;
use std::process::ExitCode;

use super::Failure;
use super::terminal::{ago, say, say_json, span, table};
use crate::config::Config;
use crate::status::{AccountStatus, Records, SourceStatus, Status};
use crate::system::control::{Request, ask};

pub(super) async fn status(path: &Path, json: bool) -> Result<ExitCode, Failure> {
    let socket = Config::control_socket_of(path)?;
    let status: Status = ask(&socket, &Request::Status, |_| {}).await?;
    match json {
        true => say_json(&status),
        false => say(&show(&status)),
    }
    Ok(ExitCode::SUCCESS)
}

fn show(status: &Status) -> String {
    let webhook = &status.webhook;
    let mut parts = vec![format!(
        "Ringcard {}, up {}, webhooks at {}",
        status.version,
        span(status.uptime_seconds),
        webhook.addresses.join(" and "),
    )];
    if let Some(fingerprint) = &webhook.certificate_fingerprint {
        parts.push(format!("certificate SHA-256 {fingerprint}"));
    }
    parts.push(String::new());
    parts.push(accounts(status));
    parts.push(String::new());
    parts.push(sources(status));
    parts.push(String::new());
    let outbox = status.outbox;
    parts.push(format!(
        "outbox: {} waiting, {} parked",
        outbox.waiting, outbox.parked
    ));
    let unreadable: u64 = webhook.unreadable.values().sum();
    if unreadable > 0 {
        let kinds = webhook
            .unreadable
            .iter()
            .map(|(why, n)| format!("{why} {n}"));
        let kinds = kinds.collect::<Vec<_>>().join(", ");
        parts.push(format!(
            "events that told of no call: {unreadable} ({kinds})"
        ));
    }
    if webhook.turned_away > 0 {
        parts.push(format!(
            "requests with a wrong path: {}",
            webhook.turned_away
        ));
    }
    parts.push(alarms(status));
    parts.join("\n")
}

fn accounts(status: &Status) -> String {
    let head = [
        "ACCOUNT",
        "LAST EVENT",
        "LAST CARD",
        "DELIVERED",
        "EXPIRED",
        "PARKED",
        "SKIPPED",
    ];
    let mut rows = vec![head.map(String::from).to_vec()];
    // A column that only some configurations have something to say in.
    let with_users = status.accounts.values().any(|a| a.users.is_some());
    if with_users {
        rows[0].push("USERS".into());
    }
    for (name, account) in &status.accounts {
        let card = match account.last_card_ms {
            Some(ms) => format!("{}, {ms:.0} ms", ago(account.last_card)),
            None => ago(account.last_card),
        };
        rows.push(vec![
            name.clone(),
            ago(account.last_event),
            card,
            account.delivered.to_string(),
            account.expired.values().sum::<u64>().to_string(),
            account.parked.to_string(),
            skipped(account),
        ]);
        if let (true, Some(row)) = (with_users, rows.last_mut()) {
            row.push(users(account));
        }
    }
    table(&rows)
}

fn users(account: &AccountStatus) -> String {
    match account.users {
        Some(users) if users.read.is_some() => format!("{}, {}", users.known, ago(users.read)),
        Some(_) => "not read yet".into(),
        None => "-".into(),
    }
}

fn skipped(account: &AccountStatus) -> String {
    let total: u64 = account.skipped.values().sum();
    let reasons = account
        .skipped
        .iter()
        .map(|(skip, n)| format!("{n} {}", skip.reason()));
    match total {
        0 => "0".into(),
        _ => format!("{total}: {}", reasons.collect::<Vec<_>>().join("; ")),
    }
}

fn sources(status: &Status) -> String {
    let head = [
        "SOURCE",
        "LAST GOOD SYNC",
        "RECORDS",
        "NUMBERS",
        "ROWS REJECTED",
    ];
    let mut rows = vec![head.map(String::from).to_vec()];
    for (name, source) in &status.sources {
        rows.push(vec![
            name.clone(),
            ago(source.last_good),
            match source.records {
                Records::Contacts => format!("{} contacts", source.contacts),
                Records::Balances => format!("{} balances", source.contacts),
            },
            match source.records {
                Records::Contacts => source.numbers.to_string(),
                Records::Balances => "-".into(),
            },
            rejected(source),
        ]);
    }
    table(&rows)
}

fn rejected(source: &SourceStatus) -> String {
    let Some(rejects) = &source.rejects else {
        return "-".into();
    };
    let reasons = rejects
        .rows
        .iter()
        .map(|(reason, tally)| format!("{} {}", tally.count, reason.words()));
    match rejects.rows_rejected() {
        0 => "0".into(),
        total => format!("{total}: {}", reasons.collect::<Vec<_>>().join("; ")),
    }
}

fn alarms(status: &Status) -> String {
    if status.alarms.is_empty() {
        return "alarms: none".into();
    }
    let lines = status.alarms.iter().map(|alarm| {
        let (subject, since) = (&alarm.subject, ago(Some(alarm.since)));
        format!(
            "ALARM {subject} (since {since}): {}\n  what to do: {}",
            alarm.what, alarm.advice
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::UsersStatus;

    #[test]
    fn users_are_told_of_only_where_owners_are_used() {
        let mut status = Status::default();
        status
            .accounts
            .insert("izmir".into(), AccountStatus::default());
        assert!(!accounts(&status).contains("USERS"));
        let read = Some(jiff::Timestamp::now());
        for (users, expected) in [
            (UsersStatus { known: 12, read }, "12, just now"),
            (UsersStatus::default(), "not read yet"),
        ] {
            let users = Some(users);
            let with = AccountStatus {
                users,
                ..AccountStatus::default()
            };
            status.accounts.insert("istanbul".into(), with);
            let shown = accounts(&status);
            let lines: Vec<&str> = shown.lines().collect();
            assert!(lines[0].ends_with("USERS"), "{shown}");
            assert!(lines[1].ends_with(expected), "{shown}");
            assert!(lines[2].ends_with("  -"), "{shown}");
        }
    }
}
