//! Why a card was not taken, and what to do about it.
//!
//! Hipcall's own words are kept only up to the first value they quote: a refusal repeats the row it refuses,
//! and with it a person's name.

use std::time::Duration;

use serde_json::Value;

use crate::domain::fate::Why;

/// Longest part of Hipcall's message that is kept, in characters.
const DETAIL_CHARS: usize = 120;

#[derive(Debug, thiserror::Error)]
pub enum SendError {
    #[error("no connection to Hipcall")]
    Unreachable(#[source] reqwest::Error),
    #[error("Hipcall did not answer in time")]
    TimedOut(#[source] reqwest::Error),
    #[error("the connection to Hipcall broke")]
    Broken(#[source] reqwest::Error),
    #[error("Hipcall is over its limit of requests, for {} s more", wait.as_secs())]
    RateLimited { wait: Duration },
    #[error("Hipcall answered {status}{}", said(detail))]
    Refused { status: u16, detail: String },
}

/// What follows from a `SendError`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Another try may succeed.
    Retry,
    /// As above, but not before this is over.
    RetryAfter(Duration),
    /// Only a person can mend it: say so and keep the card.
    Park,
}

impl SendError {
    pub fn verdict(&self) -> Verdict {
        match self {
            SendError::Unreachable(_) | SendError::TimedOut(_) | SendError::Broken(_) => {
                Verdict::Retry
            }
            SendError::RateLimited { wait } => Verdict::RetryAfter(*wait),
            SendError::Refused {
                status: 408 | 425 | 500..=599,
                ..
            } => Verdict::Retry,
            SendError::Refused { .. } => Verdict::Park,
        }
    }

    pub fn why(&self) -> Why {
        match self {
            SendError::Unreachable(_) => Why::NoConnection,
            SendError::TimedOut(_) => Why::NoAnswer,
            SendError::Broken(_) => Why::BrokenConnection,
            SendError::RateLimited { .. } => Why::Quota,
            SendError::Refused { .. } => Why::HipcallFault,
        }
    }

    /// What the operator can do, for a card that is parked.
    pub fn advice(&self) -> &'static str {
        match self {
            SendError::Refused {
                status: 401 | 403, ..
            } => {
                "the token is expired, revoked, or made on the other node (use.hipcall.com and use.hipcall.com.tr)"
            }
            SendError::Refused { status: 404, .. } => "Hipcall does not know this call",
            SendError::Refused { status: 422, .. } => {
                "Hipcall refuses the form of the card: look at the [[card.row]] tables"
            }
            SendError::Refused {
                status: 300..=399, ..
            } => "the node sends us elsewhere: check the account's node",
            _ => "see the status of Hipcall and of the line",
        }
    }

    pub(super) fn transport(error: reqwest::Error) -> SendError {
        // The URL holds the call's id only, but an error's text must not depend on that staying so.
        let error = error.without_url();
        match (error.is_timeout(), error.is_connect()) {
            (true, _) => SendError::TimedOut(error),
            (_, true) => SendError::Unreachable(error),
            _ => SendError::Broken(error),
        }
    }

    pub(super) fn refused(status: u16, body: &[u8]) -> SendError {
        SendError::Refused {
            status,
            detail: detail(body),
        }
    }
}

fn said(detail: &str) -> String {
    if detail.is_empty() {
        String::new()
    } else {
        format!(": {detail}")
    }
}

/// Takes the message out of `{"errors": ...}`, a string, list or object of any depth.
fn detail(body: &[u8]) -> String {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let message = first_string(&value["errors"]).unwrap_or_default();
    let unquoted = message.split(['{', '"', '\'']).next().unwrap_or_default();
    let clean = unquoted
        .chars()
        .filter(|c| !c.is_control())
        .take(DETAIL_CHARS);
    clean
        .collect::<String>()
        .trim_end_matches([' ', ':'])
        .to_owned()
}

fn first_string(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        Value::Array(list) => list.iter().find_map(first_string),
        Value::Object(object) => object.values().find_map(first_string),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_has_its_verdict() {
        let verdict = |status| SendError::refused(status, b"").verdict();
        for status in [408, 425, 500, 502, 503, 504, 599] {
            assert_eq!(verdict(status), Verdict::Retry, "{status}");
        }
        for status in [301, 307, 400, 401, 403, 404, 405, 413, 415, 422] {
            assert_eq!(verdict(status), Verdict::Park, "{status}");
        }
        let wait = Duration::from_secs(7);
        assert_eq!(
            SendError::RateLimited { wait }.verdict(),
            Verdict::RetryAfter(wait)
        );
    }

    #[test]
    fn a_refusal_is_told_without_the_row_it_quotes() {
        let cases = [
            (
                r#"{"errors":{"detail":"Not authorized."}}"#,
                "Not authorized.",
            ),
            (
                r#"{"errors":{"card":["Type can be shortText, user or title in the card: {\"text\":\"Ayşe\"}"]}}"#,
                "Type can be shortText, user or title in the card",
            ),
            (
                r#"{"errors":{"card":[{"text":["is invalid"]}]}}"#,
                "is invalid",
            ),
            (r#"{"errors":"plain"}"#, "plain"),
            ("<html>", ""),
            ("", ""),
        ];
        for (body, expected) in cases {
            assert_eq!(detail(body.as_bytes()), expected, "{body}");
        }
    }
}
