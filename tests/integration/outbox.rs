//! A card is sent until it is settled, expires or is parked; each fault of Hipcall has its answer.

use ringcard::demo::hipcall::{Aim, Fault, Kind, RATE_LIMIT, Request as HipcallRequest};
use ringcard::demo::panel::fresh_uuid;
use ringcard::domain::fate::Why;
use ringcard::status::{AlarmId, Status};
use ringcard::store::outbox::{Entry, Phase};
use ringcard::system::control::Request;
use std::time::Duration;

use crate::office::{CUSTOMER, Office, PATIENCE, hangup, inbound};

const AFTER_CALL: &str = "\n[card]\nafter-call = \"comment\"\n";

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
async fn a_card_taken_without_an_answer_is_asked_for_and_not_sent_again() {
    let office = Office::open().await;
    office.hipcall.script([Fault::AcceptThenClose]);
    let call = office.call(CUSTOMER).await;
    assert_eq!(office.cards(&call).await, 1);
    office.until(|s| s.accounts["demo"].delivered == 1).await;
    let asked = office.hipcall.requests();
    let of_call = asked.iter().filter(|r| r.path.ends_with("/cards"));
    let methods: Vec<&str> = of_call.map(|r| r.method.as_str()).collect();
    assert_eq!(methods, ["POST", "GET"]);
}

