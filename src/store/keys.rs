//! The keys of a copy's tables.
//!
//! In one table numbers stand in the order of their digits from the last to the first, so it answers both who
//! has a number and whose number ends with some digits: all of these stand side by side. No number begins with a
//! zero, so one turned round never ends with one, and may be filled up with zeros to one length.

use std::ops::Range;

use crate::domain::join::JoinBy;

/// ITU-T E.164: fifteen digits with the country code, which fit into fifty bits.
const DIGITS: u32 = 15;

/// The digits turned round and filled up, with the last bit free.
fn turned(digits: u64) -> u64 {
    let (mut rest, mut turned, mut length) = (digits, 0, 0);
    while rest > 0 {
        turned = turned * 10 + rest % 10;
        rest /= 10;
        length += 1;
    }
    turned * 10_u64.pow(DIGITS.saturating_sub(length)) * 2
}

/// The key of a number with its country, or without.
pub(super) fn number(digits: u64, loose: bool) -> u64 {
    turned(digits) + u64::from(loose)
}

/// The keys of all numbers that end with these digits.
pub(super) fn ending(digits: u64) -> Range<u64> {
    let length = digits.checked_ilog10().map_or(1, |log| log + 1);
    let start = turned(digits);
    start..start + 10_u64.pow(DIGITS.saturating_sub(length)) * 2
}

/// The key of a number among those that begin as it does.
pub(super) fn forward(digits: u64, loose: bool) -> u64 {
    digits * 2 + u64::from(loose)
}

/// The key among those by their ends of a number that has this one among those by their beginnings.
pub(super) fn number_of_forward(key: u64) -> u64 {
    number(key / 2, key % 2 == 1)
}

/// The forward keys of all numbers of this length that begin with these digits.
pub(super) fn beginning(digits: u64, more: u32) -> Range<u64> {
    let size = 10_u64.saturating_pow(more) * 2;
    digits.saturating_mul(size)..digits.saturating_add(1).saturating_mul(size)
}

/// The key of an id that sources have in common. Two ids of one key are told apart by what the record says.
pub(super) fn id(by: JoinBy, id: &str) -> u64 {
    [by.as_str(), " ", id].into_iter().fold(NOTHING, hash)
}

pub(super) fn text(text: &str) -> u64 {
    hash(NOTHING, text)
}

/// FNV-1a, which is the same in every build.
fn hash(hash: u64, text: &str) -> u64 {
    text.bytes().fold(hash, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The hash of no text.
const NOTHING: u64 = 0xcbf2_9ce4_8422_2325;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_by_their_last_digits() {
        let ends = |digits: u64, with: u64| ending(with).contains(&number(digits, false));
        assert!(ends(905_325_550_101, 5_325_550_101));
        assert!(ends(905_325_550_101, 905_325_550_101));
        assert!(ends(902_125_550_100, 2_125_550_100) && ends(902_125_550_100, 100));
        assert!(!ends(905_325_550_101, 5_325_550_102));
        assert!(!ends(5_325_550_101, 905_325_550_101));
        assert!(ending(5_550_101).contains(&number(5_550_101, true)));
        let longest = 999_999_999_999_999;
        assert!(ends(longest, 9) && ends(longest, longest));
    }

    #[test]
    fn numbers_of_one_block_stand_side_by_side() {
        let within = |digits, stem, more| beginning(stem, more).contains(&forward(digits, false));
        assert!(within(902_125_550_137, 9_021_255_501, 2));
        assert!(!within(902_125_550_137, 9_021_255_501, 3));
        assert!(!within(902_125_550_237, 9_021_255_501, 2));
        assert!(beginning(21_255_501, 2).contains(&forward(2_125_550_137, true)));
        assert!(!within(1, u64::MAX, 15));
    }

    #[test]
    fn every_number_has_a_key_of_its_own() {
        let mut keys: Vec<u64> = [1, 10, 100, 11, 110, 101, 905_325_550_101, 905_325_550_100]
            .into_iter()
            .flat_map(|digits| [number(digits, false), number(digits, true)])
            .collect();
        let of_forward = |loose| number_of_forward(forward(905_325_550_101, loose));
        assert_eq!(of_forward(false), number(905_325_550_101, false));
        assert_eq!(of_forward(true), number(905_325_550_101, true));
        let count = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), count);
    }

    #[test]
    fn the_keys_of_ids_never_change() {
        // The test vectors of the algorithm's authors.
        assert_eq!(text("a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(text("foobar"), 0x8594_4171_f739_67e8);
        assert_eq!(id(JoinBy::Email, "a@b"), text("email a@b"));
    }
}
