//! Dynamics 365: change tracking by delta links, and what may not be asked beside it.

use ringcard::source::error::SourceError;
use serde_json::{Value, json};

use super::book::{Book, Person};
use super::command::Opened;
use super::office::{Desk, Office, words};
use super::stand_in::{Answer, Request, StandIn, Vendor};
use super::stories::{self, Crm, Shown, e164};

const SECRET: &str = "Ab8Q~3xYkL0vN9wR2sT5uZ7";
const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const CLIENT: &str = "66666666-7777-8888-9999-000000000000";
/// A server may send fewer than odata.maxpagesize asks for, and this one does.
const PAGE: usize = 60;
const MOST: usize = 5000;
const COMPANY: &str = "_parentcustomerid_value@OData.Community.Display.V1.FormattedValue";

struct Dataverse {
    book: Book,
    address: String,
    /// `contacts` or `accounts`.
    table: &'static str,
    secret: String,
    tokens: usize,
    /// Delta tokens of before this time are not kept any more.
    oldest: i64,
    /// What an expired one is answered with.
    expired: u16,
}

impl Crm for Dataverse {
    fn book(&mut self) -> &mut Book {
        &mut self.book
    }

    fn shown(&self, person: &Person) -> Shown {
        match self.table {
            "contacts" => Shown::all(person),
            _ => Shown {
                name: None,
                numbers: vec![e164(&person.phone)],
                ..Shown::all(person)
            },
        }
    }

    fn id(&self, person: u64) -> String {
        format!("2e451703-c686-e711-80e5-{person:012}")
    }
}

fn refused(status: u16, code: &str, message: &str) -> Answer {
    let body = json!({"error": {"code": code, "message": message}});
    Answer::new(status, &body)
}

impl Dataverse {
    fn token(&self) -> String {
        format!("eyJ0eXAiOiJKV1Qi{}", self.tokens)
    }

    fn log_in(&mut self, request: &Request) -> Answer {
        let form = request.form();
        let given = |name: &str| form.get(name).map_or("", String::as_str);
        let scope = format!("{}/.default", self.address);
        if given("grant_type") != "client_credentials"
            || given("client_id") != CLIENT
            || given("scope") != scope
        {
            let body = json!({"error": "invalid_scope", "error_description": "AADSTS1002012"});
            return Answer::new(400, &body).misuse("client, scope");
        }
        if given("client_secret") != self.secret {
            let what = "AADSTS7000215: Invalid client secret provided.";
            let body = json!({"error": "invalid_client", "error_description": what,
                              "error_codes": [7_000_215], "trace_id": "0", "correlation_id": "0"});
            return Answer::new(401, &body);
        }
        self.tokens += 1;
        Answer::ok(
            &json!({"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599,
            "access_token": self.token()}),
        )
    }

    fn field(&self, person: &Person, field: &str) -> Option<Value> {
        Some(match (self.table, field) {
            (_, "modifiedon") => json!(person.changed("%Y-%m-%dT%H:%M:%SZ", 0)),
            (_, "statecode") => json!(i32::from(person.is_archived)),
            (_, "telephone1") => json!(person.phone),
            (_, "telephone2" | "telephone3") => Value::Null,
            (_, "emailaddress1") => json!(person.email),
            ("contacts", "fullname") => json!(person.name()),
            ("contacts", "mobilephone") => json!(person.mobile),
            ("contacts", "_parentcustomerid_value") => json!(self.id(person.id * 7)),
            ("accounts", "name") => json!(person.company),
            ("contacts", "contactid") | ("accounts", "accountid") => json!(self.id(person.id)),
            _ => return None,
        })
    }

    fn record(&self, person: &Person, select: &str, prefer: &str) -> Result<Value, Answer> {
        let key = match self.table {
            "contacts" => "contactid",
            _ => "accountid",
        };
        let mut record = json!({"@odata.etag": format!("W/\"{}\"", person.changed)});
        for field in select.split(',').chain([key]) {
            let value = self.field(person, field);
            let what = format!("Could not find a property named '{field}'");
            record[field] = value.ok_or_else(|| refused(400, "0x80060888", &what).misuse(&what))?;
        }
        if prefer.contains("odata.include-annotations")
            && select.contains("_parentcustomerid_value")
        {
            record[COMPANY] = json!(person.company);
        }
        Ok(record)
    }

