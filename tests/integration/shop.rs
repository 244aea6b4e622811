//! A CRM that is asked over HTTP, page by page in the order of its ids; it writes down what it was asked, and can
//! hang, or break off, in the middle of a list.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::office::{Office, PATIENCE};

const DESCRIPTION: &str = r#"
name = "shop"
title = "Shop"
[with.address]
about = "where it is"
[secrets.key]
about = "a key"
lifetime = "90d"
renew = "Shop > Keys: new key"
[auth]
kind = "header"
name = "X-Key"
value = "{{ secrets.key }}"
[limits]
requests = 100000
per = "1s"
[objects.people]
kind = "contacts"
resumes = true
[objects.people.everything]
url = "{{ with.address }}/people"
query = { after = "{{ page.last }}" }
records = "items"
[objects.people.everything.paging]
kind = "keyset"
key = "id"
start = 0
size = 5000
[objects.people.changes]
url = "{{ with.address }}/people"
query = { since = "{{ since }}", after = "{{ page.last }}" }
records = "items"
[objects.people.changes.paging]
kind = "keyset"
key = "id"
start = 0
size = 5000
[objects.people.changes.cursor]
kind = "time"
value = "modified"
format = "rfc3339"
overlap = "2m"
[objects.people.changes.tombstone]
if = "deleted"
[objects.people.ids]
url = "{{ with.address }}/people"
query = { after = "{{ page.last }}" }
records = "items"
id = "id"
[objects.people.ids.paging]
kind = "keyset"
key = "id"
start = 0
size = 5000
[objects.people.columns]
key = "id"
name = "name"
numbers = "phone"
"#;
pub const PAGE: usize = 5000;
pub const KEY: &str = "shop-key-of-the-first-quarter";

#[derive(Clone)]
pub struct Person {
    pub name: String,
    pub modified: String,
    pub is_deleted: bool,
}

/// What becomes of requests after so many good ones.
#[derive(Clone, Copy)]
pub enum Trouble {
    Hangs,
    BreaksOff,
}

pub struct Counter {
    pub people: BTreeMap<usize, Person>,
    pub key: String,
    pub trouble: Option<(usize, Trouble)>,
    /// The request lines.
    pub asked: Vec<String>,
}

#[derive(Clone)]
pub struct Shop {
    counter: Arc<Mutex<Counter>>,
    pub port: u16,
}

pub fn number(id: usize) -> String {
    format!("+90532{id:07}")
}

/// A name that no guard takes for a number.
pub fn name(id: usize) -> String {
    let letter = |n: usize| char::from(b'a' + (n % 26) as u8);
    [id / 676, id / 26, id].map(letter).iter().collect()
}

impl Shop {
    /// With so many people, from 1 on; all but the last were there before.
    pub async fn with(people: usize) -> Shop {
        let person = |id| Person {
            name: format!("Kişi {} sürüm 0.", name(id)),
            modified: match id == people {
                true => at(0),
                false => "2025-01-01T00:00:00Z".into(),
            },
            is_deleted: false,
        };
        let counter = Counter {
            people: (1..=people).map(|id| (id, person(id))).collect(),
            key: KEY.into(),
            trouble: None,
            asked: Vec::new(),
        };
        let counter = Arc::new(Mutex::new(counter));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let all = counter.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, all.clone()));
            }
        });
        Shop { counter, port }
    }

    /// An office that asks it, and has no daemon yet.
    pub async fn office(&self) -> Office {
        let office = Office::closed().await;
        fs::create_dir(office.path("connectors.d")).unwrap();
        fs::write(office.path("connectors.d/shop.toml"), DESCRIPTION).unwrap();
        put_secret(&office.path("shop-key"), KEY, 0o600);
        office.configure(|config| {
            let (rest, _) = config.split_once("[[source]]").unwrap();
            format!("{rest}{}", self.source())
        });
        office
    }

    fn source(&self) -> String {
        let port = self.port;
        format!(
            "[[source]]\nname = \"crm\"\ntype = \"shop\"\nevery = \"1h\"\n\
             [source.with]\naddress = \"http://127.0.0.1:{port}\"\n\
             [source.secrets]\nkey = {{ file = \"shop-key\" }}\n"
        )
    }

    pub fn counter(&self) -> MutexGuard<'_, Counter> {
        self.counter.lock().unwrap()
    }

    pub fn change(&self, id: usize, version: u64) {
        let mut counter = self.counter();
        let person = counter.people.get_mut(&id).unwrap();
        person.name = format!("Kişi {} sürüm {version}.", name(id));
        person.modified = at(version);
    }

    /// What was asked since the last time.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.counter().asked)
    }

    pub fn trouble(&self, after: usize, trouble: Trouble) {
        let mut counter = self.counter();
        counter.asked.clear();
        counter.trouble = Some((after, trouble));
    }

    pub fn no_trouble(&self) {
        self.counter().trouble = None;
    }

    /// Waits for a number of requests.
    pub async fn until_asked(&self, times: usize) {
        let asked = async {
            while self.counter().asked.len() < times {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        if tokio::time::timeout(5 * PATIENCE, asked).await.is_err() {
            panic!("only asked {:?}", self.asked());
        }
    }
}

/// Versions are an hour apart, more than an overlap.
pub fn at(version: u64) -> String {
    format!("2026-01-01T{version:02}:00:00Z")
}

pub fn put_secret(path: &Path, text: &str, mode: u32) {
    let beside = path.with_extension("new");
    fs::write(&beside, text).unwrap();
    fs::set_permissions(&beside, fs::Permissions::from_mode(mode)).unwrap();
    fs::rename(&beside, path).unwrap();
}

async fn serve(mut stream: TcpStream, counter: Arc<Mutex<Counter>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut head).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let head = String::from_utf8(head).unwrap();
    let (answer, trouble) = {
        let mut counter = counter.lock().unwrap();
        counter
            .asked
            .push(head.lines().next().unwrap_or_default().to_owned());
        let count = counter.asked.len();
        let trouble = counter.trouble.filter(|(after, _)| count > *after);
        (counter.answer(&head), trouble)
    };
    match trouble {
        Some((_, Trouble::Hangs)) => std::future::pending().await,
        Some((_, Trouble::BreaksOff)) => {}
        // A client that is gone is what some tests are about.
        None => drop(stream.write_all(answer.as_bytes()).await),
    }
}

impl Counter {
    fn answer(&self, head: &str) -> String {
        let key = format!("x-key: {}\r\n", self.key);
        let (status, items) = match head.to_lowercase().contains(&key) {
            true => ("200 OK", self.page(head.lines().next().unwrap())),
            false => ("401 Unauthorized", Vec::new()),
        };
        let body = json!({"items": items}).to_string();
        let length = body.len();
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )
    }

    fn page(&self, line: &str) -> Vec<Value> {
        let value = |name: &str| {
            let (_, rest) = line.split_once(&format!("{name}="))?;
            let end = rest.find(['&', ' '])?;
            Some(rest[..end].replace("%3A", ":"))
        };
        let after: usize = value("after").unwrap().parse().unwrap();
        let since = value("since");
        let people = self.people.range(after + 1..);
        let people = people.filter(|(_, person)| match &since {
            Some(since) => person.modified >= *since,
            None => !person.is_deleted,
        });
        let items = people.take(PAGE).map(|(id, person)| {
            json!({"id": id, "name": person.name, "phone": number(*id), "modified": person.modified,
                "deleted": person.is_deleted})
        });
        items.collect()
    }
}
