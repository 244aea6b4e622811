//! What holds of PostgreSQL and MariaDB alike.

use std::io::Write;
use std::time::{Duration, Instant};

use ringcard::domain::contact::FIELD_BYTES;
use ringcard::source::error::{SourceError, Verdict};
use ringcard::source::read::{NoticeKind, Wanted};
use ringcard::source::sql::SqlSource;
use ringcard::source::sql::error::SqlError;
use ringcard::source::sql::settings::{Engine, Password, Place, Tls};
use tokio_util::sync::CancellationToken;

use crate::database::{Database, both};
use crate::reading::{EVERYTHING, everything, network, read, read_with, refusal, socket, words};

const CONTACTS: &str = "SELECT id, name, phone, balance FROM";

#[test]
fn contacts_are_read_with_turkish_letters_empty_values_and_exact_amounts() {
    for database in both() {
        database.run(
            "CREATE TABLE letters (id INTEGER, name VARCHAR(80), phone VARCHAR(40), balance NUMERIC(30,4));\n\
             INSERT INTO letters VALUES (1, 'Çiğdem Işık Öztürk Ğ İ ı Ş ş', '0532 555 01 01', 12345678901234567890.1234),\n\
             (2, 'Ali', NULL, NULL), (3, 'Veli', '02125550100', -0.5000)",
        );
        let (taken, report) =
            everything(&database.settings(&format!("{CONTACTS} letters ORDER BY id;")));
        assert_eq!(taken.names(), ["Çiğdem Işık Öztürk Ğ İ ı Ş ş", "Veli"]);
        let balances: Vec<_> = taken.contacts.iter().map(|c| c.balance.unwrap()).collect();
        assert_eq!(balances[0].amount.to_string(), "12345678901234567890.1234");
        assert_eq!(balances[1].amount.to_string(), "-0.5000");
        // Ali has no number, and so no card.
        assert_eq!((report.rows_read, report.contacts), (3, 2));
        assert_eq!(report.cursor, None);
        assert_eq!(report.digest, None);
    }
}

#[test]
fn a_socket_of_this_box_is_a_way_too() {
    for database in both() {
        database.fill("by_socket", 3);
        let mut settings = database.settings(&format!("{CONTACTS} by_socket"));
        settings.server.place = socket(database.server.told("SOCKET"), database.server.port());
        assert_eq!(everything(&settings).0.contacts.len(), 3);
    }
}

#[test]
fn a_refused_password_says_what_to_renew() {
    for database in both() {
        let mut settings = database.settings("SELECT 1");
        settings.server.password = Password::new("not this one");
        let error = refusal(&settings);
        let renew = format!("the password of the user {}", settings.server.user);
        assert_eq!(error.refused_credential(), Some(&*renew));
        assert_eq!(error.verdict(), Verdict::NeedsPerson);
        assert!(!words(&error).contains("not this one"));
    }
}

#[test]
fn mistakes_are_told_in_words() {
    for database in both() {
        database.run("CREATE TABLE words (id INTEGER, name VARCHAR(80))");
        let told = |query: &str| words(&refusal(&database.settings(query)));
        let missing = told("SELECT id, name FROM words");
        assert!(
            missing.contains(
                "query gives no column \"phone\", \"balance\"; its columns are \"id\", \"name\""
            ),
            "{missing}"
        );
        let unknown = told("SELECT id FROM no_such_table");
        assert!(
            unknown.contains("does not understand query: ") && unknown.contains("no_such_table"),
            "{unknown}"
        );
        let syntax = told("SELEC id");
        assert!(syntax.contains("does not understand query: "), "{syntax}");
        let twice = told("SELECT id, name, '' AS phone, '' AS phone, 1 AS balance FROM words");
        assert!(twice.contains("more than one column \"phone\""), "{twice}");
        let mut settings = database.settings("SELECT 1");
        settings.server.database = "nowhere".into();
        let error = words(&refusal(&settings));
        assert!(error.contains("has no database nowhere"), "{error}");
    }
}

#[test]
fn a_table_that_may_not_be_read_is_told() {
    for database in both() {
        database.fill("secret", 1);
        database.run(match database.engine {
            Engine::Postgres => "CREATE USER reader PASSWORD 'r'",
            _ => "CREATE TABLE nothing (id INTEGER);\nCREATE USER reader IDENTIFIED BY 'r';\nGRANT SELECT ON office.nothing TO reader",
        });
        let mut settings = database.settings(&format!("{CONTACTS} secret"));
        settings.server.user = "reader".into();
        settings.server.password = Password::new("r");
        let error = refusal(&settings);
        assert!(
            matches!(error, SourceError::Sql(SqlError::NotAllowed { .. })),
            "{error:?}"
        );
        assert!(
            words(&error).contains("grant it the right to read"),
            "{}",
            words(&error)
        );
    }
}

