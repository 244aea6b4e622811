//! What is counted of a damaged file, and how many of these are kept.

use super::*;
use crate::store::platter::Platter;

const PLACE: &str = "/state/outbox.redb";

fn entry(call: &str, phase: &str) -> String {
    format!(r#"{{"account":"office","call":"{call}","phase":"{phase}","attempts":0}}"#)
}

fn counted(bytes: impl AsRef<[u8]>) -> Lost {
    count(bytes.as_ref()).unwrap()
}

fn lost(waiting: usize, parked: usize) -> Lost {
    Lost {
        waiting,
        parked,
        and_more: false,
    }
}

#[test]
fn only_calls_whose_end_is_not_found_are_counted() {
    let text = [
        ("a", "waiting"),
        ("b", "settled"),
        ("a", "waiting"),
        ("b", "waiting"),
        ("c", "parked"),
        ("c", "waiting"),
        ("d", "comment-due"),
        ("e", "parked"),
        ("e", "dropped"),
        ("f", "nonsense"),
    ];
    let text: Vec<String> = text.map(|(call, phase)| entry(call, phase)).into();
    assert_eq!(counted(text.join("\0\0x{\"account\":\"torn")), lost(2, 1));
    assert_eq!(counted(b"not a database"), lost(0, 0));
    assert_eq!(counted(b""), lost(0, 0));
    assert_eq!(
        lost(2, 1).told(),
        "at most 2 cards that waited and 1 that were parked are lost"
    );
}

#[test]
fn an_entry_is_found_wherever_a_chunk_ends() {
    for shift in 0..HEAD_BYTES + 64 {
        let mut bytes = vec![b'{'; CHUNK_BYTES - shift];
        bytes.extend(entry("a", "waiting").bytes());
        bytes.resize(3 * CHUNK_BYTES, 0);
        bytes.extend(entry("b", "waiting").bytes());
        assert_eq!(counted(&bytes), lost(2, 0), "{shift}");
    }
}

#[test]
fn what_is_looked_at_is_bounded() {
    let calls = (0..=SCAN_CALLS).map(|i| entry(&i.to_string(), "waiting"));
    let many = counted(calls.collect::<String>());
    assert_eq!((many.waiting, many.and_more), (SCAN_CALLS, true));
    assert!(many.told().starts_with("more than"));
    let endless = io::repeat(b'{').take(SCAN_BYTES + 1);
    assert!(count(endless).unwrap().and_more);
    assert!(!count(io::repeat(b'x').take(SCAN_BYTES)).unwrap().and_more);
}

#[test]
fn only_the_newest_of_the_files_set_aside_are_kept() {
    let (platter, place) = (Platter::default(), Path::new(PLACE));
    let mut aside = Vec::new();
    for i in 0..BROKEN_FILES + 2 {
        platter.put(place, vec![i as u8]);
        aside.push(set_aside(&platter, place).unwrap());
    }
    let mut left = platter.list(Path::new("/state")).unwrap();
    left.sort_unstable();
    let newest = aside[2..].iter();
    let newest: Vec<_> = newest
        .map(|p| p.file_name().unwrap().to_str().unwrap())
        .collect();
    assert_eq!(left, newest);
    assert_eq!(
        platter.bytes(aside.last().unwrap()),
        [BROKEN_FILES as u8 + 1]
    );
}