    fn list(&self, request: &Request) -> Result<Answer, Answer> {
        let bad = |what: &str| refused(400, "0x80060888", what).misuse(what);
        let prefer = request.header("prefer");
        let tracked = prefer.contains("odata.track-changes");
        let known = ["$select", "$filter", "$skiptoken", "$deltatoken"];
        if let Some(unknown) = request.unknown(&known) {
            return Err(bad(unknown));
        }
        if tracked && request.param("$filter").is_some() {
            return Err(bad("$filter is not allowed with change tracking"));
        }
        let size = prefer.split("odata.maxpagesize=").nth(1).unwrap_or("5000");
        let size: usize = size.split(',').next().unwrap().parse().unwrap();
        if size > MOST {
            return Err(bad("more than 5,000 a page"));
        }
        let select = request
            .param("$select")
            .ok_or_else(|| bad("everything was asked for"))?;
        let delta = request.param("$deltatoken");
        let since = match delta {
            None => i64::MIN,
            Some(token) => {
                let since = token
                    .strip_prefix("919042!")
                    .and_then(|t| t.parse::<i64>().ok());
                since.ok_or_else(|| bad("$deltatoken"))?
            }
        };
        if since != i64::MIN && since < self.oldest {
            let what =
                "Version stamp associated with the client has expired. Please perform a full sync.";
            return Err(refused(self.expired, "0x80044352", what));
        }
        let mut all = self.book.people.clone();
        all.sort_by_key(|p| p.id);
        // A delta token is a version: what came after it is shown, and nothing of it.
        all.retain(|p| p.changed > since);
        if request.param("$filter") == Some("statecode eq 0") {
            all.retain(|p| !p.is_archived);
        }
        // The version is that of the first page: what changes between two pages is among the next changes.
        let (after, version) = match request.param("$skiptoken") {
            None => (0, self.book.now()),
            Some(token) => {
                let parts = token.split_once('!').ok_or_else(|| bad("$skiptoken"))?;
                (parts.0.parse::<u64>().unwrap(), parts.1.parse().unwrap())
            }
        };
        let from = all.iter().position(|p| p.id > after).unwrap_or(all.len());
        let (page, more) = self.book.page(&all, from, size.min(PAGE));
        let records: Result<Vec<_>, _> = page
            .iter()
            .map(|p| self.record(p, select, prefer))
            .collect();
        let mut records = records?;
        let here = format!("{}/api/data/v9.2/{}", self.address, self.table);
        let metadata = format!("{}/api/data/v9.2/$metadata#{}", self.address, self.table);
        let mut answer = json!({"@odata.context": format!("{metadata}({select})")});
        let token = delta.map_or_else(String::new, |t| format!("&$deltatoken={t}"));
        if more {
            let last = page.last().unwrap().id;
            let next = format!("{here}?$select={select}{token}&$skiptoken={last}%21{version}");
            answer["@odata.nextLink"] = json!(next);
        } else if tracked {
            if delta.is_some() {
                let gone = self.book.deleted.iter().filter(|(_, at)| *at > since);
                records.extend(gone.map(|(id, _)| {
                    json!({"@odata.context": format!("{metadata}/$deletedEntity"),
                           "id": self.id(*id), "reason": "deleted"})
                }));
            }
            let now = format!("919042%21{version}");
            answer["@odata.deltaLink"] =
                json!(format!("{here}?$select={select}&$deltatoken={now}"));
        }
        answer["value"] = json!(records);
        Ok(Answer::ok(&answer)
            .with("x-ms-ratelimit-burst-remaining-xrm-requests", 5999)
            .with("OData-Version", "4.0"))
    }
}

impl Vendor for Dataverse {
    fn answer(&mut self, request: &Request) -> Answer {
        if request.method == "POST" && request.path == format!("/{TENANT}/oauth2/v2.0/token") {
            return self.log_in(request);
        }
        if self.tokens == 0 || request.header("authorization") != format!("Bearer {}", self.token())
        {
            return Answer::empty(401).with("WWW-Authenticate", "Bearer error=invalid_token");
        }
        let path = format!("/api/data/v9.2/{}", self.table);
        if request.method != "GET" || request.path != path {
            return refused(404, "0x80060888", "Resource not found").misuse("no such table");
        }
        if request.header("odata-version") != "4.0" {
            return refused(400, "0x80060888", "version").misuse("no OData-Version");
        }
        self.list(request).unwrap_or_else(|refusal| refusal)
    }
}

fn dataverse(table: &'static str, people: u64) -> StandIn<Dataverse> {
    StandIn::start(|address| Dataverse {
        book: Book::of(people),
        address: address.to_owned(),
        table,
        secret: SECRET.into(),
        tokens: 0,
        oldest: i64::MIN,
        expired: 400,
    })
}

fn office(crm: &StandIn<Dataverse>) -> Office {
    office_but(crm, "", "")
}

/// With something in the connector's text replaced.
fn office_but(crm: &StandIn<Dataverse>, text: &str, by: &str) -> Office {
    let desk = Desk::new();
    desk.at_once_but("dynamics365", text, by);
    desk.secret("secret", SECRET);
    let (object, address) = (crm.with(|v| v.table), &crm.address);
    desk.open(&format!(
        "[[source]]\nname = \"crm\"\ntype = \"dynamics365-at-once\"\nobject = \"{object}\"\n\
         [source.with]\naddress = \"{address}\"\nlogin = \"{address}\"\ntenant = \"{TENANT}\"\n\
         client = \"{CLIENT}\"\n[source.secrets]\nclient-secret = {{ file = \"secret\" }}\n"
    ))
}

