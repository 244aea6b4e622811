//! Whole reads against a vendor on this machine, which notes every request and answers as it is told to.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::config::{Config, Problems};
use crate::domain::contact::Contact;
use crate::source::Source;
use crate::source::error::Verdict;
use crate::source::read::{Cursor, Position, Wanted};

/// A request as the vendor sees it.
#[derive(Clone, Debug)]
struct Asked {
    method: String,
    path: String,
    query: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Asked {
    fn query(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

struct Answered {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

fn ok(body: Value) -> Answered {
    status(200, body)
}

fn status(status: u16, body: Value) -> Answered {
    Answered {
        status,
        headers: Vec::new(),
        body: body.to_string().into_bytes(),
    }
}

impl Answered {
    fn with(mut self, name: &'static str, value: impl Into<String>) -> Answered {
        self.headers.push((name, value.into()));
        self
    }
}

/// A vendor's server. It answers one connection after the other: two requests at once would wait for each other.
struct Vendor {
    address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Vendor {
    /// `answer` also gets how many requests came before.
    fn start(answer: impl Fn(&Asked, usize) -> Answered + Send + 'static) -> Vendor {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let notes = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                let request = take_request(&stream);
                let before = notes.lock().unwrap().len();
                notes.lock().unwrap().push(request.clone());
                give(&stream, &answer(&request, before));
            }
        });
        Vendor { address, asked }
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

fn take_request(stream: &TcpStream) -> Asked {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let mut parts = line.split(' ');
    let method = parts.next().unwrap().to_owned();
    let url = reqwest::Url::parse("http://x")
        .unwrap()
        .join(parts.next().unwrap())
        .unwrap();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers
        .get("content-length")
        .map_or(0, |l| l.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    Asked {
        method,
        path: url.path().to_owned(),
        query: url.query_pairs().into_owned().collect(),
        headers,
        body: String::from_utf8(body).unwrap(),
    }
}

fn give(mut stream: &TcpStream, answer: &Answered) {
    let mut text = format!(
        "HTTP/1.1 {} X\r\nContent-Length: {}\r\nConnection: close\r\n",
        answer.status,
        answer.body.len()
    );
    for (name, value) in &answer.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    // Who has heard enough may be gone.
    let _ = stream.write_all(text.as_bytes());
    let _ = stream.write_all(&answer.body);
}

/// What a sync would get.
#[derive(Default)]
struct Taken {
    contacts: Vec<Contact>,
    gone: Vec<String>,
    ids: Vec<String>,
    positions: Vec<Position>,
    /// Ends the read after so many contacts.
    most: Option<usize>,
}

impl Taker for Taken {
    type Error = &'static str;

    fn contact(&mut self, contact: Contact) -> Result<(), &'static str> {
        if self.most == Some(self.contacts.len()) {
            return Err("enough");
        }
        self.contacts.push(contact);
        Ok(())
    }

    fn gone(&mut self, identity: &str) -> Result<(), &'static str> {
        self.gone.push(identity.to_owned());
        Ok(())
    }

    fn id(&mut self, identity: &str) -> Result<(), &'static str> {
        self.ids.push(identity.to_owned());
        Ok(())
    }

    fn position(&mut self, position: &Position) -> Result<(), &'static str> {
        self.positions.push(position.clone());
        Ok(())
    }
}

impl Taken {
    fn keys(&self) -> String {
        let keys = self
            .contacts
            .iter()
            .map(|c| c.key.as_deref().unwrap_or("-"));
        keys.collect::<Vec<_>>().join(" ")
    }
}

/// An office with one source of a connector.
struct Office {
    source: ApiSource,
    directory: TempDir,
}

const HEAD: &str = r#"
name = "acme"
title = "ACME CRM"
[with.address]
about = "the address of your ACME"
[secrets.token]
about = "a token"
renew = "Settings > API"
"#;
const BEARER: &str = r#"
[auth]
kind = "bearer"
token = "{{ secrets.token }}"
"#;
const COLUMNS: &str = r#"
[objects.contacts.columns]
key = "id"
name = "name"
numbers = "phone"
"#;
const EVERYTHING: &str = r#"
[objects.contacts]
kind = "contacts"
[objects.contacts.everything]
url = "{{ with.address }}/contacts"
query = { limit = "2", after = "{{ page.cursor }}" }
records = "results"
[objects.contacts.everything.paging]
kind = "cursor"
value = "next"
"#;

fn source_of(description: &str, address: &str, directory: &TempDir) -> Result<ApiSource, Problems> {
    let connectors = directory.path().join("connectors.d");
    std::fs::create_dir_all(&connectors).unwrap();
    std::fs::write(connectors.join("acme.toml"), description).unwrap();
    let secret = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    };
    secret("token", "s3cret-token");
    secret("webhook", "0123456789abcdefghij");
    let state = directory.path().display();
    let config = format!(
        "state-dir = \"{state}/state\"\n[webhook]\nplain-listen = \"127.0.0.1:0\"\n[[account]]\nname = \"main\"\n\
         node = \"https://use.hipcall.com\"\nregion = \"TR\"\ntoken = {{ file = \"token\" }}\n\
         webhook-secrets = {{ file = \"webhook\" }}\n[[source]]\nname = \"crm\"\ntype = \"acme\"\n\
         with = {{ address = \"{address}\" }}\nsecrets = {{ token = {{ file = \"token\" }} }}\n"
    );
    let config = Config::parse(&config, directory.path())?;
    let source = config.sources[0].open(&config.source_directory("crm"));
    let Source::Api(mut source) = source else {
        panic!("{source:?}")
    };
    source.patience = Patience {
        limited: Duration::from_secs(2),
        tries: 3,
        first_pause: Duration::from_millis(2),
        longest_pause: Duration::from_millis(10),
    };
    Ok(source)
}

impl Office {
    fn new(description: &str, vendor: &Vendor) -> Office {
        let directory = tempfile::tempdir().unwrap();
        let source = source_of(description, &vendor.address, &directory);
        let source = source.unwrap_or_else(|problems| panic!("{problems}"));
        Office { source, directory }
    }

    fn read(&self, wanted: Wanted<'_>) -> (Taken, Result<ReadReport, SourceError>) {
        self.read_with(Taken::default(), wanted)
    }

    fn read_with(
        &self,
        mut taken: Taken,
        wanted: Wanted<'_>,
    ) -> (Taken, Result<ReadReport, SourceError>) {
        let halt = CancellationToken::new();
        let job = Job {
            wanted,
            halt: &halt,
        };
        let report = match self.source.read(&job, &mut taken) {
            Ok(report) => Ok(report),
            Err(ReadError::Source(error)) => Err(error),
            Err(ReadError::Row(_)) => Err(SourceError::Halted),
        };
        (taken, report)
    }

    fn everything(&self) -> (Taken, Result<ReadReport, SourceError>) {
        self.read(Wanted::Everything { from: None })
    }

    fn all(&self) -> (String, ReadReport) {
        let (taken, report) = self.everything();
        (taken.keys(), report.unwrap())
    }

    fn error(&self) -> SourceError {
        self.everything().1.unwrap_err()
    }
}

