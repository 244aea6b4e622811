//! Bitrix24: lists through an inbound webhook, by the last id, without counting.

use serde_json::{Value, json};

use super::book::{Book, Person};
use super::command::Opened;
use super::office::{Desk, Office};
use super::stand_in::{Answer, Request, StandIn, Vendor};
use super::stories::{self, Crm, Shown};

const CODE: &str = "xdd3kp2q0vhs7f1m";
const PAGE: usize = 50;
/// The portal's own zone.
const TIME: &str = "%Y-%m-%dT%H:%M:%S%:z";

struct Bitrix24 {
    book: Book,
    code: String,
    /// `contact` or `company`.
    object: &'static str,
}

impl Crm for Bitrix24 {
    fn book(&mut self) -> &mut Book {
        &mut self.book
    }

    /// A contact has only its company's id.
    fn shown(&self, person: &Person) -> Shown {
        match self.object {
            "contact" => Shown {
                company: None,
                ..Shown::all(person)
            },
            _ => Shown {
                name: None,
                ..Shown::all(person)
            },
        }
    }
}

fn refused(status: u16, error: &str, description: &str) -> Answer {
    let body = json!({"error": error, "error_description": description});
    Answer::new(status, &body)
}

impl Bitrix24 {
    fn record(&self, person: &Person, select: &[Value]) -> Result<Value, Answer> {
        let several = |kind: &str, values: &[&str]| {
            let values = values.iter().zip(1..);
            let all = values.map(|(value, place)| {
                json!({"ID": (person.id * 10 + place).to_string(), "VALUE_TYPE": "WORK",
                       "VALUE": value, "TYPE_ID": kind})
            });
            all.collect::<Vec<_>>()
        };
        let mut record = json!({"ID": person.id.to_string()});
        for field in select.iter().map(|f| f.as_str().unwrap()) {
            record[field] = match (self.object, field) {
                (_, "ID") => continue,
                (_, "DATE_MODIFY") => json!(person.changed(TIME, 3)),
                (_, "PHONE") => json!(several("PHONE", &[&person.phone, &person.mobile])),
                (_, "EMAIL") => json!(several("EMAIL", &[&person.email])),
                ("contact", "NAME") => json!(person.first),
                ("contact", "LAST_NAME") => json!(person.last),
                ("company", "TITLE") => json!(person.company),
                // What it does not know it leaves out without a word.
                (_, unknown) => return Err(refused(400, "ERROR", "").misuse(unknown)),
            };
        }
        Ok(record)
    }

    fn list(&self, asked: &Value) -> Result<Value, Answer> {
        let bad = |why: String| refused(400, "ERROR_CORE", "bad").misuse(why);
        let members = asked.as_object().ok_or_else(|| bad("no object".into()))?;
        let known = ["select", "filter", "order", "start"];
        if let Some(unknown) = members.keys().find(|m| !known.contains(&m.as_str())) {
            return Err(bad(unknown.clone()));
        }
        if asked["order"] != json!({"ID": "ASC"}) || asked["start"] != -1 {
            return Err(bad(
                "by the last id means sorted by it, and start = -1".into()
            ));
        }
        let (mut last, mut since) = (0, i64::MIN);
        for (key, value) in asked["filter"].as_object().unwrap() {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            match key.as_str() {
                ">ID" => last = text.parse().map_err(|_| bad(format!("ID {text}")))?,
                ">=DATE_MODIFY" => {
                    let at = text.parse::<jiff::Timestamp>();
                    since = at.map_err(|_| bad(format!("date {text}")))?.as_second();
                }
                other => return Err(bad(other.to_owned())),
            }
        }
        let select = asked["select"]
            .as_array()
            .ok_or_else(|| bad("select".into()))?;
        let all = self.book.living();
        let due: Vec<_> = all.iter().filter(|p| p.changed >= since).cloned().collect();
        let from = due.iter().position(|p| p.id > last).unwrap_or(due.len());
        let (page, _) = self.book.page(&due, from, PAGE);
        let records: Result<Vec<_>, _> = page.iter().map(|p| self.record(p, select)).collect();
        let time = json!({"start": 1_577_836_800.1, "finish": 1_577_836_800.2, "duration": 0.1,
            "processing": 0.05, "date_start": "2020-01-01T03:00:00+03:00", "operating": 0.1});
        Ok(json!({"result": records?, "time": time}))
    }
}

impl Vendor for Bitrix24 {
    fn answer(&mut self, request: &Request) -> Answer {
        let parts: Vec<_> = request.path.split('/').collect();
        let ["", "rest", "1", code, method] = parts[..] else {
            return refused(404, "ERROR_METHOD_NOT_FOUND", "Method not found!").misuse("address");
        };
        if code != self.code {
            return refused(401, "INVALID_CREDENTIALS", "Invalid request credentials");
        }
        if request.method != "POST" || !request.is_json() || !request.query.is_empty() {
            return refused(400, "ERROR", "").misuse("not JSON posted");
        }
        if method != format!("crm.{}.list", self.object) {
            return refused(404, "ERROR_METHOD_NOT_FOUND", "Method not found!").misuse(method);
        }
        match self.list(&request.json()) {
            Ok(found) => Answer::ok(&found),
            Err(refusal) => refusal,
        }
    }
}

