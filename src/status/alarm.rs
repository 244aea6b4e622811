//! What a person should know until it is over: typed, with words and with what to do.
//!
//! An alarm's id is also the `event_id` of its log line, so one heading in docs/operations.md explains both.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlarmId {
    /// No account is configured.
    NotSetUp,
    /// The outbox can't be written.
    DiskRefused,
    /// The outbox was unreadable at the start, and a new one was begun.
    OutboxDamaged,
    ClockWrong,
    NodeUnreachable,
    TokenRefused,
    /// A token's file has changed, and can't be used.
    TokenKept,
    CardParked,
    /// Hipcall knows none of the calls that its webhook tells of.
    CallUnknown,
    /// Hipcall has calls, and its webhook tells of none.
    WebhookSilent,
    UsersNotRead,
    SyncFailed,
    /// A load can only be a mistake at the source.
    SyncHeld,
    /// A person went back to the copy before.
    ReplicaRolledBack,
    /// A secret has a date, and it is near.
    CredentialExpires,
    /// A source refuses a secret.
    CredentialRefused,
    /// What a source reads belongs to a period that is over.
    PeriodOver,
    LookupFailed,
    CertificateKept,
    ConfigKept,
}

impl AlarmId {
    pub const ALL: [AlarmId; 20] = [
        AlarmId::NotSetUp,
        AlarmId::DiskRefused,
        AlarmId::OutboxDamaged,
        AlarmId::ClockWrong,
        AlarmId::NodeUnreachable,
        AlarmId::TokenRefused,
        AlarmId::TokenKept,
        AlarmId::CardParked,
        AlarmId::CallUnknown,
        AlarmId::WebhookSilent,
        AlarmId::UsersNotRead,
        AlarmId::SyncFailed,
        AlarmId::SyncHeld,
        AlarmId::ReplicaRolledBack,
        AlarmId::CredentialExpires,
        AlarmId::CredentialRefused,
        AlarmId::PeriodOver,
        AlarmId::LookupFailed,
        AlarmId::CertificateKept,
        AlarmId::ConfigKept,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            AlarmId::NotSetUp => "not-set-up",
            AlarmId::DiskRefused => "disk-refused",
            AlarmId::OutboxDamaged => "outbox-damaged",
            AlarmId::ClockWrong => "clock-wrong",
            AlarmId::NodeUnreachable => "node-unreachable",
            AlarmId::TokenRefused => "token-refused",
            AlarmId::TokenKept => "token-kept",
            AlarmId::CardParked => "card-parked",
            AlarmId::CallUnknown => "call-unknown",
            AlarmId::WebhookSilent => "webhook-silent",
            AlarmId::UsersNotRead => "users-not-read",
            AlarmId::SyncFailed => "sync-failed",
            AlarmId::SyncHeld => "sync-held",
            AlarmId::ReplicaRolledBack => "replica-rolled-back",
            AlarmId::CredentialExpires => "credential-expires",
            AlarmId::CredentialRefused => "credential-refused",
            AlarmId::PeriodOver => "period-over",
            AlarmId::LookupFailed => "lookup-failed",
            AlarmId::CertificateKept => "certificate-kept",
            AlarmId::ConfigKept => "config-kept",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    pub id: AlarmId,
    /// What it concerns: `disk`, `source crm`, `account istanbul`.
    pub subject: String,
    pub since: Timestamp,
    pub what: String,
    pub advice: String,
}

/// The alarms that stand, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Alarms(Vec<Alarm>);

impl Alarms {
    /// True if this alarm is new, or says something new, and should be logged.
    pub fn raise(&mut self, id: AlarmId, subject: &str, what: &str, advice: &str) -> bool {
        if let Some(alarm) = self.0.iter_mut().find(|a| a.is(id, subject)) {
            let is_new = alarm.what != what;
            alarm.what = what.to_owned();
            alarm.advice = advice.to_owned();
            return is_new;
        }
        self.0.push(Alarm {
            id,
            subject: subject.to_owned(),
            since: Timestamp::now(),
            what: what.to_owned(),
            advice: advice.to_owned(),
        });
        true
    }

    pub fn has(&self, id: AlarmId, subject: &str) -> bool {
        self.0.iter().any(|a| a.is(id, subject))
    }

    /// The alarm that was there.
    pub fn clear(&mut self, id: AlarmId, subject: &str) -> Option<Alarm> {
        let at = self.0.iter().position(|a| a.is(id, subject))?;
        Some(self.0.remove(at))
    }

    /// Leaves those of the whole box, and those of an account, node or source that there `is`: what stands is
    /// not over because the configuration was read anew.
    pub fn keep_parts(&mut self, is: impl Fn(&str, &str) -> bool) {
        self.0.retain(|a| {
            a.subject
                .split_once(' ')
                .is_none_or(|(kind, name)| is(kind, name))
        });
    }

    pub fn iter(&self) -> impl Iterator<Item = &Alarm> {
        self.0.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl Alarm {
    fn is(&self, id: AlarmId, subject: &str) -> bool {
        self.id == id && self.subject == subject
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_is_new_once_and_ends_once() {
        let (id, mut alarms) = (AlarmId::DiskRefused, Alarms::default());
        assert!(alarms.raise(id, "disk", "full", "make room"));
        assert!(!alarms.raise(id, "disk", "full", "make room"));
        assert!(alarms.raise(id, "disk", "read-only", "look at it"));
        assert_eq!(alarms.len(), 1);
        assert!(alarms.raise(AlarmId::OutboxDamaged, "disk", "x", "y"));
        assert_eq!(alarms.clear(id, "disk").unwrap().what, "read-only");
        assert_eq!(alarms.clear(id, "disk"), None);
        assert_eq!(alarms.len(), 1);
    }

    #[test]
    fn an_alarms_name_is_the_same_everywhere() {
        for id in AlarmId::ALL {
            let json = serde_json::to_string(&id).unwrap();
            assert_eq!(json.trim_matches('"'), id.as_str());
        }
    }
}
