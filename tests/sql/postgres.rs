//! What PostgreSQL alone has: its types, and a million rows that are never all in memory.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use ringcard::source::read::Wanted;

use crate::database::{Database, postgres};
use crate::reading::{everything, read, refusal, words};

#[test]
fn every_type_becomes_the_text_that_is_meant() {
    let database = postgres();
    database.run(
        "CREATE TYPE mood AS ENUM ('iyi', 'kötü'); CREATE DOMAIN phone_number AS varchar(20);
         CREATE TABLE typed AS SELECT 1::int2 AS id, 'Ayşe'::char(10) AS name, '05325550101'::phone_number AS phone,
         1250.500::numeric AS balance, 2::int4 AS i4, -3::int8 AS i8, 1.5::float4 AS f4, 1e15::float8 AS f8,
         true AS flag, '2026-09-01'::date AS day, '2026-09-01 10:41:22.5'::timestamp AS at,
         '2026-09-01 10:41:22.5+03'::timestamptz AS instant, '10:41:22'::time AS clock,
         'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid AS uid, '{\"a\": 1}'::json AS js, '{\"a\":  1}'::jsonb AS jsb,
         'kötü'::mood AS mood, ARRAY['0532', NULL, '0533'] AS list, ARRAY[1, 2] AS numbers, 'infinity'::date AS never,
         'NaN'::numeric AS nan, 0.00000005::numeric AS small, 10000::numeric AS round, -99999.5::numeric(12,3) AS minus,
         NULL::numeric AS nothing, '\\x00'::bytea AS picture",
    );
    let (taken, _) = read(&database.settings("SELECT * FROM typed"), Wanted::Few(1)).unwrap();
    for (column, expected) in [
        ("id", "1"),
        ("name", "Ayşe"),
        ("phone", "05325550101"),
        ("balance", "1250.500"),
        ("i4", "2"),
        ("i8", "-3"),
        ("f4", "1.5"),
        ("f8", "1000000000000000"),
        ("flag", "true"),
        ("day", "2026-09-01"),
        ("at", "2026-09-01T10:41:22.5"),
        ("instant", "2026-09-01T07:41:22.5Z"),
        ("clock", "10:41:22"),
        ("uid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ("js", "{\"a\": 1}"),
        ("jsb", "{\"a\": 1}"),
        ("mood", "kötü"),
        ("list", "0532\n0533"),
        ("numbers", "1\n2"),
        ("never", ""),
        ("nan", ""),
        ("small", "0.00000005"),
        ("round", "10000"),
        ("minus", "-99999.500"),
        ("nothing", ""),
        ("picture", ""),
    ] {
        assert_eq!(taken.value(column), expected, "{column}");
    }
    // Not twelve hundred and fifty thousand, though amounts have a comma elsewhere in this source.
    let balance = taken.contacts[0].balance.as_ref().unwrap();
    assert_eq!(balance.amount.to_string(), "1250.500");
}

#[test]
fn a_mapped_column_that_is_no_text_is_told() {
    let database = postgres();
    let told = words(&refusal(&database.settings(
        "SELECT '\\x00'::bytea AS id, 'a' AS name, '' AS phone, 1 AS balance",
    )));
    assert!(
        told.contains(
            "column id of query has the type bytea, which is not read: make it a text with CAST"
        ),
        "{told}"
    );
    let told = words(&refusal(&database.settings(
        "SELECT 'x' AS id, 'a' AS name, '' AS phone, 1::money AS balance",
    )));
    assert!(
        told.contains("column balance of query has the type money"),
        "{told}"
    );
}

#[test]
fn a_value_that_the_server_can_not_convert_is_not_repeated() {
    let database = postgres();
    let told = words(&refusal(&database.settings("SELECT CAST(v AS integer) AS id, 'a' AS name, '' AS phone, 1 AS balance FROM (VALUES ('Ayşe')) AS t(v)")));
    assert!(
        told.contains("invalid input syntax for type integer: \"…\""),
        "{told}"
    );
    assert!(!told.contains("Ayşe"), "{told}");
}

#[test]
fn several_numbers_in_a_list_are_the_contacts_numbers() {
    let query = "SELECT 1 AS id, 'a' AS name, ARRAY['0532 555 01 01', '0212 555 01 00'] AS phone, 1 AS balance";
    let (taken, _) = everything(&postgres().settings(query));
    assert_eq!(taken.contacts[0].numbers.len(), 2);
}

/// Peak of the memory that `ringcard sync` takes for so many rows, in KiB.
fn peak_of_a_sync(database: Database, table: &str) -> u64 {
    let directory = tempfile::tempdir().unwrap();
    let office = ringcard::demo::office::Office::in_directory(directory.path()).unwrap();
    office
        .configure("https://127.0.0.1:9", "127.0.0.1:0")
        .unwrap();
    let server = database.server;
    let password = directory.path().join("password");
    fs::write(&password, server.password()).unwrap();
    fs::set_permissions(&password, fs::Permissions::from_mode(0o600)).unwrap();
    let config = fs::read_to_string(office.config_path()).unwrap();
    let before = config.find("[[source]]").unwrap();
    let config = format!(
        "{}\n[[source]]\nname = \"erp\"\ntype = \"postgresql\"\nhost = \"127.0.0.1\"\nport = {}\ndatabase = \"{}\"\nuser = \"{}\"\n\
         password = {{ file = {password:?} }}\nca-file = {:?}\nquery = \"SELECT id, name, phone, balance FROM {table}\"\n\
         [source.columns]\nkey = \"id\"\nname = \"name\"\nnumbers = \"phone\"\n",
        &config[..before],
        server.port(),
        server.database(),
        server.user(),
        server.ca(),
    );
    fs::write(office.config_path(), config).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_ringcard"))
        .args(["--config", office.config_path().to_str().unwrap(), "sync"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        peak = kib.unwrap_or(peak);
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    peak
}

#[test]
fn two_hundred_thousand_rows_take_hardly_more_memory_than_twenty_thousand() {
    let database = postgres();
    database.fill("few_rows", 20_000);
    database.fill("more_rows", 200_000);
    let some = peak_of_a_sync(database, "few_rows");
    let many = peak_of_a_sync(database, "more_rows");
    // The rows alone would be 180,000 x 60 bytes on the wire and several times that in memory; keys by hash
    // are 8 bytes each, and the load's tables have a bounded cache.
    assert!(many < some + 32 * 1024, "{some} KiB, {many} KiB");
}

#[test]
fn a_server_of_the_tests_leaves_nothing_behind_wherever_it_is_named_from() {
    let directory = tempfile::tempdir().unwrap();
    // Not by its making: a daemon of another test in this process has taken rights from all new files.
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/servers/postgres");
    for what in ["start", "stop"] {
        let mut command = Command::new(script);
        command.args([what, "cluster"]).current_dir(&directory);
        let output = command.stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
}