fn record(id: u64) -> Value {
    json!({"id": id, "name": format!("Contact {id}"), "phone": format!("0532 555 {id:04}")})
}

fn records(ids: &[u64]) -> Value {
    ids.iter().map(|id| record(*id)).collect()
}

fn pages(request: &Asked, before: usize) -> Answered {
    let _ = before;
    match request.query("after") {
        "" => ok(json!({"results": records(&[1, 2]), "next": "b"})),
        "b" => ok(json!({"results": records(&[3, 4]), "next": "c"})),
        "c" => ok(json!({"results": records(&[5])})),
        other => panic!("{other}"),
    }
}

fn plain() -> String {
    format!("{HEAD}{BEARER}{EVERYTHING}{COLUMNS}")
}

/// With its paging in place of the usual one's.
fn paged(query: &str, paging: &str) -> String {
    let everything = EVERYTHING.replace("after = \"{{ page.cursor }}\"", query);
    let everything = everything.replace("kind = \"cursor\"\nvalue = \"next\"", paging);
    format!("{HEAD}{BEARER}{everything}{COLUMNS}")
}

#[test]
fn everything_is_read_page_by_page_with_the_credential() {
    let vendor = Vendor::start(pages);
    let office = Office::new(&plain(), &vendor);
    let (keys, report) = office.all();
    assert_eq!(keys, "1 2 3 4 5");
    assert_eq!((report.rows_read, report.contacts), (5, 5));
    assert!(report.rejects.is_empty() && report.cursor.is_none());
    let asked = vendor.asked();
    assert_eq!(asked.len(), 3);
    for request in &asked {
        assert_eq!(
            (request.method.as_str(), request.path.as_str()),
            ("GET", "/contacts")
        );
        assert_eq!(request.header("authorization"), "Bearer s3cret-token");
        assert_eq!(request.query("limit"), "2");
    }
    // What is empty is left out.
    assert!(!asked[0].query.contains_key("after"));
    let abilities = office.source.abilities();
    assert!(abilities.is_remote && !abilities.changes && !abilities.ids && !abilities.resumes);
}

#[test]
fn each_kind_of_credential_goes_where_it_belongs() {
    let cases = [
        ("kind = \"none\"", ""),
        (
            "kind = \"basic\"\nuser = \"me\"\npassword = \"{{ secrets.token }}\"",
            "Basic bWU6czNjcmV0LXRva2Vu",
        ),
    ];
    for (auth, expected) in cases {
        let vendor = Vendor::start(pages);
        let auth = format!("[auth]\n{auth}\n");
        Office::new(&format!("{HEAD}{auth}{EVERYTHING}{COLUMNS}"), &vendor).all();
        assert_eq!(
            vendor.asked()[2].header("authorization"),
            expected,
            "{auth}"
        );
    }
    let vendor = Vendor::start(pages);
    let auth = "[auth]\nkind = \"header\"\nname = \"X-Api-Key\"\nvalue = \"{{ secrets.token }}\"\n";
    Office::new(&format!("{HEAD}{auth}{EVERYTHING}{COLUMNS}"), &vendor).all();
    assert_eq!(vendor.asked()[2].header("x-api-key"), "s3cret-token");
    let vendor = Vendor::start(pages);
    let auth = "[auth]\nkind = \"query\"\nname = \"api_key\"\nvalue = \"{{ secrets.token }}\"\n";
    Office::new(&format!("{HEAD}{auth}{EVERYTHING}{COLUMNS}"), &vendor).all();
    assert_eq!(vendor.asked()[2].query("api_key"), "s3cret-token");
}

#[test]
fn a_body_is_json_or_a_form() {
    let answer = |_: &Asked, _: usize| ok(json!({"results": []}));
    let body = "method = \"POST\"\njson = { filter = { \">ID\" = \"{{ page.cursor }}\", n = 1 }, all = [\"{{ with.address }}\"] }\n";
    let post = |body: &str| {
        EVERYTHING.replace(
            "records = \"results\"",
            &format!("{body}records = \"results\""),
        )
    };
    let vendor = Vendor::start(answer);
    Office::new(&format!("{HEAD}{BEARER}{}{COLUMNS}", post(body)), &vendor).all();
    let asked = vendor.asked();
    assert_eq!(
        asked[0].json(),
        json!({"filter": {"n": 1}, "all": [vendor.address]})
    );
    assert_eq!(asked[0].header("content-type"), "application/json");
    let vendor = Vendor::start(answer);
    let body = "method = \"POST\"\nform = { a = \"x y&z\", empty = \"{{ page.cursor }}\" }\n";
    Office::new(&format!("{HEAD}{BEARER}{}{COLUMNS}", post(body)), &vendor).all();
    assert_eq!(vendor.asked()[0].body, "a=x+y%26z");
}

#[test]
fn pages_by_offset_number_key_and_address_are_read_to_their_end() {
    let all: [u64; 7] = [1, 2, 3, 4, 5, 6, 7];
    let by_offset = move |request: &Asked, _: usize| {
        let (offset, size) = (request.query("offset"), request.query("size"));
        let offset: usize = offset.parse().unwrap();
        let end = (offset + size.parse::<usize>().unwrap()).min(all.len());
        ok(json!({"results": records(&all[offset.min(end)..end])}))
    };
    let by_page = move |request: &Asked, _: usize| {
        let number: usize = request.query("page").parse().unwrap();
        let chunk = all.chunks(3).nth(number - 1);
        ok(json!({"results": records(chunk.unwrap_or_default())}))
    };
    let by_key = move |request: &Asked, _: usize| {
        let last: u64 = request.query("last").parse().unwrap();
        let after: Vec<u64> = all
            .iter()
            .copied()
            .filter(|id| *id > last)
            .take(3)
            .collect();
        ok(json!({"results": records(&after)}))
    };
    let by_url = |request: &Asked, _: usize| match request.path.as_str() {
        "/contacts" => ok(json!({"results": records(&[1, 2, 3, 4]), "next": "/more?x=1"})),
        "/more" => ok(json!({"results": records(&[5, 6, 7])})),
        other => panic!("{other}"),
    };
    let by_link = |request: &Asked, _: usize| match request.path.as_str() {
        "/contacts" => {
            let host = request.header("host");
            let link = format!("<http://{host}/more>; rel=\"next\"");
            ok(json!({"results": records(&[1, 2, 3, 4])})).with("Link", link)
        }
        "/more" => ok(json!({"results": records(&[5, 6, 7])})),
        other => panic!("{other}"),
    };
    type Answer = Box<dyn Fn(&Asked, usize) -> Answered + Send>;
    let cases: [(&str, &str, Answer, usize); 5] = [
        (
            "offset = \"{{ page.offset }}\", size = \"{{ page.size }}\"",
            "kind = \"offset\"\nsize = 3",
            Box::new(by_offset),
            4,
        ),
        (
            "page = \"{{ page.number }}\"",
            "kind = \"page\"\nsize = 3",
            Box::new(by_page),
            3,
        ),
        (
            "last = \"{{ page.last }}\"",
            "kind = \"keyset\"\nkey = \"id\"\nsize = 3\nstart = \"0\"",
            Box::new(by_key),
            3,
        ),
        (
            "x = \"1\"",
            "kind = \"next-url\"\nvalue = \"next\"",
            Box::new(by_url),
            2,
        ),
        ("x = \"1\"", "kind = \"link-header\"", Box::new(by_link), 2),
    ];
    for (query, paging, answer, requests) in cases {
        let vendor = Vendor::start(answer);
        let (keys, report) = Office::new(&paged(query, paging), &vendor).all();
        assert_eq!(keys, "1 2 3 4 5 6 7", "{paging}");
        assert_eq!(vendor.count(), requests, "{paging}");
        assert!(report.rejects.is_empty(), "{paging}: {:?}", report.rejects);
        let last = vendor.asked().pop().unwrap();
        assert_eq!(
            last.header("authorization"),
            "Bearer s3cret-token",
            "{paging}"
        );
    }
}

