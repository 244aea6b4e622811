//! Zoho CRM: lists by page token, If-Modified-Since, the list of the deleted, a token of its own scheme.

use serde_json::{Value, json};

use super::book::{Book, Person, time};
use super::command::Opened;
use super::office::{Desk, Office};
use super::stand_in::{Answer, Request, StandIn, Vendor};
use super::stories::{self, Crm, Shown, e164};

const REFRESH: &str = "1000.8cb99dxxxxxxxxxxxxx9be93.9b8xxxxxxxxxxxxxxxf";
const PAGE: usize = 200;
const FIELDS: usize = 50;
const TIME: &str = "%Y-%m-%dT%H:%M:%S%:z";

struct Zoho {
    book: Book,
    address: String,
    module: &'static str,
    refresh: String,
    tokens: usize,
}

impl Crm for Zoho {
    fn book(&mut self) -> &mut Book {
        &mut self.book
    }

    fn shown(&self, person: &Person) -> Shown {
        match self.module {
            "Contacts" => Shown::all(person),
            _ => Shown {
                name: None,
                numbers: vec![e164(&person.phone)],
                email: None,
                ..Shown::all(person)
            },
        }
    }

    fn id(&self, person: u64) -> String {
        format!("5545974000000{person:06}")
    }
}

fn refused(status: u16, code: &str) -> Answer {
    let body = json!({"code": code, "details": {}, "message": "see the code", "status": "error"});
    Answer::new(status, &body)
}

impl Zoho {
    fn token(&self) -> String {
        format!("1000.6be{}", self.tokens)
    }

    fn log_in(&mut self, request: &Request) -> Answer {
        let mut form = request.form();
        form.extend(request.query.iter().cloned());
        let given = |name: &str| form.get(name).map_or("", String::as_str);
        if given("grant_type") != "refresh_token" || given("client_id") != "1000.GMB0" {
            return Answer::ok(&json!({"error": "invalid_client"})).misuse("grant_type, client_id");
        }
        // Zoho says so in a 200.
        if given("refresh_token") != self.refresh || given("client_secret") != "secret" {
            return Answer::ok(&json!({"error": "invalid_code"}));
        }
        self.tokens += 1;
        Answer::ok(
            &json!({"access_token": self.token(), "scope": "ZohoCRM.modules.READ",
            "api_domain": self.address, "token_type": "Bearer", "expires_in": 3600}),
        )
    }

    fn field(&self, person: &Person, field: &str) -> Option<Value> {
        Some(match (self.module, field) {
            (_, "Modified_Time") => json!(person.changed(TIME, 3)),
            (_, "Phone") => json!(person.phone),
            ("Accounts", "Account_Name") => json!(person.company),
            ("Contacts", "Account_Name") => {
                json!({"name": person.company, "id": self.id(person.id * 7)})
            }
            ("Contacts", "Full_Name") => json!(person.name()),
            ("Contacts", "Mobile") => json!(person.mobile),
            ("Contacts", "Email") => json!(person.email),
            ("Contacts", "Home_Phone" | "Other_Phone" | "Asst_Phone") => Value::Null,
            _ => return None,
        })
    }

    fn since(request: &Request) -> Result<Option<i64>, Answer> {
        let header = request.header("if-modified-since");
        if header.is_empty() {
            return Ok(None);
        }
        // With an offset: 2019-07-25T15:26:49+05:30.
        let fits = header.len() == 25 && !header.ends_with('Z');
        let at = header.parse::<jiff::Timestamp>().ok().filter(|_| fits);
        at.map(|t| Some(t.as_second()))
            .ok_or_else(|| refused(400, "INVALID_DATA").misuse(format!("since {header}")))
    }

