//! What `ringcard status` shows: counted where things happen, read as one whole.
//!
//! Holds no number, name or token: it may be pasted into a mail to whoever helps.

mod alarm;
pub mod metrics;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tracing::info;

pub use alarm::{Alarm, AlarmId, Alarms};

use crate::domain::call::Skip;
use crate::domain::fate::Why;
use crate::domain::renewal::{Changes, Mode};
use crate::source::reject::Rejects;
use crate::store::outbox::Counts;

/// Different event names counted; what comes after them is counted together.
const EVENT_NAMES: usize = 32;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Status {
    pub version: String,
    pub uptime_seconds: u64,
    /// How often the configuration was read anew, taken up or not.
    pub reloads: u64,
    pub webhook: WebhookStatus,
    pub accounts: BTreeMap<String, AccountStatus>,
    pub sources: BTreeMap<String, SourceStatus>,
    pub outbox: Counts,
    #[serde(default)]
    pub clock: ClockStatus,
    pub alarms: Alarms,
}

/// How the box's wall clock does; what is not known is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockStatus {
    pub synchronised: Option<bool>,
    /// How far it is ahead of Hipcall's.
    pub ahead_seconds: Option<i64>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct WebhookStatus {
    pub addresses: Vec<String>,
    pub certificate_fingerprint: Option<String>,
    pub turned_away: u64,
    pub unreadable: BTreeMap<String, u64>,
    pub events: BTreeMap<String, u64>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct AccountStatus {
    pub node: String,
    pub last_event: Option<Timestamp>,
    pub last_card: Option<Timestamp>,
    /// From the webhook's arrival to Hipcall's answer.
    pub last_card_ms: Option<f64>,
    pub delivered: u64,
    pub expired: BTreeMap<Why, u64>,
    pub dropped: BTreeMap<Why, u64>,
    pub parked: u64,
    /// Cards that came too late and were told in their calls' records.
    #[serde(default)]
    pub comments: u64,
    pub skipped: BTreeMap<Skip, u64>,
    /// Only where a source names the owners of its contacts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<UsersStatus>,
}

/// The account's Hipcall users, for the row with a contact's owner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsersStatus {
    pub known: usize,
    pub read: Option<Timestamp>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SourceStatus {
    pub records: Records,
    pub last_try: Option<Timestamp>,
    pub last_good: Option<Timestamp>,
    pub last_error: Option<String>,
    pub contacts: u32,
    pub numbers: u64,
    /// Of the last load: what it read, how long it took, and what it could not use.
    pub rows: u64,
    pub load_seconds: f64,
    pub rejects: Option<Rejects>,
    /// The way that the last good sync took, and what it changed where that is known.
    #[serde(default)]
    pub mode: Option<Mode>,
    #[serde(default)]
    pub changes: Option<Changes>,
    /// As of when the changes are known, of a source that can be asked for them.
    #[serde(default)]
    pub changes_as_of: Option<Timestamp>,
    /// When everything was read last.
    #[serde(default)]
    pub full_at: Option<Timestamp>,
    #[serde(default)]
    pub next_due: Option<Timestamp>,
    /// A load waits for a person to accept it.
    #[serde(default)]
    pub is_held: bool,
    #[serde(default)]
    pub is_rolled_back: bool,
}

/// What the records of a source are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Records {
    #[default]
    Contacts,
    Balances,
}

/// The one place that the daemon's parts report to.
#[derive(Debug)]
pub struct Board {
    started: std::time::Instant,
    status: Mutex<Status>,
    /// How many events each account has had, for whoever waits for the next one.
    ears: Mutex<BTreeMap<String, watch::Sender<u64>>>,
}

impl Default for Board {
    fn default() -> Board {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let status = Status {
            version,
            ..Status::default()
        };
        Board {
            started: std::time::Instant::now(),
            status: Mutex::new(status),
            ears: Mutex::default(),
        }
    }
}

impl Board {
    /// Everything as it is now; the outbox's counts are its own.
    pub fn show(&self, outbox: Counts) -> Status {
        let mut status = self.lock().clone();
        status.uptime_seconds = self.started.elapsed().as_secs();
        status.outbox = outbox;
        status
    }

    pub fn webhook(&self, change: impl FnOnce(&mut WebhookStatus)) {
        change(&mut self.lock().webhook);
    }

    pub fn account(&self, name: &str, change: impl FnOnce(&mut AccountStatus)) {
        if let Some(account) = self.lock().accounts.get_mut(name) {
            change(account);
        }
    }

    pub fn source(&self, name: &str, change: impl FnOnce(&mut SourceStatus)) {
        if let Some(source) = self.lock().sources.get_mut(name) {
            change(source);
        }
    }

    /// The accounts and sources there are from now on; what stays keeps its counts.
    pub fn set_parts<'a>(
        &self,
        accounts: impl Iterator<Item = (&'a str, &'a str)>,
        sources: impl Iterator<Item = (&'a str, Records)>,
    ) {
        let mut status = self.lock();
        let mut old = std::mem::take(&mut status.accounts);
        status.accounts = accounts
            .map(|(name, node)| {
                let kept = old.remove(name).unwrap_or_default();
                (
                    name.to_owned(),
                    AccountStatus {
                        node: node.to_owned(),
                        ..kept
                    },
                )
            })
            .collect();
        let mut old = std::mem::take(&mut status.sources);
        status.sources = sources
            .map(|(name, records)| {
                let kept = old.remove(name).unwrap_or_default();
                (name.to_owned(), SourceStatus { records, ..kept })
            })
            .collect();
        let Status {
            alarms,
            accounts,
            sources,
            ..
        } = &mut *status;
        alarms.keep_parts(|kind, name| match kind {
            "source" => sources.contains_key(name),
            "node" => accounts.values().any(|a| a.node == name),
            _ => accounts.contains_key(name),
        });
    }

