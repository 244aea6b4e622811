//! What lasts from one read to the next while the daemon runs: how many requests may be sent, the access token,
//! and what a login gave.

use std::collections::BTreeMap;
use std::time::Duration;

use minijinja::value::Value;
use tokio::time::Instant;

use super::description::{ApiSettings, Auth, Connector};
use super::limits::Bucket;

/// A token is renewed when it has less than this left: more than one request takes.
const LEFT: Duration = Duration::from_secs(90);

/// Shorter is a number of a user or the like.
const SECRET_BYTES: usize = 8;

#[derive(Default)]
pub(super) struct Session {
    bucket: Option<Bucket>,
    pub(super) token: Option<Token>,
    /// What a login or a token's answer gave.
    pub(super) captured: BTreeMap<String, Value>,
    pub(super) is_logged_in: bool,
    /// The vendor wants no request before.
    pub(super) hold: Option<Instant>,
}

/// An access token, in memory only.
pub(super) struct Token {
    pub(super) text: String,
    /// `None`: used until it is refused.
    pub(super) until: Option<Instant>,
}

impl Token {
    pub(super) fn is_fresh(&self) -> bool {
        self.until.is_none_or(|until| Instant::now() + LEFT < until)
    }
}

impl Session {
    /// How long the next request has to wait.
    pub(super) fn turn(&mut self, settings: &ApiSettings) -> Duration {
        let now = Instant::now();
        let hold = self.hold.take().map_or(Duration::ZERO, |until| until - now);
        let Some(rate) = settings.connector.limits.rate else {
            return hold;
        };
        let bucket = self.bucket.get_or_insert_with(|| Bucket::new(rate, now));
        bucket.take(now).max(hold)
    }

    /// What may be a secret of what the vendor gave, to be kept out of messages.
    pub(super) fn proofs(&self) -> impl Iterator<Item = &str> {
        let token = self.token.iter().map(|token| token.text.as_str());
        let captured = self.captured.values().filter_map(Value::as_str);
        token.chain(captured.filter(|text| text.len() >= SECRET_BYTES))
    }

    /// What templates call `login`.
    pub(super) fn names(&self) -> Value {
        Value::from_pairs(
            self.captured
                .iter()
                .map(|(name, value)| (name.clone(), value.clone())),
        )
    }

    /// Forgets what proved who we are, and says whether it can be had anew.
    pub(super) fn forget(&mut self, connector: &Connector) -> bool {
        self.token = None;
        self.is_logged_in = false;
        self.captured.clear();
        connector.login.is_some() || matches!(connector.auth, Auth::OAuth(_))
    }
}
