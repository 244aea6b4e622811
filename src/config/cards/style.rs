//! `[card.words]` and `[card.age]`: how values are written, and from which age on they are marked or hidden.

use std::time::Duration;

use super::Around;
use crate::config::reader::Section;
use crate::domain::age::{AgeLimit, AgeLimits};
use crate::domain::template::{BALANCE, FLAGS, Style};
use crate::domain::words::{WORD_CHARS, WordError, Words};

/// Sources are read every ten seconds at the most: below this, age says how they are read, not how they are.
const LEAST_AGE: Duration = Duration::from_secs(60);
const MOST_AGE: Duration = Duration::from_secs(3650 * 86_400);

pub(super) fn read(card: Option<&Section<'_>>, around: &Around) -> Style {
    let mut style = Style {
        fields: around.fields.clone(),
        ..Style::new(around.locale)
    };
    let Some(card) = card else { return style };
    if let Some(section) = card.section("words") {
        words(&section, &mut style.words);
    }
    if let Some(section) = card.section("age") {
        style.ages = ages(&section, &around.fields);
    }
    style
}

fn words(section: &Section<'_>, words: &mut Words) {
    for (key, text) in section.free_texts() {
        let what = match words.set(&key, &text) {
            Ok(()) => continue,
            Err(WordError::NoSuchWord) => {
                let names = Words::names().collect::<Vec<_>>().join(", ");
                format!("no such word; here there can be: {names}")
            }
            Err(WordError::NotAWord) => {
                format!("must be 1 to {WORD_CHARS} characters on one line, without {{ or }}")
            }
        };
        section.wrong_at(&key, what);
    }
}

fn ages(section: &Section<'_>, fields: &[String]) -> AgeLimits {
    let mut limits = AgeLimits::default();
    let values = || std::iter::once(BALANCE).chain(FLAGS.iter().map(|(name, _)| *name));
    for (name, value) in section.free_sections() {
        if !values().any(|v| v == name) && !fields.contains(&name) {
            let values = values().collect::<Vec<_>>().join(", ");
            let fields = fields.join(", ");
            let what = format!("no such value; here there can be: {values}; fields: {fields}");
            section.wrong_at(&name, what);
        }
        limits.0.insert(name, limit(&value));
    }
    limits
}

fn limit(value: &Section<'_>) -> AgeLimit {
    let [mark, hide] = ["mark", "hide"].map(|key| value.duration(key, LEAST_AGE, MOST_AGE));
    if !value.has("mark") && !value.has("hide") {
        let allowed = "the age from which it says that it is old, such as \"1d\", or hide = \"7d\"";
        value.missing::<()>("mark", allowed);
    }
    if let (Some(mark), Some(hide)) = (mark, hide)
        && hide <= mark
    {
        value.wrong::<()>(
            "hide",
            "must be longer than mark: what is hidden needs no mark",
        );
    }
    AgeLimit { mark, hide }
}