#[test]
fn a_list_that_moves_while_it_is_read_is_read_again_and_nobody_is_left_out_or_read_twice() {
    // After the first page, contact 1 is deleted: 4 would slip onto the page that was read.
    let vendor = Vendor::start(|request, before| {
        let all: &[u64] = if before == 0 {
            &[1, 2, 3, 4, 5]
        } else {
            &[2, 3, 4, 5]
        };
        let offset: usize = request.query("offset").parse().unwrap();
        let end = (offset + 3).min(all.len());
        ok(json!({"results": records(&all[offset.min(end)..end])}))
    });
    let offset = paged(
        "offset = \"{{ page.offset }}\"",
        "kind = \"offset\"\nsize = 3",
    );
    let (keys, report) = Office::new(&offset, &vendor).all();
    assert_eq!(keys, "1 2 3 4 5");
    assert!(report.rejects.is_empty(), "{:?}", report.rejects);
    assert_eq!(report.rows_read, 4);
}

#[test]
fn a_list_that_never_holds_still_is_given_up() {
    let vendor = Vendor::start(|request, before| {
        let first = before as u64 * 10;
        let ids = [first + 1, first + 2, first + 3];
        let _ = request;
        ok(json!({"results": records(&ids)}))
    });
    let offset = paged(
        "offset = \"{{ page.offset }}\"",
        "kind = \"offset\"\nsize = 3",
    );
    let error = Office::new(&offset, &vendor).error();
    assert_eq!(error.verdict(), Verdict::TryLater);
    assert!(
        error
            .to_string()
            .contains("changed 4 times while it was read"),
        "{error}"
    );
    assert_eq!(vendor.count(), 8);
}

#[test]
fn the_same_page_twice_is_an_error() {
    let vendor = Vendor::start(|_, _| ok(json!({"results": records(&[1]), "next": "b"})));
    let error = Office::new(&plain(), &vendor).error();
    assert!(
        error.to_string().contains("gives the same page again"),
        "{error}"
    );
    assert_eq!(vendor.count(), 2);
}

#[test]
fn a_next_page_on_another_host_is_not_asked_for() {
    let other = Vendor::start(|_, _| panic!("the credential must not go there"));
    let next = format!("{}/more", other.address);
    let vendor = Vendor::start(move |_, _| ok(json!({"results": records(&[1]), "next": next})));
    let description = paged("x = \"1\"", "kind = \"next-url\"\nvalue = \"next\"");
    let error = Office::new(&description, &vendor).error();
    assert!(
        error
            .to_string()
            .contains("names a next page on another host"),
        "{error}"
    );
    assert_eq!(other.count(), 0);
}

#[test]
fn a_redirect_is_an_error_that_names_the_host_it_points_to() {
    let vendor = Vendor::start(|_, _| {
        status(302, json!({})).with("Location", "https://elsewhere.example/path?key=s3cret")
    });
    let error = Office::new(&plain(), &vendor).error().to_string();
    assert!(
        error.contains("points to another place (https://elsewhere.example)"),
        "{error}"
    );
    assert!(
        !error.contains("s3cret") && !error.contains("path"),
        "{error}"
    );
}

#[test]
fn a_refused_credential_says_what_to_renew() {
    for code in [401, 403] {
        let vendor = Vendor::start(move |_, _| {
            status(code, json!({"message": "Token s3cret-token\n expired"}))
        });
        let error = Office::new(&plain(), &vendor).error();
        assert_eq!(vendor.count(), 1);
        assert_eq!(error.verdict(), Verdict::NeedsPerson);
        assert_eq!(
            error.refused_credential(),
            Some("renew the secret token (Settings > API)")
        );
        let told = error.to_string();
        assert!(
            told.contains(&format!("(status {code}, saying: Token *** expired)")),
            "{told}"
        );
    }
}

#[test]
fn what_fails_in_passing_is_tried_again_and_not_for_ever() {
    let vendor = Vendor::start(|request, before| match before {
        0 => status(500, json!({"error": {"message": "oops"}})),
        1 => status(502, json!("<html>")),
        _ => pages(request, before),
    });
    let (keys, _) = Office::new(&plain(), &vendor).all();
    assert_eq!(keys, "1 2 3 4 5");
    let vendor = Vendor::start(|_, _| status(500, json!({"error": {"message": "oops"}})));
    let error = Office::new(&plain(), &vendor).error();
    assert_eq!((vendor.count(), error.verdict()), (3, Verdict::TryLater));
    assert!(
        error.to_string().contains("status 500, saying: oops"),
        "{error}"
    );
    // Nobody is there at all.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let directory = tempfile::tempdir().unwrap();
    let source = source_of(&plain(), &address, &directory).unwrap();
    let error = Office { source, directory }.error();
    assert!(
        error
            .to_string()
            .contains("could not be reached: no connection"),
        "{error}"
    );
    assert_eq!(error.verdict(), Verdict::TryLater);
}

#[test]
fn a_limit_is_waited_for_as_long_as_the_vendor_says_but_not_for_ever() {
    let vendor = Vendor::start(|request, before| match before {
        1 => status(429, json!({})).with("Retry-After", "0.3"),
        _ => pages(request, before),
    });
    let start = std::time::Instant::now();
    let (keys, _) = Office::new(&plain(), &vendor).all();
    assert_eq!((keys.as_str(), vendor.count()), ("1 2 3 4 5", 4));
    assert!(start.elapsed() >= Duration::from_millis(300));
    let vendor = Vendor::start(|_, _| {
        status(429, json!({"message": "slow down"})).with("Retry-After", "3600")
    });
    let error = Office::new(&plain(), &vendor).error();
    assert_eq!((vendor.count(), error.verdict()), (1, Verdict::TryLater));
    assert!(
        error
            .to_string()
            .contains("wants fewer requests, saying: slow down"),
        "{error}"
    );
}

