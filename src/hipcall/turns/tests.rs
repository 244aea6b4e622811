//! Turns on a paused clock: who goes, and who waits for what.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use reqwest::header::HeaderMap;

use super::*;

type Waiting<'a> = std::pin::Pin<Box<dyn Future<Output = Turn> + 'a>>;

/// A card's turn if it has it by now.
fn now(waiting: &mut Waiting<'_>) -> Option<Turn> {
    match waiting
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(turn) => Some(turn),
        Poll::Pending => None,
    }
}

fn first(turns: &Turns, rank: u64) -> Waiting<'_> {
    Box::pin(turns.card(rank, None))
}

fn again(turns: &Turns, rank: u64, millis: u64) -> Waiting<'_> {
    Box::pin(turns.card(rank, Some(Duration::from_millis(millis))))
}

fn aside(turns: &Turns) -> Waiting<'_> {
    Box::pin(turns.aside())
}

fn remaining(left: &'static str) -> HeaderMap {
    let pairs = [("x-ratelimit-limit", "60"), ("x-ratelimit-remaining", left)];
    let pairs = pairs.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
    pairs.into_iter().collect()
}

/// Says that so many requests are left in the window.
async fn told(turns: &Turns, left: &'static str) {
    let mut turn = turns.card(u64::MAX, None).await;
    turn.sending();
    assert_eq!(turn.answered(201, &remaining(left)), None);
}

