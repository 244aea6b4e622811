//! SQL Server's values to text, and cursors to parameters.

use std::fmt::Write;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan};
use tiberius::{ColumnData, ColumnType};

use crate::source::sql::cursor::Mark;
use crate::source::sql::take::Kind;

/// Where the older types count days from, and the newer.
const OLD_DAY_ONE: Date = jiff::civil::date(1900, 1, 1);
const DAY_ONE: Date = jiff::civil::date(1, 1, 1);
/// `datetime` counts three-hundredths of a second; its values are shown to the millisecond.
const TICKS: u64 = 300;

pub(super) fn kind(of: ColumnType) -> Kind {
    use ColumnType::*;
    match of {
        Int1 | Int2 | Int4 | Int8 | Intn => Kind::Whole,
        Float4 | Float8 | Floatn | Decimaln | Numericn | Money | Money4 => Kind::Number,
        Daten | Datetime | Datetime4 | Datetimen | Datetime2 => Kind::Local,
        DatetimeOffsetn => Kind::Instant,
        Bit | Bitn | Timen | Guid | Null | Xml => Kind::Text,
        BigVarChar | BigChar | NVarchar | NChar | Text | NText => Kind::Text,
        BigVarBin | BigBinary | Image => Kind::Unreadable("binary".to_owned()),
        Udt => Kind::Unreadable("user-defined".to_owned()),
        SSVariant => Kind::Unreadable("sql_variant".to_owned()),
    }
}

/// Appends the value's text; what has none, or is beyond our calendar, has an empty one.
pub(super) fn write(value: &ColumnData<'_>, out: &mut String) {
    match value {
        ColumnData::U8(number) => shown(*number, out),
        ColumnData::I16(number) => shown(*number, out),
        ColumnData::I32(number) => shown(*number, out),
        ColumnData::I64(number) => shown(*number, out),
        ColumnData::F32(number) => shown(*number, out),
        // Money too, which the client gives as a float: all four decimals are right below a hundred billion.
        ColumnData::F64(number) => shown(*number, out),
        ColumnData::Bit(flag) => shown(*flag, out),
        // CHAR(n) is filled up with blanks.
        ColumnData::String(text) => {
            out.push_str(text.as_deref().unwrap_or_default().trim_end_matches(' '))
        }
        ColumnData::Guid(id) => shown(*id, out),
        ColumnData::Numeric(number) => shown(number.map(|n| decimal(n.value(), n.scale())), out),
        ColumnData::Xml(xml) => shown(xml.as_deref().map(ToString::to_string), out),
        ColumnData::DateTime(at) => shown(at.and_then(in_ticks), out),
        ColumnData::SmallDateTime(at) => shown(at.and_then(in_minutes), out),
        ColumnData::Date(day) => {
            let day = day.and_then(|day| moment(DAY_ONE, day.days().into(), 0));
            shown(day.map(|at| at.date()), out);
        }
        ColumnData::Time(time) => {
            let at = time.and_then(|t| moment(DAY_ONE, 0, nanos(t)?));
            shown(at.map(|at| at.time()), out);
        }
        ColumnData::DateTime2(at) => shown(at.and_then(in_parts), out),
        // Comes in UTC, with the offset beside it.
        ColumnData::DateTimeOffset(at) => {
            let at = at.and_then(|at| in_parts(at.datetime2()));
            let at = at.and_then(|at| at.to_zoned(TimeZone::UTC).ok());
            shown(at.map(|at| at.timestamp()), out);
        }
        ColumnData::Binary(_) => {}
    }
}

fn in_ticks(at: tiberius::time::DateTime) -> Option<DateTime> {
    let millis = (u64::from(at.seconds_fragments()) * 1000 + TICKS / 2) / TICKS;
    moment(OLD_DAY_ONE, at.days().into(), millis * 1_000_000)
}

fn in_minutes(at: tiberius::time::SmallDateTime) -> Option<DateTime> {
    let seconds = u64::from(at.seconds_fragments()) * 60;
    moment(OLD_DAY_ONE, at.days().into(), seconds * 1_000_000_000)
}

fn in_parts(at: tiberius::time::DateTime2) -> Option<DateTime> {
    moment(DAY_ONE, at.date().days().into(), nanos(at.time())?)
}

fn shown(value: Option<impl std::fmt::Display>, out: &mut String) {
    if let Some(value) = value {
        // A text takes whatever is written.
        let _ = write!(out, "{value}");
    }
}

