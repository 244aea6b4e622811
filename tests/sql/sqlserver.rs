//! SQL Server, by the stand-in in `tds.rs`.

use std::time::Duration;

use ringcard::source::error::{SourceError, Verdict};
use ringcard::source::read::Wanted;
use ringcard::source::sql::error::SqlError;
use ringcard::source::sql::settings::{Engine, Password, Queries, Server, SqlSettings, Tls};

use crate::reading::{everything, network, read, records, refusal, words};
use crate::tds::{
    Column, DATABASE, PASSWORD, Says, StandIn, USER, columns, end, failed, row, utf16,
};

/// Turkish_CI_AS, whose code page is Windows-1254.
const NVARCHAR: &[u8] = &[0xe7, 160, 0, 0x1f, 0x04, 0xd0, 0, 0];
const VARCHAR: &[u8] = &[0xa7, 80, 0, 0x1f, 0x04, 0xd0, 0, 0];
const INT: &[u8] = &[0x26, 4];
const DECIMAL: &[u8] = &[0x6a, 17, 30, 4];
const DATETIME: &[u8] = &[0x6f, 8];

fn settings(stand_in: &StandIn, tls: Tls) -> SqlSettings {
    SqlSettings {
        records: records(),
        server: Server {
            engine: Engine::SqlServer,
            place: network("127.0.0.1", stand_in.port, tls),
            database: DATABASE.into(),
            user: USER.into(),
            password: Password::new(PASSWORD),
        },
        queries: Queries {
            query: "SELECT id, name, phone, balance, at FROM CARI".into(),
            overlap: Duration::from_secs(60),
            ..Queries::default()
        },
        timeout: Duration::from_secs(20),
    }
}

fn verified(stand_in: &StandIn) -> Tls {
    Tls::Verified {
        ca_file: Some(stand_in.ca.path().to_owned()),
        name: None,
    }
}

fn text(of: &[u8], text: &str) -> Vec<u8> {
    let bytes = match of {
        NVARCHAR => utf16(text),
        _ => encoding_rs::WINDOWS_1254.encode(text).0.into_owned(),
    };
    let mut value = (bytes.len() as u16).to_le_bytes().to_vec();
    value.extend(bytes);
    value
}

fn customers(_: &str) -> Vec<u8> {
    let mut answer = columns(&[
        Column("ID", INT),
        Column("Name", VARCHAR),
        Column("PHONE", NVARCHAR),
        Column("balance", DECIMAL),
        Column("at", DATETIME),
    ]);
    let amount = |minor: i128| {
        let mut value = vec![17, u8::from(minor >= 0)];
        value.extend(minor.unsigned_abs().to_le_bytes());
        value
    };
    // Counted from 1900, and in three-hundredths of a second.
    let at = [
        &[8][..],
        &46_264_i32.to_le_bytes(),
        &(3600_u32 * 300).to_le_bytes(),
    ]
    .concat();
    for (id, name, phone, minor) in [
        (
            1,
            "Çiğdem Işık Öztürk ĞİŞ  ",
            "0532 555 01 01",
            123_456_789_012_345_678_901_234_i128,
        ),
        (2, "Ayşe", "0532 555 01 02", -5000),
    ] {
        let id = [&[4][..], &i32::to_le_bytes(id)].concat();
        answer.extend(row(&[
            &id,
            &text(VARCHAR, name),
            &text(NVARCHAR, phone),
            &amount(minor),
            &at,
        ]));
    }
    // Nothing but nulls.
    answer.extend(row(&[&[0], &[0xff, 0xff], &[0xff, 0xff], &[0], &[0]]));
    answer.extend(end(3));
    answer
}

#[test]
fn contacts_are_read_with_and_without_tls() {
    for (says, secure) in [
        (Says::No, false),
        (Says::Yes, false),
        (Says::Yes, true),
        (Says::Demands, true),
    ] {
        let stand_in = StandIn::start(says, customers);
        let tls = if secure {
            verified(&stand_in)
        } else {
            Tls::Off
        };
        let (taken, report) = everything(&settings(&stand_in, tls));
        assert_eq!(taken.names(), ["Çiğdem Işık Öztürk ĞİŞ", "Ayşe"]);
        let balances = taken
            .contacts
            .iter()
            .map(|c| c.balance.unwrap().amount.to_string());
        assert_eq!(
            balances.collect::<Vec<_>>(),
            ["12345678901234567890.1234", "-0.5000"]
        );
        assert_eq!((report.rows_read, report.contacts), (3, 2));
        let asked = stand_in.asked.lock().unwrap().clone();
        assert!(
            asked[0].contains("BEGIN TRANSACTION") && !asked.iter().any(|a| a.contains("COMMIT")),
            "{asked:?}"
        );
    }
}

#[test]
fn the_certificate_must_be_trusted_unless_told_otherwise() {
    let stand_in = StandIn::start(Says::Yes, customers);
    for name in [None, Some("another.example")] {
        let ca_file = name.map(|_| stand_in.ca.path().to_owned());
        let name = name.map(str::to_owned);
        let error = refusal(&settings(&stand_in, Tls::Verified { ca_file, name }));
        let is_told = matches!(
            error,
            SourceError::Sql(SqlError::NotTrusted { .. } | SqlError::NoAuthorities)
        );
        assert!(is_told, "{}", words(&error));
    }
    assert!(
        stand_in.asked.lock().unwrap().is_empty(),
        "nothing was said to a stranger"
    );
    assert_eq!(
        everything(&settings(&stand_in, Tls::Unverified))
            .0
            .contacts
            .len(),
        2
    );
}

