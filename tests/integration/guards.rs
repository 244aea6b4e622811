//! No mistake in a CRM blanks the agents' screens: what is held, what is told, and how a person decides.

use std::os::unix::fs::PermissionsExt;

use ringcard::flow::report::{Outcome, Report};
use ringcard::system::control::Request;

use crate::commands::{run, said};
use crate::office::{CUSTOMER, Office, export};

/// A list of so many customers, each with a name, a number and a balance, the first being `CUSTOMER`.
struct Crm {
    rows: Vec<[String; 4]>,
}

impl Crm {
    fn of(count: usize) -> Crm {
        let row = |n: usize| {
            let (key, number) = (
                format!("120.{n:03}"),
                format!("0532 555 {:02} {:02}", n / 100 + 1, n % 100),
            );
            [
                key,
                format!("Müşteri Ayşe {}", letters(n)),
                number,
                format!("{n},50"),
            ]
        };
        Crm {
            rows: (1..=count).map(row).collect(),
        }
    }

    /// The same after a change of each row from the first to the last of these.
    fn with(mut self, changed: usize, change: impl Fn(&mut [String; 4])) -> Crm {
        self.rows.iter_mut().take(changed).for_each(change);
        self
    }

    fn put(&self, office: &Office) {
        let rows = self
            .rows
            .iter()
            .map(|[key, name, number, balance]| format!("{key};{name};;{number};;{balance};TRY;"));
        let rows: Vec<String> = rows.collect();
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        export(&office.path("contacts.csv"), &rows);
    }
}

fn letters(n: usize) -> String {
    let letter = |n: usize| char::from(b'a' + (n % 26) as u8);
    [letter(n / 26), letter(n)].iter().collect()
}

/// An office that knows so many customers.
async fn office_with(count: usize) -> Office {
    let mut office = Office::closed().await;
    Crm::of(count).put(&office);
    office.start().await;
    office
}

/// What the guards have to say of what the CRM holds now.
async fn held(office: &Office) -> String {
    let error = office.sync().await.unwrap_err().to_string();
    assert!(
        error.contains("so the copy was kept; if that is right: ringcard sync --accept crm"),
        "{error}"
    );
    let alarms = office.status().alarms;
    let alarm = alarms.iter().find(|a| a.subject == "source crm").unwrap();
    assert_eq!(alarm.id.as_str(), "sync-held");
    assert!(
        alarm.advice.contains("ringcard sync --accept crm"),
        "{}",
        alarm.advice
    );
    assert!(
        alarm.what.ends_with("so the copy was kept"),
        "the command is named once: {}",
        alarm.what
    );
    assert!(office.status().sources["crm"].is_held);
    error
}

async fn name_on_the_card(office: &Office) -> String {
    let call = office.call(CUSTOMER).await;
    office.card(&call).await[1].clone()
}

#[tokio::test]
async fn half_the_crm_deleted_by_mistake_keeps_the_cards_and_names_the_command() {
    let office = office_with(100).await;
    Crm::of(50).put(&office);
    let told = held(&office).await;
    assert!(
        told.contains("50 of 100 records would be removed"),
        "{told}"
    );
    assert_eq!(name_on_the_card(&office).await, "Ad: Müşteri Ayşe ab");
    let call = office.call("0532 555 01 99").await;
    assert_eq!(
        office.card(&call).await[1],
        "Ad: Müşteri Ayşe dv",
        "one of the deleted"
    );
}

#[tokio::test]
async fn what_a_person_accepts_is_published_and_not_held_the_next_minute() {
    let office = office_with(100).await;
    Crm::of(50).put(&office);
    held(&office).await;
    assert_eq!(office.accept().await[0].contacts, 50);
    assert_eq!(office.alarm("source crm"), None);
    assert!(!office.status().sources["crm"].is_held);
    assert_eq!(office.sync().await.unwrap()[0].outcome, Outcome::Unchanged);
    Crm::of(49).put(&office);
    assert_eq!(office.sync().await.unwrap()[0].contacts, 49);
}

#[tokio::test]
async fn the_command_that_the_alarm_names_accepts_it() {
    let office = office_with(100).await;
    Crm::of(50).put(&office);
    held(&office).await;
    let told = said(&office, &["sync", "--accept", "crm"]).await;
    assert!(told.contains("50 contacts"), "{told}");
    Crm::of(20).put(&office);
    held(&office).await;
    // The name that it had before.
    said(&office, &["sync", "crm", "--accept-removals"]).await;
    assert_eq!(office.status().sources["crm"].contacts, 20);
}

#[tokio::test]
async fn balances_that_are_empty_all_at_once_keep_the_old_ones() {
    let office = office_with(100).await;
    Crm::of(100).with(11, |row| row[3].clear()).put(&office);
    let told = held(&office).await;
    assert!(told.contains("11 of 100 balances would be empty"), "{told}");
    let call = office.call(CUSTOMER).await;
    let card = office.timeless_card(&call).await;
    assert_eq!(card.last().unwrap(), "Bakiye: ₺1,50 Borç");
    Crm::of(100).with(10, |row| row[3].clear()).put(&office);
    assert_eq!(office.sync().await.unwrap()[0].outcome, Outcome::Published);
}

