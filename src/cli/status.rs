//! `ringcard status`: at a glance, how everything does.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use jiff::Timestamp;

use super::Failure;
use super::terminal::{ago, say, say_json, span, table};
use crate::config::Config;
use crate::domain::call::Skip;
use crate::domain::fate::Why;
use crate::domain::tally::counted;
use crate::status::{AccountStatus, ClockStatus, Records, SourceStatus, Status};
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
    let mut parts = Vec::new();
    if status.accounts.is_empty() {
        parts.push("NOT SET UP YET: run sudo ringcard setup\n".to_owned());
    }
    parts.push(format!(
        "Ringcard {}, up {}, webhooks at {}",
        status.version,
        span(status.uptime_seconds),
        webhook.addresses.join(" and "),
    ));
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
        "outbox: {} waiting, {} parked, {} due",
        outbox.waiting,
        outbox.parked,
        counted(outbox.comments as u64, "comment")
    ));
    parts.extend(clock(status.clock));
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
        "DROPPED",
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
            Some(ms) => format!("{}, {}", ago(account.last_card), moment(ms)),
            None => ago(account.last_card),
        };
        rows.push(vec![
            name.clone(),
            ago(account.last_event),
            card,
            account.delivered.to_string(),
            summed(&account.expired, Why::reason),
            summed(&account.dropped, Why::reason),
            account.parked.to_string(),
            summed(&account.skipped, Skip::reason),
        ]);
        if let (true, Some(row)) = (with_users, rows.last_mut()) {
            row.push(users(account));
        }
    }
    table(&rows)
}

/// Tenths of a second are what a person tells apart; beneath them it was at once, and milliseconds say how much.
fn moment(ms: f64) -> String {
    match ms {
        ms if ms < 100.0 => format!("{ms:.0} ms"),
        ms => format!("{:.1} s", ms / 1000.0),
    }
}

fn users(account: &AccountStatus) -> String {
    match account.users {
        Some(users) if users.read.is_some() => format!("{}, {}", users.known, ago(users.read)),
        Some(_) => "not read yet".into(),
        None => "-".into(),
    }
}

/// The sum, and of what it is made up.
fn summed<K: Copy>(counts: &BTreeMap<K, u64>, reason: fn(K) -> &'static str) -> String {
    let total: u64 = counts.values().sum();
    let reasons = counts
        .iter()
        .map(|(why, n)| format!("{n} {}", reason(*why)));
    match (total, counts.len()) {
        (0, _) => "0".into(),
        (_, 1) => reasons.collect(),
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
        "LAST READ",
        "NEXT",
    ];
    let mut rows = vec![head.map(String::from).to_vec()];
    for (name, source) in &status.sources {
        rows.push(vec![
            name.clone(),
            ago(source.last_good),
            match source.records {
                Records::Contacts => counted(source.contacts.into(), "contact"),
                Records::Balances => counted(source.contacts.into(), "balance"),
            },
            match source.records {
                Records::Contacts => source.numbers.to_string(),
                Records::Balances => "-".into(),
            },
            rejected(source),
            last_read(source),
            next(source),
        ]);
    }
    table(&rows)
}

/// Which way the last sync took, and what it changed.
fn last_read(source: &SourceStatus) -> String {
    let Some(mode) = source.mode else {
        return "-".into();
    };
    match source.changes {
        Some(changes) => format!("{}: {changes}", mode.words()),
        None => mode.words().into(),
    }
}

fn next(source: &SourceStatus) -> String {
    if source.is_rolled_back {
        return "went back, by hand".into();
    }
    let seconds = source
        .next_due
        .map(|then| then.duration_since(Timestamp::now()));
    let due = match seconds.map(|s| u64::try_from(s.as_secs())) {
        None => "-".into(),
        Some(Err(_) | Ok(0)) => "now".into(),
        Some(Ok(seconds)) => format!("in {}", span(seconds)),
    };
    match source.is_held {
        true => format!("HELD; {due}"),
        false => due,
    }
}

fn rejected(source: &SourceStatus) -> String {
    let Some(rejects) = &source.rejects else {
        return "-".into();
    };
    let reasons = rejects
        .rows
        .iter()
        .map(|(reason, tally)| format!("{} {}", tally.count, reason.words()));
    match (rejects.rows_rejected(), rejects.rows.len()) {
        (0, _) => "0".into(),
        (_, 1) => reasons.collect(),
        (total, _) => format!("{total}: {}", reasons.collect::<Vec<_>>().join("; ")),
    }
}

