//! Every shipped connector by its own name, as an operator would first write it: it is known, all its objects can
//! be opened, and what it asks for is what the documentation says.

use std::fs;
use std::path::Path;

use super::office::{Desk, shipped};

/// Each with what the operator gives.
const BLOCKS: [(&str, &str); 10] = [
    ("hubspot", "[source.secrets]\ntoken = SECRET\n"),
    (
        "salesforce",
        "[source.with]\naddress = \"https://acme.my.salesforce.com\"\n\
         [source.secrets]\nclient-id = SECRET\nclient-secret = SECRET\n",
    ),
    (
        "pipedrive",
        "[source.with]\naddress = \"https://acme.pipedrive.com\"\n[source.secrets]\ntoken = SECRET\n",
    ),
    (
        "zoho",
        "[source.with]\naccounts = \"https://accounts.zoho.eu\"\n\
         [source.secrets]\nclient-id = SECRET\nclient-secret = SECRET\nrefresh-token = SECRET\n",
    ),
    (
        "odoo",
        "[source.with]\naddress = \"https://acme.odoo.com\"\n[source.secrets]\nkey = SECRET\n",
    ),
    (
        "odoo-jsonrpc",
        "[source.with]\naddress = \"https://odoo.acme.example\"\ndatabase = \"acme\"\n\
         user = \"ringcard@acme.example\"\n[source.secrets]\nkey = SECRET\n",
    ),
    (
        "bitrix24",
        "[source.with]\naddress = \"https://acme.bitrix24.com\"\nuser = \"1\"\n\
         [source.secrets]\ncode = SECRET\n",
    ),
    (
        "dynamics365",
        "[source.with]\naddress = \"https://acme.crm4.dynamics.com\"\n\
         tenant = \"00000000-0000-0000-0000-000000000000\"\n\
         client = \"00000000-0000-0000-0000-000000000000\"\n[source.secrets]\nclient-secret = SECRET\n",
    ),
    ("hipcall", "[source.secrets]\ntoken = SECRET\n"),
    (
        "rest",
        "[source.with]\naddress = \"https://crm.acme.example/api/contacts\"\n\
         [source.secrets]\nauthorization = SECRET\n\
         [source.columns]\nkey = \"id\"\nname = \"name\"\nnumbers = \"phone\"\n",
    ),
];

fn objects(name: &str) -> Vec<(String, bool)> {
    let description: toml::Table = shipped(name).parse().unwrap();
    let objects = description["objects"].as_table().unwrap();
    let of = |(name, object): (&String, &toml::Value)| {
        let kind = object.get("kind").and_then(toml::Value::as_str);
        (name.clone(), kind == Some("balances"))
    };
    objects.iter().map(of).collect()
}

#[test]
fn every_object_of_every_shipped_connector_can_be_read() {
    for (name, given) in BLOCKS {
        let desk = Desk::new();
        desk.secret("secret", "a-secret");
        let given = given.replace("SECRET", "{ file = \"secret\" }");
        let mut sources = String::new();
        for (object, is_balances) in objects(name) {
            // Balances have columns of their own.
            let given = match given.split_once("[source.columns]") {
                Some((before, _)) if is_balances => before,
                _ => &given,
            };
            sources += &format!(
                "[[source]]\nname = \"{object}\"\ntype = \"{name}\"\nobject = \"{object}\"\n{given}"
            );
        }
        let config = desk.try_configure(&sources);
        let config = config.unwrap_or_else(|e| panic!("{name}: {e}"));
        for source in &config.sources {
            let opened = source.open(desk.path());
            assert!(opened.abilities().is_remote, "{name}");
        }
    }
}

pub fn names() -> Vec<String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/connectors");
    let names = fs::read_dir(directory).unwrap().map(|entry| {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let description: toml::Table = text.parse().unwrap();
        description["name"].as_str().unwrap().to_owned()
    });
    names.collect()
}

#[test]
fn no_shipped_connector_is_missing_from_the_list_above() {
    for name in names() {
        let is_here = BLOCKS.iter().any(|(known, _)| *known == name);
        // Tryton's is proven against the real one.
        assert!(is_here || name == "tryton", "{name}");
    }
}

/// Whoever reads docs/sources.md learns what to give; a key that is not there would be one to guess.
#[test]
fn the_documentation_names_what_each_connector_asks_for() {
    let guide = include_str!("../../docs/sources.md");
    for (name, _) in BLOCKS {
        let description: toml::Table = shipped(name).parse().unwrap();
        let section = guide.split_once(&format!("type = \"{name}\""));
        assert!(section.is_some(), "{name} has no block");
        let tables = ["with", "secrets"].map(|t| description.get(t).and_then(|t| t.as_table()));
        let keys = tables.into_iter().flatten().flat_map(|table| table.keys());
        for key in keys {
            let names = |mark: char| guide.contains(&format!("{key}{mark}"));
            assert!(names(' ') || names('`'), "{name}: {key}");
        }
    }
}
