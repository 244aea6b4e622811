//! Hipcall's limit of requests (60 a minute, measured): how much is left, and until when to hold back.
//!
//! The reset comes as wall-clock seconds; it is read against the answer's own `Date`, because the box's
//! clock may be wrong. A limit already known spares the request that would be refused.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use tokio::time::Instant;

/// How long to hold back when Hipcall does not say.
const UNSAID: Duration = Duration::from_secs(5);
/// The shortest: `Retry-After: 0` must not make every waiting card try without a pause.
const SHORTEST: Duration = Duration::from_secs(1);
/// The longest that a header is believed: the window is a minute.
const LONGEST: Duration = Duration::from_secs(60);

#[derive(Default)]
pub(super) struct Quota(Mutex<Option<Instant>>);

impl Quota {
    /// What is left to wait before the next request has a chance.
    pub(super) fn wait(&self) -> Option<Duration> {
        let until = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        until?
            .checked_duration_since(Instant::now())
            .filter(|left| !left.is_zero())
    }

    /// Learns from an answer's headers.
    pub(super) fn learn(&self, status: u16, headers: &HeaderMap) -> Option<Duration> {
        let refused = status == 429;
        let used_up = number(headers, "x-ratelimit-remaining") == Some(0);
        if !refused && !used_up {
            return None;
        }
        let wait = match (retry_after(headers), reset_in(headers)) {
            (Some(wait), _) | (None, Some(wait)) => wait.clamp(SHORTEST, LONGEST),
            (None, None) if refused => UNSAID,
            (None, None) => return None,
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + wait);
        refused.then_some(wait)
    }
}

fn number(headers: &HeaderMap, name: &str) -> Option<i64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// Seconds only: the date form has never been seen from Hipcall.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds))
}

fn reset_in(headers: &HeaderMap) -> Option<Duration> {
    let reset = number(headers, "x-ratelimit-reset")?;
    let date = headers.get(DATE).and_then(|d| d.to_str().ok());
    let date = date.and_then(|d| jiff::fmt::rfc2822::parse(d).ok());
    let now = date.map_or_else(
        || jiff::Timestamp::now().as_second(),
        |d| d.timestamp().as_second(),
    );
    // The second of the reset is still part of the window.
    Some(Duration::from_secs(
        u64::try_from(reset - now).unwrap_or(0) + 1,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(k, v)| (k.parse().unwrap(), v.parse().unwrap()))
            .collect()
    }

    const DATED: (&str, &str) = ("date", "Tue, 01 Sep 2026 10:41:00 GMT");

    #[tokio::test(start_paused = true)]
    async fn the_reset_counts_from_the_answers_own_date() {
        let quota = Quota::default();
        let answer = headers(&[DATED, ("x-ratelimit-reset", "1788259269")]);
        assert_eq!(quota.learn(429, &answer), Some(Duration::from_secs(10)));
        assert_eq!(quota.wait(), Some(Duration::from_secs(10)));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(quota.wait(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_used_up_quota_holds_back_before_a_refusal() {
        let quota = Quota::default();
        let last = [
            DATED,
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "1788259263"),
        ];
        assert_eq!(quota.learn(201, &headers(&last)), None);
        assert_eq!(quota.wait(), Some(Duration::from_secs(4)));
    }

    #[tokio::test(start_paused = true)]
    async fn odd_headers_never_hold_back_long() {
        let cases: [(&[(&'static str, &str)], u64); 6] = [
            (&[], 5),
            (&[("retry-after", "0")], 1),
            (&[("retry-after", "2")], 2),
            (&[("retry-after", "86400")], 60),
            (&[DATED, ("x-ratelimit-reset", "4102444800")], 60),
            (&[DATED, ("x-ratelimit-reset", "-5")], 1),
        ];
        for (pairs, seconds) in cases {
            let wait = Quota::default().learn(429, &headers(pairs));
            assert_eq!(wait, Some(Duration::from_secs(seconds)), "{pairs:?}");
        }
        assert_eq!(
            Quota::default().learn(201, &headers(&[("x-ratelimit-remaining", "59")])),
            None
        );
    }
}
