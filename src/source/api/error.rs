//! Why a source could not be read over HTTP, in words that say what to do.
//!
//! No error has a record, a token, an address's path or its query, which may hold keys: only the host, the
//! status, and the vendor's own message, cut.

use std::time::Duration;

use rustls::CertificateError::{Expired, ExpiredContext, NotValidYet, NotValidYetContext};

use crate::source::error::Verdict;

#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    #[error("{host} could not be reached: {why}")]
    Unreachable { host: String, why: &'static str },
    #[error("{host} did not answer in whole: {why}")]
    BrokenOff { host: String, why: &'static str },
    #[error("{host} answers with status {status}{message}: it may pass by itself")]
    Failing {
        host: String,
        status: u16,
        message: Message,
    },
    #[error(
        "{host} wants fewer requests{message}: the next sync tries again; if it happens often, let others ask \
         less, or set every to a longer time"
    )]
    Limited { host: String, message: Message },
    #[error("{host} refuses the credential ({answer}{message}): {renew}")]
    Refused {
        host: String,
        /// The status, or what the answer says.
        answer: String,
        message: Message,
        /// What to renew and how.
        renew: String,
    },
    #[error(
        "{host} refuses the request with status {status}{message}: check with and object of the source, and the \
         rights that the credential has"
    )]
    Rejected {
        host: String,
        status: u16,
        message: Message,
    },
    #[error("{host} reports an error in its answer{message}")]
    Reported { host: String, message: Message },
    #[error(
        "{host} points to another place ({target}), which is not followed: give the right address"
    )]
    Redirect { host: String, target: String },
    #[error(
        "an answer of {host} is larger than the {limit} bytes of page-bytes: make the pages smaller"
    )]
    TooLarge { host: String, limit: usize },
    #[error(
        "an answer of {host} would take more than {limit} bytes of memory: make the pages smaller"
    )]
    TooHeavy { host: String, limit: usize },
    #[error("an answer of {host} is not JSON: is it the right address?")]
    NotJson { host: String },
    #[error("an answer of {host} has no list at {path:?}: {what}")]
    NoRecords {
        host: String,
        path: String,
        what: &'static str,
    },
    #[error("a record of {host} has nothing at {path:?}, by which pages are told apart")]
    NoKey { host: String, path: String },
    #[error("{host} gives the same page again: nothing of it is used")]
    SamePage { host: String },
    #[error("{host} gives more than {limit} pages: nothing of it is used")]
    TooManyPages { host: String, limit: u64 },
    #[error(
        "the list of {host} changed {tries} times while it was read: the next sync tries again"
    )]
    Moved { host: String, tries: u32 },
    #[error(
        "the list of {host} changed while it was read, and without key = \"...\" in [source.columns] what was \
         read twice can't be told"
    )]
    MovedWithoutKey { host: String },
    #[error("{place} of the connector is no address: {what}")]
    Address { place: &'static str, what: String },
    #[error("{host} names a next page on another host ({other}), where the credential must not go")]
    OtherHost { host: String, other: String },
    #[error(transparent)]
    Template(#[from] super::template::TemplateError),
    #[error("the connector {connector} can't tell {what}")]
    Unable {
        connector: String,
        what: &'static str,
    },
    #[error("the renewed token could not be kept in {path}, so it was not asked for: {what}")]
    NotKept { path: String, what: String },
    #[error("no connection can be made: {0}")]
    Client(#[from] super::super::http::ClientError),
    #[error("the runtime could not be started")]
    Runtime(#[source] std::io::Error),
}

/// What a vendor says, made fit for a line of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message(pub String);

impl std::fmt::Display for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.is_empty() {
            true => Ok(()),
            false => write!(f, ", saying: {}", self.0),
        }
    }
}

/// Longest message shown of a vendor.
const MESSAGE_CHARS: usize = 200;

impl Message {
    /// One line, cut, and without any of the secrets.
    pub(super) fn new<'s>(text: &str, secrets: impl Iterator<Item = &'s str>) -> Message {
        let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        // Before the secrets: one that has them within would be whole again without them.
        line.retain(|c| !c.is_control());
        let mut secrets: Vec<&str> = secrets.filter(|s| !s.is_empty()).collect();
        // One may begin like another.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        for secret in secrets {
            line = line.replace(secret, "***");
        }
        let mut cut: String = line.chars().take(MESSAGE_CHARS + 1).collect();
        if cut.chars().count() > MESSAGE_CHARS {
            cut.pop();
            cut.push('…');
        }
        Message(cut)
    }
}

