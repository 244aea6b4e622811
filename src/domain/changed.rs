//! When a record was last changed, as its source writes dates.
//!
//! Only ever compared with its like, so a time without a zone is taken as if it were UTC. `01/09/2026` is
//! January in one country and September in another; a guess would let the older of two records win, so it
//! is read only if the operator said which.

use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

/// Longest text read as a date; ISO 8601 with nanoseconds and an offset has 35.
const DATE_BYTES: usize = 35;

/// Which comes first in `01/09/2026`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateOrder {
    DayFirst,
    MonthFirst,
}

impl DateOrder {
    pub const ALLOWED: &'static str = "\"dmy\" or \"mdy\"";

    pub fn parse(text: &str) -> Option<DateOrder> {
        match text {
            "dmy" => Some(DateOrder::DayFirst),
            "mdy" => Some(DateOrder::MonthFirst),
            _ => None,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            DateOrder::DayFirst => "dmy",
            DateOrder::MonthFirst => "mdy",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DateError {
    #[error("is not a date such as 2026-09-01 or 01.09.2026")]
    NotADate,
    #[error("can be read in two ways: say date-order = \"dmy\" or date-order = \"mdy\"")]
    Ambiguous,
}

/// Seconds since 1970: `2026-09-01`, `2026-09-01 10:41:22`, `2026-09-01T10:41:22Z`, `01.09.2026 10:41`, and
/// with `order` `01/09/2026` too.
pub fn seconds(text: &str, order: Option<DateOrder>) -> Result<i64, DateError> {
    let text = text.trim();
    if text.len() > DATE_BYTES {
        return Err(DateError::NotADate);
    }
    if is_iso(text) {
        return iso(text).ok_or(DateError::NotADate);
    }
    let (date, time) = text.split_once(' ').unwrap_or((text, "00:00"));
    let (sign, order) = match order {
        _ if date.contains('.') => ('.', DateOrder::DayFirst),
        Some(order) => ('/', order),
        None if parts(date, '/').is_some() => return Err(DateError::Ambiguous),
        None => return Err(DateError::NotADate),
    };
    let at = parts(date, sign).and_then(|[first, second, year]| {
        let (day, month) = match order {
            DateOrder::DayFirst => (first, second),
            DateOrder::MonthFirst => (second, first),
        };
        let day = i8::try_from(day).ok()?;
        let date = Date::new(year, i8::try_from(month).ok()?, day).ok()?;
        as_utc(date.to_datetime(clock(time.trim())?))
    });
    at.ok_or(DateError::NotADate)
}

/// `2026-09-01` and whatever follows.
fn is_iso(text: &str) -> bool {
    let shape = b"dddd-dd-dd";
    let fits = |(byte, shape): (u8, &u8)| match shape {
        b'd' => byte.is_ascii_digit(),
        sign => byte == *sign,
    };
    text.len() >= shape.len() && text.bytes().zip(shape).all(fits)
}

/// An offset makes it an instant; jiff would skip it when asked for a date and time alone.
fn iso(text: &str) -> Option<i64> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant.as_second());
    }
    as_utc(text.parse::<DateTime>().ok()?)
}

fn as_utc(at: DateTime) -> Option<i64> {
    at.to_zoned(TimeZone::UTC)
        .ok()
        .map(|zoned| zoned.timestamp().as_second())
}

/// Two parts of one or two digits and a whole year: `26` could be a day.
fn parts(date: &str, sign: char) -> Option<[i16; 3]> {
    let parts: Vec<&str> = date.split(sign).collect();
    let [first, second, year] = parts[..] else {
        return None;
    };
    let year: i16 = (year.len() == 4).then(|| digits(year))??;
    Some([two_digits(first)?.into(), two_digits(second)?.into(), year])
}

/// `10:41` or `10:41:22`.
fn clock(time: &str) -> Option<Time> {
    let parts: Vec<&str> = time.split(':').collect();
    let (hour, minute, second) = match parts[..] {
        [hour, minute] => (hour, minute, "0"),
        [hour, minute, second] => (hour, minute, second),
        _ => return None,
    };
    let [hour, minute, second] = [hour, minute, second].map(two_digits);
    Time::new(hour?, minute?, second?, 0).ok()
}

fn two_digits(text: &str) -> Option<i8> {
    (text.len() <= 2).then(|| digits(text))?
}

/// Digits and no sign, which the standard library would take.
fn digits<T: FromStr>(text: &str) -> Option<T> {
    let plain = text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-09-01T00:00:00Z.
    const DAY: i64 = 1_788_220_800;
    const TIME: i64 = DAY + 10 * 3600 + 41 * 60;

    #[test]
    fn dates_are_read_as_sources_write_them() {
        let cases = [
            ("2026-09-01", DAY),
            ("2026-09-01 10:41", TIME),
            ("2026-09-01 10:41:22", TIME + 22),
            ("2026-09-01T10:41:22", TIME + 22),
            ("2026-09-01 10:41:22.517", TIME + 22),
            ("2026-09-01T10:41:22Z", TIME + 22),
            ("2026-09-01T13:41:22+03:00", TIME + 22),
            ("2026-09-01 13:41:22+03", TIME + 22),
            ("01.09.2026", DAY),
            ("1.9.2026", DAY),
            ("01.09.2026 10:41", TIME),
            (" 01.09.2026 10:41:22 ", TIME + 22),
            ("01.09.2026 9:05", DAY + 9 * 3600 + 5 * 60),
        ];
        for (text, expected) in cases {
            assert_eq!(seconds(text, None), Ok(expected), "{text}");
        }
    }

    #[test]
    fn slashes_are_read_only_in_the_order_that_was_given() {
        let (dmy, mdy) = (DateOrder::DayFirst, DateOrder::MonthFirst);
        assert_eq!(seconds("01/09/2026", None), Err(DateError::Ambiguous));
        assert_eq!(seconds("13/09/2026", None), Err(DateError::Ambiguous));
        assert_eq!(seconds("01/09/2026", Some(dmy)), Ok(DAY));
        assert_eq!(seconds("09/01/2026 10:41", Some(mdy)), Ok(TIME));
        assert_eq!(seconds("13/09/2026", Some(mdy)), Err(DateError::NotADate));
        // Points and ISO dates have one order everywhere.
        assert_eq!(seconds("01.09.2026", Some(mdy)), Ok(DAY));
        assert_eq!(seconds("2026-09-01", Some(mdy)), Ok(DAY));
        for order in [dmy, mdy] {
            assert_eq!(DateOrder::parse(order.as_str()), Some(order));
            assert!(DateOrder::ALLOWED.contains(order.as_str()));
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        let longest = "2026-09-01T13:41:22.000000000+03:00";
        assert_eq!(longest.len(), DATE_BYTES);
        assert_eq!(seconds(longest, None), Ok(TIME + 22));
        let long = longest.to_owned() + ":00";
        for text in [
            "",
            "yesterday",
            "45536",
            "1788220800",
            "2026",
            "2026-13-01",
            "2026-02-30",
            "0000-00-00",
            "31.02.2026",
            "01.09.26",
            "01.09",
            "01.09.2026 25:00",
            "01.09.2026 10",
            "01.09.2026 10:41 PM",
            "01-09-2026",
            "+1.+9.2026",
            "2026-09-01 noon",
            "01.09.2026.1",
            "1.9.2026 1:2:3:4",
            &long,
        ] {
            assert_eq!(seconds(text, None), Err(DateError::NotADate), "{text}");
        }
    }
}
