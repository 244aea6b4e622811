//! Until when a card is worth sending, and how long ago something certainly was.
//!
//! While the box is up, time is counted on the clock that only runs forward. Across a restart of the box there
//! is none: at least the time since its start has passed, and the difference of the wall clocks, if both can be
//! believed. So there are two readings of a time passed. What expires takes the least that can have passed: a
//! jump to 1970 or 2040 expires no live call. What must not be done too late takes the most, or nothing at all
//! where that can't be told.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a believed wall clock may be behind the uptime, by the way in which it was read.
const CLOSE: Duration = Duration::from_secs(10);

/// Whether a wall clock says what time it is, as far as the box can know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Belief {
    #[default]
    Doubtful,
    Believed,
}

impl Belief {
    fn is_doubtful(&self) -> bool {
        *self == Belief::Doubtful
    }
}

/// An instant as both clocks show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// Which run of the kernel `since_boot` belongs to.
    pub boot: u64,
    pub since_boot: Duration,
    pub wall: Timestamp,
    /// Entries of versions that did not ask are doubtful.
    #[serde(default, skip_serializing_if = "Belief::is_doubtful")]
    pub belief: Belief,
}

impl Moment {
    /// The instant that was so long ago, in one run of the box.
    pub fn earlier_by(&self, time: Duration) -> Moment {
        Moment {
            since_boot: self.since_boot.saturating_sub(time),
            wall: self.wall.checked_sub(time).unwrap_or(self.wall),
            ..*self
        }
    }

    /// The least time that can have passed since `earlier`.
    pub fn at_least_since(&self, earlier: &Moment) -> Duration {
        match self.within_one_boot(earlier) {
            Some(passed) => passed.unwrap_or_default(),
            None => self
                .by_the_wall(earlier)
                .map_or(self.since_boot, |wall| wall.max(self.since_boot)),
        }
    }

    /// The most time that can have passed since `earlier`; `None` where that can't be told.
    pub fn at_most_since(&self, earlier: &Moment) -> Option<Duration> {
        match self.within_one_boot(earlier) {
            Some(passed) => passed,
            None => {
                let wall = self.by_the_wall(earlier)?;
                // Less than the box is up would be a wall clock that was set back.
                (wall + CLOSE >= self.since_boot).then(|| wall.max(self.since_boot))
            }
        }
    }

    /// `None`: the box was started in between. Within it `None`: the order is not what it should be.
    fn within_one_boot(&self, earlier: &Moment) -> Option<Option<Duration>> {
        (self.boot == earlier.boot).then(|| self.since_boot.checked_sub(earlier.since_boot))
    }

