//! A cell's value as the text that a CSV export would have for it, but exact: `905325550101` and not
//! `9,05326E+11`, `2026-09-01` and not `46266`.

use jiff::civil::{Date, date};
use jiff::{SignedDuration, ToSpan};

/// Excel calculates with as many significant digits and shows no more: `0.1 + 0.2` is `0.3`.
const DIGITS: usize = 15;
/// A whole number from here on has lost digits when it was typed in.
const EXACT: f64 = 1e15;
/// The serial number of 9999-12-31, after which there are no dates.
const LAST_DAY: f64 = 2_958_465.0;
const DAY_SECONDS: i64 = 86_400;

/// What a number stands for, by its cell's format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Style {
    #[default]
    Number,
    Date,
}

/// The number's text, and whether it is a number by its type and not a date.
pub(super) fn number(text: &str, style: Style, from_1904: bool) -> (String, bool) {
    let text = text.trim();
    let Some(value) = text.parse::<f64>().ok().filter(|v| v.is_finite()) else {
        return (text.to_owned(), false);
    };
    match style {
        Style::Date => match date_text(value, from_1904) {
            Some(date) => (date, false),
            None => (digits(value), true),
        },
        Style::Number => (digits(value), true),
    }
}

fn digits(value: f64) -> String {
    if value.abs() >= EXACT {
        // In the form that is known for a number that a spreadsheet has rounded.
        return format!("{value:E}").replace('E', "E+");
    }
    let rounded = format!("{value:.precision$e}", precision = DIGITS - 1);
    let rounded: f64 = rounded.parse().unwrap_or(value);
    match rounded == 0.0 {
        true => "0".to_owned(),
        false => rounded.to_string(),
    }
}

fn date_text(serial: f64, from_1904: bool) -> Option<String> {
    if !(0.0..=LAST_DAY).contains(&serial) {
        return None;
    }
    let seconds = ((serial - serial.floor()) * DAY_SECONDS as f64).round() as i64;
    let days = serial.floor() as i64 + seconds / DAY_SECONDS;
    let seconds = seconds % DAY_SECONDS;
    let clock = Date::ZERO.at(0, 0, 0, 0) + SignedDuration::from_secs(seconds);
    if days == 0 && !from_1904 {
        return Some(clock.time().strftime("%H:%M:%S").to_string());
    }
    let day = day(days, from_1904)?;
    Some(match seconds {
        0 => day.to_string(),
        _ => format!("{day} {}", clock.time().strftime("%H:%M:%S")),
    })
}

/// Excel counts a 29 February 1900 that never was, so the days before it are one off.
fn day(days: i64, from_1904: bool) -> Option<Date> {
    let (first, days) = match (from_1904, days) {
        (true, _) => (date(1904, 1, 1), days),
        (false, ..60) => (date(1899, 12, 31), days),
        (false, _) => (date(1899, 12, 30), days),
    };
    first.checked_add(days.days()).ok()
}

/// What the formats with these numbers are for is laid down in ECMA-376, part 1, 18.8.30.
pub(super) fn style_of(format: u32, code: Option<&str>) -> Style {
    let is_date = match code {
        Some(code) => is_date_code(code),
        None => matches!(format, 14..=22 | 27..=36 | 45..=47 | 50..=58),
    };
    if is_date { Style::Date } else { Style::Number }
}

/// `dd.mm.yyyy hh:mm`, and not `#,##0.00 "days"`, `[Red]0` or `[h]:mm`, which is a time that passed.
fn is_date_code(code: &str) -> bool {
    if ["general", "standard"].contains(&code.to_ascii_lowercase().as_str()) {
        return false;
    }
    let mut signs = code.chars();
    let mut is_date = false;
    while let Some(sign) = signs.next() {
        match sign {
            '"' => drop(signs.by_ref().find(|c| *c == '"')),
            '[' => {
                let inside: String = signs.by_ref().take_while(|c| *c != ']').collect();
                let is_elapsed = !inside.is_empty() && inside.chars().all(|c| "hmsHMS".contains(c));
                if is_elapsed {
                    return false;
                }
            }
            '\\' | '_' | '*' => drop(signs.next()),
            ';' => break,
            'd' | 'D' | 'm' | 'M' | 'y' | 'Y' | 'h' | 'H' | 's' | 'S' => is_date = true,
            _ => {}
        }
    }
    is_date
}