#[tokio::test]
async fn without_quota_to_ask_it_is_sent_again_which_hipcall_ignores() {
    let office = Office::open().await;
    for _ in 0..30 {
        let call = office.call(CUSTOMER).await;
        office.card(&call).await;
    }
    office.hipcall.script([Fault::AcceptThenClose]);
    let call = office.call(CUSTOMER).await;
    office.settled().await;
    let seen: Vec<bool> = office.hipcall.cards(&call).iter().map(|c| c.seen).collect();
    assert_eq!(seen, [true, false]);
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
    let office = Office::with(|config| config + "\n[card]\ndeadline = \"10s\"\n").await;
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
async fn a_refused_token_pauses_the_account_until_its_file_has_another() {
    let office = Office::open().await;
    office.write_token("expired-token");
    office.reload().await;
    let first = office.call(CUSTOMER).await;
    office.until(|s| !s.alarms.is_empty()).await;
    let alarm = office.alarm("account demo").unwrap();
    assert!(alarm.contains("refuses the token"), "{alarm}");
    let before = office.hipcall.requests().len();
    let second = office.call("+902125550102").await;
    assert_eq!(office.status().outbox.waiting, 2);
    assert_eq!(
        office.hipcall.requests().len(),
        before,
        "nothing is asked with it"
    );

    office.write_token(&office.made_up.token);
    for call in [&first, &second] {
        assert_eq!(office.card(call).await.len(), 4);
        assert_eq!(office.cards(call).await, 1);
    }
    office.until(|s| s.alarms.is_empty()).await;
}

#[tokio::test]
async fn a_card_of_a_refused_token_expires_with_that_reason() {
    let office = Office::with(|config| config + "\n[card]\ndeadline = \"10s\"\n").await;
    office
        .hipcall
        .keep_failing(Aim::default(), Fault::Status(403));
    office.call(CUSTOMER).await;
    office.settled().await;
    let expired = &office.status().accounts["demo"].expired;
    assert_eq!(
        expired.iter().collect::<Vec<_>>(),
        [(&Why::TokenRefused, &1)]
    );
}

#[tokio::test]
async fn a_refused_card_is_parked_until_a_person_retries() {
    let office = Office::open().await;
    office.hipcall.script([Fault::Status(422)]);
    let call = office.call(CUSTOMER).await;
    office.until(|s| s.outbox.parked == 1).await;
    let alarm = office.alarm("account demo").unwrap();
    assert!(alarm.contains("[[card.row]]"), "{alarm}");

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
async fn a_redirect_parks_the_card_and_is_not_followed() {
    let office = Office::open().await;
    office.hipcall.script([Fault::Status(307)]);
    office.call(CUSTOMER).await;
    office.until(|s| s.outbox.parked == 1).await;
    let alarm = office.alarm("account demo").unwrap();
    assert!(alarm.contains("check the account's node"), "{alarm}");
}

#[tokio::test]
async fn a_call_that_is_registered_late_gets_its_card() {
    let office = Office::open().await;
    let call = fresh_uuid();
    office.send(&inbound(&call, Some(CUSTOMER))).await;
    assert!(office.hipcall.wait_for_requests(2, PATIENCE).await);
    office.hipcall.ring(&call);
    assert_eq!(office.card(&call).await.len(), 4);
    assert_eq!(office.cards(&call).await, 1);
}

#[tokio::test]
async fn calls_that_hipcall_does_not_know_expire_soon_and_three_are_an_alarm() {
    let office = Office::open().await;
    let unknown = |s: &Status| s.accounts["demo"].expired.get(&Why::UnknownCall).copied();
    office.send(&inbound(&fresh_uuid(), Some(CUSTOMER))).await;
    office.until(|s| unknown(s) == Some(1)).await;
    assert_eq!(office.alarm("account demo"), None, "one may be an accident");
    for _ in 0..2 {
        office.send(&inbound(&fresh_uuid(), Some(CUSTOMER))).await;
    }
    office
        .until(|s| unknown(s) == Some(3) && !s.alarms.is_empty())
        .await;
    let alarm = office.alarm("account demo").unwrap();
    assert!(alarm.contains("does not know the calls"), "{alarm}");
    let call = office.call(CUSTOMER).await;
    office.card(&call).await;
    office.until(|s| s.alarms.is_empty()).await;
}

#[tokio::test]
async fn a_card_that_comes_too_late_is_told_in_the_record_of_its_call() {
    let after = "\n[card]\ndeadline = \"10s\"\nafter-call = \"comment\"\n";
    let office = Office::with(|config| config + after).await;
    office.hipcall.go_down().await;
    let ended = office.call(CUSTOMER).await;
    let late = office.call("+902125550102").await;
    office.send(&hangup(&ended)).await;
    office.until(|s| s.outbox.comments == 2).await;
    office.hipcall.come_up().await.unwrap();
    let live = office.call(CUSTOMER).await;
    office.until(|s| s.accounts["demo"].comments == 2).await;
    let requests = office.hipcall.requests();
    let first = requests.iter().find(|r| r.path != "/").unwrap();
    assert_eq!(first.path, format!("/api/v3/calls/{live}/cards"));
    for call in [&ended, &late] {
        let comments = office.hipcall.comments(call);
        assert_eq!(comments.len(), 1, "{comments:?}");
        assert!(
            comments[0]
                .content
                .contains("Görüşme sırasında gösterilemedi"),
            "{comments:?}"
        );
        assert!(office.hipcall.cards(call).is_empty());
    }
    assert!(
        office.hipcall.comments(&ended)[0]
            .content
            .contains("- Ad: Ayşe Yılmaz")
    );
    let kept: Vec<Entry> = office
        .ask(Request::OutboxShow { call: ended })
        .await
        .unwrap();
    assert_eq!(
        (kept[0].phase, kept[0].card.is_some()),
        (Phase::Expired, false)
    );
}

#[tokio::test]
async fn comments_that_are_due_survive_a_restart_and_are_written_once() {
    let mut office = Office::with(|config| config + AFTER_CALL).await;
    office.hipcall.go_down().await;
    let call = office.call(CUSTOMER).await;
    office.send(&hangup(&call)).await;
    office.until(|s| s.outbox.comments == 1).await;
    office.stop().await;
    office.hipcall.come_up().await.unwrap();
    office.start().await;
    office.until(|s| s.accounts["demo"].comments == 1).await;
    office.restart().await;
    assert_eq!(office.status().outbox.comments, 0);
    assert_eq!(office.hipcall.comments(&call).len(), 1);
}

#[tokio::test]
async fn a_comment_that_may_have_arrived_is_not_repeated_and_one_that_has_not_is() {
    for (fault, comments) in [(Fault::AcceptThenClose, 0), (Fault::Status(503), 1)] {
        let office = Office::with(|config| config + AFTER_CALL).await;
        office.hipcall.go_down().await;
        let call = office.call(CUSTOMER).await;
        office.send(&hangup(&call)).await;
        office.until(|s| s.outbox.comments == 1).await;
        office.hipcall.script_at(&Aim::at(Kind::Comment), [fault]);
        office.hipcall.come_up().await.unwrap();
        office.call(CUSTOMER).await;
        let tried =
            |requests: Vec<HipcallRequest>| requests.iter().any(|r| r.path.ends_with("/comments"));
        while !tried(office.hipcall.requests()) {
            tokio::task::yield_now().await;
        }
        office.until(|s| s.outbox.comments == comments).await;
    }
}

#[tokio::test]
async fn a_comment_that_was_dropped_by_hand_is_not_written() {
    let office = Office::with(|config| config + AFTER_CALL).await;
    office.hipcall.go_down().await;
    let dropped = office.call(CUSTOMER).await;
    let kept = office.call("+902125550102").await;
    for (n, call) in [&dropped, &kept].into_iter().enumerate() {
        office.send(&hangup(call)).await;
        office.until(|s| s.outbox.comments == n + 1).await;
    }
    let drop = Request::OutboxDrop {
        call: dropped.clone(),
    };
    assert_eq!(office.ask::<usize>(drop).await.unwrap(), 1);
    office.hipcall.come_up().await.unwrap();
    office.call(CUSTOMER).await;
    office.until(|s| s.accounts["demo"].comments == 1).await;
    assert_eq!(office.hipcall.comments(&kept).len(), 1);
    assert!(office.hipcall.comments(&dropped).is_empty());
    let account = &office.status().accounts["demo"];
    assert_eq!(account.dropped.get(&Why::ByHand), Some(&1));
}

#[tokio::test]
async fn a_comment_that_is_refused_holds_up_no_other() {
    let office = Office::with(|config| config + AFTER_CALL).await;
    office.hipcall.go_down().await;
    let (first, refused) = (office.call(CUSTOMER).await, office.call(CUSTOMER).await);
    for (n, call) in [&first, &refused].into_iter().enumerate() {
        office.send(&hangup(call)).await;
        office.until(|s| s.outbox.comments == n + 1).await;
    }
    let newest = Aim::at(Kind::Comment).of_call(&refused);
    office.hipcall.keep_failing(newest, Fault::Status(404));
    office.hipcall.come_up().await.unwrap();
    office.call(CUSTOMER).await;
    office.until(|s| s.outbox.comments == 0).await;
    office.until(|s| s.accounts["demo"].comments == 1).await;
    assert_eq!(office.hipcall.comments(&first).len(), 1);
}

#[tokio::test]
async fn no_comment_is_written_of_a_card_that_may_have_been_seen() {
    let office = Office::with(|config| config + AFTER_CALL).await;
    office
        .hipcall
        .script_at(&Aim::at(Kind::Card), [Fault::AcceptThenClose]);
    // The first question breaks off, and tells nothing.
    office
        .hipcall
        .keep_failing(Aim::at(Kind::ReadBack), Fault::AcceptThenCut);
    let call = office.call(CUSTOMER).await;
    office.send(&hangup(&call)).await;
    let asked = |s: &Status| s.outbox.comments == 1 || s.outbox.finished > 0;
    office.until(asked).await;
    office.hipcall.mend();
    office
        .until(|s| s.outbox.comments == 0 && s.outbox.waiting == 0)
        .await;
    assert_eq!(office.hipcall.cards(&call).len(), 1);
    assert!(office.hipcall.comments(&call).is_empty());
}

#[tokio::test]
async fn comments_of_an_account_that_is_gone_are_given_up() {
    let office = Office::with(|config| config + AFTER_CALL).await;
    office.hipcall.go_down().await;
    let call = office.call(CUSTOMER).await;
    office.send(&hangup(&call)).await;
    office.until(|s| s.outbox.comments == 1).await;
    office.configure(|config| config.replace("name = \"demo\"", "name = \"renamed\""));
    office.reload().await;
    office.until(|s| s.outbox.comments == 0).await;
    let entries: Vec<Entry> = office.ask(Request::OutboxShow { call }).await.unwrap();
    assert_eq!(
        (entries[0].why, entries[0].card.is_some()),
        (Some(Why::NoAccount), false)
    );
}

#[tokio::test]
async fn a_token_is_taken_once_its_file_has_the_right_mode() {
    use std::os::unix::fs::PermissionsExt;
    let office = Office::open().await;
    office.hipcall.take_only("the-new-token");
    let call = office.call(CUSTOMER).await;
    let path = office.path("token");
    std::fs::write(&path, "the-new-token").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let has = |id| move |s: &Status| s.alarms.iter().any(|a| a.id == id);
    office.until(has(AlarmId::TokenKept)).await;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(office.card(&call).await.len(), 4);
    office.until(|s| s.alarms.is_empty()).await;
}

#[tokio::test]
async fn the_alarm_of_a_refused_token_ends_with_a_reload_that_brings_another() {
    let office = Office::open().await;
    office.write_token("expired-token");
    office.reload().await;
    office.call(CUSTOMER).await;
    office
        .until(|s| s.alarms.iter().any(|a| a.id == AlarmId::TokenRefused))
        .await;
    office.write_token(&office.made_up.token);
    office.reload().await;
    office.until(|s| s.alarms.is_empty()).await;
}

#[tokio::test]
async fn the_alarm_of_a_refused_token_stands_while_the_next_one_is_wrong_too() {
    let office = Office::open().await;
    office.hipcall.take_only("the-right-token");
    office.call(CUSTOMER).await;
    office
        .until(|s| s.alarms.iter().any(|a| a.id == AlarmId::TokenRefused))
        .await;
    let asked = || {
        office
            .hipcall
            .requests()
            .iter()
            .filter(|r| r.status == Some(401))
            .count()
    };
    let before = asked();
    office.write_token("another-wrong-token");
    // Asked with both, before anybody could say that it is over.
    office.until(|_| asked() >= before + 2).await;
    assert!(office.alarm("account demo").is_some());
}

#[tokio::test]
async fn a_parked_card_is_not_sent_again_when_its_call_is_over() {
    let office = Office::with(|config| config + "\n[card]\ndeadline = \"10s\"\n").await;
    office.hipcall.script([Fault::Status(422)]);
    let call = office.call(CUSTOMER).await;
    office.until(|s| s.outbox.parked == 1).await;
    let show = Request::OutboxShow { call: call.clone() };
    let entry = office.ask::<Vec<Entry>>(show).await.unwrap().remove(0);
    office
        .until(|_| entry.deadline.left(&office.now()).is_none())
        .await;
    let all = Request::OutboxRetry { call: "*".into() };
    assert_eq!(office.ask::<usize>(all).await.unwrap(), 0);
    let one = office
        .ask::<usize>(Request::OutboxRetry { call })
        .await
        .unwrap_err();
    assert!(one.to_string().contains("is over by now"), "{one}");
    let dropped = Request::OutboxDrop { call: "*".into() };
    assert_eq!(office.ask::<usize>(dropped).await.unwrap(), 1);
    office
        .until(|s| s.accounts["demo"].dropped.get(&Why::ByHand) == Some(&1))
        .await;
}

#[tokio::test]
async fn a_burst_is_sent_within_the_limit_and_the_rest_is_explained() {
    let office = Office::with(|config| config + "\n[card]\ndeadline = \"10s\"\n").await;
    let calls = 200;
    for _ in 0..calls {
        office.call(CUSTOMER).await;
    }
    office.settled().await;
    let account = &office.status().accounts["demo"];
    assert_eq!(account.delivered, u64::from(RATE_LIMIT));
    let left = calls - u64::from(RATE_LIMIT);
    assert_eq!(
        account.expired.iter().collect::<Vec<_>>(),
        [(&Why::Quota, &left)]
    );
    let refused = office
        .hipcall
        .requests()
        .iter()
        .filter(|r| r.status == Some(429))
        .count();
    assert_eq!(refused, 0, "the limit is known and not run into");
}

#[tokio::test]
async fn a_waiting_card_can_be_dropped_by_hand() {
    let office = Office::open().await;
    office.hipcall.go_down().await;
    let call = office.call(CUSTOMER).await;
    let dropped = Request::OutboxDrop { call: call.clone() };
    office.ask::<usize>(dropped).await.unwrap();
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
