//! A line that was gone for two hours, and the call that comes as it returns.

use std::time::Duration;

use ringcard::demo::hipcall::Kind;
use ringcard::store::outbox::Phase;

use super::office::{CONTACTS, Office, Setting};

/// The outage: calls, and how they are spread over it.
const ROUNDS: usize = 10;
const CALLS: usize = 100;
const ROUND: Duration = Duration::from_secs(12 * 60);

#[tokio::test]
async fn after_two_hours_without_a_line_the_live_call_is_served_first() {
    let (office, _machine) = Office::open(Setting::default()).await;
    office.hipcall.go_down().await;
    let mut calls = Vec::new();
    for round in 0..ROUNDS {
        for n in 0..CALLS {
            let contact = (round * CALLS + n) % CONTACTS;
            calls.push(office.call(contact).await);
        }
        // The last ones are alive when the line returns, and must stand back all the same.
        if round + 1 < ROUNDS {
            office.shim.let_time_pass(ROUND);
            // The story is of calls spread over two hours: none comes in the instant in which the clock jumps.
            office.until(|status| status.outbox.waiting == 0).await;
        }
    }
    let (old, recent) = calls.split_at((ROUNDS - 1) * CALLS);
    office.until(|status| status.outbox.waiting == CALLS).await;
    let live = office.call(7).await;
    office.hipcall.come_up().await.unwrap();
    office.card(&live).await;
    let requests = office.hipcall.requests();
    let mut cards = requests
        .iter()
        .filter(|request| request.kind() == Kind::Card);
    let first = &cards.next().unwrap().path;
    assert!(first.contains(&live), "{first} before {live}");
    for call in recent {
        office.card(call).await;
    }
    for call in old {
        assert!(office.hipcall.cards(call).is_empty());
    }
    // Not one of them ended in silence.
    let entries = office.entries().await.unwrap();
    let told = |call: &String| entries.iter().find(|entry| entry.call.as_str() == call);
    for call in old {
        let entry = told(call).expect("an end is told");
        assert_eq!((entry.phase, entry.why.is_some()), (Phase::Expired, true));
    }
}