#[test]
fn nothing_can_be_written() {
    for database in both() {
        database.fill("kept", 2);
        let told = words(&refusal(
            &database.settings("DELETE FROM kept RETURNING id, name, phone, balance"),
        ));
        assert!(
            told.contains("does not understand query") || told.contains("broke off query"),
            "{told}"
        );
        let query = format!("{CONTACTS} kept; DELETE FROM kept");
        let told = words(&refusal(&database.settings(&query)));
        assert!(told.contains("does not understand query"), "{told}");
        let (taken, _) = everything(&database.settings(&format!("{CONTACTS} kept")));
        assert_eq!(taken.contacts.len(), 2);
    }
}

#[test]
fn a_certificate_must_be_trusted_and_name_the_host() {
    for database in both() {
        database.fill("by_tls", 1);
        let with = |tls: Tls| {
            let mut settings = database.settings(&format!("{CONTACTS} by_tls"));
            settings.server.place = network(database.server.host(), database.server.port(), tls);
            settings
        };
        let ca = Some(database.server.ca().to_owned());
        let verified = |ca_file, name: Option<&str>| Tls::Verified {
            ca_file,
            name: name.map(Into::into),
        };
        for tls in [verified(ca.clone(), None), Tls::Unverified, Tls::Off] {
            assert_eq!(everything(&with(tls)).0.contacts.len(), 1);
        }
        for tls in [verified(None, None), verified(ca, Some("another.example"))] {
            let error = refusal(&with(tls));
            let is_told = matches!(
                error,
                SourceError::Sql(SqlError::NotTrusted { .. } | SqlError::NoAuthorities)
            );
            assert!(is_told, "{}", words(&error));
        }
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "no certificate").unwrap();
        let error = refusal(&with(verified(Some(file.path().to_owned()), None)));
        assert!(
            matches!(error, SourceError::Sql(SqlError::CaFile { .. })),
            "{error:?}"
        );
    }
}

#[test]
fn a_server_without_tls_is_told_and_never_asked_in_the_clear() {
    for engine in [Engine::Postgres, Engine::MySql] {
        let with = Database::own(engine, &["--tls"]);
        let without = Database::own(engine, &[]);
        let mut settings = with.settings("SELECT 1");
        if let Place::Network { port, .. } = &mut settings.server.place {
            *port = without.server.port();
        }
        settings.server.password = Password::new(without.server.password());
        let error = refusal(&settings);
        assert!(
            matches!(error, SourceError::Sql(SqlError::NoTls { .. })),
            "{}",
            words(&error)
        );
    }
}

#[test]
fn a_port_that_nobody_listens_to_is_told() {
    for database in both() {
        let mut settings = database.settings("SELECT 1");
        let free = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        settings.server.place = network("127.0.0.1", free, Tls::Off);
        let error = refusal(&settings);
        assert!(
            words(&error).starts_with(&format!(
                "127.0.0.1:{free} can't be reached: check host and port"
            )),
            "{}",
            words(&error)
        );
        assert_eq!(error.verdict(), Verdict::TryLater);
    }
}

#[test]
fn a_server_that_dies_in_the_middle_ends_the_read() {
    for engine in [Engine::Postgres, Engine::MySql] {
        let database = Database::own(engine, &["--tls"]);
        database.fill("mortal", 200_000);
        let mut taken = 0;
        let error = read_with(
            &database.settings(&format!("{CONTACTS} mortal")),
            EVERYTHING,
            &CancellationToken::new(),
            &mut |_| {
                taken += 1;
                if taken == 10 {
                    database.server.ask("stop");
                }
            },
        )
        .unwrap_err();
        assert_eq!(error.verdict(), Verdict::TryLater, "{}", words(&error));
        assert!((10..200_000).contains(&taken), "{taken}");
    }
}

