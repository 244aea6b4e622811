//! `[card]`: the rows the agent sees, for which calls, in which words, and how long a card is worth sending.

mod rows;
mod style;
mod variants;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::reader::Section;
use crate::domain::deck::Deck;
use crate::domain::money::Locale;
use crate::domain::phone::Region;
use crate::domain::template::{CardTemplate, default_rows, default_unknown_rows};
use rows::{compile, numbered, rows};

const LIFETIME: Duration = Duration::from_secs(90);

pub struct CardConfig {
    pub deck: Deck,
    /// From the call's start until its card is not worth sending any more.
    pub lifetime: Duration,
}

impl fmt::Debug for CardConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CardConfig")
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

/// What a card can name of the rest of the configuration.
pub(super) struct Around {
    pub(super) locale: Locale,
    pub(super) fields: Vec<String>,
    pub(super) sources: Vec<String>,
    pub(super) accounts: Vec<(String, Region)>,
}

impl Around {
    fn account_names(&self) -> Vec<String> {
        self.accounts.iter().map(|(name, _)| name.clone()).collect()
    }
}

pub(super) fn read(root: &Section<'_>, around: &Around) -> Option<CardConfig> {
    let section = root.section("card");
    let style = Arc::new(style::read(section.as_ref(), around));
    let known = default_rows(&style.words);
    let Some(section) = section else {
        let deck = Deck {
            card: CardTemplate::new(known, style).ok()?,
            unknown: None,
            variants: Vec::new(),
        };
        let lifetime = LIFETIME;
        return Some(CardConfig { deck, lifetime });
    };
    let known = rows(&section, "row").unwrap_or_else(|| numbered(known));
    let card = compile(&section, "row", known, None, &style);
    let variants = variants::read(&section, around, &style);
    let wanted = section.parse("unknown", "\"skip\" or \"card\"", |text| match text {
        "skip" => Some(false),
        "card" => Some(true),
        _ => None,
    });
    let unknown = rows(&section, "unknown-row");
    let unknown = unknown.unwrap_or_else(|| numbered(default_unknown_rows(&style.words)));
    let unknown = compile(&section, "unknown-row", unknown, None, &style);
    let (least, most) = (Duration::from_secs(10), Duration::from_secs(600));
    let lifetime = section
        .duration("lifetime", least, most)
        .unwrap_or(LIFETIME);
    let deck = Deck {
        card: card?,
        unknown: wanted.unwrap_or(false).then_some(unknown?),
        variants,
    };
    Some(CardConfig { deck, lifetime })
}
