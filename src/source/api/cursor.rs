//! From when on changes are asked for: the greatest time or number seen, or a token of the vendor's.
//!
//! A cursor is never later than the start of the read that made it, by the server's clock where it tells it:
//! what changes while we read is then among the next changes. Reads overlap, since a vendor's index may learn of
//! a change after the change has its time. Records at the cursor itself come again (>=).

use std::str::FromStr;
use std::time::Duration;

use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::source::json::Path;

/// A number at least this large is a time in milliseconds: as seconds it would be after the year 5000.
const MILLISECONDS_FROM: u64 = 100_000_000_000;
/// Where nothing changes, the cursor follows the read's start at this distance: vendors tell of deletions and of
/// old changes only for a time (Salesforce: 15 days), and an index lags by minutes.
const IDLE: Duration = Duration::from_secs(3_600);

#[derive(Clone, Debug)]
pub struct CursorRule {
    pub kind: CursorKind,
    /// The vendor shows at most so many records of one query.
    pub most: Option<u64>,
}

#[derive(Clone, Debug)]
pub enum CursorKind {
    /// The greatest time of change.
    Time {
        /// `None`: only the start of the read counts.
        value: Option<Path>,
        format: TimeFormat,
        overlap: Duration,
    },
    /// The greatest number.
    Number { value: Path },
    /// What the last page says, which is the next request's URL.
    Token { value: Path },
}

/// How a time is written in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimeFormat {
    Rfc3339,
    UnixSeconds,
    UnixMilliseconds,
    /// Of strftime, in UTC.
    Pattern(String),
}

impl TimeFormat {
    pub const ALLOWED: &'static str =
        "\"rfc3339\", \"unix-s\", \"unix-ms\" or a pattern such as \"%Y-%m-%d %H:%M:%S\"";

    pub fn parse(text: &str) -> Option<TimeFormat> {
        match text {
            "rfc3339" => Some(TimeFormat::Rfc3339),
            "unix-s" => Some(TimeFormat::UnixSeconds),
            "unix-ms" => Some(TimeFormat::UnixMilliseconds),
            _ if text.contains('%') => {
                let pattern = TimeFormat::Pattern(text.to_owned());
                (!pattern.write(Timestamp::UNIX_EPOCH).is_null()).then_some(pattern)
            }
            _ => None,
        }
    }

    pub(super) fn write(&self, at: Timestamp) -> Value {
        match self {
            TimeFormat::Rfc3339 => Value::from(whole_seconds(at).to_string()),
            TimeFormat::UnixSeconds => Value::from(at.as_second()),
            TimeFormat::UnixMilliseconds => Value::from(at.as_millisecond()),
            TimeFormat::Pattern(pattern) => {
                let utc = at.to_zoned(TimeZone::UTC);
                strtime::format(pattern, &utc).map_or(Value::Null, Value::from)
            }
        }
    }
}

/// Rounded down, so that nothing is skipped.
fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

/// A cursor's value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd)]
pub(super) enum Mark {
    Time(Timestamp),
    Number(i128),
    Token(String),
}

impl Mark {
    /// As it is kept.
    pub(super) fn text(&self) -> String {
        match self {
            Mark::Time(at) => at.to_string(),
            Mark::Number(number) => number.to_string(),
            Mark::Token(token) => token.clone(),
        }
    }

    pub(super) fn parse(rule: &CursorRule, text: &str) -> Option<Mark> {
        match rule.kind {
            CursorKind::Time { .. } => text.parse().ok().map(Mark::Time),
            CursorKind::Number { .. } => text.parse().ok().map(Mark::Number),
            CursorKind::Token { .. } => Some(Mark::Token(text.to_owned())),
        }
    }

    /// As a request asks for it: the overlap is taken off.
    pub(super) fn less_overlap(&self, rule: &CursorRule) -> Mark {
        match (self, &rule.kind) {
            (Mark::Time(at), CursorKind::Time { overlap, .. }) => {
                let overlap = SignedDuration::try_from(*overlap).unwrap_or_default();
                Mark::Time(at.checked_sub(overlap).unwrap_or(*at))
            }
            _ => self.clone(),
        }
    }