#[tokio::test]
async fn a_name_column_that_now_holds_numbers_names_nobody_so() {
    let office = office_with(100).await;
    Crm::of(100)
        .with(100, |row| row[1] = row[2].clone())
        .put(&office);
    let told = held(&office).await;
    assert!(
        told.contains("100 of 100 names would be numbers or e-mail addresses"),
        "{told}"
    );
    assert_eq!(name_on_the_card(&office).await, "Ad: Müşteri Ayşe ab");
}

#[tokio::test]
async fn balances_that_can_not_be_read_any_more_are_told_as_such() {
    let office = office_with(100).await;
    Crm::of(100)
        .with(100, |row| row[3] = "bin lira".into())
        .put(&office);
    let told = held(&office).await;
    assert!(
        told.contains("100 balances can't be read any more, of 100 there were"),
        "{told}"
    );
}

#[tokio::test]
async fn an_export_of_another_branch_is_held_as_it_knows_no_caller() {
    let office = office_with(100).await;
    for n in 1..=60 {
        office.call(&format!("0532 555 01 {n:02}")).await;
    }
    let elsewhere = |row: &mut [String; 4]| row[2] = row[2].replace("0532", "0533");
    Crm::of(100).with(100, elsewhere).put(&office);
    let told = held(&office).await;
    assert!(
        told.contains("of the last 60 callers it would know 0 instead of 60"),
        "{told}"
    );
    Crm::of(100).with(3, elsewhere).put(&office);
    assert_eq!(office.sync().await.unwrap()[0].outcome, Outcome::Published);
}