#[test]
fn a_stop_ends_a_read_between_rows_and_before_the_first() {
    for database in both() {
        database.fill("many_rows", 20_000);
        let halt = CancellationToken::new();
        let mut taken = 0;
        let settings = database.settings(&format!("{CONTACTS} many_rows"));
        let error = read_with(&settings, EVERYTHING, &halt, &mut |_| {
            taken += 1;
            halt.cancel();
        });
        assert!(matches!(error, Err(SourceError::Halted)));
        assert_eq!(taken, 1);
        let halt = CancellationToken::new();
        let stopper = halt.clone();
        let started = Instant::now();
        let stop = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(300));
            stopper.cancel();
        });
        let error = read_with(
            &database.settings(&database.sleeps(60)),
            EVERYTHING,
            &halt,
            &mut |_| {},
        );
        assert!(matches!(error, Err(SourceError::Halted)));
        assert!(started.elapsed() < Duration::from_secs(30));
        stop.join().unwrap();
    }
}

#[test]
fn a_silent_server_is_given_up() {
    for database in both() {
        let mut settings = database.settings(&database.sleeps(60));
        settings.timeout = Duration::from_secs(1);
        let error = refusal(&settings);
        assert!(
            words(&error).contains("has sent nothing for 1 s: make query quicker"),
            "{}",
            words(&error)
        );
    }
}

#[test]
fn a_row_with_a_picture_in_it_ends_the_read_and_a_long_text_is_cut() {
    for database in both() {
        let query = |bytes: u32| {
            format!(
                "SELECT 1 AS id, REPEAT('x', {bytes}) AS name, '05325550101' AS phone, 1 AS balance"
            )
        };
        let (taken, report) = everything(&database.settings(&query(900_000)));
        assert!(taken.contacts[0].name.as_ref().unwrap().len() <= FIELD_BYTES);
        assert_eq!(report.rejects.rows_rejected(), 0);
        let error = refusal(&database.settings(&query(2_000_000)));
        assert!(
            matches!(error, SourceError::Sql(SqlError::RowTooLong { .. })),
            "{}",
            words(&error)
        );
    }
}

#[test]
fn changes_are_read_from_a_little_before_the_newest_one_known() {
    for database in both() {
        let time = match database.engine {
            Engine::Postgres => "TIMESTAMP",
            _ => "DATETIME(3)",
        };
        database.run(&format!(
            "CREATE TABLE changing (id INTEGER, name VARCHAR(80), phone VARCHAR(40), balance NUMERIC(15,2), \"Changed\" {time})"
        ).replace('"', if database.engine == Engine::Postgres { "\"" } else { "`" }));
        let insert = |id: u32, name: &str, at: &str| {
            database.run(&format!(
                "INSERT INTO changing VALUES ({id}, '{name}', '0532555010{id}', 1, '{at}')"
            ));
        };
        insert(1, "Old", "2026-01-01 10:00:00");
        insert(2, "Late", "2026-01-02 09:59:30");
        insert(3, "New", "2026-01-02 10:00:00.5");
        let mut settings = database.settings("SELECT * FROM changing");
        settings.queries.cursor = Some("changed".into());
        let (taken, report) = everything(&settings);
        assert_eq!(taken.contacts.len(), 3);
        let since = report.cursor.unwrap();
        assert_eq!(since.0, "2026-01-02T10:00:00.5");
        // The overlap is a minute: Late may have been written after New was read.
        insert(4, "Newest", "2026-01-03 10:00:00");
        let (taken, report) = read(&settings, Wanted::Changes { since: &since }).unwrap();
        let mut names = taken.names();
        names.sort_unstable();
        assert_eq!(names, ["Late", "New", "Newest"]);
        let since = report.cursor.unwrap();
        assert_eq!(since.0, "2026-01-03T10:00:00");
        // One of the far future does not hide what comes before it: the server's clock is the bound.
        insert(5, "Wrong", "2199-01-01 00:00:00");
        let (_, report) = read(&settings, Wanted::Changes { since: &since }).unwrap();
        assert!(report.cursor.unwrap().0.as_str() < "2199");
        // The operator's own query, with the cursor where they want it.
        settings.queries.changes = Some(
            "SELECT * FROM changing WHERE \"Changed\" >= {{cursor}} AND id < 5".replace(
                '"',
                if database.engine == Engine::Postgres {
                    "\""
                } else {
                    "`"
                },
            ),
        );
        let (taken, _) = read(&settings, Wanted::Changes { since: &since }).unwrap();
        assert_eq!(taken.names(), ["Newest"]);
    }
}

