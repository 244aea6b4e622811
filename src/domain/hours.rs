//! When an office works, and how much of its working time has passed.
//!
//! A silent telephone says nothing at night. What counts is the time the clocks on the office's wall show, so
//! a day of 23 or 25 hours has the business hours that are written down.

use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// Most days that are looked at: whoever was silent for longer is silent.
const DAYS: usize = 32;
const MINUTES: u16 = 24 * 60;
const WEEK: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// From one minute of the day to another, the last one not included.
type Shift = (u16, u16);

#[derive(Clone, Debug, PartialEq)]
pub struct Hours {
    /// From Monday; of each day in order, and apart from each other.
    week: [Vec<Shift>; 7],
    zone: TimeZone,
}

impl Hours {
    /// Reads `Mon-Fri 09:00-18:00` and its like; the error is the text that is none.
    pub fn parse(texts: &[String], zone: TimeZone) -> Result<Hours, String> {
        let mut week: [Vec<Shift>; 7] = Default::default();
        for text in texts {
            let (days, shift) = line(text).ok_or_else(|| text.clone())?;
            days.iter().for_each(|day| week[*day].push(shift));
        }
        Ok(Hours {
            week: week.map(joined),
            zone,
        })
    }

    /// Whether the office works at `time`.
    pub fn contain(&self, time: Timestamp) -> bool {
        let date = self.zone.to_datetime(time).date();
        self.shifts(date)
            .any(|(start, end)| (start..end).contains(&time))
    }

    /// How much working time there is from `from` to `to`.
    pub fn between(&self, from: Timestamp, to: Timestamp) -> Duration {
        let mut passed = Duration::ZERO;
        let mut date = Some(self.zone.to_datetime(from).date());
        for _ in 0..DAYS {
            let Some(day) = date.filter(|day| *day <= self.zone.to_datetime(to).date()) else {
                break;
            };
            for (start, end) in self.shifts(day) {
                let within = end.min(to).duration_since(start.max(from));
                passed += Duration::try_from(within).unwrap_or_default();
            }
            date = day.tomorrow().ok();
        }
        passed
    }

    /// As the clocks on the office's wall show it.
    pub fn told(&self, time: Timestamp) -> String {
        let time = self.zone.to_datetime(time);
        time.strftime("%Y-%m-%d %H:%M").to_string()
    }

    fn shifts(&self, date: Date) -> impl Iterator<Item = (Timestamp, Timestamp)> + '_ {
        let day = usize::from(date.weekday().to_monday_zero_offset().unsigned_abs());
        let at = move |minute: u16| {
            // A minute that a change of the clocks leaves out is the one after it.
            let time = date.at(0, 0, 0, 0).checked_add(i64::from(minute).minutes());
            self.zone.to_timestamp(time.ok()?).ok()
        };
        self.week[day]
            .iter()
            .filter_map(move |(start, end)| Some((at(*start)?, at(*end)?)))
    }
}

/// The days of one line, counted from Monday, and their shift.
fn line(text: &str) -> Option<(Vec<usize>, Shift)> {
    let (days, times) = text.trim().split_once(' ')?;
    let (start, end) = times.trim().split_once('-')?;
    let shift = (minute(start)?, minute(end)?);
    if shift.0 >= shift.1 {
        return None;
    }
    let mut all = Vec::new();
    for part in days.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (weekday(first)?, weekday(last)?);
        // `Sat-Mon` goes over the end of the week.
        let length = (last + 7 - first) % 7;
        all.extend((first..=first + length).map(|day| day % 7));
    }
    Some((all, shift))
}

fn weekday(text: &str) -> Option<usize> {
    let text = text.trim().to_ascii_lowercase();
    WEEK.iter().position(|name| *name == text)
}

/// `09:00`; the end of the day is `24:00`.
fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.trim().split_once(':')?;
    let digits = |t: &str| t.len() == 2 && t.bytes().all(|b| b.is_ascii_digit());
    if !digits(hour) || !digits(minute) {
        return None;
    }
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    let minutes = hour * 60 + minute;
    (minute < 60 && minutes <= MINUTES).then_some(minutes)
}

