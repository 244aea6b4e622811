//! When a source is synced next: every so often or by a crontab line in the box's time zone, each with jitter,
//! and not in the hours that were asked to be quiet.
//!
//! Fifty branches have the same configuration and lose power together: whatever the clock or a start decides
//! is spread by dice, which the caller brings.

use std::time::Duration;

use jiff::Zoned;
use jiff::civil::{Date, Time};

/// A tenth of the period: fifty branches started by one power cut must not ask the CRM in one second.
const JITTER: f64 = 0.1;
/// Over how long the first syncs after a start are spread where there is a copy.
const FIRST_WITHIN: Duration = Duration::from_secs(120);

#[derive(Clone, Debug)]
pub enum Schedule {
    Every(Duration),
    Cron(Box<cronexpr::Crontab>),
}

impl Schedule {
    /// A five-field crontab line, in the time zone the box is set to unless a sixth field names another.
    pub fn parse_cron(line: &str) -> Result<Schedule, String> {
        let mut options = cronexpr::ParseOptions::default();
        options.fallback_timezone_option = cronexpr::FallbackTimezoneOption::System;
        cronexpr::parse_crontab_with(line, options)
            .map(|crontab| Schedule::Cron(Box::new(crontab)))
            .map_err(|e| {
                e.to_string()
                    .lines()
                    .next()
                    .unwrap_or("not a crontab line")
                    .to_owned()
            })
    }
}

/// A tenth sooner or later; `dice` is a random number of 0 to 1.
pub fn spread(period: Duration, dice: f64) -> Duration {
    period.mul_f64(1.0 + JITTER * (2.0 * dice - 1.0))
}

/// From when on a schedule counts: on the clock that never jumps, and by the wall clock.
#[derive(Clone, Debug)]
pub struct Since {
    pub waited: Duration,
    pub wall: Zoned,
}

/// Both schedules of a source, and how they are spread.
#[derive(Clone, Debug)]
pub struct Timetable {
    pub quick: Schedule,
    /// When deleted records are looked for, of a source that tells of changes.
    pub thorough: Schedule,
    pub quiet: Vec<Quiet>,
    /// What is due by the wall clock begins so much later at most.
    pub jitter: Duration,
}

impl Timetable {
    /// How long until the schedule's next sync, as of `now`. The dice must stay the same until it was reached:
    /// they are thrown once for each wait.
    ///
    /// `every` counts what was waited and does not look at the wall clock, so a jump neither skips nor
    /// repeats a sync. A crontab line's minute that went by meanwhile, or fell into quiet hours, is due.
    pub fn wait(&self, schedule: &Schedule, since: &Since, now: &Zoned, dice: f64) -> Duration {
        let offset = self.jitter.mul_f64(dice);
        let left = match schedule {
            Schedule::Every(period) => spread(*period, dice).saturating_sub(since.waited),
            Schedule::Cron(crontab) => {
                // A wall clock that was ahead would have us wait for it to come back.
                let from = since.wall.timestamp().min(now.timestamp());
                let next = crontab.find_next(from).ok();
                let next = next.and_then(|next| next.checked_add(offset).ok());
                // The furthest future (9999) has no next minute: look again in an hour.
                next.map_or(Duration::from_secs(3600), |next| {
                    Duration::try_from(next.duration_since(now)).unwrap_or_default()
                })
            }
        };
        left + self.quiet_left(now, left, offset)
    }

    /// How much longer because of quiet hours, if it were due in `left`.
    fn quiet_left(&self, now: &Zoned, left: Duration, offset: Duration) -> Duration {
        let Ok(mut then) = now.checked_add(left) else {
            return Duration::ZERO;
        };
        let mut more = Duration::ZERO;
        // Each may begin where another ends.
        for _ in 0..=self.quiet.len() {
            let ends = self.quiet.iter().filter_map(|q| q.left(&then, offset));
            let Some(end) = ends.max() else { break };
            more += end;
            match then.checked_add(end) {
                Ok(next) => then = next,
                Err(_) => break,
            }
        }
        more
    }

    /// How long after the daemon's start a source is read that has a copy and is asked over the network.
    pub fn first(&self, now: &Zoned, dice: f64) -> Duration {
        let within = match &self.quick {
            Schedule::Every(period) => FIRST_WITHIN.min(*period),
            Schedule::Cron(_) => FIRST_WITHIN,
        };
        let left = within.mul_f64(dice);
        left + self.quiet_left(now, left, self.jitter.mul_f64(dice))
    }
}

/// Hours of each day in which a source is not read by schedule, past midnight if they end before they begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quiet {
    start: Time,
    end: Time,
}

