//! What a column of the mapping means of a card: a property, one of its parts, or those of some type.

use super::line::{Property, parts, unescaped};

/// The parts of structured properties, in the order in which they are written. RFC 6350, 6.2.2, 6.3.1, 6.6.4.
const PARTS: [(&str, &[&str]); 3] = [
    ("N", &["family", "given", "additional", "prefix", "suffix"]),
    (
        "ADR",
        &[
            "box", "extended", "street", "locality", "region", "code", "country",
        ],
    ),
    ("ORG", &["name", "unit"]),
];

/// `FN`, `N.family`, `TEL`, `TEL;TYPE=cell`, `tel.cell`, `ADR.locality;TYPE=work`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    name: String,
    part: Option<usize>,
    types: Vec<String>,
}

/// Why a text is no column of a card.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "column {column:?} is no property of a card, such as \"FN\", \"N.family\", \"TEL\", \"TEL;TYPE=cell\" or \"ADR.locality\""
)]
pub struct ColumnError {
    column: String,
}

impl Column {
    pub fn parse(text: &str) -> Result<Column, ColumnError> {
        Column::parsed(text).ok_or_else(|| ColumnError {
            column: text.to_owned(),
        })
    }

    fn parsed(text: &str) -> Option<Column> {
        let mut pieces = text.trim().split(';');
        let head = pieces.next()?;
        let mut types: Vec<String> = Vec::new();
        for piece in pieces {
            let given = match piece.split_once('=') {
                Some((key, given)) if key.trim().eq_ignore_ascii_case("type") => given,
                Some(_) => return None,
                None => piece,
            };
            types.extend(given.split(',').map(|t| t.trim().to_ascii_lowercase()));
        }
        let (name, rest) = match head.split_once('.') {
            Some((name, rest)) => (name, Some(rest)),
            None => (head, None),
        };
        let name = name.trim().to_ascii_uppercase();
        let rest = rest.map(|rest| rest.trim().to_ascii_lowercase());
        let known = PARTS.iter().find(|(structured, _)| *structured == name);
        let part = match (known, rest) {
            (Some((_, parts)), Some(rest)) => Some(parts.iter().position(|part| *part == rest)?),
            (_, None) => None,
            (None, Some(kind)) => {
                types.push(kind);
                None
            }
        };
        let is_word = |text: &str| {
            !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        let is_good = is_word(&name) && types.iter().all(|t| is_word(t));
        is_good.then_some(Column { name, part, types })
    }

    /// Whether the value is made of properties of this name.
    pub(super) fn wants(&self, name: &str) -> bool {
        // A card of 2.1 needs no full name, but parts of one.
        self.name == name || (self.name == "FN" && name == "N")
    }

    /// The column's value: of numbers all, each in a line; of all else the one that is preferred.
    pub(super) fn of(&self, properties: &[Property]) -> String {
        let own = || {
            let named = properties.iter().filter(|p| p.name == self.name);
            named.filter(|p| self.types.iter().all(|kind| p.types.contains(kind)))
        };
        if self.name == "TEL" {
            let numbers: Vec<String> = own().map(|p| number(&p.value)).collect();
            return numbers.join("\n");
        }
        let given = || own().filter(|p| !p.value.trim().is_empty());
        let chosen = given().find(|p| p.preferred).or_else(|| given().next());
        match chosen {
            Some(property) => self.value(&property.value),
            None if self.name == "FN" => full_name(properties),
            None => String::new(),
        }
    }

    fn value(&self, value: &str) -> String {
        let at = |place: usize| parts(value).into_iter().nth(place).unwrap_or_default();
        match (self.name.as_str(), self.part) {
            (_, Some(part)) => at(part),
            ("ORG", None) => at(0),
            ("N", None) => of_parts(&parts(value)),
            ("ADR", None) => joined(parts(value), ", "),
            ("REV" | "BDAY", None) => date(value.trim()),
            _ => unescaped(value).trim().to_owned(),
        }
    }
}

fn full_name(properties: &[Property]) -> String {
    let name = properties.iter().find(|p| p.name == "N");
    name.map(|p| of_parts(&parts(&p.value))).unwrap_or_default()
}

/// Prefix, given, additional, family and suffix, as they are spoken.
fn of_parts(parts: &[String]) -> String {
    let spoken = [3, 1, 2, 0, 4]
        .into_iter()
        .filter_map(|place| parts.get(place).cloned());
    joined(spoken, " ")
}

fn joined(parts: impl IntoIterator<Item = String>, sign: &str) -> String {
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(sign)
}

/// 4.0 writes `tel:+90-532-555-0101;ext=12`; an extension tells nobody apart.
fn number(value: &str) -> String {
    let value = unescaped(value).replace(['\n', '\r'], " ");
    let value = value.trim();
    let is_uri = value
        .get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case("tel:"));
    match is_uri {
        true => value[4..].split(';').next().unwrap_or_default().to_owned(),
        false => value.to_owned(),
    }
}

/// `20260901T104122Z` with the signs between by which it is read as a date.
fn date(value: &str) -> String {
    let (day, time) = value.split_once('T').unwrap_or((value, ""));
    let are_digits = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|b| b.is_ascii_digit())
    };
    let day = match are_digits(day, 8) {
        true => format!("{}-{}-{}", &day[..4], &day[4..6], &day[6..]),
        false => day.to_owned(),
    };
    let clock = time.get(..6).filter(|clock| are_digits(clock, 6));
    let time = match clock {
        Some(clock) => format!(
            "{}:{}:{}{}",
            &clock[..2],
            &clock[2..4],
            &clock[4..],
            &time[6..]
        ),
        None => time.to_owned(),
    };
    if time.is_empty() {
        day
    } else {
        format!("{day}T{time}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::changed;

    #[test]
    fn columns_are_properties_their_parts_and_their_types() {
        let column = |name: &str, part, types: &[&str]| Column {
            name: name.into(),
            part,
            types: types.iter().map(|t| (*t).into()).collect(),
        };
        for (text, expected) in [
            ("FN", column("FN", None, &[])),
            (" n.Family ", column("N", Some(0), &[])),
            (
                "TEL;TYPE=cell,voice",
                column("TEL", None, &["cell", "voice"]),
            ),
            ("TEL;CELL", column("TEL", None, &["cell"])),
            ("tel.cell", column("TEL", None, &["cell"])),
            ("ADR.locality;TYPE=work", column("ADR", Some(3), &["work"])),
            ("X-ABShowAs", column("X-ABSHOWAS", None, &[])),
        ] {
            assert_eq!(Column::parse(text), Ok(expected), "{text}");
        }
        for bad in [
            "",
            "N.first",
            "TEL;PREF=1",
            "Müşteri",
            "TEL;",
            "ADR.",
            "a b",
        ] {
            assert!(Column::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn dates_are_written_as_they_are_read() {
        for (written, read) in [
            ("20260901T104122Z", "2026-09-01T10:41:22Z"),
            ("2026-09-01T10:41:22Z", "2026-09-01T10:41:22Z"),
            ("20260901", "2026-09-01"),
            ("2026-09-01", "2026-09-01"),
            ("20260901T104122+0300", "2026-09-01T10:41:22+0300"),
        ] {
            assert_eq!(date(written), read);
            assert!(changed::seconds(read, None).is_ok(), "{read}");
        }
        for odd in ["", "T", "ğğğğ", "2026T10412"] {
            date(odd);
        }
    }
}