#[test]
fn a_vendor_that_counts_down_is_not_asked_before_its_window_is_over() {
    let limits = "[limits]\nrequests = 10\nper = \"1s\"\nremaining = \"X-Remaining\"\nretry-after = \"X-Reset\"\n";
    let vendor = Vendor::start(|request, before| {
        let answer = pages(request, before);
        match before {
            0 => answer.with("X-Remaining", "0").with("X-Reset", "0.4"),
            _ => answer.with("X-Remaining", "9"),
        }
    });
    let start = std::time::Instant::now();
    Office::new(
        &format!("{HEAD}{BEARER}{limits}{EVERYTHING}{COLUMNS}"),
        &vendor,
    )
    .all();
    assert!(start.elapsed() >= Duration::from_millis(400));
}

#[test]
fn every_wait_ends_when_the_read_is_halted() {
    let vendor = Vendor::start(|_, _| status(429, json!({})).with("Retry-After", "1.9"));
    let office = Office::new(&plain(), &vendor);
    let halt = CancellationToken::new();
    let job = Job {
        wanted: Wanted::Everything { from: None },
        halt: &halt,
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while vendor.count() == 0 {
                std::thread::yield_now();
            }
            halt.cancel();
        });
        let start = std::time::Instant::now();
        let result = office.source.read(&job, &mut Taken::default());
        assert!(matches!(
            result,
            Err(ReadError::Source(SourceError::Halted))
        ));
        assert!(start.elapsed() < Duration::from_millis(1900));
    });
}

#[test]
fn an_answer_is_bounded_and_must_be_what_is_described() {
    let limits = "[limits]\npage-bytes = \"1 KiB\"\n";
    let vendor = Vendor::start(|_, _| ok(json!({"results": [], "x": "y".repeat(1100)})));
    let description = format!("{HEAD}{BEARER}{limits}{EVERYTHING}{COLUMNS}");
    let error = Office::new(&description, &vendor).error();
    assert!(
        error
            .to_string()
            .contains("larger than the 1024 bytes of page-bytes"),
        "{error}"
    );
    assert_eq!(vendor.count(), 1);
    let vendor = Vendor::start(|_, _| ok(json!({"results": [], "x": "y".repeat(1024 - 22)})));
    Office::new(&description, &vendor).all();
    let cases = [
        (
            ok(json!({"data": []})),
            "has no list at \"results\": there is nothing",
        ),
        (
            ok(json!({"results": {}})),
            "has no list at \"results\": there is something else",
        ),
        (
            Answered {
                body: b"<html>Ayse</html>".to_vec(),
                ..ok(json!(null))
            },
            "is not JSON",
        ),
        (
            status(400, json!({"detail": "no such field"})),
            "status 400, saying: no such field",
        ),
        (
            status(418, json!({"results": [{"name": "Ayşe"}]})),
            "refuses the request with status 418:",
        ),
    ];
    for (answer, expected) in cases {
        let answer = Mutex::new(Some(answer));
        let vendor = Vendor::start(move |_, _| answer.lock().unwrap().take().unwrap());
        let error = Office::new(&plain(), &vendor).error();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!error.to_string().contains("Ay"), "{error}");
        assert_eq!(error.verdict(), Verdict::NeedsPerson);
    }
    // There is nobody: no content, nothing modified, no list.
    for answer in [
        status(204, json!(null)),
        status(304, json!(null)),
        ok(json!({"results": null})),
    ] {
        let answer = Mutex::new(Some(answer));
        let vendor = Vendor::start(move |_, _| {
            let mut answer = answer.lock().unwrap().take().unwrap();
            if answer.status != 200 {
                answer.body.clear();
            }
            answer
        });
        assert_eq!(Office::new(&plain(), &vendor).all().0, "");
    }
}

/// gzip of `{"results": [{"id": 1, "name": "Ay", "phone": "0532 555 0001"}]}`.
const ZIPPED: &[u8] = &[
    31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 171, 86, 42, 74, 45, 46, 205, 41, 41, 86, 178, 82, 136, 174,
    86, 202, 76, 1, 210, 134, 58, 10, 74, 121, 137, 185, 169, 64, 166, 146, 99, 165, 18, 144, 87,
    144, 145, 159, 7, 230, 26, 152, 26, 27, 41, 152, 154, 154, 42, 24, 24, 24, 24, 42, 213, 198,
    214, 2, 0, 253, 107, 101, 85, 64, 0, 0, 0,
];

/// gzip of 100,000 blanks.
const BOMB: &[u8] = &[
    31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 237, 193, 49, 1, 0, 0, 0, 194, 160, 42, 235, 159, 210, 26, 30,
    64, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 175, 6, 45, 240, 121, 202, 160, 134, 1, 0,
];

#[test]
fn an_answer_may_be_compressed_and_is_bounded_after_that() {
    let zipped = |body: Vec<u8>| Answered {
        body,
        ..ok(json!(null)).with("Content-Encoding", "gzip")
    };
    let vendor = Vendor::start(move |request, _| {
        assert!(
            request.header("accept-encoding").contains("gzip"),
            "{request:?}"
        );
        zipped(ZIPPED.to_vec())
    });
    assert_eq!(Office::new(&plain(), &vendor).all().0, "1");
    let limits = "[limits]\npage-bytes = \"1 KiB\"\n";
    let vendor = Vendor::start(move |_, _| zipped(BOMB.to_vec()));
    let error = Office::new(
        &format!("{HEAD}{BEARER}{limits}{EVERYTHING}{COLUMNS}"),
        &vendor,
    )
    .error();
    assert!(
        error.to_string().contains("larger than the 1024 bytes"),
        "{error}"
    );
}

#[test]
fn a_read_runs_on_the_daemons_threads_that_may_wait() {
    let vendor = Vendor::start(pages);
    let office = Office::new(&plain(), &vendor);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    let runtime = runtime.unwrap();
    let keys = runtime.block_on(async {
        let read = tokio::task::spawn_blocking(move || office.all().0);
        read.await.unwrap()
    });
    assert_eq!(keys, "1 2 3 4 5");
}

#[test]
fn a_list_that_moves_can_not_be_read_again_without_a_key() {
    let vendor = Vendor::start(|_, before| {
        let first = before as u64 * 10;
        ok(json!({"results": records(&[first, first + 1, first + 2])}))
    });
    let description = paged(
        "offset = \"{{ page.offset }}\"",
        "kind = \"offset\"\nsize = 3",
    );
    let description = description.replace("key = \"id\"\n", "");
    let error = Office::new(&description, &vendor).error();
    assert!(error.to_string().contains("without key"), "{error}");
    assert_eq!(error.verdict(), Verdict::NeedsPerson);
}

#[test]
fn an_error_within_a_good_answer_is_an_error() {
    let errors = "[errors]\npath = \"error\"\nmessage = \"error.message\"\nretry = [\"QUERY_LIMIT\"]\n\
        login = [\"session expired\"]\n";
    let description = format!("{HEAD}{BEARER}{errors}{EVERYTHING}{COLUMNS}");
    let vendor = Vendor::start(|request, before| match before {
        0 => ok(json!({"error": {"code": "QUERY_LIMIT_EXCEEDED"}})),
        _ => pages(request, before),
    });
    assert_eq!(Office::new(&description, &vendor).all().0, "1 2 3 4 5");
    let vendor =
        Vendor::start(|_, _| ok(json!({"error": {"code": 7, "message": "no such table"}})));
    let error = Office::new(&description, &vendor).error();
    assert!(
        error
            .to_string()
            .contains("reports an error in its answer, saying: no such table"),
        "{error}"
    );
    let vendor = Vendor::start(|_, _| ok(json!({"error": "session expired"})));
    assert!(
        Office::new(&description, &vendor)
            .error()
            .refused_credential()
            .is_some()
    );
}

