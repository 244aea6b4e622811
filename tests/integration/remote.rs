//! A source that is asked over HTTP, through the whole daemon: its secrets, its interruptions, and its small steps.

use std::fs::File;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant, SystemTime};

use jiff::{Span, Zoned};
use ringcard::daemon::Explanation;
use ringcard::domain::call::Skip;
use ringcard::domain::renewal::{Depth, Mode};
use ringcard::flow::sync::Order;
use ringcard::status::AlarmId;
use ringcard::system::control::{Question, Request};

use crate::commands::said;
use crate::office::{Office, PATIENCE};
use crate::process::{Process, ringcard};
use crate::shop::{KEY, Shop, Trouble, at, number, put_secret};

const NEW_KEY: &str = "shop-key-of-the-second-quarter";

fn told(office: &Office, id: AlarmId) -> Option<String> {
    let alarms = office.status().alarms;
    let mut alarms = alarms.iter();
    let alarm = alarms.find(|a| a.id == id && a.subject == "source crm")?;
    Some(format!("{}; {}", alarm.what, alarm.advice))
}

/// An office that has read so many people from a shop.
async fn office_with(people: usize) -> (Shop, Office) {
    let shop = Shop::with(people).await;
    let mut office = shop.office().await;
    office.start().await;
    (shop, office)
}

#[tokio::test]
async fn a_secret_that_is_replaced_is_taken_up_by_the_next_sync_without_a_reload() {
    let (shop, office) = office_with(5).await;
    shop.counter().key = NEW_KEY.into();
    let error = office.sync().await.unwrap_err().to_string();
    let refused = told(&office, AlarmId::CredentialRefused).unwrap_or_default();
    assert!(refused.contains("Shop > Keys: new key"), "{refused}");
    for text in [&refused, &error] {
        assert!(!text.contains(KEY) && !text.contains(NEW_KEY), "{text}");
    }
    put_secret(&office.path("shop-key"), NEW_KEY, 0o600);
    office.sync().await.unwrap();
    assert_eq!(told(&office, AlarmId::CredentialRefused), None);
    assert_eq!(office.status().reloads, 0);
    // And by every later one.
    shop.change(2, 1);
    office.sync().await.unwrap();
    let call = office.call(&number(2)).await;
    assert_eq!(office.card(&call).await[1], "Ad: Kişi aac sürüm 1.");
}

#[tokio::test]
async fn a_secret_that_others_may_read_is_told_and_the_one_before_stays_in_use() {
    let (shop, office) = office_with(5).await;
    put_secret(&office.path("shop-key"), NEW_KEY, 0o644);
    office.sync().await.unwrap();
    let told_of = told(&office, AlarmId::TokenKept).unwrap_or_default();
    for part in ["shop-key", "0644", "ringcard check"] {
        assert!(told_of.contains(part), "{part} not in: {told_of}");
    }
    assert!(!told_of.contains(NEW_KEY), "{told_of}");
    shop.counter().key = NEW_KEY.into();
    put_secret(&office.path("shop-key"), NEW_KEY, 0o600);
    office.sync().await.unwrap();
    assert_eq!(told(&office, AlarmId::TokenKept), None);
}

#[tokio::test]
async fn a_key_whose_life_is_known_is_told_two_weeks_ahead_and_no_more_when_it_is_new() {
    let shop = Shop::with(5).await;
    let mut office = shop.office().await;
    let made = SystemTime::now() - Duration::from_secs(80 * 86_400);
    let file = File::options()
        .write(true)
        .open(office.path("shop-key"))
        .unwrap();
    file.set_modified(made).unwrap();
    office.start().await;
    let is_told = |s: &ringcard::status::Status| {
        let mut alarms = s.alarms.iter();
        alarms.any(|a| a.id == AlarmId::CredentialExpires && a.subject == "source crm")
    };
    office.until(is_told).await;
    let words = told(&office, AlarmId::CredentialExpires).unwrap();
    assert!(words.starts_with("its key expires in 9 days ("), "{words}");
    put_secret(&office.path("shop-key"), NEW_KEY, 0o600);
    shop.counter().key = NEW_KEY.into();
    office.sync().await.unwrap();
    office.until(|s| !is_told(s)).await;
}

#[tokio::test]
async fn a_given_date_counts_more_than_what_is_known_and_a_later_one_ends_the_alarm() {
    let shop = Shop::with(5).await;
    let mut office = shop.office().await;
    let date = |days| {
        Zoned::now()
            .date()
            .checked_add(Span::new().days(days))
            .unwrap()
    };
    let (near, far) = (date(3), date(300));
    office.configure(|config| format!("{config}[source.expires]\nkey = \"{near}\"\n"));
    office.start().await;
    let is_told = |s: &ringcard::status::Status| {
        s.alarms
            .iter()
            .any(|a| a.id == AlarmId::CredentialExpires && a.subject == "source crm")
    };
    office.until(is_told).await;
    let words = told(&office, AlarmId::CredentialExpires).unwrap();
    assert!(
        words.starts_with(&format!("its key expires in 3 days ({near})")),
        "{words}"
    );
    office.configure(|config| config.replace(&near.to_string(), &far.to_string()));
    office.reload().await;
    office.until(|s| !is_told(s)).await;
}