async fn pass(millis: u64) {
    tokio::time::advance(Duration::from_millis(millis)).await;
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_room_while_the_quota_closes_goes_when_it_opens() {
    let turns = Turns::default();
    let most = AT_ONCE as u64;
    let held: Vec<Turn> = (0..most)
        .map(|r| now(&mut first(&turns, r)).unwrap())
        .collect();
    let start = Instant::now();
    let waiting = first(&turns, most);
    let answers = async {
        tokio::task::yield_now().await;
        for mut turn in held {
            turn.sending();
            turn.answered(201, &remaining("0"));
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        biased;
        _ = waiting => {}
        () = answers => {}
    }
    assert_eq!(start.elapsed().as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn a_new_card_goes_at_once() {
    let turns = Turns::default();
    let held: Vec<Turn> = (0..5)
        .map(|rank| now(&mut first(&turns, rank)).unwrap())
        .collect();
    assert_eq!((held.len(), turns.hindrance()), (5, None));
}

#[tokio::test(start_paused = true)]
async fn when_the_quota_is_used_up_the_newest_goes_first_at_its_end() {
    let turns = Turns::default();
    told(&turns, "0").await;
    let mut waiting: Vec<_> = (1..=3).map(|rank| first(&turns, rank)).collect();
    assert!(waiting.iter_mut().all(|w| now(w).is_none()));
    assert_eq!(turns.hindrance(), Some(Why::Quota));
    pass(60_000).await;
    // The window opens with one request left, so that only one can go.
    told(&turns, "1").await;
    let mut waited = waiting.split_off(0);
    assert!(now(&mut waited[2]).is_some(), "the newest");
}

#[tokio::test(start_paused = true)]
async fn an_old_card_that_is_tried_again_waits_while_a_new_one_goes() {
    let turns = Turns::default();
    let mut old: Vec<_> = (0..=AGAIN_AT_ONCE as u64)
        .map(|rank| again(&turns, rank, 0))
        .collect();
    let mut held: Vec<Turn> = old.iter_mut().filter_map(now).collect();
    assert_eq!(held.len(), AGAIN_AT_ONCE);
    assert!(now(&mut first(&turns, 100)).is_some());
    held.pop();
    assert_eq!(
        old.iter_mut().skip(AGAIN_AT_ONCE).filter_map(now).count(),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn so_many_cards_are_under_way_at_once_and_then_the_newest_waits_the_shortest() {
    let turns = Turns::default();
    let most = AT_ONCE as u64;
    let mut held: Vec<Turn> = (0..most)
        .map(|r| now(&mut first(&turns, r)).unwrap())
        .collect();
    let (mut older, mut newer) = (first(&turns, most), first(&turns, most + 1));
    assert!(now(&mut older).is_none() && now(&mut newer).is_none());
    held.pop();
    assert!(now(&mut older).is_none());
    assert!(now(&mut newer).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_pause_is_kept_unless_the_line_comes_back() {
    let turns = Turns::default();
    turns.line_is_down();
    let mut waiting = again(&turns, 1, 5_000);
    assert!(now(&mut waiting).is_none());
    pass(4_999).await;
    assert!(now(&mut waiting).is_none());
    pass(1).await;
    assert!(now(&mut waiting).is_some());
    let (mut older, mut newer) = (again(&turns, 2, 5_000), again(&turns, 3, 5_000));
    assert!(now(&mut older).is_none() && now(&mut newer).is_none());
    turns.line_is_up();
    assert!(now(&mut newer).is_some() && now(&mut older).is_some());
    let mut waiting = again(&turns, 4, 5_000);
    turns.line_is_up();
    assert!(now(&mut waiting).is_none(), "it was not down");
}

#[tokio::test(start_paused = true)]
async fn while_the_line_is_down_only_the_newest_is_tried_and_leads_when_it_is_back() {
    let turns = Turns::default();
    turns.line_is_down();
    let (mut older, mut newer) = (again(&turns, 1, 100), again(&turns, 2, 300));
    assert!(now(&mut older).is_none() && now(&mut newer).is_none());
    pass(200).await;
    assert!(
        now(&mut older).is_none(),
        "its pause is over, and it is not the newest"
    );
    assert!(now(&mut newer).is_none());
    pass(100).await;
    let turn = now(&mut newer).unwrap();
    assert!(now(&mut older).is_none(), "one is trying");
    assert!(
        now(&mut first(&turns, 3)).is_some(),
        "a new call waits for nobody"
    );
    drop(turn);
    let mut newer = again(&turns, 2, 300);
    assert!(now(&mut newer).is_none());
    assert!(now(&mut older).is_none(), "the newest kept its place");
    drop(newer);
    assert!(now(&mut older).is_some(), "the newest was given up");
}

#[tokio::test(start_paused = true)]
async fn what_no_call_waits_for_goes_one_at_a_time_and_leaves_half_of_the_window() {
    let turns = Turns::default();
    told(&turns, "31").await;
    let (mut one, mut other) = (aside(&turns), aside(&turns));
    let turn = now(&mut one).unwrap();
    assert!(now(&mut other).is_none() && turns.aside_now().is_none());
    drop(turn);
    let mut turn = now(&mut other).unwrap();
    turn.sending();
    turn.answered(200, &remaining("30"));
    assert!(turns.aside_now().is_none());
    assert!(now(&mut first(&turns, 1)).is_some(), "cards go on");
    pass(60_000).await;
    assert!(turns.aside_now().is_some());
}

#[tokio::test(start_paused = true)]
async fn while_the_token_is_refused_no_card_goes_and_what_is_aside_does() {
    let turns = Turns::default();
    turns.refuse(true);
    turns.refused(true).await;
    let mut waiting = first(&turns, 1);
    assert!(now(&mut waiting).is_none());
    assert_eq!(turns.hindrance(), Some(Why::TokenRefused));
    assert!(turns.aside_now().is_some());
    turns.refuse(false);
    turns.refused(false).await;
    assert!(now(&mut waiting).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_card_that_is_given_up_leaves_the_queue_and_its_turn_to_the_next() {
    let turns = Turns::default();
    told(&turns, "1").await;
    let held = now(&mut first(&turns, 1)).unwrap();
    let (mut gone, mut next) = (first(&turns, 3), first(&turns, 2));
    assert!(now(&mut gone).is_none() && now(&mut next).is_none());
    assert_eq!(turns.waiting(), 2);
    // Its turn is given, and before it is taken the card is given up.
    drop(held);
    drop(gone);
    assert!(
        now(&mut next).is_some(),
        "nothing was sent, so the quota is there"
    );
    assert_eq!(turns.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_never_reached_hipcall_costs_no_quota() {
    let turns = Turns::default();
    told(&turns, "1").await;
    for rank in 0..10 {
        let mut turn = now(&mut first(&turns, rank)).unwrap();
        turn.sending();
        turn.not_sent();
    }
    let mut turn = now(&mut first(&turns, 10)).unwrap();
    turn.sending();
    drop(turn);
    assert!(
        now(&mut first(&turns, 11)).is_none(),
        "broken off: Hipcall may have counted it"
    );
}

#[tokio::test(start_paused = true)]
async fn a_thousand_waiting_cards_are_let_go_newest_first() {
    let turns = Turns::default();
    told(&turns, "0").await;
    let mut order = Vec::new();
    let mut waiting: Vec<_> = (0..1_000).map(|rank| (rank, first(&turns, rank))).collect();
    waiting
        .iter_mut()
        .for_each(|(_, w)| assert!(now(w).is_none()));
    for _ in 0..3 {
        pass(60_000).await;
        for _ in 0..60 {
            let mut let_go = waiting.iter_mut().filter_map(|(r, w)| Some((*r, now(w)?)));
            let (rank, mut turn) = let_go.next_back().unwrap();
            turn.sending();
            drop(turn);
            order.push(rank);
            waiting.retain(|(r, _)| *r != rank);
        }
    }
    let expected: Vec<u64> = (820..1_000).rev().collect();
    assert_eq!(order, expected);
    let mut over = pin!(turns.card(5_000, None));
    assert!(
        over.as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_pending()
    );
}
