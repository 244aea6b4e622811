//! When a secret expires, and from when on that is told.

use std::fmt;
use std::time::Duration;

use jiff::civil::Date;
use jiff::{Timestamp, Unit, Zoned};

/// Days before the last one on which it is told: a holiday, and the days that head office takes.
pub const WARN_DAYS: i32 = 14;

/// What is near.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// So many days after today are good.
    Soon {
        last: Date,
        days: i32,
    },
    Over {
        last: Date,
    },
}

impl fmt::Display for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expiry::Soon { last, days: 0 } => write!(f, "expires today ({last})"),
            Expiry::Soon { last, days: 1 } => write!(f, "expires tomorrow ({last})"),
            Expiry::Soon { last, days } => write!(f, "expires in {days} days ({last})"),
            Expiry::Over { last } => write!(f, "has expired (its last day was {last})"),
        }
    }
}

/// `None` as long as there is time.
pub fn near(last: Date, today: Date) -> Option<Expiry> {
    let days = today.until((Unit::Day, last)).ok()?.get_days();
    match days {
        ..0 => Some(Expiry::Over { last }),
        0..=WARN_DAYS => Some(Expiry::Soon { last, days }),
        _ => None,
    }
}

/// The last day of a secret that was made then and lives so long: one day early, as nobody knows the hour.
pub fn last_day(made: Timestamp, lifetime: Duration, now: &Zoned) -> Option<Date> {
    let end = made.checked_add(lifetime).ok()?;
    end.to_zoned(now.time_zone().clone())
        .date()
        .yesterday()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn an_expiry_is_told_two_weeks_ahead_and_after_it() {
        let today = date(2026, 3, 1);
        for (last, told) in [
            (date(2026, 3, 16), None),
            (date(2026, 3, 15), Some("expires in 14 days (2026-03-15)")),
            (date(2026, 3, 2), Some("expires tomorrow (2026-03-02)")),
            (today, Some("expires today (2026-03-01)")),
            (
                date(2026, 2, 28),
                Some("has expired (its last day was 2026-02-28)"),
            ),
        ] {
            let near = near(last, today).map(|e| e.to_string());
            assert_eq!(near.as_deref(), told, "{last}");
        }
    }

    #[test]
    fn a_key_that_lives_three_months_is_known_by_when_it_was_put_there() {
        let now: Zoned = "2026-03-01T10:00[UTC]".parse().unwrap();
        let lifetime = Duration::from_secs(90 * 86_400);
        let last = last_day(now.timestamp(), lifetime, &now);
        assert_eq!(last, Some(date(2026, 5, 29)));
    }
}
