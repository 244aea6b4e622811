//! Tables whose keys are the operator's to choose, and the less common kinds of value.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use super::Section;

impl<'a> Section<'a> {
    /// Every key with a text, where the keys are the operator's to choose.
    pub(in crate::config) fn free_texts(&self) -> Vec<(String, String)> {
        let mut texts = Vec::new();
        for (key, value) in self.table {
            match value.get_ref().as_str() {
                Some(text) => texts.push((key.get_ref().to_string(), text.to_owned())),
                None => self.notes.add(
                    value.span().start,
                    format!("{} = {}", self.name(key.get_ref()), self.shown(value)),
                    "must be a text in quotes",
                ),
            }
        }
        self.hush();
        texts
    }

    /// Every key with a text or a list of texts, where the keys are the operator's to choose.
    pub(in crate::config) fn free_lists(&self) -> Vec<(String, Vec<String>)> {
        let mut lists = Vec::new();
        for (key, value) in self.table {
            let value = value.get_ref();
            let one = value.as_str().map(|text| vec![text.to_owned()]);
            let many = value.as_array().and_then(|list| {
                let texts = list.iter().map(|v| v.get_ref().as_str().map(str::to_owned));
                texts.collect::<Option<Vec<String>>>()
            });
            match one.or(many).filter(|texts| !texts.is_empty()) {
                Some(texts) => lists.push((key.get_ref().to_string(), texts)),
                None => self.wrong_at(key.get_ref(), "must be a text in quotes, or a list of such"),
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
        for (key, value) in self.table {
            let name = key.get_ref().to_string();
            match value.get_ref().as_table() {
                Some(table) => {
                    let at = value.span().start;
                    let section = Section::new(self.name(&name), at, table, self.notes);
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
        if let Some(value) = self.table.get(key) {
            let subject = format!("{} = {}", self.name(key), self.shown(value));
            self.notes.add(value.span().start, subject, what);
        }
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
