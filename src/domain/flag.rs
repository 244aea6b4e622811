//! What a cell of a yes-or-no column says: no, yes, or more than that.
//!
//! Programs write such columns in their user's language and as spreadsheets show them, so `HAYIR`, `FALSCH`
//! and `0,00` are a no. Whatever is neither is what the office wants to read, and is kept: `bounced cheque`
//! says more than a mark.

use super::money::{Currency, DecimalSign, Money};

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

/// What is counted, folded as `folded` does. A list, because a word behind a zero may be the message: `0 Kredi`.
const UNITS: &[&str] = &[
    "%", "tl", "ytl", "try", "₺", "eur", "euro", "€", "usd", "$", "gbp", "stg", "£", "chf", "azn",
    "₼", "gün", "gun", "ay", "adet", "day", "days", "tag", "tage", "tagen", "jour", "jours", "dag",
    "dagen", "stk", "pcs",
];

/// Nothing, dashes, none of something, or less: an overdue sum of `₺0,00` is no flag, and what is due in
/// five days (`-5 gün`) or paid too much (`-350,00`) is not overdue.
fn says_nothing(text: &str) -> bool {
    let (number, unit): (String, String) = folded(text)
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| match c {
            '–' | '—' | '−' => '-',
            c => c,
        })
        .partition(|c| c.is_ascii_digit() || ",.'’()-".contains(*c));
    if number.is_empty() || !(unit.is_empty() || UNITS.contains(&unit.as_str())) {
        return number.is_empty() && unit.is_empty();
    }
    let empty = |c| matches!(c, '0' | ',' | '.' | '-');
    // Of an amount that can be read in two ways, either has its sign.
    let signs = [DecimalSign::Comma, DecimalSign::Point].into_iter();
    let mut read =
        signs.filter_map(|sign| Money::parse(&number, sign, Currency::parse("XXX")).ok());
    number.chars().all(empty) || read.any(|m| m.amount.is_zero() || m.amount.is_sign_negative())
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
            "",
            " ",
            "\u{a0}",
            "0",
            "-",
            "–",
            "--",
            ".",
            "no",
            "No",
            "NO",
            "hayır",
            "Hayır",
            "HAYIR",
            "hayir",
            "false",
            "FALSE",
            "n",
            "N",
            "h",
            "H",
            "nein",
            "Nein",
            "non",
            "nee",
            "0,00",
            "0.00",
            "0,000",
            "0,00 TL",
            "₺0,00",
            "-0,00",
            "0 gün",
            "0 Tage",
            "0 EUR",
            "-5 gün",
            "−5 Tage",
            "-350,00",
            "350,00-",
            "(350,00)",
            "-4.250",
            "-4.250,50 TL",
            "-₺350",
            "% 0",
            "0 adet",
            "0 $",
            "- TL",
            "(0,00)",
            "-1'250.00 CHF",
            "0 GÜN",
            "yok",
            "YOK",
            "YANLIŞ",
            "FALSCH",
            "FAUX",
            "ONWAAR",
            " no ",
            "null",
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
            "0 Kredi",
            "0 sabır",
            "0 VIP",
            "-5 kredi",
            "B-",
            "5-10 gün",
            "01-09-2026",
            "gün",
            "%",
            "4.250",
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
