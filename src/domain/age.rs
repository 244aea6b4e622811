//! How old a value is: said as an agent reads it in passing, and judged by the operator's limits.
//!
//! A figure without its age is taken for today's. A time of day says enough for a value of the last day,
//! since it comes once in it; later the days count, and after weeks the date. A value from the future means
//! that a clock is wrong, and is shown with its date, so that somebody sees it.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::money::Locale;

const DAY: i64 = 86_400;
/// Ages up to this are told in days; past it a date is read faster than counted back.
const RELATIVE_DAYS: i64 = 30;
/// Clocks of two machines differ by seconds without one being wrong.
const AHEAD_SECONDS: i64 = 60;

/// The age of what was read at `as_of`, in the locale's words.
pub fn age_text(as_of: Timestamp, now: Timestamp, zone: &TimeZone, locale: Locale) -> String {
    let then = as_of.to_zoned(zone.clone());
    let seconds = now.as_second().saturating_sub(as_of.as_second());
    if seconds < -AHEAD_SECONDS {
        return then.strftime("%Y-%m-%d %H:%M").to_string();
    }
    match seconds / DAY {
        ..=0 => at(&then.strftime("%H:%M").to_string(), locale),
        days @ 1..=RELATIVE_DAYS => days_ago(days, locale),
        _ => then.strftime("%Y-%m-%d").to_string(),
    }
}

fn at(time: &str, locale: Locale) -> String {
    match locale {
        Locale::English => format!("as of {time}"),
        Locale::Turkish => format!("{time} itibarıyla"),
        Locale::German => format!("Stand {time}"),
        Locale::French => format!("état à {time}"),
        Locale::Dutch => format!("stand {time}"),
    }
}

fn days_ago(days: i64, locale: Locale) -> String {
    match (locale, days) {
        (Locale::English, 1) => "1 day ago".into(),
        (Locale::English, _) => format!("{days} days ago"),
        (Locale::Turkish, _) => format!("{days} gün önce"),
        (Locale::German, 1) => "vor 1 Tag".into(),
        (Locale::German, _) => format!("vor {days} Tagen"),
        (Locale::French, 1) => "il y a 1 jour".into(),
        (Locale::French, _) => format!("il y a {days} jours"),
        (Locale::Dutch, 1) => "1 dag geleden".into(),
        (Locale::Dutch, _) => format!("{days} dagen geleden"),
    }
}

/// From which age on a value is shown as old, and from which it is not shown at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AgeLimit {
    pub mark: Option<Duration>,
    pub hide: Option<Duration>,
}

/// What a value's age makes of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Freshness {
    #[default]
    Fresh,
    Old,
    /// As good as unknown.
    Hidden,
}

impl AgeLimit {
    /// A value as old as a limit is not yet older. One from the future is not old, whatever the clock says.
    pub fn judge(&self, as_of: Timestamp, now: Timestamp) -> Freshness {
        let age = now.duration_since(as_of).unsigned_abs();
        let older = |limit: Option<Duration>| now > as_of && limit.is_some_and(|l| age > l);
        if older(self.hide) {
            Freshness::Hidden
        } else if older(self.mark) {
            Freshness::Old
        } else {
            Freshness::Fresh
        }
    }
}

/// The limits by name of the value: `balance`, a flag, or a field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgeLimits(pub BTreeMap<String, AgeLimit>);

impl AgeLimits {
    pub fn judge(&self, name: &str, as_of: Timestamp, now: Timestamp) -> Freshness {
        let limit = self.0.get(name);
        limit.map_or(Freshness::Fresh, |limit| limit.judge(as_of, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCALES: [Locale; 5] = [
        Locale::English,
        Locale::Turkish,
        Locale::German,
        Locale::French,
        Locale::Dutch,
    ];

    fn now() -> Timestamp {
        "2026-09-30T11:05:30Z".parse().unwrap()
    }

    fn ago(seconds: i64) -> Timestamp {
        Timestamp::from_second(now().as_second() - seconds).unwrap()
    }

    fn text(seconds: i64, locale: Locale) -> String {
        let istanbul = TimeZone::fixed(jiff::tz::offset(3));
        age_text(ago(seconds), now(), &istanbul, locale)
    }

    #[test]
    fn the_last_day_has_times_the_month_days_and_all_before_a_date() {
        let cases = [
            (0, "14:05 itibarıyla"),
            (DAY - 1, "14:05 itibarıyla"),
            (DAY, "1 gün önce"),
            (2 * DAY - 1, "1 gün önce"),
            (3 * DAY, "3 gün önce"),
            (RELATIVE_DAYS * DAY, "30 gün önce"),
            ((RELATIVE_DAYS + 1) * DAY - 1, "30 gün önce"),
            ((RELATIVE_DAYS + 1) * DAY, "2026-08-30"),
            (400 * DAY, "2025-08-26"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(text(seconds, Locale::Turkish), expected, "{seconds}");
        }
    }

    #[test]
    fn what_comes_from_the_future_has_its_date() {
        assert_eq!(text(-AHEAD_SECONDS, Locale::English), "as of 14:06");
        assert_eq!(
            text(-AHEAD_SECONDS - 1, Locale::English),
            "2026-09-30 14:06"
        );
        let zone = TimeZone::UTC;
        let seventies = Timestamp::UNIX_EPOCH;
        assert_eq!(
            age_text(now(), seventies, &zone, Locale::Turkish),
            "2026-09-30 11:05"
        );
        assert_eq!(
            age_text(Timestamp::MIN, Timestamp::MAX, &zone, Locale::English).len(),
            "-9999-01-02".len()
        );
    }

    #[test]
    fn every_locale_has_its_words() {
        let said = |seconds| LOCALES.map(|locale| text(seconds, locale));
        assert_eq!(
            said(0),
            [
                "as of 14:05",
                "14:05 itibarıyla",
                "Stand 14:05",
                "état à 14:05",
                "stand 14:05"
            ]
        );
        assert_eq!(
            said(DAY),
            [
                "1 day ago",
                "1 gün önce",
                "vor 1 Tag",
                "il y a 1 jour",
                "1 dag geleden"
            ]
        );
        assert_eq!(
            said(2 * DAY),
            [
                "2 days ago",
                "2 gün önce",
                "vor 2 Tagen",
                "il y a 2 jours",
                "2 dagen geleden"
            ]
        );
    }

    #[test]
    fn a_value_is_marked_and_hidden_once_it_is_older_than_its_limits() {
        let days = |n: u64| Some(Duration::from_secs(n * DAY as u64));
        let limit = AgeLimit {
            mark: days(1),
            hide: days(7),
        };
        let cases = [
            (-10 * DAY, Freshness::Fresh),
            (0, Freshness::Fresh),
            (DAY, Freshness::Fresh),
            (DAY + 1, Freshness::Old),
            (7 * DAY, Freshness::Old),
            (7 * DAY + 1, Freshness::Hidden),
        ];
        for (seconds, expected) in cases {
            assert_eq!(limit.judge(ago(seconds), now()), expected, "{seconds}");
        }
        let limits = AgeLimits([("balance".to_owned(), limit)].into());
        let old = ago(30 * DAY);
        assert_eq!(limits.judge("balance", old, now()), Freshness::Hidden);
        assert_eq!(limits.judge("city", old, now()), Freshness::Fresh);
    }
}