#[tokio::test]
async fn the_last_callers_outlast_a_restart_and_a_damaged_list_is_dropped() {
    let mut office = office_with(100).await;
    for n in 1..=50 {
        office.call(&format!("0532 555 01 {n:02}")).await;
    }
    office.call("anonymous").await;
    office.restart().await;
    let file = office.path("state/callers");
    let list = std::fs::read_to_string(&file).unwrap();
    assert_eq!(list.lines().count(), 50, "{list}");
    assert!(
        list.starts_with("+905325550101\n") && !list.contains("Ayşe"),
        "{list}"
    );
    let mode = std::fs::metadata(&file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let elsewhere = |row: &mut [String; 4]| row[2] = row[2].replace("0532", "0533");
    Crm::of(100).with(8, elsewhere).put(&office);
    assert!(held(&office).await.contains("of the last 50 callers"));
    office.stop().await;
    std::fs::write(&file, "not a list").unwrap();
    office.start().await;
    assert_eq!(office.status().sources["crm"].contacts, 100);
    let call = office.call("0533 555 01 01").await;
    assert_eq!(office.cards(&call).await, 1, "nobody was left to judge by");
}

#[tokio::test]
async fn a_guard_that_is_switched_off_holds_nothing() {
    let office = office_with(100).await;
    office.configure(|config| format!("{config}[source.guards]\nremoved = \"off\"\n"));
    office.reload().await;
    Crm::of(10).put(&office);
    assert_eq!(office.sync().await.unwrap()[0].contacts, 10);
}

#[tokio::test]
async fn a_dry_run_tells_what_would_be_new_changed_and_gone_and_publishes_nothing() {
    let office = office_with(100).await;
    for n in 1..=50 {
        office.call(&format!("0532 555 01 {n:02}")).await;
    }
    let mut next = Crm::of(103).with(2, |row| row[1] = "Zeynep Demir".into());
    next.rows.retain(|row| row[0] != "120.090");
    next.put(&office);
    let told = said(&office, &["sync", "--dry-run", "crm"]).await;
    for expected in [
        "102 contacts",
        "would be published (dry run)",
        "3 added, 2 changed, 1 removed",
        "added: Mü***",
        "changed: Ze***, key 1***, +90532*****01: name",
        "removed: Mü***, key 1***, +90532*****90",
    ] {
        assert!(told.contains(expected), "{expected} not in:\n{told}");
    }
    assert!(
        !told.contains("Zeynep") && !told.contains("5550101"),
        "{told}"
    );
    assert_eq!(office.status().sources["crm"].contacts, 100);
    assert_eq!(name_on_the_card(&office).await, "Ad: Müşteri Ayşe ab");
    Crm::of(40).put(&office);
    let told = said(&office, &["sync", "--dry-run"]).await;
    assert!(
        told.contains("would be held: 60 of 100 records would be removed"),
        "{told}"
    );
}

#[tokio::test]
async fn a_dry_run_forecasts_how_many_of_the_last_callers_would_be_known() {
    let mut office = office_with(100).await;
    for n in 1..=50 {
        office.call(&format!("0532 555 01 {n:02}")).await;
    }
    office.stop().await;
    let elsewhere = |row: &mut [String; 4]| row[2] = row[2].replace("0532", "0533");
    Crm::of(100).with(20, elsewhere).put(&office);
    let told = said(&office, &["sync", "--dry-run"]).await;
    for expected in [
        "of the last 50 callers the copy knows 50, and would know 30",
        "would be held: of the last 50 callers it would know 30 instead of 50",
    ] {
        assert!(told.contains(expected), "{expected} not in:\n{told}");
    }
}

#[tokio::test]
async fn going_back_serves_the_copy_before_until_a_person_has_the_source_read() {
    let mut office = office_with(100).await;
    Crm::of(100)
        .with(100, |row| row[1] = "Yanlış Kişi".into())
        .put(&office);
    office.sync().await.unwrap();
    assert_eq!(name_on_the_card(&office).await, "Ad: Yanlış Kişi");
    let told = said(&office, &["replica", "rollback", "crm"]).await;
    assert!(
        told.contains("when the source is right again: ringcard sync crm"),
        "{told}"
    );
    assert_eq!(name_on_the_card(&office).await, "Ad: Müşteri Ayşe ab");
    let is_told = |office: &Office| {
        let alarms = office.status().alarms;
        alarms.iter().any(|a| {
            a.id.as_str() == "replica-rolled-back" && a.advice.contains("ringcard sync crm")
        })
    };
    assert!(is_told(&office));
    // A restart reads the source by itself, and does not publish what a person refused.
    office.stop().await;
    office.start_unsynced().await;
    office.until(|s| s.sources["crm"].is_rolled_back).await;
    assert!(is_told(&office));
    assert_eq!(name_on_the_card(&office).await, "Ad: Müşteri Ayşe ab");
    let told = said(&office, &["replica", "list"]).await;
    assert!(told.contains("serves (went back to it)"), "{told}");
    said(&office, &["sync", "crm"]).await;
    assert_eq!(name_on_the_card(&office).await, "Ad: Yanlış Kişi");
    assert!(!is_told(&office) && !office.status().sources["crm"].is_rolled_back);
}

#[tokio::test]
async fn going_back_needs_no_daemon_and_something_to_go_back_to() {
    let mut office = office_with(100).await;
    let nothing = run(&office, &["replica", "rollback", "crm"]).await;
    assert!(String::from_utf8_lossy(&nothing.stderr).contains("no copy before this one"));
    let unknown = run(&office, &["replica", "rollback", "erp"]).await;
    assert!(
        String::from_utf8_lossy(&unknown.stderr).contains("there is no source erp; there are: crm")
    );
    Crm::of(99).put(&office);
    office.sync().await.unwrap();
    office.stop().await;
    let list = said(&office, &["replica", "list", "--json"]).await;
    let copies: serde_json::Value = serde_json::from_str(&list).unwrap();
    let contacts: Vec<u64> = copies
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["contacts"].as_u64().unwrap())
        .collect();
    assert_eq!(contacts, [99, 100]);
    let told = said(&office, &["replica", "rollback", "crm"]).await;
    assert!(told.starts_with("crm: 100 records"), "{told}");
}

#[tokio::test]
async fn a_full_sync_on_demand_reads_also_what_has_not_changed() {
    let office = office_with(100).await;
    let full = |full| Request::Sync {
        source: None,
        accept: false,
        full,
    };
    let reports: Vec<Report> = office.ask(full(false)).await.unwrap();
    assert_eq!(reports[0].outcome, Outcome::Unchanged);
    let reports: Vec<Report> = office.ask(full(true)).await.unwrap();
    assert_eq!(reports[0].outcome, Outcome::Published);
}

#[tokio::test]
async fn a_token_that_expires_is_told_two_weeks_ahead() {
    let today = jiff::Zoned::now().date();
    let near = today.checked_add(jiff::Span::new().days(9)).unwrap();
    let far = today.checked_add(jiff::Span::new().days(40)).unwrap();
    let with = |date: jiff::civil::Date| {
        move |config: String| {
            config.replace(
                "token = { file = \"token\" }",
                &format!("token = {{ file = \"token\" }}\ntoken-expires = \"{date}\""),
            )
        }
    };
    let office = Office::with(with(near)).await;
    office
        .until(|s| {
            s.alarms
                .iter()
                .any(|a| a.id.as_str() == "credential-expires")
        })
        .await;
    let told = office.alarm("account demo").unwrap();
    assert_eq!(told, format!("its token expires in 9 days ({near})"));
    let checked = said(&office, &["check"]).await;
    let line = format!("account demo: ATTENTION: its token expires in 9 days ({near})");
    assert!(checked.contains(&line), "{checked}");
    let office = Office::with(with(far)).await;
    office.until(|s| s.sources["crm"].last_good.is_some()).await;
    assert_eq!(office.alarm("account demo"), None);
    assert!(!said(&office, &["check"]).await.contains("ATTENTION"));
}
