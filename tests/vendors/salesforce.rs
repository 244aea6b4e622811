//! Salesforce: SOQL by a token of the client credentials flow, pages by locator, deletions by queryAll.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::book::{Book, Person};
use super::command::Opened;
use super::office::{Desk, Office};
use super::stand_in::{Answer, Request, StandIn, Vendor};
use super::stories::{self, Crm, Shown};

const SECRET: &str = "3C5C1A2F90B6D7E8";
/// Fewer than the 2,000 that Salesforce gives at most: it may give fewer, and here has to.
const PAGE: usize = 60;
const TIME: &str = "%Y-%m-%dT%H:%M:%S.000+0000";

struct Salesforce {
    book: Book,
    address: String,
    /// `Contact`, `Account` or `Lead`.
    object: &'static str,
    secret: String,
    /// How many tokens were given; only the last is good.
    tokens: usize,
    /// What is left of a query, by its locator: Salesforce keeps the answer as it was.
    locators: BTreeMap<String, Vec<Value>>,
}

impl Crm for Salesforce {
    fn book(&mut self) -> &mut Book {
        &mut self.book
    }

    fn shown(&self, person: &Person) -> Shown {
        match self.object {
            "Account" => Shown {
                name: None,
                numbers: vec![stories::e164(&person.phone)],
                email: None,
                ..Shown::all(person)
            },
            _ => Shown::all(person),
        }
    }

    fn id(&self, person: u64) -> String {
        format!("0035g00000{person:05}AAA")
    }
}

fn refused(status: u16, code: &str, message: &str) -> Answer {
    Answer::new(status, &json!([{"message": message, "errorCode": code}]))
}

impl Salesforce {
    /// The access token's value changes with each that is given.
    fn token(&self) -> String {
        format!("00D5g00000!AQ{}", self.tokens)
    }

    fn log_in(&mut self, request: &Request) -> Answer {
        let form = request.form();
        let given = |name: &str| form.get(name).map_or("", String::as_str);
        if given("grant_type") != "client_credentials" || given("client_id") != "3MVG9" {
            let body = json!({"error": "invalid_grant", "error_description": "bad"});
            return Answer::new(400, &body).misuse("not the client credentials flow");
        }
        if given("client_secret") != self.secret {
            let body = json!({"error": "invalid_client", "error_description": "invalid client credentials"});
            return Answer::new(400, &body);
        }
        self.tokens += 1;
        // There is no expires_in: how long it lives is the org's session setting.
        Answer::ok(
            &json!({"access_token": self.token(), "signature": "c2ln", "scope": "api",
            "instance_url": self.address, "token_type": "Bearer", "issued_at": "1577836800000",
            "id": "https://login.salesforce.com/id/00D5g/0055g"}),
        )
    }

    fn field(&self, person: &Person, field: &str, is_deleted: bool) -> Option<Value> {
        Some(match (self.object, field) {
            (_, "Id") => json!(self.id(person.id)),
            (_, "SystemModstamp") => json!(person.changed(TIME, 0)),
            (_, "IsDeleted") => json!(is_deleted),
            (_, "Phone") => json!(person.phone),
            ("Account", "Name") | ("Lead", "Company") => json!(person.company),
            ("Contact" | "Lead", "Name") => json!(person.name()),
            ("Contact" | "Lead", "MobilePhone") => json!(person.mobile),
            ("Contact" | "Lead", "Email") => json!(person.email),
            ("Contact", "HomePhone" | "OtherPhone" | "AssistantPhone") => Value::Null,
            ("Contact", "Account.Name") => {
                json!({"attributes": {"type": "Account"}, "Name": person.company})
            }
            ("Lead", "IsConverted") => json!(person.is_archived),
            ("Contact", "Balance__c") => json!(1250.5),
            _ => return None,
        })
    }

