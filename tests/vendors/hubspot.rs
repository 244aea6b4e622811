//! HubSpot: the list of objects, and the search for what has changed.

use ringcard::source::error::SourceError;
use serde_json::{Value, json};

use super::book::{Book, Person};
use super::command::Opened;
use super::office::{Desk, Office, words};
use super::stand_in::{Answer, Request, StandIn, Vendor};
use super::stories::{self, Crm, Shown};

const TOKEN: &str = "pat-eu1-5c3a7f10";
const PAGE: usize = 100;
const SEARCH_PAGE: usize = 200;

struct HubSpot {
    book: Book,
    token: String,
    /// `contacts` or `companies`.
    object: &'static str,
    /// Most results of one search.
    window: usize,
}

impl Crm for HubSpot {
    fn book(&mut self) -> &mut Book {
        &mut self.book
    }

    fn shown(&self, person: &Person) -> Shown {
        match self.object {
            "contacts" => Shown::all(person),
            _ => Shown {
                name: None,
                numbers: vec![stories::e164(&person.phone)],
                email: None,
                ..Shown::all(person)
            },
        }
    }
}

fn refused(status: u16, category: &str, message: &str) -> Answer {
    Answer::new(
        status,
        &json!({"status": "error", "message": message, "category": category,
                "correlationId": "a43683b0-5717-4ceb-80b4-104d02915d8c"}),
    )
}

fn told_to_wait() -> Answer {
    let body = json!({"status": "error", "message": "You have reached your ten_secondly_rolling limit.",
        "errorType": "RATE_LIMIT", "policyName": "TEN_SECONDLY_ROLLING",
        "correlationId": "c033cdaa-2c40-4a64-ae48-b4cec88dad24"});
    Answer::new(429, &body)
        .with("Retry-After", 0)
        .with("X-HubSpot-RateLimit-Remaining", 0)
        .with("X-HubSpot-RateLimit-Interval-Milliseconds", 10_000)
}

impl HubSpot {
    fn changed_property(&self) -> &'static str {
        match self.object {
            "contacts" => "lastmodifieddate",
            _ => "hs_lastmodifieddate",
        }
    }

    /// Only the properties asked for come, and HubSpot adds these three; what it does not know, it leaves out.
    fn record(&self, person: &Person, properties: &[&str]) -> Result<Value, Answer> {
        let iso = person.changed("%Y-%m-%dT%H:%M:%S.000Z", 0);
        let mut values = json!({"hs_object_id": person.id.to_string(), "createdate": iso});
        values[self.changed_property()] = json!(iso);
        for property in properties {
            values[property] = match (self.object, *property) {
                (_, "hs_object_id") => continue,
                (_, name) if name == self.changed_property() => continue,
                ("contacts", "firstname") => json!(person.first),
                ("contacts", "lastname") => json!(person.last),
                ("contacts", "company") | ("companies", "name") => json!(person.company),
                (_, "phone") => json!(person.phone),
                ("contacts", "mobilephone") => json!(person.mobile),
                ("contacts", "email") => json!(person.email),
                ("contacts", "hs_whatsapp_phone_number") | (_, "open_balance") => Value::Null,
                (_, unknown) => {
                    let why = format!("there is no property {unknown}");
                    return Err(refused(400, "VALIDATION_ERROR", "unknown").misuse(why));
                }
            };
        }
        Ok(
            json!({"id": person.id.to_string(), "properties": values, "createdAt": iso,
                 "updatedAt": iso, "archived": false}),
        )
    }

    fn list(&self, request: &Request) -> Result<Value, Answer> {
        let known = ["limit", "after", "properties", "associations", "archived"];
        if let Some(unknown) = request.unknown(&known) {
            return Err(refused(400, "VALIDATION_ERROR", "bad").misuse(unknown));
        }
        let limit: usize = request.param("limit").unwrap_or("10").parse().unwrap();
        if limit > PAGE {
            return Err(refused(400, "VALIDATION_ERROR", "limit").misuse("more than 100 a page"));
        }
        let after = request.param("after").unwrap_or("0").parse::<u64>();
        let after = after.map_err(|_| refused(400, "VALIDATION_ERROR", "after").misuse("after"))?;
        let properties: Vec<_> = request.param("properties").unwrap().split(',').collect();
        let all = self.book.living();
        let from = all.iter().position(|p| p.id > after).unwrap_or(all.len());
        let (page, more) = self.book.page(&all, from, limit);
        let records: Result<Vec<_>, _> = page.iter().map(|p| self.record(p, &properties)).collect();
        let mut answer = json!({"results": records?});
        if more {
            let last = page.last().unwrap().id.to_string();
            answer["paging"] =
                json!({"next": {"after": last, "link": "https://api.hubapi.com/..."}});
        }
        Ok(answer)
    }

    fn search(&self, request: &Request) -> Result<Value, Answer> {
        let bad = |why: &str| refused(400, "VALIDATION_ERROR", why).misuse(why);
        if !request.is_json() {
            return Err(Answer::empty(415).misuse("no Content-Type"));
        }
        let asked = request.json();
        let known = [
            "filterGroups",
            "sorts",
            "properties",
            "limit",
            "after",
            "query",
        ];
        let mut members = asked.as_object().unwrap().keys();
        if let Some(unknown) = members.find(|m| !known.contains(&m.as_str())) {
            return Err(bad(unknown));
        }
        let limit = asked["limit"].as_u64().ok_or_else(|| bad("limit"))? as usize;
        if limit > SEARCH_PAGE {
            return Err(bad("more than 200 a page"));
        }
        let after = match &asked["after"] {
            Value::Null => 0,
            Value::String(after) => after.parse().map_err(|_| bad("after"))?,
            _ => return Err(bad("after is no text")),
        };
        if after + limit > self.window {
            return Err(bad("beyond the results that a search shows"));
        }
        let filter = &asked["filterGroups"][0]["filters"][0];
        let sort = json!([{"propertyName": self.changed_property(), "direction": "ASCENDING"}]);
        if filter["propertyName"] != self.changed_property()
            || filter["operator"] != "GTE"
            || asked["sorts"] != sort
        {
            return Err(bad("not by the date of change"));
        }
        let since = filter["value"].as_str().and_then(|v| v.parse::<i64>().ok());
        let since = since.ok_or_else(|| bad("a date is milliseconds"))?;
        let properties = asked["properties"]
            .as_array()
            .ok_or_else(|| bad("properties"))?;
        let properties: Vec<_> = properties.iter().map(|p| p.as_str().unwrap()).collect();
        let mut all = self.book.living();
        all.retain(|p| p.changed * 1000 >= since);
        all.sort_by_key(|p| p.changed);
        let (page, more) = self.book.page(&all, after, limit);
        let records: Result<Vec<_>, _> = page.iter().map(|p| self.record(p, &properties)).collect();
        let mut answer = json!({"total": all.len(), "results": records?});
        if more {
            answer["paging"] = json!({"next": {"after": (after + limit).to_string()}});
        }
        Ok(answer)
    }
}

