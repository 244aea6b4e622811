//! Why a request was not taken, and what to do about it.
//!
//! Two questions decide: may it have arrived all the same (then Hipcall is asked before it is sent again), and
//! can another try help. Hipcall's own words are kept only up to the first value they quote: a refusal repeats
//! the row it refuses, and with it a person's name.

use std::error::Error;
use std::time::Duration;

use rustls::CertificateError;
use serde_json::Value;

use super::names::NameError;
use crate::domain::fate::Why;

/// Longest part of Hipcall's message that is kept, in characters.
const DETAIL_CHARS: usize = 120;
/// A longer word of it is no word, and one with so many digits a number.
const WORD_CHARS: usize = 24;
const QUOTED_DIGITS: usize = 5;

#[derive(Debug, thiserror::Error)]
pub enum SendError {
    #[error("the node's name could not be resolved")]
    NoName(#[source] reqwest::Error),
    #[error("no connection to Hipcall")]
    NoConnection(#[source] reqwest::Error),
    #[error("the node's certificate is not valid at this box's time")]
    OutOfDate(#[source] reqwest::Error),
    #[error("the node's certificate is not trusted")]
    NotTrusted(#[source] reqwest::Error),
    #[error("Hipcall did not answer in time")]
    NoAnswer(#[source] reqwest::Error),
    #[error("the connection to Hipcall broke")]
    Broken(#[source] reqwest::Error),
    /// Without the parser's words: they may quote a value.
    #[error("Hipcall's answer can't be understood")]
    Unreadable,
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
    /// As above, and as soon as the line is back.
    RetrySoon,
    /// As above, but not before this is over.
    RetryAfter(Duration),
    /// Another try may succeed within seconds: the call may not be registered yet.
    RetryBriefly,
    /// No request of this token has a chance until it is taken again, or replaced.
    Pause,
    /// Only a person can mend it: say so and keep the card.
    Park,
}

impl SendError {
    pub fn verdict(&self) -> Verdict {
        match self {
            SendError::NoName(_)
            | SendError::NoConnection(_)
            | SendError::OutOfDate(_)
            | SendError::NotTrusted(_)
            | SendError::NoAnswer(_)
            | SendError::Broken(_) => Verdict::RetrySoon,
            SendError::Unreadable => Verdict::Retry,
            SendError::RateLimited { wait } => Verdict::RetryAfter(*wait),
            SendError::Refused { status, .. } => match status {
                401 | 403 => Verdict::Pause,
                404 => Verdict::RetryBriefly,
                408 | 425 | 500.. => Verdict::Retry,
                429 => Verdict::RetryAfter(Duration::ZERO),
                // Other refusals and redirects, which would carry the token elsewhere; an answer below 200
                // is none, and one below 300 no error.
                0..=499 => Verdict::Park,
            },
        }
    }

    /// Whether Hipcall may have done what was asked although it did not say so.
    pub fn may_have_arrived(&self) -> bool {
        match self {
            SendError::NoAnswer(_) | SendError::Broken(_) | SendError::Unreadable => true,
            SendError::NoName(_)
            | SendError::NoConnection(_)
            | SendError::OutOfDate(_)
            | SendError::NotTrusted(_)
            | SendError::RateLimited { .. } => false,
            // A gateway that gave up on what is behind it. 503 says that nothing was begun.
            SendError::Refused { status, .. } => {
                matches!(status, 408 | 500..=502 | 504..)
            }
        }
    }

    /// Whether Hipcall has answered at all, with whatever.
    pub fn is_an_answer(&self) -> bool {
        match self {
            SendError::NoName(_)
            | SendError::NoConnection(_)
            | SendError::OutOfDate(_)
            | SendError::NotTrusted(_)
            | SendError::NoAnswer(_)
            | SendError::Broken(_) => false,
            SendError::Unreadable | SendError::RateLimited { .. } | SendError::Refused { .. } => {
                true
            }
        }
    }

    /// Whether it would be refused whatever is asked with the token: 403 may be for one thing alone.
    pub fn is_about_the_token(&self) -> bool {
        matches!(self, SendError::Refused { status: 401, .. })
    }

    pub fn why(&self) -> Why {
        match self {
            SendError::NoName(_) => Why::NoName,
            SendError::NoConnection(_) => Why::NoConnection,
            SendError::OutOfDate(_) => Why::Clock,
            SendError::NotTrusted(_) => Why::NotTrusted,
            SendError::NoAnswer(_) => Why::NoAnswer,
            SendError::Broken(_) => Why::BrokenConnection,
            SendError::Unreadable => Why::HipcallFault,
            SendError::RateLimited { .. } => Why::Quota,
            SendError::Refused { status, .. } => match status {
                401 | 403 => Why::TokenRefused,
                404 => Why::UnknownCall,
                429 => Why::Quota,
                _ => Why::HipcallFault,
            },
        }
    }

    /// What the operator can do.
    pub fn advice(&self) -> &'static str {
        match self {
            SendError::NoName(_) => {
                "look at the line, and at the name servers (resolvectl, /etc/resolv.conf)"
            }
            SendError::NoConnection(_) | SendError::NoAnswer(_) | SendError::Broken(_) => {
                "look at the line and the router; see whether Hipcall itself has trouble"
            }
            SendError::OutOfDate(_) => {
                "look at the clock first (timedatectl): if it is right, the node's certificate has run out"
            }
            SendError::NotTrusted(_) => {
                "a firewall that opens TLS needs ca-file in [hipcall]; else install the package ca-certificates"
            }
            SendError::Unreadable => "Hipcall's API may have changed: look for a newer Ringcard",
            SendError::RateLimited { .. } => {
                "other programs with this token use up Hipcall's limit as well"
            }
            SendError::Refused { status, .. } => match status {
                401 | 403 => TOKEN_ADVICE,
                404 => {
                    "are token and webhook of one Hipcall account? It does not know the calls it tells of"
                }
                422 => "Hipcall refuses the form of the card: look at the [[card.row]] tables",
                300..=399 => "the node sends us elsewhere: check the account's node",
                402 => "look at the plan of the Hipcall account",
                400..=499 => "Hipcall does not take this request: look for a newer Ringcard",
                _ => "see the status of Hipcall and of the line",
            },
        }
    }

    /// Says of a failed request whether it can have been sent. Only what fails while connecting can not.
    pub(super) fn transport(error: reqwest::Error) -> SendError {
        // The URL holds the call's id only, but an error's text must not depend on that staying so.
        let error = error.without_url();
        if !error.is_connect() {
            return match error.is_timeout() {
                true => SendError::NoAnswer(error),
                false => SendError::Broken(error),
            };
        }
        match hindrance(&error) {
            Some(Hindrance::Name) => SendError::NoName(error),
            Some(Hindrance::Date) => SendError::OutOfDate(error),
            Some(Hindrance::Trust) => SendError::NotTrusted(error),
            None => SendError::NoConnection(error),
        }
    }

    pub(super) fn refused(status: u16, body: &[u8]) -> SendError {
        SendError::Refused {
            status,
            detail: detail(body),
        }
    }
}

/// What to do about a token that is refused.
pub const TOKEN_ADVICE: &str = "the token is expired, revoked, or made on the other node (use.hipcall.com and \
    use.hipcall.com.tr): put a new one into its file, which is read by itself";

enum Hindrance {
    Name,
    Date,
    Trust,
}

/// What is at the bottom of a connection that did not come about, where we know more than that.
fn hindrance(error: &(dyn Error + 'static)) -> Option<Hindrance> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<NameError>() {
            return Some(Hindrance::Name);
        }
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return of_tls(error);
        }
        // An I/O error does not count what it wraps among its causes.
        let wrapped = error
            .downcast_ref::<std::io::Error>()
            .and_then(|e| e.get_ref());
        cause = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}

fn of_tls(error: &rustls::Error) -> Option<Hindrance> {
    use CertificateError::{Expired, ExpiredContext, NotValidYet, NotValidYetContext};
    match error {
        rustls::Error::InvalidCertificate(
            Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. },
        ) => Some(Hindrance::Date),
        rustls::Error::InvalidCertificate(_) => Some(Hindrance::Trust),
        // A peer that does not speak TLS, or breaks off: no connection, as far as anybody can tell.
        _ => None,
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
    let clean: String = unquoted.chars().filter(|c| !c.is_control()).collect();
    let words: Vec<&str> = clean.split(' ').map(harmless).collect();
    let told: String = words.join(" ").chars().take(DETAIL_CHARS).collect();
    told.trim_end_matches([' ', ':']).to_owned()
}

/// A word of a message, unless it could be a token or a number that somebody quotes.
fn harmless(word: &str) -> &str {
    let digits = word.chars().filter(char::is_ascii_digit).count();
    let is_long = word.chars().count() > WORD_CHARS;
    if digits >= QUOTED_DIGITS || is_long {
        "…"
    } else {
        word
    }
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
    fn each_status_has_its_verdict() {
        for status in 100..=999 {
            let error = SendError::refused(status, b"");
            let expected = match status {
                401 | 403 => Verdict::Pause,
                404 => Verdict::RetryBriefly,
                408 | 425 => Verdict::Retry,
                429 => Verdict::RetryAfter(Duration::ZERO),
                500..=999 => Verdict::Retry,
                _ => Verdict::Park,
            };
            assert_eq!(error.verdict(), expected, "{status}");
            let arrived = matches!(status, 408 | 500 | 501 | 502 | 504..=999);
            assert_eq!(error.may_have_arrived(), arrived, "{status}");
            assert!(!error.advice().is_empty());
        }
        let wait = Duration::from_secs(7);
        let limited = SendError::RateLimited { wait };
        assert_eq!(limited.verdict(), Verdict::RetryAfter(wait));
        assert_eq!(
            (limited.why(), limited.may_have_arrived()),
            (Why::Quota, false)
        );
    }

    #[test]
    fn each_status_is_counted_under_its_reason() {
        for (status, why) in [
            (401, Why::TokenRefused),
            (403, Why::TokenRefused),
            (404, Why::UnknownCall),
            (429, Why::Quota),
            (503, Why::HipcallFault),
            (408, Why::HipcallFault),
        ] {
            assert_eq!(SendError::refused(status, b"").why(), why, "{status}");
        }
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
            (
                r#"{"errors":"bad Bearer SFMyNTY.g2gDbQAAAAVhYmNkZWZnaGlq of +905325550101, code 1234"}"#,
                "bad Bearer … of … code 1234",
            ),
            ("<html>", ""),
            ("", ""),
        ];
        for (body, expected) in cases {
            assert_eq!(detail(body.as_bytes()), expected, "{body}");
        }
    }
}
