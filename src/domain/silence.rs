//! Whether the webhook is silent because nobody calls, or because it is broken.
//!
//! All by Hipcall's own clock and by how long ago something was on ours: what the box takes for the time of
//! day plays no part.

use std::time::Duration;

use jiff::Timestamp;

use super::hours::Hours;

/// How much the ends of the silence are left out: an event takes its way, and a `Date` has whole seconds.
const SLACK: Duration = Duration::from_secs(60);

/// How long an account may be silent in which hours before Hipcall is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Patience {
    pub after: Duration,
    pub hours: Hours,
}

/// A call as Hipcall lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begun {
    pub at: Timestamp,
    /// Between colleagues: the webhook may say nothing of it.
    pub is_internal: bool,
}

/// Calls that began after the last event, and that no event told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missed {
    pub calls: usize,
    /// How long ago the first of them began.
    pub since: Duration,
}

impl Patience {
    /// Whether Hipcall should be asked at `now`, when the last event came `silent` ago.
    pub fn is_over(&self, now: Timestamp, silent: Duration) -> bool {
        let Ok(last) = now.checked_sub(silent) else {
            return false;
        };
        self.hours.contain(now) && self.hours.between(last, now) >= self.after
    }
}

/// What of Hipcall's calls, listed at `date`, the webhook should have told of in its silence.
pub fn missed(calls: &[Begun], date: Timestamp, silent: Duration) -> Option<Missed> {
    let ages = calls
        .iter()
        .filter(|call| !call.is_internal)
        .filter_map(|call| Duration::try_from(date.duration_since(call.at)).ok())
        .filter(|age| *age >= SLACK && *age + SLACK <= silent);
    ages.fold(None, |missed: Option<Missed>, age| {
        let (calls, since) = missed.map_or((0, age), |m| (m.calls, m.since));
        Some(Missed {
            calls: calls + 1,
            since: since.max(age),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn only_calls_within_the_silence_were_missed() {
        let now = 1_790_000_000;
        let hour = Duration::from_secs(3600);
        let call = |ago: i64| Begun {
            at: at(now - ago),
            is_internal: false,
        };
        let internal = |ago| Begun {
            is_internal: true,
            ..call(ago)
        };
        let missed_of = |calls: &[Begun]| missed(calls, at(now), hour);
        let told = |calls, since| {
            let since = Duration::from_secs(since);
            Some(Missed { calls, since })
        };
        let cases = [
            (vec![], None),
            (vec![call(60)], told(1, 60)),
            (vec![call(60), call(1800), call(3540)], told(3, 3540)),
            // Its event may be on the way; or was the last one that came.
            (vec![call(59), call(0), call(-30)], None),
            (vec![call(3541), call(3600), call(86_400)], None),
            (vec![internal(1800)], None),
            (
                vec![call(59), internal(100), call(1800), call(4000)],
                told(1, 1800),
            ),
        ];
        for (calls, expected) in cases {
            assert_eq!(missed_of(&calls), expected, "{calls:?}");
        }
        assert_eq!(missed(&[call(60)], at(now), Duration::from_secs(100)), None);
    }

    #[test]
    fn patience_ends_in_business_hours_after_business_time() {
        let hours = Hours::parse(&["Mon-Fri 09:00-18:00".to_owned()], TimeZone::UTC).unwrap();
        let after = Duration::from_secs(2 * 3600);
        let patience = Patience { after, hours };
        let is_over = |now: &str, hours: u64| {
            patience.is_over(now.parse().unwrap(), Duration::from_secs(hours * 3600))
        };
        // 2026-09-07 is a Monday.
        for (now, silent, expected) in [
            ("2026-09-07T11:00:00Z", 2, true),
            ("2026-09-07T10:59:59Z", 2, false),
            ("2026-09-07T10:30:00Z", 64, false),
            ("2026-09-07T11:00:00Z", 64, true),
            ("2026-09-07T20:00:00Z", 10, false),
            ("2026-09-06T12:00:00Z", 48, false),
            ("2026-09-07T11:00:00Z", u64::MAX / 3600, false),
        ] {
            assert_eq!(is_over(now, silent), expected, "{now} {silent}");
        }
    }
}
