//! The status in the text format of Prometheus.
//!
//! Names and labels are stable: dashboards of fifty branches are built on them, and docs/operations.md lists
//! them. Counters count since the start of the daemon; every reason is there from the start, with 0, so that
//! its first increase is seen. Holds no number, name or token, as the status does.

use std::fmt::{Display, Write};

use jiff::Timestamp;
use serde::Serialize;

use super::{AccountStatus, SourceStatus, Status};
use crate::domain::call::Skip;
use crate::domain::fate::Why;

/// What a collector is to take the text for.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

#[derive(Clone, Copy)]
enum Kind {
    Counter,
    Gauge,
}
use Kind::{Counter, Gauge};

/// What is written; `None` is a daemon that does not answer.
pub fn text(status: Option<&Status>, now: Timestamp) -> String {
    let mut page = Page(String::new());
    page.family("up", Gauge, "Whether the daemon answers.");
    page.sample("up", &[], u8::from(status.is_some()));
    if let Some(status) = status {
        daemon(&mut page, status);
        webhook(&mut page, status);
        accounts(&mut page, status, now);
        outbox(&mut page, status);
        sources(&mut page, status, now);
        health(&mut page, status);
    }
    page.0
}

fn daemon(page: &mut Page, status: &Status) {
    page.family("info", Gauge, "The version, as a label.");
    page.sample("info", &[("version", &status.version)], 1);
    page.family("uptime_seconds", Gauge, "How long the daemon runs.");
    page.sample("uptime_seconds", &[], status.uptime_seconds);
    page.family(
        "config_reloads_total",
        Counter,
        "How often the configuration was read anew, taken up or not.",
    );
    page.sample("config_reloads_total", &[], status.reloads);
}

fn webhook(page: &mut Page, status: &Status) {
    let name = "webhook_events_total";
    page.family(name, Counter, "Events of Hipcall by their names.");
    for (event, n) in &status.webhook.events {
        page.sample(name, &[("event", event)], n);
    }
    let name = "webhook_unreadable_total";
    page.family(
        name,
        Counter,
        "Requests with a right secret that told of no call.",
    );
    for (reason, n) in &status.webhook.unreadable {
        page.sample(name, &[("reason", reason)], n);
    }
    let name = "webhook_turned_away_total";
    page.family(name, Counter, "Requests with a wrong path.");
    page.sample(name, &[], status.webhook.turned_away);
}

type Value = fn(&AccountStatus, Timestamp) -> Option<f64>;
/// What is measured of each account.
const OF_AN_ACCOUNT: [(&str, Kind, &str, Value); 7] = [
    (
        "last_event_age_seconds",
        Gauge,
        "Since Hipcall last told of anything.",
        |a, now| a.last_event.map(|then| age(then, now) as f64),
    ),
    (
        "last_card_age_seconds",
        Gauge,
        "Since Hipcall last took a card.",
        |a, now| a.last_card.map(|then| age(then, now) as f64),
    ),
    (
        "last_card_seconds",
        Gauge,
        "From the last card's event to Hipcall's answer.",
        |a, _| a.last_card_ms.map(|ms| ms / 1000.0),
    ),
    (
        "cards_delivered_total",
        Counter,
        "Cards that Hipcall took.",
        |a, _| Some(a.delivered as f64),
    ),
    (
        "cards_parked_total",
        Counter,
        "Cards that only a person can help.",
        |a, _| Some(a.parked as f64),
    ),
    (
        "comments_total",
        Counter,
        "Comments written for cards that came too late.",
        |a, _| Some(a.comments as f64),
    ),
    (
        "users",
        Gauge,
        "Hipcall users known by their addresses.",
        |a, _| a.users.map(|users| users.known as f64),
    ),
];

fn accounts(page: &mut Page, status: &Status, now: Timestamp) {
    for (name, kind, help, value) in OF_AN_ACCOUNT {
        page.each(status, name, kind, help, |a| value(a, now));
    }
    reasons(page, status);
}