    pub(super) fn write(&self, rule: &CursorRule) -> Value {
        match (self, &rule.kind) {
            (Mark::Time(at), CursorKind::Time { format, .. }) => format.write(*at),
            (Mark::Number(number), _) => match i64::try_from(*number) {
                Ok(number) => Value::from(number),
                Err(_) => Value::from(number.to_string()),
            },
            _ => Value::from(self.text()),
        }
    }
}

/// What a read has seen of the values that cursors are made of.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) greatest: Option<Mark>,
    /// Of the page that was read last.
    pub(super) least_of_page: Option<Mark>,
    /// What changes were asked for from. Where nothing has changed, and the server tells no time, the box's own
    /// clock must not move it: one that is ahead would skip what changes until then.
    pub(super) since: Option<Mark>,
}

impl Seen {
    pub(super) fn begin_page(&mut self) {
        self.least_of_page = None;
    }

    pub(super) fn note(&mut self, rule: &CursorRule, record: &Value) {
        let Some(mark) = of_record(rule, record) else {
            return;
        };
        if self
            .greatest
            .as_ref()
            .is_none_or(|greatest| mark > *greatest)
        {
            self.greatest = Some(mark.clone());
        }
        if self
            .least_of_page
            .as_ref()
            .is_none_or(|least| mark < *least)
        {
            self.least_of_page = Some(mark);
        }
    }

    pub(super) fn note_answer(&mut self, rule: &CursorRule, answer: &Value) {
        if let CursorKind::Token { value } = &rule.kind {
            let token = value.find(answer).and_then(Value::as_str);
            self.greatest = token
                .map(|token| Mark::Token(token.to_owned()))
                .or(self.greatest.take());
        }
    }

    /// Where the next changes begin. `told` is whether the start is of the server's clock.
    pub(super) fn next(&self, rule: &CursorRule, start: Timestamp, told: bool) -> Option<Mark> {
        match (&rule.kind, &self.greatest) {
            (CursorKind::Time { .. }, Some(Mark::Time(seen))) => {
                let idle = start.checked_sub(IDLE).unwrap_or(start);
                let seen = if told { (*seen).max(idle) } else { *seen };
                Some(Mark::Time(seen.min(start)))
            }
            (CursorKind::Time { .. }, _) => {
                let since = self.since.clone().filter(|_| !told);
                Some(since.unwrap_or(Mark::Time(start)))
            }
            (_, greatest) => greatest.clone(),
        }
    }
}

fn of_record(rule: &CursorRule, record: &Value) -> Option<Mark> {
    match &rule.kind {
        CursorKind::Time { value, .. } => time_of(value.as_ref()?.find(record)?).map(Mark::Time),
        CursorKind::Number { value } => match value.find(record)? {
            Value::Number(number) => number.to_string().parse().ok().map(Mark::Number),
            Value::String(text) => text.trim().parse().ok().map(Mark::Number),
            _ => None,
        },
        CursorKind::Token { .. } => None,
    }
}