#[test]
fn an_interrupted_read_goes_on_after_the_page_that_was_whole() {
    let vendor = Vendor::start(pages);
    let description = plain().replace("kind = \"contacts\"", "kind = \"contacts\"\nresumes = true");
    let office = Office::new(&description, &vendor);
    assert!(office.source.abilities().resumes);
    let interrupted = Taken {
        most: Some(3),
        ..Taken::default()
    };
    let (taken, report) = office.read_with(interrupted, Wanted::Everything { from: None });
    assert!(report.is_err());
    assert_eq!((taken.keys().as_str(), taken.positions.len()), ("1 2 3", 1));
    let from = Some(&taken.positions[0]);
    let (rest, report) = office.read(Wanted::Everything { from });
    assert_eq!(rest.keys(), "3 4 5");
    assert_eq!(report.unwrap().contacts, 3);
    // One that is of no use begins at the beginning.
    let other = Position("{}".into());
    let (all, _) = office.read(Wanted::Everything { from: Some(&other) });
    assert_eq!(all.keys(), "1 2 3 4 5");
}

#[test]
fn a_few_records_are_read_to_be_looked_at() {
    let vendor = Vendor::start(pages);
    let office = Office::new(&plain(), &vendor);
    let (taken, report) = office.read(Wanted::Few(3));
    assert_eq!((taken.keys().as_str(), vendor.count()), ("1 2 3", 2));
    assert_eq!(report.unwrap().cursor, None);
}

const CHANGES: &str = r#"
[objects.contacts.changes]
url = "{{ with.address }}/changes"
query = { since = "{{ since }}", after = "{{ page.cursor }}" }
records = "results"
[objects.contacts.changes.paging]
kind = "cursor"
value = "next"
[objects.contacts.changes.cursor]
kind = "time"
value = "updated"
overlap = "2m"
"#;

fn changed(id: u64, at: &str) -> Value {
    let mut record = record(id);
    record["updated"] = json!(at);
    record
}

fn with_changes(more: &str) -> String {
    format!("{HEAD}{BEARER}{EVERYTHING}{CHANGES}{more}{COLUMNS}")
}

#[test]
fn the_cursor_is_the_greatest_change_seen_but_not_after_the_start_by_the_servers_clock() {
    let cases = [
        ("2026-09-01T09:30:00Z", "2026-09-01T09:30:00Z"),
        ("2026-09-01T12:00:00Z", "2026-09-01T10:00:00Z"),
        ("2020-01-01T00:00:00Z", "2026-09-01T09:00:00Z"),
    ];
    for (updated, expected) in cases {
        let vendor = Vendor::start(move |_, _| {
            let answer = ok(json!({"results": [changed(1, updated)]}));
            answer.with("Date", "Tue, 01 Sep 2026 10:00:00 GMT")
        });
        let office = Office::new(&with_changes(""), &vendor);
        assert!(office.source.abilities().changes);
        let (_, report) = office.all();
        assert_eq!(report.cursor, Some(Cursor(expected.into())), "{updated}");
    }
}

#[test]
fn changes_are_asked_for_with_the_overlap_and_the_later_of_two_wins() {
    let vendor = Vendor::start(|request, _| {
        assert_eq!(request.path, "/changes");
        assert_eq!(request.query("since"), "2026-09-01T09:58:00Z");
        let answer = match request.query("after") {
            "" => json!({"results": [changed(1, "2026-09-01T10:05:00Z")], "next": "b"}),
            _ => json!({"results": [changed(1, "2026-09-01T10:06:00Z"), changed(2, "x")]}),
        };
        ok(answer).with("Date", "Tue, 01 Sep 2026 10:10:00 GMT")
    });
    let office = Office::new(&with_changes(""), &vendor);
    let since = Cursor("2026-09-01T10:00:00Z".into());
    let (taken, report) = office.read(Wanted::Changes { since: &since });
    let report = report.unwrap();
    assert_eq!(taken.keys(), "1 1 2");
    assert!(report.rejects.is_empty(), "{:?}", report.rejects);
    assert_eq!(report.cursor, Some(Cursor("2026-09-01T10:06:00Z".into())));
    // One that is no time is of no use.
    let broken = Cursor("yesterday".into());
    let (_, report) = office.read(Wanted::Changes { since: &broken });
    assert!(matches!(report, Err(SourceError::CursorExpired)));
}

#[test]
fn a_changed_record_that_makes_no_contact_any_more_is_gone() {
    let vendor = Vendor::start(|_, _| {
        let mut without_number = changed(7, "2026-09-01T10:05:00Z");
        without_number["phone"] = json!(null);
        let mut structure = changed(8, "2026-09-01T10:05:00Z");
        structure["name"] = json!({"first": "Ayşe"});
        ok(json!({"results": [without_number, structure, changed(9, "2026-09-01T10:05:00Z")]}))
    });
    let office = Office::new(&with_changes(""), &vendor);
    let since = Cursor("2026-09-01T10:00:00Z".into());
    let (taken, report) = office.read(Wanted::Changes { since: &since });
    assert_eq!(
        (taken.keys().as_str(), taken.gone.join(" ").as_str()),
        ("9", "7 8")
    );
    assert_eq!(report.unwrap().rejects.rows_rejected(), 2);
}

#[test]
fn tombstones_and_the_list_of_deleted_records_tell_who_is_gone() {
    let more = "[objects.contacts.changes.tombstone]\nif = \"reason is defined\"\nid = \"contactid or id\"\n\
        [objects.contacts.deleted]\nurl = \"{{ with.address }}/deleted\"\n\
        query = { since = \"{{ since }}\", now = \"{{ now }}\" }\nrecords = \"data\"\nid = \"id\"\n";
    let vendor = Vendor::start(|request, _| match request.path.as_str() {
        "/deleted" => {
            assert_eq!(request.query("since"), "2026-09-01T09:58:00Z");
            assert!(request.query("now").starts_with("20"), "{request:?}");
            ok(json!({"data": [{"id": 3}, {"id": "4"}]}))
        }
        _ => ok(json!({"results": [
            {"id": 5, "reason": "deleted"}, {"contactid": "6", "reason": "deleted"}, changed(3, "2026-09-01T10:05:00Z"),
        ]})),
    });
    let office = Office::new(&with_changes(more), &vendor);
    assert!(office.source.abilities().tells_deleted);
    let since = Cursor("2026-09-01T10:00:00Z".into());
    let (taken, report) = office.read(Wanted::Changes { since: &since });
    report.unwrap();
    // 3 was restored after it was deleted: what was deleted is told first.
    assert_eq!(
        (taken.gone.join(" ").as_str(), taken.keys().as_str()),
        ("3 4 5 6", "3")
    );
    assert_eq!(vendor.asked()[0].path, "/deleted");
}

