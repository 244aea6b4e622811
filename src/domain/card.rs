//! What the agent sees: a few rows, in Hipcall's three kinds, with every optional key either set or absent.
//!
//! A row serialises to exactly the keys Hipcall allows for its type; one key more, even `null`, and the
//! whole card would be refused.

mod line;

use serde::{Deserialize, Serialize};

use line::is_unseen;
pub use line::{GRAPHEME_BYTES, TEXT_GRAPHEMES, one_line};

/// Most rows a card may have; Hipcall sets no limit, but a phone shows about six.
pub const ROWS: usize = 12;
/// Longest link, in bytes.
pub const LINK_BYTES: usize = 2048;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Card {
    pub rows: Vec<Row>,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Row {
    #[serde(rename = "title")]
    Title {
        text: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        link: Option<String>,
    },
    #[serde(rename = "shortText")]
    ShortText {
        text: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        label: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        link: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ios: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        android: Option<String>,
    },
    #[serde(rename = "user")]
    User { label: String, user_id: i64 },
}

impl Card {
    /// The length of all its texts.
    pub fn bytes(&self) -> usize {
        self.rows.iter().map(Row::bytes).sum()
    }
}

impl Row {
    fn bytes(&self) -> usize {
        let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        match self {
            Row::Title { text, link } => text.len() + length(link),
            Row::ShortText {
                text,
                label,
                link,
                ios,
                android,
            } => {
                text.len()
                    + [label, link, ios, android]
                        .map(length)
                        .iter()
                        .sum::<usize>()
            }
            Row::User { label, .. } => label.len(),
        }
    }
}

/// A card is personal data: `Debug` shows its shape.
impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Row::Title { .. } => "title(***)",
            Row::ShortText { .. } => "shortText(***)",
            Row::User { .. } => "user(***)",
        })
    }
}

/// A link a browser may open: `http` or `https`, nothing that could hide another address.
pub fn web_link(text: &str) -> Option<String> {
    let text = text.trim();
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))?;
    (is_plain(text) && !rest.is_empty() && !rest.starts_with('/')).then(|| text.to_owned())
}

/// A link into an app on the agent's phone: `app://1234`, or a web link. Schemes that run code are none.
pub fn app_link(text: &str) -> Option<String> {
    let text = text.trim();
    let (scheme, rest) = text.split_once("://")?;
    let named = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
        && !["javascript", "data", "file", "vbscript"]
            .iter()
            .any(|bad| scheme.eq_ignore_ascii_case(bad));
    (named && is_plain(text) && !rest.is_empty()).then(|| text.to_owned())
}

fn is_plain(link: &str) -> bool {
    link.len() <= LINK_BYTES && !link.chars().any(is_hiding) && !climbs(link)
}

/// A backslash is a slash to a browser, and to nobody else.
fn is_hiding(c: char) -> bool {
    c.is_whitespace() || c.is_control() || is_unseen(c) || c == '\\'
}

/// A part of the path that is `..` leads elsewhere than it reads, and encoding the dots does not help:
/// browsers take `%2e` for one.
fn climbs(link: &str) -> bool {
    let path = link.split(['?', '#']).next().unwrap_or_default();
    let is_dots = |part: &str| {
        let part = part.to_ascii_lowercase().replace("%2e", ".");
        part == "." || part == ".."
    };
    path.split('/').any(is_dots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_exactly_the_keys_hipcall_allows() {
        let card = Card {
            rows: vec![
                Row::Title {
                    text: "CRM".into(),
                    link: None,
                },
                Row::ShortText {
                    text: "1234".into(),
                    label: Some("Account".into()),
                    link: Some("https://crm.example/1234".into()),
                    ios: None,
                    android: None,
                },
                Row::User {
                    label: "Owner".into(),
                    user_id: 1234,
                },
            ],
        };
        let json = serde_json::to_string(&card).unwrap();
        assert_eq!(
            json,
            r#"[{"type":"title","text":"CRM"},"#.to_owned()
                + r#"{"type":"shortText","text":"1234","label":"Account","link":"https://crm.example/1234"},"#
                + r#"{"type":"user","label":"Owner","user_id":1234}]"#
        );
        assert_eq!(serde_json::from_str::<Card>(&json).unwrap(), card);
    }

    #[test]
    fn links_are_only_what_they_look_like() {
        assert!(web_link("https://crm.example/1?q=a").is_some());
        assert!(web_link("https://crm.example/a..b/...?path=../x#..").is_some());
        assert!(app_link("crm-app://1234").is_some());
        let path = |bytes: usize| "x".repeat(bytes - "https://a.example/".len());
        assert!(web_link(&format!("https://a.example/{}", path(LINK_BYTES))).is_some());
        let long = format!("https://a.example/{}", path(LINK_BYTES + 1));
        for bad in [
            "",
            "crm.example",
            "ftp://a",
            "https://",
            "https:///a",
            "http://a b",
            "https://a\u{200b}b",
            "https://a/\u{202e}gpj.exe",
            "https://a\\b",
            "https://a/../b",
            "https://a/b/.",
            "https://a/b/.%2E?x",
            &long,
        ] {
            assert!(web_link(bad).is_none(), "{bad}");
        }
        for bad in [
            "javascript://x",
            "JavaScript://x",
            "file:///etc",
            "1a://b",
            "app:1",
            "app://",
            "app://../x",
        ] {
            assert!(app_link(bad).is_none(), "{bad}");
        }
    }
}
