//! What goes wrong between the daemon and Hipcall, one thing at a time.

use std::time::Duration;

use ringcard::demo::hipcall::{Aim, Fault, Kind, StandIn, StandInSettings};
use ringcard::demo::identity::Identity;
use ringcard::domain::fate::Why;
use ringcard::status::AlarmId;
use ringcard::store::outbox::Phase;

use super::office::{Office, Setting, YEARS};
use super::shim::Field;

fn short() -> Setting {
    Setting {
        deadline: Duration::from_secs(10),
        ..Setting::default()
    }
}

#[tokio::test]
async fn a_card_waits_for_the_name_server_to_return() {
    let (office, _machine) = Office::open(Setting::default()).await;
    let met = office.shim.read(Field::Refused);
    office.shim.set(Field::NoNames, 1);
    office.hipcall.cut();
    let call = office.call(0).await;
    office.shim.met(met).await;
    office.shim.set(Field::NoNames, 0);
    office.card(&call).await;
}

#[tokio::test]
async fn a_name_that_can_not_be_resolved_is_told_as_such() {
    let (office, _machine) = Office::open(short()).await;
    office.shim.set(Field::NoNames, 1);
    office.hipcall.cut();
    let call = office.call(0).await;
    office.alarmed(AlarmId::NodeUnreachable).await;
    let entry = office
        .until_entry(&call, |e| e.phase != Phase::Waiting)
        .await;
    assert_eq!(
        (entry.phase, entry.why),
        (Phase::Expired, Some(Why::NoName))
    );
    office.shim.set(Field::NoNames, 0);
    let call = office.call(1).await;
    office.card(&call).await;
    office.calmed(AlarmId::NodeUnreachable).await;
}

#[tokio::test]
async fn a_node_of_another_authority_gets_no_card_and_is_told_as_such() {
    let (office, _machine) = Office::open(short()).await;
    office
        .hipcall
        .present(&Identity::generate().unwrap())
        .unwrap();
    let call = office.call(0).await;
    let entry = office
        .until_entry(&call, |e| e.phase != Phase::Waiting)
        .await;
    assert_eq!(
        (entry.phase, entry.why),
        (Phase::Expired, Some(Why::NotTrusted))
    );
    assert!(office.hipcall.cards(&call).is_empty());
    office
        .hipcall
        .present(&office.authority.identity(YEARS).unwrap())
        .unwrap();
    let call = office.call(1).await;
    office.card(&call).await;
}

#[tokio::test]
async fn a_redirect_parks_the_card_and_never_gets_the_token() {
    let (office, _machine) = Office::open(Setting::default()).await;
    let settings = StandInSettings {
        listen: "127.0.0.1:0".parse().unwrap(),
        token: "another".into(),
        latency: Duration::ZERO,
        identity: Some(office.authority.identity(YEARS).unwrap()),
        rate_limit: 60,
        users: Vec::new(),
    };
    let elsewhere = StandIn::start(settings).await.unwrap();
    for status in [301, 302, 303, 307, 308] {
        let there = Fault::Redirect(status, elsewhere.address());
        office.hipcall.keep_failing(Aim::default(), there);
        let call = office.call(0).await;
        let entry = office
            .until_entry(&call, |e| e.phase != Phase::Waiting)
            .await;
        assert_eq!(entry.phase, Phase::Parked, "{status}");
        office.hipcall.mend();
    }
    assert!(
        elsewhere.requests().is_empty(),
        "{:?}",
        elsewhere.requests()
    );
}

#[tokio::test]
async fn a_connection_that_dies_silently_is_replaced_while_the_calls_live() {
    let (office, _machine) = Office::open(Setting::default()).await;
    let before = office.call(0).await;
    office.card(&before).await;
    office
        .hipcall
        .script_at(&Aim::at(Kind::Card), [Fault::HalfOpen]);
    let swallowed = office.call(1).await;
    let neighbour = office.call(2).await;
    office.card(&neighbour).await;
    office.card(&swallowed).await;
}

#[tokio::test]
async fn a_refused_token_makes_cards_wait_until_it_is_taken_again() {
    let (office, _machine) = Office::open(Setting::default()).await;
    office
        .hipcall
        .keep_failing(Aim::default(), Fault::Status(401));
    let calls = [office.call(0).await, office.call(1).await];
    office.alarmed(AlarmId::TokenRefused).await;
    for call in &calls {
        assert_eq!(office.entry(call).await.unwrap().phase, Phase::Waiting);
    }
    office.hipcall.mend();
    for call in &calls {
        office.card(call).await;
    }
    office.calmed(AlarmId::TokenRefused).await;
}

#[tokio::test]
async fn a_new_token_in_the_file_is_taken_up_without_a_person() {
    let (office, _machine) = Office::open(Setting::default()).await;
    office.hipcall.take_only("the-new-token");
    let call = office.call(0).await;
    office.alarmed(AlarmId::TokenRefused).await;
    std::fs::write(office.path("token"), "the-new-token").unwrap();
    office.card(&call).await;
    office.calmed(AlarmId::TokenRefused).await;
}

#[tokio::test]
async fn a_call_that_hipcall_does_not_know_yet_gets_its_card_a_moment_later() {
    let (office, _machine) = Office::open(Setting::default()).await;
    office
        .hipcall
        .script_at(&Aim::at(Kind::Card), [Fault::Status(404)]);
    let call = office.call(0).await;
    office.card(&call).await;
}

#[tokio::test]
async fn a_card_that_was_taken_without_a_word_is_not_posted_again() {
    let (office, _machine) = Office::open(Setting::default()).await;
    for fault in [Fault::AcceptThenClose, Fault::Drip(Duration::from_secs(9))] {
        office.hipcall.script_at(&Aim::at(Kind::Card), [fault]);
        let call = office.call(0).await;
        let entry = office
            .until_entry(&call, |e| e.phase != Phase::Waiting)
            .await;
        assert_eq!(entry.phase, Phase::Settled);
        assert_eq!(office.hipcall.cards(&call).len(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_card_that_was_taken_before_a_kill_is_not_posted_again() {
    let (office, _machine) = Office::open(Setting::default()).await;
    // Taken, and never answered: the process can't know it when it is killed.
    let taken = Fault::Slow(Duration::from_secs(60));
    office.hipcall.script_at(&Aim::at(Kind::Card), [taken]);
    let call = office.call(0).await;
    office.card(&call).await;
    office.kill().await;
    office.start().await;
    let entry = office
        .until_entry(&call, |e| e.phase != Phase::Waiting)
        .await;
    assert_eq!(entry.phase, Phase::Settled);
    assert_eq!(office.hipcall.cards(&call).len(), 1);
}

#[tokio::test]
async fn a_call_that_ended_while_the_line_was_down_leaves_one_comment() {
    let setting = Setting {
        card: "after-call = \"comment\"".into(),
        ..Setting::default()
    };
    let (office, _machine) = Office::open(setting).await;
    office.hipcall.go_down().await;
    let call = office.call(0).await;
    office.hang_up(&call, 0).await;
    office.until(|status| status.outbox.waiting == 0).await;
    office.kill().await;
    office.start().await;
    office.hipcall.come_up().await.unwrap();
    office.until(|s| s.accounts["demo"].comments == 1).await;
    office
        .until_entry(&call, |e| e.phase == Phase::Expired)
        .await;
    let comments = office.hipcall.comments(&call);
    assert_eq!(comments.len(), 1, "{comments:?}");
    assert!(comments[0].content.contains(&super::office::name(0)));
    assert!(office.hipcall.cards(&call).is_empty());
}
