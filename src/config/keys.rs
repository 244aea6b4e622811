//! Every key of the configuration, once: what it means, what is allowed, and what holds without it.
//!
//! The annotated sample, ringcard.toml(5) and the tables of docs/configuration.md and docs/sources.md are made of
//! this table. Tests hold it against the reader: each key that is asked for is here, each key here is asked for,
//! its example is valid, its default is what the code does, and what is allowed is what problems say.
//!
//! Texts are Markdown with `code` and [links](target) only. A name in capitals stands for keys that the operator
//! chooses.

mod card;
mod columns;
mod matching;
mod office;
mod sample;
mod source;
mod sql;

pub use sample::{sample, shortest};

/// The version that knew the first keys.
pub const FIRST: &str = "0.1.0";

/// What holds if a key is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Otherwise {
    /// The configuration is refused.
    Required,
    /// The same as if this TOML were written.
    Value(&'static str),
    /// What these words say.
    Said(&'static str),
}

/// Where the sample shows a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A line that its table can't do without.
    Needed,
    /// A line behind a `#` of its own.
    Usual,
    /// A line that says what to write instead of the one before.
    Instead,
    /// Its name alone, in a list.
    Seldom,
}

#[derive(Clone, Copy, Debug)]
pub struct Key {
    pub name: &'static str,
    pub meaning: &'static str,
    pub allowed: &'static str,
    pub otherwise: Otherwise,
    /// TOML, right where the rest of the table is.
    pub example: &'static str,
    /// What a bare number counts.
    pub unit: &'static str,
    /// The first version that knows it.
    pub since: &'static str,
    pub place: Place,
}

impl Key {
    const fn new(name: &'static str, meaning: &'static str) -> Key {
        Key {
            name,
            meaning,
            allowed: "",
            otherwise: Otherwise::Said("none"),
            example: "",
            unit: "",
            since: FIRST,
            place: Place::Seldom,
        }
    }

    const fn allowed(self, allowed: &'static str) -> Key {
        Key { allowed, ..self }
    }

    const fn example(self, example: &'static str) -> Key {
        Key { example, ..self }
    }

    const fn required(self) -> Key {
        let otherwise = Otherwise::Required;
        Key { otherwise, ..self }
    }

    /// The default, as it would be written.
    const fn default(self, value: &'static str) -> Key {
        let otherwise = Otherwise::Value(value);
        Key { otherwise, ..self }
    }

    /// What holds without it, in words.
    const fn without(self, words: &'static str) -> Key {
        let otherwise = Otherwise::Said(words);
        Key { otherwise, ..self }
    }

    const fn unit(self, unit: &'static str) -> Key {
        Key { unit, ..self }
    }

    const fn place(self, place: Place) -> Key {
        Key { place, ..self }
    }

    /// Whether its name is the operator's to choose.
    pub fn is_free(&self) -> bool {
        self.name.bytes().all(|b| b.is_ascii_uppercase())
    }

    /// What stands in an example line.
    pub fn shown(&self) -> &'static str {
        match (self.example, self.otherwise) {
            ("", Otherwise::Value(value)) => value,
            (example, _) => example,
        }
    }
}

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The top of the file.
    Top,
    /// `[path]`
    Table,
    /// `[[path]]`, as many as there are.
    List,
    /// `{ ... }` as the value of a key.
    Inline,
}

/// Keys that stand together.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// What the documents call it.
    pub id: &'static str,
    pub path: &'static str,
    /// Other paths with the same keys.
    pub also: &'static [&'static str],
    pub form: Form,
    /// The types of sources that have these keys; none: all, or it is of no source.
    pub types: &'static [&'static str],
    pub title: &'static str,
    /// What there is to know of the table as a whole.
    pub about: &'static str,
    /// Instead of lines made of the keys, in the sample.
    pub sample: &'static str,
    pub keys: &'static [Key],
}

impl Table {
    const fn new(id: &'static str, path: &'static str, form: Form, keys: &'static [Key]) -> Table {
        Table {
            id,
            path,
            also: &[],
            form,
            types: &[],
            title: "",
            about: "",
            sample: "",
            keys,
        }
    }

    const fn called(self, title: &'static str, about: &'static str) -> Table {
        Table {
            title,
            about,
            ..self
        }
    }

    const fn of(self, types: &'static [&'static str]) -> Table {
        Table { types, ..self }
    }

    /// `[webhook]`, `[[account]]`; nothing for the top, and for what is written within a line.
    pub fn header(&self) -> String {
        match self.form {
            Form::Top | Form::Inline => String::new(),
            Form::Table => format!("[{}]", self.path),
            Form::List => format!("[[{}]]", self.path),
        }
    }

    fn is_of(&self, kind: &str) -> bool {
        self.types.is_empty() || self.types.contains(&kind)
    }
}

/// What `type` says of a source that is read by a connector, in [`Table::types`].
const CONNECTOR: &str = "a connector";

/// All tables, in the order of a file.
pub const TABLES: &[Table] = &[
    office::TOP,
    office::WEBHOOK,
    office::METRICS,
    office::HIPCALL,
    office::ACCOUNT,
    office::SECRET,
    source::EVERY,
    source::FILES,
    source::CSV,
    source::XLSX,
    source::JSON,
    source::VCARD,
    sql::DATABASE,
    source::BY_CONNECTOR,
    source::WITH,
    source::SECRETS,
    source::GUARDS,
    source::EXPIRES,
    columns::COLUMNS,
    columns::NUMBERS,
    columns::FIELDS,
    matching::MATCHING,
    matching::MERGE,
    card::CARD,
    card::ROW,
    card::VARIANT,
    card::AGE,
    card::LIMITS,
    card::WORDS,
];

/// A part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    Plain(&'a str),
    /// As it is typed.
    Code(&'a str),
}

/// A text in its parts, links as their words.
pub fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    for (n, part) in text.split('`').enumerate() {
        match n % 2 {
            1 => parts.push(Part::Code(part)),
            _ => without_links(part, &mut parts),
        }
    }
    parts.retain(|part| !matches!(part, Part::Plain("")));
    parts
}

fn without_links<'a>(mut text: &'a str, parts: &mut Vec<Part<'a>>) {
    while let Some((before, words, after)) = link(text) {
        parts.extend([before, words].map(Part::Plain));
        text = after;
    }
    parts.push(Part::Plain(text));
}

fn link(text: &str) -> Option<(&str, &str, &str)> {
    let (words, rest) = text.split_once("](")?;
    let (before, words) = words.rsplit_once('[')?;
    let (_, after) = rest.split_once(')')?;
    Some((before, words, after))
}

/// A text without any marks.
pub fn plain(text: &str) -> String {
    let words = |part: &Part<'_>| match part {
        Part::Plain(text) | Part::Code(text) => (*text).to_owned(),
    };
    parts(text).iter().map(words).collect()
}

#[cfg(test)]
mod tests;
