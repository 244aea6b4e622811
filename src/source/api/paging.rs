//! From one page to the next: which page comes after an answer, and whether the list has moved meanwhile.
//!
//! Only decisions; the pages are fetched elsewhere. Whatever a vendor answers, paging ends: a page that was asked
//! for before is not asked for again, and pages are counted.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;

use crate::source::json::Path;

/// Most pages of one read: two million records at twenty a page.
pub(super) const PAGES: u64 = 100_000;

#[derive(Clone, Debug)]
pub enum Paging {
    None,
    Cursor {
        value: Path,
        more: Option<Path>,
    },
    NextUrl {
        value: Path,
    },
    LinkHeader,
    /// Pages overlap by one record.
    Offset {
        size: u64,
        total: Option<Path>,
    },
    Page {
        first: u64,
        size: u64,
        total: Option<Path>,
        more: Option<Path>,
    },
    Keyset {
        key: Path,
        size: u64,
        start: Value,
    },
}

impl Paging {
    /// Whether a later read could go on from a place in it.
    pub fn has_places(&self) -> bool {
        matches!(self, Paging::Cursor { .. } | Paging::Keyset { .. })
    }

    fn size(&self) -> Option<u64> {
        match self {
            Paging::Offset { size, .. }
            | Paging::Page { size, .. }
            | Paging::Keyset { size, .. } => Some(*size),
            _ => None,
        }
    }
}

/// Which page is asked for: what templates call `page`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Place {
    pub(super) cursor: Value,
    pub(super) last: Value,
    pub(super) number: u64,
    pub(super) offset: u64,
    pub(super) size: u64,
    /// The whole address, where the vendor gives it.
    pub(super) url: Option<String>,
}

/// What an answer says of the next page.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    Page(Place),
    Done,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum PagingError {
    /// The list is not the one that was begun.
    Moved,
    /// The source gives a page that it gave before.
    Same,
    TooMany,
    /// The last record of a page has no key.
    NoKey,
}

/// One walk through the pages of a list.
pub(super) struct Pager<'p> {
    paging: &'p Paging,
    pub(super) place: Place,
    /// Hashes of the places that were asked for.
    asked: HashSet<u64>,
    total: Option<u64>,
    /// Which record the next page has to begin with.
    anchor: Option<String>,
    handed_out: u64,
}

/// An answer, as far as paging is concerned.
pub(super) struct Answer<'a> {
    pub(super) body: &'a Value,
    /// `rel="next"` of the header `Link`.
    pub(super) link: Option<&'a str>,
    pub(super) records: &'a [Value],
}