/// A time as vendors write it, whatever requests want: RFC 3339, a date and a time in UTC, seconds or
/// milliseconds since 1970.
pub(super) fn time_of(value: &Value) -> Option<Timestamp> {
    let text = match value {
        Value::Number(number) => return unix(number.as_i64()?),
        Value::String(text) => text.trim(),
        _ => return None,
    };
    if let Ok(number) = i64::from_str(text) {
        return unix(number);
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    let civil = text.parse::<DateTime>().ok()?;
    civil
        .to_zoned(TimeZone::UTC)
        .ok()
        .map(|zoned| zoned.timestamp())
}

fn unix(number: i64) -> Option<Timestamp> {
    match number.unsigned_abs() >= MILLISECONDS_FROM {
        true => Timestamp::from_millisecond(number).ok(),
        false => Timestamp::from_second(number).ok(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rule(format: &str) -> CursorRule {
        CursorRule {
            kind: CursorKind::Time {
                value: Path::parse("updated"),
                format: TimeFormat::parse(format).unwrap(),
                overlap: OVERLAP,
            },
            most: None,
        }
    }

    const OVERLAP: Duration = Duration::from_secs(120);

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn times_are_read_as_vendors_write_them() {
        let same = [
            json!("2026-09-01T10:41:22Z"),
            json!("2026-09-01T13:41:22+03:00"),
            json!("2026-09-01T10:41:22.000+0000"),
            json!("2026-09-01 10:41:22"),
            json!("2026-09-01T10:41:22"),
            json!(1_788_259_282),
            json!(1_788_259_282_000_i64),
            json!("1788259282000"),
        ];
        for value in same {
            let time = time_of(&value).map(|t| t.to_string());
            assert_eq!(time.as_deref(), Some("2026-09-01T10:41:22Z"), "{value}");
        }
        for bad in [
            json!("yesterday"),
            json!(""),
            json!(null),
            json!({}),
            json!(1.5),
            json!(i64::MIN),
        ] {
            assert_eq!(time_of(&bad), None, "{bad}");
        }
    }

    #[test]
    fn requests_get_times_in_the_vendors_format_and_never_rounded_up() {
        let time = Mark::Time(at("2026-09-01T10:41:22.987Z"));
        let cases = [
            ("rfc3339", json!("2026-09-01T10:41:22Z")),
            ("unix-s", json!(1_788_259_282)),
            ("unix-ms", json!(1_788_259_282_987_i64)),
            ("%Y-%m-%d %H:%M:%S", json!("2026-09-01 10:41:22")),
        ];
        for (format, expected) in cases {
            assert_eq!(time.write(&rule(format)), expected, "{format}");
        }
        assert_eq!(
            time.less_overlap(&rule("rfc3339")),
            Mark::Time(at("2026-09-01T10:39:22.987Z"))
        );
        assert_eq!(TimeFormat::parse("iso"), None);
        assert_eq!(TimeFormat::parse("%!"), None);
    }

    #[test]
    fn the_next_changes_begin_at_the_greatest_time_seen_but_not_after_the_start_of_the_read() {
        let rule = rule("rfc3339");
        let start = at("2026-09-01T12:00:00Z");
        let next = |times: &[&str], told| {
            let mut seen = Seen::default();
            for time in times {
                seen.note(&rule, &json!({ "updated": time }));
            }
            seen.next(&rule, start, told).unwrap().text()
        };
        assert_eq!(
            next(&["2026-09-01T11:00:00Z", "2026-09-01T10:00:00Z"], true),
            "2026-09-01T11:00:00Z"
        );
        // A record that changes while it is read, or that is from the future.
        assert_eq!(
            next(&["2040-01-01T00:00:00Z"], true),
            "2026-09-01T12:00:00Z"
        );
        assert_eq!(next(&[], true), "2026-09-01T12:00:00Z");
        // Without the server's time nothing that is seen moves nothing.
        let seen = Seen {
            since: Some(Mark::Time(at("2026-08-31T12:00:00Z"))),
            ..Seen::default()
        };
        let next_of = |told| {
            seen.next(&rule, at("2026-09-01T12:00:00Z"), told)
                .unwrap()
                .text()
        };
        assert_eq!(next_of(false), "2026-08-31T12:00:00Z");
        assert_eq!(next_of(true), "2026-09-01T12:00:00Z");
        // Our own clock may be wrong in either way: only what was seen counts.
        assert_eq!(
            next(&["2026-01-01T00:00:00Z"], false),
            "2026-01-01T00:00:00Z"
        );
        assert_eq!(
            next(&["2026-01-01T00:00:00Z"], true),
            "2026-09-01T11:00:00Z"
        );
    }

    #[test]
    fn numbers_and_tokens_are_cursors_too() {
        let number = CursorRule {
            kind: CursorKind::Number {
                value: Path::parse("rev").unwrap(),
            },
            most: None,
        };
        let mut seen = Seen::default();
        for record in [
            json!({"rev": 7}),
            json!({"rev": "18446744073709551616"}),
            json!({"rev": null}),
        ] {
            seen.note(&number, &record);
        }
        let next = seen
            .next(&number, at("2026-09-01T12:00:00Z"), true)
            .unwrap();
        assert_eq!(next.write(&number), json!("18446744073709551616"));
        assert_eq!(Mark::parse(&number, &next.text()), Some(next));
        assert_eq!(
            Seen::default().next(&number, at("2026-09-01T12:00:00Z"), true),
            None
        );
        let token = CursorRule {
            kind: CursorKind::Token {
                value: Path::parse("@odata.deltaLink").unwrap(),
            },
            most: None,
        };
        let mut seen = Seen::default();
        seen.note_answer(&token, &json!({"@odata.deltaLink": "https://x/delta"}));
        seen.note_answer(&token, &json!({"value": []}));
        assert_eq!(seen.greatest, Some(Mark::Token("https://x/delta".into())));
    }
}