/// Shifts that touch or overlap become one: no minute counts twice.
fn joined(mut shifts: Vec<Shift>) -> Vec<Shift> {
    shifts.sort_unstable();
    let mut joined: Vec<Shift> = Vec::new();
    for (start, end) in shifts {
        match joined.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => joined.push((start, end)),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    fn hours(texts: &[&str], name: &str) -> Hours {
        let texts: Vec<String> = texts.iter().map(|t| t.to_string()).collect();
        Hours::parse(&texts, zone(name)).unwrap()
    }

    fn at(text: &str, name: &str) -> Timestamp {
        let time: jiff::civil::DateTime = text.parse().unwrap();
        zone(name).to_timestamp(time).unwrap()
    }

    fn minutes(hours: &Hours, from: &str, to: &str, name: &str) -> u64 {
        hours.between(at(from, name), at(to, name)).as_secs() / 60
    }

    const ISTANBUL: &str = "Europe/Istanbul";
    const BERLIN: &str = "Europe/Berlin";

    #[test]
    fn an_office_works_when_it_is_written_down() {
        let hours = hours(&["Mon-Fri 09:00-18:00", "Sat 10:00-13:00"], ISTANBUL);
        // 2026-09-07 is a Monday.
        for (time, works) in [
            ("2026-09-07T08:59:59", false),
            ("2026-09-07T09:00:00", true),
            ("2026-09-07T17:59:59", true),
            ("2026-09-07T18:00:00", false),
            ("2026-09-12T12:59:00", true),
            ("2026-09-12T13:00:00", false),
            ("2026-09-13T12:00:00", false),
        ] {
            assert_eq!(hours.contain(at(time, ISTANBUL)), works, "{time}");
        }
        // The same instant in another zone is another time of day.
        assert!(!hours.contain(at("2026-09-07T12:00:00", "America/New_York")));
    }

    #[test]
    fn nights_and_weekends_do_not_count() {
        let hours = hours(&["Mon-Fri 09:00-18:00", "Sat 10:00-13:00"], ISTANBUL);
        for (from, to, expected) in [
            ("2026-09-07T09:00:00", "2026-09-07T11:00:00", 120),
            ("2026-09-07T08:00:00", "2026-09-07T09:30:00", 30),
            ("2026-09-07T17:30:00", "2026-09-08T09:30:00", 60),
            ("2026-09-07T18:00:00", "2026-09-08T09:00:00", 0),
            ("2026-09-11T17:00:00", "2026-09-14T10:00:00", 60 + 180 + 60),
            ("2026-09-13T00:00:00", "2026-09-13T23:59:59", 0),
            ("2026-09-07T00:00:00", "2026-09-14T00:00:00", 5 * 540 + 180),
            ("2026-09-07T12:00:00", "2026-09-07T12:00:00", 0),
            ("2026-09-07T12:00:00", "2026-09-07T11:00:00", 0),
        ] {
            assert_eq!(minutes(&hours, from, to, ISTANBUL), expected, "{from} {to}");
        }
    }

    #[test]
    fn days_of_23_and_25_hours_have_their_business_hours() {
        let day = hours(&["Mon-Sun 09:00-18:00"], BERLIN);
        let whole = hours(&["Mon-Sun 00:00-24:00"], BERLIN);
        for (date, next, all) in [
            ("2026-03-29", "2026-03-30", 23 * 60),
            ("2026-10-25", "2026-10-26", 25 * 60),
            ("2026-10-26", "2026-10-27", 24 * 60),
        ] {
            let (from, to) = (format!("{date}T00:00:00"), format!("{next}T00:00:00"));
            assert_eq!(minutes(&day, &from, &to, BERLIN), 540, "{date}");
            assert_eq!(minutes(&whole, &from, &to, BERLIN), all, "{date}");
        }
        // A shift that begins within the hour that is left out.
        let early = hours(&["Sun 02:30-04:00"], BERLIN);
        let (from, to) = ("2026-03-29T00:00:00", "2026-03-29T12:00:00");
        assert_eq!(minutes(&early, from, to, BERLIN), 30);
    }

    #[test]
    fn years_of_silence_are_reckoned_in_a_bounded_time() {
        let hours = hours(&["Mon-Sun 00:00-24:00"], ISTANBUL);
        let passed = hours.between(Timestamp::UNIX_EPOCH, at("2040-01-01T00:00:00", ISTANBUL));
        assert!(passed <= Duration::from_secs(86_400 * DAYS as u64));
        assert!(passed > Duration::from_secs(86_400 * 30));
    }

    #[test]
    fn overlapping_hours_count_once() {
        let hours = hours(
            &["Mon 09:00-12:00", "Mon,Tue 11:00-13:00", "mon 13:00-14:00"],
            ISTANBUL,
        );
        let day = |from, to| minutes(&hours, from, to, ISTANBUL);
        assert_eq!(day("2026-09-07T00:00:00", "2026-09-08T00:00:00"), 300);
        assert_eq!(day("2026-09-08T00:00:00", "2026-09-09T00:00:00"), 120);
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "Mon",
            "09:00-18:00",
            "Mon-Fri 9-18",
            "Mon-Fri 9:00-18:00",
            "Mon-Fri 18:00-09:00",
            "Mon-Fri 09:00-09:00",
            "Mon-Fri 09:00-24:01",
            "Mon-Fri 09:60-18:00",
            "Mon-Fri 09:00",
            "Mon-Xyz 09:00-18:00",
            "Mon-Tue-Wed 09:00-18:00",
            "Pzt-Cum 09:00-18:00",
        ] {
            let told = Hours::parse(&[text.to_owned()], TimeZone::UTC);
            assert_eq!(told, Err(text.to_owned()), "{text}");
        }
        let over_the_weekend = hours(&["Sat-Mon 10:00-11:00"], ISTANBUL);
        let week = minutes(
            &over_the_weekend,
            "2026-09-07T00:00:00",
            "2026-09-14T00:00:00",
            ISTANBUL,
        );
        assert_eq!(week, 180);
    }
}
