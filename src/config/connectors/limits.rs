//! `[limits]` and `[errors]`: how often a vendor may be asked, and how it says that something is wrong.

use std::time::Duration;

use super::super::reader::Section;
use super::compile::Compiler;
use crate::source::api::description::{ErrorRules, Limits, MOST_PAGE_BYTES, PAGE_BYTES, TIMEOUT};

/// Most requests of a window; no vendor allows more.
const REQUESTS: u64 = 1_000_000;
/// Shortest and longest window: a second, and the day that quotas are counted by.
const PER: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(86_400)];
/// Longest that one answer may take: a minute is what vendors allow themselves, some five.
const LONGEST: Duration = Duration::from_secs(600);
/// The usual words for "later" (RFC 6585, RFC 9110).
const RETRY_STATUSES: [u16; 2] = [429, 503];

pub(super) fn read(root: &Section<'_>) -> Option<Limits> {
    let usual = Limits {
        rate: None,
        page_bytes: PAGE_BYTES,
        timeout: TIMEOUT,
        retry_statuses: RETRY_STATUSES.to_vec(),
        retry_after: "retry-after".into(),
        remaining: None,
    };
    let Some(section) = root.section("limits") else {
        return (!root.has("limits")).then_some(usual);
    };
    let requests = section.whole("requests", 1..=REQUESTS);
    let per = section.duration("per", PER[0], PER[1]);
    let rate = match (section.has("requests"), section.has("per")) {
        (true, false) => section.missing("per", "in how long, such as \"10s\""),
        (false, true) => section.missing("requests", "how many requests there may be"),
        _ => requests.zip(per),
    };
    let page_bytes = section.parse("page-bytes", BYTES, bytes);
    let timeout = section.duration("timeout", PER[0], LONGEST);
    let statuses = statuses(&section, "retry-statuses");
    Some(Limits {
        rate: rate.map(|(requests, per)| (u32::try_from(requests).unwrap_or(u32::MAX), per)),
        page_bytes: page_bytes.unwrap_or(usual.page_bytes),
        timeout: timeout.unwrap_or(usual.timeout),
        retry_statuses: statuses.unwrap_or(usual.retry_statuses),
        retry_after: section.text("retry-after").unwrap_or(usual.retry_after),
        remaining: section.text("remaining"),
    })
}

const BYTES: &str = "a size such as \"8 MiB\", from \"1 KiB\" to \"32 MiB\"";

fn bytes(text: &str) -> Option<usize> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let number: usize = text[..split].parse().ok()?;
    let unit = match text[split..].trim() {
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        _ => return None,
    };
    number
        .checked_mul(unit)
        .filter(|bytes| (1 << 10..=MOST_PAGE_BYTES).contains(bytes))
}

fn statuses(section: &Section<'_>, key: &'static str) -> Option<Vec<u16>> {
    let json = section.json(key)?;
    let status = |value: &serde_json::Value| {
        let status = value.as_u64().and_then(|n| u16::try_from(n).ok());
        status.filter(|status| (400..600).contains(status))
    };
    let statuses = json
        .as_array()
        .and_then(|list| list.iter().map(status).collect());
    match statuses {
        Some(statuses) => Some(statuses),
        None => section.wrong(
            key,
            "must be a list of statuses from 400 to 599, such as [429, 503]",
        ),
    }
}

pub(super) fn errors(root: &Section<'_>, compiler: &Compiler<'_>) -> ErrorRules {
    let Some(section) = root.section("errors") else {
        return ErrorRules::default();
    };
    ErrorRules {
        path: compiler.path(&section, "path"),
        message: compiler.path(&section, "message"),
        retry: section.texts("retry"),
        login: section.texts("login"),
        cursor_expired: section.texts("cursor-expired"),
        cursor_expired_statuses: statuses(&section, "cursor-expired-statuses").unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        let cases = [
            ("8 MiB", Some(8 << 20)),
            ("512KiB", Some(512 << 10)),
            ("32 MiB", Some(32 << 20)),
            ("33 MiB", None),
            ("1 B", None),
            ("8", None),
            ("MiB", None),
            ("99999999999999999999 MiB", None),
        ];
        for (text, expected) in cases {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }
}
