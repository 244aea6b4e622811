//! A made-up CRM of 100,000 contacts, read as any other, and a million numbers looked up in it.
//!
//! The CRM has what real ones have: shared numbers, wrong cells, two numbers in one cell, switchboards, other
//! countries, numbers without their country (`people.rs`). Its maker knows whose each number is, and so
//! whether an answer names somebody else (`judge.rs`): that must never happen, whatever number is asked for
//! (`questions.rs`).

#![allow(
    clippy::print_stdout,
    reason = "the counts are for whoever asks with --nocapture"
)]
#![allow(clippy::unwrap_used, reason = "a test that can not go on has failed")]
#![allow(unreachable_pub)] // nothing outside reads these modules

mod judge;
mod numbers;
mod office;
mod people;
mod questions;
mod rows;

use judge::{Tally, Verdict};
use office::Office;
use people::World;
use questions::Kind;

/// Rows of the CRM.
const CONTACTS: usize = 100_000;
/// Numbers looked up, by two threads.
const LOOKUPS: usize = 1_000_000;
const SEED: u64 = 7;
/// Of the numbers that stand whole in the CRM, the least share that must be answered rightly, in percent. All
/// were when this was measured; a new table of numbering plans may cost some.
const RIGHT: f64 = 99.0;
/// The same of those that stand there without their country or with digits in front: 93 and 96 were.
const RIGHT_WITHOUT: f64 = 85.0;

fn ask(office: &Office, world: &World, lookups: usize) -> Tally {
    let half = |seed| {
        let mut tally = Tally::default();
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..lookups / 2 {
            let question = world.question(&mut random);
            let verdict = office.answer(&question.text);
            tally.add(world, &question, verdict);
        }
        tally
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(move || half(SEED + 1));
        let mut tally = half(SEED + 2);
        tally.merge(other.join().unwrap());
        tally
    })
}

#[test]
fn nobody_is_ever_taken_for_somebody_else() {
    let world = World::new(CONTACTS, SEED);
    let office = Office::open(&world);
    let tally = ask(&office, &world, LOOKUPS);
    println!("{}\n{tally}", office.synced);
    assert!(tally.wrong.is_empty(), "{:#?}", tally.wrong);
    assert_eq!(tally.asked(), LOOKUPS as u64);
    for (kind, least) in [
        (Kind::Known, RIGHT),
        (Kind::KnownLoose, RIGHT_WITHOUT),
        (Kind::KnownPrefixed, RIGHT_WITHOUT),
    ] {
        let right = tally.share(kind, Verdict::Right);
        assert!(right >= least, "{kind:?}: {right:.2} % of {least} %");
    }
}
