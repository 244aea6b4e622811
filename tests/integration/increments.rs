//! A source that tells what has changed: small steps, a comparison of ids, and guards that see the steps add up.

use std::sync::{Arc, Mutex};

use ringcard::config::Config;
use ringcard::domain::renewal::{Changes, Depth, Mode};
use ringcard::flow::office::Office as Feeds;
use ringcard::flow::sync::{Memory, Order, Outcome, Report, SyncError, Witnesses, sync};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::office::Office;

const DESCRIPTION: &str = r#"
name = "acme"
title = "Acme CRM"
[with.address]
about = "where it is"
[secrets.key]
about = "a key"
renew = "Acme > Keys"
[auth]
kind = "header"
name = "X-Key"
value = "{{ secrets.key }}"
[objects.people]
kind = "contacts"
[objects.people.everything]
url = "{{ with.address }}/people"
query = { page = "{{ page.cursor }}" }
records = "items"
[objects.people.everything.paging]
kind = "cursor"
value = "next"
[objects.people.changes]
url = "{{ with.address }}/people"
query = { since = "{{ since }}", page = "{{ page.cursor }}" }
records = "items"
[objects.people.changes.paging]
kind = "cursor"
value = "next"
[objects.people.changes.cursor]
kind = "time"
value = "modified"
format = "rfc3339"
overlap = "2m"
[objects.people.ids]
url = "{{ with.address }}/people"
query = { fields = "id", page = "{{ page.cursor }}" }
records = "items"
id = "id"
[objects.people.ids.paging]
kind = "cursor"
value = "next"
[objects.people.columns]
key = "id"
name = "name"
numbers = "phone"
"#;

#[derive(Default)]
struct Acme {
    people: Vec<Value>,
    /// What the next question for changes is answered with.
    changed: Vec<Value>,
    key: String,
}

fn person(n: usize) -> Value {
    json!({"id": format!("p-{n}"), "name": format!("Person {}", letters(n)), "phone": format!("+90532555{n:04}"),
        "modified": "2026-01-01T00:00:00Z"})
}

fn letters(n: usize) -> String {
    [n / 26, n % 26]
        .map(|n| char::from(b'a' + n as u8))
        .iter()
        .collect()
}

async fn serve(acme: Arc<Mutex<Acme>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") && stream.read_buf(&mut head).await.unwrap() > 0 {}
            let head = String::from_utf8(head).unwrap();
            let answer = answer(&acme.lock().unwrap(), &head);
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    port
}

