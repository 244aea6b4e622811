//! What a call's record tells when the card could not be shown: the card's rows as Markdown.
//!
//! A comment can't be taken back, and is read by whoever opens the record: it has no links, and nothing in a
//! value can become formatting.

use super::card::{Card, Row};
use super::words::{Word, Words};

/// Longest comment, in characters: a full card has some 500.
const COMMENT_CHARS: usize = 2_000;
/// What Markdown could take for more than a letter.
const SPECIAL: &str = r"\`*_{}[]()<>#+-.!|~&$^=:";

pub fn comment(card: &Card, words: &Words) -> String {
    let mut text = format!("**Ringcard** – {}", escaped(words.get(Word::NotShown)));
    for row in &card.rows {
        let line = match row {
            Row::Title { text, .. } => format!("\n\n**{}**\n", escaped(text)),
            Row::ShortText {
                text,
                label: Some(label),
                ..
            } => format!("\n- {}: {}", escaped(label), escaped(text)),
            Row::ShortText { text, .. } => format!("\n- {}", escaped(text)),
            // A number that only Hipcall can turn into a name.
            Row::User { .. } => continue,
        };
        if text.chars().count() + line.chars().count() > COMMENT_CHARS {
            break;
        }
        text.push_str(&line);
    }
    text
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if SPECIAL.contains(c) {
            safe.push('\\');
        }
        safe.push(if c.is_control() { ' ' } else { c });
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::Locale;

    fn short(label: Option<&str>, text: &str) -> Row {
        Row::ShortText {
            text: text.into(),
            label: label.map(Into::into),
            link: Some("https://crm.example/1".into()),
            ios: None,
            android: None,
        }
    }

    fn told(rows: Vec<Row>) -> String {
        comment(&Card { rows }, &Words::of(Locale::Turkish))
    }

    #[test]
    fn a_comment_tells_what_the_card_would_have_told() {
        let text = told(vec![
            Row::Title {
                text: "Müşteri".into(),
                link: None,
            },
            short(Some("Ad"), "Ayşe Yılmaz"),
            short(None, "VIP"),
            Row::User {
                label: "Temsilci".into(),
                user_id: 7,
            },
        ]);
        let expected = "**Ringcard** – Görüşme sırasında gösterilemedi\n\n**Müşteri**\n\n- Ad: Ayşe Yılmaz\n- VIP";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_value_can_not_become_formatting_or_a_link() {
        let text = told(vec![short(
            Some("Ad"),
            "[x](https://evil.example) *a* <b>\nc",
        )]);
        assert!(
            text.ends_with(r"\[x\]\(https\://evil\.example\) \*a\* \<b\> c"),
            "{text}"
        );
    }

    #[test]
    fn a_comment_has_a_longest_length() {
        let rows = (0..12).map(|n| short(None, &format!("{n}{}", "x".repeat(400))));
        let text = told(rows.collect());
        assert!((1_500..=COMMENT_CHARS).contains(&text.chars().count()));
    }
}