/// Six pages, of which a load makes the first four safe.
const MANY: usize = 27_000;

/// The read goes on where it was safe, and all are there in the end.
async fn only_the_rest_was_asked_for(shop: &Shop, office: &Office) {
    let asked = shop.asked();
    assert!(asked[0].contains("after=20000 "), "{asked:?}");
    assert_eq!(asked.len(), 2, "{asked:?}");
    for id in [1, 20_000, 20_001, MANY] {
        assert_eq!(version_of(office, id).await, 0);
    }
}

async fn until_all_are_there(office: &Office) {
    let reached = async {
        loop {
            let told: ringcard::status::Status = office.ask(Request::Status).await.unwrap();
            if told.sources["crm"].contacts as usize == MANY {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(5 * PATIENCE, reached).await.unwrap();
}

#[tokio::test]
async fn a_full_read_that_kill_9_interrupts_goes_on_after_the_restart_with_the_rest() {
    let shop = Shop::with(MANY).await;
    let office = shop.office().await;
    shop.trouble(4, Trouble::Hangs);
    let process = Process::start(&office).await;
    shop.until_asked(5).await;
    process.killed().await;
    shop.no_trouble();
    shop.asked();
    let process = Process::start(&office).await;
    until_all_are_there(&office).await;
    only_the_rest_was_asked_for(&shop, &office).await;
    // Nothing that changed while it was interrupted is missed.
    shop.change(7, 1);
    said(&office, &["sync"]).await;
    assert_eq!(version_of(&office, 7).await, 1);
    process.killed().await;
}

#[tokio::test]
async fn a_full_read_that_a_reload_ends_goes_on_with_the_rest() {
    let shop = Shop::with(MANY).await;
    let mut office = shop.office().await;
    shop.trouble(4, Trouble::Hangs);
    office.start_unsynced().await;
    shop.until_asked(5).await;
    shop.no_trouble();
    shop.asked();
    office.reload().await;
    until_all_are_there(&office).await;
    only_the_rest_was_asked_for(&shop, &office).await;
}

#[tokio::test]
async fn a_full_read_whose_connection_breaks_goes_on_with_the_rest() {
    let shop = Shop::with(MANY).await;
    let mut office = shop.office().await;
    shop.trouble(4, Trouble::BreaksOff);
    office.start_unsynced().await;
    let failed = async {
        while told(&office, AlarmId::SyncFailed).is_none() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    // Four pages, and five tries with pauses between them.
    tokio::time::timeout(5 * PATIENCE, failed).await.unwrap();
    shop.no_trouble();
    shop.asked();
    office.sync().await.unwrap();
    assert_eq!(told(&office, AlarmId::SyncFailed), None);
    only_the_rest_was_asked_for(&shop, &office).await;
}

/// What `ringcard check` says of the source.
async fn checked(office: &Office) -> (bool, String) {
    let mut check = ringcard(&office.made_up.config_path());
    let output = check.arg("check").output();
    let output = tokio::time::timeout(3 * PATIENCE, output).await.unwrap();
    let output = output.unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

#[tokio::test]
async fn a_check_says_whether_a_source_answers_lets_us_in_and_in_time() {
    let shops = [
        Shop::with(3).await,
        Shop::with(3).await,
        Shop::with(3).await,
        Shop::with(3).await,
    ];
    let [fine, refusing, gone, slow] = &shops;
    refusing.counter().key = NEW_KEY.into();
    slow.trouble(0, Trouble::Hangs);
    let offices = [
        fine.office().await,
        refusing.office().await,
        gone.office().await,
        slow.office().await,
    ];
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = closed.local_addr().unwrap().port();
    drop(closed);
    offices[2].configure(|config| config.replace(&gone.port.to_string(), &nobody.to_string()));
    let begun = Instant::now();
    let (fine, refused, unreachable, late) = tokio::join!(
        checked(&offices[0]),
        checked(&offices[1]),
        checked(&offices[2]),
        checked(&offices[3]),
    );
    assert!(begun.elapsed() < 2 * PATIENCE, "{:?}", begun.elapsed());
    for ((is_fine, said), (expected, parts)) in
        [fine, refused, unreachable, late].into_iter().zip([
            (
                true,
                [
                    "source crm: it answers; its first record can be used",
                    "crm",
                ],
            ),
            (false, ["source crm: ", "Shop > Keys: new key"]),
            (false, ["source crm: ", "127.0.0.1"]),
            (
                false,
                ["source crm: ", "no record came within 30 s: is it up"],
            ),
        ])
    {
        assert_eq!(is_fine, expected, "{said}");
        for part in parts {
            assert!(said.contains(part), "{part} not in: {said}");
        }
        assert!(!said.contains(KEY), "{said}");
    }
}

#[tokio::test]
async fn a_change_is_on_the_next_card_and_who_was_deleted_gets_none() {
    let (shop, mut office) = office_with(30).await;
    shop.change(3, 1);
    shop.counter().people.get_mut(&4).unwrap().is_deleted = true;
    shop.counter().people.get_mut(&4).unwrap().modified = at(1);
    shop.asked();
    let report = office.sync().await.unwrap().remove(0);
    assert_eq!(report.mode, Mode::Increment);
    let call = office.call(&number(3)).await;
    assert_eq!(office.card(&call).await[1], "Ad: Kişi aad sürüm 1.");
    let call = office.call(&number(4)).await;
    assert_eq!(office.cards(&call).await, 0);
    assert_eq!(office.skipped(Skip::UnknownCaller), 1);
    // One that no change tells of.
    shop.counter().people.remove(&5);
    assert_eq!(office.sync().await.unwrap()[0].contacts, 29);
    let order = Order {
        depth: Depth::Thorough,
        ..Order::default()
    };
    assert_eq!(office.sync_by(order).await.mode, Mode::Comparison);
    let call = office.call(&number(5)).await;
    assert_eq!(office.cards(&call).await, 0);
    assert_eq!(office.status().sources["crm"].last_error, None);
    // A restart goes on from the cursor, and not from the beginning.
    shop.change(3, 2);
    shop.asked();
    office.restart().await;
    let asked = shop.asked();
    assert!(!asked.is_empty());
    for line in asked {
        assert!(line.contains("since=2026-01-01T00%3A58"), "{line}");
    }
    let call = office.call(&number(3)).await;
    assert_eq!(office.card(&call).await[1], "Ad: Kişi aad sürüm 2.");
}

const CHANGING: usize = 1500;
const KILLS: u64 = 10;

/// A third of the people change with each version.
fn publish(shop: &Shop, version: u64) {
    let changed = (1..=CHANGING).filter(|id| *id as u64 % 3 == version % 3);
    changed.for_each(|id| shop.change(id, version));
}

/// Which version of a person a copy has that is as of `state`.
fn expected(id: usize, state: u64) -> u64 {
    let mut versions = (1..=state).rev();
    versions.find(|v| id as u64 % 3 == v % 3).unwrap_or(0)
}

async fn version_of(office: &Office, id: usize) -> u64 {
    let question = Question {
        number: number(id),
        ..Question::default()
    };
    let found: Explanation = office.ask(Request::Lookup(question)).await.unwrap();
    let card = serde_json::to_value(found.card).unwrap().to_string();
    let version = card.split_once("sürüm ").and_then(|(_, rest)| {
        let (version, _) = rest.split_once('.')?;
        version.parse().ok()
    });
    version.unwrap_or_else(|| panic!("person {id} is not found: {card}"))
}

/// As of which version all answers are; they may go from one to a later one while they are asked for.
async fn state_of(office: &Office, allowed: RangeInclusive<u64>) -> u64 {
    let ids: Vec<usize> = (1..=CHANGING).step_by(CHANGING / 30 + 1).collect();
    let mut seen = Vec::new();
    for id in ids {
        seen.push((id, version_of(office, id).await));
    }
    let fits = |part: &[(usize, u64)], state| part.iter().all(|(id, v)| expected(*id, state) == *v);
    let mut states = allowed.clone();
    if let Some(state) = states.find(|s| fits(&seen, *s)) {
        return state;
    }
    for at in 1..seen.len() {
        let (before, after) = seen.split_at(at);
        let first = allowed.clone().find(|s| fits(before, *s));
        let then = allowed.clone().find(|s| fits(after, *s));
        if let (Some(first), Some(then)) = (first, then)
            && first < then
        {
            return then;
        }
    }
    panic!("a mixture of {allowed:?}: {seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_at_any_instant_of_a_small_step_leaves_the_copy_and_its_cursor_together() {
    let shop = Shop::with(CHANGING).await;
    let mut office = shop.office().await;
    office.start().await;
    office.stop().await;
    let mut dice = fastrand::Rng::new();
    let mut process = Process::start(&office).await;
    publish(&shop, 1);
    let begun = Instant::now();
    said(&office, &["sync"]).await;
    let mut whole = begun.elapsed();
    let mut serving = 1;
    for version in 2..=KILLS + 1 {
        publish(&shop, version);
        let moment = whole.mul_f64(1.5 * dice.f64());
        tokio::select! {
            _ = office.sync() => {}
            () = tokio::time::sleep(moment) => {}
        }
        process.killed().await;
        process = Process::start(&office).await;
        serving = state_of(&office, serving..=version).await;
        // Had the cursor gone ahead of the data, or the data been thrown away, this would not find it.
        if dice.bool() {
            let begun = Instant::now();
            office.sync().await.unwrap();
            whole = whole.max(begun.elapsed());
            serving = state_of(&office, version..=version).await;
        }
    }
    office.sync().await.unwrap();
    state_of(&office, KILLS + 1..=KILLS + 1).await;
    process.killed().await;
}
