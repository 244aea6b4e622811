//! The box's clock is wrong, jumps or stands still: calls get their cards, none expires by it, and it is said.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use ringcard::domain::clock::Synchronised;
use ringcard::domain::deadline::{Belief, Moment};
use ringcard::domain::fate::Why;
use ringcard::status::{AlarmId, Status};
use ringcard::store::outbox::Phase;
use ringcard::system::clock::Clock;

use crate::office::{CUSTOMER, Office};

const YEARS: i64 = 365 * 86_400;

/// A clock that goes as the real one does, but for what a test does to it.
#[derive(Clone)]
struct Hands(Arc<Mutex<Set>>);

struct Set {
    boot: u64,
    /// What the real clock since boot showed when this box was started.
    started: Duration,
    /// How much longer the box is up than it seems: it slept.
    slept: Duration,
    wall_ahead: SignedDuration,
}

impl Hands {
    fn new() -> Hands {
        Hands(Arc::new(Mutex::new(Set {
            boot: 1,
            started: Duration::ZERO,
            slept: Duration::ZERO,
            wall_ahead: SignedDuration::ZERO,
        })))
    }

    fn clock(&self, synchronised: Synchronised) -> Clock {
        let (set, real) = (self.0.clone(), Clock::of_the_system());
        let read = move || {
            let (real, set) = (real.now(), set.lock().unwrap());
            Moment {
                boot: set.boot,
                since_boot: real.since_boot - set.started + set.slept,
                wall: real.wall + set.wall_ahead,
                belief: Belief::Doubtful,
            }
        };
        Clock::new(read, move || synchronised)
    }

    fn jump(&self, seconds: i64) {
        self.0.lock().unwrap().wall_ahead = SignedDuration::from_secs(seconds);
    }

    fn jump_to(&self, second: i64) {
        self.jump(second - Timestamp::now().as_second());
    }

    fn sleep(&self, time: Duration) {
        self.0.lock().unwrap().slept += time;
    }

    /// The power comes back, so long ago by the kernel's own reckoning.
    fn boot(&self, up: Duration) {
        let mut set = self.0.lock().unwrap();
        set.boot += 1;
        set.started = Clock::of_the_system().now().since_boot;
        set.slept = up;
    }
}

async fn office(hands: &Hands, synchronised: Synchronised) -> Office {
    let mut office = Office::closed().await;
    office.clock = hands.clock(synchronised);
    office.start().await;
    office
}

fn is_wrong(status: &Status) -> bool {
    let mut alarms = status.alarms.iter();
    alarms.any(|a| a.id == AlarmId::ClockWrong && a.subject == "clock")
}

fn expired(status: &Status) -> u64 {
    status.accounts["demo"].expired.values().sum()
}

#[tokio::test]
async fn a_clock_in_1970_or_2040_is_told_and_cards_go_on() {
    for (second, words) in [
        (0, "behind Hipcall's"),
        (2_208_988_800, "ahead of Hipcall's"),
    ] {
        let hands = Hands::new();
        hands.jump_to(second);
        let office = office(&hands, Synchronised::No).await;
        let call = office.call(CUSTOMER).await;
        assert_eq!(office.card(&call).await.len(), 4);
        let told = |s: &Status| s.alarms.iter().any(|a| a.what.contains(words));
        office.until(|s| is_wrong(s) && told(s)).await;
        assert!(
            office
                .alarm("clock")
                .unwrap()
                .contains("the clock of this box")
        );
        // A time server has set it.
        hands.jump(0);
        office.until(|s| !is_wrong(s)).await;
        assert_eq!(expired(&office.status()), 0);
    }
}

#[tokio::test]
async fn without_hipcall_an_impossible_date_is_told() {
    let hands = Hands::new();
    hands.jump_to(0);
    let mut office = Office::closed().await;
    office.hipcall.go_down().await;
    office.clock = hands.clock(Synchronised::Unknown);
    office.start().await;
    office.until(is_wrong).await;
    let told = office.alarm("clock").unwrap();
    assert!(told.contains("1970-01-01"), "{told}");
}

#[tokio::test]
async fn an_unsynchronised_clock_that_is_right_is_no_fault() {
    let office = office(&Hands::new(), Synchronised::No).await;
    office.until(|s| s.clock.ahead_seconds.is_some()).await;
    assert_eq!(office.status().clock.synchronised, Some(false));
    assert!(!is_wrong(&office.status()));
}