    fn list(&self, request: &Request) -> Result<Answer, Answer> {
        let known = [
            "fields",
            "per_page",
            "page",
            "page_token",
            "sort_by",
            "sort_order",
        ];
        if let Some(unknown) = request.unknown(&known) {
            return Err(refused(400, "INVALID_DATA").misuse(unknown));
        }
        let Some(fields) = request.param("fields") else {
            return Err(refused(400, "REQUIRED_PARAM_MISSING").misuse("fields are required"));
        };
        let fields: Vec<_> = fields.split(',').collect();
        let size: usize = request.param("per_page").unwrap_or("200").parse().unwrap();
        if size > PAGE || fields.len() > FIELDS {
            return Err(refused(400, "LIMIT_EXCEEDED").misuse("more than 200 records or 50 fields"));
        }
        let since = Zoho::since(request)?;
        let mut all = self.book.living();
        all.retain(|p| p.changed >= since.unwrap_or(i64::MIN));
        if all.is_empty() {
            return Ok(Answer::empty(if since.is_some() { 304 } else { 204 }));
        }
        let from = match (request.param("page_token"), request.param("page")) {
            (Some(_), Some(_)) => {
                return Err(refused(400, "AMBIGUITY_DURING_PROCESSING").misuse("both"));
            }
            (Some(token), None) => {
                let last = token
                    .strip_prefix("c8582e")
                    .and_then(|t| t.parse::<u64>().ok());
                let last = last.ok_or_else(|| refused(400, "INVALID_DATA").misuse("page_token"))?;
                all.iter().position(|p| p.id > last).unwrap_or(all.len())
            }
            (None, page) => {
                let page: usize = page.unwrap_or("1").parse().unwrap();
                if page * size > 2000 {
                    return Err(refused(400, "DISCRETE_RECORDS").misuse("beyond 2,000 by page"));
                }
                (page - 1) * size
            }
        };
        let (page, more) = self.book.page(&all, from, size);
        let mut records = Vec::new();
        for person in &page {
            let mut record = json!({"id": self.id(person.id)});
            for field in &fields {
                let value = self.field(person, field);
                record[field] = value.ok_or_else(|| refused(400, "INVALID_DATA").misuse(*field))?;
            }
            records.push(record);
        }
        let next = page
            .last()
            .filter(|_| more)
            .map(|p| format!("c8582e{}", p.id));
        Ok(Answer::ok(
            &json!({"data": records, "info": {"per_page": size, "count": records.len(),
            "page": 1, "sort_by": "id", "sort_order": "desc", "more_records": more,
            "next_page_token": next, "previous_page_token": null,
            "page_token_expiry": "2020-01-02T00:00:00+03:00"}}),
        ))
    }

    fn deleted(&self, request: &Request) -> Result<Answer, Answer> {
        if let Some(unknown) = request.unknown(&["type", "page", "per_page"]) {
            return Err(refused(400, "INVALID_DATA").misuse(unknown));
        }
        let kind = request.param("type").unwrap_or("all");
        if !["all", "recycle", "permanent"].contains(&kind) {
            return Err(refused(400, "INVALID_DATA").misuse("type"));
        }
        let since = Zoho::since(request)?.unwrap_or(i64::MIN);
        let mut all = self.book.deleted.clone();
        all.retain(|(_, at)| *at >= since);
        if all.is_empty() {
            return Ok(Answer::empty(204));
        }
        let size: usize = request.param("per_page").unwrap_or("200").parse().unwrap();
        let page: usize = request.param("page").unwrap_or("1").parse().unwrap();
        let (part, more) = self.book.page(&all, (page - 1) * size, size);
        let records: Vec<_> = part
            .iter()
            .map(|(id, at)| {
                json!({"deleted_by": {"name": "Ece", "id": "554"}, "id": self.id(*id),
                "display_name": "gone", "type": "recycle", "created_by": {"name": "Ece", "id": "554"},
                "deleted_time": time(*at, TIME, 3)})
            })
            .collect();
        let info =
            json!({"per_page": size, "count": records.len(), "page": page, "more_records": more});
        Ok(Answer::ok(&json!({"data": records, "info": info})))
    }
}

impl Vendor for Zoho {
    fn answer(&mut self, request: &Request) -> Answer {
        if (&*request.method, &*request.path) == ("POST", "/oauth/v2/token") {
            return self.log_in(request);
        }
        let authorization = request.header("authorization");
        if !authorization.starts_with("Zoho-oauthtoken ") {
            return refused(401, "AUTHENTICATION_FAILURE").misuse("not Zoho's scheme");
        }
        if self.tokens == 0 || authorization[16..] != self.token() {
            return refused(401, "INVALID_TOKEN");
        }
        let list = format!("/crm/v8/{}", self.module);
        let answer = match (&*request.method, &*request.path) {
            ("GET", path) if path == list => self.list(request),
            ("GET", path) if path == format!("{list}/deleted") => self.deleted(request),
            _ => Err(refused(404, "INVALID_URL_PATTERN").misuse("no such address")),
        };
        answer.unwrap_or_else(|refusal| refusal)
    }
}

fn zoho(module: &'static str, people: u64) -> StandIn<Zoho> {
    StandIn::start(|address| Zoho {
        book: Book::of(people),
        address: address.to_owned(),
        module,
        refresh: REFRESH.into(),
        tokens: 0,
    })
}

fn office(crm: &StandIn<Zoho>) -> Office {
    office_but(crm, "", "")
}

