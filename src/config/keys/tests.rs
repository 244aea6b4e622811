//! The table of keys against the reader, the sample, and the documents.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::*;
use crate::config::Config;
use crate::config::reader::tests::ASKED;
use crate::domain::words::Words;

/// A configuration with a place, `@path@`, for one more line in each table.
struct Base {
    kind: &'static str,
    text: String,
}

const AROUND: [&str; 2] = [
    r#"@@
[webhook]
listen = "127.0.0.1:8443"
@webhook@
[metrics]
listen = "127.0.0.1:9464"
@metrics@
[hipcall]
@hipcall@
[[account]]
name = "istanbul"
node = "https://use.hipcall.com.tr"
region = "TR"
token = { file = "secret" }
webhook-secrets = { file = "secret" }
@account@
"#,
    r#"
[source.guards]
@source.guards@
[source.expires]
token = "2026-12-31"
[source.columns]
COLUMNS
@source.columns@
[matching]
@matching@
[merge]
[card]
@card@
[[card.row]]
type = "title"
text = "{{ contact.name }}"
@card.row@
[[card.row]]
type = "shortText"
text = "{{ contact.name }}"
@card.row@
[[card.unknown-row]]
type = "user"
label = "a"
text = "{{ contact.owner_id }}"
@card.row@
[[card.variant]]
name = "a"
when = "contact.vip"
@card.variant@
[[card.variant.row]]
type = "title"
text = "{{ contact.name }}"
[card.age]
balance = { mark = "1h"@card.age.VALUE@ }
[card.words]
title = "Cari"
"#,
];

const COLUMNS: &str = "key = \"Id\"\nname = \"Name\"\nnumbers = [\"Cep\", { column = \"Phone\"@source.columns.numbers@ }]\n\
    balance = \"Balance\"\ndefault-currency = \"EUR\"\nupdated = \"Changed\"\n[source.columns.fields]\ncity = \"City\"\n\
    [source.columns]\n";

const HEADS: [(&str, &str); 13] = [
    ("csv", "path = \"a.csv\""),
    ("csv", "folder = \"in\""),
    ("csv", "url = \"https://erp.example/a.csv\""),
    (
        "csv",
        "url = \"https://erp.example/a.csv\"\nuser = \"a\"\npassword = { file = \"secret\" }",
    ),
    ("xlsx", "path = \"a.xlsx\""),
    ("ndjson", "path = \"a.ndjson\""),
    ("json", "path = \"a.json\""),
    ("vcard", "path = \"a.vcf\""),
    ("postgresql", DATABASE),
    ("postgresql", WITH_CURSOR),
    ("mysql", DATABASE),
    ("sqlserver", DATABASE),
    ("hubspot", "object = \"contacts\""),
];

const DATABASE: &str = "host = \"erp.example\"\ndatabase = \"a\"\nuser = \"b\"\npassword = { file = \"secret\" }\n\
    query = \"SELECT a FROM b\"";
const WITH_CURSOR: &str = "host = \"erp.example\"\ndatabase = \"a\"\nuser = \"b\"\npassword = { file = \"secret\" }\n\
    query = \"SELECT a FROM b\"\ncursor = \"c\"";

const PAIR: &str = "certificate = \"a.crt\"\nkey = \"a.key\"\n@webhook@";
const ERP: &str = "[[source]]\nname = \"erp\"\ntype = \"csv\"\npath = \"erp.csv\"\nkind = \"balances\"\n\
    [source.columns]\njoin = \"Code\"\njoin-by = \"customer-code\"\nbalance = \"Balance\"\n\
    default-currency = \"EUR\"\n@source.columns@\n";