impl Vendor for HubSpot {
    fn answer(&mut self, request: &Request) -> Answer {
        if request.header("authorization") != format!("Bearer {}", self.token) {
            let message =
                "Authentication credentials not found. This API supports OAuth 2.0 authentication";
            return refused(401, "INVALID_AUTHENTICATION", message);
        }
        let list = format!("/crm/v3/objects/{}", self.object);
        let answer = match (&*request.method, &*request.path) {
            ("GET", path) if path == list => self.list(request),
            ("POST", path) if path == format!("{list}/search") => self.search(request),
            _ => Err(refused(404, "OBJECT_NOT_FOUND", "not found").misuse("no such address")),
        };
        answer.map_or_else(|refusal| refusal, |found| Answer::ok(&found))
    }
}

fn hubspot(object: &'static str, people: u64) -> StandIn<HubSpot> {
    StandIn::start(|_| HubSpot {
        book: Book::of(people),
        token: TOKEN.into(),
        object,
        window: 10_000,
    })
}

fn block(kind: &str, crm: &StandIn<HubSpot>) -> String {
    let (object, address) = (crm.with(|v| v.object), &crm.address);
    format!(
        "[[source]]\nname = \"crm\"\ntype = \"{kind}\"\nobject = \"{object}\"\nevery = \"10m\"\n\
         [source.with]\naddress = \"{address}\"\n[source.secrets]\ntoken = {{ file = \"hubspot\" }}\n"
    )
}

fn office(crm: &StandIn<HubSpot>) -> Office {
    office_but(crm, "", "")
}

/// With something in the connector's text replaced.
fn office_but(crm: &StandIn<HubSpot>, text: &str, by: &str) -> Office {
    let desk = Desk::new();
    desk.at_once_but("hubspot", text, by);
    desk.secret("hubspot", TOKEN);
    desk.open(&block("hubspot-at-once", crm))
}

/// For what holds of every vendor.
pub fn opened() -> Opened {
    let crm = hubspot("contacts", 30);
    let office = office(&crm);
    (Box::new(crm), office)
}

#[test]
fn all_contacts_arrive_with_names_companies_and_numbers() {
    let crm = hubspot("contacts", 230);
    let mut office = office(&crm);
    stories::everything_arrives(&crm, &mut office);
    assert_eq!(crm.requests().len(), 3);
    stories::a_few_are_the_first_ones(&crm, &office);
}