    fn by_the_wall(&self, earlier: &Moment) -> Option<Duration> {
        if self.belief.is_doubtful() || earlier.belief.is_doubtful() {
            return None;
        }
        Duration::try_from(self.wall.duration_since(earlier.wall)).ok()
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
    /// the future or longer ago than `lifetime` is a wrong clock, since events come once, at once. A clock that
    /// is not believed takes nothing away from a call.
    pub fn new(accepted: Moment, started_at: Option<Timestamp>, lifetime: Duration) -> Deadline {
        let age = started_at
            .filter(|_| !accepted.belief.is_doubtful())
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
            .checked_sub(now.at_least_since(&self.accepted))
            .filter(|left| !left.is_zero())
    }

    /// Whether the event certainly came less than `age` ago. Doubt is no: what depends on it, such as a comment
    /// that nobody can take back, is better left out than written weeks later.
    pub fn is_certainly_younger(&self, age: Duration, now: &Moment) -> bool {
        now.at_most_since(&self.accepted)
            .is_some_and(|passed| passed < age)
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
    use super::Belief::{Believed, Doubtful};
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
    const NOON: i64 = 1_790_000_000;
    const TEN_YEARS: i64 = 10 * 365 * 86_400;

    fn moment(boot: u64, since_boot: u64, wall: i64, belief: Belief) -> Moment {
        Moment {
            boot,
            since_boot: Duration::from_secs(since_boot),
            wall: Timestamp::from_second(wall).unwrap(),
            belief,
        }
    }

    fn secs(left: Option<Duration>) -> Option<u64> {
        left.map(|d| d.as_secs())
    }

    #[test]
    fn the_wall_clock_may_jump_while_the_box_is_up() {
        let deadline = Deadline::new(moment(1, 100, NOON, Believed), None, LIFETIME);
        for belief in [Believed, Doubtful] {
            for wall in [
                0,
                NOON - TEN_YEARS,
                NOON + 30,
                NOON + TEN_YEARS,
                2_208_988_800,
            ] {
                let now = moment(1, 130, wall, belief);
                assert_eq!(secs(deadline.left(&now)), Some(60), "{wall}");
                assert_eq!(secs(now.at_most_since(deadline.accepted())), Some(30));
                assert_eq!(deadline.left(&moment(1, 190, wall, belief)), None);
            }
        }
    }

    #[test]
    fn a_suspended_box_grows_older() {
        let deadline = Deadline::new(moment(1, 100, NOON, Doubtful), None, LIFETIME);
        assert_eq!(deadline.left(&moment(1, 100 + 3600, NOON, Doubtful)), None);
    }

    /// What has passed at the least, what is left of the card, and what has passed at the most.
    #[test]
    fn after_a_reboot_the_wall_clock_counts_only_if_it_is_believed_twice() {
        let cases = [
            // A restart of 40 s, all clocks right.
            (Believed, 20, NOON + 40, Believed, 40, Some(50), Some(40)),
            (Believed, 20, NOON + 90, Believed, 90, None, Some(90)),
            // The clock was wrong before, is wrong now, or nobody knows: the uptime counts.
            (Doubtful, 20, NOON + 3600, Believed, 20, Some(70), None),
            (Believed, 20, NOON + 3600, Doubtful, 20, Some(70), None),
            (Doubtful, 20, NOON + 3600, Doubtful, 20, Some(70), None),
            (Believed, 20, 0, Doubtful, 20, Some(70), None),
            (Believed, 20, NOON - TEN_YEARS, Doubtful, 20, Some(70), None),
            (Believed, 20, NOON + TEN_YEARS, Doubtful, 20, Some(70), None),
            (Believed, 91, 0, Doubtful, 91, None, None),
            // Believed, and still impossible: less than the uptime.
            (Believed, 60, NOON - 5, Believed, 60, Some(30), None),
            (Believed, 60, NOON + 20, Believed, 60, Some(30), None),
            // Within what reading a clock may differ.
            (Believed, 60, NOON + 55, Believed, 60, Some(30), Some(60)),
        ];
        for (before, uptime, wall, now, least, left, most) in cases {
            let deadline = Deadline::new(moment(1, 100, NOON, before), None, LIFETIME);
            let now = moment(2, uptime, wall, now);
            let told = (
                now.at_least_since(deadline.accepted()).as_secs(),
                secs(deadline.left(&now)),
                secs(now.at_most_since(deadline.accepted())),
            );
            assert_eq!(told, (least, left, most), "{before:?} {now:?}");
        }
    }

    #[test]
    fn younger_means_certainly_younger() {
        let hour = Duration::from_secs(3600);
        let deadline = Deadline::new(moment(1, 100, NOON, Believed), None, LIFETIME);
        let cases = [
            (moment(1, 100 + 3599, 0, Doubtful), true),
            (moment(1, 100 + 3600, NOON, Believed), false),
            // A clock of before: it can't be.
            (moment(1, 99, NOON, Believed), false),
            (moment(2, 20, NOON + 3599, Believed), true),
            (moment(2, 20, NOON + 3600, Believed), false),
            (moment(2, 20, NOON + 60, Doubtful), false),
            (moment(2, 20, NOON - TEN_YEARS, Believed), false),
        ];
        for (now, expected) in cases {
            assert_eq!(
                deadline.is_certainly_younger(hour, &now),
                expected,
                "{now:?}"
            );
        }
    }

    #[test]
    fn the_start_of_the_call_counts_when_it_can_be_true() {
        let start = |second| Some(Timestamp::from_second(second).unwrap());
        let cases = [
            (Believed, start(NOON - 30), 60),
            (Doubtful, start(NOON - 30), 90),
            (Believed, start(NOON + 5), 90), // our clock is behind
            // Weeks ago: a wrong clock, or a recorded event sent by hand.
            (Believed, start(NOON - 1_000_000), 90),
            (Believed, None, 90),
        ];
        for (belief, started_at, expected) in cases {
            let accepted = moment(1, 100, NOON, belief);
            let deadline = Deadline::new(accepted, started_at, LIFETIME);
            assert_eq!(
                secs(deadline.left(&accepted)),
                Some(expected),
                "{started_at:?}"
            );
        }
    }

    #[test]
    fn entries_of_before_can_be_read_and_are_doubtful() {
        let old = r#"{"boot":1,"since_boot":{"secs":5,"nanos":0},"wall":"2026-09-01T10:41:00Z"}"#;
        let moment: Moment = serde_json::from_str(old).unwrap();
        assert_eq!(moment.belief, Doubtful);
        assert_eq!(serde_json::to_string(&moment).unwrap(), old);
        let believed = Moment {
            belief: Believed,
            ..moment
        };
        let json = serde_json::to_string(&believed).unwrap();
        assert_eq!(serde_json::from_str::<Moment>(&json).unwrap(), believed);
    }
}
