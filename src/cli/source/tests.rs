//! The blocks that are written, and what is listed.

use std::fs;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use tempfile::TempDir;

use super::block::block;
use super::kinds::{BUILT_IN, Group, Kind, kinds};
use super::sketch::About;
use crate::config::{Config, Problems};

/// A directory in which secrets are readable, with the rest of a configuration.
struct Office(TempDir);

/// Has every id that a source of balances may be joined by.
const CONTACTS: &str = "[[source]]\nname = \"crm\"\ntype = \"csv\"\npath = \"all.csv\"\n[source.columns]\n\
    key = \"Key\"\nname = \"Name\"\nnumbers = \"Phone\"\ncustomer-code = \"Code\"\ntax-number = \"Tax\"\n\
    email = \"Mail\"\n";

impl Office {
    fn new() -> Office {
        let office = Office(tempfile::tempdir().unwrap());
        for name in ["token", "webhook-secrets"] {
            office.secret(name);
        }
        office
    }

    fn secret(&self, name: &str) {
        let path = self.0.path().join(name);
        if !path.exists() {
            let mut options = fs::OpenOptions::new();
            let file = options.write(true).create_new(true).mode(0o600);
            std::io::Write::write_all(
                &mut file.open(path).unwrap(),
                b"0123456789abcdef0123456789abcdef\n",
            )
            .unwrap();
        }
    }

    /// What is wrong with a configuration that has this block, its secrets being where it says.
    fn read(&self, block: &str) -> Result<Config, Problems> {
        let named = block.split("/etc/ringcard/secrets/").skip(1);
        named.for_each(|rest| self.secret(rest.split('"').next().unwrap()));
        let block = block.replace(
            "/etc/ringcard/secrets/",
            &format!("{}/", self.0.path().display()),
        );
        let text = format!(
            "runtime-dir = \"run\"\n[webhook]\nplain-listen = \"127.0.0.1:8080\"\n[[account]]\nname = \"a\"\n\
             node = \"https://use.hipcall.com\"\nregion = \"TR\"\ntoken = {{ file = \"token\" }}\n\
             webhook-secrets = {{ file = \"webhook-secrets\" }}\n{CONTACTS}\n{block}"
        );
        Config::parse(&text, self.0.path())
    }

    #[track_caller]
    fn takes(&self, block: &str) {
        if let Err(problems) = self.read(block) {
            panic!("{problems}\n{block}");
        }
    }
}

/// Every kind with each of its objects.
fn blocks() -> Vec<(String, String)> {
    let (kinds, problems) = kinds(Path::new("/nonexistent/ringcard.toml"));
    assert_eq!(problems, [""; 0]);
    let mut blocks = Vec::new();
    for kind in &kinds {
        for object in kind.objects() {
            let text = block(kind, Some(object), Some("new-one")).unwrap();
            blocks.push((format!("{} {object}", kind.name), text));
        }
    }
    blocks
}

#[test]
fn every_block_filled_with_its_own_examples_is_a_configuration() {
    let office = Office::new();
    for (kind, block) in blocks() {
        assert!(block.contains("name = \"new-one\""), "{kind}:\n{block}");
        assert!(!block.contains("\n@"), "{kind}");
        office.takes(&block);
    }
}

/// A block with one of its commented lines taken up, together with those that it says it goes with, and without
/// those that it says it stands instead of.
fn taken_up(block: &str) -> Vec<(String, String)> {
    let lines: Vec<&str> = block.lines().collect();
    let offered = lines.iter().filter_map(|line| line.strip_prefix("# "));
    let offered: Vec<&str> = offered.filter(|line| is_key(line)).collect();
    let name = |line: &str| line.split(" = ").next().unwrap_or_default().to_owned();
    let with_its_kin = |line: &str| {
        let mut taken = vec![name(line)];
        let mut next = 0;
        while let Some(key) = taken.get(next).cloned() {
            next += 1;
            let about = offered.iter().filter(|l| name(l) == key);
            for kin in about.flat_map(|l| named(l, "with ")) {
                if !taken.contains(&kin) {
                    taken.push(kin);
                }
            }
        }
        taken
    };
    let take = |line: &&str| {
        let taken = with_its_kin(line);
        let of_taken = offered.iter().filter(|l| taken.contains(&name(l)));
        let left: Vec<String> = of_taken.flat_map(|l| named(l, "instead of ")).collect();
        let kept = lines.iter().filter_map(|line| {
            let bare = line.trim_start_matches("# ");
            match (taken.contains(&name(bare)), left.contains(&name(line))) {
                (_, true) => None,
                (true, _) => Some(bare),
                _ => Some(*line),
            }
        });
        (line.to_string(), kept.collect::<Vec<_>>().join("\n"))
    };
    offered.iter().map(take).collect()
}