impl<'p> Pager<'p> {
    pub(super) fn new(paging: &'p Paging) -> Pager<'p> {
        let place = Place {
            number: match paging {
                Paging::Page { first, .. } => *first,
                _ => 1,
            },
            last: match paging {
                Paging::Keyset { start, .. } => start.clone(),
                _ => Value::Null,
            },
            size: paging.size().unwrap_or_default(),
            ..Place::default()
        };
        Pager {
            paging,
            place,
            asked: HashSet::new(),
            total: None,
            anchor: None,
            handed_out: 0,
        }
    }

    /// Goes on after a position.
    pub(super) fn resume(&mut self, at: Value) {
        match self.paging {
            Paging::Cursor { .. } => self.place.cursor = at,
            Paging::Keyset { .. } => self.place.last = at,
            _ => {}
        }
    }

    /// The position after which a later read may go on, before the page at `place` was asked for.
    pub(super) fn position(&self) -> Option<Value> {
        match self.paging {
            Paging::Cursor { .. } => Some(self.place.cursor.clone()),
            Paging::Keyset { .. } => Some(self.place.last.clone()),
            _ => None,
        }
    }

    /// How many of the page's records were on the page before, and what comes next. `name` is what a record is
    /// known by.
    pub(super) fn after(
        &mut self,
        answer: &Answer<'_>,
        name: &dyn Fn(&Value) -> String,
    ) -> Result<(usize, Next), PagingError> {
        let repeated = self.repeated(answer, name)?;
        self.check_total(answer)?;
        self.handed_out += (answer.records.len() - repeated) as u64;
        let next = self.next(answer, repeated, name)?;
        if let Next::Page(place) = &next {
            let mut hasher = DefaultHasher::new();
            (place.cursor.to_string(), place.last.to_string()).hash(&mut hasher);
            (place.number, place.offset, &place.url).hash(&mut hasher);
            if self.asked.len() as u64 >= PAGES {
                return Err(PagingError::TooMany);
            }
            if !self.asked.insert(hasher.finish()) || *place == self.place {
                return Err(PagingError::Same);
            }
            self.place = place.clone();
        }
        Ok((repeated, next))
    }

    /// A page by offset begins with the last record of the page before, or the list has moved.
    fn repeated(
        &mut self,
        answer: &Answer<'_>,
        name: &dyn Fn(&Value) -> String,
    ) -> Result<usize, PagingError> {
        let Some(anchor) = self.anchor.take() else {
            return Ok(0);
        };
        match answer.records.first().map(name) {
            Some(first) if first == anchor => Ok(1),
            _ => Err(PagingError::Moved),
        }
    }

    fn check_total(&mut self, answer: &Answer<'_>) -> Result<(), PagingError> {
        let (Paging::Offset { total, .. } | Paging::Page { total, .. }) = self.paging else {
            return Ok(());
        };
        let total = total
            .as_ref()
            .and_then(|path| path.find(answer.body))
            .and_then(whole);
        match (self.total, total) {
            (Some(before), Some(now)) if before != now => Err(PagingError::Moved),
            _ => {
                self.total = self.total.or(total);
                Ok(())
            }
        }
    }

    fn next(
        &mut self,
        answer: &Answer<'_>,
        repeated: usize,
        name: &dyn Fn(&Value) -> String,
    ) -> Result<Next, PagingError> {
        let count = answer.records.len() as u64;
        // A vendor may give fewer than it is asked for: where it tells how many there are, that counts.
        let is_last = |size: u64| match self.total {
            Some(total) => self.handed_out >= total || count == repeated as u64,
            None => count < size,
        };
        let place = self.place.clone();
        let page = match self.paging {
            Paging::Cursor { value, more } => {
                let goes_on = more.as_ref().is_none_or(|m| says_more(m, answer));
                let cursor = value
                    .find(answer.body)
                    .filter(|v| goes_on && !is_nothing(v));
                let cursor = cursor.cloned();
                cursor.map(|cursor| Place { cursor, ..place })
            }
            Paging::NextUrl { value } => at_url(value.find(answer.body).and_then(Value::as_str)),
            Paging::LinkHeader => at_url(answer.link),
            Paging::Offset { size, .. } if !is_last(*size) => {
                self.anchor = answer.records.last().map(name);
                Some(Place {
                    offset: place.offset + count - 1,
                    ..place
                })
            }
            Paging::Page { size, more, .. } => {
                let is_over = match more {
                    Some(more) => count == 0 || !says_more(more, answer),
                    None => is_last(*size),
                };
                (!is_over).then_some(Place {
                    number: place.number + 1,
                    offset: place.offset + count,
                    ..place
                })
            }
            Paging::Keyset { key, size, .. } if count >= *size => Some(Place {
                last: last_key(key, answer.records)?,
                ..place
            }),
            Paging::None | Paging::Offset { .. } | Paging::Keyset { .. } => None,
        };
        Ok(page.map_or(Next::Done, Next::Page))
    }
}

fn last_key(key: &Path, records: &[Value]) -> Result<Value, PagingError> {
    let last = records.last().and_then(|record| key.find(record));
    last.filter(|key| !is_nothing(key))
        .cloned()
        .ok_or(PagingError::NoKey)
}

fn at_url(url: Option<&str>) -> Option<Place> {
    let url = url.filter(|url| !url.is_empty())?.to_owned();
    Some(Place {
        url: Some(url),
        ..Place::default()
    })
}

fn is_nothing(value: &Value) -> bool {
    matches!(value, Value::Null | Value::Bool(false)) || value == ""
}

fn says_more(path: &Path, answer: &Answer<'_>) -> bool {
    match path.find(answer.body) {
        Some(Value::Bool(more)) => *more,
        Some(Value::String(text)) => text == "true",
        Some(Value::Number(number)) => number.as_f64() != Some(0.0),
        _ => false,
    }
}

fn whole(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// The address of `rel="next"` in a `Link` header (RFC 8288).
pub(super) fn next_link(header: &str) -> Option<&str> {
    let mut rest = header;
    while let Some(start) = rest.find('<') {
        let (url, after) = rest[start + 1..].split_once('>')?;
        let end = after.find('<').unwrap_or(after.len());
        let is_next = |parameter: &str| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let mut relations = value
                .trim()
                .trim_end_matches(',')
                .trim_matches('"')
                .split(' ');
            name.trim().eq_ignore_ascii_case("rel")
                && relations.any(|r| r.eq_ignore_ascii_case("next"))
        };
        if after[..end].split(';').any(|p| is_next(p.trim())) {
            return Some(url);
        }
        rest = &after[end..];
    }
    None
}

#[cfg(test)]
mod tests;