#[test]
fn a_number_that_counts_changes_is_a_cursor_too_and_text_is_none() {
    for database in both() {
        database.run(
            "CREATE TABLE counted (id INTEGER, name VARCHAR(80), phone VARCHAR(40), balance NUMERIC(15,2), version BIGINT);\n\
             INSERT INTO counted VALUES (1, 'Old', '05325550101', 1, 10), (2, 'New', '05325550102', 1, 9007199254740993)",
        );
        let mut settings = database.settings("SELECT * FROM counted");
        settings.queries.cursor = Some("version".into());
        let since = everything(&settings).1.cursor.unwrap();
        assert_eq!(since.0, "9007199254740993");
        let (taken, _) = read(&settings, Wanted::Changes { since: &since }).unwrap();
        assert_eq!(taken.names(), ["New"]);
        settings.queries.cursor = Some("name".into());
        let told = words(&refusal(&settings));
        assert!(
            told.contains("cursor = \"name\": the column has the type text"),
            "{told}"
        );
    }
}

#[test]
fn what_was_deleted_is_found_by_the_ids_or_told_by_a_query() {
    for database in both() {
        database.fill("shrinking", 3);
        database.run(
            "CREATE TABLE tombs (id INTEGER, at TIMESTAMP NOT NULL);\n\
             INSERT INTO tombs VALUES (7, '2026-01-02 10:00:00'), (8, '2025-01-01 10:00:00');\n\
             DELETE FROM shrinking WHERE id = 2",
        );
        let mut settings = database.settings(
            "SELECT shrinking.*, CAST('2026-01-02 10:00:00' AS DATE) AS day FROM shrinking",
        );
        settings.queries.cursor = Some("day".into());
        settings.queries.deleted = Some("SELECT id FROM tombs WHERE at >= {{cursor}}".into());
        let able = SqlSource::new(settings.clone()).abilities();
        assert!(able.changes && able.tells_deleted && able.ids && able.is_remote && !able.resumes);
        let (mut taken, report) = read(&settings, Wanted::Ids).unwrap();
        taken.ids.sort_unstable();
        assert_eq!(taken.ids, ["1", "3"]);
        assert_eq!(
            (report.rows_read, report.contacts, report.cursor),
            (2, 0, None)
        );
        let since = everything(&settings).1.cursor.unwrap();
        let (taken, _) = read(&settings, Wanted::Changes { since: &since }).unwrap();
        assert_eq!(taken.gone, ["7"]);
        settings.queries.ids = Some("SELECT 99 AS n".into());
        assert_eq!(read(&settings, Wanted::Ids).unwrap().0.ids, ["99"]);
    }
}

#[test]
fn a_period_that_is_over_is_told_with_the_read() {
    for database in both() {
        database.fill("fiscal", 1);
        let mut settings = database.settings(&format!("{CONTACTS} fiscal"));
        assert!(everything(&settings).1.notices.is_empty());
        settings.queries.guard = Some("SELECT CAST('2020-12-31' AS DATE)".into());
        let (taken, report) = everything(&settings);
        assert_eq!(taken.contacts.len(), 1);
        assert_eq!(report.notices[0].kind, NoticeKind::PeriodOver);
        assert!(
            report.notices[0].words.contains("over since 2020-12-31"),
            "{:?}",
            report.notices
        );
        for (guard, what) in [
            ("SELECT CAST(NULL AS DATE)", "is no date"),
            (
                "SELECT CAST('2020-12-31' AS DATE) FROM fiscal WHERE id = 0",
                "gave none",
            ),
            ("SELECT 'soon'", "is no date"),
        ] {
            settings.queries.guard = Some(guard.into());
            let told = words(&refusal(&settings));
            assert!(told.contains(what), "{told}");
        }
        settings.queries.guard = None;
        settings.queries.valid_until = "2020-12-31".parse().ok();
        assert_eq!(everything(&settings).1.notices.len(), 1);
    }
}

#[test]
fn the_first_rows_are_shown_as_they_are() {
    for database in both() {
        database.fill("shown", 50);
        let (taken, report) = read(
            &database.settings("SELECT shown.*, 'x' AS extra FROM shown ORDER BY id"),
            Wanted::Few(3),
        )
        .unwrap();
        assert_eq!(
            (taken.raw.len(), taken.contacts.len(), report.rows_read),
            (3, 3, 3)
        );
        assert_eq!(taken.value("extra"), "x");
        assert_eq!(taken.value("balance").get(..4), Some("0.01"));
    }
}
