//! What an answer means: records, a limit, a refusal, or an error in the vendor's words.
//!
//! Only decisions over status, headers and body. A vendor's message is shown where it is a text at one of the
//! usual places of errors, never the body, which may hold records.

use std::iter;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Url;
use reqwest::header::HeaderMap;
use serde_json::Value;

use super::ask::host_of;
use super::description::{ApiSettings, Limits};
use super::error::{ApiError, Message};
use super::limits::{http_date, retry_after};
use super::paging::next_link;
use super::session::Session;

/// An answer as it came.
pub(super) struct Raw {
    pub(super) url: Url,
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Raw {
    /// The server's clock.
    pub(super) fn date(&self) -> Option<Timestamp> {
        header(&self.headers, "date").and_then(http_date)
    }

    /// How long the vendor says to wait.
    pub(super) fn wait(&self, settings: &ApiSettings) -> Option<Duration> {
        wait(&settings.connector.limits, &self.headers)
    }
}

/// An answer that is what was asked for.
pub(super) struct Reply {
    /// Where it came from.
    pub(super) url: Url,
    /// `None` of an answer without content: there is nothing.
    pub(super) body: Option<Value>,
    pub(super) link: Option<String>,
    /// The vendor says that no more requests are allowed for now.
    pub(super) rest: Option<Duration>,
}

pub(super) enum Judged {
    Good(Reply),
    Limited {
        wait: Option<Duration>,
        message: Message,
    },
    NotLoggedIn {
        answer: String,
        message: Message,
    },
    CursorExpired,
    /// May pass by itself.
    Failing(ApiError),
    Wrong(ApiError),
}

/// Where errors usually say what they are.
const MESSAGES: [&str; 10] = [
    "error_description",
    "error.message",
    "message",
    "detail",
    "errors[0].message",
    "[0].message",
    "errors[0].detail",
    "error.data.message",
    "error",
    "errors[0]",
];

/// Memory for one answer, taken apart: more than 8 MiB of large records take, and three eighths of what the unit
/// allows the daemon, which leaves enough for a load and the calls.
pub(super) const MEMORY: usize = 96 << 20;
/// What serde_json takes on a 64-bit machine beside the letters: a map begins with a node of 11 members, nodes
/// are half full where names come in order, a list begins with four and is doubled, a text is an allocation.
const OBJECT: usize = 648;
const LIST: usize = 128;
const MEMBER: usize = 108;
const TEXT: usize = 16;

pub(super) enum Unparsed {
    NotJson,
    TooHeavy,
}

/// A few letters may be an object of half a kilobyte, so what it would take is reckoned before.
pub(super) fn parsed(body: &[u8]) -> Result<Value, Unparsed> {
    match memory(body) > MEMORY {
        true => Err(Unparsed::TooHeavy),
        false => serde_json::from_slice(body).map_err(|_| Unparsed::NotJson),
    }
}

fn memory(body: &[u8]) -> usize {
    let (mut in_text, mut escaped, mut sum) = (false, false, body.len());
    for byte in body {
        match (byte, in_text) {
            _ if escaped => escaped = false,
            (b'\\', true) => escaped = true,
            (b'"', _) => {
                in_text = !in_text;
                sum += TEXT;
            }
            (b'{', false) => sum += OBJECT,
            (b'[', false) => sum += LIST,
            (b',', false) => sum += MEMBER,
            _ => {}
        }
    }
    sum
}

pub(super) fn judge(settings: &ApiSettings, session: &Session, raw: &Raw) -> Judged {
    let (status, host) = (raw.status, host_of(&raw.url));
    let (limits, rules) = (&settings.connector.limits, &settings.connector.errors);
    let parsed = parsed(&raw.body);
    let is_good = (200..300).contains(&status);
    let json = parsed.as_ref().ok();
    let message = message(settings, session, json, iter::empty());
    let reported = rules.path.as_ref().and_then(|path| path.find(json?));
    let reported = reported.filter(|e| !matches!(e, Value::Null | Value::Bool(false)));
    // Of an answer that is an error anyway, all of it is looked through.
    let text = match (reported, is_good) {
        (Some(error), _) => error.to_string(),
        (None, false) => json.map(Value::to_string).unwrap_or_default(),
        (None, true) => String::new(),
    };
    let says = |texts: &[String]| texts.iter().any(|t| text.contains(t.as_str()));
    let wait = || raw.wait(settings);
    if rules.cursor_expired_statuses.contains(&status) || says(&rules.cursor_expired) {
        return Judged::CursorExpired;
    }
    if limits.retry_statuses.contains(&status) || says(&rules.retry) {
        return Judged::Limited {
            wait: wait(),
            message,
        };
    }
    if says(&rules.login) {
        let answer = "as its answer says".to_owned();
        return Judged::NotLoggedIn { answer, message };
    }
    match status {
        204 | 304 => Judged::Good(Reply::of(raw, limits, None)),
        _ if is_good && reported.is_some() => Judged::Wrong(ApiError::Reported { host, message }),
        _ if is_good => match parsed {
            Ok(json) => Judged::Good(Reply::of(raw, limits, Some(json))),
            Err(Unparsed::TooHeavy) => Judged::Wrong(ApiError::TooHeavy {
                host,
                limit: MEMORY,
            }),
            Err(_) if raw.body.is_empty() => Judged::Good(Reply::of(raw, limits, None)),
            Err(_) => Judged::Wrong(ApiError::NotJson { host }),
        },
        _ => by_status(raw, host, message),
    }
}

/// Of a status that is no success.
fn by_status(raw: &Raw, host: String, message: Message) -> Judged {
    let status = raw.status;
    match status {
        300..=399 => Judged::Wrong(ApiError::Redirect {
            host,
            target: target(&raw.url, &raw.headers),
        }),
        401 | 403 => Judged::NotLoggedIn {
            answer: format!("status {status}"),
            message,
        },
        408 | 425 | 500.. => Judged::Failing(ApiError::Failing {
            host,
            status,
            message,
        }),
        _ => Judged::Wrong(ApiError::Rejected {
            host,
            status,
            message,
        }),
    }
}

impl Reply {
    fn of(raw: &Raw, limits: &Limits, body: Option<Value>) -> Reply {
        let headers = &raw.headers;
        let links = headers.get_all("link").iter();
        let link = links.filter_map(|l| next_link(l.to_str().ok()?)).next();
        let remaining = limits
            .remaining
            .as_deref()
            .and_then(|name| header(headers, name));
        let is_last = remaining.is_some_and(|text| text.trim() == "0");
        let window = limits.rate.map_or(Duration::ZERO, |(_, per)| per);
        Reply {
            url: raw.url.clone(),
            body,
            link: link.map(str::to_owned),
            rest: is_last.then(|| wait(limits, headers).unwrap_or(window)),
        }
    }
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn wait(limits: &Limits, headers: &HeaderMap) -> Option<Duration> {
    let now = header(headers, "date").and_then(http_date);
    let now = now.unwrap_or_else(Timestamp::now);
    header(headers, &limits.retry_after).and_then(|text| retry_after(text, now))
}

/// Host of the place that a redirect points to; its path may hold keys.
fn target(url: &Url, headers: &HeaderMap) -> String {
    let target = header(headers, "location").and_then(|to| url.join(to).ok());
    target.map_or_else(|| "it does not say where".to_owned(), |to| host_of(&to))
}

/// `sent` are secrets that are neither the operator's nor of the session.
pub(super) fn message<'s>(
    settings: &'s ApiSettings,
    session: &'s Session,
    json: Option<&Value>,
    sent: impl Iterator<Item = &'s str>,
) -> Message {
    let Some(json) = json else {
        return Message::default();
    };
    let usual = MESSAGES
        .iter()
        .filter_map(|path| crate::source::json::Path::parse(path));
    let paths = settings
        .connector
        .errors
        .message
        .iter()
        .cloned()
        .chain(usual);
    let mut texts = paths.filter_map(|path| path.find(json)?.as_str().map(str::to_owned));
    let given = settings.secrets.values().map(|secret| secret.0.as_str());
    let secrets = given.chain(session.proofs()).chain(sent);
    texts
        .next()
        .map(|text| Message::new(&text, secrets))
        .unwrap_or_default()
}
