//! Any REST API: the same people by each way that pages go on.

use serde_json::{Value, json};

use super::book::{Book, Person};
use super::command::Opened;
use super::office::{Desk, Office};
use super::stand_in::{Answer, Request, StandIn, Vendor};
use super::stories::{self, Crm, Shown};

const KEY: &str = "Bearer 4f6a0c1e";
/// Fewer than the connector asks for: how many a page has is the API's to decide.
const PAGE: usize = 40;

struct Shop {
    book: Book,
    address: String,
    key: String,
    /// How its pages go on: an object of the connector.
    paging: &'static str,
}

impl Crm for Shop {
    fn book(&mut self) -> &mut Book {
        &mut self.book
    }

    fn shown(&self, person: &Person) -> Shown {
        Shown::all(person)
    }
}

impl Shop {
    fn known(&self) -> &'static [&'static str] {
        match self.paging {
            "list" => &["sort"],
            "pages" => &["sort", "page", "limit"],
            "offset" => &["sort", "skip", "limit"],
            "cursor" => &["sort", "cursor", "limit"],
            _ => &["sort", "limit", "from"],
        }
    }

    fn customers(&self, request: &Request) -> Result<Answer, Answer> {
        let bad = |why: &str| Answer::new(422, &json!({"message": why})).misuse(why);
        if let Some(unknown) = request.unknown(self.known()) {
            return Err(bad(unknown));
        }
        if request.param("sort") != Some("id") {
            return Err(bad("the address was not kept"));
        }
        let number = |name: &str| {
            request
                .param(name)
                .map_or(0, |n| n.parse::<usize>().unwrap())
        };
        let all = self.book.living();
        let from = match self.paging {
            "pages" => (number("page") - 1) * PAGE,
            "offset" => number("skip"),
            "cursor" => request
                .param("cursor")
                .map_or(0, |c| c[2..].parse().unwrap()),
            _ => number("from"),
        };
        let size = match self.paging {
            "list" => all.len(),
            _ => PAGE,
        };
        let (page, more) = self.book.page(&all, from, size);
        let records: Vec<_> = page
            .iter()
            .map(|p| {
                json!({"id": p.id, "first_name": p.first, "last_name": p.last, "company": p.company,
                    "phone": p.phone, "contacts": [{"phone": p.mobile}], "email": p.email})
            })
            .collect();
        let next = format!(
            "{}/api/customers?sort=id&limit=100&from={}",
            self.address,
            from + PAGE
        );
        let mut answer = json!({"data": records});
        answer["next"] = match (self.paging, more) {
            ("cursor", true) => json!(format!("c&{}", from + PAGE)),
            ("next-url", true) => json!(next),
            _ => Value::Null,
        };
        let answer = Answer::ok(&answer);
        Ok(match (self.paging, more) {
            ("link-header", true) => answer.with("Link", format!("<{next}>; rel=\"next\"")),
            _ => answer,
        })
    }
}

impl Vendor for Shop {
    fn answer(&mut self, request: &Request) -> Answer {
        if request.header("authorization") != self.key {
            return Answer::new(401, &json!({"message": "who are you"}));
        }
        if (&*request.method, &*request.path) != ("GET", "/api/customers") {
            return Answer::empty(404).misuse("no such address");
        }
        self.customers(request).unwrap_or_else(|refusal| refusal)
    }
}

const PAGINGS: [&str; 6] = [
    "list",
    "pages",
    "offset",
    "cursor",
    "next-url",
    "link-header",
];

fn shop(paging: &'static str, people: u64) -> StandIn<Shop> {
    StandIn::start(|address| Shop {
        book: Book::of(people),
        address: address.to_owned(),
        key: KEY.into(),
        paging,
    })
}

fn office(crm: &StandIn<Shop>) -> Office {
    let desk = Desk::new();
    desk.at_once("rest");
    desk.secret("shop", KEY);
    let (paging, address) = (crm.with(|v| v.paging), &crm.address);
    let offset = match paging {
        "offset" => "offset-parameter = \"skip\"\n",
        _ => "",
    };
    desk.open(&format!(
        "[[source]]\nname = \"shop\"\ntype = \"rest-at-once\"\nobject = \"{paging}\"\n\
         [source.with]\naddress = \"{address}/api/customers?sort=id\"\nrecords = \"data\"\n{offset}\
         [source.secrets]\nauthorization = {{ file = \"shop\" }}\n[source.columns]\nkey = \"id\"\n\
         name = [\"first_name\", \"last_name\"]\ncompany = \"company\"\nemail = \"email\"\n\
         numbers = [\"phone\", \"contacts[*].phone\"]\n"
    ))
}

/// For what holds of every vendor.
pub fn opened() -> Opened {
    let crm = shop("pages", 30);
    let office = office(&crm);
    (Box::new(crm), office)
}

#[test]
fn everything_arrives_whichever_way_the_pages_go_on() {
    for paging in PAGINGS {
        let crm = shop(paging, 90);
        let mut office = office(&crm);
        stories::everything_arrives(&crm, &mut office);
        crm.with(|v| v.book.delete(110));
        office.sync_everything();
        stories::agree(&crm, &office);
        stories::a_few_are_the_first_ones(&crm, &office);
    }
}

#[test]
fn it_waits_when_told_to_whichever_way_the_pages_go_on() {
    for paging in PAGINGS {
        let crm = shop(paging, 90);
        let wait = Answer::empty(429).with("Retry-After", 0);
        stories::it_waits_when_told_to(&crm, &mut office(&crm), 1, wait);
    }
}

#[test]
fn a_record_that_two_pages_hold_is_one() {
    for paging in PAGINGS {
        // By number of records so far, one that comes twice makes the next page begin later.
        if paging != "offset" {
            let crm = shop(paging, 90);
            stories::a_record_that_comes_twice_is_one(&crm, &mut office(&crm));
        }
    }
}

#[test]
fn a_key_that_is_refused_is_told_with_what_to_renew() {
    let crm = shop("pages", 10);
    let mut office = office(&crm);
    crm.with(|v| v.key = "another".into());
    stories::it_says_what_to_renew(&mut office, "new key", KEY);
}

/// The key goes along with a page's address, so it must be the same host's.
#[test]
fn an_address_of_another_host_is_not_followed() {
    let crm = shop("next-url", 90);
    let mut office = office(&crm);
    crm.with(|v| v.address = "https://elsewhere.example".into());
    let error = office.try_everything().unwrap_err();
    assert!(super::office::words(&error).contains("host"), "{error}");
    assert_eq!(crm.requests().len(), 1);
}
