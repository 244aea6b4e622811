//! Reading a TOML document so that every mistake is found, not only the first.
//!
//! serde stops at the first wrong type or unknown key. Here each key is asked for by name and kind; what is
//! wrong is noted and reading goes on, and what nobody asked for is unknown.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub(super) use items::Item;

use super::duration::{parse_duration, show_duration};
use super::problem::{Problem, Problems};

mod free;
mod items;
mod json;
mod near;
mod over;

/// Longest value repeated in a problem, in characters.
const SHOWN_CHARS: usize = 60;

pub(super) struct Document<'a> {
    table: Spanned<DeTable<'a>>,
    notes: Notes<'a>,
}

struct Notes<'a> {
    text: &'a str,
    directory: PathBuf,
    problems: RefCell<Problems>,
    /// The files of secrets, by the full names of their keys.
    secrets: RefCell<Vec<(String, PathBuf)>>,
}

impl Notes<'_> {
    fn add(&self, at: usize, subject: String, what: impl Into<String>) {
        let line = self.text[..at.min(self.text.len())].matches('\n').count() + 1;
        self.problems.borrow_mut().0.push(Problem {
            line,
            subject,
            what: what.into(),
        });
    }
}

impl<'a> Document<'a> {
    pub(super) fn parse(text: &'a str, directory: &Path) -> Result<Document<'a>, Problems> {
        let (table, errors) = DeTable::parse_recoverable(text);
        let notes = Notes {
            text,
            directory: directory.into(),
            problems: RefCell::default(),
            secrets: RefCell::default(),
        };
        for error in &errors {
            let at = error.span().map_or(0, |s| s.start);
            notes.add(at, "not TOML".into(), error.message().replace('\n', ", "));
        }
        match errors.is_empty() {
            true => Ok(Document { table, notes }),
            false => {
                let mut problems = notes.problems.into_inner();
                problems.0.sort_by_key(|p| p.line);
                Err(problems)
            }
        }
    }

    /// Reads the document with `read`; a value without problems is the result.
    pub(super) fn root<T>(
        self,
        read: impl FnOnce(&Section<'_>) -> Option<T>,
    ) -> Result<T, Problems> {
        let value = {
            let root = Section::new(String::new(), 0, self.table.get_ref(), &self.notes);
            read(&root)
        };
        let mut problems = self.notes.problems.into_inner();
        problems.0.sort_by_key(|p| p.line);
        match value {
            Some(value) if problems.0.is_empty() => Ok(value),
            _ => Err(problems),
        }
    }
}

/// One table. Dropping it reports the keys that nobody asked for.
pub(super) struct Section<'a> {
    path: String,
    at: usize,
    table: &'a DeTable<'a>,
    notes: &'a Notes<'a>,
    asked: RefCell<BTreeSet<&'static str>>,
    /// What holds where this table says nothing.
    under: Option<over::Under<'a>>,
}

impl<'a> Section<'a> {
    fn new(path: String, at: usize, table: &'a DeTable<'a>, notes: &'a Notes<'a>) -> Section<'a> {
        Section {
            path,
            at,
            table,
            notes,
            asked: RefCell::default(),
            under: None,
        }
    }

    /// Where relative paths start.
    pub(super) fn directory(&self) -> &Path {
        &self.notes.directory
    }

    pub(super) fn is_text(&self, key: &'static str) -> bool {
        self.value(key).is_some_and(|v| v.get_ref().is_str())
    }

    pub(super) fn is_table(&self, key: &'static str) -> bool {
        self.value(key).is_some_and(|v| v.get_ref().is_table())
    }

    pub(super) fn has(&self, key: &'static str) -> bool {
        self.value(key).is_some()
    }

    fn value(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.asked.borrow_mut().insert(key);
        self.found(key)
    }

