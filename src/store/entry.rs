//! A card on its way, and how its way can end.

use serde::{Deserialize, Serialize};

use crate::domain::call::CallId;
use crate::domain::card::Card;
use crate::domain::deadline::Deadline;
use crate::domain::fate::Why;

/// Longest reason kept with a card, in characters.
const REASON_CHARS: usize = 200;

/// A call of an account: the account's name, a slash, the call's id.
pub type Key = String;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    Waiting,
    /// Came too late to be shown; a comment in the call's record is due.
    CommentDue,
    /// Refused in a way that only a person can mend.
    Parked,
    Settled,
    Expired,
    Dropped,
}

impl Phase {
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Waiting => "waiting",
            Phase::CommentDue => "comment-due",
            Phase::Parked => "parked",
            Phase::Settled => "settled",
            Phase::Expired => "expired",
            Phase::Dropped => "dropped",
        }
    }

    /// Still waiting for something that Ringcard does; the others wait for a person, or for nothing.
    pub(super) fn is_under_way(self) -> bool {
        matches!(self, Phase::Waiting | Phase::CommentDue)
    }

    pub(super) fn is_finished(self) -> bool {
        matches!(self, Phase::Settled | Phase::Expired | Phase::Dropped)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub account: String,
    pub call: CallId,
    pub phase: Phase,
    pub attempts: u32,
    pub deadline: Deadline,
    /// What went wrong last, in the operator's words; never a part of the card.
    pub reason: Option<String>,
    /// Its call has ended while it waited, which a restart must know: the event is not told again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ended: bool,
    /// Hipcall may have it although it never said so: to be asked before it is sent again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub uncertain: bool,
    /// Why it expired or was dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Why>,
    /// Gone once the call is done with: no personal data is kept longer than it serves.
    pub card: Option<Card>,
    /// Grows with every entry that is parked or finished: the oldest goes first.
    pub(super) turn: u64,
}

impl Entry {
    pub fn new(account: &str, call: CallId, card: Card, deadline: Deadline) -> Entry {
        Entry {
            account: account.into(),
            call,
            phase: Phase::Waiting,
            attempts: 0,
            deadline,
            reason: None,
            ended: false,
            uncertain: false,
            why: None,
            card: Some(card),
            turn: 0,
        }
    }

    /// What its card takes in memory, more or less.
    pub(super) fn card_bytes(&self) -> usize {
        self.card.as_ref().map_or(0, Card::bytes)
    }

    pub fn key(&self) -> Key {
        key(&self.account, &self.call)
    }
}

pub fn key(account: &str, call: &CallId) -> Key {
    format!("{account}/{call}")
}

/// Why a waiting card need not be sent any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halt {
    CallEnded,
    DroppedByHand,
}

/// How a card's waiting ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Settled,
    Expired(Why),
    /// As expired, with a comment to be written into the call's record.
    ExpiredWithComment(Why),
    Parked(String),
    Dropped(Why),
}

/// A reason cut to what is kept.
pub(super) fn shortened(reason: &str) -> String {
    reason.chars().take(REASON_CHARS).collect()
}

/// Why a card's way ended, with what went wrong last.
pub(super) fn told(why: Why, last: Option<&str>) -> String {
    match last {
        // What an earlier end has told already is not told again.
        Some(last) if last.starts_with(why.reason()) => shortened(last),
        Some(last) => shortened(&format!("{}; before: {last}", why.reason())),
        None => why.reason().to_owned(),
    }
}
