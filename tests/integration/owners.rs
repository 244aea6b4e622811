//! The card shows who looks after the contact, and goes out without them when Hipcall does not say who that is.

use ringcard::daemon::Explanation;
use ringcard::demo::hipcall::{Fault, User};
use ringcard::status::Status;
use ringcard::system::control::{Question, Request};

use crate::office::{CUSTOMER, Office, export};

const WITHOUT_OWNER: [&str; 3] = ["Müşteri", "Ad: Ayşe Yılmaz", "Firma: Yılmaz Mobilya"];

/// `agent1@firma.example` with the id 1001, and so on.
fn users(count: i64) -> Vec<User> {
    let user = |n| User {
        id: 1000 + n,
        email: format!("Agent{n}@Firma.example"),
        full_name: format!("Agent {n}"),
    };
    (1..=count).map(user).collect()
}

/// An office with so many users, whose customer is looked after by `owner`.
async fn closed_office(count: i64, owner: &str) -> Office {
    let office = Office::closed_with(users(count)).await;
    let customer = format!("1;Ayşe Yılmaz;Yılmaz Mobilya;0532 555 01 01;;;;{owner}");
    export(&office.path("contacts.csv"), &[&customer]);
    office.configure(|config| config + "owner = \"E-posta\"\n");
    office
}

/// The same, whose daemon has read the users.
async fn office(count: i64, owner: &str) -> Office {
    let mut office = closed_office(count, owner).await;
    office.start().await;
    office.until(|s| known(s) == Some(count)).await;
    office
}

fn known(status: &Status) -> Option<i64> {
    let users = status.accounts["demo"].users?;
    users.read.map(|_| users.known as i64)
}

async fn card(office: &Office) -> Vec<String> {
    let call = office.call(CUSTOMER).await;
    office.card(&call).await
}

/// What was asked for users, in order.
fn asked(office: &Office) -> Vec<String> {
    let requests = office.hipcall.requests().into_iter();
    let paths = requests.map(|r| r.path);
    paths.filter(|p| p.starts_with("/api/v3/users")).collect()
}

async fn explained(office: &Office) -> Option<String> {
    let question = Question {
        number: CUSTOMER.into(),
        ..Question::default()
    };
    let explanation = office.ask::<Explanation>(Request::Lookup(question)).await;
    explanation.unwrap().owner
}

#[tokio::test]
async fn the_card_shows_who_looks_after_the_contact() {
    let office = office(2, " agent2@FIRMA.example").await;
    let card = card(&office).await;
    assert_eq!(card[..3], WITHOUT_OWNER);
    assert_eq!(card[3..], ["Temsilci: 1002"]);
    assert_eq!(
        asked(&office),
        ["/api/v3/users?limit=100&offset=0&sort=id.asc"]
    );
    assert_eq!(explained(&office).await, None);
}

#[tokio::test]
async fn an_owner_whom_hipcall_does_not_know_is_left_out_and_the_rest_is_there() {
    for owner in ["somebody@firma.example", ""] {
        let office = office(2, owner).await;
        assert_eq!(card(&office).await, WITHOUT_OWNER, "{owner}");
        let why = explained(&office).await.unwrap_or_default();
        assert_eq!(why.contains("no user"), !owner.is_empty(), "{why}");
        assert_eq!(asked(&office).len(), 1, "not again for each call");
    }
}

#[tokio::test]
async fn a_large_office_is_known_to_its_last_user() {
    let office = office(250, "agent250@firma.example").await;
    assert_eq!(card(&office).await[3], "Temsilci: 1250");
    let pages = ["0", "100", "200"];
    let expected = pages.map(|n| format!("/api/v3/users?limit=100&offset={n}&sort=id.asc"));
    assert_eq!(asked(&office), expected);
}

#[tokio::test]
async fn whatever_becomes_of_the_users_cards_go_out_at_once() {
    let faults = [
        Fault::Status(503),
        Fault::Status(401),
        Fault::Status(422),
        Fault::Status(429),
        Fault::StatusWithRetryAfter(429, 60),
        Fault::Close,
        Fault::Status(200),
    ];
    for fault in faults {
        let mut office = closed_office(2, "agent2@firma.example").await;
        office.hipcall.script([fault]);
        office.start().await;
        let told = |s: &Status| s.alarms.iter().any(|a| a.subject == "users demo");
        office.until(told).await;
        assert_eq!(card(&office).await, WITHOUT_OWNER, "{fault:?}");
        office.until(|s| s.accounts["demo"].delivered == 1).await;
        let took = office.status().accounts["demo"].last_card_ms;
        // A card that was held back would wait for five seconds at the least.
        assert!(took.is_some_and(|ms| ms < 4000.0), "{fault:?}: {took:?}");
        assert_eq!(known(&office.status()), None);
        assert_eq!(asked(&office).len(), 1, "{fault:?}: not at once again");
        let why = explained(&office).await.unwrap();
        assert!(why.contains("have not been read"), "{why}");
    }
}

#[tokio::test]
async fn a_card_does_not_wait_for_users_that_never_come() {
    let mut office = closed_office(2, "agent2@firma.example").await;
    office.hipcall.script([Fault::Hang]);
    office.start().await;
    while asked(&office).is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(card(&office).await, WITHOUT_OWNER);
    office.until(|s| s.accounts["demo"].delivered == 1).await;
    assert_eq!(office.alarm("users demo"), None, "it is still waited for");
}

#[tokio::test]
async fn a_reload_keeps_the_users_and_reads_them_anew() {
    let office = office(2, "agent2@firma.example").await;
    let before = office.status().accounts["demo"].users;
    office.hipcall.script([Fault::Status(503)]);
    office.reload().await;
    office.until(|s| !s.alarms.is_empty()).await;
    assert_eq!(office.status().accounts["demo"].users, before);
    assert_eq!(card(&office).await[3], "Temsilci: 1002");
    office.reload().await;
    office
        .until(|s| s.alarms.is_empty() && s.accounts["demo"].users != before)
        .await;
    assert_eq!(card(&office).await[3], "Temsilci: 1002");
    assert_eq!(asked(&office).len(), 3);
}

#[tokio::test]
async fn what_one_token_was_told_is_not_shown_under_another() {
    let office = office(2, "agent2@firma.example").await;
    std::fs::write(office.path("token"), "another").unwrap();
    office.reload().await;
    office.until(|s| !s.alarms.is_empty()).await;
    assert_eq!(known(&office.status()), None);
    assert!(explained(&office).await.unwrap().contains("not been read"));
}

#[tokio::test]
async fn where_no_source_names_owners_no_users_are_asked_for() {
    let office = office(2, "agent2@firma.example").await;
    office.configure(|config| config.replace("owner = \"E-posta\"\n", ""));
    office.reload().await;
    assert_eq!(office.status().accounts["demo"].users, None);
    office.sync().await.unwrap();
    assert_eq!(card(&office).await, WITHOUT_OWNER);
    assert_eq!(asked(&office).len(), 1);
    assert_eq!(explained(&office).await, None);
}
