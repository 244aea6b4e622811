//! What a description asks of the operator, and what they gave: `[source.with]` and `[source.secrets]`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use regex_lite::Regex;

use super::super::reader::Section;
use super::super::secret;
use crate::source::api::description::ApiSecret;

const DAY: Duration = Duration::from_secs(86_400);
/// Longest lifetime of a secret that can be said; nobody's has a date beyond it.
const LIFETIME: Duration = Duration::from_secs(10 * 366 * 86_400);

/// What a description asks for.
#[derive(Default)]
pub(in crate::config) struct Declared {
    pub(super) with: Vec<With>,
    pub(super) secrets: Vec<SecretRule>,
}

pub(super) struct With {
    pub(super) name: String,
    about: String,
    example: Option<String>,
    default: Option<String>,
    pattern: Option<(String, Regex)>,
}

pub(super) struct SecretRule {
    pub(super) name: String,
    about: String,
    lifetime: Option<Duration>,
    pub(super) renew: Option<String>,
    is_optional: bool,
}

/// What the operator gave.
#[derive(Default)]
pub(in crate::config) struct Given {
    pub(in crate::config) with: BTreeMap<String, String>,
    pub(in crate::config) secrets: BTreeMap<String, ApiSecret>,
    /// When a secret ends that lives for a known time from when its file was written.
    pub(in crate::config) ends: BTreeMap<String, SystemTime>,
    /// How long such a secret lives.
    pub(in crate::config) lifetimes: BTreeMap<String, Duration>,
}

pub(super) fn declared(root: &Section<'_>) -> Declared {
    let with = root.section("with").map(|section| {
        let each = section.free_sections();
        each.into_iter()
            .filter_map(|(name, section)| with(&name, &section))
            .collect()
    });
    let secrets = root.section("secrets").map(|section| {
        let each = section.free_sections();
        each.into_iter()
            .filter_map(|(name, section)| secret_rule(&name, &section))
            .collect()
    });
    Declared {
        with: with.unwrap_or_default(),
        secrets: secrets.unwrap_or_default(),
    }
}

const ABOUT: &str = "what the operator has to give here, in words";

fn with(name: &str, section: &Section<'_>) -> Option<With> {
    let pattern =
        section
            .text("pattern")
            .and_then(|text| match Regex::new(&format!("^(?:{text})$")) {
                Ok(regex) => Some((text, regex)),
                Err(e) => section.wrong("pattern", format!("is no regular expression: {e}")),
            });
    let (about, default) = (
        section.required_text("about", ABOUT),
        section.text("default"),
    );
    let fits = |text: &String| {
        pattern
            .as_ref()
            .is_none_or(|(_, regex)| regex.is_match(text))
    };
    if !default.as_ref().is_none_or(fits) {
        section.wrong::<()>("default", "does not fit the pattern");
    }
    Some(With {
        name: name.to_owned(),
        example: section.text("example"),
        about: about?,
        default,
        pattern,
    })
}

fn secret_rule(name: &str, section: &Section<'_>) -> Option<SecretRule> {
    let rule = SecretRule {
        name: name.to_owned(),
        lifetime: section.duration("lifetime", DAY, LIFETIME),
        renew: section.text("renew"),
        is_optional: section.flag("optional"),
        about: section.required_text("about", ABOUT)?,
    };
    Some(rule)
}

impl Given {
    /// Takes what the source gives of what is asked for; what is wrong is told there.
    pub(super) fn take(&mut self, source: &Section<'_>, declared: &Declared) {
        self.take_with(source, declared);
        self.take_secrets(source, declared);
    }

    fn take_with(&mut self, source: &Section<'_>, declared: &Declared) {
        let section = source.section("with");
        let mut given: BTreeMap<String, String> = BTreeMap::new();
        if let Some(section) = &section {
            given.extend(section.free_texts());
            for name in given
                .keys()
                .filter(|name| !declared.with.iter().any(|w| w.name == **name))
            {
                let names: Vec<_> = declared
                    .with
                    .iter()
                    .map(|with| with.name.as_str())
                    .collect();
                let here = match names.is_empty() {
                    true => "this connector asks for nothing here".to_owned(),
                    false => format!("here there can be: {}", names.join(", ")),
                };
                section.wrong_at(name, format!("no such key; {here}"));
            }
        }
        let at = section.as_ref().unwrap_or(source);
        for with in &declared.with {
            let value = given.remove(&with.name);
            if let (Some(value), Some((text, regex))) = (&value, &with.pattern)
                && !regex.is_match(value)
            {
                let what = format!("must be {}, like the pattern {text}", with.about);
                at.wrong_at(&with.name, what);
            }
            // One that is there and no text was told.
            let is_there = section
                .as_ref()
                .is_some_and(|section| section.has_key(&with.name));
            match value.or_else(|| with.default.clone()) {
                Some(value) => drop(self.with.insert(with.name.clone(), value)),
                None if is_there => {}
                None => {
                    let example = with.example.as_ref().map(|e| format!(", such as \"{e}\""));
                    let give = format!("{}{}", with.about, example.unwrap_or_default());
                    let key = key_below("with", &with.name, section.is_some());
                    at.missing_at(&key, &give);
                }
            }
        }
    }

    fn take_secrets(&mut self, source: &Section<'_>, declared: &Declared) {
        let section = source.section("secrets");
        let mut given: BTreeMap<String, Option<(secret::Secret, PathBuf)>> = BTreeMap::new();
        if let Some(section) = &section {
            given.extend(secret::read_each(section));
            for name in given
                .keys()
                .filter(|name| !declared.secrets.iter().any(|s| s.name == **name))
            {
                let names: Vec<_> = declared.secrets.iter().map(|s| s.name.as_str()).collect();
                let what = format!("no such secret; here there can be: {}", names.join(", "));
                section.wrong_secret_at(name, what);
            }
        }
        let at = section.as_ref().unwrap_or(source);
        for rule in &declared.secrets {
            match given.remove(&rule.name) {
                Some(Some((secret, path))) => {
                    let text = ApiSecret(secret.expose().to_owned());
                    self.secrets.insert(rule.name.clone(), text);
                    self.note_end(rule, &path);
                }
                // Told already.
                Some(None) => {}
                None if rule.is_optional => {
                    self.secrets.insert(rule.name.clone(), ApiSecret::default());
                }
                None => {
                    let give = format!("{}: {}", rule.about, secret::ALLOWED);
                    at.missing_at(&key_below("secrets", &rule.name, section.is_some()), &give);
                }
            }
        }
    }

    fn note_end(&mut self, rule: &SecretRule, path: &std::path::Path) {
        self.lifetimes
            .extend(rule.lifetime.map(|life| (rule.name.clone(), life)));
        let written = std::fs::metadata(path).and_then(|metadata| metadata.modified());
        let end = written
            .ok()
            .zip(rule.lifetime)
            .and_then(|(at, life)| at.checked_add(life));
        if let Some(end) = end {
            self.ends.insert(rule.name.clone(), end);
        }
    }
}

fn key_below(table: &str, name: &str, is_there: bool) -> String {
    match is_there {
        true => name.to_owned(),
        false => format!("{table}.{name}"),
    }
}
