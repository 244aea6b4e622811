//! Odoo 14 to 18: a login for the user's number, then execute_kw, errors in a 200.

use serde_json::{Value, json};

use super::book::{Book, Person};
use super::command::Opened;
use super::odoo::{Database, Raised};
use super::office::{Desk, Office};
use super::stand_in::{Answer, Request, StandIn, Vendor};
use super::stories::{self, Crm, Shown};

const KEY: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f001234567";
const UID: u64 = 7;

struct OldOdoo {
    database: Database,
    key: String,
}

impl Crm for OldOdoo {
    fn book(&mut self) -> &mut Book {
        &mut self.database.book
    }

    fn shown(&self, person: &Person) -> Shown {
        self.database.shown(person)
    }
}

fn error(id: &Value, name: &str, message: &str) -> Answer {
    Answer::ok(
        &json!({"jsonrpc": "2.0", "id": id, "error": {"code": 200, "message": "Odoo Server Error",
        "data": {"name": name, "message": message, "arguments": [message], "context": {},
                 "debug": "Traceback (most recent call last):"}}}),
    )
}

impl OldOdoo {
    fn execute(&self, id: &Value, arguments: &[Value]) -> Answer {
        let [database, uid, key, model, method, positional, named] = arguments else {
            return error(id, "builtins.TypeError", "arguments").misuse("execute_kw takes seven");
        };
        if *database != "acme" || *uid != json!(UID) || *key != json!(self.key) {
            return error(id, "odoo.exceptions.AccessDenied", "Access Denied");
        }
        if *model != "res.partner" || *method != "search_read" {
            return error(id, "builtins.AttributeError", "no method").misuse("another method");
        }
        let mut all = named.clone();
        all["domain"] = positional[0].clone();
        match self.database.search_read(&all) {
            Ok(found) => Answer::ok(&json!({"jsonrpc": "2.0", "id": id, "result": found})),
            Err(Raised(what)) => error(id, "builtins.ValueError", &what).misuse(what),
        }
    }
}

impl Vendor for OldOdoo {
    fn answer(&mut self, request: &Request) -> Answer {
        if request.method != "POST" || request.path != "/jsonrpc" || !request.is_json() {
            return Answer::empty(404).misuse("not JSON posted to /jsonrpc");
        }
        let call = request.json();
        if call["jsonrpc"] != "2.0" || call["method"] != "call" {
            return Answer::empty(400).misuse("no JSON-RPC 2.0");
        }
        let (id, params) = (&call["id"], &call["params"]);
        let arguments = params["args"].as_array().unwrap();
        match (params["service"].as_str(), params["method"].as_str()) {
            (Some("common"), Some("authenticate")) => {
                let right = [
                    json!("acme"),
                    json!("ringcard@acme.example"),
                    json!(self.key),
                    json!({}),
                ];
                let result = match *arguments == right {
                    true => json!(UID),
                    false => json!(false),
                };
                Answer::ok(&json!({"jsonrpc": "2.0", "id": id, "result": result}))
            }
            (Some("object"), Some("execute_kw")) => self.execute(id, arguments),
            _ => error(id, "builtins.KeyError", "service").misuse("another service"),
        }
    }
}

fn odoo(people: u64) -> StandIn<OldOdoo> {
    StandIn::start(|_| OldOdoo {
        database: Database::of(people, true),
        key: KEY.into(),
    })
}

fn block(crm: &StandIn<OldOdoo>, object: &str) -> String {
    let address = &crm.address;
    format!(
        "[[source]]\nname = \"{object}\"\ntype = \"odoo-jsonrpc-at-once\"\nobject = \"{object}\"\n\
         [source.with]\naddress = \"{address}\"\ndatabase = \"acme\"\nuser = \"ringcard@acme.example\"\n\
         [source.secrets]\nkey = {{ file = \"odoo\" }}\n"
    )
}

fn office(crm: &StandIn<OldOdoo>) -> Office {
    let desk = Desk::new();
    desk.at_once("odoo-jsonrpc");
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
fn all_partners_arrive_after_one_login() {
    let crm = odoo(1050);
    let mut office = office(&crm);
    stories::everything_arrives(&crm, &mut office);
    assert_eq!(crm.requests().len(), 3);
    stories::a_few_are_the_first_ones(&crm, &office);
}

#[test]
fn changes_come_alone_and_archived_partners_go() {
    let crm = odoo(120);
    let mut office = office(&crm);
    stories::a_change_arrives_alone(&crm, &mut office);
    stories::an_archived_one_goes_with_the_changes(&crm, &mut office);
    stories::a_deletion_is_found_by_its_id(&crm, &mut office);
    stories::a_merge_leaves_the_one_that_is_left(&crm, &mut office);
}

#[test]
fn nobody_is_lost_when_the_list_moves_between_two_pages() {
    let crm = odoo(1050);
    stories::nobody_is_lost_when_the_list_moves(&crm, &mut office(&crm), 3);
}

#[test]
fn a_partner_that_two_pages_hold_is_one() {
    let crm = odoo(1050);
    stories::a_record_that_comes_twice_is_one(&crm, &mut office(&crm));
}

#[test]
fn it_waits_when_the_server_says_so() {
    let crm = odoo(1050);
    let wait = Answer::empty(503).with("Retry-After", 0);
    stories::it_waits_when_told_to(&crm, &mut office(&crm), 2, wait);
}

#[test]
fn a_key_that_was_deleted_is_told_with_what_to_renew() {
    let crm = odoo(10);
    let mut office = office(&crm);
    crm.with(|v| v.key = "another".into());
    stories::it_says_what_to_renew(&mut office, "new API key", KEY);
}

/// The login was good; then the key went, which a 200 tells.
#[test]
fn a_key_that_is_deleted_between_two_syncs_is_told_too() {
    let crm = odoo(10);
    let mut office = office(&crm);
    office.sync_everything();
    crm.with(|v| v.key = "another".into());
    stories::it_says_what_to_renew(&mut office, "new API key", KEY);
}

#[test]
fn balances_are_what_customers_owe() {
    let crm = odoo(20);
    crm.with(|v| v.database.credits = vec![(105, 1250.5)]);
    let desk = Desk::new();
    desk.at_once("odoo-jsonrpc");
    desk.secret("odoo", KEY);
    let sources = format!("{}{}", block(&crm, "contacts"), block(&crm, "balances"));
    let mut office = desk.open_at(&sources, 1);
    office.sync_everything();
    assert_eq!(
        office.copy["105"].balance.unwrap().amount.to_string(),
        "1250.5"
    );
}
