//! The generations of a copy, and the way back to the one before.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::office::Feed;
use crate::store::replica::{Facts, RollbackError};

/// One generation that could serve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Copy {
    pub source: String,
    /// `false`: the one before, which a rollback brings back.
    pub serves: bool,
    pub contacts: u32,
    pub numbers: u64,
    pub as_of: Timestamp,
    pub full_at: Option<Timestamp>,
    /// The source can be asked for what has changed since.
    pub has_cursor: bool,
    /// A person went back to it.
    pub is_rolled_back: bool,
}

/// The one that serves, and the one before.
pub fn copies(feed: &Feed) -> Vec<Copy> {
    let current = feed.shelf.current();
    let serving = current.map(|c| Copy {
        as_of: feed.shelf.as_of(&c),
        ..copy(feed, &c.facts, true)
    });
    let before = feed.shelf.previous().map(|facts| copy(feed, &facts, false));
    serving.into_iter().chain(before).collect()
}

/// Back to the generation before. No schedule publishes over it until a person has the source read.
pub fn roll_back(feed: &Feed) -> Result<Copy, RollbackError> {
    let _turn = feed.shelf.turn();
    let facts = feed.shelf.rollback()?;
    Ok(copy(feed, &facts, true))
}

fn copy(feed: &Feed, facts: &Facts, serves: bool) -> Copy {
    Copy {
        source: feed.source.name().to_owned(),
        serves,
        contacts: facts.contacts,
        numbers: facts.numbers,
        as_of: facts.as_of,
        full_at: facts.history.full_at,
        has_cursor: facts.cursor.is_some(),
        is_rolled_back: serves && feed.shelf.is_rolled_back(),
    }
}
