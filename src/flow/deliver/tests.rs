//! A delivery under a paused clock, against a scripted Hipcall.

use std::cell::RefCell;

use super::*;
use crate::domain::call::CallId;
use crate::domain::card::Card;
use crate::domain::deadline::Deadline;
use jiff::Timestamp;

fn refused(status: u16) -> SendError {
    SendError::Refused {
        status,
        detail: String::new(),
    }
}

struct Trial {
    outcome: Outcome,
    sends: usize,
    seconds: u64,
}

/// Answers with the script, then with its last answer for ever.
async fn deliver(script: Vec<Result<(), SendError>>, halt_after: Option<(u64, Halt)>) -> Trial {
    let start = tokio::time::Instant::now();
    let now = move || Moment {
        boot: 1,
        since_boot: start.elapsed(),
        wall: Timestamp::UNIX_EPOCH,
        belief: Default::default(),
    };
    let deadline = Deadline::new(now(), None, Duration::from_secs(90));
    let call = CallId::try_from("a".to_owned()).unwrap();
    let entry = Entry::new("office", call, Card { rows: vec![] }, deadline);
    let (halter, halt) = watch::channel(None);
    let (script, sends) = (RefCell::new(script), RefCell::new(0));
    let send = || {
        *sends.borrow_mut() += 1;
        let mut script = script.borrow_mut();
        let answer = if script.is_empty() {
            Err(refused(503))
        } else {
            script.remove(0)
        };
        async { answer }
    };
    let halting = async {
        let (after, why) = halt_after.unwrap_or((3600, Halt::CallEnded));
        tokio::time::sleep(Duration::from_secs(after)).await;
        halter.send_replace(Some(why));
        std::future::pending::<()>().await;
    };
    let outcome = tokio::select! {
        outcome = tries(send, &entry, halt, now, |_| {}) => outcome,
        () = halting => unreachable!("never ends"),
    };
    Trial {
        outcome,
        sends: sends.into_inner(),
        seconds: start.elapsed().as_secs(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_passing_fault_is_tried_again_soon() {
    let trial = deliver(vec![Err(refused(503)), Err(refused(500)), Ok(())], None).await;
    assert_eq!((trial.outcome, trial.sends), (Outcome::Settled, 3));
    assert_eq!(trial.seconds, 0);
}

#[tokio::test(start_paused = true)]
async fn what_only_a_person_can_mend_is_parked_at_once() {
    for status in [401, 404, 422] {
        let trial = deliver(vec![Err(refused(status))], None).await;
        assert!(matches!(trial.outcome, Outcome::Parked(_)), "{status}");
        assert_eq!(trial.sends, 1, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fault_that_lasts_expires_the_card_at_its_deadline() {
    let trial = deliver(vec![], None).await;
    assert_eq!(trial.outcome, Outcome::Expired(Why::HipcallFault));
    assert_eq!(trial.seconds, 90);
    assert!((18..=60).contains(&trial.sends), "{}", trial.sends);
}

#[tokio::test(start_paused = true)]
async fn a_limit_is_waited_for_and_not_asked_against() {
    let limited = |s| {
        Err(SendError::RateLimited {
            wait: Duration::from_secs(s),
        })
    };
    let trial = deliver(vec![limited(20), limited(10), Ok(())], None).await;
    assert_eq!(
        (trial.outcome, trial.sends, trial.seconds),
        (Outcome::Settled, 3, 30)
    );
    let trial = deliver(vec![limited(3600)], None).await;
    assert!(matches!(trial.outcome, Outcome::Expired(_)));
    assert_eq!((trial.sends, trial.seconds), (1, 90));
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_call_ends_the_tries() {
    let trial = deliver(vec![], Some((12, Halt::CallEnded))).await;
    assert_eq!(trial.outcome, Outcome::Expired(Why::CallEnded));
    assert_eq!(trial.seconds, 12);
    let trial = deliver(vec![], Some((3, Halt::DroppedByHand))).await;
    assert!(matches!(trial.outcome, Outcome::Dropped(_)));
}

#[test]
fn pauses_double_to_a_bound_and_are_spread() {
    let ms = |attempt, dice| pause(attempt, dice).as_millis();
    assert_eq!(
        [0, 1, 2, 5, 40].map(|a| ms(a, 0.5)),
        [200, 400, 800, 5000, 5000]
    );
    assert_eq!((ms(0, 0.0), ms(0, 1.0)), (100, 300));
}
