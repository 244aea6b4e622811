//! Hipcall's limit of requests (60 a minute, measured): how much of the window is left, and until when to
//! hold back. Values and decisions; `turns` acts on them.
//!
//! What Hipcall says of the window wins over our own count, less what is under way and not in its count yet.
//! The reset comes as wall-clock seconds; it is read against the answer's own `Date`, because the box's clock
//! may be wrong.
//!
//! Cards may use all of it. What no call waits for may only use the first half of a window.

use std::time::Duration;

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use tokio::time::Instant;

/// The limit until Hipcall has told it.
const REQUESTS: i64 = 60;
/// How long a window lasts (measured).
const WINDOW: Duration = Duration::from_secs(60);
/// How long to hold back when Hipcall does not say.
const UNSAID: Duration = Duration::from_secs(5);
/// The shortest: `Retry-After: 0` must not make every waiting card try without a pause.
const SHORTEST: Duration = Duration::from_secs(1);
/// The longest that a header is believed: the window is a minute.
const LONGEST: Duration = Duration::from_secs(60);
/// The part of a window that only cards may use: one in so many.
const RESERVED_PART: i64 = 2;

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Somebody's telephone rings.
    Card,
    /// No call waits for it.
    Aside,
}

#[derive(Debug)]
pub(super) struct Quota {
    limit: i64,
    left: i64,
    /// When the window ends; none is open before the first request.
    resets: Option<Instant>,
    under_way: i64,
    /// Hipcall has refused: no request has a chance before.
    held: Option<Instant>,
    /// The same for what no call waits for: whether cards are counted along is not known, so the next card
    /// finds out for itself.
    held_aside: Option<Instant>,
}

impl Default for Quota {
    fn default() -> Quota {
        Quota {
            limit: REQUESTS,
            left: REQUESTS,
            resets: None,
            under_way: 0,
            held: None,
            held_aside: None,
        }
    }
}

impl Quota {
    /// Since when not, or until when: `None` if a request may go now.
    pub(super) fn closed_until(&self, purpose: Purpose, now: Instant) -> Option<Instant> {
        let held = match purpose {
            Purpose::Card => self.held,
            Purpose::Aside => self.held.max(self.held_aside),
        };
        if let Some(until) = held.filter(|until| *until > now) {
            return Some(until);
        }
        let resets = self.resets.filter(|resets| *resets > now)?;
        let reserved = match purpose {
            Purpose::Card => 0,
            Purpose::Aside => self.limit / RESERVED_PART,
        };
        (self.left <= reserved).then_some(resets)
    }

    /// A request goes.
    pub(super) fn take(&mut self, now: Instant) {
        if self.resets.is_none_or(|resets| resets <= now) {
            self.resets = Some(now + WINDOW);
            self.left = self.limit;
        }
        self.left -= 1;
        self.under_way += 1;
    }

    /// A request that was to go has not reached Hipcall.
    pub(super) fn give_back(&mut self) {
        // Not above the limit: the window may be another than the one it was taken from.
        self.left = (self.left + 1).min(self.limit);
        self.under_way -= 1;
    }

    /// A request is over, and nothing is known of how Hipcall counted it.
    pub(super) fn spent(&mut self) {
        self.under_way -= 1;
    }

    /// A request is answered. Tells how long to wait if it was refused for the limit.
    pub(super) fn answered(
        &mut self,
        purpose: Purpose,
        status: u16,
        headers: &HeaderMap,
        now: Instant,
    ) -> Option<Duration> {
        self.under_way -= 1;
        let refused = status == 429;
        if let Some(limit) = number(headers, "x-ratelimit-limit").filter(|limit| *limit > 0) {
            self.limit = limit;
        }
        if let Some(remaining) = number(headers, "x-ratelimit-remaining") {
            let reset = reset_in(headers).map_or(LONGEST, |wait| wait.clamp(SHORTEST, LONGEST));
            self.resets = Some(now + reset);
            self.left = remaining.saturating_sub(self.under_way);
        }
        if !refused {
            return None;
        }
        let wait = refusal(headers).unwrap_or(UNSAID);
        match purpose {
            Purpose::Card => self.held = Some(now + wait),
            Purpose::Aside => self.held_aside = Some(now + wait),
        }
        Some(wait)
    }
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
        u64::try_from(reset.saturating_sub(now))
            .unwrap_or(0)
            .saturating_add(1),
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

    /// A quota, and the seconds that pass for it.
    struct Trial {
        quota: Quota,
        start: Instant,
        seconds: u64,
    }

    impl Trial {
        fn new() -> Trial {
            Trial {
                quota: Quota::default(),
                start: Instant::now(),
                seconds: 0,
            }
        }

        fn now(&self) -> Instant {
            self.start + Duration::from_secs(self.seconds)
        }

        /// Seconds until a request of this kind may go.
        fn wait(&self, purpose: Purpose) -> Option<u64> {
            let until = self.quota.closed_until(purpose, self.now())?;
            Some(until.duration_since(self.now()).as_secs())
        }

        fn waits(&self) -> (Option<u64>, Option<u64>) {
            (self.wait(Purpose::Card), self.wait(Purpose::Aside))
        }

