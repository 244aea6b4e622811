//! Hipcall's limit of requests (60 a minute, measured): how much is left, and until when to hold back.
//!
//! The reset comes as wall-clock seconds; it is read against the answer's own `Date`, because the box's
//! clock may be wrong. A limit already known spares the request that would be refused.
//!
//! Cards may use all of it. What no call waits for may only use what cards are not likely to need.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use tokio::time::Instant;

/// How long to hold back when Hipcall does not say.
const UNSAID: Duration = Duration::from_secs(5);
/// The shortest: `Retry-After: 0` must not make every waiting card try without a pause.
const SHORTEST: Duration = Duration::from_secs(1);
/// The longest that a header is believed: the window is a minute.
const LONGEST: Duration = Duration::from_secs(60);

/// How many requests of a window are left to cards: half of it, and more than an office has calls a minute.
const RESERVE: i64 = 30;

#[derive(Default)]
pub(super) struct Quota(Mutex<Limits>);

#[derive(Clone, Copy, Default)]
struct Limits {
    /// No request has a chance before.
    held: Option<Instant>,
    /// Less than `RESERVE` is left until then.
    scarce: Option<Instant>,
}

impl Quota {
    /// What is left to wait before the next request has a chance.
    pub(super) fn wait(&self) -> Option<Duration> {
        left(self.lock().held)
    }

    /// What a request that no call waits for has to wait, so that it takes none from a card.
    pub(super) fn wait_aside(&self) -> Option<Duration> {
        let limits = *self.lock();
        left(limits.held).max(left(limits.scarce))
    }

    /// Learns from the headers of an answer to such a request. Its refusal is its own: whether cards are
    /// counted along is not known, so the next card finds out for itself.
    pub(super) fn learn_aside(&self, status: u16, headers: &HeaderMap) -> Option<Duration> {
        match status {
            429 => Some(refusal(headers).unwrap_or(UNSAID)),
            _ => self.learn(status, headers),
        }
    }

    /// Learns from an answer's headers.
    pub(super) fn learn(&self, status: u16, headers: &HeaderMap) -> Option<Duration> {
        let refused = status == 429;
        let remaining = number(headers, "x-ratelimit-remaining");
        if let Some(remaining) = remaining {
            let reset = reset_in(headers).map_or(LONGEST, |wait| wait.clamp(SHORTEST, LONGEST));
            self.lock().scarce = (remaining < RESERVE).then(|| Instant::now() + reset);
        }
        let used_up = remaining == Some(0);
        if !refused && !used_up {
            return None;
        }
        let wait = match refusal(headers) {
            Some(wait) => wait,
            None if refused => UNSAID,
            None => return None,
        };
        self.lock().held = Some(Instant::now() + wait);
        refused.then_some(wait)
    }

    fn lock(&self) -> MutexGuard<'_, Limits> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn left(until: Option<Instant>) -> Option<Duration> {
    until?
        .checked_duration_since(Instant::now())
        .filter(|left| !left.is_zero())
}

/// How long an answer says that there is nothing left.
fn refusal(headers: &HeaderMap) -> Option<Duration> {
    let said = retry_after(headers).or_else(|| reset_in(headers))?;
    Some(said.clamp(SHORTEST, LONGEST))
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
    async fn what_no_call_waits_for_leaves_half_of_the_window_to_cards() {
        let said = |remaining| {
            headers(&[
                DATED,
                ("x-ratelimit-remaining", remaining),
                ("x-ratelimit-reset", "1788259269"),
            ])
        };
        let quota = Quota::default();
        assert_eq!(quota.wait_aside(), None, "nothing is known");
        quota.learn(201, &said("30"));
        assert_eq!(quota.wait_aside(), None);
        quota.learn(201, &said("29"));
        assert_eq!(quota.wait_aside(), Some(Duration::from_secs(10)));
        assert_eq!(quota.wait(), None, "cards go on");
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(quota.wait_aside(), None);
        quota.learn(200, &headers(&[("x-ratelimit-remaining", "1")]));
        assert_eq!(quota.wait_aside(), Some(LONGEST));
        quota.learn(200, &said("59"));
        assert_eq!(quota.wait_aside(), None, "another window");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_holds_back_everything_unless_no_call_waited_for_it() {
        let quota = Quota::default();
        let said = headers(&[("retry-after", "7")]);
        assert_eq!(quota.learn_aside(429, &said), Some(Duration::from_secs(7)));
        assert_eq!(quota.learn_aside(429, &headers(&[])), Some(UNSAID));
        assert_eq!((quota.wait(), quota.wait_aside()), (None, None));
        quota.learn(429, &said);
        let both = (quota.wait(), quota.wait_aside());
        let wait = Some(Duration::from_secs(7));
        assert_eq!(both, (wait, wait));
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