impl ApiError {
    pub fn verdict(&self) -> Verdict {
        match self {
            ApiError::Unreachable { .. }
            | ApiError::BrokenOff { .. }
            | ApiError::Failing { .. }
            | ApiError::Limited { .. }
            | ApiError::Reported { .. }
            | ApiError::SamePage { .. }
            | ApiError::Moved { .. }
            | ApiError::NotKept { .. }
            | ApiError::Runtime(_) => Verdict::TryLater,
            ApiError::Refused { .. }
            | ApiError::Rejected { .. }
            | ApiError::Redirect { .. }
            | ApiError::TooLarge { .. }
            | ApiError::TooHeavy { .. }
            | ApiError::NotJson { .. }
            | ApiError::NoRecords { .. }
            | ApiError::NoKey { .. }
            | ApiError::TooManyPages { .. }
            | ApiError::MovedWithoutKey { .. }
            | ApiError::Address { .. }
            | ApiError::OtherHost { .. }
            | ApiError::Template(_)
            | ApiError::Unable { .. }
            | ApiError::Client(_) => Verdict::NeedsPerson,
        }
    }

    /// What to renew, if a credential was refused.
    pub fn refused_credential(&self) -> Option<&str> {
        match self {
            ApiError::Refused { renew, .. } => Some(renew),
            _ => None,
        }
    }
}

/// How long a request may have been under way is told by its errors only in kind.
pub(in crate::source) fn why_unreachable(error: &reqwest::Error) -> &'static str {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(e) = cause {
        if let Some(tls) = e.downcast_ref::<rustls::Error>() {
            return why_no_tls(tls);
        }
        // hyper-util tells it in no other way.
        if e.to_string() == "dns error" {
            return "its name is not known: check the address and the line";
        }
        // An I/O error does not count what it wraps among its causes.
        let wrapped = e
            .downcast_ref::<std::io::Error>()
            .and_then(|io| io.get_ref());
        cause = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => e.source(),
        };
    }
    match (error.is_timeout(), error.is_connect()) {
        (true, true) => "no connection in time",
        (true, false) => "no answer in time",
        (false, true) => "no connection: check the address and the line",
        (false, false) => "the connection broke off",
    }
}

fn why_no_tls(error: &rustls::Error) -> &'static str {
    match error {
        rustls::Error::InvalidCertificate(
            Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. },
        ) => "its certificate is not valid today: check the clock, or let them renew it",
        rustls::Error::InvalidCertificate(_) => {
            "its certificate is not trusted: check the address, and name the authority with ca-file"
        }
        _ => "the TLS connection could not be set up",
    }
}

/// Bounds of waiting and trying.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// All waits of one read that a limit made together.
    pub(super) limited: Duration,
    /// Tries of one request that fails in passing.
    pub(super) tries: u32,
    /// Before the second try; doubled before each further one.
    pub(super) first_pause: Duration,
    pub(super) longest_pause: Duration,
}

impl Default for Patience {
    /// A read that waits for longer would still be at it when the next one is due.
    fn default() -> Patience {
        Patience {
            limited: Duration::from_secs(15 * 60),
            tries: 5,
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_whatever_cannot_be_seen_within_it() {
        let message = Message::new("s3c\u{0}ret\u{7f} is\n\tbad", ["s3cret"].into_iter());
        assert_eq!(message.0, "*** is bad");
    }
}
