//! Tokens that rotate, and the power cut at every step between two of them.

use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use super::*;

/// A vendor that gives a new token each time, and takes the one before until the new one was used.
struct Vendor {
    valid: Vec<String>,
    given: u32,
}

impl Vendor {
    fn new() -> Vendor {
        Vendor {
            valid: vec!["first".into()],
            given: 0,
        }
    }

    fn refresh(&mut self, token: &str) -> Option<String> {
        self.valid.iter().find(|valid| *valid == token)?;
        self.given += 1;
        let new = format!("rotated-{}", self.given);
        self.valid = vec![token.to_owned(), new.clone()];
        Some(new)
    }
}

fn candidates(directory: &TempDir, configured: &str) -> Vec<String> {
    Kept::open(directory.path(), configured)
        .unwrap()
        .candidates()
}

/// One renewal, as far as `steps`; true if it got to its end.
fn renew(directory: &TempDir, vendor: &mut Vendor, steps: usize) -> bool {
    let mut kept = Kept::open(directory.path(), "first").unwrap();
    if steps == 0 {
        return false;
    }
    let room = kept.make_room().unwrap();
    if steps == 1 {
        return false;
    }
    let token = kept
        .candidates()
        .into_iter()
        .find_map(|token| Some((vendor.refresh(&token)?, token)));
    let (new, worked) = token.expect("the vendor knows none of the tokens: locked out");
    if steps == 2 {
        return false;
    }
    kept.content.tokens = vec![new, worked];
    kept.fill(room).unwrap();
    if steps == 3 {
        return false;
    }
    kept.put_in_place(&directory.path().join(NAME)).unwrap();
    true
}

#[test]
fn a_power_cut_at_any_step_locks_nobody_out() {
    let steps = 5;
    for first in 0..steps {
        for second in 0..steps {
            for third in 0..steps {
                let directory = tempfile::tempdir().unwrap();
                let mut vendor = Vendor::new();
                for cut in [first, second, third] {
                    renew(&directory, &mut vendor, cut);
                }
                assert!(
                    renew(&directory, &mut vendor, 4),
                    "{first} {second} {third}"
                );
            }
        }
    }
}

#[test]
#[should_panic(expected = "locked out")]
fn without_the_file_a_token_that_was_used_up_locks_out() {
    let mut vendor = Vendor::new();
    for _ in 0..2 {
        let directory = tempfile::tempdir().unwrap();
        renew(&directory, &mut vendor, 4);
        vendor.valid.remove(0);
    }
}

#[test]
fn a_new_token_is_kept_with_the_one_before_until_it_has_worked() {
    let directory = tempfile::tempdir().unwrap();
    let keep = |new: &str, worked: &str| {
        let mut kept = Kept::open(directory.path(), "given").unwrap();
        let room = kept.make_room().unwrap();
        kept.keep(room, new, worked).unwrap();
        drop(kept);
        candidates(&directory, "given").join(" ")
    };
    assert_eq!(keep("given", "given"), "given");
    assert!(!directory.path().join(NAME).exists());
    assert_eq!(keep("a", "given"), "a given");
    assert_eq!(keep("b", "a"), "b a given");
    assert_eq!(keep("b", "b"), "b given");
    let mode = fs::metadata(directory.path().join(NAME))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_token_that_the_operator_changed_wins_over_the_kept_one() {
    let directory = tempfile::tempdir().unwrap();
    let mut kept = Kept::open(directory.path(), "given").unwrap();
    let room = kept.make_room().unwrap();
    kept.keep(room, "rotated", "given").unwrap();
    drop(kept);
    assert_eq!(candidates(&directory, "given"), ["rotated", "given"]);
    assert_eq!(candidates(&directory, "changed"), ["changed"]);
    let text = fs::read_to_string(directory.path().join(NAME)).unwrap();
    assert!(text.ends_with("}\n") && !text.contains("  "), "{text}");
}

#[test]
fn a_damaged_file_is_as_good_as_none() {
    let directory = tempfile::tempdir().unwrap();
    for text in ["", "{", "{\"configured\": 7}", &" ".repeat(100_000)] {
        fs::write(directory.path().join(NAME), text).unwrap();
        assert_eq!(candidates(&directory, "given"), ["given"]);
    }
}

/// As the first release wrote it.
const FIRST: &str = include_str!("../../../../tests/data/formats/refresh-token-1.json");

#[test]
fn a_kept_token_of_the_first_format_is_used() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join(NAME), FIRST).unwrap();
    let made_up = ["made-up-2", "made-up-1", "made-up-0"];
    assert_eq!(candidates(&directory, "made-up-0"), made_up);
    assert_eq!(FORMAT, 1, "raised: keep a file of the new format too");
}

#[test]
fn a_kept_token_of_a_newer_format_is_neither_used_nor_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let newer = format!("{{\"version\":{},\"tokens\":{{}}}}", FORMAT + 1);
    fs::write(directory.path().join(NAME), &newer).unwrap();
    let refused = Kept::open(directory.path(), "given").err().unwrap();
    let words = refused.source.to_string();
    assert!(words.contains("version 2; this one knows 1"), "{words}");
    let left = fs::read_to_string(directory.path().join(NAME)).unwrap();
    assert_eq!(left, newer);
}

#[test]
fn no_token_is_asked_for_where_it_could_not_be_kept() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(Kept::open(&file, "given").is_err());
    fs::create_dir(directory.path().join(PENDING)).unwrap();
    let kept = Kept::open(directory.path(), "given").unwrap();
    assert!(kept.make_room().is_err());
}
