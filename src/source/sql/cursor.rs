//! From when on changes are asked for: the greatest value of the operator's column, in a form that can be compared.
//!
//! A cursor is the value as it was read, such as `2026-09-01T10:41:22.5` or `4711`. What is asked for lies a
//! little before it, since transactions end in another order than they begin in; a change that comes twice
//! costs nothing, one that is missed stays wrong until everything is read again.

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp, Unit};

use crate::source::read::Cursor;

/// Taken off a cursor that counts: more transactions than are open at once in an office.
pub(super) const OVERLAP_STEPS: i128 = 1000;

/// A value of the cursor's column. Those of one column are of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub(super) enum Mark {
    Whole(i128),
    /// A date and time of the server's own, or a date at midnight.
    Local(DateTime),
    /// With a zone.
    Instant(Timestamp),
}

/// The server's clock, as it writes times with a zone and without.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    pub(super) local: DateTime,
    pub(super) instant: Timestamp,
}

impl Mark {
    pub(super) fn parse(text: &str) -> Option<Mark> {
        let whole = || text.parse().ok().map(Mark::Whole);
        let instant = || text.parse().ok().map(Mark::Instant);
        let local = || text.parse().ok().map(Mark::Local);
        whole().or_else(instant).or_else(local)
    }

    pub(super) fn of(cursor: &Cursor) -> Option<Mark> {
        Mark::parse(&cursor.0)
    }

    pub(super) fn cursor(self) -> Cursor {
        Cursor(match self {
            Mark::Whole(number) => number.to_string(),
            Mark::Local(at) => at.to_string(),
            Mark::Instant(at) => at.to_string(),
        })
    }

    /// The later of two.
    pub(super) fn or_later(self, other: Option<Mark>) -> Mark {
        match other {
            Some(other) if other > self => other,
            _ => self,
        }
    }

    /// Not later than the server's clock: one record of the year 2099 must not hide every change until then.
    pub(super) fn not_after(self, now: Now) -> Mark {
        match self {
            Mark::Whole(_) => self,
            Mark::Local(at) => Mark::Local(at.min(now.local)),
            Mark::Instant(at) => Mark::Instant(at.min(now.instant)),
        }
    }

    /// From where on to ask, in whole seconds: not every type of a time has fractions.
    pub(super) fn before(self, overlap: Duration) -> Mark {
        let overlap = SignedDuration::try_from(overlap).unwrap_or_default();
        match self {
            Mark::Whole(number) => Mark::Whole(number.saturating_sub(OVERLAP_STEPS)),
            Mark::Local(at) => {
                let at = at.saturating_sub(overlap);
                Mark::Local(at.with().subsec_nanosecond(0).build().unwrap_or(at))
            }
            Mark::Instant(at) => {
                let at = at.checked_sub(overlap).unwrap_or(Timestamp::MIN);
                let floor = jiff::TimestampRound::new()
                    .smallest(Unit::Second)
                    .mode(jiff::RoundMode::Floor);
                Mark::Instant(at.round(floor).unwrap_or(at))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(text: &str) -> Mark {
        Mark::parse(text).unwrap()
    }

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_cursor_is_the_value_that_was_read() {
        for text in [
            "4711",
            "-3",
            "18446744073709551615",
            "2026-09-01T10:41:22",
            "2026-09-01T10:41:22.5",
            "2026-09-01T10:41:22.123456Z",
        ] {
            assert_eq!(mark(text).cursor().0, text);
            assert_eq!(Mark::of(&mark(text).cursor()), Some(mark(text)));
        }
        assert_eq!(mark("2026-09-01").cursor().0, "2026-09-01T00:00:00");
        for bad in ["", "soon", "1.5", "01.09.2026"] {
            assert_eq!(Mark::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn changes_are_asked_for_from_before_the_newest_in_whole_seconds() {
        let before = |text: &str| mark(text).before(MINUTE).cursor().0;
        assert_eq!(before("2026-09-01T10:41:22.9"), "2026-09-01T10:40:22");
        assert_eq!(before("2026-09-01T10:41:22.9Z"), "2026-09-01T10:40:22Z");
        assert_eq!(before("2026-09-01"), "2026-08-31T23:59:00");
        assert_eq!(before("4711"), "3711");
    }

    #[test]
    fn the_later_is_kept_and_none_is_later_than_the_servers_clock() {
        let now = Now {
            local: "2026-09-01T12:00:00".parse().unwrap(),
            instant: "2026-09-01T09:00:00Z".parse().unwrap(),
        };
        let (old, new) = (mark("2026-09-01T10:00:00"), mark("2026-09-01T10:00:00.5"));
        assert_eq!(old.or_later(Some(new)), new);
        assert_eq!(new.or_later(Some(old)), new);
        assert_eq!(new.or_later(None), new);
        assert_eq!(mark("9").or_later(Some(mark("10"))), mark("10"));
        assert_eq!(new.not_after(now), new);
        let broken = mark("2099-01-01").not_after(now);
        assert_eq!(broken, Mark::Local(now.local));
        let broken = mark("2026-09-01T09:00:01Z").not_after(now);
        assert_eq!(broken, Mark::Instant(now.instant));
        assert_eq!(mark("99").not_after(now), mark("99"));
    }
}
