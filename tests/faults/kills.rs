//! SIGKILL at any instant, again and again, with calls and a sync under way: it starts again by itself, with
//! every card that it had accepted and the same answers.

use std::collections::HashSet;
use std::time::Duration;

use ringcard::daemon::Explanation;
use ringcard::demo::panel::fresh_uuid;
use ringcard::store::outbox::{Entry, Phase};
use ringcard::system::control::{Question, Request};

use super::mixed::number_of;
use super::office::{self, CONTACTS, MACHINE, Office, Setting, init};
use super::summary::{ms, save};

/// How long a daemon lives at most, and how long one that is killed while it starts.
const LONGEST_LIFE_MS: u64 = 400;
const LONGEST_START_MS: u64 = 60;
/// After so many kills the line returns, and each card that was accepted must be shown.
const ROUND: u64 = 20;
/// Numbers that are looked up after each start.
const LOOKUPS: usize = 5;

#[derive(Default)]
struct Tally {
    kills: u64,
    kills_while_starting: u64,
    accepted: usize,
    unanswered: usize,
    lookups: usize,
    shown: usize,
    slowest: Duration,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_instant_it_starts_again_with_every_card_and_the_same_answers() {
    let _alone = MACHINE.write().await;
    let wanted = number_of("KILLS", 10);
    let seed = number_of("SEED", fastrand::u64(..1_000_000));
    println!("seed {seed}, {wanted} kills");
    let mut dice = fastrand::Rng::with_seed(seed);
    let setting = Setting {
        deadline: Duration::from_secs(600),
        ..Setting::default()
    };
    let office = Office::closed(setting).await;
    let mut tally = Tally::default();
    while tally.kills < wanted {
        office.hipcall.go_down().await;
        let mut accepted = HashSet::new();
        for _ in 0..ROUND.min(wanted - tally.kills) {
            let took = office.start().await;
            tally.slowest = tally.slowest.max(took);
            same_as_before(&office, &accepted, &mut tally).await;
            let life = Duration::from_millis(dice.u64(..LONGEST_LIFE_MS));
            live(&office, life, &mut dice, &mut accepted, &mut tally).await;
            tally.kills += 1;
            if dice.u8(..4) == 0 {
                let starting = office.begin();
                let moment = Duration::from_millis(dice.u64(..LONGEST_START_MS));
                tokio::time::sleep(moment).await;
                starting.killed().await;
                tally.kills_while_starting += 1;
            }
        }
        tally.slowest = tally.slowest.max(office.start().await);
        same_as_before(&office, &accepted, &mut tally).await;
        office.hipcall.come_up().await.unwrap();
        for call in &accepted {
            office.card(call).await;
            assert_eq!(office.hipcall.cards(call).len(), 1, "seed {seed}: {call}");
        }
        tally.shown += accepted.len();
        office.stop().await;
    }
    let table = tally.table(seed);
    println!("{table}");
    save("kills.txt", &table);
}

/// A daemon's life: calls come one after the other, a sync runs, until SIGKILL.
async fn live(
    office: &Office,
    life: Duration,
    dice: &mut fastrand::Rng,
    accepted: &mut HashSet<String>,
    tally: &mut Tally,
) {
    // Each time another export, so that each time there is something to load.
    office::export(office.path("").as_path(), CONTACTS + dice.usize(1..100));
    let sync = async {
        let request = Request::Sync {
            source: None,
            accept: true,
            full: false,
        };
        // Most are broken off.
        let _ = office.ask::<serde_json::Value>(request).await;
    };
    let mut sent = Vec::new();
    let calls = async {
        loop {
            let call = fresh_uuid();
            office.hipcall.ring(&call);
            let event = init(&call, &office::number(dice.usize(..CONTACTS)));
            let told = office.send(&event).await;
            // Given at the last moment it may be for memory alone.
            let in_time = told.took() < ringcard::webhook::ANSWER_WITHIN;
            sent.push((call, told.status == Some(200) && in_time));
        }
    };
    let kill = async {
        tokio::time::sleep(life).await;
        office.kill().await;
    };
    let calls_and_sync = async { tokio::join!(sync, calls) };
    tokio::select! {
        _ = calls_and_sync => {}
        () = kill => {}
    }
    for (call, answered) in sent {
        match answered {
            true => drop(accepted.insert(call)),
            false => tally.unanswered += 1,
        }
    }
}

/// Every accepted card still waits, and numbers mean whom they meant.
async fn same_as_before(office: &Office, accepted: &HashSet<String>, tally: &mut Tally) {
    let entries: Vec<Entry> = office.entries().await.unwrap();
    let waiting: HashSet<&str> = entries
        .iter()
        .filter(|entry| entry.phase == Phase::Waiting)
        .map(|entry| entry.call.as_str())
        .collect();
    let lost: Vec<&String> = accepted
        .iter()
        .filter(|call| !waiting.contains(call.as_str()))
        .collect();
    assert!(
        lost.is_empty(),
        "accepted and lost: {lost:?}\n{}",
        office.log()
    );
    tally.accepted = tally.accepted.max(accepted.len());
    for contact in (0..CONTACTS).step_by(CONTACTS / LOOKUPS) {
        let question = Question {
            number: office::number(contact),
            ..Question::default()
        };
        let found: Explanation = office.ask(Request::Lookup(question)).await.unwrap();
        let card = serde_json::to_value(found.card).unwrap();
        let text = card.to_string();
        assert!(text.contains(&office::name(contact)), "{contact}: {text}");
        tally.lookups += 1;
    }
}

impl Tally {
    fn table(&self, seed: u64) -> String {
        let rows = [
            ("seed", seed.to_string()),
            ("kills", self.kills.to_string()),
            (
                "kills while it started",
                self.kills_while_starting.to_string(),
            ),
            (
                "cards accepted, and shown afterwards",
                self.shown.to_string(),
            ),
            ("most waiting over a kill", self.accepted.to_string()),
            (
                "events answered late, or not as the kill came",
                self.unanswered.to_string(),
            ),
            ("lookups with the same answer", self.lookups.to_string()),
            ("slowest start", ms(self.slowest)),
        ];
        let lines = rows.map(|(name, value)| format!("{name:<44} {value:>10}\n"));
        lines.concat()
    }
}