    /// Understands what the connector says and nothing more.
    fn query(&mut self, soql: &str, is_all: bool) -> Result<Value, Answer> {
        let bad = |why: &str| refused(400, "MALFORMED_QUERY", why).misuse(format!("{why}: {soql}"));
        let soql_rest = soql
            .strip_prefix("SELECT ")
            .ok_or_else(|| bad("no SELECT"))?;
        let (fields, rest) = soql_rest
            .split_once(" FROM ")
            .ok_or_else(|| bad("no FROM"))?;
        let (from, order) = rest
            .split_once(" ORDER BY ")
            .ok_or_else(|| bad("no order"))?;
        let (object, condition) = from.split_once(" WHERE ").unwrap_or((from, ""));
        if object != self.object {
            return Err(refused(400, "INVALID_TYPE", "no such object").misuse(object));
        }
        let deleted = self.book.deleted.clone();
        let deleted = deleted.iter().filter(|_| is_all).map(|(id, at)| {
            let mut person = self.book.people[0].clone();
            (person.id, person.changed) = (*id, *at);
            (person, true)
        });
        let people = self.book.people.iter().map(|p| (p.clone(), false));
        let mut all: Vec<(Person, bool)> = people.chain(deleted).collect();
        match condition {
            "" => {}
            "IsConverted = false" => all.retain(|(p, _)| !p.is_archived),
            changed => {
                let since = changed.strip_prefix("SystemModstamp >= ");
                let since = since.and_then(|s| s.parse::<jiff::Timestamp>().ok());
                let since = since.ok_or_else(|| bad("an unknown condition"))?;
                all.retain(|(p, _)| p.changed >= since.as_second());
            }
        }
        match order {
            "Id" => all.sort_by_key(|(p, _)| p.id),
            "SystemModstamp,Id" => all.sort_by_key(|(p, _)| (p.changed, p.id)),
            _ => return Err(bad("an unknown order")),
        }
        let mut records = Vec::new();
        for (person, is_deleted) in &all {
            let mut record = json!({"attributes": {"type": self.object, "url": "/services/data"}});
            for field in fields.split(',') {
                let value = self.field(person, field, *is_deleted);
                let value =
                    value.ok_or_else(|| refused(400, "INVALID_FIELD", field).misuse(field))?;
                let name = field.split('.').next().unwrap();
                record[name] = value;
            }
            records.push(record);
        }
        Ok(self.batch(records, all.len()))
    }

    fn batch(&mut self, mut records: Vec<Value>, total: usize) -> Value {
        let rest = records.split_off(records.len().min(PAGE));
        if let (true, Some(first)) = (self.book.repeats, rest.first()) {
            records.push(first.clone());
        }
        let mut answer = json!({"totalSize": total, "done": rest.is_empty(), "records": records});
        if !rest.is_empty() {
            let locator = format!("01g5g00000{}-{}", self.locators.len(), rest.len());
            answer["nextRecordsUrl"] = json!(format!("/services/data/v60.0/query/{locator}"));
            self.locators.insert(locator, rest);
        }
        answer
    }

    fn more(&mut self, locator: &str) -> Result<Value, Answer> {
        let left = self.locators.remove(locator);
        let left = left.ok_or_else(|| {
            refused(400, "INVALID_QUERY_LOCATOR", "invalid query locator").misuse(locator)
        })?;
        let total = left.len();
        Ok(self.batch(left, total))
    }
}

impl Vendor for Salesforce {
    fn answer(&mut self, request: &Request) -> Answer {
        if (&*request.method, &*request.path) == ("POST", "/services/oauth2/token") {
            return self.log_in(request);
        }
        let bearer = format!("Bearer {}", self.token());
        if self.tokens == 0 || request.header("authorization") != bearer {
            return refused(401, "INVALID_SESSION_ID", "Session expired or invalid");
        }
        if let Some(unknown) = request.unknown(&["q"]) {
            return refused(400, "INVALID_FIELD", "unknown").misuse(unknown);
        }
        let path = request.path.strip_prefix("/services/data/v60.0/");
        let answer = match (
            &*request.method,
            path.unwrap_or_default(),
            request.param("q"),
        ) {
            ("GET", "query", Some(soql)) => self.query(soql, false),
            ("GET", "queryAll", Some(soql)) => self.query(soql, true),
            ("GET", more, None) if more.starts_with("query/") => self.more(&more[6..]),
            _ => Err(refused(404, "NOT_FOUND", "not found").misuse("no such resource")),
        };
        answer.map_or_else(|refusal| refusal, |found| Answer::ok(&found))
    }
}

fn salesforce(object: &'static str, people: u64) -> StandIn<Salesforce> {
    StandIn::start(|address| Salesforce {
        book: Book::of(people),
        address: address.to_owned(),
        object,
        secret: SECRET.into(),
        tokens: 0,
        locators: BTreeMap::new(),
    })
}

fn block(crm: &StandIn<Salesforce>) -> String {
    let object = match crm.with(|v| v.object) {
        "Contact" => "contacts",
        "Account" => "accounts",
        _ => "leads",
    };
    let address = &crm.address;
    format!(
        "[[source]]\nname = \"crm\"\ntype = \"salesforce-at-once\"\nobject = \"{object}\"\n\
         [source.with]\naddress = \"{address}\"\n[source.secrets]\n\
         client-id = {{ file = \"id\" }}\nclient-secret = {{ file = \"secret\" }}\n"
    )
}

fn office(crm: &StandIn<Salesforce>) -> Office {
    office_but(crm, "", "")
}

/// With something in the connector's text replaced.
fn office_but(crm: &StandIn<Salesforce>, text: &str, by: &str) -> Office {
    let desk = Desk::new();
    desk.at_once_but("salesforce", text, by);
    desk.secret("id", "3MVG9");
    desk.secret("secret", SECRET);
    desk.open(&block(crm))
}