#[test]
fn a_search_that_shows_only_so_many_is_begun_again_from_what_was_seen() {
    // 25 contacts, two of each second; the vendor shows ten of one query, five a page.
    let all: Vec<(u64, i64)> = (0..25).map(|n| (n, 1_788_259_282 + n as i64 / 2)).collect();
    let vendor = Vendor::start(move |request, _| {
        let since: i64 = request.query("since").parse().unwrap();
        let after: usize = request.query("after").parse().unwrap_or(0);
        assert!(after < 10, "the vendor refuses to show more");
        let found: Vec<_> = all.iter().filter(|(_, at)| *at >= since).collect();
        let page: Vec<Value> = found
            .iter()
            .skip(after)
            .take(5)
            .map(|(id, at)| {
                let mut record = record(*id);
                record["updated"] = json!(at);
                record
            })
            .collect();
        let next = (after + 5 < found.len()).then(|| (after + 5).to_string());
        ok(json!({"results": page, "next": next}))
    });
    let changes = with_changes("").replace("overlap", "format = \"unix-s\"\nmost = 10\noverlap");
    let office = Office::new(&changes, &vendor);
    let since = Cursor("2026-09-01T00:00:00Z".into());
    let (taken, report) = office.read(Wanted::Changes { since: &since });
    report.unwrap();
    let mut keys: Vec<u64> = taken
        .contacts
        .iter()
        .map(|c| c.key.as_ref().unwrap().parse().unwrap())
        .collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys, (0..25).collect::<Vec<u64>>());
}

#[test]
fn a_search_whose_results_all_have_one_time_asks_for_everything() {
    let vendor = Vendor::start(|request, _| {
        let after: u64 = request.query("after").parse().unwrap_or(0);
        let ids: Vec<Value> = (after..after + 5)
            .map(|id| changed(id, "2026-09-01T10:00:00Z"))
            .collect();
        ok(json!({"results": ids, "next": (after + 5).to_string()}))
    });
    let changes = with_changes("").replace("overlap", "most = 10\noverlap");
    let office = Office::new(&changes, &vendor);
    let since = Cursor("2026-09-01T09:00:00Z".into());
    let (_, report) = office.read(Wanted::Changes { since: &since });
    assert!(matches!(report, Err(SourceError::CursorExpired)));
    assert!(vendor.count() < 10);
}

#[test]
fn a_token_of_the_vendors_is_the_next_request_and_may_expire() {
    let changes = "[objects.contacts.changes]\nurl = \"{{ since }}\"\nrecords = \"results\"\n\
        [objects.contacts.changes.paging]\nkind = \"next-url\"\nvalue = \"next\"\n\
        [objects.contacts.changes.cursor]\nkind = \"token\"\nvalue = \"@odata.deltaLink\"\n\
        [errors]\ncursor-expired-statuses = [410]\n";
    let description = format!("{HEAD}{BEARER}{EVERYTHING}{changes}{COLUMNS}");
    let vendor = Vendor::start(|request, _| {
        let link = |path: &str| format!("http://{}{path}", request.header("host"));
        match request.path.as_str() {
            "/contacts" => {
                ok(json!({"results": records(&[1]), "@odata.deltaLink": link("/delta?t=1")}))
            }
            "/delta" => match request.query("t") {
                "1" => ok(json!({"results": records(&[2]), "next": link("/delta?t=1b")})),
                "1b" => {
                    ok(json!({"results": records(&[3]), "@odata.deltaLink": link("/delta?t=2")}))
                }
                _ => status(410, json!({"error": {"message": "expired"}})),
            },
            other => panic!("{other}"),
        }
    });
    let office = Office::new(&description, &vendor);
    let (_, report) = office.all();
    let first = report.cursor.unwrap();
    let (taken, report) = office.read(Wanted::Changes { since: &first });
    assert_eq!(taken.keys(), "2 3");
    let second = report.unwrap().cursor.unwrap();
    assert!(second.0.ends_with("/delta?t=2"));
    let (_, report) = office.read(Wanted::Changes { since: &second });
    assert!(matches!(report, Err(SourceError::CursorExpired)));
    let elsewhere = Cursor("https://elsewhere.example/delta".into());
    let error = office
        .read(Wanted::Changes { since: &elsewhere })
        .1
        .unwrap_err();
    assert!(error.to_string().contains("on another host"), "{error}");
}

#[test]
fn ids_alone_are_read_to_find_out_who_is_gone() {
    let ids = "[objects.contacts.ids]\nurl = \"{{ with.address }}/ids\"\nrecords = \"results\"\nid = \"id\"\n";
    let vendor = Vendor::start(|request, _| {
        assert_eq!(request.path, "/ids");
        ok(json!({"results": [{"id": 1}, {"id": "2"}, {"id": null}, {"id": {"x": 1}}]}))
    });
    let office = Office::new(
        &format!("{HEAD}{BEARER}{EVERYTHING}{ids}{COLUMNS}"),
        &vendor,
    );
    assert!(office.source.abilities().ids);
    let (taken, report) = office.read(Wanted::Ids);
    assert_eq!(
        (taken.ids.join(" ").as_str(), report.unwrap().rows_read),
        ("1 2", 4)
    );
    let office = Office::new(&plain(), &vendor);
    let error = office.read(Wanted::Ids).1.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("acme can't tell which records there are"),
        "{error}"
    );
}

const LOGIN: &str = r#"
[auth]
kind = "none"
[login]
request = { method = "POST", url = "{{ with.address }}/login", json = { password = "{{ secrets.token }}" } }
capture = { uid = "result[0]", session = "result[1]" }
[login.headers]
Authorization = "Session {{ (login.uid ~ ':' ~ login.session) | base64 }}"
"#;

#[test]
fn a_login_comes_first_and_again_when_the_session_is_over() {
    let vendor = Vendor::start(|request, before| {
        if request.path == "/login" {
            assert_eq!(request.json(), json!({"password": "s3cret-token"}));
            assert_eq!(request.header("authorization"), "");
            return ok(json!({"result": [7, format!("s{before}")]}));
        }
        // The first session is over after one page.
        match (request.header("authorization"), request.query("after")) {
            ("Session NzpzMA==", "") | ("Session NzpzMw==", _) => pages(request, before),
            ("Session NzpzMA==", _) => status(401, json!({})),
            other => panic!("{other:?}"),
        }
    });
    let office = Office::new(&format!("{HEAD}{LOGIN}{EVERYTHING}{COLUMNS}"), &vendor);
    assert_eq!(office.all().0, "1 2 3 4 5");
    let paths: Vec<_> = vendor.asked().iter().map(|a| a.path.clone()).collect();
    assert_eq!(
        paths.join(" "),
        "/login /contacts /contacts /login /contacts /contacts"
    );
    // The session lasts from one read to the next.
    office.all();
    assert_eq!(
        vendor.asked().iter().filter(|a| a.path == "/login").count(),
        2
    );
}