        fn ask(
            &mut self,
            purpose: Purpose,
            status: u16,
            said: &[(&'static str, &str)],
        ) -> Option<u64> {
            let now = self.now();
            self.quota.take(now);
            let wait = self.quota.answered(purpose, status, &headers(said), now);
            wait.map(|wait| wait.as_secs())
        }
    }

    fn said(remaining: &'static str) -> [(&'static str, &'static str); 4] {
        let reset = ("x-ratelimit-reset", "1788259269");
        let limit = ("x-ratelimit-limit", "60");
        [DATED, limit, ("x-ratelimit-remaining", remaining), reset]
    }

    #[test]
    fn the_reset_counts_from_the_answers_own_date() {
        let mut trial = Trial::new();
        let wait = trial.ask(
            Purpose::Card,
            429,
            &[DATED, ("x-ratelimit-reset", "1788259269")],
        );
        assert_eq!((wait, trial.waits()), (Some(10), (Some(10), Some(10))));
        trial.seconds = 10;
        assert_eq!(trial.wait(Purpose::Card), None);
    }

    #[test]
    fn a_used_up_quota_holds_back_before_a_refusal() {
        let mut trial = Trial::new();
        assert_eq!(trial.ask(Purpose::Card, 201, &said("0")), None);
        assert_eq!(trial.wait(Purpose::Card), Some(10));
        trial.seconds = 10;
        assert_eq!(trial.waits(), (None, None));
    }

    #[test]
    fn without_a_word_of_hipcalls_sixty_a_minute_are_taken() {
        let mut trial = Trial::new();
        for _ in 0..30 {
            assert_eq!(trial.waits(), (None, None));
            trial.ask(Purpose::Card, 201, &[]);
        }
        for _ in 30..60 {
            assert_eq!(trial.waits(), (None, Some(60)));
            trial.ask(Purpose::Card, 503, &[]);
        }
        assert_eq!(trial.waits(), (Some(60), Some(60)));
        trial.seconds = 60;
        assert_eq!(trial.waits(), (None, None));
        trial.ask(Purpose::Card, 201, &[]);
        assert_eq!(trial.waits(), (None, None));
    }

    #[test]
    fn what_no_call_waits_for_leaves_half_of_the_window_to_cards() {
        let mut trial = Trial::new();
        trial.ask(Purpose::Card, 201, &said("31"));
        assert_eq!(trial.waits(), (None, None));
        trial.ask(Purpose::Card, 201, &said("30"));
        assert_eq!(trial.waits(), (None, Some(10)));
        trial.seconds = 10;
        assert_eq!(trial.waits(), (None, None), "another window");
    }

    #[test]
    fn a_limit_that_hipcall_raises_is_believed() {
        let mut trial = Trial::new();
        let said = [
            ("x-ratelimit-limit", "600"),
            ("x-ratelimit-remaining", "400"),
        ];
        trial.ask(Purpose::Card, 201, &said);
        for _ in 0..399 {
            trial.ask(Purpose::Card, 201, &[]);
        }
        assert_eq!(trial.wait(Purpose::Card), None);
        trial.ask(Purpose::Card, 201, &[]);
        assert_eq!(trial.wait(Purpose::Card), Some(60));
    }

    #[test]
    fn what_is_under_way_is_not_in_hipcalls_count_yet() {
        let mut trial = Trial::new();
        let now = trial.now();
        (0..3).for_each(|_| trial.quota.take(now));
        trial
            .quota
            .answered(Purpose::Card, 201, &headers(&said("2")), now);
        assert_eq!(
            trial.wait(Purpose::Card),
            Some(10),
            "the two that are left are taken"
        );
        trial.quota.give_back();
        assert_eq!(trial.wait(Purpose::Card), None, "one did not reach Hipcall");
        trial.quota.spent();
        assert_eq!(trial.quota.under_way, 0);
    }

    #[test]
    fn what_comes_back_in_the_next_window_is_no_more_than_the_window() {
        let mut trial = Trial::new();
        let now = trial.now();
        (0..10).for_each(|_| trial.quota.take(now));
        trial.seconds = 60;
        trial.ask(Purpose::Card, 503, &[]);
        (0..10).for_each(|_| trial.quota.give_back());
        assert_eq!(trial.quota.left, 60);
    }

    #[test]
    fn the_least_numbers_that_there_are_count_as_nothing_left() {
        let mut trial = Trial::new();
        let least = "-9223372036854775808";
        let said = [
            ("x-ratelimit-remaining", least),
            ("x-ratelimit-reset", least),
        ];
        trial.ask(Purpose::Card, 201, &said);
        assert_eq!(trial.wait(Purpose::Card), Some(1));
    }

    #[test]
    fn a_refusal_holds_back_everything_unless_no_call_waited_for_it() {
        let mut trial = Trial::new();
        let said = [("retry-after", "7")];
        assert_eq!(trial.ask(Purpose::Aside, 429, &said), Some(7));
        assert_eq!(trial.waits(), (None, Some(7)));
        assert_eq!(trial.ask(Purpose::Card, 429, &said), Some(7));
        assert_eq!(trial.waits(), (Some(7), Some(7)));
    }

    #[test]
    fn odd_headers_never_hold_back_long() {
        let cases: [(&[(&'static str, &str)], u64); 7] = [
            (&[], 5),
            (&[("retry-after", "0")], 1),
            (&[("retry-after", "2")], 2),
            (&[("retry-after", "86400")], 60),
            (&[DATED, ("x-ratelimit-reset", "4102444800")], 60),
            (&[DATED, ("x-ratelimit-reset", "-5")], 1),
            (&[DATED, ("x-ratelimit-reset", "9223372036854775807")], 60),
        ];
        for (pairs, seconds) in cases {
            let wait = Trial::new().ask(Purpose::Card, 429, pairs);
            assert_eq!(wait, Some(seconds), "{pairs:?}");
        }
        let mut trial = Trial::new();
        trial.ask(
            Purpose::Card,
            201,
            &[("x-ratelimit-limit", "-3"), ("x-ratelimit-remaining", "59")],
        );
        assert_eq!(trial.waits(), (None, None));
    }
}
