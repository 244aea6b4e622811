//! `[objects.NAME]`: what can be read of a system, and how: everything, what has changed, what was deleted, which
//! records there are, and what their members mean.

use std::time::Duration;

use serde_json::Value;

use super::super::columns::{Columns, Records};
use super::super::reader::Section;
use super::Source;
use super::compile::{Compiler, When};
use crate::source::api::cursor::{CursorKind, CursorRule, TimeFormat};
use crate::source::api::description::{
    Body, Changes, IdListing, Listing, Method, OVERLAP, Object, Request, Tombstone,
};
use crate::source::api::paging::Paging;
use crate::source::json::Path;

/// Longest overlap of two reads of changes.
const LONGEST_OVERLAP: Duration = Duration::from_secs(86_400);
/// Most records of a page: no vendor gives more.
const SIZE: u64 = 100_000;
const RECORDS: &str = "where the list of records is in an answer; \"\" if it is the answer itself";

/// The object that the source reads: the one it names, or the only one.
pub(super) fn choose<'r>(
    root: &Section<'r>,
    source: &Section<'_>,
) -> Option<(String, Section<'r>)> {
    let objects = root.required_section("objects")?.free_sections();
    let names: Vec<String> = objects
        .iter()
        .map(|(name, _)| format!("\"{name}\""))
        .collect();
    let names = names.join(" or ");
    if objects.is_empty() {
        return root.wrong("objects", "needs at least one: write [objects.contacts]");
    }
    let wanted = source.text("object");
    let is_only = objects.len() == 1;
    // Those that are not read are not checked: a mistake there is of no concern here.
    let mut found = None;
    for (name, section) in objects {
        match &wanted {
            Some(wanted) if *wanted == name => found = Some((name, section)),
            None if is_only && !source.has("object") => found = Some((name, section)),
            _ => section.hush(),
        }
    }
    match (&found, &wanted, source.has("object")) {
        (None, Some(_), _) => source.wrong("object", format!("must be {names}")),
        (None, None, false) => source.missing("object", &format!("what to read: {names}")),
        _ => found,
    }
}

/// The mapping: the operator's columns over the connector's.
pub(super) fn columns(object: &Section<'_>, source: &Source<'_>) -> Option<Columns> {
    let kind = object.required("kind", "\"contacts\" or \"balances\"", Records::parse);
    let own = source.section.section("columns");
    let brought = object.section("columns");
    let Some(kind) = kind else {
        own.iter().chain(&brought).for_each(Section::hush);
        return None;
    };
    match (own, brought) {
        (Some(own), Some(brought)) => (source.columns)(&own.over(&brought), kind),
        (None, Some(columns)) | (Some(columns), None) => (source.columns)(&columns, kind),
        (None, None) => source
            .section
            .missing("columns", "a table: write [source.columns]"),
    }
}

pub(super) fn read(
    name: String,
    section: &Section<'_>,
    compiler: &mut Compiler<'_>,
) -> Option<Object> {
    let mut resumes = section.flag("resumes");
    let mut skip = None;
    let everything = section
        .required_section("everything")
        .and_then(|everything| {
            if let Some(paging) = everything.section("paging") {
                resumes |= paging.flag("resumes");
                paging.hush();
            }
            skip = compiler.condition(&everything, "skip");
            listing(&everything, compiler, When::Page)
        });
    if let Some(everything) = &everything
        && resumes
        && !everything.paging.has_places()
    {
        section.wrong::<()>(
            "resumes",
            "only paging by cursor or keyset can go on from a place",
        );
    }
    let changes = optional(section, "changes", |section| changes(section, compiler));
    let deleted = optional(section, "deleted", |section| {
        ids(section, compiler, When::Changes)
    });
    let ids = optional(section, "ids", |section| ids(section, compiler, When::Page));
    if section.has("deleted") && !section.has("changes") {
        section.wrong::<()>("deleted", "is asked with the changes: it needs [changes]");
    }
    Some(Object {
        name,
        everything: everything?,
        resumes,
        skip,
        changes: changes?,
        deleted: deleted?,
        ids: ids?,
    })
}

