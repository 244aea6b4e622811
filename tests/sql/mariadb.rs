//! What MariaDB alone has: its types, and tables whose letters are not what they say.

use ringcard::source::read::Wanted;

use crate::database::mariadb;
use crate::reading::{everything, read, refusal, words};

#[test]
fn every_type_becomes_the_text_that_is_meant() {
    let database = mariadb();
    database.run(
        "CREATE TABLE typed (id TINYINT UNSIGNED, name CHAR(10), phone VARCHAR(20), balance DECIMAL(12,3), big BIGINT UNSIGNED,
         f FLOAT, d DOUBLE, flag BOOLEAN, bits BIT(9), day DATE, zero DATE, at DATETIME(3), instant TIMESTAMP(3) NULL, clock TIME,
         yr YEAR, js JSON, kind ENUM('iyi', 'kötü'), kinds SET('a', 'b'), txt MEDIUMTEXT, nothing INT, picture BLOB);\n\
         INSERT INTO typed VALUES (200, 'Ayşe  ', '05325550101', 1250.500, 18446744073709551615, 1.5, 1e15, TRUE, b'100000001',
         '2026-09-01', NULL, '2026-09-01 10:41:22.5', '2026-09-01 10:41:22.5', '-01:02:03', 2026, '{\"a\": 1}', 'kötü', 'a,b',
         'uzun', NULL, x'00')",
    );
    let (taken, _) = read(&database.settings("SELECT * FROM typed"), Wanted::Few(1)).unwrap();
    for (column, expected) in [
        ("id", "200"),
        ("name", "Ayşe"),
        ("balance", "1250.500"),
        ("big", "18446744073709551615"),
        ("f", "1.5"),
        ("d", "1000000000000000"),
        ("flag", "1"),
        ("bits", "257"),
        ("day", "2026-09-01"),
        ("zero", ""),
        ("at", "2026-09-01T10:41:22.5"),
        ("instant", "2026-09-01T10:41:22.5Z"),
        ("clock", "-01:02:03"),
        ("yr", "2026"),
        ("js", "{\"a\": 1}"),
        ("kind", "kötü"),
        ("kinds", "a,b"),
        ("txt", "uzun"),
        ("nothing", ""),
        ("picture", ""),
    ] {
        assert_eq!(taken.value(column), expected, "{column}");
    }
    let balance = taken.contacts[0].balance.as_ref().unwrap();
    assert_eq!(balance.amount.to_string(), "1250.500");
}

#[test]
fn a_mapped_column_that_is_no_text_is_told() {
    let told = words(&refusal(
        &mariadb().settings("SELECT x'00' AS id, 'a' AS name, '' AS phone, 1 AS balance"),
    ));
    assert!(
        told.contains("column id of query has the type BINARY or BLOB"),
        "{told}"
    );
}

#[test]
fn turkish_letters_in_a_table_that_says_latin1_are_mended_in_the_query() {
    let database = mariadb();
    // What a program wrote whose connection said latin1, but which sent Windows-1254, or UTF-8.
    database.run(
        "CREATE TABLE mislabelled (id INTEGER, old VARCHAR(80) CHARACTER SET latin1, new VARCHAR(80) CHARACTER SET latin1);\n\
         INSERT INTO mislabelled VALUES (1, CONVERT(CAST(CONVERT('Işık Şahin Ğ' USING latin5) AS BINARY) USING latin1),
         CONVERT(CAST(CONVERT('Işık Şahin Ğ' USING utf8mb4) AS BINARY) USING latin1))",
    );
    let query = |name: &str| {
        format!("SELECT id, {name} AS name, '05325550101' AS phone, 1 AS balance FROM mislabelled")
    };
    let names = |name: &str| {
        everything(&database.settings(&query(name)))
            .0
            .names()
            .join("")
    };
    assert_eq!(names("old"), "Iþýk Þahin Ð");
    let mended = |column: &str, set: &str| {
        format!("CONVERT(CAST(CONVERT({column} USING latin1) AS BINARY) USING {set})")
    };
    assert_eq!(names(&mended("old", "latin5")), "Işık Şahin Ğ");
    assert_eq!(names(&mended("new", "utf8mb4")), "Işık Şahin Ğ");
}