fn bases() -> Vec<Base> {
    let base = |(kind, head): (&'static str, &str)| {
        let columns = match kind {
            "vcard" => COLUMNS
                .replace("\"Id\"", "\"UID\"")
                .replace("\"Name\"", "\"FN\""),
            "hubspot" => {
                "numbers = [\"Cep\", { column = \"Phone\"@source.columns.numbers@ }]".to_owned()
            }
            _ => COLUMNS.to_owned(),
        };
        // The tables of a source come after its own keys, and its fields before the rest of the file.
        let columns = match columns.split_once("[source.columns.fields]") {
            Some((first, _)) => format!("{first}@fields@"),
            None => columns,
        };
        let secrets = match kind {
            "hubspot" => "[source.with]\n[source.secrets]\ntoken = { file = \"secret\" }\n",
            _ => "",
        };
        let head =
            format!("[[source]]\nname = \"crm\"\ntype = \"{kind}\"\n{head}\n@source@\n{secrets}");
        let rest = AROUND[1].replace("COLUMNS\n@source.columns@", &columns);
        let rest = match rest.contains("@fields@") {
            true => rest.replace(
                "@fields@",
                "@source.columns@\n[source.columns.fields]\ncity = \"City\"\n",
            ),
            false => rest.replace(&columns, &format!("{columns}\n@source.columns@")),
        };
        Base {
            kind: if kind == "hubspot" { CONNECTOR } else { kind },
            text: format!("{}{head}{rest}", AROUND[0]),
        }
    };
    let mut bases: Vec<Base> = HEADS.into_iter().map(base).collect();
    let crm = "[[source]]\nname = \"crm\"\ntype = \"csv\"\npath = \"a.csv\"\n[source.columns]\nname = \"Name\"\n\
        numbers = \"Phone\"\ncustomer-code = \"Code\"\n";
    bases.push(Base {
        kind: "csv",
        text: format!(
            "{}{crm}{ERP}[card]\nafter-call = \"comment\"\n@card@\n",
            AROUND[0]
        )
        .replace("@webhook@", PAIR),
    });
    bases
}

/// Without the places; of each place with `line`, the key taken out before.
fn filled(base: &str, path: &str, key: &str, line: &str) -> Option<String> {
    let place = format!("@{path}@");
    let at = base.find(&place)?;
    let (before, after) = (&base[..at], &base[at + place.len()..]);
    let before = match before.ends_with('\n') || before.is_empty() {
        false => inline(before, key, line),
        true => {
            let start = before.rfind("\n[").map_or(0, |n| n + 1);
            let own = before[start..]
                .lines()
                .filter(|l| !l.starts_with(&format!("{key} = ")));
            let own: String = own.map(|l| format!("{l}\n")).collect();
            format!("{}{own}{line}\n", &before[..start])
        }
    };
    Some(plain_base(&(before + after)))
}

/// The same within braces.
fn inline(before: &str, key: &str, line: &str) -> String {
    let (outside, within) = before.rsplit_once("{ ").unwrap();
    let is_other = |item: &&str| !item.starts_with(&format!("{key} = ")) && !item.is_empty();
    let mut items: Vec<&str> = within.split(", ").filter(is_other).collect();
    items.extend((!line.is_empty()).then_some(line));
    format!("{outside}{{ {}", items.join(", "))
}