/// With something in the connector's text replaced.
fn office_but(crm: &StandIn<Zoho>, text: &str, by: &str) -> Office {
    let desk = Desk::new();
    desk.at_once_but("zoho", text, by);
    desk.secret("id", "1000.GMB0");
    desk.secret("secret", "secret");
    desk.secret("refresh", REFRESH);
    let (object, address) = (crm.with(|v| v.module.to_lowercase()), &crm.address);
    desk.open(&format!(
        "[[source]]\nname = \"crm\"\ntype = \"zoho-at-once\"\nobject = \"{object}\"\n\
         [source.with]\naccounts = \"{address}\"\n[source.secrets]\nclient-id = {{ file = \"id\" }}\n\
         client-secret = {{ file = \"secret\" }}\nrefresh-token = {{ file = \"refresh\" }}\n"
    ))
}

/// For what holds of every vendor.
pub fn opened() -> Opened {
    let crm = zoho("Contacts", 30);
    let office = office(&crm);
    (Box::new(crm), office)
}

#[test]
fn all_contacts_arrive_with_names_accounts_and_numbers() {
    let crm = zoho("Contacts", 430);
    let mut office = office(&crm);
    stories::everything_arrives(&crm, &mut office);
    assert_eq!(crm.requests().len(), 4);
    stories::a_few_are_the_first_ones(&crm, &office);
}

#[test]
fn all_accounts_arrive_and_their_changes_follow() {
    let crm = zoho("Accounts", 30);
    let mut office = office(&crm);
    stories::everything_arrives(&crm, &mut office);
    stories::a_change_arrives_alone(&crm, &mut office);
    stories::a_deletion_comes_with_the_changes(&crm, &mut office);
}

#[test]
fn an_empty_module_is_no_error() {
    let crm = zoho("Contacts", 0);
    let mut office = office(&crm);
    assert!(office.sync_everything().contacts.is_empty());
    // Nothing was seen, so changes are asked for from the read on.
    crm.with(|v| {
        v.book.add();
        v.book.people[0].changed = jiff::Timestamp::now().as_second();
    });
    office.sync_changes();
    stories::agree(&crm, &office);
}

#[test]
fn changes_and_deletions_come_from_their_lists() {
    let crm = zoho("Contacts", 230);
    let mut office = office(&crm);
    stories::a_change_arrives_alone(&crm, &mut office);
    stories::a_deletion_comes_with_the_changes(&crm, &mut office);
    stories::a_merge_leaves_the_one_that_is_left(&crm, &mut office);
    stories::nothing_new_is_no_error(&crm, &mut office);
}

#[test]
fn more_deletions_than_a_page_holds_all_follow() {
    let crm = zoho("Contacts", 300);
    let mut office = office(&crm);
    office.sync_everything();
    crm.with(|v| {
        v.book.pace = 30;
        (101..350).for_each(|id| v.book.delete(id));
    });
    assert_eq!(office.sync_changes().gone.len(), 249);
    stories::agree(&crm, &office);
}

#[test]
fn what_is_deleted_is_found_by_its_id_too() {
    let crm = zoho("Contacts", 230);
    stories::a_deletion_is_found_by_its_id(&crm, &mut office(&crm));
}

#[test]
fn a_token_that_expires_between_two_pages_is_renewed() {
    let crm = zoho("Contacts", 430);
    let mut office = office(&crm);
    crm.before(3, |v| v.tokens += 1);
    stories::everything_arrives(&crm, &mut office);
    assert_eq!(crm.with(|v| v.tokens), 3);
}

#[test]
fn it_waits_when_there_were_too_many_requests() {
    let crm = zoho("Contacts", 430);
    let wait = refused(429, "TOO_MANY_REQUESTS").with("Retry-After", 0);
    stories::it_waits_when_told_to(&crm, &mut office(&crm), 3, wait);
}

#[test]
fn nobody_is_lost_when_the_list_moves_between_two_pages() {
    let crm = zoho("Contacts", 430);
    stories::nobody_is_lost_when_the_list_moves(&crm, &mut office(&crm), 3);
}

#[test]
fn a_contact_that_two_pages_hold_is_one() {
    let crm = zoho("Contacts", 430);
    stories::a_record_that_comes_twice_is_one(&crm, &mut office(&crm));
}

#[test]
fn a_refresh_token_that_was_revoked_is_told_with_what_to_renew() {
    let crm = zoho("Contacts", 10);
    let mut office = office(&crm);
    crm.with(|v| v.refresh = "another".into());
    stories::it_says_what_to_renew(&mut office, "Self client", REFRESH);
}

#[test]
fn the_stand_in_refuses_what_the_vendor_does() {
    let wrong = [
        ("per_page = \"200\"", "per_page = \"201\""),
        ("Full_Name", "FullName"),
        ("%S+00:00", "%SZ"),
        ("authorization = \"Zoho-oauthtoken\"", ""),
    ];
    for (text, by) in wrong {
        let crm = zoho("Contacts", 3);
        stories::a_wrong_request_is_refused(&crm, office_but(&crm, text, by), text);
    }
}
