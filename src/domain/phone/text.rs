//! What people write in and around a number that is no digit of it: spaces, words, extensions, fractions.
//!
//! Google's library reads digits and the separators it knows; this tells what it must not be shown as it is.

/// What typesetting programs put between groups of digits; the library ends a number there.
pub(in crate::domain) const THIN_SPACES: [char; 5] =
    ['\u{2007}', '\u{2008}', '\u{2009}', '\u{200a}', '\u{202f}'];

/// Where the letters behind the first digit begin. Those before it are a label, which the library skips.
pub(in crate::domain) fn letters_within(text: &str) -> Option<usize> {
    if text
        .bytes()
        .all(|b| b.is_ascii() && !b.is_ascii_alphabetic())
    {
        return None;
    }
    let digit = text.find(char::is_numeric)?;
    let letter = text[digit..].find(char::is_alphabetic)?;
    Some(digit + letter)
}

/// Words for an extension that libphonenumber does not know: Turkish, Azerbaijani, German, French, Dutch.
const EXTENSION_WORDS: &[&str] = &[
    "dahili",
    "dahil",
    "dah",
    "dh",
    "daxili",
    "dax",
    "durchwahl",
    "dw",
    "nebenstelle",
    "poste",
    "toestel",
    "tst",
];

pub(in crate::domain) fn names_an_extension(text: &str) -> bool {
    let Some(at) = letters_within(text) else {
        return false;
    };
    // The lower case of `İ` is an `i` and a combining dot.
    let lower = text[at..].chars().flat_map(char::to_lowercase);
    let folded: String = lower
        .filter(|c| *c != '\u{307}')
        .map(|c| match c {
            'ı' | 'î' => 'i',
            'â' => 'a',
            c => c,
        })
        .collect();
    folded
        .split(|c: char| !c.is_alphabetic())
        .any(|word| EXTENSION_WORDS.contains(&word))
}

/// `212555010.0`, as a program writes that took the number for an amount: its 0 is no digit of the number.
pub(in crate::domain) fn is_decimal(text: &str) -> bool {
    let Some((whole, fraction)) = text.rsplit_once(['.', ',']) else {
        return false;
    };
    let whole = whole.strip_prefix('+').unwrap_or(whole);
    ["0", "00"].contains(&fraction) && whole.bytes().all(|b| b.is_ascii_digit())
}

/// A number of digits and the usual separators without the separators: the same number to libphonenumber,
/// in two thirds of the time (measured).
pub(in crate::domain) fn without_separators(text: &str) -> Option<String> {
    let separator = |c: char| matches!(c, ' ' | '(' | ')' | '-' | '.' | '\u{a0}');
    let plain = text
        .char_indices()
        .all(|(i, c)| c.is_ascii_digit() || separator(c) || (c == '+' && i == 0));
    (plain && text.contains(separator)).then(|| text.replace(separator, ""))
}
