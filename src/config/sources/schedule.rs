//! When a source is read: how often what has changed, how often everything, how spread, and when not.

use std::time::Duration;

use super::super::duration::parse_duration;
use super::super::reader::Section;
use crate::domain::schedule::{Quiet, Schedule, Timetable};

/// How often a source is read unless told otherwise.
const EVERY: Duration = Duration::from_secs(15 * 60);
/// How often deleted records are looked for.
const FULL: Duration = Duration::from_secs(24 * 3600);
/// Over how long a minute of the wall clock is spread for a source that other branches ask too.
const JITTER: Duration = Duration::from_secs(5 * 60);
const LONGEST_JITTER: Duration = Duration::from_secs(3600);
const WEEK: Duration = Duration::from_secs(7 * 86_400);
/// Most spans of quiet hours.
const SPANS: usize = 8;

/// What the configuration says; the rest depends on what the source is.
#[derive(Clone, Debug)]
pub struct Timing {
    quick: Schedule,
    thorough: Schedule,
    quiet: Vec<Quiet>,
    jitter: Option<Duration>,
}

impl Timing {
    pub fn timetable(&self, is_remote: bool) -> Timetable {
        let usual = if is_remote { JITTER } else { Duration::ZERO };
        Timetable {
            quick: self.quick.clone(),
            thorough: self.thorough.clone(),
            quiet: self.quiet.clone(),
            jitter: self.jitter.unwrap_or(usual),
        }
    }
}

pub(super) fn read(section: &Section<'_>) -> Option<Timing> {
    let quick = one(section, ["every", "cron"], Duration::from_secs(10), EVERY);
    let thorough = one(
        section,
        ["full", "full-cron"],
        Duration::from_secs(60),
        FULL,
    );
    let (quiet, jitter) = (quiet(section), jitter(section));
    Some(Timing {
        quick: quick?,
        thorough: thorough?,
        quiet: quiet?,
        jitter: jitter?,
    })
}

/// A period or a crontab line, which have a key each.
fn one(
    section: &Section<'_>,
    [period, line]: [&'static str; 2],
    least: Duration,
    usual: Duration,
) -> Option<Schedule> {
    let every = section.duration(period, least, WEEK);
    match (section.text(line), section.has(period)) {
        (Some(_), true) => {
            section.wrong(line, format!("there can be {period} or {line}, not both"))
        }
        (Some(text), false) => match Schedule::parse_cron(&text) {
            Ok(schedule) => Some(schedule),
            Err(e) => section.wrong(
                line,
                format!("must be a crontab line such as \"30 6 * * *\": {e}"),
            ),
        },
        (None, true) => every.map(Schedule::Every),
        (None, false) => Some(Schedule::Every(usual)),
    }
}

fn quiet(section: &Section<'_>) -> Option<Vec<Quiet>> {
    let key = "quiet-hours";
    let texts = section.texts(key);
    if texts.len() > SPANS {
        return section.wrong(key, format!("there can be {SPANS} spans at most"));
    }
    let quiet: Option<Vec<Quiet>> = texts.iter().map(|t| Quiet::parse(t)).collect();
    match quiet {
        Some(quiet) if Quiet::cover_a_day(&quiet) => {
            section.wrong(key, "leave no minute of a day in which it could be read")
        }
        Some(quiet) => Some(quiet),
        None => section.wrong(
            key,
            "must be two different times of day such as \"22:00-06:00\", or a list of such",
        ),
    }
}

/// `None` within where nothing is said.
fn jitter(section: &Section<'_>) -> Option<Option<Duration>> {
    if !section.has("jitter") {
        return Some(None);
    }
    let allowed = "a duration such as \"5m\", \"1h\" at most, or \"off\"";
    let parse = |text: &str| match text {
        "off" => Some(Duration::ZERO),
        _ => parse_duration(text).filter(|d| *d <= LONGEST_JITTER),
    };
    section.parse("jitter", allowed, parse).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::reader::tests::{self, problems};

    fn told(text: &str) -> Vec<String> {
        problems(text, |root| drop(read(root)))
    }

    fn timetable(text: &str, is_remote: bool) -> Timetable {
        let timing = tests::read(text, |root| read(root).unwrap());
        timing.timetable(is_remote)
    }

    #[test]
    fn a_source_is_read_every_quarter_of_an_hour_and_whole_each_day_unless_told_otherwise() {
        let usual = timetable("", true);
        assert!(matches!(usual.quick, Schedule::Every(EVERY)));
        assert!(matches!(usual.thorough, Schedule::Every(FULL)));
        assert_eq!((usual.jitter, usual.quiet.len()), (JITTER, 0));
        assert_eq!(timetable("", false).jitter, Duration::ZERO);
        let told = timetable(
            "cron = \"0 * * * *\"\nfull-cron = \"30 3 * * *\"\njitter = \"off\"\nquiet-hours = [\"22:00-06:00\", \"12:00-13:00\"]",
            true,
        );
        assert!(matches!(told.quick, Schedule::Cron(_)));
        assert!(matches!(told.thorough, Schedule::Cron(_)));
        assert_eq!((told.jitter, told.quiet.len()), (Duration::ZERO, 2));
        assert_eq!(timetable("jitter = \"1h\"", false).jitter, LONGEST_JITTER);
    }

    #[test]
    fn what_is_wrong_with_the_times_is_told_at_once() {
        assert_eq!(
            told(
                "every = \"9s\"\ncron = \"0 * * * *\"\nfull = \"59s\"\nquiet-hours = \"22-06\"\njitter = \"61m\""
            ),
            [
                "line 1: every = \"9s\": must be a duration such as \"15m\", from \"10s\" to \"7d\"",
                "line 2: cron = \"0 * * * *\": there can be every or cron, not both",
                "line 3: full = \"59s\": must be a duration such as \"15m\", from \"1m\" to \"7d\"",
                "line 4: quiet-hours = \"22-06\": must be two different times of day such as \"22:00-06:00\", or a list of such",
                "line 5: jitter = \"61m\": must be a duration such as \"5m\", \"1h\" at most, or \"off\"",
            ]
        );
        assert_eq!(
            told("quiet-hours = [\"20:00-08:00\", \"08:00-20:00\"]\nfull-cron = \"x\"").len(),
            2
        );
        assert_eq!(told("full = \"1h\"\nfull-cron = \"0 3 * * *\"").len(), 1);
        let many = ["\"01:00-01:01\""; SPANS + 1].join(", ");
        assert_eq!(
            told(&format!("quiet-hours = [{many}]"))[0]
                .rsplit(": ")
                .next(),
            Some("there can be 8 spans at most")
        );
    }
}
