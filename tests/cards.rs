//! What the agent sees, in situations drawn as text: `tests/data/cards/*.txt`, to be read by people.
//!
//! A situation is a title, the caller and the call as TOML with whatever it needs of `[card]`, and the card
//! as it was looked at and found right. All is read and rendered by the code that serves calls.
//! `RINGCARD_GOLDEN=write cargo test --test cards` draws the cards anew; then read the difference.

#![allow(clippy::unwrap_used, reason = "a test that can not go on has failed")]

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::{TimeZone, offset};
use ringcard::config::Config;
use ringcard::domain::call::{Call, CallId, Direction, RawNumber};
use ringcard::domain::card::{Card, Row};
use ringcard::domain::contact::{Contact, Flags, Origin, Profile, Shared};
use ringcard::domain::money::{DecimalSign, Money};
use ringcard::domain::template::Subject;
use toml::{Table, Value};

/// What every situation is true of unless it says otherwise; times are Istanbul's.
const USUAL: &str = r#"
now = "2026-09-01 15:05"
account = "istanbul"
direction = "inbound"
number = "+905325550101"
line = "+908505550100"
[contact]
source = "crm"
as-of = "2026-09-01 14:05"
"#;
/// The office around the card: two accounts, two sources, and the fields that cards can show.
const OFFICE: &str = r#"
[webhook]
listen = "127.0.0.1:8443"
[[account]]
name = "istanbul"
node = "https://use.hipcall.com.tr"
region = "TR"
token = { file = "token" }
webhook-secrets = { file = "istanbul.secrets" }
[[account]]
name = "london"
node = "https://use.hipcall.com"
region = "GB"
token = { file = "token" }
webhook-secrets = { file = "london.secrets" }
[[source]]
name = "crm"
type = "csv"
path = "crm.csv"
[source.columns]
name = "Name"
numbers = ["Phone"]
[source.columns.fields]
city = "City"
note = "Note"
segment = "Segment"
url = "Url"
[[source]]
name = "erp"
type = "csv"
path = "erp.csv"
[source.columns]
name = "Name"
numbers = ["Phone"]
"#;
const CARD: &str = "--- card\n";
const NO_CARD: &str = "(no card)\n";

struct Situation {
    title: String,
    input: String,
    card: String,
}

fn situations(text: &str) -> Vec<Situation> {
    let parts = text.split("=== ").skip(1);
    let read = |part: &str| {
        let (title, rest) = part.split_once('\n').expect("a title of one line");
        let (input, card) = rest
            .split_once(CARD)
            .unwrap_or_else(|| panic!("{title}: where is its card?"));
        Situation {
            title: title.into(),
            input: input.into(),
            card: card.trim_end().to_owned() + "\n",
        }
    };
    parts.map(read).collect()
}

fn text_of(head: &str, situations: &[Situation]) -> String {
    let mut text = head.to_owned();
    for s in situations {
        write!(text, "=== {}\n{}{CARD}{}\n", s.title, s.input, s.card).unwrap();
    }
    text.trim_end().to_owned() + "\n"
}

fn office() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for name in ["token", "istanbul.secrets", "london.secrets"] {
        let path = directory.path().join(name);
        fs::write(&path, format!("0123456789abcdef-{}", name.len())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    directory
}

/// The situation's values over the usual ones, table by table.
fn laid_over(usual: Table, own: Table) -> Table {
    let mut all = usual;
    for (key, value) in own {
        let value = match (all.remove(&key), value) {
            (Some(Value::Table(usual)), Value::Table(own)) => Value::Table(laid_over(usual, own)),
            (_, own) => own,
        };
        all.insert(key, value);
    }
    all
}

fn text<'a>(table: &'a Table, key: &str) -> Option<&'a str> {
    table.get(key).map(|value| value.as_str().expect("a text"))
}

fn owned(table: &Table, key: &str) -> Option<String> {
    text(table, key).map(str::to_owned)
}

fn time(table: &Table, key: &str) -> Timestamp {
    let time: jiff::civil::DateTime = text(table, key).expect("a time").parse().unwrap();
    istanbul().to_timestamp(time).unwrap()
}

fn istanbul() -> TimeZone {
    TimeZone::fixed(offset(3))
}

fn origin(table: &Table) -> Origin {
    Origin {
        source: owned(table, "source").expect("a source"),
        as_of: time(table, "as-of"),
    }
}

fn profile(of: &Table, shared: Option<&str>) -> Profile {
    let table = |key| of.get(key).and_then(Value::as_table).into_iter().flatten();
    let fields = table("fields").map(|(name, v)| (name.clone(), v.as_str().unwrap().to_owned()));
    let balance = text(of, "balance").map(|b| Money::parse(b, DecimalSign::Point, None).unwrap());
    let contact = Contact {
        key: owned(of, "key"),
        name: owned(of, "name"),
        company: owned(of, "company"),
        balance,
        flags: Flags {
            vip: owned(of, "vip"),
            warning: owned(of, "warning"),
            overdue: owned(of, "overdue"),
        },
        fields: fields.collect(),
        ..Contact::default()
    };
    let mut profile = Profile::new(contact, origin(of));
    for (name, from) in table("from") {
        let from = origin(from.as_table().unwrap());
        match name.as_str() {
            "balance" => profile.balance_origin = Some(from),
            _ => drop(profile.field_origins.insert(name.clone(), from)),
        }
    }
    profile.shared = match shared {
        None => Shared::No,
        Some("company") => Shared::Company,
        Some("several") => Shared::Several,
        Some(other) => panic!("shared = {other}"),
    };
    profile
}