/// The keys that what is said about a key names after such a word: `with url and user: ...`.
fn named(line: &str, word: &str) -> Vec<String> {
    let about = line
        .rsplit_once("  # ")
        .and_then(|(_, about)| about.strip_prefix(word));
    let keys = about.and_then(|about| about.split([':', ';', '(']).next());
    keys.into_iter()
        .flat_map(|keys| keys.trim().split(" and "))
        .map(str::to_owned)
        .collect()
}

fn is_key(line: &str) -> bool {
    let Some((key, _)) = line.split_once(" = ") else {
        return false;
    };
    !key.is_empty() && key.chars().all(|c| c.is_ascii_lowercase() || c == '-')
}

/// A block without the tables that stand there as comments, and these.
fn apart(block: &str) -> (String, Vec<String>) {
    let (mut rest, mut tables) = (Vec::new(), Vec::new());
    for part in block.split("\n\n") {
        match part.find("# [source.") {
            Some(at) => {
                rest.push(&part[..at]);
                tables.push(part[at..].to_owned());
            }
            None => rest.push(part),
        }
    }
    (rest.join("\n\n"), tables)
}

#[test]
fn every_key_that_a_block_offers_is_one() {
    let office = Office::new();
    let mut tried = 0;
    for (_, block) in blocks() {
        let (block, _) = apart(&block);
        for (_, text) in taken_up(&block) {
            tried += 1;
            office.takes(&text);
        }
    }
    assert!(tried > 10);
}

#[test]
fn every_table_that_a_block_offers_can_be_taken_up_as_it_is_shown() {
    let office = Office::new();
    for (_, block) in blocks() {
        let (rest, tables) = apart(&block);
        for table in tables {
            let bare = table.lines().map(|line| line.trim_start_matches("# "));
            let keys = bare.filter(|line| line.starts_with('[') || is_key(line));
            office.takes(&format!(
                "{rest}\n{}\n",
                keys.collect::<Vec<_>>().join("\n")
            ));
        }
    }
}

const ACME: &str = r#"
name = "acme"
title = "ACME CRM"
[about]
full = "the list"
[with.region]
about = "where your data is"
default = "eu"
example = "us"
[with.company]
about = "the first part of your address"
example = "acme"
[secrets.token]
about = "an access token"
lifetime = "90d"
renew = "Settings > Rotate"
[objects.companies]
kind = "contacts"
[objects.contacts]
kind = "contacts"
[objects.contacts.columns]
numbers = ["phones[*].value"]
key = "id"
name = 'first ~ " " ~ last'
[objects.contacts.columns.fields]
city = "address.city"
[objects.debts]
kind = "balances"
[objects.debts.ids]
id = "id"
"#;

fn own(text: &str) -> (TempDir, Vec<Kind>, Vec<String>) {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("connectors.d")).unwrap();
    fs::write(directory.path().join("connectors.d/acme.toml"), text).unwrap();
    let (kinds, problems) = kinds(&directory.path().join("ringcard.toml"));
    let own = kinds.into_iter().filter(|k| k.group == Group::Own);
    (directory, own.collect(), problems)
}

#[test]
fn a_block_for_a_connector_asks_for_what_its_description_says() {
    let (_kept, kinds, _) = own(ACME);
    let block = block(&kinds[0], None, Some("crm")).unwrap();
    let expected = r##"# ACME CRM
# Needed from there: the token, which is an access token: Settings > Rotate
# Try it: ringcard source test crm

[[source]]
name = "crm"                                         # what you call it; names its directory in the replica
type = "acme"
object = "contacts"                                  # what is read; there are: companies, contacts, debts
"##;
    assert!(block.starts_with(expected), "{block}");
    let expected = r##"
[source.with]
# the first part of your address
company = "acme"
# where your data is
# region = "us"                                      # default: eu

# Each alone in a file of mode 0600 that is the user ringcard's, or a systemd credential:
# { credential = "NAME" }
[source.secrets]
# lives for 90d from the file's time of change; its end is warned of
token = { file = "/etc/ringcard/secrets/crm-token" }
"##;
    assert!(block.contains(expected), "{block}");
    let expected = r##"
# [source.columns]
# key = "id"
# name = 'first ~ " " ~ last'
# numbers = ["phones[*].value"]
# [source.columns.fields]
# city = "address.city"
"##;
    assert!(block.contains(expected), "{block}");
}

