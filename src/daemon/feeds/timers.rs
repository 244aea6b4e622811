//! Since when a source's two schedules count.

use std::time::{Duration, Instant};

use jiff::{Timestamp, Zoned};

use crate::domain::renewal::{Depth, Mode};
use crate::domain::schedule::{Since, Timetable};
use crate::flow::office::Feed;

/// How soon a source that has never been read is tried again.
const FIRST_COPY: Duration = Duration::from_secs(60);

pub(super) struct Timers {
    quick: Timer,
    thorough: Timer,
    /// A try to look for deleted records has failed: with the next one it is tried again, and not at once.
    is_owed: bool,
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
            is_owed: false,
        }
    }

    /// How long until the next sync, and how much it is to find out.
    pub(super) fn next(&self, feed: &Feed, table: &Timetable) -> (Duration, Depth) {
        let now = Zoned::now();
        let wait = |schedule, timer: &Timer| table.wait(schedule, &timer.since(), &now, timer.dice);
        let quick = wait(&table.quick, &self.quick);
        if feed.shelf.current().is_none() {
            return (quick.min(FIRST_COPY), Depth::Quick);
        }
        if !feed.source.abilities().changes {
            return (quick, Depth::Quick);
        }
        let thorough = wait(&table.thorough, &self.thorough);
        match thorough <= quick {
            true if self.is_owed => (quick, Depth::Thorough),
            true => (thorough, Depth::Thorough),
            false => (quick, Depth::Quick),
        }
    }

    /// A sync of this depth has taken this way; or has failed.
    pub(super) fn done(&mut self, depth: Depth, mode: Option<Mode>) {
        self.quick = Timer::new();
        match mode {
            Some(Mode::Full | Mode::Comparison) => {
                (self.thorough, self.is_owed) = (Timer::new(), false);
            }
            Some(Mode::Increment) => {}
            None => self.is_owed |= depth != Depth::Quick,
        }
    }
}