fn log_ins(crm: &StandIn<Salesforce>) -> usize {
    crm.with(|v| v.tokens)
}

/// For what holds of every vendor.
pub fn opened() -> Opened {
    let crm = salesforce("Contact", 30);
    let office = office(&crm);
    (Box::new(crm), office)
}

#[test]
fn all_contacts_arrive_with_names_accounts_and_numbers() {
    let crm = salesforce("Contact", 150);
    let mut office = office(&crm);
    stories::everything_arrives(&crm, &mut office);
    assert_eq!((crm.requests().len(), log_ins(&crm)), (4, 1));
    stories::a_few_are_the_first_ones(&crm, &office);
}

#[test]
fn all_accounts_and_leads_arrive_and_their_changes_follow() {
    for object in ["Account", "Lead"] {
        let crm = salesforce(object, 70);
        let mut office = office(&crm);
        stories::everything_arrives(&crm, &mut office);
        stories::a_change_arrives_alone(&crm, &mut office);
        stories::a_deletion_comes_with_the_changes(&crm, &mut office);
    }
}

#[test]
fn a_lead_that_was_converted_is_no_lead_any_more() {
    let crm = salesforce("Lead", 30);
    let mut office = office(&crm);
    stories::an_archived_one_goes_with_the_changes(&crm, &mut office);
    office.sync_everything();
    stories::agree(&crm, &office);
}

#[test]
fn changes_deletions_and_merges_come_by_query_all() {
    let crm = salesforce("Contact", 150);
    let mut office = office(&crm);
    stories::a_change_arrives_alone(&crm, &mut office);
    stories::a_deletion_comes_with_the_changes(&crm, &mut office);
    stories::a_merge_leaves_the_one_that_is_left(&crm, &mut office);
    stories::nothing_new_is_no_error(&crm, &mut office);
}

#[test]
fn what_left_the_recycle_bin_unseen_is_found_by_its_id() {
    let crm = salesforce("Contact", 70);
    let mut office = office(&crm);
    office.sync_everything();
    crm.with(|v| {
        v.book.delete(120);
        v.book.deleted.clear();
    });
    assert_eq!(office.compare_ids().len(), 1);
    stories::agree(&crm, &office);
}

#[test]
fn a_session_that_expires_between_two_pages_is_renewed() {
    let crm = salesforce("Contact", 150);
    let mut office = office(&crm);
    crm.before(3, |v| v.tokens += 1);
    stories::everything_arrives(&crm, &mut office);
    assert_eq!(log_ins(&crm), 3);
}

#[test]
fn it_waits_when_the_server_is_busy() {
    let crm = salesforce("Contact", 150);
    let busy = refused(503, "SERVER_UNAVAILABLE", "busy").with("Retry-After", 0);
    stories::it_waits_when_told_to(&crm, &mut office(&crm), 3, busy);
}

/// It comes with the status of a refusal, and is none: the token is not renewed for it.
#[test]
fn a_day_without_requests_left_is_no_refused_credential() {
    let crm = salesforce("Contact", 10);
    let mut office = office(&crm);
    let limit = refused(
        403,
        "REQUEST_LIMIT_EXCEEDED",
        "TotalRequests Limit exceeded.",
    );
    crm.instead(2, limit.with("Retry-After", 0));
    stories::everything_arrives(&crm, &mut office);
    assert_eq!((crm.requests().len(), log_ins(&crm)), (3, 1));
}

#[test]
fn nobody_is_lost_when_the_list_moves_between_two_pages() {
    let crm = salesforce("Contact", 150);
    stories::nobody_is_lost_when_the_list_moves(&crm, &mut office(&crm), 3);
}

#[test]
fn a_contact_that_two_pages_hold_is_one() {
    let crm = salesforce("Contact", 150);
    stories::a_record_that_comes_twice_is_one(&crm, &mut office(&crm));
}

#[test]
fn a_secret_that_was_rotated_is_told_with_what_to_renew() {
    let crm = salesforce("Contact", 10);
    let mut office = office(&crm);
    crm.with(|v| v.secret = "another".into());
    stories::it_says_what_to_renew(&mut office, "App Manager", SECRET);
}

#[test]
fn the_stand_in_refuses_what_the_vendor_does() {
    let wrong = [
        ("HomePhone", "HomeTelephone"),
        ("FROM Contact", "FROM Person"),
        ("{{ since }}", "'{{ since }}'"),
        ("query = { q", "query = { x = \"1\", q"),
    ];
    for (text, by) in wrong {
        let crm = salesforce("Contact", 3);
        stories::a_wrong_request_is_refused(&crm, office_but(&crm, text, by), text);
    }
}