    fn name(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// Notes that `key` is not there and must be. Always `None`, to be returned.
    pub(super) fn missing<T>(&self, key: &'static str, allowed: &str) -> Option<T> {
        self.value(key);
        self.notes.add(
            self.at,
            self.name(key),
            format!("is missing; give {allowed}"),
        );
        None
    }

    /// Notes what is wrong with the value of `key`, repeating it.
    pub(super) fn wrong<T>(&self, key: &'static str, what: impl Into<String>) -> Option<T> {
        match self.value(key) {
            Some(value) => {
                let shown = self.shown(key, value);
                self.notes_of(key).add(
                    value.span().start,
                    format!("{} = {shown}", self.name_of(key)),
                    what,
                );
            }
            None => self.notes.add(self.at, self.name(key), what),
        }
        None
    }

    /// The same without the value, which may be a secret.
    pub(super) fn wrong_secret<T>(&self, key: &'static str, what: impl Into<String>) -> Option<T> {
        let at = self.value(key).map_or(self.at, |v| v.span().start);
        self.notes_of(key).add(at, self.name_of(key), what);
        None
    }

    fn shown(&self, key: &str, value: &Spanned<DeValue<'_>>) -> String {
        let text = self.notes_of(key).text;
        let source = text.get(value.span()).unwrap_or_default();
        let line = source.lines().next().unwrap_or_default();
        let mut shown: String = line.chars().take(SHOWN_CHARS).collect();
        if shown.len() < source.len() {
            shown.push('…');
        }
        shown
    }

    pub(super) fn text(&self, key: &'static str) -> Option<String> {
        let value = self.value(key)?;
        match value.get_ref().as_str() {
            Some(text) => Some(text.to_owned()),
            None => self.wrong(key, "must be a text in quotes"),
        }
    }

    pub(super) fn required_text(&self, key: &'static str, allowed: &str) -> Option<String> {
        if self.has(key) {
            self.text(key)
        } else {
            self.missing(key, allowed)
        }
    }

    /// A text, or a list of texts.
    pub(super) fn texts(&self, key: &'static str) -> Vec<String> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        if let Some(text) = value.get_ref().as_str() {
            return vec![text.to_owned()];
        }
        let list = value.get_ref().as_array();
        let texts = list.map(|l| l.iter().map(|v| v.get_ref().as_str().map(str::to_owned)));
        match texts.and_then(|t| t.collect::<Option<Vec<_>>>()) {
            Some(texts) if texts.is_empty() => self
                .wrong(
                    key,
                    "is an empty list; name something, or leave the key out",
                )
                .unwrap_or_default(),
            Some(texts) => texts,
            None => self
                .wrong(key, "must be a text in quotes, or a list of such")
                .unwrap_or_default(),
        }
    }

    /// A text that `parse` understands.
    pub(super) fn parse<T>(
        &self,
        key: &'static str,
        allowed: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(key)?;
        match parse(&text) {
            Some(value) => Some(value),
            None => self.wrong(key, format!("must be {allowed}")),
        }
    }

    pub(super) fn required<T>(
        &self,
        key: &'static str,
        allowed: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        if self.has(key) {
            self.parse(key, allowed, parse)
        } else {
            self.missing(key, allowed)
        }
    }

    /// `true` or `false`; false where it is not given.
    pub(super) fn flag(&self, key: &'static str) -> bool {
        let value = self.value(key).map(|v| v.get_ref().as_bool());
        match value {
            Some(Some(flag)) => flag,
            Some(None) => self
                .wrong(key, "must be true or false, without quotes")
                .unwrap_or_default(),
            None => false,
        }
    }

    /// A path; a relative one starts at the configuration's directory.
    pub(super) fn path(&self, key: &'static str) -> Option<PathBuf> {
        let text = self.parse(key, "a path", |t| (!t.is_empty()).then(|| t.to_owned()))?;
        Some(self.notes.directory.join(text))
    }

    /// A duration with its unit, between `least` and `most`.
    pub(super) fn duration(
        &self,
        key: &'static str,
        least: Duration,
        most: Duration,
    ) -> Option<Duration> {
        let usual = Duration::from_secs(15 * 60);
        let example = if (least..=most).contains(&usual) {
            usual
        } else {
            least
        };
        let [example, from, to] = [example, least, most].map(show_duration);
        let allowed = format!("a duration such as \"{example}\", from \"{from}\" to \"{to}\"");
        self.parse(key, &allowed, |text| {
            parse_duration(text).filter(|d| (least..=most).contains(d))
        })
    }