/// What became of an account's calls that brought no card in time.
fn reasons(page: &mut Page, status: &Status) {
    let fates = "Cards that came too late to matter, by reason.";
    page.reasons(status, "cards_expired_total", fates, &Why::ALL, |a, why| {
        a.expired.get(&why)
    });
    let fates = "Cards that were given up, by reason.";
    page.reasons(status, "cards_dropped_total", fates, &Why::ALL, |a, why| {
        a.dropped.get(&why)
    });
    let fates = "Calls that got no card, by reason.";
    page.reasons(
        status,
        "calls_skipped_total",
        fates,
        &Skip::ALL,
        |a, why| a.skipped.get(&why),
    );
}

fn outbox(page: &mut Page, status: &Status) {
    let counts = status.outbox;
    for (name, help, value) in [
        (
            "outbox_waiting",
            "Cards that wait to be sent.",
            counts.waiting,
        ),
        (
            "outbox_parked",
            "Cards that wait for a person.",
            counts.parked,
        ),
        (
            "outbox_comments_due",
            "Comments that wait to be written.",
            counts.comments,
        ),
        (
            "outbox_finished",
            "Calls remembered after they were done with.",
            counts.finished,
        ),
    ] {
        page.family(name, Gauge, help);
        page.sample(name, &[], value);
    }
}

fn sources(page: &mut Page, status: &Status, now: Timestamp) {
    type Value = fn(&SourceStatus, Timestamp) -> Option<u64>;
    let values: [(&str, &str, Value); 7] = [
        (
            "source_records",
            "Contacts or balances in the copy.",
            |s, _| Some(s.contacts.into()),
        ),
        (
            "source_numbers",
            "Telephone numbers in the copy.",
            |s, _| Some(s.numbers),
        ),
        (
            "source_rows_rejected",
            "Rows that the last load could not use.",
            |s, _| s.rejects.as_ref().map(|r| r.rows_rejected()),
        ),
        (
            "source_good_age_seconds",
            "Since the source was last read without a fault.",
            |s, now| s.last_good.map(|then| age(then, now)),
        ),
        (
            "source_full_age_seconds",
            "Since everything of the source was read.",
            |s, now| s.full_at.map(|then| age(then, now)),
        ),
        (
            "source_changed_records",
            "Records that the last sync added, changed or removed.",
            |s, _| s.changes.map(|c| c.added + c.changed + c.removed),
        ),
        (
            "source_held",
            "1 while a load waits for a person, or the copy before serves.",
            |s, _| Some(u64::from(s.is_held || s.is_rolled_back)),
        ),
    ];
    for (name, help, value) in values {
        page.family(name, Gauge, help);
        for (source, told) in &status.sources {
            let value = value(told, now);
            value
                .into_iter()
                .for_each(|v| page.sample(name, &[("source", source)], v));
        }
    }
}

fn health(page: &mut Page, status: &Status) {
    let (name, clock) = ("clock_ahead_seconds", status.clock);
    page.family(
        name,
        Gauge,
        "How far the box's clock is ahead of Hipcall's.",
    );
    clock
        .ahead_seconds
        .into_iter()
        .for_each(|s| page.sample(name, &[], s));
    let name = "clock_synchronised";
    page.family(name, Gauge, "Whether a time server keeps the box's clock.");
    clock
        .synchronised
        .into_iter()
        .for_each(|s| page.sample(name, &[], u8::from(s)));
    let name = "alarm";
    page.family(name, Gauge, "An alarm that stands; gone when it is over.");
    for alarm in status.alarms.iter() {
        let labels = [("id", alarm.id.as_str()), ("subject", &alarm.subject)];
        page.sample(name, &labels, 1);
    }
}

/// A wrong clock makes nothing younger than now.
fn age(then: Timestamp, now: Timestamp) -> u64 {
    u64::try_from(now.duration_since(then).as_secs()).unwrap_or(0)
}

struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Counter => "counter",
            Gauge => "gauge",
        };
        // Writing to a text can't fail.
        let _ = writeln!(
            self.0,
            "# HELP ringcard_{name} {help}\n# TYPE ringcard_{name} {kind}"
        );
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<String> = labels
            .iter()
            .map(|(label, text)| format!("{label}=\"{}\"", escaped(text)))
            .collect();
        let labels = match labels.is_empty() {
            true => String::new(),
            false => format!("{{{}}}", labels.join(",")),
        };
        let _ = writeln!(self.0, "ringcard_{name}{labels} {value}");
    }

    /// One value for each account that has it.
    fn each<V: Display>(
        &mut self,
        status: &Status,
        name: &str,
        kind: Kind,
        help: &str,
        value: impl Fn(&AccountStatus) -> Option<V>,
    ) {
        self.family(name, kind, help);
        for (account, told) in &status.accounts {
            let value = value(told);
            value
                .into_iter()
                .for_each(|v| self.sample(name, &[("account", account)], v));
        }
    }

    /// A count for each account and reason.
    fn reasons<W: Copy + Serialize>(
        &mut self,
        status: &Status,
        name: &str,
        help: &str,
        all: &[W],
        count: impl for<'a> Fn(&'a AccountStatus, W) -> Option<&'a u64>,
    ) {
        self.family(name, Counter, help);
        for (account, told) in &status.accounts {
            for why in all {
                // The name that `status --json` has for it.
                let reason = serde_json::to_string(why).unwrap_or_default();
                let labels = [
                    ("account", account.as_str()),
                    ("reason", reason.trim_matches('"')),
                ];
                self.sample(name, &labels, count(told, *why).unwrap_or(&0));
            }
        }
    }
}