    pub fn has(&self, id: AlarmId, subject: &str) -> bool {
        self.lock().alarms.has(id, subject)
    }

    pub fn clock(&self, clock: ClockStatus) {
        self.lock().clock = clock;
    }

    /// Changes with each event of the account.
    pub fn listen(&self, account: &str) -> watch::Receiver<u64> {
        let mut ears = self.ears.lock().unwrap_or_else(PoisonError::into_inner);
        ears.entry(account.to_owned()).or_default().subscribe()
    }

    pub fn reloaded(&self) {
        self.lock().reloads += 1;
    }

    pub fn event(&self, account: &str, name: &str) {
        let ears = self.ears.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ear) = ears.get(account) {
            ear.send_modify(|events| *events += 1);
        }
        drop(ears);
        let mut status = self.lock();
        if let Some(account) = status.accounts.get_mut(account) {
            account.last_event = Some(Timestamp::now());
        }
        let events = &mut status.webhook.events;
        let known = events.contains_key(name) || events.len() < EVENT_NAMES;
        *events
            .entry(if known { name } else { "(others)" }.to_owned())
            .or_default() += 1;
    }

    pub fn unreadable(&self, why: &str) {
        *self
            .lock()
            .webhook
            .unreadable
            .entry(why.to_owned())
            .or_default() += 1;
    }

    pub fn skipped(&self, account: &str, skip: Skip) {
        self.account(account, |a| *a.skipped.entry(skip).or_default() += 1);
    }

    pub fn expired(&self, account: &str, why: Why) {
        self.account(account, |a| *a.expired.entry(why).or_default() += 1);
    }

    pub fn dropped(&self, account: &str, why: Why) {
        self.account(account, |a| *a.dropped.entry(why).or_default() += 1);
    }

    pub fn delivered(&self, account: &str, took: Option<Duration>) {
        self.account(account, |a| {
            a.delivered += 1;
            a.last_card = Some(Timestamp::now());
            a.last_card_ms = took
                .map(|t| t.as_micros() as f64 / 1000.0)
                .or(a.last_card_ms);
        });
    }

    /// True if this alarm is new, and should be logged.
    pub fn raise(&self, id: AlarmId, subject: &str, what: &str, advice: &str) -> bool {
        self.lock().alarms.raise(id, subject, what, advice)
    }

    /// True if the alarm was there; the log says that it is over.
    pub fn clear(&self, id: AlarmId, subject: &str) -> bool {
        let cleared = self.lock().alarms.clear(id, subject);
        if let Some(alarm) = &cleared {
            info!(alarm = id.as_str(), subject, "over: {}", alarm.what);
        }
        cleared.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board() -> Board {
        let board = Board::default();
        board.set_parts(
            [("istanbul", "https://a")].into_iter(),
            [("crm", Records::Contacts)].into_iter(),
        );
        board
    }

    #[test]
    fn event_names_beyond_the_bound_are_counted_together() {
        let board = board();
        for i in 0..100 {
            board.event("istanbul", &format!("event_{i}"));
        }
        let events = board.show(Counts::default()).webhook.events;
        assert_eq!(
            (events.len(), events["(others)"]),
            (EVENT_NAMES + 1, 100 - EVENT_NAMES as u64)
        );
    }

    #[test]
    fn parts_that_stay_keep_their_counts() {
        let board = board();
        board.delivered("istanbul", Some(Duration::from_millis(3)));
        board.skipped("istanbul", Skip::Withheld);
        board.set_parts(
            [("istanbul", "https://b"), ("new", "https://a")].into_iter(),
            [].into_iter(),
        );
        let status = board.show(Counts::default());
        let account = &status.accounts["istanbul"];
        assert_eq!((account.node.as_str(), account.delivered), ("https://b", 1));
        assert_eq!(account.last_card_ms, Some(3.0));
        assert!(status.sources.is_empty() && status.accounts.contains_key("new"));
    }

    #[test]
    fn an_alarm_outlasts_a_reload_as_long_as_its_part_is_there() {
        let board = board();
        let subjects = [
            "disk",
            "account istanbul",
            "account izmir",
            "users istanbul",
            "node https://a",
            "node https://b",
            "source crm",
            "source erp",
        ];
        for subject in subjects {
            assert!(board.raise(AlarmId::CardParked, subject, "x", "y"));
        }
        let left = |board: &Board| -> Vec<String> {
            let alarms = board.show(Counts::default()).alarms;
            alarms.iter().map(|a| a.subject.clone()).collect()
        };
        board.set_parts(
            [("istanbul", "https://b")].into_iter(),
            [("erp", Records::Balances)].into_iter(),
        );
        let expected = [
            "disk",
            "account istanbul",
            "users istanbul",
            "node https://b",
            "source erp",
        ];
        assert_eq!(left(&board), expected);
        board.set_parts([].into_iter(), [].into_iter());
        assert_eq!(left(&board), ["disk"]);
    }

    #[test]
    fn whoever_listens_hears_each_event_of_the_account_alone() {
        let board = board();
        let mut ear = board.listen("istanbul");
        board.event("izmir", "call_init");
        assert!(!ear.has_changed().unwrap());
        board.event("istanbul", "contact_create");
        assert!(ear.has_changed().unwrap());
        assert_eq!(*ear.borrow_and_update(), 1);
        assert_eq!(*board.listen("istanbul").borrow(), 1);
    }
}