    pub(super) fn section(&self, key: &'static str) -> Option<Section<'a>> {
        let value = self.value(key)?;
        match value.get_ref().as_table() {
            Some(table) => Some(self.child(key, value.span().start, table)),
            None => self.wrong(key, format!("must be a table: write [{}]", self.name(key))),
        }
    }

    pub(super) fn required_section(&self, key: &'static str) -> Option<Section<'a>> {
        let write = format!("a table: write [{}]", self.name(key));
        if self.has(key) {
            self.section(key)
        } else {
            self.missing(key, &write)
        }
    }

    /// The tables of `[[key]]`, each called by its `name` in problems where it has one.
    pub(super) fn sections(&self, key: &'static str) -> Vec<Section<'a>> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let list = value.get_ref().as_array();
        let tables = list.map(|l| {
            l.iter()
                .map(|v| Some((v.span().start, v.get_ref().as_table()?)))
        });
        let Some(tables) = tables.and_then(|t| t.collect::<Option<Vec<_>>>()) else {
            let write = format!("must be tables: write [[{}]]", self.name(key));
            return self.wrong(key, write).unwrap_or_default();
        };
        let named = tables.into_iter().enumerate().map(|(i, (at, table))| {
            let name = table.get("name").and_then(|n| n.get_ref().as_str());
            let place = name.map_or_else(|| (i + 1).to_string(), str::to_owned);
            Section::new(format!("{}.{place}", self.name(key)), at, table, self.notes)
        });
        named.collect()
    }

    /// Takes every key as asked for.
    pub(super) fn hush(&self) {
        self.asked.borrow_mut().insert(ANY);
    }
}

const ANY: &str = "*";

impl Drop for Section<'_> {
    fn drop(&mut self) {
        let asked = self.asked.borrow();
        #[cfg(test)]
        tests::note(self, &asked);
        if asked.contains(ANY) {
            return;
        }
        let is_unknown = |key: &str| !asked.contains(key);
        for (key, value) in self.everything().filter(|(key, _)| is_unknown(key)) {
            let allowed = asked.iter().copied().collect::<Vec<_>>().join(", ");
            let what = match near::nearest(key, asked.iter().copied()) {
                Some(near) => {
                    format!("no such key; did you mean `{near}`? Here there can be: {allowed}")
                }
                None => format!("no such key; here there can be: {allowed}"),
            };
            self.notes_of(key)
                .add(value.span().start, self.name_of(key), what);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A table that was read: where its text is, its path, and the keys that were asked for.
    pub(in crate::config) type Asked = (*const u8, String, BTreeSet<&'static str>);

    thread_local! {
        /// The tables that were read in this test.
        pub(in crate::config) static ASKED: RefCell<Vec<Asked>> = RefCell::default();
    }

    pub(super) fn note(section: &Section<'_>, asked: &BTreeSet<&'static str>) {
        let (text, path) = (section.notes.text.as_ptr(), section.path.clone());
        ASKED.with_borrow_mut(|all| all.push((text, path, asked.clone())));
    }

    /// What `read` makes of a text without problems.
    pub(in crate::config) fn read<T>(text: &str, read: impl FnOnce(&Section<'_>) -> T) -> T {
        let document = Document::parse(text, Path::new("/etc/ringcard"));
        let value = document.and_then(|d| d.root(|root| Some(read(root))));
        value.unwrap_or_else(|problems| panic!("{problems}"))
    }

    pub(in crate::config) fn problems(text: &str, read: impl FnOnce(&Section<'_>)) -> Vec<String> {
        let result = Document::parse(text, Path::new("/etc/ringcard")).and_then(|d| {
            d.root(|root| {
                read(root);
                Some(())
            })
        });
        result
            .err()
            .unwrap_or_default()
            .0
            .iter()
            .map(Problem::to_string)
            .collect()
    }

    #[test]
    fn every_mistake_is_told_with_its_line_key_and_value() {
        let text = "a = 1\nb = \"x\"\n[t]\nd = \"5w\"\nnew = 1\n";
        let told = problems(text, |root| {
            root.text("a");
            root.parse("b", "y", |t| (t == "y").then_some(()));
            root.required_text("c", "anything");
            let t = root.section("t").unwrap();
            t.duration("d", Duration::from_secs(1), Duration::from_secs(60));
        });
        assert_eq!(
            told,
            [
                "line 1: a = 1: must be a text in quotes",
                "line 1: c: is missing; give anything",
                "line 2: b = \"x\": must be y",
                "line 4: t.d = \"5w\": must be a duration such as \"1s\", from \"1s\" to \"1m\"",
                "line 5: t.new: no such key; here there can be: d",
            ]
        );
    }

    #[test]
    fn a_slip_of_the_pen_is_told_what_was_meant() {
        let told = problems("[a]\nwebhook-secret = 1\n[b]\nfile = \"x\"", |root| {
            for key in ["a", "b"] {
                let section = root.section(key).unwrap();
                section.has("webhook-secrets");
                section.has("token");
            }
        });
        assert_eq!(
            told,
            [
                "line 2: a.webhook-secret: no such key; did you mean `webhook-secrets`? Here there can be: token, \
                 webhook-secrets",
                "line 4: b.file: no such key; here there can be: token, webhook-secrets",
            ]
        );
    }

    #[test]
    fn broken_toml_is_told_by_line() {
        let told = problems("a = \n[b\nc = 1\n", |_| {});
        assert!(told.len() >= 2, "{told:?}");
        assert!(told[0].starts_with("line 1: not TOML: "), "{told:?}");
    }
}