#[test]
fn all_companies_arrive_and_their_changes_follow() {
    let crm = hubspot("companies", 120);
    let mut office = office(&crm);
    stories::everything_arrives(&crm, &mut office);
    stories::a_change_arrives_alone(&crm, &mut office);
    stories::a_deletion_is_found_by_its_id(&crm, &mut office);
}

#[test]
fn a_change_is_searched_for_and_comes_alone() {
    let crm = hubspot("contacts", 120);
    let mut office = office(&crm);
    stories::a_change_arrives_alone(&crm, &mut office);
    let searches = crm.requests();
    let searches = searches.iter().filter(|r| r.method == "POST");
    assert_eq!(searches.count(), 2);
    stories::nothing_new_is_no_error(&crm, &mut office);
}

#[test]
fn deleted_and_merged_contacts_are_found_by_their_ids() {
    let crm = hubspot("contacts", 120);
    let mut office = office(&crm);
    stories::a_deletion_is_found_by_its_id(&crm, &mut office);
    stories::a_merge_leaves_the_one_that_is_left(&crm, &mut office);
}

/// The search shows 10,000 results; here 400 of 1,000, so that the tests need not wait for 50 pages.
fn office_of_400(crm: &StandIn<HubSpot>) -> Office {
    let desk = Desk::new();
    desk.secret("hubspot", TOKEN);
    desk.at_once_but("hubspot", "most = 10000", "most = 400");
    desk.open(&block("hubspot-at-once", crm))
}

#[test]
fn more_changes_than_a_search_shows_all_arrive() {
    let crm = hubspot("contacts", 10);
    let mut office = office_of_400(&crm);
    office.sync_everything();
    crm.with(|v| {
        v.window = 400;
        v.book.pace = 30;
        (0..1000).for_each(|_| _ = v.book.add());
    });
    office.sync_changes();
    stories::agree(&crm, &office);
}

/// An import that changes more contacts in one instant than a search shows: no search gets past them.
#[test]
fn a_search_that_can_not_go_on_asks_for_everything() {
    let crm = hubspot("contacts", 10);
    let mut office = office_of_400(&crm);
    office.sync_everything();
    crm.with(|v| {
        v.window = 400;
        v.book.pace = 0;
        (0..700).for_each(|_| _ = v.book.add());
    });
    let error = office.try_changes().unwrap_err();
    assert!(
        matches!(error, SourceError::CursorExpired),
        "{}",
        words(&error)
    );
    office.sync_everything();
    stories::agree(&crm, &office);
}

#[test]
fn it_waits_when_there_were_too_many_requests() {
    let crm = hubspot("contacts", 230);
    let mut office = office(&crm);
    stories::it_waits_when_told_to(&crm, &mut office, 2, told_to_wait());
}

#[test]
fn nobody_is_lost_when_the_list_moves_between_two_pages() {
    let crm = hubspot("contacts", 230);
    stories::nobody_is_lost_when_the_list_moves(&crm, &mut office(&crm), 2);
}

#[test]
fn a_contact_that_two_pages_hold_is_one() {
    let crm = hubspot("contacts", 230);
    stories::a_record_that_comes_twice_is_one(&crm, &mut office(&crm));
}

#[test]
fn a_token_that_was_taken_away_is_told_with_what_to_renew() {
    let crm = hubspot("contacts", 10);
    let mut office = office(&crm);
    crm.with(|v| v.token = "another".into());
    stories::it_says_what_to_renew(&mut office, "Private apps", TOKEN);
}

#[test]
fn a_property_of_ones_own_is_the_balance() {
    let crm = hubspot("contacts", 3);
    let desk = Desk::new();
    desk.at_once("hubspot");
    desk.secret("hubspot", TOKEN);
    let with = "[source.with]\nmore = \"open_balance\"\n";
    let text = block("hubspot-at-once", &crm).replace("[source.with]\n", with)
        + "[source.columns]\nbalance = \"properties.open_balance\"\ndefault-currency = \"TRY\"\n";
    let mut office = desk.open(&text);
    stories::everything_arrives(&crm, &mut office);
    stories::a_change_arrives_alone(&crm, &mut office);
}

#[test]
fn the_stand_in_refuses_what_the_vendor_does() {
    let wrong = [
        ("limit = \"100\"", "limit = \"101\""),
        ("limit = 200", "limit = 201"),
        ("firstname", "first_name"),
        (
            "archived = \"false\"",
            "archived = \"false\", sort = \"id\"",
        ),
        ("| string", ""),
    ];
    for (text, by) in wrong {
        let crm = hubspot("contacts", 3);
        stories::a_wrong_request_is_refused(&crm, office_but(&crm, text, by), text);
    }
}
