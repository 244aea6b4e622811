//! The replica with its ladder, against a scan of all contacts by rules written a second time.
//!
//! Worlds are small, and so is what numbers are made of: they collide in every way (`world.rs`). The scan
//! knows digits as text and no index (`naive.rs`). Between lookups copies are replaced and opened again. A
//! scan with a mistake must be found out, or the comparison would prove nothing.

#![allow(
    clippy::print_stdout,
    reason = "the counts are for whoever asks with --nocapture"
)]
#![allow(clippy::unwrap_used, reason = "a test that can not go on has failed")]
#![allow(unreachable_pub)] // nothing outside reads these modules

mod naive;
mod world;

use std::collections::BTreeMap;

use naive::{Mistake, Scan};
use ringcard::domain::ladder::Rung;
use world::World;

const WORLDS: u64 = 40;
/// In each world, between two changes of it.
const LOOKUPS: usize = 60;
const CHANGES: usize = 5;

/// What was compared, and the first lookup that came out differently.
#[derive(Default)]
struct Compared {
    lookups: usize,
    found: BTreeMap<Rung, usize>,
    difference: Option<String>,
}

fn compare(seeds: std::ops::Range<u64>, mistake: Option<Mistake>) -> Compared {
    let mut compared = Compared::default();
    for seed in seeds {
        let mut world = World::new(seed);
        for _ in 0..CHANGES {
            world.change();
            let scan = Scan {
                world: &world.contents,
                mistake,
            };
            for _ in 0..LOOKUPS {
                let text = world.random.text();
                let Ok(caller) = world.dialling.read(&text) else {
                    continue;
                };
                let (found, expected) = (world.find(&caller), scan.find(&caller));
                compared.lookups += 1;
                if let Some(answer) = &expected {
                    *compared.found.entry(answer.rung).or_default() += 1;
                }
                if found != expected {
                    let difference = format!(
                        "seed {seed}, {text}: the replica says {found:?}, the scan {expected:?}\n{:#?}\n{}",
                        world.contents.matching, world.contents
                    );
                    compared.difference = Some(difference);
                    return compared;
                }
            }
        }
    }
    compared
}

#[test]
fn the_replica_answers_as_a_scan_of_all_contacts_does() {
    let compared = compare(0..WORLDS, None);
    if let Some(difference) = compared.difference {
        panic!("{difference}");
    }
    assert!(compared.lookups > 5_000, "{}", compared.lookups);
    println!(
        "{} lookups, found on {:?}",
        compared.lookups, compared.found
    );
    // Each rung was tried, and not by chance.
    for rung in Rung::ALL {
        let found = compared.found.get(&rung).copied().unwrap_or(0);
        assert!(found >= 20, "{rung:?} found {found}");
    }
}

#[test]
fn a_scan_with_a_mistake_is_found_out() {
    for mistake in Mistake::ALL {
        let compared = compare(0..WORLDS * 4, Some(mistake));
        println!("{mistake:?} after {} lookups", compared.lookups);
        assert!(compared.difference.is_some(), "{mistake:?}");
    }
}
