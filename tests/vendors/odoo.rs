//! Odoo 19: search_read by the JSON-2 API, page by page of ids; and the database behind it, which the older
//! API's stand-in shares.

use serde_json::{Value, json};

use super::book::{Book, Person};
use super::command::Opened;
use super::office::{Desk, Office};
use super::stand_in::{Answer, Request, StandIn, Vendor};
use super::stories::{self, Crm, Shown, e164};

const KEY: &str = "e3a1c5f7b9d2468ace13579bdf02468ace135790";
const TIME: &str = "%Y-%m-%d %H:%M:%S";
/// Odoo's `false` where there is nothing.
const NOTHING: Value = Value::Bool(false);

/// Partners, as Odoo's own methods show them.
pub struct Database {
    pub book: Book,
    /// Until 18 a partner has a mobile number of its own.
    pub has_mobile: bool,
    /// What partners owe; nobody else is a customer.
    pub credits: Vec<(u64, f64)>,
}

/// What Odoo would raise.
pub struct Raised(pub String);

impl Database {
    pub fn of(people: u64, has_mobile: bool) -> Database {
        Database {
            book: Book::of(people),
            has_mobile,
            credits: Vec::new(),
        }
    }

    pub fn shown(&self, person: &Person) -> Shown {
        let mut shown = Shown::all(person);
        if !self.has_mobile {
            shown.numbers = vec![e164(&person.phone)];
        }
        shown
    }

    fn field(&self, person: &Person, field: &str) -> Option<Value> {
        let credit = self.credits.iter().find(|(id, _)| *id == person.id);
        let text = |text: &str| match text {
            "" => NOTHING,
            text => json!(text),
        };
        Some(match field {
            "id" => json!(person.id),
            "name" => json!(person.name()),
            "phone" => text(&person.phone),
            "mobile" if self.has_mobile => text(&person.mobile),
            "email" => text(&person.email),
            "commercial_company_name" => text(&person.company),
            "commercial_partner_id" => json!([person.id, person.company]),
            "write_date" => json!(person.changed(TIME, 0)),
            "active" => json!(!person.is_archived),
            "is_company" => json!(false),
            "parent_id" => NOTHING,
            "customer_rank" => json!(i32::from(credit.is_some())),
            "credit" => json!(credit.map_or(0.0, |(_, credit)| *credit)),
            "currency_id" => json!([31, "TRY"]),
            "ref" => NOTHING,
            _ => return None,
        })
    }

    fn holds(&self, person: &Person, leaf: &Value) -> Result<bool, Raised> {
        let raised = |what: &str| Raised(format!("{what}: {leaf}"));
        let [field, operator, value] = &leaf.as_array().ok_or_else(|| raised("a leaf"))?[..] else {
            return Err(raised("a leaf has three parts"));
        };
        let has = self.field(person, field.as_str().unwrap());
        let has = has.ok_or_else(|| raised("no such field"))?;
        // An id that is a text is an error of the database.
        if has.is_number() != value.is_number() {
            return Err(raised("another type"));
        }
        let number = |v: &Value| v.as_f64();
        let at_least = || match (number(&has), number(value)) {
            (Some(has), Some(value)) => has >= value,
            _ => has.as_str() >= value.as_str(),
        };
        Ok(match operator.as_str().unwrap() {
            "=" => has == *value,
            ">" => at_least() && has != *value,
            ">=" => at_least(),
            _ => return Err(raised("an unknown operator")),
        })
    }

