//! `ringcard source`: what the kinds are, a block to begin with, and what becomes of a source's records.

use std::fs;

use serde_json::Value;

use crate::commands::{run, said};
use crate::office::Office;

/// With each run of blanks as one: how wide columns are is not what is tested.
fn text(bytes: Vec<u8>) -> String {
    squeezed(&String::from_utf8(bytes).unwrap())
}

fn squeezed(told: &str) -> String {
    let line = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    told.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_test_shows_five_records_from_raw_to_normalised_and_keeps_nothing() {
    let office = Office::closed().await;
    let told = squeezed(&said(&office, &["source", "test", "crm"]).await);
    for expected in [
        "source crm: contacts, ",
        "Records are shown in full, as personal data",
        "record 1, line 2",
        "\nAd Soyad Ayşe Yılmaz",
        "name <- Ad Soyad = Ayşe Yılmaz",
        "numbers <- Cep = 0532 555 01 01",
        "number +905325550101",
        "balance ₺4.250,00, which the customer owes",
        "record 5, line 6",
        "5 records, 5 of them can be used; the first after ",
        "everything is read each time",
    ] {
        assert!(told.contains(expected), "{expected} not in:\n{told}");
    }
    assert!(!told.contains("record 6"), "{told}");
    assert!(!office.path("state").exists(), "nothing was made");
}

#[tokio::test]
async fn a_test_works_beside_the_daemon_and_for_scripts() {
    let office = Office::open().await;
    let before = fs::read_dir(office.path("state/replica/crm"))
        .unwrap()
        .count();
    let told = said(&office, &["source", "test", "crm", "--json"]).await;
    let told: Value = serde_json::from_str(&told).unwrap();
    let records = told["records"].as_array().unwrap();
    assert_eq!(records.len(), 5);
    assert_eq!(records[0]["raw"][1]["name"], "Ad Soyad");
    assert_eq!(records[0]["mapped"][0]["ours"], "key");
    assert_eq!(records[0]["mapped"][0]["value"], "120.01.0001");
    assert_eq!(records[0]["contact"]["numbers"][0], "+905325550101");
    assert_eq!(records[0]["contact"]["balance"]["amount"], "4250.00");
    assert_eq!(told["can"]["changes"], false);
    let after = fs::read_dir(office.path("state/replica/crm"))
        .unwrap()
        .count();
    assert_eq!(before, after);
}

/// The office's own header, and these rows.
fn export(office: &Office, rows: &str) {
    let path = office.path("contacts.csv");
    let whole = fs::read_to_string(&path).unwrap();
    let header = whole.lines().next().unwrap();
    let sign = if header.contains(';') { ";" } else { "," };
    fs::write(path, format!("{header}\n{}\n", rows.replace(';', sign))).unwrap();
}

#[tokio::test]
async fn a_test_says_of_each_record_why_it_can_not_be_used() {
    let office = Office::closed().await;
    export(
        &office,
        "1;Ayşe;;12;;;;\n2;;;0532 555 01 02;;;;\n3;Oya;;;;;;\n4;Ali;;0532 555 01 04;7;abc;;\n",
    );
    let output = run(&office, &["source", "test", "crm"]).await;
    assert_eq!(output.status.code(), Some(0));
    let told = text(output.stdout);
    let parts: Vec<&str> = told.split("record ").collect();
    for (part, expected) in [
        (1, "can't be used: Cep: the number is too short"),
        (2, "can't be used: neither a name nor a company is given"),
        (3, "can't be used: no number is given"),
        (4, "! Bakiye: the balance is not an amount"),
        (4, "! Telefon: the number is not a telephone number"),
        (4, "number +905325550104"),
        (4, "4 records, 1 of them can be used"),
        (4, "! 2 of 4 records have no number that can be used"),
        (
            4,
            "! mapped, and empty in all of these records: company <- Firma, currency <- Döviz",
        ),
    ] {
        assert!(parts[part].contains(expected), "{expected} not in:\n{told}");
    }
}

#[tokio::test]
async fn a_test_of_what_can_not_be_used_ends_with_1() {
    let office = Office::closed().await;
    export(&office, "1;;;;;;;\n");
    let output = run(&office, &["source", "test", "crm"]).await;
    assert_eq!(output.status.code(), Some(1));

    export(&office, "");
    let output = run(&office, &["source", "test", "crm"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(text(output.stdout).contains("! it has no record: look at the export"));

    office.configure(|config| config.replace("\"Cep\"", "\"Mobil\""));
    let output = run(&office, &["source", "test", "crm"]).await;
    assert_eq!(output.status.code(), Some(1));
    let error = text(output.stderr);
    assert!(error.starts_with("ringcard: source crm: "), "{error}");
    assert!(
        error.contains("has no column \"Mobil\"; its columns are \"Cari Kodu\""),
        "{error}"
    );

    let output = run(&office, &["source", "test", "nope"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(text(output.stderr).contains("there is no source nope; there are: crm"));
}

#[tokio::test]
async fn what_would_move_the_cursor_is_not_written_to_the_terminal() {
    let office = Office::closed().await;
    export(&office, "1;Ay\u{1b}[2Jşe\u{202e};;0532 555 01 01;;;;\n");
    let told = squeezed(&said(&office, &["source", "test", "crm"]).await);
    assert!(told.contains("Ay·[2Jşe"), "{told}");
    assert!(!told.contains(['\u{1b}', '\u{202e}']), "{told}");
}

#[tokio::test]
async fn a_block_pasted_into_the_configuration_can_be_tried_at_once() {
    let office = Office::closed().await;
    let block = said(&office, &["source", "new", "csv", "--name", "shop"]).await;
    let export =
        "Customer No;First Name;Last Name;Company;Mobile;Phone\n9;Eda;Ay;;0532 555 09 09;\n";
    fs::write(office.path("shop.csv"), export).unwrap();
    let block = block.replace("/var/lib/ringcard-import/contacts.csv", "shop.csv");
    office.configure(|config| format!("{config}\n{block}"));
    let told = squeezed(&said(&office, &["source", "test", "shop"]).await);
    assert!(told.contains("name Eda Ay"), "{told}");
    let told = said(&office, &["check"]).await;
    assert!(
        told.contains("source shop: 1 contact with 1 number"),
        "{told}"
    );
}

#[tokio::test]
async fn kinds_are_listed_with_the_operators_own_and_an_unknown_one_is_told() {
    let office = Office::closed().await;
    let told = said(&office, &["source", "list"]).await;
    for expected in ["files\n", "  csv ", "full, balances"] {
        assert!(told.contains(expected), "{expected} not in:\n{told}");
    }
    fs::create_dir(office.path("connectors.d")).unwrap();
    let acme = "name = \"acme\"\ntitle = \"ACME CRM\"\n[objects.contacts]\nkind = \"contacts\"\n";
    fs::write(office.path("connectors.d/acme.toml"), acme).unwrap();
    let told = said(&office, &["source", "list", "--json"]).await;
    let told: Value = serde_json::from_str(&told).unwrap();
    let acme = told
        .as_array()
        .unwrap()
        .iter()
        .find(|k| k["type"] == "acme");
    assert_eq!(acme.unwrap()["title"], "ACME CRM");

    let output = run(&office, &["source", "new", "abacus"]).await;
    assert_eq!(output.status.code(), Some(1));
    let error = text(output.stderr);
    assert!(
        error.starts_with("ringcard: there is no kind abacus; there are: csv, "),
        "{error}"
    );
    assert!(error.trim_end().ends_with("acme"), "{error}");
}