#[test]
fn a_login_that_is_refused_names_the_secret() {
    let cases = [
        status(401, json!({})),
        ok(json!({"result": [false, null]})),
        ok(json!({"result": null})),
    ];
    for answer in cases {
        let answer = Mutex::new(Some(answer));
        let vendor = Vendor::start(move |_, _| answer.lock().unwrap().take().unwrap());
        let office = Office::new(&format!("{HEAD}{LOGIN}{EVERYTHING}{COLUMNS}"), &vendor);
        let error = office.error();
        assert_eq!(
            error.refused_credential(),
            Some("renew the secret token (Settings > API)")
        );
    }
    // Logged in, and refused all the same: once more, and then it is enough.
    let vendor = Vendor::start(|request, _| match request.path.as_str() {
        "/login" => ok(json!({"result": [7, "s"]})),
        _ => status(403, json!({})),
    });
    let office = Office::new(&format!("{HEAD}{LOGIN}{EVERYTHING}{COLUMNS}"), &vendor);
    assert!(office.error().refused_credential().is_some());
    assert_eq!(vendor.count(), 4);
}

const REFRESH: &str = r#"
[auth]
kind = "oauth-refresh-token"
token-url = "{{ with.address }}/token"
client-id = "ringcard"
client-secret = "x"
refresh-token = "{{ secrets.token }}"
authorization = "Acme-token"
capture = { server = "server" }
"#;

fn kept_token(directory: &TempDir) -> std::path::PathBuf {
    let state = directory.path().join("state/source/crm");
    super::kept::directory(&state, "s3cret-token").join("refresh-token")
}

fn form(request: &Asked) -> BTreeMap<String, String> {
    let url = reqwest::Url::parse(&format!("http://x/?{}", request.body)).unwrap();
    url.query_pairs().into_owned().collect()
}

#[test]
fn a_refresh_token_rotates_and_outlives_the_daemon() {
    let vendor = Vendor::start(|request, before| {
        if request.path != "/token" {
            assert!(
                request
                    .header("authorization")
                    .starts_with("Acme-token access-"),
                "{request:?}"
            );
            return pages(request, before);
        }
        let form = form(request);
        assert_eq!(
            (form["grant_type"].as_str(), form["client_id"].as_str()),
            ("refresh_token", "ringcard")
        );
        let next = match form["refresh_token"].as_str() {
            "s3cret-token" => 1,
            rotated => {
                rotated
                    .strip_prefix("refresh-")
                    .unwrap()
                    .parse::<u32>()
                    .unwrap()
                    + 1
            }
        };
        ok(json!({
            "access_token": format!("access-{next}"), "refresh_token": format!("refresh-{next}"),
            "expires_in": 3600, "server": "x",
        }))
    });
    let directory = tempfile::tempdir().unwrap();
    let description = format!("{HEAD}{REFRESH}{EVERYTHING}{COLUMNS}");
    for run in 1..=3 {
        let source = source_of(&description, &vendor.address, &directory).unwrap();
        let mut taken = Taken::default();
        let halt = CancellationToken::new();
        let wanted = Wanted::Everything { from: None };
        let job = Job {
            wanted,
            halt: &halt,
        };
        source.read(&job, &mut taken).unwrap();
        source.read(&job, &mut taken).unwrap();
        // One token for both reads.
        let tokens = vendor.asked().iter().filter(|a| a.path == "/token").count();
        assert_eq!(tokens, run);
        let kept = std::fs::read_to_string(kept_token(&directory)).unwrap();
        assert!(kept.contains(&format!("refresh-{run}")), "{kept}");
    }
}

#[test]
fn the_token_before_is_tried_when_the_newest_never_came_to_be_known() {
    // The vendor never heard of the rotation: the power went before the answer came to it.
    let vendor = Vendor::start(|request, before| match request.path.as_str() {
        "/token" => match form(request)["refresh_token"].as_str() {
            "lost" => status(400, json!({"error": "invalid_grant"})),
            "s3cret-token" => {
                ok(json!({"access_token": "access-1", "refresh_token": "new", "server": "x"}))
            }
            other => panic!("{other}"),
        },
        _ => pages(request, before),
    });
    let office = Office::new(&format!("{HEAD}{REFRESH}{EVERYTHING}{COLUMNS}"), &vendor);
    let state = kept_token(&office.directory);
    let state = state.parent().unwrap();
    let mut kept = kept::Kept::open(state, "s3cret-token").unwrap();
    let room = kept.make_room().unwrap();
    kept.keep(room, "lost", "s3cret-token").unwrap();
    drop(kept);
    assert_eq!(office.all().0, "1 2 3 4 5");
    let kept = kept::Kept::open(state, "s3cret-token").unwrap();
    assert_eq!(kept.candidates(), ["new", "s3cret-token"]);
}

#[test]
fn an_access_token_that_is_refused_is_renewed_once() {
    let vendor = Vendor::start(|request, before| {
        match (request.path.as_str(), request.header("authorization")) {
            ("/token", _) => ok(json!({"access_token": format!("access-{before}"), "server": "x"})),
            (_, "Acme-token access-0") => status(401, json!({})),
            _ => pages(request, before),
        }
    });
    let office = Office::new(&format!("{HEAD}{REFRESH}{EVERYTHING}{COLUMNS}"), &vendor);
    assert_eq!(office.all().0, "1 2 3 4 5");
    let vendor = Vendor::start(|request, _| match request.path.as_str() {
        "/token" => ok(json!({"access_token": "a", "server": "x"})),
        _ => status(401, json!({"message": "no"})),
    });
    let office = Office::new(&format!("{HEAD}{REFRESH}{EVERYTHING}{COLUMNS}"), &vendor);
    assert!(office.error().refused_credential().is_some());
    assert_eq!(vendor.count(), 4);
}

