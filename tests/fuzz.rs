//! The fuzzers' properties, over the bytes that are kept: examples to begin with, and whatever broke one once.
//!
//! `fuzz/run` looks for more of them.

use std::path::Path;
use std::{fs, io};

#[allow(unreachable_pub, reason = "the fuzz targets reach it")]
#[path = "../fuzz/src/properties/mod.rs"]
mod properties;

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    let entries = fs::read_dir(directory.join(target)).expect("seeds");
    let read = |entry: io::Result<fs::DirEntry>| fs::read(entry?.path());
    entries.map(read).collect::<Result<_, _>>().expect("seeds")
}

#[test]
fn the_properties_hold_of_all_seeds_and_some_are_taken() {
    for (target, check) in properties::PROPERTIES {
        let taken = seeds(target).iter().filter(|seed| check(seed)).count();
        assert!(taken > 0, "{target}: every seed was refused");
    }
}