fn answer(acme: &Acme, head: &str) -> String {
    let is_let_in = head
        .to_lowercase()
        .contains(&format!("x-key: {}\r\n", acme.key));
    let line = head.lines().next().unwrap();
    let (status, items) = match line {
        _ if !is_let_in => ("401 Unauthorized", &Vec::new()),
        line if line.contains("since=") => ("200 OK", &acme.changed),
        _ => ("200 OK", &acme.people),
    };
    let body = json!({"items": items, "next": null}).to_string();
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

/// A branch whose only source is Acme's CRM, with so many people in it.
struct Branch {
    acme: Arc<Mutex<Acme>>,
    feeds: Arc<Feeds>,
    memory: Arc<Memory>,
    _office: Office,
}

impl Branch {
    async fn with(people: usize) -> Branch {
        let office = Office::closed().await;
        let acme = Arc::new(Mutex::new(Acme {
            people: (0..people).map(person).collect(),
            key: "secret-key".into(),
            ..Acme::default()
        }));
        let port = serve(acme.clone()).await;
        std::fs::create_dir(office.path("connectors.d")).unwrap();
        std::fs::write(office.path("connectors.d/acme.toml"), DESCRIPTION).unwrap();
        office.write_token("secret-key");
        office.configure(|config| {
            let (rest, _) = config.split_once("[[source]]").unwrap();
            format!(
                "{rest}[[source]]\nname = \"crm\"\ntype = \"acme\"\n[source.with]\naddress = \"http://127.0.0.1:{port}\"\n\
                 [source.secrets]\nkey = {{ file = \"token\" }}\n"
            )
        });
        let config = Config::load(&office.made_up.config_path()).unwrap();
        let (feeds, _) = Feeds::open(config, None).unwrap();
        Branch {
            acme,
            feeds: Arc::new(feeds),
            memory: Arc::default(),
            _office: office,
        }
    }

    fn crm(&self, change: impl FnOnce(&mut Acme)) {
        change(&mut self.acme.lock().unwrap());
    }

    async fn sync(&self, order: Order) -> Result<Report, SyncError> {
        let (feeds, memory) = (self.feeds.clone(), self.memory.clone());
        let work = move || {
            let halt = CancellationToken::new();
            sync(
                &feeds.feeds[0],
                &memory,
                &Witnesses::default(),
                order,
                &halt,
                &mut |_| {},
            )
        };
        tokio::task::spawn_blocking(work).await.unwrap()
    }

    async fn quick(&self) -> Report {
        self.sync(Order::default()).await.unwrap()
    }

    async fn thorough(&self) -> Report {
        let order = Order {
            depth: Depth::Thorough,
            ..Order::default()
        };
        self.sync(order).await.unwrap()
    }
}

fn changes(added: u64, changed: u64, removed: u64) -> Option<Changes> {
    Some(Changes {
        added,
        changed,
        removed,
    })
}

#[tokio::test]
async fn what_has_changed_comes_in_small_steps_after_everything_was_read() {
    let branch = Branch::with(100).await;
    let first = branch.quick().await;
    assert_eq!((first.mode, first.contacts), (Mode::Full, 100));
    branch.crm(|acme| {
        acme.changed = vec![
            person(100),
            json!({"id": "p-1", "name": "Ayşe", "phone": "+905325550001",
        "modified": "2026-01-02T00:00:00Z"}),
        ]
    });
    let step = branch.quick().await;
    assert_eq!(
        (step.mode, step.changes),
        (Mode::Increment, changes(1, 1, 0))
    );
    assert_eq!(step.contacts, 101);
    // The overlap brings them once more.
    let again = branch.quick().await;
    assert_eq!(
        (again.outcome, again.changes),
        (Outcome::Unchanged, changes(0, 0, 0))
    );
}

#[tokio::test]
async fn what_was_deleted_goes_when_the_ids_are_compared() {
    let branch = Branch::with(100).await;
    branch.quick().await;
    branch.crm(|acme| drop(acme.people.remove(7)));
    assert_eq!(branch.quick().await.contacts, 100, "no change tells of it");
    let compared = branch.thorough().await;
    assert_eq!(
        (compared.mode, compared.changes),
        (Mode::Comparison, changes(0, 0, 1))
    );
    assert_eq!(compared.contacts, 99);
}

#[tokio::test]
async fn a_change_that_was_missed_has_everything_read() {
    let branch = Branch::with(100).await;
    branch.quick().await;
    branch.crm(|acme| acme.people.push(person(100)));
    let compared = branch.thorough().await;
    assert_eq!((compared.mode, compared.contacts), (Mode::Full, 101));
}

#[tokio::test]
async fn records_that_give_no_contact_are_not_taken_for_missed_ones() {
    let branch = Branch::with(100).await;
    branch.crm(|acme| {
        acme.people
            .push(json!({"id": "p-100", "name": "No number"}))
    });
    assert_eq!(branch.quick().await.contacts, 100);
    assert_eq!(branch.thorough().await.mode, Mode::Comparison);
}

#[tokio::test]
async fn half_the_crm_deleted_is_held_by_the_comparison_too_and_can_be_accepted() {
    let branch = Branch::with(100).await;
    branch.quick().await;
    branch.crm(|acme| acme.people.truncate(50));
    let order = Order {
        depth: Depth::Thorough,
        ..Order::default()
    };
    let held = branch.sync(order).await.unwrap_err().to_string();
    assert!(
        held.contains("50 of 100 records would be removed"),
        "{held}"
    );
    assert_eq!(branch.quick().await.contacts, 100);
    let accept = Order {
        accept: true,
        by_person: true,
        ..Order::default()
    };
    assert_eq!(branch.sync(accept).await.unwrap().contacts, 50);
    assert_eq!(branch.thorough().await.contacts, 50);
}

#[tokio::test]
async fn what_was_held_is_accepted_as_it_was_shown_and_not_worse() {
    let branch = Branch::with(100).await;
    branch.quick().await;
    branch.crm(|acme| acme.people.truncate(70));
    let order = Order {
        depth: Depth::Thorough,
        ..Order::default()
    };
    let accept = Order {
        accept: true,
        by_person: true,
        ..Order::default()
    };
    let held = branch.sync(order).await.unwrap_err().to_string();
    assert!(held.contains("30 of 100 records"), "{held}");
    // A change is put in meanwhile; what was held is still to be accepted.
    let mut changed = person(0);
    changed["name"] = json!("Somebody");
    branch.crm(|acme| acme.changed = vec![changed]);
    assert_eq!(branch.quick().await.changes, changes(0, 1, 0));
    branch.crm(|acme| acme.people.truncate(2));
    let held = branch.sync(accept).await.unwrap_err().to_string();
    assert!(held.contains("98 of 100 records"), "{held}");
    // Now this was shown.
    assert_eq!(branch.sync(accept).await.unwrap().contacts, 2);
}

#[tokio::test]
async fn another_list_of_the_same_length_is_held() {
    let branch = Branch::with(100).await;
    branch.quick().await;
    branch.crm(|acme| acme.people = (100..200).map(person).collect());
    let order = Order {
        depth: Depth::Whole,
        ..Order::default()
    };
    let held = branch.sync(order).await.unwrap_err().to_string();
    assert!(
        held.contains("100 of 100 records would be others"),
        "{held}"
    );
    // The same people under new ids are known by their numbers.
    let renamed = |n| {
        let mut person = person(n);
        person["id"] = json!(format!("new-{n}"));
        person
    };
    branch.crm(|acme| acme.people = (0..100).map(renamed).collect());
    assert_eq!(branch.sync(order).await.unwrap().contacts, 100);
}

#[tokio::test]
async fn names_that_go_bad_in_many_small_steps_add_up() {
    let branch = Branch::with(100).await;
    branch.quick().await;
    let mut steps = 0;
    let held = loop {
        let bad = (steps * 4..steps * 4 + 4).map(|n| {
            let mut person = person(n);
            person["name"] = person["phone"].clone();
            person
        });
        let bad: Vec<Value> = bad.collect();
        branch.crm(|acme| acme.changed = bad);
        match branch.sync(Order::default()).await {
            Ok(_) => steps += 1,
            Err(e) => break e.to_string(),
        }
    };
    assert_eq!(steps, 2, "8 of 100 are let through");
    assert!(held.contains("12 of 100 names would be numbers"), "{held}");
}

#[tokio::test]
async fn a_refused_key_keeps_the_copy_and_says_what_to_renew() {
    let branch = Branch::with(100).await;
    branch.quick().await;
    branch.crm(|acme| acme.key = "another".into());
    match branch.sync(Order::default()).await {
        Err(SyncError::Source(e)) => assert!(e.refused_credential().is_some(), "{e}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(
        branch.feeds.feeds[0]
            .shelf
            .current()
            .unwrap()
            .facts
            .contacts,
        100
    );
}
