//! What a cell of a yes-or-no column says: no, yes, or more than that.
//!
//! Programs write such columns in their user's language and as spreadsheets show them, so `HAYIR`, `FALSCH`
//! and `0,00` are a no. Whatever is neither is what the office wants to read, and is kept: `bounced cheque`
//! says more than a mark.

use super::money::{DecimalSign, Money};

/// English, Turkish, German, French, Dutch and Azerbaijani, folded as `folded` does.
const NO: &[&str] = &[
    "no", "n", "false", "f", "off", "none", "null", "n/a", "hayir", "h", "yok", "yanlis", "nein",
    "falsch", "non", "faux", "nee", "onwaar", "xeyr", "☐", "✗", "✘", "❌",
];
const YES: &[&str] = &[
    "1", "x", "yes", "y", "true", "t", "on", "evet", "e", "var", "dogru", "ja", "j", "wahr", "oui",
    "o", "vrai", "waar", "bəli", "✓", "✔", "✔️", "☑", "☑️", "✅", "+",
];

/// `None`: the flag is not set. An empty text: it is set, and there is no more to say.
pub fn flag(text: &str) -> Option<&str> {
    let text = text.trim();
    let word = folded(text);
    if says_nothing(text) || NO.contains(&word.as_str()) {
        return None;
    }
    Some(if YES.contains(&word.as_str()) {
        ""
    } else {
        text
    })
}

/// Longest unit of a zero: `0 days`, `0,00 TL`.
const UNIT_CHARS: usize = 5;

/// Nothing, dashes, or none of something: an overdue sum of `₺0,00` is no flag.
fn says_nothing(text: &str) -> bool {
    let empty = |c: char| c.is_whitespace() || matches!(c, '0' | ',' | '.' | '-' | '–' | '—' | '−');
    let unit = text.trim_start_matches(empty);
    let is_unit = unit.chars().count() <= UNIT_CHARS && unit.chars().all(char::is_alphabetic);
    unit.is_empty()
        || (text.starts_with('0') && is_unit)
        || Money::parse(text, DecimalSign::Auto, None).is_ok_and(|m| m.amount.is_zero())
}

/// Lower case without the marks that capitals lose: `HAYIR`, `Hayır` and `hayir` are one word.
fn folded(text: &str) -> String {
    let lower = text.chars().flat_map(char::to_lowercase);
    lower
        .filter(|c| *c != '\u{307}')
        .map(|c| match c {
            'ı' => 'i',
            'ğ' => 'g',
            'ş' => 's',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_no_in_any_language_leaves_the_flag_unset() {
        for no in [
            "", " ", "\u{a0}", "0", "-", "–", "--", ".", "no", "No", "NO", "hayır", "Hayır",
            "HAYIR", "hayir", "false", "FALSE", "n", "N", "h", "H", "nein", "Nein", "non", "nee",
            "0,00", "0.00", "0,000", "0,00 TL", "₺0,00", "-0,00", "0 gün", "0 Tage", "0 EUR",
            "yok", "YOK", "YANLIŞ", "FALSCH", "FAUX", "ONWAAR", " no ", "null",
        ] {
            assert_eq!(flag(no), None, "{no:?}");
        }
    }

    #[test]
    fn a_plain_yes_sets_it_without_a_text() {
        for yes in [
            "1", "x", "X", "yes", "YES", "evet", "EVET", "e", "E", "true", "TRUE", "ja", "oui",
            "✓", "✔", "DOĞRU", "WAHR", "VRAI", "WAAR", "var", " x ",
        ] {
            assert_eq!(flag(yes), Some(""), "{yes:?}");
        }
    }

    #[test]
    fn any_other_text_is_what_there_is_to_say() {
        for text in [
            "bounced cheque",
            "Dikkat: avukatta",
            "4.250,00",
            "90 days",
            "gold",
            "No delivery",
            "0 credit",
            "- lawyer",
            "30 gün",
            "2",
            "A",
            "1,00",
        ] {
            assert_eq!(flag(text), Some(text), "{text:?}");
        }
        assert_eq!(flag("  A+ "), Some("A+"));
    }
}
