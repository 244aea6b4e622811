//! How Hipcall's lists are asked for: `limit`, `offset`, `sort` and the list's own filters.
//!
//! Pure. An unknown field, a `limit` outside 1 to 100, or a value that can't be read is refused.

use std::time::Duration;

use serde_json::{Value, json};

/// Hipcall's own bounds of a page.
const LIMITS: std::ops::RangeInclusive<usize> = 1..=100;
const LIMIT_BY_DEFAULT: usize = 10;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ListQuery {
    pub(super) limit: usize,
    pub(super) offset: usize,
    pub(super) sort: Option<(String, Order)>,
    /// Only calls that started then or later.
    pub(super) started_from: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Ascending,
    Descending,
}

/// Which list is asked: what it can be sorted by and whether it knows when its items started.
pub(super) struct ListShape {
    pub(super) sorts: &'static [&'static str],
    pub(super) filters_by_start: bool,
}

impl ListQuery {
    /// Reads a query, or says with which JSON to refuse it.
    pub(super) fn parse(query: Option<&str>, shape: &ListShape) -> Result<ListQuery, Value> {
        let mut list = ListQuery {
            limit: LIMIT_BY_DEFAULT,
            offset: 0,
            sort: None,
            started_from: None,
        };
        for (name, value) in fields(query) {
            let known = match name.as_str() {
                "limit" => value.parse().is_ok_and(|limit| {
                    list.limit = limit;
                    LIMITS.contains(&limit)
                }),
                "offset" => value.parse().map(|offset| list.offset = offset).is_ok(),
                "sort" => {
                    list.sort = sort(&value, shape);
                    list.sort.is_some()
                }
                "started_at[gte]" if shape.filters_by_start => {
                    list.started_from = instant(&value);
                    list.started_from.is_some()
                }
                _ => return Err(refusal(&name, "Unexpected field")),
            };
            if !known {
                return Err(refusal(&name, "is invalid"));
            }
        }
        Ok(list)
    }

    /// The page of `items` that was asked for, in Hipcall's envelope.
    pub(super) fn page(&self, items: Vec<Value>) -> Value {
        let count = items.len();
        let page: Vec<Value> = items
            .into_iter()
            .skip(self.offset)
            .take(self.limit)
            .collect();
        json!({
            "data": page,
            "meta": {"count": count, "offset": self.offset, "limit": self.limit},
        })
    }
}

/// The only field a single call may be asked with.
pub(super) fn check_date(query: Option<&str>) -> Result<(), Value> {
    for (name, value) in fields(query) {
        match name.as_str() {
            "date" if value.parse::<jiff::civil::Date>().is_ok() => {}
            "date" => return Err(refusal(&name, "is invalid")),
            _ => return Err(refusal(&name, "Unexpected field")),
        }
    }
    Ok(())
}

/// For what takes no query at all.
pub(super) fn check_none(query: Option<&str>) -> Result<(), Value> {
    match fields(query).next() {
        Some((name, _)) => Err(refusal(&name, "Unexpected field")),
        None => Ok(()),
    }
}

fn refusal(name: &str, message: &str) -> Value {
    json!({"errors": {name: [message]}})
}

fn sort(value: &str, shape: &ListShape) -> Option<(String, Order)> {
    let (field, order) = value.split_once('.')?;
    let order = match order {
        "asc" => Order::Ascending,
        "desc" => Order::Descending,
        _ => return None,
    };
    shape
        .sorts
        .contains(&field)
        .then(|| (field.to_owned(), order))
}

fn instant(value: &str) -> Option<Duration> {
    let start_of_day = || {
        let day: jiff::civil::Date = value.parse().ok()?;
        let zoned = day.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(zoned.timestamp())
    };
    let timestamp = value
        .parse::<jiff::Timestamp>()
        .ok()
        .or_else(start_of_day)?;
    let seconds = u64::try_from(timestamp.as_second()).ok()?;
    Some(Duration::from_secs(seconds))
}

fn fields(query: Option<&str>) -> impl Iterator<Item = (String, String)> {
    let pairs = query.unwrap_or("").split('&').filter(|p| !p.is_empty());
    pairs.map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (unescape(name), unescape(value))
    })
}

