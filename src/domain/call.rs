//! A call, and what Hipcall's events tell of it. Everything optional on the wire is optional here.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::phone::masked;

/// Longest call id taken: Hipcall sends a UUID (36 characters), its marketing page `call_abc123`.
const CALL_ID_BYTES: usize = 64;
/// Longest event name kept for the counters; the longest known one has 22 characters.
const EVENT_NAME_BYTES: usize = 40;

/// Hipcall's name of a call. It becomes part of an address, so nothing but letters, digits, `-` and `_` is one.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CallId(Box<str>);

impl CallId {
    pub fn parse(text: &str) -> Option<CallId> {
        let fits = (1..=CALL_ID_BYTES).contains(&text.len());
        let clean = text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        (fits && clean).then(|| CallId(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for CallId {
    type Error = &'static str;
    fn try_from(text: String) -> Result<CallId, Self::Error> {
        CallId::parse(&text).ok_or("not a call id")
    }
}

impl From<CallId> for String {
    fn from(id: CallId) -> String {
        id.0.into()
    }
}

impl fmt::Debug for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    Inbound,
    Outbound,
    Internal,
}

impl Direction {
    pub fn as_str(self) -> &'static str {
        match self {
            Direction::Inbound => "inbound",
            Direction::Outbound => "outbound",
            Direction::Internal => "internal",
        }
    }
}

/// A number as the wire gives it, not yet understood. Masked like one.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RawNumber(pub String);

impl fmt::Debug for RawNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&masked(&self.0))
    }
}

/// A call as it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub id: CallId,
    pub direction: Direction,
    /// The other side: who calls us, or whom we call.
    pub customer: RawNumber,
    /// The office's own number.
    pub line: RawNumber,
    /// The agent, known at once only on outbound calls.
    pub user_id: Option<i64>,
    pub started_at: Option<Timestamp>,
}

/// What one webhook request says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Started(Call),
    Ended(CallId),
    /// Known or unknown to us, but nothing to do: counted by name.
    Other(EventName),
}

/// An event's wire name, cleaned for counters and logs.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventName(Box<str>);

impl EventName {
    pub fn new(text: &str) -> EventName {
        let clean = text.chars().take(EVENT_NAME_BYTES).map(|c| {
            if c.is_ascii_alphanumeric() || "_-.".contains(c) {
                c
            } else {
                '?'
            }
        });
        EventName(clean.collect())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a call got no card. Each is counted, and the demo and the DEBUG line print it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Skip {
    Internal,
    Withheld,
    NotANumber,
    UnknownCaller,
    SharedNumber,
    Duplicate,
    Ended,
    EmptyCard,
    Overload,
    NoAccount,
}

impl Skip {
    pub const ALL: [Skip; 10] = [
        Skip::Internal,
        Skip::Withheld,
        Skip::NotANumber,
        Skip::UnknownCaller,
        Skip::SharedNumber,
        Skip::Duplicate,
        Skip::Ended,
        Skip::EmptyCard,
        Skip::Overload,
        Skip::NoAccount,
    ];

    /// In the operator's words.
    pub fn reason(self) -> &'static str {
        match self {
            Skip::Internal => "an internal call has no customer",
            Skip::Withheld => "the number is withheld",
            Skip::NotANumber => "the number is an extension, a service number or unreadable",
            Skip::UnknownCaller => "no contact has this number",
            Skip::SharedNumber => "different contacts share this number",
            Skip::Duplicate => "this call has its card already",
            Skip::Ended => "the call has ended",
            Skip::EmptyCard => "every row of the card was empty",
            Skip::Overload => "too many cards are waiting",
            Skip::NoAccount => "the account is no longer in the configuration",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_id_can_never_change_the_address_it_becomes_part_of() {
        assert!(CallId::parse("2f4c1c1e-7d0b-4c55-9a53-5b9e6f0c7a10").is_some());
        assert!(CallId::parse("call_abc123").is_some());
        let long = "a".repeat(CALL_ID_BYTES + 1);
        for bad in ["", "..", "a/b", "a?b", "a b", "a%2fb", "ü", &long] {
            assert!(CallId::parse(bad).is_none(), "{bad}");
        }
        assert!(serde_json::from_str::<CallId>("\"../users\"").is_err());
    }

    #[test]
    fn event_names_are_short_and_printable() {
        assert_eq!(EventName::new("call_init").as_str(), "call_init");
        assert_eq!(EventName::new("a\n\u{1b}[31m").as_str(), "a???31m");
        assert_eq!(
            EventName::new(&"x".repeat(1000)).as_str().len(),
            EVENT_NAME_BYTES
        );
    }

    #[test]
    fn raw_numbers_are_masked() {
        assert_eq!(
            format!("{:?}", RawNumber("+905325550101".into())),
            "+90532*****01"
        );
    }
}
