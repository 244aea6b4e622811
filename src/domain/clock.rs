//! Whether the box's clock is right, and in which words it is wrong.
//!
//! A Pi has no clock of its own: without its line it starts in the past, and with a bad setting anywhere. The
//! best sign is the `Date` of Hipcall's own answers, which came over a connection whose certificate was
//! checked. Without it there is what the kernel says of its time server, what can't be true of any box that
//! runs this program, and whether TLS takes Hipcall's certificate for one of another time.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::deadline::Belief;

/// This program was not there before 2026, in seconds since 1970.
const EARLIEST: i64 = 1_767_225_600;
/// A clock further ahead than ten years is rather wrong than right, unless a time server says so.
const LATEST: i64 = EARLIEST + 10 * 365 * 86_400;
/// How far a clock may be from Hipcall's to be believed: a `Date` has whole seconds, and its way takes some.
const CLOSE: SignedDuration = SignedDuration::from_secs(10);
/// How far it may be before a person is called: beyond it, times on cards and in the log mislead.
const APART: SignedDuration = SignedDuration::from_secs(120);

/// What the operating system says of its time server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Synchronised {
    Yes,
    No,
    /// It does not say.
    #[default]
    Unknown,
}

/// All that can be known of a wall clock.
#[derive(Clone, Copy, Debug)]
pub struct Signs {
    pub wall: Timestamp,
    pub synchronised: Synchronised,
    /// How far it is ahead of Hipcall's clock.
    pub skew: Option<SignedDuration>,
    /// TLS says that Hipcall's certificate is not valid at that time.
    pub outside_certificate: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Fine,
    Wrong(String),
}

/// How far `now` is ahead of what Hipcall's answer says of the same instant.
pub fn skew(date: Timestamp, now: Timestamp) -> SignedDuration {
    now.duration_since(date)
}

/// Whether times of before and after a restart of the box may be compared by this clock.
pub fn belief(synchronised: Synchronised, skew: Option<SignedDuration>) -> Belief {
    let is_right = match skew {
        Some(skew) => skew.abs() <= CLOSE,
        None => synchronised == Synchronised::Yes,
    };
    match is_right {
        true => Belief::Believed,
        false => Belief::Doubtful,
    }
}

/// A clock without a time server that agrees with Hipcall is no fault.
pub fn judge(signs: &Signs) -> Verdict {
    if let Some(skew) = signs.skew {
        let way = if skew.is_negative() {
            "behind"
        } else {
            "ahead of"
        };
        return match skew.abs() > APART {
            true => Verdict::Wrong(format!(
                "the clock of this box is {} {way} Hipcall's",
                span(skew.unsigned_abs())
            )),
            false => Verdict::Fine,
        };
    }
    let date = signs.wall.strftime("%Y-%m-%d");
    let seconds = signs.wall.as_second();
    if seconds < EARLIEST || (seconds > LATEST && signs.synchronised != Synchronised::Yes) {
        return Verdict::Wrong(format!(
            "the clock of this box can't be right: it says {date}"
        ));
    }
    if signs.outside_certificate {
        return Verdict::Wrong(format!(
            "the clock of this box says {date}, and Hipcall's certificate is not valid at that time"
        ));
    }
    Verdict::Fine
}

/// The largest unit that has at least two of it.
fn span(duration: Duration) -> String {
    const UNITS: [(u64, &str); 5] = [
        (365 * 86_400, "years"),
        (86_400, "days"),
        (3_600, "h"),
        (60, "min"),
        (1, "s"),
    ];
    let seconds = duration.as_secs();
    let unit = UNITS.iter().find(|(unit, _)| seconds / unit >= 2);
    let (unit, name) = unit.unwrap_or(&(1, "s"));
    format!("{} {name}", seconds / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_790_000_000;
    const YEARS: i64 = 365 * 86_400;

    #[test]
    fn each_sign_has_its_verdict() {
        use Synchronised::{No, Unknown, Yes};
        let fine = "";
        let cases: [(i64, Synchronised, Option<i64>, bool, &str); 17] = [
            (NOW, Yes, Some(0), false, fine),
            // Without a time server, and right all the same.
            (NOW, No, Some(1), false, fine),
            (NOW, No, Some(-120), false, fine),
            (NOW, No, None, false, fine),
            (NOW, Unknown, None, false, fine),
            // Hipcall's time goes before what the time server is believed to have done.
            (NOW, Yes, Some(121), false, "is 2 min ahead of"),
            (NOW, No, Some(-7200), false, "is 2 h behind Hip"),
            (NOW, Yes, Some(10 * YEARS), false, "is 10 years ahead of"),
            (0, No, Some(-NOW), false, "is 56 years behind Hip"),
            (NOW, No, Some(3 * 86_400), true, "is 3 days ahead of"),
            // One node's certificate, and another one's time that agrees.
            (NOW, No, Some(0), true, fine),
            // Without a line.
            (0, No, None, false, "it says 1970-01-01"),
            (EARLIEST - 1, Yes, None, false, "it says 2025-12-31"),
            (2_208_988_800, No, None, false, "it says 2040-01-01"),
            (2_208_988_800, Yes, None, false, fine),
            // Nobody answers, for TLS finds the certificate of another time.
            (
                NOW + 9 * YEARS,
                Unknown,
                None,
                true,
                "certificate is not valid",
            ),
            (NOW, Yes, None, true, "certificate is not valid"),
        ];
        for (wall, synchronised, skew, outside_certificate, words) in cases {
            let signs = Signs {
                wall: Timestamp::from_second(wall).unwrap(),
                synchronised,
                skew: skew.map(SignedDuration::from_secs),
                outside_certificate,
            };
            match judge(&signs) {
                Verdict::Fine => assert_eq!(words, fine, "{signs:?}"),
                Verdict::Wrong(said) => {
                    assert!(
                        !words.is_empty() && said.contains(words),
                        "{said}: {signs:?}"
                    );
                    assert!(said.contains("clock"), "{said}");
                }
            }
        }
    }

    #[test]
    fn a_clock_is_believed_when_hipcall_or_else_a_time_server_says_so() {
        use Synchronised::{No, Unknown, Yes};
        let cases = [
            (Yes, None, Belief::Believed),
            (No, None, Belief::Doubtful),
            (Unknown, None, Belief::Doubtful),
            (No, Some(10), Belief::Believed),
            (Unknown, Some(-10), Belief::Believed),
            (Yes, Some(11), Belief::Doubtful),
        ];
        for (synchronised, skew, expected) in cases {
            let skew = skew.map(SignedDuration::from_secs);
            assert_eq!(
                belief(synchronised, skew),
                expected,
                "{synchronised:?} {skew:?}"
            );
        }
    }

    #[test]
    fn a_clock_behind_has_a_negative_skew() {
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(skew(at(NOW), at(NOW - 5)).as_secs(), -5);
        assert_eq!(skew(at(NOW), at(NOW + 5)).as_secs(), 5);
    }
}
