//! The walk-through of docs/connectors.md, followed word by word against a stand-in of the CRM that it invents.

use std::process::Command;

use serde_json::{Value, json};

use super::book::{Book, Person};
use super::command::Opened;
use super::office::{Desk, Office};
use super::stand_in::{Answer, Request, StandIn, Vendor};
use super::stories::{self, Crm, Shown};

const KEY: &str = "kv-4f6a0c1e77";
const PAGE: usize = 100;
const TIME: &str = "%Y-%m-%dT%H:%M:%SZ";

struct Kervan {
    book: Book,
    key: String,
}

impl Crm for Kervan {
    fn book(&mut self) -> &mut Book {
        &mut self.book
    }

    fn shown(&self, person: &Person) -> Shown {
        Shown::all(person)
    }

    fn id(&self, person: u64) -> String {
        format!("p-{person}")
    }
}

impl Kervan {
    fn record(&self, person: &Person) -> Value {
        json!({"id": self.id(person.id), "given_name": person.first, "family_name": person.last,
            "employer": {"name": person.company}, "mail": person.email, "open_amount": 1250.5,
            "phones": [{"kind": "mobile", "number": person.phone}, {"kind": "work", "number": person.mobile}],
            "modified": person.changed(TIME, 0), "removed": false})
    }

    fn people(&self, request: &Request) -> Result<Value, Answer> {
        let bad = |why: &str| Answer::new(422, &json!({"error": why})).misuse(why);
        let known = ["per_page", "sort", "page_token", "modified_since", "fields"];
        if let Some(unknown) = request.unknown(&known) {
            return Err(bad(unknown));
        }
        let size: usize = request.param("per_page").unwrap_or("20").parse().unwrap();
        if size > PAGE {
            return Err(bad("per_page"));
        }
        let since = request.param("modified_since");
        let since = since.map(|s| {
            s.parse::<jiff::Timestamp>()
                .map_err(|_| bad("modified_since"))
        });
        let since = since.transpose()?.map(|t| t.as_second());
        let mut all: Vec<(Person, bool)> = self
            .book
            .people
            .iter()
            .map(|p| (p.clone(), false))
            .collect();
        if let Some(since) = since {
            let deleted = self.book.deleted.iter().map(|(id, at)| {
                let mut person = self.book.people[0].clone();
                (person.id, person.changed) = (*id, *at);
                (person, true)
            });
            all.extend(deleted);
            all.retain(|(p, _)| p.changed >= since);
        }
        match request.param("sort") {
            Some("id") => all.sort_by_key(|(p, _)| p.id),
            Some("modified") => all.sort_by_key(|(p, _)| (p.changed, p.id)),
            _ => return Err(bad("sort")),
        }
        let from = match request.param("page_token") {
            None => 0,
            Some(token) => {
                let from = token.strip_prefix("t-").and_then(|t| t.parse().ok());
                from.ok_or_else(|| bad("page_token"))?
            }
        };
        let (page, more) = self.book.page(&all, from, size);
        let items: Vec<_> = page
            .iter()
            .map(|(person, removed)| match request.param("fields") {
                Some("id") => json!({"id": self.id(person.id)}),
                _ => {
                    let mut record = self.record(person);
                    record["removed"] = json!(removed);
                    record
                }
            })
            .collect();
        Ok(json!({"items": items, "next": more.then(|| format!("t-{}", from + size))}))
    }
}

impl Vendor for Kervan {
    fn answer(&mut self, request: &Request) -> Answer {
        if request.header("x-kervan-key") != self.key {
            return Answer::new(401, &json!({"error": "unknown key"}));
        }
        if (&*request.method, &*request.path) != ("GET", "/v1/people") {
            return Answer::empty(404).misuse("no such address");
        }
        match self.people(request) {
            Ok(found) => Answer::ok(&found),
            Err(refusal) => refusal,
        }
    }
}

fn kervan(people: u64) -> StandIn<Kervan> {
    StandIn::start(|_| Kervan {
        book: Book::of(people),
        key: KEY.into(),
    })
}

