//! How long an account may be silent, in which hours.

use std::time::Duration;

use jiff::tz::TimeZone;

use super::duration::{parse_duration, show_duration};
use super::reader::Section;
use crate::domain::hours::Hours;
use crate::domain::silence::Patience;

/// Hipcall is only asked then, and a small office may well have no call in an hour.
const AFTER: Duration = Duration::from_secs(2 * 3600);
const LEAST: Duration = Duration::from_secs(60);
const MOST: Duration = Duration::from_secs(7 * 86_400);
const HOURS: &str = "Mon-Fri 09:00-18:00";

/// `Some(None)`: the operator wants none. Everything is looked at, also what is switched off.
pub(super) fn read(section: &Section<'_>) -> Option<Option<Patience>> {
    let after = after(section);
    let zone = match section.has("time-zone") {
        true => section.parse(
            "time-zone",
            "a time zone that this box knows, such as \"Europe/Istanbul\" (its package is tzdata)",
            |name| TimeZone::get(name).ok(),
        ),
        false => Some(TimeZone::system()),
    };
    let hours = hours(section, zone.clone().unwrap_or(TimeZone::UTC));
    let (after, hours, _) = (after?, hours?, zone?);
    Some(after.map(|after| Patience { after, hours }))
}

fn after(section: &Section<'_>) -> Option<Option<Duration>> {
    if !section.has("silence-alarm") {
        return Some(Some(AFTER));
    }
    let allowed = format!(
        "\"off\" or a duration such as \"2h\", from \"{}\" to \"{}\"",
        show_duration(LEAST),
        show_duration(MOST)
    );
    section.parse("silence-alarm", &allowed, |text| match text {
        "off" => Some(None),
        _ => parse_duration(text)
            .filter(|after| (LEAST..=MOST).contains(after))
            .map(Some),
    })
}

fn hours(section: &Section<'_>, zone: TimeZone) -> Option<Hours> {
    if !section.has("business-hours") {
        return Hours::parse(&[HOURS.to_owned()], zone).ok();
    }
    let texts = section.texts("business-hours");
    if texts.is_empty() {
        return None;
    }
    match Hours::parse(&texts, zone) {
        Ok(hours) => Some(hours),
        Err(text) => section.wrong(
            "business-hours",
            format!(
                "\"{text}\" must be days and hours such as \"Mon-Fri 09:00-18:00\" or \"Sat,Sun 10:00-24:00\"; \
                 a night is two of them"
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::reader::tests::{problems, read as read_text};
    use super::*;

    fn patience(text: &str) -> Option<Patience> {
        read_text(text, read).flatten()
    }

    #[test]
    fn an_account_that_says_nothing_is_watched_in_office_hours() {
        let told = read_text("", read).unwrap().unwrap();
        assert_eq!(told.after, AFTER);
        let monday: jiff::civil::DateTime = "2026-09-07T09:00:00".parse().unwrap();
        let monday = TimeZone::system().to_timestamp(monday).unwrap();
        assert!(told.hours.contain(monday));
    }

    #[test]
    fn silence_is_what_the_operator_says() {
        assert_eq!(patience("silence-alarm = \"off\""), None);
        let told = patience(
            "silence-alarm = \"30m\"\nbusiness-hours = [\"Mon-Sat 08:00-20:00\", \"Sun 10:00-14:00\"]\n\
             time-zone = \"Europe/Berlin\"",
        );
        let told = told.unwrap();
        assert_eq!(told.after, Duration::from_secs(1800));
        let sunday = "2026-09-06T08:30:00Z".parse().unwrap();
        assert!(told.hours.contain(sunday));
    }

    #[test]
    fn each_key_has_its_own_problem() {
        let told = problems(
            "silence-alarm = \"5s\"\nbusiness-hours = [\"Mon-Fri 09:00-18:00\", \"Sat\"]\n\
             time-zone = \"Europe/Ankara\"",
            |root| {
                read(root);
            },
        );
        assert_eq!(
            told,
            [
                "line 1: silence-alarm = \"5s\": must be \"off\" or a duration such as \"2h\", from \"1m\" to \"7d\"",
                "line 2: business-hours = [\"Mon-Fri 09:00-18:00\", \"Sat\"]: \"Sat\" must be days and hours such as \
                 \"Mon-Fri 09:00-18:00\" or \"Sat,Sun 10:00-24:00\"; a night is two of them",
                "line 3: time-zone = \"Europe/Ankara\": must be a time zone that this box knows, such as \
                 \"Europe/Istanbul\" (its package is tzdata)",
            ]
        );
        let off = problems("silence-alarm = \"off\"\nbusiness-hours = 9", |root| {
            read(root);
        });
        assert_eq!(
            off,
            ["line 2: business-hours = 9: must be a text in quotes, or a list of such"]
        );
    }
}
