//! Until when a card is worth sending.
//!
//! Time is counted on the clock that only runs forward while the box is up; the wall clock is believed
//! only across a restart of the box, and never so far that a jump to 1970 or 2040 expires a live call.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An instant as both clocks show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// Which run of the kernel `since_boot` belongs to.
    pub boot: u64,
    pub since_boot: Duration,
    pub wall: Timestamp,
}

impl Moment {
    /// How long ago `earlier` was. A wall clock that has gone backwards tells nothing: no time has passed.
    pub fn since(&self, earlier: &Moment) -> Duration {
        if self.boot == earlier.boot {
            return self.since_boot.saturating_sub(earlier.since_boot);
        }
        Duration::try_from(self.wall.duration_since(earlier.wall)).unwrap_or_default()
    }
}

/// When a call began and how long its card is worth something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadline {
    accepted: Moment,
    lifetime: Duration,
}

impl Deadline {
    /// `lifetime` counts from the call's start, as far as Hipcall's time and ours agree on it: a start in
    /// the future or longer ago than `lifetime` is a wrong clock, since events come once, at once.
    pub fn new(accepted: Moment, started_at: Option<Timestamp>, lifetime: Duration) -> Deadline {
        let age = started_at
            .and_then(|start| Duration::try_from(accepted.wall.duration_since(start)).ok())
            .filter(|age| *age < lifetime)
            .unwrap_or_default();
        Deadline {
            accepted,
            lifetime: lifetime - age,
        }
    }

    pub fn accepted(&self) -> &Moment {
        &self.accepted
    }

    /// What is left at `now`; nothing when the card has expired.
    pub fn left(&self, now: &Moment) -> Option<Duration> {
        self.lifetime
            .checked_sub(now.since(&self.accepted))
            .filter(|left| !left.is_zero())
    }
}

/// The first pause between tries: a phone rings for 5 to 15 s, and a broken connection is replaced in one.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The pause after a try that failed, with so many before it. Doubles, and spreads by half either way, so that
/// fifty branches don't return as one.
pub fn backoff(failures: u32, dice: f64) -> Duration {
    let doubled = FIRST_PAUSE
        .saturating_mul(1 << failures.min(10))
        .min(LONGEST_PAUSE);
    doubled.mul_f64(0.5 + dice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_to_a_bound_and_are_spread() {
        let ms = |attempt, dice| backoff(attempt, dice).as_millis();
        assert_eq!(
            [0, 1, 2, 5, 40].map(|a| ms(a, 0.5)),
            [200, 400, 800, 5000, 5000]
        );
        assert_eq!((ms(0, 0.0), ms(0, 1.0)), (100, 300));
    }

    const LIFETIME: Duration = Duration::from_secs(90);

    fn moment(boot: u64, since_boot: u64, wall: i64) -> Moment {
        Moment {
            boot,
            since_boot: Duration::from_secs(since_boot),
            wall: Timestamp::from_second(wall).unwrap(),
        }
    }

    fn secs(left: Option<Duration>) -> Option<u64> {
        left.map(|d| d.as_secs())
    }

    #[test]
    fn the_wall_clock_may_jump_while_the_box_is_up() {
        let deadline = Deadline::new(moment(1, 100, 1_790_000_000), None, LIFETIME);
        for wall in [0, 1_790_000_030, 2_208_988_800] {
            assert_eq!(
                secs(deadline.left(&moment(1, 130, wall))),
                Some(60),
                "{wall}"
            );
        }
        assert_eq!(deadline.left(&moment(1, 190, 0)), None);
    }

    #[test]
    fn after_a_reboot_the_wall_clock_counts_but_never_backwards() {
        let deadline = Deadline::new(moment(1, 100, 1_790_000_000), None, LIFETIME);
        assert_eq!(secs(deadline.left(&moment(2, 5, 1_790_000_040))), Some(50));
        assert_eq!(secs(deadline.left(&moment(2, 5, 0))), Some(90));
        assert_eq!(deadline.left(&moment(2, 5, 1_790_000_090)), None);
    }

    #[test]
    fn the_start_of_the_call_counts_when_it_can_be_true() {
        let start = |second| Some(Timestamp::from_second(second).unwrap());
        let accepted = moment(1, 100, 1_790_000_000);
        let cases = [
            (start(1_789_999_970), 60), // 30 s ago
            (start(1_790_000_005), 90), // our clock is behind
            (start(1_789_000_000), 90), // weeks ago: a wrong clock, or a recorded event sent by hand
            (None, 90),
        ];
        for (started_at, expected) in cases {
            let deadline = Deadline::new(accepted, started_at, LIFETIME);
            assert_eq!(
                secs(deadline.left(&accepted)),
                Some(expected),
                "{started_at:?}"
            );
        }
    }
}