fn moment(from: Date, days: i64, nanos: u64) -> Option<DateTime> {
    let day = from.checked_add(days.days()).ok()?;
    let within = SignedDuration::from_nanos(i64::try_from(nanos).ok()?);
    day.to_datetime(jiff::civil::Time::midnight())
        .checked_add(within)
        .ok()
}

/// Since midnight: a time counts as many parts of a second as its scale has digits.
fn nanos(time: tiberius::time::Time) -> Option<u64> {
    let digits = 9_u32.checked_sub(time.scale().into())?;
    time.increments().checked_mul(10_u64.pow(digits))
}

fn decimal(value: i128, scale: u8) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let digits = value.unsigned_abs().to_string();
    let scale = usize::from(scale);
    let digits = format!("{digits:0>width$}", width = scale + 1);
    match digits.split_at(digits.len() - scale) {
        (whole, "") => format!("{sign}{whole}"),
        (whole, part) => format!("{sign}{whole}.{part}"),
    }
}

/// A cursor as it is handed to the server.
#[derive(Debug, PartialEq)]
pub(super) enum Bound {
    Whole(i64),
    /// In the form that each type of a time reads alike, whatever the language: without a fraction, which
    /// `datetime` has fewer digits of than `datetime2`.
    Text(String),
}

pub(super) fn bound(cursor: Mark) -> Bound {
    match cursor {
        Mark::Whole(number) => Bound::Whole(i64::try_from(number).unwrap_or(if number < 0 {
            i64::MIN
        } else {
            i64::MAX
        })),
        Mark::Local(at) => Bound::Text(at.strftime("%Y-%m-%dT%H:%M:%S").to_string()),
        Mark::Instant(at) => Bound::Text(at.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tiberius::numeric::Numeric;
    use tiberius::time;

    fn text(value: ColumnData<'_>) -> String {
        let mut text = String::new();
        write(&value, &mut text);
        text
    }

    #[test]
    fn values_are_written_as_texts() {
        assert_eq!(text(ColumnData::I64(Some(905_325_550_101))), "905325550101");
        assert_eq!(text(ColumnData::I32(None)), "");
        assert_eq!(text(ColumnData::String(Some("Ayşe  ".into()))), "Ayşe");
        assert_eq!(text(ColumnData::Bit(Some(true))), "true");
        let number = |value, scale| {
            text(ColumnData::Numeric(Some(Numeric::new_with_scale(
                value, scale,
            ))))
        };
        assert_eq!(number(-5, 2), "-0.05");
        assert_eq!(number(1_250_500, 3), "1250.500");
        assert_eq!(number(7, 0), "7");
        assert_eq!(text(ColumnData::Binary(Some((&[1u8][..]).into()))), "");
    }

    #[test]
    fn times_are_written_as_they_are_compared() {
        let day = 46_264; // 2026-09-01, counted from 1900.
        let old = time::DateTime::new(day, (10 * 3600 + 41 * 60 + 22) * 300 + 150);
        assert_eq!(
            text(ColumnData::DateTime(Some(old))),
            "2026-09-01T10:41:22.5"
        );
        let small = time::SmallDateTime::new(day as u16, 10 * 60 + 41);
        assert_eq!(
            text(ColumnData::SmallDateTime(Some(small))),
            "2026-09-01T10:41:00"
        );
        let date = time::Date::new(day as u32 + 693_595);
        assert_eq!(text(ColumnData::Date(Some(date))), "2026-09-01");
        let clock = time::Time::new((10 * 3600 + 41 * 60 + 22) * 10_000_000 + 5, 7);
        assert_eq!(text(ColumnData::Time(Some(clock))), "10:41:22.0000005");
        let new = time::DateTime2::new(date, clock);
        assert_eq!(
            text(ColumnData::DateTime2(Some(new))),
            "2026-09-01T10:41:22.0000005"
        );
        let zoned = time::DateTimeOffset::new(new, 180);
        assert_eq!(
            text(ColumnData::DateTimeOffset(Some(zoned))),
            "2026-09-01T10:41:22.0000005Z"
        );
    }

    #[test]
    fn a_cursor_is_bound_in_a_form_that_every_type_of_time_reads() {
        let bound = |text| bound(Mark::parse(text).unwrap());
        assert_eq!(
            bound("2026-09-01T10:41:22"),
            Bound::Text("2026-09-01T10:41:22".into())
        );
        assert_eq!(
            bound("2026-09-01T10:41:22Z"),
            Bound::Text("2026-09-01T10:41:22+00:00".into())
        );
        assert_eq!(bound("4711"), Bound::Whole(4711));
        assert_eq!(bound("18446744073709551615"), Bound::Whole(i64::MAX));
    }
}