/// The outer `None` where something is wrong, the inner one where there is no such table.
fn optional<T>(
    section: &Section<'_>,
    key: &'static str,
    read: impl FnOnce(&Section<'_>) -> Option<T>,
) -> Option<Option<T>> {
    match section.section(key) {
        Some(inner) => read(&inner).map(Some),
        None => (!section.has(key)).then_some(None),
    }
}

fn changes(section: &Section<'_>, compiler: &mut Compiler<'_>) -> Option<Changes> {
    let listing = listing(section, compiler, When::Changes);
    let cursor = section
        .required_section("cursor")
        .and_then(|section| cursor(&section, compiler));
    let tombstone = optional(section, "tombstone", |section| {
        let id = compiler.value(section, "id");
        let holds = match section.has("if") {
            true => compiler.condition(section, "if"),
            false => section.missing(
                "if",
                "an expression that holds for a record that was deleted",
            ),
        };
        Some(Tombstone { holds: holds?, id })
    });
    Some(Changes {
        listing: listing?,
        cursor: cursor?,
        tombstone: tombstone?,
    })
}

fn ids(section: &Section<'_>, compiler: &mut Compiler<'_>, when: When) -> Option<IdListing> {
    let id = match section.has("id") {
        true => compiler.value(section, "id"),
        false => section.missing("id", "where the id is in a record"),
    };
    Some(IdListing {
        listing: listing(section, compiler, when)?,
        id: id?,
    })
}

fn listing(section: &Section<'_>, compiler: &mut Compiler<'_>, when: When) -> Option<Listing> {
    let request = request(section, compiler, when);
    let records = compiler.required_path(section, "records", RECORDS);
    let record = match section.has("record") {
        true => compiler.path(section, "record"),
        false => Path::parse(""),
    };
    let paging = match section.section("paging") {
        Some(section) => paging(&section, compiler),
        None => (!section.has("paging")).then_some(Paging::None),
    };
    Some(Listing {
        request: request?,
        records: records?,
        record: record?,
        paging: paging?,
    })
}

pub(super) fn request(
    section: &Section<'_>,
    compiler: &mut Compiler<'_>,
    when: When,
) -> Option<Request> {
    let method = section.parse("method", "\"GET\" or \"POST\"", Method::parse);
    let url = compiler.required(
        section,
        "url",
        "the address, which begins with https://",
        when,
    );
    let query = compiler.pairs(section, "query", when);
    let headers = compiler.pairs(section, "headers", when);
    let body = match (section.has("json"), section.has("form")) {
        (true, true) => section.wrong("form", "there can be json or form, not both"),
        (true, false) => compiler.shape(section, "json", when).map(Body::Json),
        (false, true) => Some(Body::Form(compiler.pairs(section, "form", when))),
        (false, false) => Some(Body::None),
    };
    let method = method.unwrap_or_default();
    if method == Method::Get && !matches!(body, None | Some(Body::None)) {
        section.wrong::<()>(
            "method",
            "a request with a body is a POST: set method = \"POST\"",
        );
    }
    Some(Request {
        method,
        url: url?,
        query,
        headers,
        body: body?,
    })
}

const PAGINGS: &str =
    "\"none\", \"cursor\", \"next-url\", \"link-header\", \"offset\", \"page\" or \"keyset\"";

fn paging(section: &Section<'_>, compiler: &mut Compiler<'_>) -> Option<Paging> {
    // Read with the object.
    section.flag("resumes");
    let kind = section.required("kind", PAGINGS, |text| {
        let kinds = [
            "none",
            "cursor",
            "next-url",
            "link-header",
            "offset",
            "page",
            "keyset",
        ];
        kinds.into_iter().find(|kind| *kind == text)
    });
    let Some(kind) = kind else {
        section.hush();
        return None;
    };
    let value = || compiler.required_path(section, "value", "where it is in an answer");
    match kind {
        "cursor" => {
            let (value, more) = (value(), path(section, compiler, "more"));
            Some(Paging::Cursor {
                value: value?,
                more: more?,
            })
        }
        "next-url" => Some(Paging::NextUrl { value: value()? }),
        "link-header" => Some(Paging::LinkHeader),
        "none" => Some(Paging::None),
        _ => counted(section, compiler, kind),
    }
}

/// Paging for which it has to be known how many records a whole page has.
fn counted(section: &Section<'_>, compiler: &Compiler<'_>, kind: &str) -> Option<Paging> {
    // Of a single record nothing would be left beside the overlap of pages by offset.
    let least = if kind == "offset" { 2 } else { 1 };
    let size = match section.has("size") {
        true => section.whole("size", least..=SIZE),
        false => section.missing("size", "how many records a whole page has"),
    };
    if kind == "keyset" {
        let key = compiler.required_path(section, "key", "where the key is in a record");
        let start = section.json("start");
        return Some(Paging::Keyset {
            key: key?,
            size: size?,
            start: start.unwrap_or(Value::Null),
        });
    }
    let total = path(section, compiler, "total");
    if kind == "offset" {
        return Some(Paging::Offset {
            size: size?,
            total: total?,
        });
    }
    let (more, first) = (
        path(section, compiler, "more"),
        section.whole("first", 0..=1),
    );
    Some(Paging::Page {
        first: first.unwrap_or(1),
        size: size?,
        total: total?,
        more: more?,
    })
}

/// The outer `None` where something is wrong, the inner one where it is not given.
fn path(section: &Section<'_>, compiler: &Compiler<'_>, key: &'static str) -> Option<Option<Path>> {
    match section.has(key) {
        true => compiler.path(section, key).map(Some),
        false => Some(None),
    }
}

fn cursor(section: &Section<'_>, compiler: &mut Compiler<'_>) -> Option<CursorRule> {
    let kind = section.required("kind", "\"time\", \"number\" or \"token\"", |text| {
        ["time", "number", "token"]
            .into_iter()
            .find(|kind| *kind == text)
    });
    let Some(kind) = kind else {
        section.hush();
        return None;
    };
    let needed = || compiler.required_path(section, "value", "where it is");
    let kind = match kind {
        "time" => {
            let value = compiler.path(section, "value");
            let format = section.parse("format", TimeFormat::ALLOWED, TimeFormat::parse);
            let overlap = section.duration("overlap", Duration::ZERO, LONGEST_OVERLAP);
            CursorKind::Time {
                value,
                format: format.unwrap_or(TimeFormat::Rfc3339),
                overlap: overlap.unwrap_or(OVERLAP),
            }
        }
        "number" => CursorKind::Number { value: needed()? },
        _ => CursorKind::Token { value: needed()? },
    };
    let most = section.whole("most", 1..=1_000_000_000);
    if section.has("most")
        && !matches!(
            kind,
            CursorKind::Time { value: Some(_), .. } | CursorKind::Number { .. }
        )
    {
        section.wrong::<()>(
            "most",
            "needs value = \"...\", by which the query is begun again",
        );
    }
    Some(CursorRule { kind, most })
}