/// Excel writes signs that XML can't hold as `_x000D_`, and such a text itself as `_x005F_x000D_`.
pub(super) fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("_x") {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let code = rest
            .get(2..6)
            .filter(|_| rest.as_bytes().get(6) == Some(&b'_'));
        let sign = code
            .filter(|code| code.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|code| u32::from_str_radix(code, 16).ok())
            .and_then(char::from_u32);
        let (sign, length) = sign.map_or(('_', 1), |sign| (sign, 7));
        out.push(sign);
        rest = &rest[length..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::changed;

    fn number_text(text: &str) -> String {
        let (text, typed) = number(text, Style::Number, false);
        assert!(typed, "{text}");
        text
    }

    #[test]
    fn a_number_has_the_digits_that_excel_shows() {
        for (written, shown) in [
            ("905325550101", "905325550101"),
            ("9.05325550101E+11", "905325550101"),
            ("9.05325550101E11", "905325550101"),
            ("5325550101", "5325550101"),
            ("1250.5", "1250.5"),
            ("1250.50", "1250.5"),
            ("0.30000000000000004", "0.3"),
            ("1250.4999999999998", "1250.5"),
            ("-42", "-42"),
            ("-0", "0"),
            ("0", "0"),
            ("1E-3", "0.001"),
            ("999999999999999", "999999999999999"),
        ] {
            assert_eq!(number_text(written), shown, "{written}");
        }
    }

    #[test]
    fn a_number_with_more_digits_than_excel_keeps_is_told_as_rounded() {
        for text in ["1000000000000000", "12345678901234567890", "-1e300"] {
            let shown = number_text(text);
            assert!(
                crate::source::cell::is_rounded(shown.trim_start_matches('-')),
                "{shown}"
            );
        }
    }

    #[test]
    fn what_is_no_number_is_a_text() {
        for text in ["", "abc", "NaN", "inf", "1,5"] {
            assert_eq!(number(text, Style::Number, false), (text.to_owned(), false));
        }
    }

    #[test]
    fn a_date_is_written_as_dates_are_read() {
        for (serial, from_1904, shown) in [
            ("46266", false, "2026-09-01"),
            ("44804", true, "2026-09-01"),
            ("46266.4454", false, "2026-09-01 10:41:23"),
            ("46266.99999999", false, "2026-09-02"),
            ("61", false, "1900-03-01"),
            ("59", false, "1900-02-28"),
            ("1", false, "1900-01-01"),
            ("0", true, "1904-01-01"),
            ("0.5", false, "12:00:00"),
            ("2958465", false, "9999-12-31"),
        ] {
            let (text, typed) = number(serial, Style::Date, from_1904);
            assert_eq!((text.as_str(), typed), (shown, false), "{serial}");
        }
        assert!(changed::seconds("2026-09-01 10:41:23", None).is_ok());
        for serial in ["-1", "2958466", "1e300"] {
            assert!(number(serial, Style::Date, false).1, "{serial}");
        }
    }

    #[test]
    fn formats_of_dates_are_told_from_those_of_numbers() {
        for code in [
            "dd.mm.yyyy",
            "yyyy-mm-dd hh:mm",
            "[$-41F]d mmmm yyyy;@",
            "m/d/yy",
            "h:mm AM/PM",
        ] {
            assert_eq!(style_of(164, Some(code)), Style::Date, "{code}");
        }
        for code in [
            "General",
            "Standard",
            "0",
            "#,##0.00",
            "0.00E+00",
            "#,##0.00 \"days\"",
            "[Red]0.00",
            "[h]:mm",
            "\\d0",
            "0_d",
            "@",
            "#,##0 [$TL-41F]",
            "0;dd",
        ] {
            assert_eq!(style_of(164, Some(code)), Style::Number, "{code}");
        }
        assert_eq!(style_of(14, None), Style::Date);
        for format in [0, 1, 2, 9, 44, 48, 49] {
            assert_eq!(style_of(format, None), Style::Number, "{format}");
        }
    }

    #[test]
    fn signs_that_xml_can_not_hold_are_read() {
        for (written, read) in [
            ("a_x000D_b", "a\rb"),
            ("_x005F_x000D_", "_x000D_"),
            ("a_xyz", "a_xyz"),
            ("_x00", "_x00"),
            ("_xD800_", "_xD800_"),
            ("_xğüşi_", "_xğüşi_"),
            ("", ""),
        ] {
            assert_eq!(unescaped(written), read, "{written}");
        }
    }
}