/// Only what is not as it should be.
fn clock(clock: ClockStatus) -> Option<String> {
    match (clock.ahead_seconds, clock.synchronised) {
        (Some(ahead), _) if ahead.abs() > 10 => Some(format!(
            "clock: {} {} Hipcall's",
            span(ahead.unsigned_abs()),
            if ahead < 0 { "behind" } else { "ahead of" }
        )),
        (None, Some(false)) => Some("clock: not synchronised".into()),
        _ => None,
    }
}

fn alarms(status: &Status) -> String {
    if status.alarms.is_empty() {
        return "alarms: none".into();
    }
    let lines = status.alarms.iter().map(|alarm| {
        let (id, subject) = (alarm.id.as_str(), &alarm.subject);
        let since = ago(Some(alarm.since));
        format!(
            "ALARM {id}, {subject} (began {since}): {}\n  what to do: {}",
            alarm.what, alarm.advice
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::renewal::{Changes, Mode};
    use crate::status::{AlarmId, UsersStatus};

    #[test]
    fn what_got_no_card_is_told_with_its_reasons() {
        let account = AccountStatus {
            expired: [(Why::CallEnded, 2), (Why::NoConnection, 1)].into(),
            dropped: [(Why::ByHand, 1)].into(),
            skipped: [(Skip::Withheld, 3)].into(),
            ..AccountStatus::default()
        };
        let mut status = Status::default();
        status.accounts.insert("izmir".into(), account);
        let shown = accounts(&status);
        for told in [
            "3: 2 the call has ended; 1 no connection to Hipcall",
            "  1 dropped by hand",
            "  3 the number is withheld",
        ] {
            assert!(shown.contains(told), "{shown}");
        }
    }

    #[test]
    fn times_and_counts_are_told_as_people_say_them() {
        for (ms, told) in [
            (0.4, "0 ms"),
            (99.4, "99 ms"),
            (312.0, "0.3 s"),
            (1_249.0, "1.2 s"),
        ] {
            assert_eq!(moment(ms), told);
        }
        let mut status = Status::default();
        for (comments, told) in [
            (0, "0 comments due"),
            (1, "1 comment due"),
            (2, "2 comments due"),
        ] {
            status.outbox.comments = comments;
            assert!(show(&status).contains(told), "{}", show(&status));
        }
    }

    #[test]
    fn an_alarm_is_told_with_the_name_under_which_it_is_explained() {
        let mut status = Status::default();
        assert!(show(&status).ends_with("alarms: none"));
        let (what, advice) = ("it is 2 h behind Hipcall's", "set it");
        status
            .alarms
            .raise(AlarmId::ClockWrong, "clock", what, advice);
        let told = "ALARM clock-wrong, clock (began just now): it is 2 h behind Hipcall's\n  what to do: set it";
        assert!(show(&status).ends_with(told), "{}", show(&status));
    }

    #[test]
    fn the_clock_is_told_of_only_when_something_is_odd() {
        let told = |ahead_seconds, synchronised| {
            clock(ClockStatus {
                synchronised,
                ahead_seconds,
            })
        };
        assert_eq!(told(Some(3), Some(false)), None);
        assert_eq!(told(None, None), None);
        assert_eq!(told(None, Some(false)).unwrap(), "clock: not synchronised");
        assert_eq!(
            told(Some(-7200), None).unwrap(),
            "clock: 2 h behind Hipcall's"
        );
        assert_eq!(
            told(Some(60), Some(true)).unwrap(),
            "clock: 60 s ahead of Hipcall's"
        );
    }

    #[test]
    fn a_source_is_told_with_what_its_last_sync_changed_and_when_the_next_is_due() {
        let changes = Changes {
            added: 2,
            changed: 3,
            removed: 1,
        };
        let mut source = SourceStatus {
            mode: Some(Mode::Increment),
            changes: Some(changes),
            next_due: Timestamp::now()
                .checked_add(jiff::SignedDuration::from_secs(3_000))
                .ok(),
            is_held: true,
            ..SourceStatus::default()
        };
        assert_eq!(last_read(&source), "changes: 2 added, 3 changed, 1 removed");
        assert_eq!(next(&source), "HELD; in 49 min");
        source.is_held = false;
        source.next_due = Some(Timestamp::UNIX_EPOCH);
        assert_eq!(next(&source), "now");
        source.is_rolled_back = true;
        assert_eq!(next(&source), "went back, by hand");
        assert_eq!(
            (
                last_read(&SourceStatus::default()),
                next(&SourceStatus::default())
            ),
            ("-".into(), "-".into())
        );
    }

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
