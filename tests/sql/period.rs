//! An ERP with the year in the names of its tables: the daemon says ahead that the year ends, and that it is over,
//! until the query names the next one.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use jiff::{Span, Zoned};
use ringcard::status::AlarmId;

use crate::database::{Database, postgres};
use crate::office::Office;

const PHONE: &str = "+905325550101";

async fn run(database: Database, statements: String) {
    let work = std::thread::spawn(move || database.run(&statements));
    work.join().unwrap();
}

fn told(office: &Office) -> Option<String> {
    let alarms = office.status().alarms;
    let alarm = alarms.iter().find(|a| a.id == AlarmId::PeriodOver)?;
    assert_eq!(alarm.subject, "source erp");
    Some(format!("{}; {}", alarm.what, alarm.advice))
}

/// An office that reads last year's table, with further lines for its source.
async fn office(database: Database, lines: &str) -> Office {
    let mut office = Office::closed().await;
    let server = database.server;
    let password = office.path("erp-password");
    fs::write(&password, server.password()).unwrap();
    fs::set_permissions(&password, fs::Permissions::from_mode(0o600)).unwrap();
    office.configure(|config| {
        let (rest, _) = config.split_once("[[source]]").unwrap();
        format!(
            "{rest}[[source]]\nname = \"erp\"\ntype = \"postgresql\"\nhost = \"127.0.0.1\"\nport = {}\ndatabase = \"{}\"\n\
             user = \"{}\"\npassword = {{ file = \"erp-password\" }}\nca-file = {:?}\nquery = \"SELECT * FROM year_1\"\n\
             {lines}\n[source.columns]\nkey = \"id\"\nname = \"name\"\nnumbers = \"phone\"\n",
            server.port(),
            server.database(),
            server.user(),
            server.ca(),
        )
    });
    office.start().await;
    office
}

async fn name_on_the_card(office: &Office) -> String {
    let call = office.call(PHONE).await;
    office.card(&call).await[1].clone()
}

#[tokio::test]
async fn a_period_that_ends_is_told_ahead_and_over_when_the_query_names_the_next() {
    let database = postgres();
    let day = |days| {
        let today = Zoned::now().date();
        today.checked_add(Span::new().days(days)).unwrap()
    };
    let (soon, past, next) = (day(5), day(-3), day(360));
    run(
        database,
        format!(
            "CREATE TABLE year_1 AS SELECT 1 AS id, 'Ayşe Eski' AS name, '{PHONE}' AS phone;
             CREATE TABLE year_2 AS SELECT 1 AS id, 'Ayşe Yeni' AS name, '{PHONE}' AS phone;
             CREATE TABLE period_1 AS SELECT DATE '{soon}' AS ends; CREATE TABLE period_2 AS SELECT DATE '{next}' AS ends"
        ),
    )
    .await;
    let office = office(database, "guard-query = \"SELECT ends FROM period_1\"").await;
    let words = told(&office).unwrap_or_default();
    assert!(words.contains(&format!("ends on {soon}")), "{words}");
    assert!(words.contains("in the query of source erp"), "{words}");
    run(database, format!("UPDATE period_1 SET ends = '{past}'")).await;
    office.sync().await.unwrap();
    let words = told(&office).unwrap_or_default();
    assert!(words.contains(&format!("over since {past}")), "{words}");
    assert_eq!(name_on_the_card(&office).await, "Ad: Ayşe Eski");
    office.configure(|config| {
        config
            .replace("year_1", "year_2")
            .replace("period_1", "period_2")
    });
    office.reload().await;
    assert!(told(&office).is_some(), "not before it was read");
    office.sync().await.unwrap();
    assert_eq!(told(&office), None);
    assert_eq!(name_on_the_card(&office).await, "Ad: Ayşe Yeni");
    // A date that was written down counts as well, whichever is first.
    office.configure(|config| {
        config.replace(
            "guard-query",
            &format!("valid-until = \"{soon}\"\nguard-query"),
        )
    });
    office.reload().await;
    office.sync().await.unwrap();
    assert!(
        told(&office)
            .unwrap_or_default()
            .contains(&format!("ends on {soon}"))
    );
    office.configure(|config| config.replace(&format!("valid-until = \"{soon}\"\n"), ""));
    office.reload().await;
    office.sync().await.unwrap();
    assert_eq!(told(&office), None);
}