/// The walk-through's blocks: the connector, and the source.
fn blocks() -> (&'static str, &'static str) {
    let guide = include_str!("../../docs/connectors.md");
    let (_, walk) = guide.split_once("\n## Adding a vendor").unwrap();
    let walk = walk.split_once("\n## ").map_or(walk, |(walk, _)| walk);
    let mut blocks = walk
        .split("```toml\n")
        .skip(1)
        .map(|b| b.split_once("```").unwrap().0);
    let (connector, source) = (blocks.next().unwrap(), blocks.next().unwrap());
    assert_eq!(blocks.next(), None);
    (connector, source)
}

/// The desk as it is after the walk-through; only the host is another.
fn desk(crm: &StandIn<Kervan>) -> Desk {
    let desk = Desk::new();
    let (connector, _) = blocks();
    assert!(connector.contains("https://api.kervan.example"));
    let connector = connector
        .replace("https://api.kervan.example", &crm.address)
        .replace("requests = 60 ", "requests = 100000 ");
    desk.connector("kervan", &connector);
    std::fs::create_dir(desk.path().join("secrets")).unwrap();
    desk.secret("secrets/kervan", KEY);
    desk
}

fn office(crm: &StandIn<Kervan>) -> Office {
    desk(crm).open(blocks().1)
}

/// For what holds of every vendor.
pub fn opened() -> Opened {
    let crm = kervan(30);
    let office = office(&crm);
    (Box::new(crm), office)
}

#[test]
fn whoever_follows_the_walk_through_has_all_contacts() {
    let crm = kervan(230);
    let mut office = office(&crm);
    stories::everything_arrives(&crm, &mut office);
    let balance = office.copy["p-101"].balance.unwrap();
    assert_eq!(balance.amount.to_string(), "1250.5");
    stories::a_few_are_the_first_ones(&crm, &office);
}

#[test]
fn changes_and_deletions_follow() {
    let crm = kervan(120);
    let mut office = office(&crm);
    stories::a_change_arrives_alone(&crm, &mut office);
    stories::a_deletion_comes_with_the_changes(&crm, &mut office);
    stories::a_deletion_is_found_by_its_id(&crm, &mut office);
    stories::nobody_is_lost_when_the_list_moves(&crm, &mut office, 2);
    stories::a_record_that_comes_twice_is_one(&crm, &mut office);
}

#[test]
fn it_waits_when_told_to_and_says_what_to_renew() {
    let crm = kervan(120);
    let mut office = office(&crm);
    let wait = Answer::new(429, &json!({"error": "too many"})).with("Retry-After", 0);
    stories::it_waits_when_told_to(&crm, &mut office, 2, wait);
    crm.with(|v| v.key = "another".into());
    stories::it_says_what_to_renew(&mut office, "Kervan > Admin > API keys", KEY);
}

fn run(desk: &Desk, arguments: &[&str]) -> (bool, String) {
    let file = desk.path().join("ringcard.toml");
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringcard"));
    let output = command
        .arg("--config")
        .arg(file)
        .args(arguments)
        .output()
        .unwrap();
    let told = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(told).unwrap())
}

#[test]
fn the_check_of_the_walk_through_is_passed_and_tells_of_mistakes_with_their_place() {
    let crm = kervan(10);
    let desk = desk(&crm);
    desk.write(blocks().1);
    let (passed, told) = run(&desk, &["check"]);
    assert!(passed, "{told}");
    let (connector, _) = blocks();
    let wrong = connector
        .replace("kind = \"cursor\"", "kind = \"coursor\"")
        .replace("{{ secrets.key }}", "{{ secrets.kye }}");
    desk.connector("kervan", &wrong);
    let (passed, told) = run(&desk, &["check"]);
    assert!(!passed, "{told}");
    for word in ["kervan.toml", "coursor", "kye", "line "] {
        assert!(told.contains(word), "{word}: {told}");
    }
}