fn escaped(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    escaped.replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::{AlarmId, Board, ClockStatus, Records};
    use crate::store::outbox::Counts;
    use std::collections::{BTreeMap, BTreeSet};

    type Samples = BTreeMap<(String, Vec<(String, String)>), f64>;

    /// Reads the format as strictly as its specification has it; panics at what it does not allow.
    fn read(text: &str) -> Samples {
        assert!(text.ends_with('\n'));
        let (mut samples, mut kinds, mut seen) = (Samples::new(), BTreeMap::new(), BTreeSet::new());
        let mut helped = String::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').unwrap();
                assert!(is_name(name) && !help.is_empty(), "{line}");
                assert!(seen.insert(name.to_owned()), "{name} twice");
                helped = name.to_owned();
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                assert_eq!(name, helped, "TYPE follows HELP");
                assert!(["counter", "gauge"].contains(&kind), "{line}");
                assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
                kinds.insert(name.to_owned(), kind.to_owned());
            } else {
                let (series, value) = line.rsplit_once(' ').unwrap();
                let (name, labels) = match series.split_once('{') {
                    Some((name, rest)) => (name, read_labels(rest.strip_suffix('}').unwrap())),
                    None => (series, Vec::new()),
                };
                assert_eq!(name, helped, "a family's samples stand together");
                assert!(kinds.contains_key(name), "{line}");
                let value: f64 = value.parse().unwrap();
                assert!(kinds[name] == "gauge" || value >= 0.0, "{line}");
                let key = (name.to_owned(), labels);
                assert_eq!(samples.insert(key, value), None, "{line} twice");
            }
        }
        samples
    }

    fn is_name(name: &str) -> bool {
        !name.is_empty()
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    }

    fn read_labels(mut text: &str) -> Vec<(String, String)> {
        let mut labels = Vec::new();
        loop {
            let (name, rest) = text.split_once("=\"").unwrap();
            assert!(is_name(name), "{name}");
            let (mut value, mut chars) = (String::new(), rest.char_indices());
            let end = loop {
                match chars.next().unwrap() {
                    (_, '\\') => match chars.next().unwrap().1 {
                        'n' => value.push('\n'),
                        c @ ('\\' | '"') => value.push(c),
                        c => panic!("\\{c}"),
                    },
                    (at, '"') => break at,
                    (_, c) => value.push(c),
                }
            };
            labels.push((name.to_owned(), value));
            match rest[end + 1..].strip_prefix(',') {
                Some(more) => text = more,
                None => {
                    assert_eq!(&rest[end + 1..], "");
                    return labels;
                }
            }
        }
    }

    fn value(samples: &Samples, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let labels = labels.iter().map(|(k, v)| (k.to_string(), v.to_string()));
        let key = (format!("ringcard_{name}"), labels.collect());
        samples.get(&key).copied()
    }

    fn status() -> Status {
        let board = Board::default();
        board.set_parts(
            [("istanbul", "https://a"), ("izmir", "https://a")].into_iter(),
            [("crm", Records::Contacts)].into_iter(),
        );
        board.event("istanbul", "call_init");
        board.delivered("istanbul", Some(std::time::Duration::from_millis(250)));
        board.skipped("istanbul", Skip::Withheld);
        board.expired("izmir", Why::NoConnection);
        board.dropped("izmir", Why::ByHand);
        board.unreadable("not-json");
        board.clock(ClockStatus {
            synchronised: Some(false),
            ahead_seconds: Some(-7),
        });
        let odd = "node \"https://a\\b\"\nx";
        board.raise(AlarmId::ClockWrong, "clock", "wrong", "set it");
        board.raise(AlarmId::NodeUnreachable, odd, "gone", "look");
        let counts = Counts {
            waiting: 3,
            ..Counts::default()
        };
        board.show(counts)
    }

    #[test]
    fn what_is_counted_can_be_read_by_prometheus() {
        let status = status();
        let now = status.accounts["istanbul"].last_event.unwrap();
        let now = now.checked_add(std::time::Duration::from_secs(90)).unwrap();
        let read = read(&text(Some(&status), now));
        let (istanbul, izmir) = (("account", "istanbul"), ("account", "izmir"));
        for (name, labels, expected) in [
            ("up", &[][..], Some(1.0)),
            ("webhook_events_total", &[("event", "call_init")], Some(1.0)),
            (
                "webhook_unreadable_total",
                &[("reason", "not-json")],
                Some(1.0),
            ),
            ("last_event_age_seconds", &[istanbul], Some(90.0)),
            ("last_event_age_seconds", &[izmir], None),
            ("last_card_seconds", &[istanbul], Some(0.25)),
            ("cards_delivered_total", &[istanbul], Some(1.0)),
            (
                "cards_expired_total",
                &[izmir, ("reason", "no-connection")],
                Some(1.0),
            ),
            (
                "cards_expired_total",
                &[istanbul, ("reason", "no-connection")],
                Some(0.0),
            ),
            (
                "cards_dropped_total",
                &[izmir, ("reason", "by-hand")],
                Some(1.0),
            ),
            (
                "calls_skipped_total",
                &[istanbul, ("reason", "withheld")],
                Some(1.0),
            ),
            ("outbox_waiting", &[], Some(3.0)),
            ("source_records", &[("source", "crm")], Some(0.0)),
            ("source_good_age_seconds", &[("source", "crm")], None),
            ("clock_ahead_seconds", &[], Some(-7.0)),
            ("clock_synchronised", &[], Some(0.0)),
            (
                "alarm",
                &[("id", "clock-wrong"), ("subject", "clock")],
                Some(1.0),
            ),
            (
                "alarm",
                &[
                    ("id", "node-unreachable"),
                    ("subject", "node \"https://a\\b\"\nx"),
                ],
                Some(1.0),
            ),
        ] {
            assert_eq!(value(&read, name, labels), expected, "{name} {labels:?}");
        }
    }

    #[test]
    fn a_daemon_that_does_not_answer_is_down() {
        let read = read(&text(None, Timestamp::UNIX_EPOCH));
        assert_eq!(read.len(), 1);
        assert_eq!(value(&read, "up", &[]), Some(0.0));
    }

    /// A name that is gone, or new and not told of, breaks or lacks a dashboard.
    #[test]
    fn every_name_is_documented() {
        let docs = include_str!("../../docs/operations.md");
        let page = text(Some(&status()), Timestamp::UNIX_EPOCH);
        let names = page.lines().filter_map(|line| line.strip_prefix("# HELP "));
        for name in names.filter_map(|line| line.split(' ').next()) {
            assert!(docs.contains(&format!("`{name}`")), "{name}");
        }
        let documented = docs
            .match_indices("`ringcard_")
            .map(|(at, _)| &docs[at + 1..]);
        for name in documented.filter_map(|rest| rest.split(['`', '{', ' ']).next()) {
            assert!(page.contains(&format!("# TYPE {name} ")), "{name}");
        }
    }
}
