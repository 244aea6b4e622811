//! A clock that is wrong, or jumps, expires no card; where it breaks TLS it is the clock that is told of.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ringcard::domain::fate::Why;
use ringcard::status::AlarmId;
use ringcard::store::outbox::Phase;

use super::office::{MACHINE, Office, Setting};
use super::shim::{Field, Shim};

/// Seconds since 1970 of 2 January 1970 and of 1 January 2040.
const IN_1970: i64 = 86_400;
const IN_2040: i64 = 2_208_988_800;
const TEN_YEARS: i64 = 10 * 365 * 86_400;
const TWO_HOURS: i64 = 7_200;

fn turn_to(shim: &Shim, seconds: i64) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    shim.set(Field::Realtime, seconds - now.as_secs() as i64);
}

#[tokio::test]
async fn a_jump_of_ten_years_either_way_expires_nothing() {
    let (office, _machine) = Office::open(Setting::default()).await;
    for jump in [TEN_YEARS, -TEN_YEARS, 0] {
        office.hipcall.go_down().await;
        let call = office.call(0).await;
        office.shim.set(Field::Realtime, jump);
        // Tried at the new time as well, and still waiting.
        let tried = office.entry(&call).await.unwrap().attempts;
        let waits = |e: &ringcard::store::outbox::Entry| e.attempts > tried + 1;
        let entry = office.until_entry(&call, waits).await;
        assert_eq!(entry.phase, Phase::Waiting);
        office.hipcall.come_up().await.unwrap();
        office.card(&call).await;
    }
}

#[tokio::test]
async fn in_1970_and_in_2040_cards_go_on_where_tls_allows() {
    let _machine = MACHINE.read().await;
    let office = Office::closed(Setting::default()).await;
    for seconds in [IN_1970, IN_2040] {
        // While it runs, with a new connection, and from the start.
        office.start().await;
        turn_to(&office.shim, seconds);
        office.hipcall.cut();
        let call = office.call(0).await;
        office.card(&call).await;
        office.kill().await;
        office.start().await;
        let call = office.call(1).await;
        office.card(&call).await;
        office.kill().await;
        office.shim.set(Field::Realtime, 0);
    }
}

#[tokio::test]
async fn a_card_that_waits_over_a_restart_in_another_decade_is_sent() {
    let (office, _machine) = Office::open(Setting::default()).await;
    for seconds in [IN_1970, IN_2040] {
        office.hipcall.go_down().await;
        let call = office.call(0).await;
        office.kill().await;
        turn_to(&office.shim, seconds);
        office.start().await;
        office.hipcall.come_up().await.unwrap();
        office.card(&call).await;
        office.shim.set(Field::Realtime, 0);
    }
}

#[tokio::test]
async fn a_certificate_that_the_clock_makes_invalid_is_told_as_the_clocks_fault() {
    let setting = Setting {
        deadline: Duration::from_secs(10),
        years: 2020..2036,
        ..Setting::default()
    };
    let (office, _machine) = Office::open(setting).await;
    for seconds in [IN_1970, IN_2040] {
        turn_to(&office.shim, seconds);
        office.hipcall.cut();
        let call = office.call(0).await;
        let alarm = office.alarmed(AlarmId::ClockWrong).await;
        assert!(alarm.contains("clock"), "{alarm}");
        let entry = office
            .until_entry(&call, |e| e.phase != Phase::Waiting)
            .await;
        assert_eq!((entry.phase, entry.why), (Phase::Expired, Some(Why::Clock)));
        assert!(office.hipcall.cards(&call).is_empty());
        office.shim.set(Field::Realtime, 0);
        let call = office.call(1).await;
        office.card(&call).await;
        office.calmed(AlarmId::ClockWrong).await;
    }
}

#[tokio::test]
async fn a_card_does_not_outlive_its_call_because_the_box_was_asleep() {
    let (office, _machine) = Office::open(Setting::default()).await;
    office.hipcall.go_down().await;
    let call = office.call(0).await;
    office.shim.set(Field::Boottime, TWO_HOURS);
    office.hipcall.come_up().await.unwrap();
    let entry = office
        .until_entry(&call, |e| e.phase != Phase::Waiting)
        .await;
    assert_eq!(entry.phase, Phase::Expired);
    assert!(office.hipcall.cards(&call).is_empty());
    let call = office.call(1).await;
    office.card(&call).await;
}

#[tokio::test]
async fn a_clock_that_nobody_sets_is_told_of_until_somebody_does() {
    let _machine = MACHINE.read().await;
    let office = Office::closed(Setting::default()).await;
    office.shim.set(Field::Unsynchronised, 1);
    turn_to(&office.shim, IN_1970);
    office.start().await;
    office.alarmed(AlarmId::ClockWrong).await;
    let call = office.call(0).await;
    office.card(&call).await;
    office.shim.set(Field::Unsynchronised, 2);
    office.shim.set(Field::Realtime, 0);
    office.calmed(AlarmId::ClockWrong).await;
}
