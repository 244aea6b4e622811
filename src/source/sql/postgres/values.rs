//! PostgreSQL's values, which come in its binary form, to text.

use std::error::Error;
use std::fmt::Write;

use bytes::BytesMut;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use tokio_postgres::types::{
    Format, FromSql, IsNull, Kind as TypeKind, ToSql, Type, to_sql_checked,
};
use uuid::Uuid;

use crate::source::sql::take::Kind;

/// A numeric's digits are groups of four.
const GROUP: usize = 4;
/// A numeric's sign; those above are of what is no number, or without end.
const NEGATIVE: u16 = 0x4000;
/// Most elements of a list: more than any contact has numbers.
const ELEMENTS: usize = 1000;

/// A value as it came.
pub(super) struct Raw<'r>(pub(super) &'r [u8]);

impl<'r> FromSql<'r> for Raw<'r> {
    fn from_sql(_: &Type, bytes: &'r [u8]) -> Result<Raw<'r>, Box<dyn Error + Sync + Send>> {
        Ok(Raw(bytes))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// A parameter that the server reads as whatever type stands beside it.
#[derive(Debug)]
pub(super) struct Parameter(pub(super) String);

impl ToSql for Parameter {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

pub(super) fn kind(of: &Type) -> Kind {
    match *of {
        Type::INT2 | Type::INT4 | Type::INT8 | Type::OID => Kind::Whole,
        Type::NUMERIC | Type::FLOAT4 | Type::FLOAT8 => Kind::Number,
        Type::DATE | Type::TIMESTAMP => Kind::Local,
        Type::TIMESTAMPTZ => Kind::Instant,
        Type::BOOL | Type::TIME | Type::UUID | Type::JSON | Type::JSONB => Kind::Text,
        _ if is_text(of) => Kind::Text,
        _ => match of.kind() {
            TypeKind::Domain(within) => kind(within),
            TypeKind::Array(within) if is_readable_list(within) => Kind::Text,
            _ => Kind::Unreadable(of.name().to_owned()),
        },
    }
}

/// Text whose binary form is its text.
fn is_text(of: &Type) -> bool {
    let is_known = matches!(
        *of,
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN | Type::XML
    );
    is_known || matches!(of.kind(), TypeKind::Enum(_)) || of.name() == "citext"
}

fn is_readable_list(within: &Type) -> bool {
    !matches!(kind(within), Kind::Unreadable(_)) && !matches!(within.kind(), TypeKind::Array(_))
}

/// Appends the value's text. `None` if the value has another form than its type.
pub(super) fn write(of: &Type, raw: &[u8], out: &mut String) -> Option<()> {
    match *of {
        Type::BOOL => out.push_str(if bool::from_sql(of, raw).ok()? {
            "true"
        } else {
            "false"
        }),
        Type::INT2 => write!(out, "{}", i16::from_sql(of, raw).ok()?).ok()?,
        Type::INT4 => write!(out, "{}", i32::from_sql(of, raw).ok()?).ok()?,
        Type::INT8 => write!(out, "{}", i64::from_sql(of, raw).ok()?).ok()?,
        Type::OID => write!(out, "{}", u32::from_sql(of, raw).ok()?).ok()?,
        Type::FLOAT4 => write!(out, "{}", f32::from_sql(of, raw).ok()?).ok()?,
        Type::FLOAT8 => write!(out, "{}", f64::from_sql(of, raw).ok()?).ok()?,
        Type::NUMERIC => numeric(raw, out)?,
        Type::UUID => write!(out, "{}", Uuid::from_sql(of, raw).ok()?).ok()?,
        // Dates without an end, and those beyond our calendar, are none.
        Type::DATE => shown(Date::from_sql(of, raw).ok(), out),
        Type::TIME => shown(Time::from_sql(of, raw).ok(), out),
        Type::TIMESTAMP => shown(DateTime::from_sql(of, raw).ok(), out),
        Type::TIMESTAMPTZ => shown(Timestamp::from_sql(of, raw).ok(), out),
        // The binary form of jsonb is a version and the text.
        Type::JSONB => out.push_str(&String::from_utf8_lossy(raw.get(1..)?)),
        // CHAR(n) is filled up with blanks.
        Type::BPCHAR => out.push_str(String::from_utf8_lossy(raw).trim_end_matches(' ')),
        _ => match of.kind() {
            TypeKind::Domain(within) => write(within, raw, out)?,
            TypeKind::Array(within) => list(within, raw, out)?,
            // A database without an encoding may hold anything; such a row is left out by its bad letters.
            _ => out.push_str(&String::from_utf8_lossy(raw)),
        },
    }
    Some(())
}

fn shown(value: Option<impl std::fmt::Display>, out: &mut String) {
    if let Some(value) = value {
        // A text takes whatever is written.
        let _ = write!(out, "{value}");
    }
}

/// All digits that the server keeps, as it would write them.
fn numeric(raw: &[u8], out: &mut String) -> Option<()> {
    let mut words = raw
        .chunks_exact(2)
        .map(|b| u16::from_be_bytes([b[0], b[1]]));
    let (groups, weight, sign, scale) = (
        words.next()?,
        words.next()? as i16,
        words.next()?,
        words.next()?,
    );
    if sign > NEGATIVE {
        // No number, or one without end: no balance, and no text of one.
        return Some(());
    }
    if sign == NEGATIVE {
        out.push('-');
    }
    let digits: Vec<u16> = words.take(groups.into()).collect();
    let group = |place: i32| -> u16 {
        let index = i32::from(weight) - place;
        let index = usize::try_from(index).ok();
        index.and_then(|i| digits.get(i).copied()).unwrap_or(0)
    };
    write!(out, "{}", group(i32::from(weight).max(0))).ok()?;
    for place in (0..i32::from(weight).max(0)).rev() {
        write!(out, "{:04}", group(place)).ok()?;
    }
    if scale > 0 {
        out.push('.');
        let end = out.len() + usize::from(scale);
        let mut place = -1;
        while out.len() < end {
            write!(out, "{:0GROUP$}", group(place)).ok()?;
            place -= 1;
        }
        out.truncate(end);
    }
    Some(())
}

/// The elements of a list, each on a line of its own.
fn list(within: &Type, raw: &[u8], out: &mut String) -> Option<()> {
    let mut rest = raw;
    let mut next = |bytes: usize| -> Option<&[u8]> {
        let (taken, left) = rest.split_at_checked(bytes)?;
        rest = left;
        Some(taken)
    };
    let mut word = || Some(i32::from_be_bytes(next(4)?.try_into().ok()?));
    let dimensions = word()?;
    let (_has_nulls, _element_type) = (word()?, word()?);
    let mut elements = usize::from(dimensions > 0);
    for _ in 0..dimensions {
        elements = elements.saturating_mul(usize::try_from(word()?).ok()?);
        let _lower_bound = word()?;
    }
    let mut is_first = true;
    for _ in 0..elements.min(ELEMENTS) {
        let length = i32::from_be_bytes(next(4)?.try_into().ok()?);
        // A negative length is a null.
        let Ok(length) = usize::try_from(length) else {
            continue;
        };
        if !std::mem::take(&mut is_first) {
            out.push('\n');
        }
        write(within, next(length)?, out)?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numeric_text(groups: &[u16], weight: i16, sign: u16, scale: u16) -> String {
        let head = [groups.len() as u16, weight as u16, sign, scale];
        let words = head.iter().chain(groups);
        let raw: Vec<u8> = words.flat_map(|w| w.to_be_bytes()).collect();
        let mut text = String::new();
        write(&Type::NUMERIC, &raw, &mut text).unwrap();
        text
    }

    #[test]
    fn a_numeric_keeps_every_digit() {
        assert_eq!(numeric_text(&[], 0, 0, 0), "0");
        assert_eq!(numeric_text(&[], 0, 0, 4), "0.0000");
        assert_eq!(numeric_text(&[1250, 5000], 0, 0, 3), "1250.500");
        assert_eq!(numeric_text(&[1], 1, 0, 2), "10000.00");
        assert_eq!(
            numeric_text(&[12, 3456, 7890], 2, NEGATIVE, 0),
            "-1234567890"
        );
        assert_eq!(numeric_text(&[5], -2, 0, 8), "0.00000005");
        assert_eq!(numeric_text(&[1, 2], 3, NEGATIVE, 1), "-1000200000000.0");
        assert_eq!(numeric_text(&[], 0, 0xC000, 0), "", "no number");
    }

    #[test]
    fn a_list_has_a_line_for_each_element() {
        let mut raw = Vec::new();
        for word in [1, 1, 25, 3, 1] {
            raw.extend_from_slice(&i32::to_be_bytes(word));
        }
        for (length, text) in [(2, "ab"), (-1, ""), (3, "cde")] {
            raw.extend_from_slice(&i32::to_be_bytes(length));
            raw.extend_from_slice(text.as_bytes());
        }
        let mut text = String::new();
        write(&Type::TEXT_ARRAY, &raw, &mut text).unwrap();
        assert_eq!(text, "ab\ncde");
        let cut = &raw[..raw.len() - 1];
        assert_eq!(write(&Type::TEXT_ARRAY, cut, &mut text), None);
        text.clear();
        assert_eq!(write(&Type::TEXT_ARRAY, &[0; 12], &mut text), Some(()));
        assert_eq!(text, "");
    }

    #[test]
    fn types_that_can_not_be_a_text_are_known() {
        for of in [
            Type::BYTEA,
            Type::MONEY,
            Type::INET,
            Type::INTERVAL,
            Type::BYTEA_ARRAY,
        ] {
            assert_eq!(kind(&of), Kind::Unreadable(of.name().to_owned()));
        }
        assert_eq!(kind(&Type::TEXT_ARRAY), Kind::Text);
        assert_eq!(kind(&Type::TIMESTAMPTZ), Kind::Instant);
    }
}
