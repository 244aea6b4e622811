//! Tables whose keys are the operator's to choose, and the less common kinds of value.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::DeValue;

use super::Section;

impl<'a> Section<'a> {
    /// Every key with a text, where the keys are the operator's to choose.
    pub(in crate::config) fn free_texts(&self) -> Vec<(String, String)> {
        let mut texts = Vec::new();
        for (key, value) in self.everything() {
            match value.get_ref().as_str() {
                Some(text) => texts.push((key.to_owned(), text.to_owned())),
                None => self.wrong_at(key, "must be a text in quotes"),
            }
        }
        self.hush();
        texts
    }

    /// Every key with a text or a list of texts, where the keys are the operator's to choose.
    pub(in crate::config) fn free_lists(&self) -> Vec<(String, Vec<String>)> {
        let mut lists = Vec::new();
        for (key, value) in self.everything() {
            let value = value.get_ref();
            let one = value.as_str().map(|text| vec![text.to_owned()]);
            let many = value.as_array().and_then(|list| {
                let texts = list.iter().map(|v| v.get_ref().as_str().map(str::to_owned));
                texts.collect::<Option<Vec<String>>>()
            });
            match one.or(many).filter(|texts| !texts.is_empty()) {
                Some(texts) => lists.push((key.to_owned(), texts)),
                None => self.wrong_at(key, "must be a text in quotes, or a list of such"),
            }
        }
        self.hush();
        lists
    }

    /// A whole number within bounds.
    pub(in crate::config) fn whole(
        &self,
        key: &'static str,
        allowed: RangeInclusive<u64>,
    ) -> Option<u64> {
        let value = self.value(key)?;
        let number = value.get_ref().as_integer();
        let number = number.and_then(|n| u64::from_str_radix(n.as_str(), n.radix()).ok());
        match number.filter(|n| allowed.contains(n)) {
            Some(number) => Some(number),
            None => {
                let (least, most) = (allowed.start(), allowed.end());
                self.wrong(
                    key,
                    format!("must be a whole number from {least} to {most}"),
                )
            }
        }
    }

    /// Every key with a table, where the keys are the operator's to choose.
    pub(in crate::config) fn free_sections(&self) -> Vec<(String, Section<'a>)> {
        let mut sections = Vec::new();
        for (key, value) in self.everything() {
            let name = key.to_owned();
            match value.get_ref().as_table() {
                Some(table) => {
                    let at = value.span().start;
                    let section = self.child(key, at, table);
                    sections.push((name, section));
                }
                None => self.wrong_at(&name, format!("must be a table: write {name} = {{ ... }}")),
            }
        }
        self.hush();
        sections
    }

    /// Notes which file a secret is in.
    pub(in crate::config) fn note_secret(&self, key: &str, file: &Path) {
        let mut secrets = self.notes.secrets.borrow_mut();
        secrets.push((self.name(key), file.to_owned()));
    }

    /// The files of the secrets that were read within this table, by the last parts of their keys.
    pub(in crate::config) fn secrets(&self) -> BTreeMap<String, PathBuf> {
        let secrets = self.notes.secrets.borrow();
        let within = secrets.iter().filter_map(|(name, file)| {
            let rest = name.strip_prefix(&self.path)?.strip_prefix('.')?;
            let key = rest.rsplit('.').next().unwrap_or(rest);
            Some((key.to_owned(), file.clone()))
        });
        within.collect()
    }

    /// Notes what is wrong with a key that the operator chose.
    pub(in crate::config) fn wrong_at(&self, key: &str, what: impl Into<String>) {
        if let Some(value) = self.found(key) {
            let subject = format!("{} = {}", self.name_of(key), self.shown(key, value));
            self.notes_of(key).add(value.span().start, subject, what);
        }
    }

    /// The same without the value, which may be a secret.
    pub(in crate::config) fn wrong_secret_at(&self, key: &str, what: impl Into<String>) {
        let at = self.found(key).map_or(self.at, |value| value.span().start);
        self.notes_of(key).add(at, self.name_of(key), what);
    }

    /// Notes that a key is not there and must be, where the keys are not ours.
    pub(in crate::config) fn missing_at(&self, key: &str, allowed: &str) {
        self.notes.add(
            self.at,
            self.name(key),
            format!("is missing; give {allowed}"),
        );
    }

    /// Every key, with its table if it is one; nothing is said of those that are none.
    pub(in crate::config) fn free_tables(&self) -> Vec<(String, Option<Section<'a>>)> {
        let table = |(key, value): (&'a str, &'a Spanned<DeValue<'a>>)| {
            let table = value.get_ref().as_table();
            let section = table.map(|table| self.child(key, value.span().start, table));
            (key.to_owned(), section)
        };
        let tables = self.everything().map(table).collect();
        self.hush();
        tables
    }

    pub(in crate::config) fn has_key(&self, key: &str) -> bool {
        self.found(key).is_some()
    }

    /// Notes what is wrong with the table as a whole.
    pub(in crate::config) fn complain(&self, what: impl Into<String>) {
        self.notes.add(self.at, self.path.clone(), what);
    }

    /// The names of the tables of `[[key]]`, also of those that can't be used.
    pub(in crate::config) fn names(&self, key: &'static str) -> Vec<String> {
        let tables = self.value(key).and_then(|v| v.get_ref().as_array());
        let names = tables.into_iter().flatten().filter_map(|table| {
            let name = table.get_ref().as_table()?.get("name")?;
            name.get_ref().as_str().map(str::to_owned)
        });
        names.collect()
    }
}
