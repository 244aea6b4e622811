//! MariaDB's and MySQL's values to text, and cursors to their values.

use std::fmt::Write;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use mysql_async::consts::ColumnType;
use mysql_async::{Column, Value};

use crate::source::sql::cursor::Mark;
use crate::source::sql::take::Kind;

/// The character set that means bytes.
const BINARY: u16 = 63;

pub(super) fn kind(column: &Column) -> Kind {
    use ColumnType::*;
    match column.column_type() {
        MYSQL_TYPE_TINY | MYSQL_TYPE_SHORT | MYSQL_TYPE_INT24 | MYSQL_TYPE_LONG
        | MYSQL_TYPE_LONGLONG | MYSQL_TYPE_YEAR | MYSQL_TYPE_BIT => Kind::Whole,
        MYSQL_TYPE_DECIMAL | MYSQL_TYPE_NEWDECIMAL | MYSQL_TYPE_FLOAT | MYSQL_TYPE_DOUBLE => {
            Kind::Number
        }
        MYSQL_TYPE_DATE | MYSQL_TYPE_NEWDATE | MYSQL_TYPE_DATETIME | MYSQL_TYPE_DATETIME2 => {
            Kind::Local
        }
        MYSQL_TYPE_TIMESTAMP | MYSQL_TYPE_TIMESTAMP2 => Kind::Instant,
        MYSQL_TYPE_TIME | MYSQL_TYPE_TIME2 | MYSQL_TYPE_JSON | MYSQL_TYPE_NULL => Kind::Text,
        MYSQL_TYPE_VARCHAR
        | MYSQL_TYPE_VAR_STRING
        | MYSQL_TYPE_STRING
        | MYSQL_TYPE_ENUM
        | MYSQL_TYPE_SET
        | MYSQL_TYPE_TINY_BLOB
        | MYSQL_TYPE_MEDIUM_BLOB
        | MYSQL_TYPE_LONG_BLOB
        | MYSQL_TYPE_BLOB => match column.character_set() {
            BINARY => Kind::Unreadable("BINARY or BLOB".to_owned()),
            _ => Kind::Text,
        },
        MYSQL_TYPE_GEOMETRY => Kind::Unreadable("GEOMETRY".to_owned()),
        MYSQL_TYPE_VECTOR => Kind::Unreadable("VECTOR".to_owned()),
        MYSQL_TYPE_TYPED_ARRAY | MYSQL_TYPE_UNKNOWN => Kind::Unreadable("unknown".to_owned()),
    }
}

/// Appends the value's text. A date of zeros is none.
pub(super) fn write(column: &Column, value: &Value, out: &mut String) {
    // A text takes whatever is written.
    let _ = match value {
        Value::NULL => Ok(()),
        Value::Bytes(bytes) if column.column_type() == ColumnType::MYSQL_TYPE_BIT => {
            let number = bytes
                .iter()
                .fold(0_u64, |n, byte| n << 8 | u64::from(*byte));
            write!(out, "{number}")
        }
        Value::Bytes(bytes) => out.write_str(&String::from_utf8_lossy(bytes)),
        Value::Int(number) => write!(out, "{number}"),
        Value::UInt(number) => write!(out, "{number}"),
        Value::Float(number) => write!(out, "{number}"),
        Value::Double(number) => write!(out, "{number}"),
        Value::Time(is_negative, days, hours, minutes, seconds, _) => {
            let sign = if *is_negative { "-" } else { "" };
            let hours = days * 24 + u32::from(*hours);
            write!(out, "{sign}{hours:02}:{minutes:02}:{seconds:02}")
        }
        Value::Date(year, month, day, hour, minute, second, micros) => {
            let [month, day, hour, minute, second] =
                [month, day, hour, minute, second].map(|n| *n as i8);
            let nanos = (*micros).min(999_999) as i32 * 1000;
            let at = DateTime::new(*year as i16, month, day, hour, minute, second, nanos);
            match (at, kind(column), column.column_type()) {
                (Err(_), ..) => Ok(()),
                (Ok(at), _, ColumnType::MYSQL_TYPE_DATE) => write!(out, "{}", at.date()),
                (Ok(at), Kind::Instant, _) => write!(out, "{at}Z"),
                (Ok(at), ..) => write!(out, "{at}"),
            }
        }
    };
}

/// The session's zone is UTC.
pub(super) fn bound(cursor: Mark) -> Value {
    let at = match cursor {
        Mark::Whole(number) => {
            return match (i64::try_from(number), u64::try_from(number)) {
                (Ok(number), _) => Value::Int(number),
                (Err(_), Ok(number)) => Value::UInt(number),
                (Err(_), Err(_)) => Value::Int(i64::MIN),
            };
        }
        Mark::Local(at) => at,
        Mark::Instant(at) => at.to_zoned(TimeZone::UTC).datetime(),
    };
    Value::Date(
        at.year().unsigned_abs(),
        at.month().unsigned_abs(),
        at.day().unsigned_abs(),
        at.hour().unsigned_abs(),
        at.minute().unsigned_abs(),
        at.second().unsigned_abs(),
        0,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(of: ColumnType, value: Value) -> String {
        let mut text = String::new();
        write(&Column::new(of), &value, &mut text);
        text
    }

    #[test]
    fn values_are_written_as_the_server_would() {
        use ColumnType::*;
        let at = Value::Date(2026, 9, 1, 10, 41, 22, 500_000);
        assert_eq!(
            text(MYSQL_TYPE_DATETIME, at.clone()),
            "2026-09-01T10:41:22.5"
        );
        assert_eq!(
            text(MYSQL_TYPE_TIMESTAMP, at.clone()),
            "2026-09-01T10:41:22.5Z"
        );
        assert_eq!(text(MYSQL_TYPE_DATE, at), "2026-09-01");
        assert_eq!(text(MYSQL_TYPE_DATE, Value::Date(0, 0, 0, 0, 0, 0, 0)), "");
        assert_eq!(text(MYSQL_TYPE_BIT, Value::Bytes(vec![1, 2])), "258");
        assert_eq!(text(MYSQL_TYPE_LONG, Value::Int(-7)), "-7");
        assert_eq!(
            text(MYSQL_TYPE_DOUBLE, Value::Double(1e15)),
            "1000000000000000"
        );
        assert_eq!(
            text(MYSQL_TYPE_TIME, Value::Time(true, 1, 2, 3, 4, 0)),
            "-26:03:04"
        );
        assert_eq!(text(MYSQL_TYPE_NULL, Value::NULL), "");
    }

    #[test]
    fn a_cursor_is_bound_in_its_own_type() {
        let bound = |text| bound(Mark::parse(text).unwrap());
        let at = Value::Date(2026, 9, 1, 10, 41, 22, 0);
        assert_eq!(bound("2026-09-01T10:41:22"), at);
        assert_eq!(bound("2026-09-01T13:41:22+03:00"), at);
        assert_eq!(bound("-5"), Value::Int(-5));
        assert_eq!(bound("18446744073709551615"), Value::UInt(u64::MAX));
    }
}
