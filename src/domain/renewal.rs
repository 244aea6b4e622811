//! How a copy is renewed: which of its three ways a sync takes, and what a generation remembers for the next.
//!
//! ```text
//! full        every record is read into a new generation
//! increment   what has changed since the last sync is put into the copy
//! comparison  the same, and what the source no longer knows the id of is removed
//! ```
//! Changes tell of no record that was deleted unless the source says so, and a change can be missed. So now and
//! then the ids are compared, and at the least every `FULL_EVERY` everything is read again.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::filling::Filling;

/// How long ids may be compared instead of everything being read: a change that was missed is on no card for
/// longer than a week.
pub const FULL_EVERY: Duration = Duration::from_secs(7 * 86_400);

/// The way that a sync takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    #[default]
    Full,
    Increment,
    Comparison,
}

impl Mode {
    /// In the operator's words.
    pub fn words(self) -> &'static str {
        match self {
            Mode::Full => "everything",
            Mode::Increment => "changes",
            Mode::Comparison => "changes and ids",
        }
    }
}

/// What a sync changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    pub added: u64,
    pub changed: u64,
    pub removed: u64,
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Changes {
            added,
            changed,
            removed,
        } = self;
        write!(f, "{added} added, {changed} changed, {removed} removed")
    }
}

/// How much a sync is meant to find out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    /// What has changed, where the source can tell.
    #[default]
    Quick,
    /// Also what was deleted.
    Thorough,
    /// Everything, whatever the copy holds.
    Whole,
}

/// What decides the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footing {
    /// There is a copy, it can be read, and it was made by the settings that hold now.
    pub has_base: bool,
    /// The source can be asked for changes, the copy says since when, and its records have an identity.
    pub can_change: bool,
    /// The source can be asked for its ids, and its records have an identity.
    pub can_compare: bool,
    pub history: History,
}

/// What a generation remembers of the syncs that led to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct History {
    /// When everything was read last, and when deleted records were looked for last.
    pub full_at: Option<Timestamp>,
    pub thorough_at: Option<Timestamp>,
    /// Records since the last full read that gave no contact: the source has their ids, the copy has not.
    pub rejected: u64,
    /// How full the copy was then, or when a person last accepted it; `None`: as it is now. What increments take
    /// away is judged against this, so that many small steps add up.
    pub base: Option<Filling>,
}

impl Depth {
    pub fn mode(self, on: &Footing, now: Timestamp) -> Mode {
        let is_recent = |then: Timestamp| now.duration_since(then).unsigned_abs() < FULL_EVERY;
        let may_compare = on.can_compare && on.history.full_at.is_some_and(is_recent);
        match self {
            _ if !on.has_base || !on.can_change => Mode::Full,
            Depth::Quick => Mode::Increment,
            Depth::Thorough if may_compare => Mode::Comparison,
            Depth::Thorough | Depth::Whole => Mode::Full,
        }
    }
}

impl History {
    /// After a sync by this way, begun at `began`, of which `rejected` records gave no contact. `filling` is that
    /// of the copy before it.
    pub fn after(
        self,
        mode: Mode,
        began: Timestamp,
        rejected: u64,
        filling: Filling,
        is_accepted: bool,
    ) -> History {
        let is_step = mode == Mode::Increment;
        History {
            full_at: match mode {
                Mode::Full => Some(began),
                _ => self.full_at,
            },
            thorough_at: match is_step {
                true => self.thorough_at,
                false => Some(began),
            },
            rejected: match mode {
                Mode::Full => rejected,
                _ => self.rejected.saturating_add(rejected),
            },
            base: (is_step && !is_accepted).then(|| self.base.unwrap_or(filling)),
        }
    }

    /// Whether so many ids that the copy does not have can all be records that gave no contact.
    pub fn explains(&self, unknown_ids: u64) -> bool {
        unknown_ids <= self.rejected
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_second(hours * 3600).unwrap()
    }

    fn able() -> Footing {
        Footing {
            has_base: true,
            can_change: true,
            can_compare: true,
            history: History {
                full_at: Some(at(0)),
                ..History::default()
            },
        }
    }

    #[test]
    fn changes_are_read_often_ids_are_compared_now_and_then_and_everything_each_week() {
        let mode = |depth: Depth, hours| depth.mode(&able(), at(hours));
        assert_eq!(mode(Depth::Quick, 1), Mode::Increment);
        assert_eq!(mode(Depth::Thorough, 24), Mode::Comparison);
        assert_eq!(mode(Depth::Thorough, 7 * 24 - 1), Mode::Comparison);
        assert_eq!(mode(Depth::Thorough, 7 * 24), Mode::Full);
        assert_eq!(mode(Depth::Quick, 7 * 24), Mode::Increment);
        assert_eq!(mode(Depth::Whole, 1), Mode::Full);
        // A clock that went back says nothing of the copy's age.
        assert_eq!(mode(Depth::Thorough, -8 * 24), Mode::Full);
    }

    #[test]
    fn everything_is_read_where_changes_would_not_do() {
        let cases: [fn(&mut Footing); 2] = [|f| f.has_base = false, |f| f.can_change = false];
        for spoil in cases {
            let mut footing = able();
            spoil(&mut footing);
            for depth in [Depth::Quick, Depth::Thorough, Depth::Whole] {
                assert_eq!(depth.mode(&footing, at(1)), Mode::Full);
            }
        }
        let without_ids = Footing {
            can_compare: false,
            ..able()
        };
        assert_eq!(Depth::Thorough.mode(&without_ids, at(1)), Mode::Full);
    }

    #[test]
    fn the_base_is_kept_until_deleted_records_were_looked_for_or_a_person_accepts() {
        let filling = |records| Filling {
            records,
            ..Filling::default()
        };
        let full = History::default().after(Mode::Full, at(1), 7, filling(0), false);
        assert_eq!((full.full_at, full.thorough_at), (Some(at(1)), Some(at(1))));
        assert!(full.base.is_none() && full.explains(7) && !full.explains(8));
        let step = full.after(Mode::Increment, at(2), 1, filling(100), false);
        assert_eq!(step.base, Some(filling(100)));
        assert_eq!((step.full_at, step.thorough_at), (Some(at(1)), Some(at(1))));
        assert!(step.explains(8));
        let second = step.after(Mode::Increment, at(3), 0, filling(95), false);
        assert_eq!(second.base, Some(filling(100)));
        assert_eq!(
            step.after(Mode::Increment, at(3), 0, filling(50), true)
                .base,
            None
        );
        let compared = step.after(Mode::Comparison, at(4), 0, filling(94), false);
        assert_eq!(compared.base, None);
        assert_eq!(
            (compared.full_at, compared.thorough_at),
            (Some(at(1)), Some(at(4)))
        );
    }
}
