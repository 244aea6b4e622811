//! Pipedrive: the list by cursor, and the same list since a time.

use serde_json::{Value, json};

use super::book::{Book, Person};
use super::command::Opened;
use super::office::{Desk, Office};
use super::stand_in::{Answer, Request, StandIn, Vendor};
use super::stories::{self, Crm, Shown, e164};

const TOKEN: &str = "9f8e7d6c5b4a39281706f5e4d3c2b1a0";
const PAGE: usize = 500;

struct Pipedrive {
    book: Book,
    token: String,
    object: &'static str,
}

impl Crm for Pipedrive {
    fn book(&mut self) -> &mut Book {
        &mut self.book
    }

    /// A person has only its organization's id.
    fn shown(&self, person: &Person) -> Shown {
        match self.object {
            "persons" => Shown {
                company: None,
                ..Shown::all(person)
            },
            _ => Shown {
                name: None,
                numbers: vec![e164(&person.phone)],
                email: None,
                ..Shown::all(person)
            },
        }
    }
}

fn refused(status: u16, error: &str) -> Answer {
    Answer::new(
        status,
        &json!({"success": false, "error": error, "errorCode": status,
                "error_info": "Please check developers.pipedrive.com"}),
    )
}

/// What the sorting goes by; the cursor hides it, and holds for the query it was given to.
fn place(sort: &str, person: &Person) -> (i64, u64) {
    match sort {
        "update_time" => (person.changed, person.id),
        _ => (0, person.id),
    }
}

impl Pipedrive {
    fn record(&self, person: &Person) -> Value {
        let times = json!(person.changed("%Y-%m-%dT%H:%M:%SZ", 0));
        let mut record = json!({"id": person.id, "owner_id": 1, "add_time": times, "update_time": times,
            "is_deleted": false, "visible_to": 3, "label_ids": []});
        let record_of = |value: &str, primary: bool| json!({"value": value, "primary": primary, "label": "work"});
        match self.object {
            "persons" => {
                record["name"] = json!(person.name());
                record["org_id"] = json!(person.id * 10);
                record["phones"] = json!([
                    record_of(&person.phone, true),
                    record_of(&person.mobile, false)
                ]);
                record["emails"] = json!([record_of(&person.email, true)]);
            }
            _ => {
                record["name"] = json!(person.company);
                record["custom_fields"] = json!({"7cd1": person.phone});
            }
        }
        record
    }

    fn list(&self, request: &Request) -> Result<Value, Answer> {
        let bad = |why: &str| refused(400, why).misuse(why);
        let known = [
            "limit",
            "cursor",
            "sort_by",
            "sort_direction",
            "updated_since",
            "custom_fields",
        ];
        if let Some(unknown) = request.unknown(&known) {
            return Err(bad(unknown));
        }
        let limit: usize = request.param("limit").unwrap_or("100").parse().unwrap();
        if limit > PAGE {
            return Err(bad("more than 500 a page"));
        }
        let sort = request.param("sort_by").unwrap_or("id");
        if !["id", "update_time", "add_time"].contains(&sort)
            || request
                .param("sort_direction")
                .is_some_and(|d| d != "asc" && d != "desc")
        {
            return Err(bad("sort_by"));
        }
        let since = request.param("updated_since");
        // RFC 3339, as the documentation has it: 2025-01-01T10:20:00Z.
        let since = since.map(|s| {
            s.parse::<jiff::Timestamp>()
                .map_err(|_| bad("updated_since"))
        });
        let since = since.transpose()?.map_or(i64::MIN, |t| t.as_second());
        let query = format!("{sort}|{since}|");
        let after = match request.param("cursor") {
            None => (i64::MIN, 0),
            Some(cursor) => {
                let place = cursor.strip_prefix(&query).and_then(|p| p.split_once('|'));
                let place = place.ok_or_else(|| bad("a cursor of another query"))?;
                (place.0.parse().unwrap(), place.1.parse().unwrap())
            }
        };
        let mut all = self.book.living();
        all.retain(|p| p.changed >= since);
        all.sort_by_key(|p| place(sort, p));
        let from = all.iter().position(|p| place(sort, p) > after);
        let (page, more) = self.book.page(&all, from.unwrap_or(all.len()), limit);
        let next = page.last().filter(|_| more).map(|p| place(sort, p));
        let next = next.map(|(changed, id)| format!("{query}{changed}|{id}"));
        let records: Vec<_> = page.iter().map(|p| self.record(p)).collect();
        Ok(json!({"success": true, "data": records, "additional_data": {"next_cursor": next}}))
    }
}

