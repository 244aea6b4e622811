//! Hipcall's own contacts and companies: limit and offset, and no way to ask for changes.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::book::{Book, Person};
use super::command::Opened;
use super::office::{Desk, Office};
use super::stand_in::{Answer, Request, StandIn, Vendor};
use super::stories::{self, Crm, Shown};

const TOKEN: &str = "SFMyNTY.g2gDbQAAACQ0";
const PAGE: usize = 100;

struct Hipcall {
    book: Book,
    token: String,
    object: &'static str,
}

impl Crm for Hipcall {
    fn book(&mut self) -> &mut Book {
        &mut self.book
    }

    fn shown(&self, person: &Person) -> Shown {
        match self.object {
            "contacts" => Shown::all(person),
            _ => Shown {
                name: None,
                ..Shown::all(person)
            },
        }
    }
}

fn refused(status: u16, detail: &str) -> Answer {
    Answer::new(status, &json!({"errors": {"detail": detail}}))
}

impl Hipcall {
    fn record(&self, person: &Person) -> Value {
        let numbers = [&person.phone, &person.mobile].map(|n| stories::e164(n));
        let phones = numbers.iter().zip(0..).map(|(number, order)| {
            json!({"id": person.id * 10 + order, "number": number, "order": order, "country": "TR"})
        });
        let phones: Vec<_> = phones.collect();
        let emails = json!([{"order": 0, "email": person.email}]);
        match self.object {
            "contacts" => {
                json!({"id": person.id, "first_name": person.first, "last_name": person.last,
                "full_name": person.name(), "external_id": null, "job_title": null, "custom_url": null,
                "company": {"id": person.id * 7, "name": person.company}, "phones": phones,
                "emails": emails, "custom_fields": {}, "user": null})
            }
            _ => {
                json!({"id": person.id, "name": person.company, "phones": phones, "emails": emails})
            }
        }
    }

    fn list(&self, request: &Request) -> Result<Value, Answer> {
        let wrong = |field: &str| {
            let body = json!({"errors": {field: ["is invalid"]}});
            Answer::new(422, &body).misuse(field)
        };
        if let Some(unknown) = request.unknown(&["limit", "offset", "sort", "q"]) {
            return Err(wrong(unknown));
        }
        let number = |name: &str, otherwise: &str| {
            let text = request.param(name).unwrap_or(otherwise);
            text.parse::<usize>().map_err(|_| wrong(name))
        };
        let (limit, offset) = (number("limit", "10")?, number("offset", "0")?);
        if !(1..=PAGE).contains(&limit) {
            return Err(wrong("limit"));
        }
        if request.param("sort") != Some("id.asc") {
            return Err(wrong("sort"));
        }
        let all = self.book.living();
        let part: Vec<_> = all.iter().skip(offset).take(limit).collect();
        let records: Vec<_> = part.iter().map(|p| self.record(p)).collect();
        let meta = json!({"count": all.len(), "offset": offset, "limit": limit});
        Ok(json!({"data": records, "meta": meta}))
    }
}

impl Vendor for Hipcall {
    fn answer(&mut self, request: &Request) -> Answer {
        match request.header("authorization") {
            "" => return refused(401, "Authentication required").misuse("no token"),
            given if given == format!("Bearer {}", self.token) => {}
            _ => {
                let detail = "Not authorized. Check your API token is valid and not expired.";
                return refused(401, detail);
            }
        }
        if request.method != "GET" || request.path != format!("/api/v3/{}", self.object) {
            return refused(404, "Not Found").misuse("no such address");
        }
        match self.list(request) {
            Ok(found) => Answer::ok(&found)
                .with("x-ratelimit-limit", 60)
                .with("x-ratelimit-remaining", 41)
                .with("x-ratelimit-reset", Timestamp::now().as_second() + 60),
            Err(refusal) => refusal,
        }
    }
}

fn hipcall(object: &'static str, people: u64) -> StandIn<Hipcall> {
    StandIn::start(|_| Hipcall {
        book: Book::of(people),
        token: TOKEN.into(),
        object,
    })
}

fn office(crm: &StandIn<Hipcall>) -> Office {
    office_but(crm, "", "")
}

/// With something in the connector's text replaced.
fn office_but(crm: &StandIn<Hipcall>, text: &str, by: &str) -> Office {
    let desk = Desk::new();
    desk.at_once_but("hipcall", text, by);
    desk.secret("hipcall", TOKEN);
    let (object, address) = (crm.with(|v| v.object), &crm.address);
    desk.open(&format!(
        "[[source]]\nname = \"crm\"\ntype = \"hipcall-at-once\"\nobject = \"{object}\"\nevery = \"1h\"\n\
         [source.with]\naddress = \"{address}\"\n[source.secrets]\ntoken = {{ file = \"hipcall\" }}\n"
    ))
}

/// For what holds of every vendor.
pub fn opened() -> Opened {
    let crm = hipcall("contacts", 30);
    let office = office(&crm);
    (Box::new(crm), office)
}

#[test]
fn all_contacts_arrive_with_names_companies_and_numbers() {
    let crm = hipcall("contacts", 230);
    let mut office = office(&crm);
    stories::everything_arrives(&crm, &mut office);
    assert_eq!(crm.requests().len(), 3);
    stories::a_few_are_the_first_ones(&crm, &office);
    assert!(!office.source.abilities().changes);
}

#[test]
fn all_companies_arrive() {
    let crm = hipcall("companies", 30);
    stories::everything_arrives(&crm, &mut office(&crm));
}

#[test]
fn what_is_deleted_goes_with_everything() {
    let crm = hipcall("contacts", 130);
    let mut office = office(&crm);
    office.sync_everything();
    crm.with(|v| v.book.delete(110));
    office.sync_everything();
    stories::agree(&crm, &office);
}

#[test]
fn it_waits_until_the_window_begins_anew() {
    let crm = hipcall("contacts", 230);
    let wait = refused(429, "Too many requests. Please try again later.")
        .with("x-ratelimit-remaining", 0)
        .with("x-ratelimit-reset", Timestamp::now().as_second());
    stories::it_waits_when_told_to(&crm, &mut office(&crm), 2, wait);
}

/// By offset, one who goes from the first page would hide the first one of the second.
#[test]
fn nobody_is_lost_when_the_list_moves_between_two_pages() {
    let crm = hipcall("contacts", 230);
    stories::nobody_is_lost_when_the_list_moves(&crm, &mut office(&crm), 2);
}

#[test]
fn a_token_that_was_revoked_is_told_with_what_to_renew() {
    let crm = hipcall("contacts", 10);
    let mut office = office(&crm);
    crm.with(|v| v.token = "another".into());
    stories::it_says_what_to_renew(&mut office, "new token", TOKEN);
}

#[test]
fn the_stand_in_refuses_what_the_vendor_does() {
    let wrong = [
        ("size = 100", "size = 101"),
        ("id.asc", "id"),
        ("sort = ", "order = "),
    ];
    for (text, by) in wrong {
        let crm = hipcall("contacts", 3);
        stories::a_wrong_request_is_refused(&crm, office_but(&crm, text, by), text);
    }
}