impl Quiet {
    /// `22:00-06:00`. `None` also for hours that are none.
    pub fn parse(text: &str) -> Option<Quiet> {
        let (start, end) = text.split_once('-')?;
        let time = |text: &str| Time::strptime("%H:%M", text.trim()).ok();
        let (start, end) = (time(start)?, time(end)?);
        (start != end).then_some(Quiet { start, end })
    }

    /// Whether these leave no minute of a day.
    pub fn cover_a_day(quiet: &[Quiet]) -> bool {
        let minute = |time: Time| i32::from(time.hour()) * 60 + i32::from(time.minute());
        (0..24 * 60).all(|at| {
            quiet.iter().any(|q| {
                let (start, end) = (minute(q.start), minute(q.end));
                match start < end {
                    true => (start..end).contains(&at),
                    false => at >= start || at < end,
                }
            })
        })
    }

    /// How long until they end, `offset` late; `None` if it is not quiet.
    fn left(&self, now: &Zoned, offset: Duration) -> Option<Duration> {
        let today = now.date();
        let began = [today.yesterday().ok(), Some(today)];
        began.into_iter().flatten().find_map(|day| {
            let ends: Date = match self.start < self.end {
                true => day,
                false => day.tomorrow().ok()?,
            };
            let at =
                |day: Date, time: Time| day.to_datetime(time).to_zoned(now.time_zone().clone());
            let end = at(ends, self.end).ok()?.checked_add(offset).ok()?;
            let is_quiet = at(day, self.start).ok()? <= *now && *now < end;
            is_quiet.then(|| Duration::try_from(end.duration_since(now)).ok())?
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const HOUR: Duration = Duration::from_secs(3600);

    fn at(text: &str) -> Zoned {
        text.parse().unwrap()
    }

    fn table(quick: Schedule, quiet: &[&str], jitter: Duration) -> Timetable {
        let quiet = quiet.iter().map(|q| Quiet::parse(q).unwrap());
        Timetable {
            quick,
            thorough: Schedule::Every(24 * HOUR),
            quiet: quiet.collect(),
            jitter,
        }
    }

    fn cron(line: &str) -> Schedule {
        Schedule::parse_cron(line).unwrap()
    }

    /// How long after `from` it is due, as seen at `now`.
    fn wait(table: &Timetable, from: &str, now: &str, dice: f64) -> Duration {
        let (from, now) = (at(from), at(now));
        let waited = Duration::try_from(now.duration_since(&from)).unwrap_or_default();
        let since = Since { waited, wall: from };
        table.wait(&table.quick, &since, &now, dice)
    }

    #[test]
    fn every_waits_its_period_within_a_tenth() {
        let table = table(Schedule::Every(10 * MINUTE), &[], Duration::ZERO);
        let now = "2026-03-02T09:00[UTC]";
        let waits = [0.0, 0.5, 1.0].map(|dice| wait(&table, now, now, dice).as_secs());
        assert_eq!(waits, [540, 600, 660]);
        let later = "2026-03-02T09:04[UTC]";
        assert_eq!(wait(&table, now, later, 0.5), 6 * MINUTE);
    }

    #[test]
    fn every_is_not_disturbed_by_a_wall_clock_that_jumps() {
        let table = table(Schedule::Every(10 * MINUTE), &[], Duration::ZERO);
        let since = Since {
            waited: 4 * MINUTE,
            wall: at("2026-03-02T09:00[UTC]"),
        };
        for now in ["1970-01-01T00:00[UTC]", "2040-01-01T00:00[UTC]"] {
            assert_eq!(table.wait(&table.quick, &since, &at(now), 0.5), 6 * MINUTE);
        }
    }

    #[test]
    fn cron_waits_until_its_next_minute_and_the_jitter_after_it() {
        let table = table(cron("30 6 * * MON-FRI UTC"), &[], 5 * MINUTE);
        let friday_noon = "2026-03-06T12:00[UTC]";
        let monday = Duration::from_secs((2 * 24 + 18) * 3600 + 1800);
        assert_eq!(wait(&table, friday_noon, friday_noon, 0.0), monday);
        assert_eq!(
            wait(&table, friday_noon, friday_noon, 1.0),
            monday + 5 * MINUTE
        );
        // Within the jitter it is still the same one.
        let now = "2026-03-09T06:32[UTC]";
        assert_eq!(wait(&table, friday_noon, now, 1.0), 3 * MINUTE);
        assert_eq!(
            wait(&table, friday_noon, "2026-03-09T06:40[UTC]", 1.0),
            Duration::ZERO
        );
        assert!(Schedule::parse_cron("61 * * * *").is_err());
        assert!(Schedule::parse_cron("daily at six").is_err());
    }

    #[test]
    fn cron_does_not_wait_for_a_wall_clock_that_was_ahead() {
        let table = table(cron("0 * * * * UTC"), &[], Duration::ZERO);
        let left = wait(
            &table,
            "2040-01-01T00:00[UTC]",
            "2026-03-02T09:30[UTC]",
            0.5,
        );
        assert_eq!(left, 30 * MINUTE);
    }

    #[test]
    fn what_is_due_in_quiet_hours_is_read_when_they_end() {
        let table = table(Schedule::Every(HOUR), &["22:00-06:00"], 10 * MINUTE);
        let from = "2026-03-02T21:30[UTC]";
        // Due at 22:30.
        let due = 8 * HOUR + 35 * MINUTE;
        assert_eq!(wait(&table, from, from, 0.5), due);
        for (now, left) in [
            ("2026-03-02T23:30[UTC]", due - 2 * HOUR),
            ("2026-03-03T00:30[UTC]", due - 3 * HOUR),
            ("2026-03-03T06:00[UTC]", 5 * MINUTE),
            ("2026-03-03T06:05[UTC]", Duration::ZERO),
        ] {
            assert_eq!(wait(&table, from, now, 0.5), left, "{now}");
        }
        let before = "2026-03-02T20:30[UTC]";
        assert_eq!(wait(&table, before, before, 0.5), HOUR);
    }

    #[test]
    fn a_crontab_minute_in_quiet_hours_is_not_lost() {
        let table = table(cron("0 23 * * * UTC"), &["22:00-06:00"], Duration::ZERO);
        let from = "2026-03-02T21:00[UTC]";
        for (now, left) in [
            (from, 9 * HOUR),
            ("2026-03-02T23:30[UTC]", 6 * HOUR + 30 * MINUTE),
            ("2026-03-03T06:00[UTC]", Duration::ZERO),
        ] {
            assert_eq!(wait(&table, from, now, 0.5), left, "{now}");
        }
    }

    #[test]
    fn quiet_hours_may_follow_one_another() {
        let table = table(
            Schedule::Every(HOUR),
            &["12:00-13:00", "22:00-06:00", "06:00-07:00"],
            Duration::ZERO,
        );
        let from = "2026-03-02T21:30[UTC]";
        assert_eq!(wait(&table, from, from, 0.5), 9 * HOUR + 30 * MINUTE);
        let from = "2026-03-02T11:30[UTC]";
        assert_eq!(wait(&table, from, from, 0.5), 90 * MINUTE);
    }

    #[test]
    fn quiet_hours_are_those_of_the_box_also_when_its_clock_is_changed_for_summer() {
        let table = table(Schedule::Every(HOUR), &["22:00-06:00"], Duration::ZERO);
        let from = "2026-03-28T23:00[Europe/Berlin]";
        assert_eq!(wait(&table, from, from, 0.5), 6 * HOUR);
    }

    #[test]
    fn quiet_hours_are_two_times_of_day_and_leave_some_of_it() {
        for bad in [
            "",
            "22:00",
            "22-06",
            "22:00-22:00",
            "25:00-06:00",
            "22:00-24:00",
        ] {
            assert_eq!(Quiet::parse(bad), None, "{bad}");
        }
        let quiet = |texts: &[&str]| {
            let quiet: Vec<_> = texts.iter().filter_map(|t| Quiet::parse(t)).collect();
            Quiet::cover_a_day(&quiet)
        };
        assert!(!quiet(&[]));
        assert!(!quiet(&["00:01-00:00"]));
        assert!(quiet(&["20:00-08:00", "08:00-20:00"]));
        assert!(!quiet(&["20:00-08:00", "08:01-20:00"]));
    }

    #[test]
    fn fifty_branches_that_start_together_do_not_ask_together() {
        let first = |every: Duration, dice| {
            let table = table(Schedule::Every(every), &[], Duration::ZERO);
            table.first(&at("2026-03-02T09:00[UTC]"), dice)
        };
        assert_eq!(first(HOUR, 0.0), Duration::ZERO);
        assert_eq!(first(HOUR, 1.0), 2 * MINUTE);
        assert_eq!(first(MINUTE, 1.0), MINUTE);
        let quiet = table(Schedule::Every(HOUR), &["22:00-06:00"], Duration::ZERO);
        assert_eq!(quiet.first(&at("2026-03-02T23:00[UTC]"), 0.0), 7 * HOUR);
    }
}
