//! The blocks that are written, and what is listed.

use std::fs;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use tempfile::TempDir;

use super::block::block;
use super::kinds::{BUILT_IN, Group, Kind, kinds};
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

/// A block with one of its commented lines taken up, together with those that it needs, and without the line
/// that it stands instead of.
fn taken_up(block: &str) -> Vec<(String, String)> {
    let lines: Vec<&str> = block.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(key) = line.strip_prefix("# ").filter(|l| is_key(l)) else {
            continue;
        };
        let instead = key.split("# instead of ").nth(1);
        let instead = instead.and_then(|words| words.split(':').next());
        let of_money = key.starts_with("balance = ") || key.contains("# of balance");
        let text = lines.iter().enumerate().filter_map(|(n, line)| {
            let bare = line.trim_start_matches("# ");
            let is = |key: &str| bare.starts_with(&format!("{key} = "));
            let needed = of_money && (is("balance") || is("default-currency"));
            match () {
                () if n == at || needed => Some(bare),
                () if instead.is_some_and(is) => None,
                () => Some(*line),
            }
        });
        found.push((key.to_owned(), text.collect::<Vec<_>>().join("\n")));
    }
    found
}

fn is_key(line: &str) -> bool {
    let Some((key, _)) = line.split_once(" = ") else {
        return false;
    };
    !key.is_empty() && key.chars().all(|c| c.is_ascii_lowercase() || c == '-')
}

#[test]
fn every_key_that_a_block_offers_is_one() {
    let office = Office::new();
    let mut tried = 0;
    for (kind, block) in blocks() {
        // Those of a connector's mapping are taken up together, below.
        let upper = block.split("# [source.columns]").next().unwrap();
        for (key, text) in taken_up(upper) {
            tried += 1;
            let Err(problems) = office.read(&text) else {
                continue;
            };
            let told = problems.to_string();
            let name = key.split(" = ").next().unwrap();
            let unknown = format!("{name}: no such key");
            let wrong = format!("{name} = ");
            assert!(
                !told.contains(&unknown) && !told.contains(&wrong),
                "{kind}: {key}\n{told}"
            );
        }
    }
    assert!(tried > 10);
}

#[test]
fn the_connectors_own_mapping_can_be_taken_up_as_it_is_shown() {
    let office = Office::new();
    for (_, block) in blocks() {
        let Some((upper, lower)) = block.split_once("# [source.columns]\n") else {
            continue;
        };
        let lower: Vec<&str> = lower.lines().map(|l| l.trim_start_matches("# ")).collect();
        office.takes(&format!("{upper}[source.columns]\n{}\n", lower.join("\n")));
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
    assert!(block.ends_with(expected), "{block}");
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