/// The card of a situation, drawn.
fn render(input: &str, directory: &Path) -> String {
    let own: Table = input.parse().unwrap_or_else(|e| panic!("{input}\n{e}"));
    let all = laid_over(USUAL.parse().unwrap(), own);
    let mut config: Table = OFFICE.parse().unwrap();
    for key in ["locale", "card"] {
        config.extend(all.get(key).map(|value| (key.to_owned(), value.clone())));
    }
    let config = match Config::parse(&toml::to_string(&config).unwrap(), directory) {
        Ok(config) => config,
        Err(problems) => panic!("{input}\n{problems}"),
    };
    let account = text(&all, "account").unwrap();
    let account = config.accounts.iter().find(|a| &*a.name == account);
    let account = account.expect("an account");
    let call = Call {
        id: CallId::parse("7c3e").unwrap(),
        direction: match text(&all, "direction") {
            Some("outbound") => Direction::Outbound,
            _ => Direction::Inbound,
        },
        customer: RawNumber(text(&all, "number").unwrap().into()),
        line: RawNumber(text(&all, "line").unwrap().into()),
        user_id: None,
        started_at: None,
    };
    let contact = all["contact"].as_table().unwrap();
    let known = contact.contains_key("name") || contact.contains_key("company");
    let profile = known.then(|| profile(contact, text(&all, "shared")));
    let card = config.card.deck.render(&Subject {
        call: &call,
        number: &account.dialling.read(&call.customer.0).unwrap().written(),
        account: &account.name,
        region: account.region,
        profile: profile.as_ref(),
        owner_id: all.get("owner-id").map(|id| id.as_integer().unwrap()),
        now: time(&all, "now"),
        zone: &istanbul(),
    });
    card.map_or(NO_CARD.into(), |card| draw(&card))
}

fn draw(card: &Card) -> String {
    let mut drawn = String::new();
    for row in &card.rows {
        let (kind, label, text) = match row {
            Row::Title { text, .. } => ("title", None, text.clone()),
            Row::ShortText { text, label, .. } => ("shortText", label.as_deref(), text.clone()),
            Row::User { label, user_id } => ("user", Some(label.as_str()), format!("#{user_id}")),
        };
        let label = label.map(|l| format!("{l}: ")).unwrap_or_default();
        writeln!(drawn, "{kind:9} | {label}{text}").unwrap();
        let links = match row {
            Row::Title { link, .. } => [link.as_ref(), None, None],
            Row::ShortText {
                link, ios, android, ..
            } => [link.as_ref(), ios.as_ref(), android.as_ref()],
            Row::User { .. } => [None; 3],
        };
        for (key, link) in ["link", "ios", "android"].iter().zip(links) {
            if let Some(link) = link {
                writeln!(drawn, "{key:>9} -> {link}").unwrap();
            }
        }
    }
    // A blank that does not break looks like one that does.
    drawn.replace(['\u{a0}', '\u{202f}'], "⍽")
}

/// What differs, line by line; nothing if all is as it was.
fn differences(situation: &Situation, drawn: &str) -> String {
    let (expected, drawn): (Vec<_>, Vec<_>) =
        (situation.card.lines().collect(), drawn.lines().collect());
    if expected == drawn {
        return String::new();
    }
    let mut told = format!("\n{}\n", situation.title);
    for n in 0..expected.len().max(drawn.len()) {
        match (expected.get(n), drawn.get(n)) {
            (Some(e), Some(d)) if e == d => writeln!(told, "    {e}").unwrap(),
            (e, d) => {
                let lines = [("-", e), ("+", d)];
                for (sign, line) in lines.iter().filter_map(|(s, l)| Some((s, (*l)?))) {
                    writeln!(told, "  {sign} {line}").unwrap();
                }
            }
        }
    }
    told
}

fn files() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/cards");
    let entries = fs::read_dir(directory).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn every_situation_has_the_card_that_was_found_right() {
    let directory = office();
    let anew = std::env::var_os("RINGCARD_GOLDEN").is_some_and(|v| v == "write");
    let (mut told, mut titles, mut inputs) = (String::new(), Vec::new(), Vec::new());
    for file in files() {
        let text = fs::read_to_string(&file).unwrap();
        let head = text.split("=== ").next().unwrap_or_default();
        let mut situations = situations(&text);
        for situation in &mut situations {
            let drawn = render(&situation.input, directory.path());
            match anew {
                true => situation.card = drawn,
                false => told.push_str(&differences(situation, &drawn)),
            }
            titles.push(situation.title.clone());
            inputs.push(situation.input.clone());
        }
        if anew {
            fs::write(&file, text_of(head, &situations)).unwrap();
        }
    }
    assert!(told.is_empty(), "{told}");
    assert!(titles.len() >= 40, "only {} situations", titles.len());
    for list in [&mut titles, &mut inputs] {
        let count = list.len();
        list.sort();
        list.dedup();
        assert_eq!(list.len(), count, "a situation is there twice");
    }
}

#[test]
fn a_card_that_differs_is_told_line_by_line() {
    let text = "=== a\n[contact]\nname = \"Can\"\n--- card\ntitle     | Customer\nx\n\n";
    let situations = situations(text);
    let drawn = render(&situations[0].input, office().path());
    assert_eq!(drawn, "title     | Customer\nshortText | Name: Can\n");
    let told = differences(&situations[0], &drawn);
    assert_eq!(
        told,
        "\na\n    title     | Customer\n  - x\n  + shortText | Name: Can\n"
    );
    assert_eq!(text_of("", &situations), text.trim_end().to_owned() + "\n");
}
