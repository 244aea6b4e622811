//! Numbers as people type them, against Google's library.
//!
//! `data/numbers-oracle.tsv` is what its Python port makes of them (`data/numbers_oracle.py`). Every
//! disagreement stands in `data/numbers-disagreements.tsv` under the reason for its kind, and nothing else
//! does: a new one is a fault of ours, or a line there with its reason.

#![allow(
    clippy::print_stdout,
    reason = "the count of agreement is for whoever asks with --nocapture"
)]

use std::collections::BTreeSet;

use ringcard::domain::dialling::{Dialling, Prefix};
use ringcard::domain::phone::{PhoneNumber, Region};

const ORACLE: &str = include_str!("data/numbers-oracle.tsv");
const DISAGREEMENTS: &str = include_str!("data/numbers-disagreements.tsv");
/// What typesetting programs put between groups of digits.
const THIN_SPACES: [char; 5] = ['\u{2007}', '\u{2008}', '\u{2009}', '\u{200a}', '\u{202f}'];
/// What was promised; the file has more.
const NUMBERS: usize = 20_000;

fn lines(text: &str) -> impl Iterator<Item = Vec<&str>> {
    let lines = text.split('\n').filter(|l| !l.is_empty());
    lines
        .filter(|l| !l.starts_with("# ") && *l != "#")
        .map(|l| l.split('\t').collect())
}

fn ours(text: &str, region: &str) -> String {
    let region = Region::parse(region).unwrap_or_else(|| panic!("{region}"));
    PhoneNumber::parse(text, region).map_or_else(|_| "-".to_owned(), PhoneNumber::e164)
}

#[test]
fn numbers_are_what_the_oracle_says_but_for_the_listed_disagreements() {
    let mut count = 0;
    let mut found = BTreeSet::new();
    for line in lines(ORACLE) {
        let [text, region, expected] = line[..] else {
            panic!("{line:?}");
        };
        count += 1;
        let respaced = text.replace(THIN_SPACES, " ");
        let ours_respaced = ours(&respaced, region);
        let ours = ours(text, region);
        // The oracle ends a number at a thin space; to us it is a space, and nothing more.
        let spaced = respaced != text && expected == "-";
        let expected = if spaced { &ours_respaced } else { expected };
        if ours != expected {
            found.insert([text, region, expected, &ours].join("\t"));
        }
    }
    let listed: BTreeSet<String> = lines(DISAGREEMENTS).map(|l| l[1..].join("\t")).collect();
    println!(
        "{} of {count} numbers agree with the oracle, {} disagreements are listed",
        count - found.len(),
        listed.len()
    );
    assert!(count >= NUMBERS, "{count}");
    let new: Vec<_> = found.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&found).collect();
    assert!(
        new.is_empty() && gone.is_empty(),
        "new: {new:#?}\nno longer: {gone:#?}"
    );
}

#[test]
fn every_kind_of_disagreement_has_its_reason() {
    let reasons: BTreeSet<&str> = DISAGREEMENTS
        .lines()
        .filter_map(|l| l.strip_prefix("# ")?.split_once(": "))
        .filter(|(kind, reason)| !kind.contains(' ') && reason.len() > 20)
        .map(|(kind, _)| kind)
        .collect();
    let kinds: BTreeSet<&str> = lines(DISAGREEMENTS).map(|l| l[0]).collect();
    assert_eq!(kinds, reasons);
}

/// A cell that made the library panic would stop every load of its source.
#[test]
fn no_text_whatever_makes_reading_panic() {
    const PIECES: &[&str] = &[
        "0",
        "1",
        "2",
        "4",
        "5",
        "7",
        "8",
        "9",
        "00",
        "90",
        "444",
        "+",
        "＋",
        "++",
        " ",
        "\u{a0}",
        "\u{2009}",
        "(",
        ")",
        "-",
        "–",
        "/",
        ",",
        ";",
        ".",
        "x",
        "ext.",
        ";ext=",
        ";isub=",
        "tel:",
        ";phone-context=",
        "phone-context",
        "=",
        "dahili",
        "a",
        "ş",
        "İ",
        "ı",
        "٣",
        "５",
        "०",
        "#",
        "*",
        "~",
        "w",
        "p",
        "\u{202e}",
        "\u{0}",
        "\u{ad}",
        "\n",
        "💡",
        "E+11",
        ".0",
        "123456789",
    ];
    let regions = [
        "TR", "GB", "US", "DE", "IT", "AR", "BR", "MX", "FR", "RU", "AE", "AZ", "none",
    ];
    let mut random = fastrand::Rng::with_seed(20_260_901);
    for _ in 0..25_000 {
        let pieces = 1 + random.usize(..14);
        let text: String = (0..pieces)
            .filter_map(|_| random.choice(PIECES))
            .copied()
            .collect();
        let region = regions[random.usize(..regions.len())];
        let place = Dialling {
            region: Region::parse(region),
            area_code: Prefix::parse("212").filter(|_| random.bool()),
            trunk_prefix: Prefix::parse("9").filter(|_| random.bool()),
            international_prefixes: Vec::new(),
        };
        let read = std::panic::catch_unwind(|| place.read(&text));
        let read = read.unwrap_or_else(|_| panic!("{text:?} in {region}"));
        if let Ok(reading) = read {
            let number = reading.number.map(|n| n.e164());
            assert!(number.is_some() || reading.loose.is_some(), "{text:?}");
            assert!(
                number.is_none_or(|n| (6..=16).contains(&n.len())),
                "{text:?}"
            );
        }
    }
}