#[test]
fn a_refused_refresh_token_says_what_to_renew() {
    let answers = [
        status(
            400,
            json!({"error": "invalid_grant", "error_description": "token s3cret-token is revoked"}),
        ),
        ok(json!({"error": "invalid_code"})),
        status(401, json!({"error": "invalid_client"})),
    ];
    for answer in answers {
        let answer = Mutex::new(Some(answer));
        let vendor = Vendor::start(move |_, _| answer.lock().unwrap().take().unwrap());
        let office = Office::new(&format!("{HEAD}{REFRESH}{EVERYTHING}{COLUMNS}"), &vendor);
        let error = office.error();
        assert_eq!(
            error.refused_credential(),
            Some("renew the secret token (Settings > API)"),
            "{error}"
        );
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
}

#[test]
fn a_client_gets_its_token_by_its_own_credentials() {
    let auth = "[auth]\nkind = \"oauth-client-credentials\"\ntoken-url = \"{{ with.address }}/token\"\n\
        client-id = \"id\"\nclient-secret = \"{{ secrets.token }}\"\nclient-auth = \"basic\"\nscope = \"read\"\n\
        form = { audience = \"{{ with.address }}\" }\ncapture = { instance_url = \"instance_url\" }\n";
    let everything = EVERYTHING.replace(
        "{{ with.address }}/contacts",
        "{{ login.instance_url }}/contacts",
    );
    let vendor = Vendor::start(|request, before| {
        if request.path != "/token" {
            assert_eq!(request.header("authorization"), "Bearer a");
            return pages(request, before);
        }
        let form = form(request);
        assert_eq!(
            request.header("authorization"),
            "Basic aWQ6czNjcmV0LXRva2Vu"
        );
        assert_eq!(
            (form["grant_type"].as_str(), form["scope"].as_str()),
            ("client_credentials", "read")
        );
        assert!(!form.contains_key("client_secret") && form["audience"].starts_with("http"));
        let url = format!("http://{}", request.header("host"));
        ok(json!({"access_token": "a", "instance_url": url}))
    });
    let office = Office::new(&format!("{HEAD}{auth}{everything}{COLUMNS}"), &vendor);
    assert_eq!(office.all().0, "1 2 3 4 5");
}

#[test]
fn nothing_that_is_printed_holds_a_secret() {
    let vendor = Vendor::start(pages);
    let office = Office::new(&plain(), &vendor);
    let shown = format!("{:?} {:?}", office.source, Cursor("x".into()));
    assert!(!shown.contains("s3cret"), "{shown}");
}

#[test]
fn an_answer_that_would_take_too_much_memory_is_not_taken_apart() {
    // 3 bytes of an answer would be half a kilobyte in memory.
    let tiny = |count: usize| format!("{{\"results\": [{}0]}}", "{},".repeat(count));
    let vendor = Vendor::start(move |_, _| Answered {
        status: 200,
        headers: Vec::new(),
        body: tiny(150_000).into_bytes(),
    });
    let error = Office::new(&plain(), &vendor).error();
    assert!(
        error
            .to_string()
            .contains("bytes of memory: make the pages smaller"),
        "{error}"
    );
    assert_eq!(error.verdict(), Verdict::NeedsPerson);
    // As large a page as any vendor gives is not too large.
    let record = json!({"id": "00Q000000000001", "name": "Ayşe \\ \"Yılmaz\", Ltd. {A}", "phone": "1", "x": null});
    let page = json!({"results": vec![record; 20_000]}).to_string();
    assert!(super::answer::parsed(page.as_bytes()).is_ok());
}

#[test]
fn a_vendor_that_is_to_be_asked_again_at_once_is_not_hammered() {
    let vendor = Vendor::start(|_, _| status(429, json!({})).with("Retry-After", "0"));
    let mut office = Office::new(&plain(), &vendor);
    office.source.patience.limited = Duration::from_millis(500);
    office.source.patience.first_pause = Duration::from_millis(100);
    let start = std::time::Instant::now();
    assert_eq!(office.error().verdict(), Verdict::TryLater);
    assert!(vendor.count() <= 6, "{}", vendor.count());
    assert!(start.elapsed() >= Duration::from_millis(500));
}

/// A vendor that takes a refresh token once, and repeats in its errors what it was sent.
fn strict() -> Vendor {
    let newest = Mutex::new("s3cret-token".to_owned());
    Vendor::start(move |request, before| {
        if request.path != "/token" {
            return pages(request, before);
        }
        let given = form(request)["refresh_token"].clone();
        let mut newest = newest.lock().unwrap();
        if given != *newest {
            return status(400, json!({"error": format!("{given} was used up")}));
        }
        *newest = format!("refresh-{before}");
        let server = format!("http://{}", request.header("host"));
        ok(json!({"access_token": "access-0815", "refresh_token": *newest, "server": server}))
    })
}

#[test]
fn sources_with_one_refresh_token_do_not_use_up_each_others() {
    let vendor = strict();
    let description = format!("{HEAD}{REFRESH}{EVERYTHING}{COLUMNS}");
    let office = Office::new(&description, &vendor);
    let state = office.directory.path().join("state/source/other");
    for _ in 0..2 {
        let again = ApiSource::new(
            office.source.settings.clone(),
            &office.directory.path().join("state/source/crm"),
        );
        let other = ApiSource::new(office.source.settings.clone(), &state);
        for source in [again, other] {
            let halt = CancellationToken::new();
            let wanted = Wanted::Everything { from: None };
            let job = Job {
                wanted,
                halt: &halt,
            };
            source.read(&job, &mut Taken::default()).unwrap();
        }
    }
    assert_eq!(
        vendor.asked().iter().filter(|a| a.path == "/token").count(),
        4
    );
}

#[test]
fn a_token_of_an_earlier_read_does_not_lead_a_credential_to_another_host() {
    let vendor = strict();
    let everything = EVERYTHING.replace("with.address", "login.server");
    let changes = "[objects.contacts.changes]\nurl = \"{{ since }}\"\nrecords = \"results\"\n\
        [objects.contacts.changes.paging]\nkind = \"none\"\n\
        [objects.contacts.changes.cursor]\nkind = \"token\"\nvalue = \"delta\"\n";
    let office = Office::new(
        &format!("{HEAD}{REFRESH}{everything}{changes}{COLUMNS}"),
        &vendor,
    );
    let other = Vendor::start(|_, _| panic!("the credential must not go there"));
    // The first read since the start: where the account is has to be asked for.
    let since = Cursor(format!("{}/delta", other.address));
    let error = office
        .read(Wanted::Changes { since: &since })
        .1
        .unwrap_err();
    assert!(error.to_string().contains("on another host"), "{error}");
    assert_eq!(other.count(), 0);
}

#[test]
fn an_error_repeats_no_token_that_the_vendor_gave() {
    let vendor = Vendor::start(|request, _| match request.path.as_str() {
        "/token" => ok(json!({"access_token": "access-0815", "server": "session-4711"})),
        _ => status(
            400,
            json!({"message": "access-0815 of session-4711 and s3cret-token is bad"}),
        ),
    });
    let office = Office::new(&format!("{HEAD}{REFRESH}{EVERYTHING}{COLUMNS}"), &vendor);
    let error = office.error().to_string();
    assert!(
        error.contains("saying: *** of *** and *** is bad"),
        "{error}"
    );
    // And of a token's own request, where it is one that rotated.
    let vendor = strict();
    let office = Office::new(&format!("{HEAD}{REFRESH}{EVERYTHING}{COLUMNS}"), &vendor);
    office.all();
    let vendor = Vendor::start(|request, _| {
        status(
            400,
            json!({"error": format!("{}{} is bad", "x".repeat(190), form(request)["refresh_token"])}),
        )
    });
    let source = source_of(
        &format!("{HEAD}{REFRESH}{EVERYTHING}{COLUMNS}"),
        &vendor.address,
        &office.directory,
    );
    let office = Office {
        source: source.unwrap(),
        directory: office.directory,
    };
    let error = office.error().to_string();
    // Looked for before the message is cut, which leaves no part of it.
    let said = format!("saying: {}*** is bad", "x".repeat(190));
    assert!(error.contains(&said), "{error}");
    assert!(form(&vendor.asked()[0])["refresh_token"].starts_with("refresh-"));
}

#[test]
fn a_host_without_end_does_not_fill_the_log() {
    let url = format!("https://{}.example/x", "a".repeat(100_000));
    let shown = super::ask::host_of(&reqwest::Url::parse(&url).unwrap());
    assert_eq!(shown.len(), "https://".len() + 253);
}