fn bitrix24(object: &'static str, people: u64) -> StandIn<Bitrix24> {
    StandIn::start(|_| Bitrix24 {
        book: Book::of(people),
        code: CODE.into(),
        object,
    })
}

fn office(crm: &StandIn<Bitrix24>) -> Office {
    office_but(crm, "", "")
}

/// With something in the connector's text replaced.
fn office_but(crm: &StandIn<Bitrix24>, text: &str, by: &str) -> Office {
    let desk = Desk::new();
    desk.at_once_but("bitrix24", text, by);
    desk.secret("code", CODE);
    let (address, object) = (&crm.address, crm.with(|v| v.object));
    let object = match object {
        "contact" => "contacts",
        _ => "companies",
    };
    desk.open(&format!(
        "[[source]]\nname = \"crm\"\ntype = \"bitrix24-at-once\"\nobject = \"{object}\"\n\
         [source.with]\naddress = \"{address}\"\nuser = \"1\"\n\
         [source.secrets]\ncode = {{ file = \"code\" }}\n"
    ))
}

/// For what holds of every vendor.
pub fn opened() -> Opened {
    let crm = bitrix24("contact", 30);
    let office = office(&crm);
    (Box::new(crm), office)
}

#[test]
fn all_contacts_arrive_with_names_and_numbers() {
    let crm = bitrix24("contact", 130);
    let mut office = office(&crm);
    stories::everything_arrives(&crm, &mut office);
    assert_eq!(crm.requests().len(), 3);
    stories::a_few_are_the_first_ones(&crm, &office);
}

#[test]
fn a_list_that_fills_its_last_page_ends() {
    let crm = bitrix24("contact", 100);
    let mut office = office(&crm);
    stories::everything_arrives(&crm, &mut office);
    assert_eq!(crm.requests().len(), 3);
}

#[test]
fn all_companies_arrive_and_their_changes_follow() {
    let crm = bitrix24("company", 70);
    let mut office = office(&crm);
    stories::everything_arrives(&crm, &mut office);
    stories::a_change_arrives_alone(&crm, &mut office);
    stories::a_deletion_is_found_by_its_id(&crm, &mut office);
}

#[test]
fn a_change_comes_alone_and_the_deleted_are_found_by_their_ids() {
    let crm = bitrix24("contact", 60);
    let mut office = office(&crm);
    stories::a_change_arrives_alone(&crm, &mut office);
    stories::nothing_new_is_no_error(&crm, &mut office);
    stories::a_deletion_is_found_by_its_id(&crm, &mut office);
    stories::a_merge_leaves_the_one_that_is_left(&crm, &mut office);
}

#[test]
fn it_waits_when_the_bucket_is_full() {
    let crm = bitrix24("contact", 130);
    let full = refused(503, "QUERY_LIMIT_EXCEEDED", "Too many requests").with("Retry-After", 0);
    stories::it_waits_when_told_to(&crm, &mut office(&crm), 2, full);
}

#[test]
fn it_waits_when_the_requests_took_too_long_in_all() {
    let crm = bitrix24("contact", 130);
    let limit = refused(
        429,
        "OPERATION_TIME_LIMIT",
        "Method is blocked due to operation time limit.",
    );
    stories::it_waits_when_told_to(&crm, &mut office(&crm), 3, limit.with("Retry-After", 0));
}

#[test]
fn nobody_is_lost_when_the_list_moves_between_two_pages() {
    let crm = bitrix24("contact", 130);
    stories::nobody_is_lost_when_the_list_moves(&crm, &mut office(&crm), 2);
}

#[test]
fn a_contact_that_two_pages_hold_is_one() {
    let crm = bitrix24("contact", 130);
    stories::a_record_that_comes_twice_is_one(&crm, &mut office(&crm));
}

#[test]
fn a_read_that_was_interrupted_goes_on_where_it_was() {
    let crm = bitrix24("contact", 130);
    stories::it_goes_on_after_an_interruption(&crm, &mut office(&crm), 3);
}

/// The code stands in the address, and so must not stand in any word about it.
#[test]
fn a_webhook_that_was_deleted_is_told_with_what_to_renew() {
    let crm = bitrix24("contact", 10);
    let mut office = office(&crm);
    crm.with(|v| v.code = "another".into());
    stories::it_says_what_to_renew(&mut office, "Inbound webhook", CODE);
}

#[test]
fn no_error_shows_the_code_of_the_webhook() {
    let crm = bitrix24("contact", 10);
    let mut office = office(&crm);
    crm.instead(1, refused(400, "ERROR_CORE", "bad"));
    let error = office.try_everything().unwrap_err();
    assert!(!format!("{error:?} {}", super::office::words(&error)).contains(CODE));
    assert!(!format!("{:?}", office.source).contains(CODE));
}

#[test]
fn the_stand_in_refuses_what_the_vendor_does() {
    let wrong = [
        ("start = -1", "start = 0"),
        ("\">ID\"", "\">id\""),
        ("LAST_NAME", "SURNAME"),
        ("crm.contact.list", "crm.contacts.list"),
    ];
    for (text, by) in wrong {
        let crm = bitrix24("contact", 3);
        stories::a_wrong_request_is_refused(&crm, office_but(&crm, text, by), text);
    }
}