/// A broken escape stays as it is, and makes its field an unknown one.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = after.split_at_checked(2).filter(|_| *first == b'%');
        let decoded = escaped.and_then(|(hex, tail)| {
            let hex = std::str::from_utf8(hex).ok()?;
            Some((u8::from_str_radix(hex, 16).ok()?, tail))
        });
        let (byte, tail) = decoded.unwrap_or(match first {
            b'+' => (b' ', after),
            other => (*other, after),
        });
        bytes.push(byte);
        rest = tail;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLS: ListShape = ListShape {
        sorts: &["started_at"],
        filters_by_start: true,
    };
    const USERS: ListShape = ListShape {
        sorts: &["id"],
        filters_by_start: false,
    };

    #[test]
    fn a_page_is_ten_from_the_start_unless_asked_otherwise() {
        let query = ListQuery::parse(None, &USERS).unwrap();
        assert_eq!(
            (query.limit, query.offset, query.sort.clone()),
            (10, 0, None)
        );
        let items: Vec<Value> = (0..12).map(Value::from).collect();
        let page = query.page(items.clone());
        assert_eq!(page["data"].as_array().unwrap().len(), 10);
        assert_eq!(page["meta"], json!({"count": 12, "offset": 0, "limit": 10}));
        let query = ListQuery::parse(Some("limit=100&offset=11&sort=id.desc"), &USERS).unwrap();
        assert_eq!(query.sort, Some(("id".into(), Order::Descending)));
        assert_eq!(query.page(items)["data"], json!([11]));
    }

    #[test]
    fn what_a_list_does_not_know_is_refused_by_name() {
        let cases = [
            ("limit=101", "limit", "is invalid"),
            ("limit=0", "limit", "is invalid"),
            ("limit=-1", "limit", "is invalid"),
            ("limit=ten", "limit", "is invalid"),
            ("limit=", "limit", "is invalid"),
            ("offset=-1", "offset", "is invalid"),
            ("sort=id", "sort", "is invalid"),
            ("sort=id.up", "sort", "is invalid"),
            ("sort=name.asc", "sort", "is invalid"),
            ("page=2", "page", "Unexpected field"),
            ("limit=1&Limit=2", "Limit", "Unexpected field"),
            (
                "started_at[gte]=2026-09-01",
                "started_at[gte]",
                "Unexpected field",
            ),
        ];
        for (query, name, message) in cases {
            let refused = ListQuery::parse(Some(query), &USERS);
            let expected = json!({"errors": {name: [message]}});
            assert_eq!(refused, Err(expected), "{query}");
        }
        assert!(ListQuery::parse(Some("started_at[gte]=soon"), &CALLS).is_err());
        assert!(ListQuery::parse(Some("started_at[lte]=2026-09-01"), &CALLS).is_err());
    }

    #[test]
    fn calls_are_filtered_by_a_day_or_an_instant_escaped_or_not() {
        for (query, expected) in [
            ("started_at[gte]=2026-09-01", 1_788_220_800),
            (
                "started_at%5Bgte%5D=2026-09-01T10%3A41%3a00Z",
                1_788_259_260,
            ),
        ] {
            let list = ListQuery::parse(Some(query), &CALLS).unwrap();
            assert_eq!(
                list.started_from,
                Some(Duration::from_secs(expected)),
                "{query}"
            );
        }
    }

    #[test]
    fn single_items_take_no_query_but_a_date() {
        assert!(check_none(None).is_ok() && check_none(Some("")).is_ok());
        assert!(check_none(Some("limit=1")).is_err());
        assert!(check_date(Some("date=2026-09-01")).is_ok());
        assert!(check_date(Some("date=yesterday")).is_err());
        assert!(check_date(Some("day=2026-09-01")).is_err());
    }

    #[test]
    fn a_broken_escape_stays_as_it_is() {
        for (text, expected) in [
            ("a%20b+c", "a b c"),
            ("%", "%"),
            ("%4", "%4"),
            ("%zz", "%zz"),
        ] {
            assert_eq!(unescape(text), expected);
        }
    }
}