/// For what holds of every vendor.
pub fn opened() -> Opened {
    let crm = dataverse("contacts", 30);
    let office = office(&crm);
    (Box::new(crm), office)
}

#[test]
fn all_contacts_arrive_with_names_companies_and_numbers() {
    let crm = dataverse("contacts", 150);
    let mut office = office(&crm);
    stories::everything_arrives(&crm, &mut office);
    assert_eq!(crm.requests().len(), 4);
    stories::a_few_are_the_first_ones(&crm, &office);
}

#[test]
fn all_accounts_arrive_and_their_changes_follow() {
    let crm = dataverse("accounts", 70);
    let mut office = office(&crm);
    stories::everything_arrives(&crm, &mut office);
    stories::a_change_arrives_alone(&crm, &mut office);
    stories::a_deletion_comes_with_the_changes(&crm, &mut office);
}

#[test]
fn changes_deletions_and_merges_come_by_the_delta_link() {
    let crm = dataverse("contacts", 150);
    let mut office = office(&crm);
    stories::a_change_arrives_alone(&crm, &mut office);
    stories::a_deletion_comes_with_the_changes(&crm, &mut office);
    stories::a_merge_leaves_the_one_that_is_left(&crm, &mut office);
    stories::nothing_new_is_no_error(&crm, &mut office);
}

#[test]
fn more_changes_than_a_page_holds_all_arrive() {
    let crm = dataverse("contacts", 10);
    let mut office = office(&crm);
    office.sync_everything();
    crm.with(|v| {
        v.book.pace = 30;
        (0..200).for_each(|_| _ = v.book.add());
    });
    office.sync_changes();
    stories::agree(&crm, &office);
}

#[test]
fn inactive_contacts_are_not_shown() {
    let crm = dataverse("contacts", 30);
    crm.with(|v| v.book.archive(105));
    let mut office = office(&crm);
    office.sync_everything();
    stories::agree(&crm, &office);
    stories::an_archived_one_goes_with_the_changes(&crm, &mut office);
    assert!(office.compare_ids().is_empty());
}

#[test]
fn a_delta_link_that_has_expired_asks_for_everything() {
    for status in [400, 410] {
        let crm = dataverse("contacts", 30);
        let mut office = office(&crm);
        office.sync_everything();
        crm.with(|v| {
            v.expired = status;
            v.book.delete(103);
            v.oldest = v.book.now();
        });
        let error = office.try_changes().unwrap_err();
        let expired = matches!(error, SourceError::CursorExpired);
        assert!(expired, "{}", words(&error));
        office.sync_everything();
        stories::agree(&crm, &office);
    }
}

#[test]
fn a_deletion_is_found_by_its_id_too() {
    let crm = dataverse("contacts", 70);
    stories::a_deletion_is_found_by_its_id(&crm, &mut office(&crm));
}

#[test]
fn a_token_that_expires_between_two_pages_is_renewed() {
    let crm = dataverse("contacts", 150);
    let mut office = office(&crm);
    crm.before(3, |v| v.tokens += 1);
    stories::everything_arrives(&crm, &mut office);
    assert_eq!(crm.with(|v| v.tokens), 3);
}

#[test]
fn it_waits_when_there_were_too_many_requests() {
    let crm = dataverse("contacts", 150);
    let what =
        "Number of requests exceeded the limit of 6000, measured over time window of 300 seconds.";
    let wait = refused(429, "0x80072322", what).with("Retry-After", 0);
    stories::it_waits_when_told_to(&crm, &mut office(&crm), 3, wait);
}

#[test]
fn nobody_is_lost_when_the_list_moves_between_two_pages() {
    let crm = dataverse("contacts", 150);
    stories::nobody_is_lost_when_the_list_moves(&crm, &mut office(&crm), 3);
}

#[test]
fn a_contact_that_two_pages_hold_is_one() {
    let crm = dataverse("contacts", 150);
    stories::a_record_that_comes_twice_is_one(&crm, &mut office(&crm));
}

#[test]
fn a_client_secret_that_has_expired_is_told_with_what_to_renew() {
    let crm = dataverse("contacts", 10);
    let mut office = office(&crm);
    crm.with(|v| v.secret = "another".into());
    stories::it_says_what_to_renew(&mut office, "new client secret", SECRET);
}

#[test]
fn the_stand_in_refuses_what_the_vendor_does() {
    let wrong = [
        ("modifiedon,", "modified,"),
        (
            "{ \"$select\" = \"fullname",
            "{ \"$filter\" = \"statecode eq 0\", \"$select\" = \"fullname",
        ),
        ("maxpagesize=5000", "maxpagesize=5001"),
        (
            "{ \"$select\" = \"fullname",
            "{ \"$top\" = \"10\", \"$select\" = \"fullname",
        ),
        ("OData-Version = \"4.0\", ", ""),
    ];
    for (text, by) in wrong {
        let crm = dataverse("contacts", 3);
        stories::a_wrong_request_is_refused(&crm, office_but(&crm, text, by), text);
    }
}
