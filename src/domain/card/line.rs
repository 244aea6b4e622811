//! Text fit for one line of a card: what a source wrote can't break the line, hide, or read as another text.
//!
//! Lengths are counted in graphemes, what a reader takes for one sign, so that a cut never tears an emoji or
//! takes the dot off an `İ`. A grapheme has no longest form, so its bytes are bounded too.

use unicode_segmentation::UnicodeSegmentation;

/// Longest text of a row, in graphemes; Hipcall advises 30 to 40.
pub const TEXT_GRAPHEMES: usize = 120;
/// Longest grapheme, in bytes; the longest emoji in use (a kiss of two skin tones) has 35.
pub const GRAPHEME_BYTES: usize = 40;

/// One line without control, direction-changing or invisible characters, without runs of blanks, and not
/// longer than a phone can show. Empty if there would be nothing to see.
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(4 * TEXT_GRAPHEMES));
    let splits = |c: char| c.is_whitespace() && !is_hard_blank(c) || c.is_control();
    for word in text.split(splits) {
        let seen: String = word.chars().filter(|c| !is_unseen(*c)).collect();
        let word = seen.trim_matches(|c| is_hard_blank(c) || is_joiner(c));
        if !word.is_empty() {
            line.push_str(if line.is_empty() { "" } else { " " });
            line.push_str(word);
        }
    }
    cut(&line)
}

fn cut(line: &str) -> String {
    let mut short = String::with_capacity(line.len().min(4 * TEXT_GRAPHEMES));
    let mut graphemes = line.graphemes(true);
    for grapheme in graphemes.by_ref().take(TEXT_GRAPHEMES - 1) {
        short.push_str(bounded(grapheme));
    }
    match (graphemes.next(), graphemes.next()) {
        (None, _) => short,
        (Some(last), None) => short + bounded(last),
        _ => short.trim_end().to_owned() + "…",
    }
}

/// The grapheme without the marks that are too many.
fn bounded(grapheme: &str) -> &str {
    let fits = |end: &usize| grapheme.is_char_boundary(*end);
    let end = (0..=GRAPHEME_BYTES.min(grapheme.len())).rfind(fits);
    &grapheme[..end.unwrap_or(0)]
}

/// Blanks that hold a currency and its amount together.
fn is_hard_blank(c: char) -> bool {
    matches!(c, '\u{a0}' | '\u{202f}')
}

/// Zero width joiner and non-joiner: families of emoji and Persian need them, between two signs.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

/// What changes the reading direction, takes no room, or says something to machines only.
pub(super) fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}' | '\u{200e}' | '\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{2800}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{1d173}'..='\u{1d17a}'
        // Tags, but not the variants of ideographs that follow them.
        | '\u{e0000}'..='\u{e00ff}' | '\u{e01f0}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_card_is_one_line() {
        let cases = [
            (" Ayşe\n\tYılmaz  ", "Ayşe Yılmaz"),
            ("a\u{202e}b\u{0}c", "ab c"),
            ("TRY\u{a0}12", "TRY\u{a0}12"),
            ("12\u{202f}345\u{a0}€", "12\u{202f}345\u{a0}€"),
            ("a\u{2028}b\u{2029}c\u{85}d\u{b}e", "a b c d e"),
            ("a\u{1b}[31mb", "a [31mb"),
            ("\u{202f}\nAli 100 \u{a0}TL", "Ali 100 TL"),
            ("", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(one_line(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_not_seen_is_not_there() {
        for hidden in [
            '\u{ad}',
            '\u{200b}',
            '\u{200e}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{2069}',
            '\u{feff}',
            '\u{3164}',
            '\u{e0041}',
        ] {
            assert_eq!(one_line(&format!("ad{hidden}min")), "admin", "{hidden:?}");
        }
        for nothing in [
            "\u{202e} \n",
            "\u{a0}",
            " \u{200d} ",
            "\u{200b}",
            "\u{a0}\u{200c}",
        ] {
            assert_eq!(one_line(nothing), "", "{nothing:?}");
        }
    }

    #[test]
    fn joiners_stay_where_a_script_needs_them() {
        for kept in ["👩‍👩‍👧", "می‌خواهم", "❤️", "🇹🇷", "葛\u{e0100}"]
        {
            assert_eq!(one_line(kept), kept);
        }
    }

    #[test]
    fn a_long_line_is_cut_between_graphemes() {
        for sign in ["x", "ş", "s\u{327}", "👩‍👩‍👧", "🇹🇷"] {
            assert_eq!(
                one_line(&sign.repeat(TEXT_GRAPHEMES)),
                sign.repeat(TEXT_GRAPHEMES)
            );
            let long = one_line(&sign.repeat(TEXT_GRAPHEMES + 1));
            assert_eq!(long, sign.repeat(TEXT_GRAPHEMES - 1) + "…");
        }
        let words = "ab ".repeat(TEXT_GRAPHEMES);
        assert!(
            one_line(&words).ends_with("ab…"),
            "no blank before the dots"
        );
    }

    #[test]
    fn marks_without_end_are_cut_and_nothing_gets_longer_than_its_bound() {
        let mark = "\u{301}";
        let fits = format!("ee{}", mark.repeat((GRAPHEME_BYTES - 1) / mark.len()));
        assert_eq!(one_line(&fits), fits);
        assert_eq!(
            one_line(&format!("{fits}{mark}{mark}")).len(),
            GRAPHEME_BYTES
        );
        let endless = format!("e{}", mark.repeat(10_000)).repeat(TEXT_GRAPHEMES + 1);
        assert!(one_line(&endless).len() <= TEXT_GRAPHEMES * GRAPHEME_BYTES);
    }
}
