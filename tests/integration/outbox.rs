//! A card is sent until it is settled, expires or is parked; each fault of Hipcall has its answer.

use ringcard::demo::hipcall::Fault;
use ringcard::store::outbox::{Entry, Phase};
use ringcard::system::control::Request;
use std::time::Duration;

use crate::office::{CUSTOMER, Office};

#[tokio::test]
async fn passing_faults_are_tried_again_until_the_card_is_there_once() {
    let faults = [
        Fault::Status(503),
        Fault::Status(500),
        Fault::Close,
        Fault::StatusWithRetryAfter(429, 1),
    ];
    for fault in faults {
        let office = Office::open().await;
        office.hipcall.script([fault]);
        let call = office.call(CUSTOMER).await;
        assert_eq!(office.card(&call).await.len(), 4, "{fault:?}");
        assert_eq!(office.cards(&call).await, 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_card_taken_without_an_answer_is_sent_again_which_hipcall_ignores() {
    let office = Office::open().await;
    office.hipcall.script([Fault::AcceptThenClose]);
    let call = office.call(CUSTOMER).await;
    office.settled().await;
    let cards = office.hipcall.cards(&call);
    assert_eq!(
        (cards.len(), cards[0].seen, cards[1].seen),
        (2, true, false)
    );
    office.until(|s| s.accounts["demo"].delivered == 1).await;
}

#[tokio::test]
async fn a_line_that_is_down_does_not_hold_the_200_back() {
    let office = Office::open().await;
    office.hipcall.go_down().await;
    let call = office.call(CUSTOMER).await;
    assert_eq!(office.status().outbox.waiting, 1);
    office.hipcall.come_up().await.unwrap();
    assert_eq!(office.card(&call).await.len(), 4);
    assert_eq!(office.cards(&call).await, 1);
}

#[tokio::test]
async fn a_hipcall_that_never_answers_does_not_hold_the_200_back() {
    let office = Office::open().await;
    office.hipcall.script([Fault::Hang]);
    let call = office.call(CUSTOMER).await;
    assert_eq!(office.status().outbox.waiting, 1);
    assert_eq!(
        office.card(&call).await.len(),
        4,
        "tried again after the time limit"
    );
}

#[tokio::test]
async fn an_expired_card_is_not_sent() {
    let office = Office::with(|config| config + "\n[card]\nlifetime = \"10s\"\n").await;
    office.hipcall.go_down().await;
    let call = office.call(CUSTOMER).await;
    office.settled().await;
    office.hipcall.come_up().await.unwrap();
    assert_eq!(office.cards(&call).await, 0);
    assert_eq!(
        office.status().accounts["demo"]
            .expired
            .values()
            .sum::<u64>(),
        1
    );
}

#[tokio::test]
async fn a_refused_token_parks_the_card_with_advice_until_a_person_retries() {
    let office = Office::open().await;
    office.hipcall.script([Fault::Status(401)]);
    let call = office.call(CUSTOMER).await;
    office.until(|s| s.outbox.parked == 1).await;
    let alarm = office.alarm("account demo").unwrap();
    assert!(
        alarm.contains("expired, revoked, or made on the other node"),
        "{alarm}"
    );

    let show = || office.ask::<Vec<Entry>>(Request::OutboxShow { call: call.clone() });
    let entry = show().await.unwrap().remove(0);
    assert_eq!((entry.phase, entry.card.is_some()), (Phase::Parked, true));

    let sent: usize = office
        .ask(Request::OutboxRetry { call: "*".into() })
        .await
        .unwrap();
    assert_eq!(sent, 1);
    assert_eq!(office.card(&call).await.len(), 4);
    office.settled().await;
    let entry = show().await.unwrap().remove(0);
    assert_eq!((entry.phase, entry.card.is_some()), (Phase::Settled, false));
    assert_eq!(office.alarm("account demo"), None);
    let again = office.ask::<usize>(Request::OutboxRetry { call }).await;
    assert!(
        again
            .unwrap_err()
            .to_string()
            .contains("settled, not parked")
    );
}

#[tokio::test]
async fn a_call_that_hipcall_does_not_know_is_parked() {
    let office = Office::open().await;
    let call = "11111111-2222-4333-8444-555555555555";
    office
        .send(&crate::office::inbound(call, Some(CUSTOMER)))
        .await;
    office.until(|s| s.outbox.parked == 1).await;
    let reason = office
        .ask::<Vec<Entry>>(Request::OutboxList)
        .await
        .unwrap()
        .remove(0)
        .reason;
    assert!(reason.unwrap().contains("does not know this call"));
}

#[tokio::test]
async fn a_waiting_card_can_be_dropped_by_hand() {
    let office = Office::open().await;
    office.hipcall.go_down().await;
    let call = office.call(CUSTOMER).await;
    let dropped = Request::OutboxDrop { call: call.clone() };
    office.ask::<serde_json::Value>(dropped).await.unwrap();
    office.settled().await;
    office.hipcall.come_up().await.unwrap();
    assert_eq!(office.cards(&call).await, 0);
}

#[tokio::test]
async fn what_waits_goes_on_after_a_restart() {
    let mut office = Office::open().await;
    office.hipcall.go_down().await;
    let calls = [
        office.call(CUSTOMER).await,
        office.call("+902125550102").await,
    ];
    office.stop().await;
    office.hipcall.come_up().await.unwrap();
    office.start().await;
    for call in calls {
        assert_eq!(office.card(&call).await.len(), 4);
        assert_eq!(office.cards(&call).await, 1);
    }
}

#[tokio::test]
async fn the_limit_of_requests_is_waited_for() {
    let office = Office::open().await;
    let calls = 61;
    let mut last = String::new();
    for _ in 0..calls {
        last = office.call(CUSTOMER).await;
    }
    let refused = || {
        office
            .hipcall
            .requests()
            .iter()
            .filter(|r| r.status == Some(429))
            .count()
    };
    assert!(office.hipcall.cards(&last).is_empty(), "over the limit");
    assert!(refused() <= 1, "one refusal is enough to know");
    office.hipcall.let_time_pass(Duration::from_secs(61));
    office.send(&crate::office::hangup(&last)).await;
    office.settled().await;
}