#[test]
fn what_the_server_wants_of_tls_is_told() {
    let stand_in = StandIn::start(Says::No, customers);
    let error = refusal(&settings(&stand_in, verified(&stand_in)));
    assert!(
        matches!(error, SourceError::Sql(SqlError::NoTls { .. })),
        "{}",
        words(&error)
    );
    let stand_in = StandIn::start(Says::Demands, customers);
    let error = refusal(&settings(&stand_in, Tls::Off));
    assert!(
        matches!(error, SourceError::Sql(SqlError::TlsDemanded { .. })),
        "{}",
        words(&error)
    );
}

#[test]
fn a_refused_login_says_what_to_renew() {
    let stand_in = StandIn::start(Says::Yes, customers);
    let mut with = settings(&stand_in, verified(&stand_in));
    with.server.database = "NOWHERE".into();
    let error = words(&refusal(&with));
    assert!(error.contains("has no database NOWHERE"), "{error}");
    with.server.password = Password::new("wrong one");
    let error = refusal(&with);
    assert_eq!(
        error.refused_credential(),
        Some("the password of the user ringcard")
    );
    assert!(!words(&error).contains("wrong one"));
}

#[test]
fn changes_are_asked_for_with_a_bound_cursor() {
    let stand_in = StandIn::start(Says::Yes, customers);
    let mut with = settings(&stand_in, verified(&stand_in));
    with.queries.cursor = Some("at".into());
    with.queries.deleted = Some("SELECT id FROM SILINEN WHERE at >= {{cursor}}".into());
    let since = everything(&with).1.cursor.unwrap();
    assert_eq!(since.0, "2026-09-01T01:00:00");
    let (taken, _) = read(&with, Wanted::Changes { since: &since }).unwrap();
    assert_eq!(
        (taken.contacts.len(), taken.gone.join(" ")),
        (2, "1 2".to_owned())
    );
    let asked = stand_in.asked.lock().unwrap().clone();
    let changes = asked
        .iter()
        .find(|a| a.contains("ringcard.[at] >= @P1"))
        .unwrap();
    assert!(changes.contains("2026-09-01T00:59:00"), "{changes}");
    assert!(asked.iter().any(|a| a.contains("SILINEN WHERE at >= @P1")));
    let (taken, _) = read(&with, Wanted::Ids).unwrap();
    assert_eq!(taken.ids, ["1", "2"]);
    let asked = stand_in.asked.lock().unwrap().clone();
    assert!(
        asked
            .last()
            .unwrap()
            .contains("SELECT ringcard.[id] FROM (\nSELECT id")
    );
}

#[test]
fn what_the_server_says_of_a_query_is_told_without_values() {
    let told = |answer| {
        let stand_in = StandIn::start(Says::Yes, answer);
        words(&refusal(&settings(&stand_in, verified(&stand_in))))
    };
    let unknown = told(|_| failed(208, "Invalid object name 'LG_001_CLCARD'."));
    assert!(
        unknown.contains(
            "does not understand query: Invalid object name 'LG_001_CLCARD'. (error 208)"
        ),
        "{unknown}"
    );
    let value = told(|_| {
        failed(
            245,
            "Conversion failed when converting the varchar value '05325550101' to data type int.",
        )
    });
    assert!(
        value.contains("(error 245)") && !value.contains("0532"),
        "{value}"
    );
    let right = told(|_| {
        failed(
            229,
            "The SELECT permission was denied on the object 'CARI'.",
        )
    });
    assert!(right.contains("grant it the right to read"), "{right}");
    let order = told(|_| {
        failed(
            1033,
            "The ORDER BY clause is invalid in views, inline functions, derived tables.",
        )
    });
    assert!(order.contains("leave ORDER BY out"), "{order}");
    let locked = told(|_| failed(1222, "Lock request time out period exceeded."));
    assert!(locked.contains("broke off query"), "{locked}");
}

#[test]
fn a_column_that_can_not_be_a_text_is_told() {
    let stand_in = StandIn::start(Says::Yes, |_| {
        let mut answer = columns(&[
            Column("id", &[0xa5, 8, 0]),
            Column("name", NVARCHAR),
            Column("phone", NVARCHAR),
            Column("balance", INT),
        ]);
        answer.extend(end(0));
        answer
    });
    let error = words(&refusal(&settings(&stand_in, verified(&stand_in))));
    assert!(
        error.contains("column id of query has the type binary"),
        "{error}"
    );
}

#[test]
fn a_server_that_goes_away_or_sends_a_picture_ends_the_read() {
    let stand_in = StandIn::start(Says::Yes, |_| Vec::new());
    let error = refusal(&settings(&stand_in, verified(&stand_in)));
    assert!(
        matches!(error, SourceError::Sql(SqlError::Lost { .. })),
        "{}",
        words(&error)
    );
    assert_eq!(error.verdict(), Verdict::TryLater);
    let stand_in = StandIn::start(Says::Yes, |_| {
        // A text of unknown length, in pieces.
        let max: &[u8] = &[0xe7, 0xff, 0xff, 0x1f, 0x04, 0xd0, 0, 0];
        let mut answer = columns(&[
            Column("id", INT),
            Column("name", max),
            Column("phone", NVARCHAR),
            Column("balance", INT),
        ]);
        let piece = [&40_000_u32.to_le_bytes()[..], &vec![b'x'; 40_000]].concat();
        let name = [&(-2_i64).to_le_bytes()[..], &piece.repeat(50), &[0; 4]].concat();
        answer.extend(row(&[&[0], &name, &[0xff, 0xff], &[0]]));
        answer.extend(end(1));
        answer
    });
    let error = refusal(&settings(&stand_in, verified(&stand_in)));
    assert!(
        matches!(error, SourceError::Sql(SqlError::RowTooLong { .. })),
        "{}",
        words(&error)
    );
}