#[test]
fn an_object_that_is_not_there_is_told_with_those_that_are() {
    let (_kept, kinds, _) = own(ACME);
    let told = block(&kinds[0], Some("deals"), None).unwrap_err();
    assert_eq!(
        told,
        "acme has no object deals; it has: companies, contacts, debts"
    );
    let csv = Kind::from(&BUILT_IN[0]);
    let told = block(&csv, Some("deals"), None).unwrap_err();
    assert_eq!(told, "csv has no object deals; it has: contacts, balances");
}

#[test]
fn what_a_connector_can_is_told_from_its_objects() {
    let (_kept, kinds, problems) = own(ACME);
    assert_eq!(problems, [""; 0]);
    assert_eq!(kinds[0].can, ["full", "deletes by ids", "balances"]);
    let more = format!("{ACME}[objects.contacts.changes]\n[objects.contacts.deleted]\n");
    let (_kept, kinds, _) = own(&more);
    assert_eq!(kinds[0].can, ["full", "changes", "deletes", "balances"]);
}

#[test]
fn a_description_that_can_not_be_read_is_told_with_its_file() {
    let (directory, kinds, problems) = own("name = ");
    assert!(kinds.is_empty());
    assert_eq!(problems.len(), 1);
    assert!(
        problems[0].contains("connectors.d/acme.toml: "),
        "{problems:?}"
    );
    let file = directory.path().join("connectors.d/acme.toml");
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o700)).unwrap();
    let (_, problems) = super::kinds::kinds(&directory.path().join("ringcard.toml"));
    assert!(
        problems[0].contains("acme.toml can't be read: "),
        "{problems:?}"
    );
}

const SOURCES: &str = "docs/sources.md";
const TABLE: [&str; 2] = [
    "<!-- kinds: made of the descriptions -->\n",
    "<!-- end of kinds -->\n",
];

/// What docs/sources.md shows of each kind, as the descriptions say it.
fn documented(kinds: &[Kind]) -> String {
    let mut table = String::from(
        "| `type` | everything | changes | deletions | balances | proven against |\n|---|---|---|---|---|---|\n",
    );
    for kind in kinds {
        let About {
            full,
            changes,
            deletes,
            balances,
            proven,
        } = &kind.about;
        let cells = [full, changes, deletes, balances, proven].map(|c| c.replace('|', "\\|"));
        table.push_str(&format!("| `{}` | {} |\n", kind.name, cells.join(" | ")));
    }
    table
}

#[test]
fn the_documentations_table_is_what_the_descriptions_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(SOURCES);
    let text = fs::read_to_string(&path).unwrap();
    let (kinds, _) = kinds(Path::new("/nonexistent/ringcard.toml"));
    for kind in &kinds {
        let clauses = [&kind.about.full, &kind.about.changes, &kind.about.deletes];
        let clauses = clauses
            .into_iter()
            .chain([&kind.about.balances, &kind.about.proven]);
        for clause in clauses {
            let is_one = !clause.is_empty() && !clause.contains('\n') && !clause.ends_with('.');
            assert!(is_one, "{}: {clause:?} is no clause", kind.name);
        }
    }
    let (before, rest) = text.split_once(TABLE[0]).unwrap();
    let (table, after) = rest.split_once(TABLE[1]).unwrap();
    let made = documented(&kinds);
    if std::env::var_os("RINGCARD_GOLDEN").is_some_and(|v| v == "write") {
        let [begin, end] = TABLE;
        fs::write(&path, format!("{before}{begin}{made}{end}{after}")).unwrap();
        return;
    }
    assert_eq!(
        table, made,
        "the table differs: RINGCARD_GOLDEN=write cargo test --lib cli::source writes it anew"
    );
}
