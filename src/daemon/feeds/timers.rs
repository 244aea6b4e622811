//! Since when a source's two schedules count.

use std::time::{Duration, Instant};

use jiff::{Timestamp, Zoned};

use crate::domain::renewal::{Depth, Mode};
use crate::domain::schedule::{Schedule, Since, Timetable};
use crate::flow::office::Feed;

/// How soon a source that has never been read is tried again.
const FIRST_COPY: Duration = Duration::from_secs(60);
/// How soon a look for deleted records is tried again that has failed or was held, and doubled each time: it may
/// read everything, and write it, only to fail again. Changes are put in meanwhile.
const THOROUGH_AGAIN: Duration = Duration::from_secs(3600);
const MOST_DOUBLED: u32 = 4;
/// Between two tries of a credential that is refused again and again: some 30 a day, where account lockouts count
/// tries within minutes.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

pub(super) struct Timers {
    quick: Timer,
    thorough: Timer,
    owed: Option<Owed>,
    /// How often in a row the credential was refused.
    refused: u32,
}

/// A try to look for deleted records has failed: with a later sync it is tried again.
struct Owed {
    since: Timer,
    tries: u32,
}

struct Timer {
    began: Instant,
    /// What had gone by when this one began.
    before: Duration,
    wall: Zoned,
    dice: f64,
}

impl Timer {
    fn new() -> Timer {
        Timer {
            began: Instant::now(),
            before: Duration::ZERO,
            wall: Zoned::now(),
            dice: fastrand::f64(),
        }
    }

    /// One that counts from an earlier run. A clock that was ahead then says nothing.
    fn from(then: Timestamp) -> Timer {
        let before = Duration::try_from(Timestamp::now().duration_since(then));
        Timer {
            before: before.unwrap_or_default(),
            wall: then.to_zoned(jiff::tz::TimeZone::system()),
            ..Timer::new()
        }
    }

    fn since(&self) -> Since {
        Since {
            waited: self.before + self.began.elapsed(),
            wall: self.wall.clone(),
        }
    }
}

impl Timers {
    pub(super) fn of(feed: &Feed) -> Timers {
        let current = feed.shelf.current();
        let then = current.and_then(|c| c.facts.history.thorough_at);
        Timers {
            quick: Timer::new(),
            thorough: then.map_or_else(Timer::new, Timer::from),
            owed: None,
            refused: 0,
        }
    }

    /// How long until the next sync, and how much it is to find out.
    pub(super) fn next(&self, feed: &Feed, table: &Timetable) -> (Duration, Depth) {
        let now = Zoned::now();
        let wait = |schedule, timer: &Timer| table.wait(schedule, &timer.since(), &now, timer.dice);
        let quick = wait(&table.quick, &self.quick);
        // A first copy may come soon, but for one that only a person can help to.
        let quick = match (feed.shelf.current(), self.pause()) {
            (None, Some(pause)) => {
                return (
                    pause.saturating_sub(self.quick.began.elapsed()),
                    Depth::Quick,
                );
            }
            (None, None) => return (quick.min(FIRST_COPY), Depth::Quick),
            (Some(_), pause) => quick.max(pause.map_or(Duration::ZERO, |pause| {
                pause.saturating_sub(self.quick.began.elapsed())
            })),
        };
        if !feed.source.abilities().changes {
            return (quick, Depth::Quick);
        }
        if let Some(Owed { since, tries }) = &self.owed {
            let pause = THOROUGH_AGAIN * 2_u32.pow((*tries).min(MOST_DOUBLED));
            let is_due = wait(&Schedule::Every(pause), since) <= quick;
            let depth = if is_due {
                Depth::Thorough
            } else {
                Depth::Quick
            };
            return (quick, depth);
        }
        let thorough = wait(&table.thorough, &self.thorough);
        match thorough <= quick {
            true => (thorough, Depth::Thorough),
            false => (quick, Depth::Quick),
        }
    }

    /// How long a source is left alone that refused the credential: whoever is asked again and again with a
    /// wrong password may lock the account.
    fn pause(&self) -> Option<Duration> {
        let doubled = 2_u32.pow(self.refused.checked_sub(1)?.min(16));
        Some(LONGEST_PAUSE.min(FIRST_COPY * doubled))
    }

    pub(super) fn refused(&mut self, is_refused: bool) {
        self.refused = match is_refused {
            true => self.refused.saturating_add(1),
            false => 0,
        };
    }

    /// A sync of this depth has taken this way; or has failed.
    pub(super) fn done(&mut self, depth: Depth, mode: Option<Mode>) {
        self.quick = Timer::new();
        match mode {
            Some(Mode::Full | Mode::Comparison) => {
                (self.thorough, self.owed) = (Timer::new(), None);
            }
            Some(Mode::Increment) => {}
            None if depth == Depth::Quick => {}
            None => {
                let before = self.owed.take().map(|owed| owed.tries);
                self.owed = Some(Owed {
                    since: Timer::new(),
                    tries: before.map_or(0, |tries| tries + 1),
                });
            }
        }
    }

    /// What a look for deleted records has told is not over because changes could be put in.
    pub(super) fn is_owed(&self) -> bool {
        self.owed.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_that_refuses_the_credential_is_asked_less_and_less_often() {
        let mut timers = Timers {
            quick: Timer::new(),
            thorough: Timer::new(),
            owed: None,
            refused: 0,
        };
        assert_eq!(timers.pause(), None);
        let mut pauses = Vec::new();
        for _ in 0..40 {
            timers.refused(true);
            pauses.extend(timers.pause().map(|pause| pause.as_secs() / 60));
        }
        assert_eq!(pauses[..8], [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(pauses[39], 60);
        timers.refused(false);
        assert_eq!(timers.pause(), None);
    }
}