impl Vendor for Pipedrive {
    fn answer(&mut self, request: &Request) -> Answer {
        if request.header("x-api-token") != self.token {
            return refused(401, "unauthorized access");
        }
        let path = format!("/api/v2/{}", self.object);
        if request.method != "GET" || request.path != path {
            return refused(404, "Unknown method .").misuse("no such address");
        }
        match self.list(request) {
            Ok(found) => Answer::ok(&found)
                .with("x-ratelimit-limit", 20)
                .with("x-ratelimit-remaining", 12)
                .with("x-ratelimit-reset", 2),
            Err(refusal) => refusal,
        }
    }
}

fn pipedrive(object: &'static str, people: u64) -> StandIn<Pipedrive> {
    StandIn::start(|_| Pipedrive {
        book: Book::of(people),
        token: TOKEN.into(),
        object,
    })
}

fn office(crm: &StandIn<Pipedrive>) -> Office {
    office_but(crm, "", "")
}

/// With something in the connector's text replaced.
fn office_but(crm: &StandIn<Pipedrive>, text: &str, by: &str) -> Office {
    let desk = Desk::new();
    desk.at_once_but("pipedrive", text, by);
    desk.secret("pipedrive", TOKEN);
    let (object, address) = (crm.with(|v| v.object), &crm.address);
    let columns = match object {
        "persons" => "",
        _ => "[source.columns]\nnumbers = [\"custom_fields.7cd1\"]\n",
    };
    desk.open(&format!(
        "[[source]]\nname = \"crm\"\ntype = \"pipedrive-at-once\"\nobject = \"{object}\"\n\
         [source.with]\naddress = \"{address}\"\n[source.secrets]\n\
         token = {{ file = \"pipedrive\" }}\n{columns}"
    ))
}

/// For what holds of every vendor.
pub fn opened() -> Opened {
    let crm = pipedrive("persons", 30);
    let office = office(&crm);
    (Box::new(crm), office)
}

#[test]
fn all_persons_arrive_with_names_and_numbers() {
    let crm = pipedrive("persons", 620);
    let mut office = office(&crm);
    stories::everything_arrives(&crm, &mut office);
    assert_eq!(crm.requests().len(), 2);
    stories::a_few_are_the_first_ones(&crm, &office);
}

#[test]
fn all_organizations_arrive_with_the_number_of_a_custom_field() {
    let crm = pipedrive("organizations", 30);
    let mut office = office(&crm);
    stories::everything_arrives(&crm, &mut office);
    stories::a_change_arrives_alone(&crm, &mut office);
    stories::a_deletion_is_found_by_its_id(&crm, &mut office);
}

#[test]
fn a_change_comes_alone() {
    let crm = pipedrive("persons", 120);
    let mut office = office(&crm);
    stories::a_change_arrives_alone(&crm, &mut office);
    stories::nothing_new_is_no_error(&crm, &mut office);
}

#[test]
fn deleted_and_merged_persons_are_found_by_their_ids() {
    let crm = pipedrive("persons", 120);
    let mut office = office(&crm);
    stories::a_deletion_is_found_by_its_id(&crm, &mut office);
    stories::a_merge_leaves_the_one_that_is_left(&crm, &mut office);
}

#[test]
fn it_waits_for_the_window_to_begin_anew() {
    let crm = pipedrive("persons", 620);
    let wait = refused(429, "request over limit")
        .with("x-ratelimit-limit", 20)
        .with("x-ratelimit-remaining", 0)
        .with("x-ratelimit-reset", 0);
    stories::it_waits_when_told_to(&crm, &mut office(&crm), 2, wait);
}

#[test]
fn nobody_is_lost_when_the_list_moves_between_two_pages() {
    let crm = pipedrive("persons", 620);
    stories::nobody_is_lost_when_the_list_moves(&crm, &mut office(&crm), 2);
}

#[test]
fn a_person_that_two_pages_hold_is_one() {
    let crm = pipedrive("persons", 620);
    stories::a_record_that_comes_twice_is_one(&crm, &mut office(&crm));
}

#[test]
fn a_token_that_was_made_anew_is_told_with_what_to_renew() {
    let crm = pipedrive("persons", 10);
    let mut office = office(&crm);
    crm.with(|v| v.token = "another".into());
    stories::it_says_what_to_renew(&mut office, "Personal preferences", TOKEN);
}

#[test]
fn the_stand_in_refuses_what_the_vendor_does() {
    let wrong = [
        ("limit = \"500\"", "limit = \"501\""),
        ("sort_by", "sort"),
        ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S"),
    ];
    for (text, by) in wrong {
        let crm = pipedrive("persons", 3);
        stories::a_wrong_request_is_refused(&crm, office_but(&crm, text, by), text);
    }
}
