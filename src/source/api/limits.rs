//! How often we ask: a token bucket before each request, and what a vendor says about when to ask again.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use tokio::time::Instant;

/// Of the requests in a window, the share that may be sent at once.
const BURST: u32 = 10;
/// A number at least this large is a time since 1970, not a number of seconds to wait.
const TIME_FROM: f64 = 1_000_000_000.0;

/// At most so many requests in any window of so long, whenever it begins: what may be sent at once and what is
/// filled up meanwhile are together no more.
#[derive(Debug)]
pub(super) struct Bucket {
    capacity: f64,
    per_second: f64,
    filled: f64,
    at: Instant,
}

impl Bucket {
    pub(super) fn new((requests, per): (u32, Duration), now: Instant) -> Bucket {
        let capacity = f64::from((requests / BURST).max(1));
        // With a single one in the window the next comes after the whole of it.
        let rest = (f64::from(requests) - capacity).max(1.0);
        Bucket {
            capacity,
            per_second: rest / per.as_secs_f64(),
            filled: capacity,
            at: now,
        }
    }

    /// Takes one, and says how long to wait before it may be used.
    pub(super) fn take(&mut self, now: Instant) -> Duration {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.filled = (self.filled + passed * self.per_second).min(self.capacity) - 1.0;
        self.at = now;
        match self.filled < 0.0 {
            true => Duration::from_secs_f64(-self.filled / self.per_second),
            false => Duration::ZERO,
        }
    }
}

/// How long a header says to wait: seconds, an HTTP date, or the time since 1970. `now` is the server's clock,
/// where it tells it.
pub(super) fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    let until = |at: Timestamp| {
        let wait = at.duration_since(now);
        Duration::try_from(wait).unwrap_or(Duration::ZERO)
    };
    if let Ok(number) = text.parse::<f64>() {
        return match number {
            n if n >= TIME_FROM => Timestamp::from_second(n as i64).ok().map(until),
            n => Duration::try_from_secs_f64(n).ok(),
        };
    }
    http_date(text).map(until)
}

pub(super) fn http_date(text: &str) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new()
        .parse_timestamp(text.trim())
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_window_ever_holds_more_requests_than_allowed() {
        for (requests, seconds) in [(100, 10), (20, 2), (4, 1), (1, 5), (60, 60), (2, 1)] {
            let per = Duration::from_secs(seconds);
            let mut bucket = Bucket::new((requests, per), Instant::now());
            let mut times: Vec<Instant> = Vec::new();
            for n in 0..400_u64 {
                // Now and then nobody asks for a while.
                if n % 50 == 0 {
                    tokio::time::sleep(per * 3).await;
                }
                tokio::time::sleep(bucket.take(Instant::now())).await;
                times.push(Instant::now());
            }
            let most = times.iter().map(|from| {
                let within =
                    |at: &&Instant| **at >= *from && **at < *from + per - Duration::from_millis(5);
                times.iter().filter(within).count()
            });
            let most = most.max().unwrap();
            assert!(
                most <= requests as usize,
                "{most} of {requests} in {seconds} s"
            );
            // And not much fewer.
            assert!(
                most * 2 >= requests as usize,
                "{most} of {requests} in {seconds} s"
            );
        }
    }

    #[test]
    fn a_vendor_says_when_to_ask_again_in_seconds_or_as_a_time() {
        let now: Timestamp = "2026-09-01T10:00:00Z".parse().unwrap();
        let cases = [
            ("7", Some(7.0)),
            ("0.5", Some(0.5)),
            (" 0 ", Some(0.0)),
            ("Tue, 01 Sep 2026 10:00:30 GMT", Some(30.0)),
            ("Tue, 01 Sep 2026 09:00:00 GMT", Some(0.0)),
            ("1788256860", Some(60.0)),
            ("soon", None),
            ("-1", None),
            ("", None),
        ];
        for (text, seconds) in cases {
            let wait = retry_after(text, now).map(|wait| wait.as_secs_f64());
            assert_eq!(wait, seconds, "{text}");
        }
    }
}