    /// Leaves are joined with "and"; `|` joins the two that follow it.
    fn matches(&self, person: &Person, domain: &[Value]) -> Result<bool, Raised> {
        let mut rest = domain;
        while let Some((leaf, after)) = rest.split_first() {
            let fits;
            (fits, rest) = match (leaf.as_str(), after) {
                (Some("|"), [left, right, after @ ..]) => {
                    let either = self.holds(person, left)? || self.holds(person, right)?;
                    (either, after)
                }
                _ => (self.holds(person, leaf)?, after),
            };
            if !fits {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// `arguments` by their names: domain, fields, limit, order, context.
    pub fn search_read(&self, arguments: &Value) -> Result<Value, Raised> {
        let known = ["domain", "fields", "offset", "limit", "order", "context"];
        let mut names = arguments.as_object().unwrap().keys();
        if let Some(unknown) = names.find(|n| !known.contains(&n.as_str())) {
            return Err(Raised(format!(
                "got an unexpected keyword argument '{unknown}'"
            )));
        }
        let shows_archived = arguments["context"]["active_test"] == json!(false);
        let domain = arguments["domain"]
            .as_array()
            .ok_or(Raised("no domain".into()))?;
        let mut all = self.book.people.clone();
        all.sort_by_key(|p| p.id);
        if arguments["order"] != "id" {
            return Err(Raised("not by id".into()));
        }
        let mut records = Vec::new();
        let mut before = None;
        for person in all {
            if person.is_archived && !shows_archived {
                continue;
            }
            if !self.matches(&person, domain)? {
                before = Some(person);
                continue;
            }
            // A page that repeats: here the one before is shown again.
            if let (true, Some(before)) = (self.book.repeats && records.is_empty(), before.take()) {
                records.push(self.record(&before, &arguments["fields"])?);
            }
            records.push(self.record(&person, &arguments["fields"])?);
        }
        records.truncate(arguments["limit"].as_u64().unwrap_or(u64::MAX) as usize);
        Ok(json!(records))
    }

    fn record(&self, person: &Person, fields: &Value) -> Result<Value, Raised> {
        let mut record = json!({"id": person.id});
        for field in fields.as_array().ok_or(Raised("fields".into()))? {
            let field = field.as_str().unwrap();
            let value = self.field(person, field);
            let what = format!("Invalid field '{field}' on 'res.partner'");
            record[field] = value.ok_or(Raised(what))?;
        }
        Ok(record)
    }
}

struct Odoo {
    database: Database,
    key: String,
}

impl Crm for Odoo {
    fn book(&mut self) -> &mut Book {
        &mut self.database.book
    }

    fn shown(&self, person: &Person) -> Shown {
        self.database.shown(person)
    }
}

fn raised(status: u16, name: &str, message: &str) -> Answer {
    Answer::new(
        status,
        &json!({"name": name, "message": message, "arguments": [message, status], "context": {},
                "debug": "Traceback (most recent call last):"}),
    )
}

impl Vendor for Odoo {
    fn answer(&mut self, request: &Request) -> Answer {
        if request.header("authorization") != format!("bearer {}", self.key) {
            return raised(401, "werkzeug.exceptions.Unauthorized", "Invalid apikey");
        }
        if request.method != "POST" || request.path != "/json/2/res.partner/search_read" {
            let name = "werkzeug.exceptions.NotFound";
            return raised(404, name, "not found").misuse("no such method");
        }
        if !request.is_json() {
            return raised(415, "werkzeug.exceptions.UnsupportedMediaType", "").misuse("no type");
        }
        if request.headers.contains_key("x-odoo-database")
            && request.header("x-odoo-database") != "acme"
        {
            return raised(404, "werkzeug.exceptions.NotFound", "no database").misuse("database");
        }
        match self.database.search_read(&request.json()) {
            Ok(found) => Answer::ok(&found),
            Err(Raised(what)) => {
                let name = "werkzeug.exceptions.UnprocessableEntity";
                raised(422, name, &what).misuse(what)
            }
        }
    }
}

fn odoo(people: u64) -> StandIn<Odoo> {
    StandIn::start(|_| Odoo {
        database: Database::of(people, false),
        key: KEY.into(),
    })
}

fn block(crm: &StandIn<Odoo>, object: &str) -> String {
    let address = &crm.address;
    format!(
        "[[source]]\nname = \"{object}\"\ntype = \"odoo-at-once\"\nobject = \"{object}\"\n\
         [source.with]\naddress = \"{address}\"\ndatabase = \"acme\"\n\
         [source.secrets]\nkey = {{ file = \"odoo\" }}\n"
    )
}

fn office(crm: &StandIn<Odoo>) -> Office {
    office_but(crm, "", "")
}

/// With something in the connector's text replaced.
fn office_but(crm: &StandIn<Odoo>, text: &str, by: &str) -> Office {
    let desk = Desk::new();
    desk.at_once_but("odoo", text, by);
    desk.secret("odoo", KEY);
    desk.open(&block(crm, "contacts"))
}

/// For what holds of every vendor.
pub fn opened() -> Opened {
    let crm = odoo(30);
    let office = office(&crm);
    (Box::new(crm), office)
}

#[test]
fn all_partners_arrive_with_names_companies_and_numbers() {
    let crm = odoo(1050);
    let mut office = office(&crm);
    stories::everything_arrives(&crm, &mut office);
    assert_eq!(crm.requests().len(), 2);
    stories::a_few_are_the_first_ones(&crm, &office);
}

#[test]
fn a_partner_without_a_number_or_a_company_has_none() {
    let crm = odoo(3);
    crm.with(|v| {
        v.database.book.change(102, |p| {
            p.email.clear();
            p.company.clear();
        });
    });
    let mut office = office(&crm);
    office.sync_everything();
    let contact = &office.copy["102"];
    assert_eq!((&contact.company, &contact.ids.email), (&None, &None));
    assert_eq!(contact.numbers.len(), 1);
}

#[test]
fn changes_come_alone_and_archived_partners_go() {
    let crm = odoo(120);
    let mut office = office(&crm);
    stories::a_change_arrives_alone(&crm, &mut office);
    stories::nothing_new_is_no_error(&crm, &mut office);
    stories::an_archived_one_goes_with_the_changes(&crm, &mut office);
}

#[test]
fn deleted_and_merged_partners_are_found_by_their_ids() {
    let crm = odoo(120);
    let mut office = office(&crm);
    stories::a_deletion_is_found_by_its_id(&crm, &mut office);
    stories::a_merge_leaves_the_one_that_is_left(&crm, &mut office);
}

#[test]
fn it_waits_when_the_server_says_so() {
    let crm = odoo(1050);
    let wait = Answer::new(429, &Value::Null).with("Retry-After", 0);
    stories::it_waits_when_told_to(&crm, &mut office(&crm), 2, wait);
}

#[test]
fn nobody_is_lost_when_the_list_moves_between_two_pages() {
    let crm = odoo(1050);
    stories::nobody_is_lost_when_the_list_moves(&crm, &mut office(&crm), 2);
}

#[test]
fn a_partner_that_two_pages_hold_is_one() {
    let crm = odoo(1050);
    stories::a_record_that_comes_twice_is_one(&crm, &mut office(&crm));
}

#[test]
fn a_read_that_was_interrupted_goes_on_where_it_was() {
    let crm = odoo(2100);
    stories::it_goes_on_after_an_interruption(&crm, &mut office(&crm), 2);
}

#[test]
fn a_key_that_has_expired_is_told_with_what_to_renew() {
    let crm = odoo(10);
    let mut office = office(&crm);
    crm.with(|v| v.key = "another".into());
    stories::it_says_what_to_renew(&mut office, "new API key", KEY);
}

#[test]
fn balances_are_what_customers_owe_and_change_though_the_partner_does_not() {
    let crm = odoo(20);
    crm.with(|v| v.database.credits = vec![(105, 1250.5), (107, 0.0)]);
    let desk = Desk::new();
    desk.at_once("odoo");
    desk.secret("odoo", KEY);
    let sources = format!("{}{}", block(&crm, "contacts"), block(&crm, "balances"));
    let mut office = desk.open_at(&sources, 1);
    office.sync_everything();
    let balance = |office: &Office, id: &str| office.copy[id].balance.unwrap().amount.to_string();
    assert_eq!(office.copy.len(), 2);
    assert_eq!(
        (&*balance(&office, "105"), &*balance(&office, "107")),
        ("1250.5", "0")
    );
    crm.with(|v| v.database.credits[0].1 = 2000.0);
    office.sync_everything();
    assert_eq!(balance(&office, "105"), "2000");
    assert!(!office.source.abilities().changes);
}

#[test]
fn the_stand_in_refuses_what_the_vendor_does() {
    let wrong = [
        ("start = 0", "start = \"0\""),
        ("order = \"id\"", "order = \"id\"\nsize = 5"),
        ("name,phone,", "name,phone,mobile,"),
        ("res.partner/search_read", "res.partner/search"),
    ];
    for (text, by) in wrong {
        let crm = odoo(3);
        stories::a_wrong_request_is_refused(&crm, office_but(&crm, text, by), text);
    }
}