#[tokio::test]
async fn a_jump_of_ten_years_expires_no_card_that_waits() {
    for years in [10, -10] {
        let hands = Hands::new();
        let office = office(&hands, Synchronised::Yes).await;
        office.hipcall.go_down().await;
        let calls = [office.call(CUSTOMER).await, office.call(CUSTOMER).await];
        office.until(|s| s.outbox.waiting == 2).await;
        hands.jump(years * YEARS);
        office.until(is_wrong).await;
        office.hipcall.come_up().await.unwrap();
        for call in calls {
            assert_eq!(office.card(&call).await.len(), 4);
        }
        assert_eq!(expired(&office.status()), 0);
    }
}

#[tokio::test]
async fn a_jump_of_ten_years_over_a_power_cut_expires_no_card() {
    for (years, synchronised) in [
        (10, Synchronised::No),
        (-10, Synchronised::No),
        (-56, Synchronised::Unknown),
        // What a time server says counts only until Hipcall has said otherwise.
        (-10, Synchronised::Yes),
    ] {
        let hands = Hands::new();
        let mut office = office(&hands, synchronised).await;
        office
            .until(|s| s.clock.ahead_seconds.is_some_and(|s| s.abs() <= 2))
            .await;
        office.hipcall.go_down().await;
        let call = office.call(CUSTOMER).await;
        office.until(|s| s.outbox.waiting == 1).await;
        office.stop().await;
        hands.boot(Duration::from_secs(20));
        hands.jump(years * YEARS);
        office.clock = hands.clock(synchronised);
        office.hipcall.come_up().await.unwrap();
        office.start().await;
        assert_eq!(office.card(&call).await.len(), 4, "{years}");
        assert_eq!(expired(&office.status()), 0);
        office.until(is_wrong).await;
    }
}

#[tokio::test]
async fn a_card_expires_by_the_time_that_the_box_is_up_whatever_its_clock_says() {
    let hands = Hands::new();
    let mut office = office(&hands, Synchronised::No).await;
    office.hipcall.go_down().await;
    let call = office.call(CUSTOMER).await;
    office.until(|s| s.outbox.waiting == 1).await;
    office.stop().await;
    hands.boot(Duration::from_secs(91));
    hands.jump(-10 * YEARS);
    office.clock = hands.clock(Synchronised::No);
    office.hipcall.come_up().await.unwrap();
    office.start().await;
    office.until(|s| expired(s) == 1).await;
    assert_eq!(office.cards(&call).await, 0);
    assert_eq!(office.status().accounts["demo"].expired[&Why::TooLate], 1);
}

#[tokio::test]
async fn a_box_that_slept_sends_no_card_of_before() {
    let hands = Hands::new();
    let office = office(&hands, Synchronised::Yes).await;
    office.hipcall.go_down().await;
    let call = office.call(CUSTOMER).await;
    office.until(|s| s.outbox.waiting == 1).await;
    // Its timers did not run, and the clock since boot did.
    hands.sleep(Duration::from_secs(3600));
    office.until(|s| expired(s) == 1).await;
    office.hipcall.come_up().await.unwrap();
    assert_eq!(office.cards(&call).await, 0);
    let entry: Vec<ringcard::store::outbox::Entry> = office
        .ask(ringcard::system::control::Request::OutboxShow { call })
        .await
        .unwrap();
    assert_eq!(entry[0].phase, Phase::Expired);
}

#[tokio::test]
async fn a_comment_waits_over_a_power_cut_until_the_clock_can_be_believed() {
    let hands = Hands::new();
    let mut office = Office::closed().await;
    office.configure(|config| config + "\n[card]\nafter-call = \"comment\"\n");
    office.clock = hands.clock(Synchronised::Yes);
    office.start().await;
    office.hipcall.go_down().await;
    let call = office.call(CUSTOMER).await;
    office.send(&crate::office::hangup(&call)).await;
    office.until(|s| s.outbox.comments == 1).await;
    office.stop().await;
    hands.boot(Duration::from_secs(1));
    // No time server has answered, and Hipcall is the first to say what time it is.
    office.clock = hands.clock(Synchronised::No);
    office.hipcall.come_up().await.unwrap();
    office.start().await;
    office.until(|s| s.accounts["demo"].comments == 1).await;
    assert_eq!(office.hipcall.comments(&call).len(), 1);
}
