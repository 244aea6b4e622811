//! A refresh token that is good once: each renewal gives the next, which has to be there after a restart.

use std::collections::BTreeSet;

use serde_json::json;

use super::book::{Book, Person};
use super::command::Opened;
use super::office::{Desk, Office};
use super::stand_in::{Answer, Request, StandIn, Vendor};
use super::stories::{self, Crm, Shown};

const FIRST: &str = "refresh-0-of-the-operator";

const CONNECTOR: &str = r#"
name = "rotating"
title = "A CRM whose refresh tokens are good once"
documentation = "https://datatracker.ietf.org/doc/html/rfc6749#section-6"

[with.address]
about = "where it is"

[secrets.refresh-token]
about = "the first refresh token"
renew = "Settings > Applications: connect again"

[auth]
kind = "oauth-refresh-token"
token-url = "{{ with.address }}/token"
client-id = "ringcard"
refresh-token = "{{ secrets.refresh_token }}"

[objects.people]
kind = "contacts"

[objects.people.everything]
url = "{{ with.address }}/people"
records = "people"

[objects.people.everything.paging]
kind = "none"

[objects.people.columns]
key = "id"
name = "name"
company = "company"
numbers = ["phone", "mobile"]
email = "email"
"#;

struct Rotating {
    book: Book,
    refresh: String,
    /// Those that were used: a second use is taken for a theft, and nothing is good any more.
    used: BTreeSet<String>,
    renewals: usize,
}

impl Crm for Rotating {
    fn book(&mut self) -> &mut Book {
        &mut self.book
    }

    fn shown(&self, person: &Person) -> Shown {
        Shown::all(person)
    }
}

impl Rotating {
    fn access(&self) -> String {
        format!("access-{}", self.renewals)
    }

    fn renew(&mut self, request: &Request) -> Answer {
        let form = request.form();
        let given = form.get("refresh_token").cloned().unwrap_or_default();
        if self.used.contains(&given) {
            self.refresh.clear();
        }
        if given != self.refresh || given.is_empty() {
            return Answer::new(400, &json!({"error": "invalid_grant"}));
        }
        self.used.insert(given);
        self.renewals += 1;
        self.refresh = format!("refresh-{}", self.renewals);
        Answer::ok(
            &json!({"access_token": self.access(), "token_type": "Bearer",
            "expires_in": 1800, "refresh_token": self.refresh}),
        )
    }
}

impl Vendor for Rotating {
    fn answer(&mut self, request: &Request) -> Answer {
        if (&*request.method, &*request.path) == ("POST", "/token") {
            return self.renew(request);
        }
        if request.header("authorization") != format!("Bearer {}", self.access()) {
            return Answer::new(401, &json!({"error": "invalid_token"}));
        }
        let people: Vec<_> = self
            .book
            .living()
            .iter()
            .map(|p| {
                json!({"id": p.id, "name": p.name(), "company": p.company, "phone": p.phone,
                    "mobile": p.mobile, "email": p.email})
            })
            .collect();
        Answer::ok(&json!({ "people": people }))
    }
}

fn rotating() -> StandIn<Rotating> {
    StandIn::start(|_| Rotating {
        book: Book::of(5),
        refresh: FIRST.into(),
        used: BTreeSet::new(),
        renewals: 0,
    })
}

fn office(crm: &StandIn<Rotating>) -> Office {
    let desk = Desk::new();
    desk.connector("rotating", CONNECTOR);
    desk.secret("first", FIRST);
    let address = &crm.address;
    desk.open(&format!(
        "[[source]]\nname = \"crm\"\ntype = \"rotating\"\n[source.with]\naddress = \"{address}\"\n\
         [source.secrets]\nrefresh-token = {{ file = \"first\" }}\n"
    ))
}

/// For what holds of every vendor.
pub fn opened() -> Opened {
    let crm = rotating();
    let office = office(&crm);
    (Box::new(crm), office)
}

#[test]
fn after_a_restart_the_newest_refresh_token_is_used() {
    let crm = rotating();
    let mut office = office(&crm);
    for renewals in 1..=3 {
        stories::everything_arrives(&crm, &mut office);
        assert_eq!(crm.with(|v| v.renewals), renewals);
        office.restart();
    }
}

#[test]
fn an_access_token_that_is_refused_early_is_renewed_with_the_newest() {
    let crm = rotating();
    let mut office = office(&crm);
    office.sync_everything();
    // Somebody ended the session; the refresh token stays.
    crm.with(|v| v.renewals += 1);
    stories::everything_arrives(&crm, &mut office);
}

#[test]
fn one_that_is_good_no_more_is_told_with_what_to_renew() {
    let crm = rotating();
    let mut office = office(&crm);
    office.sync_everything();
    crm.with(|v| v.refresh = "of another connection".into());
    office.restart();
    stories::it_says_what_to_renew(&mut office, "connect again", FIRST);
}