fn plain_base(text: &str) -> String {
    let lines = text.lines().map(|line| match line.split_once('@') {
        Some((before, rest)) => format!(
            "{before}{}",
            rest.split_once('@').map_or("", |(_, after)| after)
        ),
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Desk {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        fs::write(&path, "0123456789abcdef0123").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        Desk(directory)
    }

    /// The configuration as it is shown in full, or its problems. Secrets are where the desk has them.
    fn parse(&self, text: &str) -> Tried {
        let secrets: Vec<&str> = text
            .split('"')
            .filter(|t| t.starts_with("/etc/ringcard/secrets/"))
            .collect();
        let mut here = text.to_owned();
        for secret in secrets {
            here = here.replace(&format!("\"{secret}\""), "\"secret\"");
        }
        match Config::parse(&here, self.0.path()) {
            Ok(config) => Ok(format!("{config:?}")),
            Err(problems) => Err(problems
                .0
                .iter()
                .map(|p| format!("{}: {}", p.subject, p.what))
                .collect()),
        }
    }
}

/// A path as the table writes it: without the names and places of what there can be several of.
fn path_of(path: &str, asked: &BTreeSet<&'static str>) -> String {
    if *asked == BTreeSet::from(["credential", "file"]) {
        return "SECRET".to_owned();
    }
    let mut parts: Vec<&str> = path.split('.').collect();
    if let ["account" | "source", _, ..] = parts[..] {
        parts.remove(1);
    }
    if let [.., "numbers", _] = parts[..] {
        parts.pop();
    }
    if let ["card", "variant", _, ..] = parts[..] {
        parts.remove(2);
    }
    if let ["card", .., "row" | "unknown-row", _] = parts[..] {
        parts.pop();
    }
    if let ["card", "age", _] = parts[..] {
        parts[2] = "VALUE";
    }
    let path = parts.join(".");
    let table = TABLES.iter().find(|t| t.also.contains(&path.as_str()));
    table.map_or(path.clone(), |t| t.path.to_owned())
}

/// The keys that the table has for a path, tables within it among them.
fn expected(path: &str, kind: Option<&str>) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for table in TABLES
        .iter()
        .filter(|t| kind.is_none_or(|kind| t.is_of(kind)))
    {
        if table.path == path {
            let own = table.keys.iter().filter(|key| !key.is_free());
            keys.extend(own.map(|key| key.name.to_owned()));
        }
        let paths = std::iter::once(&table.path).chain(table.also);
        for inner in paths.filter(|p| !p.is_empty() && **p != "SECRET") {
            let (parent, name) = inner.rsplit_once('.').unwrap_or(("", inner));
            if parent == path && name != "VALUE" {
                keys.insert(name.to_owned());
            }
        }
    }
    keys
}

#[test]
fn the_reader_asks_for_the_keys_of_the_table_and_for_no_others() {
    let desk = Desk::new();
    let mut asked: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut of_kinds: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for base in bases() {
        let text = plain_base(&base.text);
        ASKED.take();
        let config = Config::parse(&text, desk.0.path());
        assert!(config.is_ok(), "{text}\n{}", config.unwrap_err());
        for (of, path, keys) in ASKED.take() {
            if of != text.as_ptr() {
                continue;
            }
            let path = path_of(&path, &keys);
            let keys = keys
                .into_iter()
                .filter(|key| *key != "*")
                .map(str::to_owned);
            let all = match path.as_str() {
                "source" => of_kinds.entry(base.kind).or_default(),
                _ => asked.entry(path).or_default(),
            };
            all.extend(keys);
        }
    }
    for (kind, keys) in &of_kinds {
        assert_eq!(
            *keys,
            expected("source", Some(kind)),
            "source of type {kind}"
        );
    }
    for kind in TABLES.iter().flat_map(|t| t.types) {
        assert!(of_kinds.contains_key(kind), "nothing was read of {kind}");
    }
    for (path, keys) in &asked {
        assert_eq!(*keys, expected(path, None), "[{path}]");
    }
    for table in TABLES.iter().filter(|t| t.path != "source") {
        let is_free = table.keys.iter().all(Key::is_free);
        assert!(
            is_free || asked.contains_key(table.path),
            "nothing was read of {}",
            table.path
        );
    }
}

/// A configuration in full, or its problems.
type Tried = Result<String, Vec<String>>;

/// Each way to write `key = value`, and what comes of the base without and with it.
fn tried(desk: &Desk, table: &Table, key: &Key, value: &str) -> Vec<(Tried, Tried)> {
    let mut results = Vec::new();
    for base in bases().iter().filter(|b| table.is_of(b.kind)) {
        for (n, _) in base
            .text
            .match_indices(&format!("@{}@", table.path))
            .enumerate()
        {
            // Of several places of one name each is tried.
            let text = base.text.replacen(&format!("@{}@", table.path), "", n);
            let line = format!("{} = {value}", key.name);
            let with = filled(&text, table.path, key.name, &line).unwrap();
            let without = filled(&text, table.path, key.name, "").unwrap();
            results.push((desk.parse(&without), desk.parse(&with)));
        }
    }
    results
}

fn keys() -> impl Iterator<Item = (&'static Table, &'static Key)> {
    let all = TABLES
        .iter()
        .flat_map(|t| t.keys.iter().map(move |key| (t, key)));
    all.filter(|(table, key)| !key.is_free() && table.path != "SECRET")
}

#[test]
fn the_example_of_each_key_is_right() {
    let desk = Desk::new();
    for (table, key) in keys() {
        let results = tried(&desk, table, key, key.shown());
        assert!(
            !results.is_empty(),
            "{}.{}: tried nowhere",
            table.path,
            key.name
        );
        let told: Vec<_> = results
            .iter()
            .filter_map(|(_, with)| with.as_ref().err())
            .collect();
        assert!(
            told.len() < results.len(),
            "{}.{} = {}: {told:#?}",
            table.path,
            key.name,
            key.shown()
        );
    }
}

#[test]
fn the_default_of_each_key_is_what_holds_without_it() {
    let desk = Desk::new();
    let mut compared = 0;
    for (table, key) in keys() {
        let Otherwise::Value(value) = key.otherwise else {
            continue;
        };
        let mut equal = 0;
        for (without, with) in tried(&desk, table, key, value) {
            if let (Ok(without), Ok(with)) = (without, with) {
                assert_eq!(without, with, "{}.{} = {value}", table.path, key.name);
                equal += 1;
            }
        }
        assert!(
            equal > 0,
            "{}.{} = {value} is right nowhere",
            table.path,
            key.name
        );
        compared += 1;
    }
    assert!(compared >= 20, "{compared}");
}

#[test]
fn a_key_that_must_be_there_is_missed() {
    let desk = Desk::new();
    for (table, key) in keys().filter(|(_, key)| key.otherwise == Otherwise::Required) {
        let is_missed = bases().iter().filter(|b| table.is_of(b.kind)).any(|base| {
            let text = filled(&base.text, table.path, key.name, "").unwrap_or_default();
            let told = desk.parse(&text).err().unwrap_or_default();
            told.iter()
                .any(|t| t.contains(&format!("{}: is missing", key.name)))
        });
        assert!(is_missed, "{}.{}", table.path, key.name);
    }
}

/// What can be written, as the table says it: quoted texts and numbers. What follows a colon is an example, what
/// follows a semicolon an aside.
fn choices(key: &Key) -> Vec<String> {
    let said = key.allowed.split([';', ':']).next().unwrap_or_default();
    let said = match said.matches('`').count() % 2 {
        0 => said,
        _ => key.allowed,
    };
    let code = |part| match part {
        Part::Code(code) => Some(code),
        Part::Plain(_) => None,
    };
    let choices = parts(said).into_iter().filter_map(code);
    let choices = choices.filter(|c| !c.contains(" = "));
    choices.map(|c| c.trim_matches('"').to_owned()).collect()
}

#[test]
fn problems_say_what_the_table_says_is_allowed() {
    let desk = Desk::new();
    let mut agreed = 0;
    let mut complaints = Vec::new();
    for (table, key) in keys().filter(|(_, key)| !choices(key).is_empty()) {
        let mut told = Vec::new();
        for value in ["\"?!\"", "999999999"] {
            for (_, with) in tried(&desk, table, key, value) {
                told.extend(with.err().unwrap_or_default());
            }
        }
        let of_key = |t: &&String| t.split(" = ").next().is_some_and(|s| s.ends_with(key.name));
        let told: Vec<&String> = told.iter().filter(of_key).collect();
        let says = |choice: &String| told.iter().any(|t| t.contains(choice.as_str()));
        let unsaid: Vec<_> = choices(key).into_iter().filter(|c| !says(c)).collect();
        match unsaid.is_empty() {
            true => agreed += 1,
            false => complaints.push(format!(
                "{}.{}: {unsaid:?} in {:?}",
                table.path,
                key.name,
                told.first()
            )),
        }
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
    assert!(agreed > 30, "{agreed}");
}

#[test]
fn every_key_is_told_in_full() {
    let mut ids = BTreeSet::new();
    let numbers = |version: &str| {
        version
            .split('.')
            .map(|n| n.parse().unwrap())
            .collect::<Vec<u32>>()
    };
    for table in TABLES {
        assert!(ids.insert(table.id), "{} twice", table.id);
        assert!(!table.title.is_empty(), "{}", table.id);
        for key in table.keys {
            let told = [key.meaning, key.allowed, key.shown()];
            assert!(
                told.iter().all(|t| !t.is_empty()),
                "{}.{}",
                table.path,
                key.name
            );
            let version = env!("CARGO_PKG_VERSION");
            assert!(
                numbers(key.since) <= numbers(version),
                "{}.{}",
                table.path,
                key.name
            );
        }
    }
}

#[test]
fn the_words_of_the_table_are_those_of_the_card() {
    let code = |part: Part<'static>| match part {
        Part::Code(code) => Some(code),
        Part::Plain(_) => None,
    };
    let words = parts(card::WORDS.keys[0].meaning)
        .into_iter()
        .filter_map(code);
    assert!(words.eq(Words::names()));
}

#[test]
fn marks_and_links_are_taken_out() {
    let text = "a `b` and [c d](e.md#f), `g`";
    let expected = [
        Part::Plain("a "),
        Part::Code("b"),
        Part::Plain(" and "),
        Part::Plain("c d"),
        Part::Plain(", "),
        Part::Code("g"),
    ];
    assert_eq!(parts(text), expected);
    assert_eq!(plain(text), "a b and c d, g");
    assert_eq!(plain("[a] (b) ](c"), "[a] (b) ](c");
}

// The sample.

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn is_written_anew() -> bool {
    std::env::var_os("RINGCARD_GOLDEN").is_some_and(|v| v == "write")
}

/// `RINGCARD_GOLDEN=write cargo test --lib config::keys` writes what the repository holds anew.
fn holds(path: &str, text: &str) {
    let path = repository(path);
    if is_written_anew() {
        fs::write(&path, text).unwrap();
    }
    let held = fs::read_to_string(&path).unwrap();
    assert!(
        held == text,
        "{} is not what the table of keys gives",
        path.display()
    );
}

#[test]
fn the_packaged_configuration_is_made_of_the_table() {
    holds("packaging/ringcard.toml", &sample());
    for (_, key) in keys() {
        let as_word = |c: char| !(c.is_ascii_alphanumeric() || c == '-');
        assert!(
            sample().split(as_word).any(|word| word == key.name),
            "{}",
            key.name
        );
    }
    let longest = sample().lines().map(|line| line.chars().count()).max();
    assert!(longest <= Some(120) && sample().lines().count() <= 120);
}

/// A `# ` taken off each line that is TOML behind it.
fn uncommented(text: &str) -> String {
    let line = |line: &str| match line.strip_prefix("# ") {
        Some(rest) if is_toml(rest) || rest.strip_prefix("# ").is_some_and(is_toml) => {
            rest.to_owned()
        }
        _ => line.to_owned(),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n") + "\n"
}

fn is_toml(line: &str) -> bool {
    let is_key = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let key = line.split(" = ").next().unwrap_or_default();
    if line.contains(" = ") && !key.is_empty() && key.chars().all(is_key) {
        return true;
    }
    let header = line.split('#').next().unwrap_or_default().trim();
    let name = header.trim_matches(['[', ']']);
    header.starts_with('[') && header.ends_with(']') && name.chars().all(|c| is_key(c) || c == '.')
}

#[test]
fn the_packaged_configuration_is_right_as_it_is_and_with_its_signs_off() {
    let desk = Desk::new();
    let as_it_is = sample();
    let least = uncommented(&as_it_is);
    let all = uncommented(&least);
    assert!(as_it_is != least && least != all);
    for text in [&as_it_is, &least, &all] {
        let told = desk.parse(text).err().unwrap_or_default();
        assert!(told.is_empty(), "{text}\n{told:#?}");
    }
    assert!(
        desk.parse(&shortest()).is_ok(),
        "{:?}",
        desk.parse(&shortest())
    );
    for line in [
        "[[card.row]]",
        "type = \"user\"",
        "[source.columns]  # a",
        "a = [\"b\"]",
    ] {
        assert!(is_toml(line), "{line}");
    }
    for line in [
        "or folder = \"a\"",
        "# [hipcall], whom: ca-file",
        "seldom needed here: a, b",
        "[]x",
    ] {
        assert!(!is_toml(line), "{line}");
    }
}

// The documents.

const DOCUMENTS: [&str; 2] = ["docs/configuration.md", "docs/sources.md"];
const END: &str = "<!-- end of keys -->\n";

fn documented(table: &Table) -> String {
    let mut text = String::from("| key | meaning | allowed | default |\n|---|---|---|---|\n");
    for key in table.keys {
        let otherwise = match key.otherwise {
            Otherwise::Required => "required".to_owned(),
            Otherwise::Value(value) => format!("`{value}`"),
            Otherwise::Said(words) => words.to_owned(),
        };
        let unit = if key.unit.is_empty() {
            String::new()
        } else {
            format!(" {}", key.unit)
        };
        let since = if key.since == FIRST {
            String::new()
        } else {
            format!("; since {}", key.since)
        };
        let row = [
            format!("`{}`", key.name),
            format!("{}{since}", key.meaning),
            format!("{}{unit}", key.allowed),
            otherwise,
        ];
        let row = row.map(|cell| cell.replace('|', "\\|"));
        writeln!(text, "| {} |", row.join(" | ")).unwrap();
    }
    text
}

#[test]
fn the_documents_have_the_tables_of_the_keys() {
    let mut found = Vec::new();
    for path in DOCUMENTS {
        let text = fs::read_to_string(repository(path)).unwrap();
        let mut parts = text.split("<!-- keys: ");
        let mut made = parts.next().unwrap().to_owned();
        for part in parts {
            let (id, rest) = part.split_once(" -->\n").unwrap();
            let (_, after) = rest
                .split_once(END)
                .unwrap_or_else(|| panic!("{id} has no end"));
            let table = TABLES.iter().find(|t| t.id == id);
            let table = table.unwrap_or_else(|| panic!("{path}: there is no table {id}"));
            write!(
                made,
                "<!-- keys: {id} -->\n{}{END}{after}",
                documented(table)
            )
            .unwrap();
            found.push(id.to_owned());
        }
        holds(path, &made);
    }
    // A table whose keys are the operator's to choose is told in words.
    for table in TABLES.iter().filter(|t| !t.keys.iter().all(Key::is_free)) {
        let times = found.iter().filter(|id| *id == table.id).count();
        assert_eq!(
            times, 1,
            "the documents have the table {} so often",
            table.id
        );
    }
}
