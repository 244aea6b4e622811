//! Texts of a description to templates, paths and expressions, every problem told at its key.

use minijinja::context;
use serde_json::Value;

use super::super::reader::Section;
use super::given::{Declared, Given};
use crate::source::api::description::Credential;
use crate::source::api::template::{Scope, Shape, Templates, Text};
use crate::source::json::{Path, RecordExpression, RecordValue};

/// Which names a template may use beside what the operator gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// Before anybody is logged in.
    Login,
    /// With every request.
    Always,
    /// A page of a list.
    Page,
    /// A page of a list of what has changed.
    Changes,
}

pub(super) struct Compiler<'g> {
    templates: Templates,
    given: &'g Given,
    names: Scope,
    /// The secrets that prove who we are.
    credentials: Vec<String>,
}

impl<'g> Compiler<'g> {
    /// What a description asks for may be named, though it was not given: that is told elsewhere.
    pub(super) fn new(given: &'g Given, declared: &Declared) -> Compiler<'g> {
        Compiler {
            templates: Templates::default(),
            given,
            names: Scope {
                with: declared.with.iter().map(|with| with.name.clone()).collect(),
                secrets: declared.secrets.iter().map(|s| s.name.clone()).collect(),
                ..Scope::default()
            },
            credentials: Vec::new(),
        }
    }

    /// What a login gives.
    pub(super) fn add_login(&mut self, names: impl IntoIterator<Item = String>) {
        self.names.login.extend(names);
    }

    pub(super) fn into_templates(self) -> Templates {
        self.templates
    }

    /// What to renew when we are refused: the secrets that the credential is made of, or all of them.
    pub(super) fn credentials(&self, declared: &Declared) -> Vec<Credential> {
        let is_used =
            |name: &String| self.credentials.is_empty() || self.credentials.contains(name);
        let used = declared.secrets.iter().filter(|rule| is_used(&rule.name));
        // Of several, those that can be renewed are meant.
        let (renewable, other): (Vec<_>, Vec<_>) = used.partition(|rule| rule.renew.is_some());
        let meant = if renewable.is_empty() {
            other
        } else {
            renewable
        };
        let credential = |rule: &super::given::SecretRule| Credential {
            secret: rule.name.clone(),
            renew: rule.renew.clone(),
        };
        meant.into_iter().map(credential).collect()
    }

    fn scope(&self, when: When) -> Scope {
        Scope {
            login: match when {
                When::Login => Vec::new(),
                _ => self.names.login.clone(),
            },
            page: matches!(when, When::Page | When::Changes),
            since: when == When::Changes,
            ..self.names.clone()
        }
    }

    fn compile(&mut self, text: &str, when: When) -> Result<Text, String> {
        let scope = self.scope(when);
        self.templates.compile(text, &scope)
    }

    pub(super) fn text(
        &mut self,
        section: &Section<'_>,
        key: &'static str,
        when: When,
    ) -> Option<Text> {
        let text = section.text(key)?;
        match self.compile(&text, when) {
            Ok(text) => Some(text),
            Err(what) => section.wrong(key, what),
        }
    }

    pub(super) fn required(
        &mut self,
        section: &Section<'_>,
        key: &'static str,
        allowed: &str,
        when: When,
    ) -> Option<Text> {
        match section.has(key) {
            true => self.text(section, key, when),
            false => section.missing(key, allowed),
        }
    }

    /// A text that proves who we are.
    pub(super) fn credential(
        &mut self,
        section: &Section<'_>,
        key: &'static str,
        allowed: &str,
    ) -> Option<Text> {
        let text = self.required(section, key, allowed, When::Always)?;
        self.note(&text);
        Some(text)
    }

    /// The secrets in it prove who we are.
    pub(super) fn note(&mut self, text: &Text) {
        self.credentials.extend(text.secrets().iter().cloned());
    }

    /// Named texts, whose names are the vendor's. Numbers and answers are as good as texts.
    pub(super) fn pairs(
        &mut self,
        section: &Section<'_>,
        key: &'static str,
        when: When,
    ) -> Vec<(String, Text)> {
        let Some(json) = section.json(key) else {
            return Vec::new();
        };
        let Value::Object(members) = json else {
            return section.wrong(key, "must be a table").unwrap_or_default();
        };
        let mut pairs = Vec::new();
        for (name, value) in members {
            let text = match value {
                Value::String(text) => text,
                Value::Number(number) => number.to_string(),
                Value::Bool(yes) => yes.to_string(),
                _ => {
                    section.wrong::<()>(key, format!("{name} must be a text"));
                    continue;
                }
            };
            match self.compile(&text, when) {
                Ok(text) => pairs.push((name, text)),
                Err(what) => drop(section.wrong::<()>(key, format!("{name}: {what}"))),
            }
        }
        pairs
    }

    /// A body, whose texts are templates.
    pub(super) fn shape(
        &mut self,
        section: &Section<'_>,
        key: &'static str,
        when: When,
    ) -> Option<Shape> {
        let json = section.json(key)?;
        let mut wrong = Vec::new();
        let shape = self.shape_of(json, when, &mut wrong);
        for what in &wrong {
            section.wrong::<()>(key, what.clone());
        }
        wrong.is_empty().then_some(shape)
    }

    fn shape_of(&mut self, json: Value, when: When, wrong: &mut Vec<String>) -> Shape {
        match json {
            Value::String(text) => match self.compile(&text, when) {
                Ok(text) => Shape::Text(text),
                Err(what) => {
                    wrong.push(format!("{text:?}: {what}"));
                    Shape::Fixed(Value::Null)
                }
            },
            Value::Array(list) => {
                let list = list
                    .into_iter()
                    .map(|element| self.shape_of(element, when, wrong));
                Shape::List(list.collect())
            }
            Value::Object(members) => {
                let members = members.into_iter();
                let members =
                    members.map(|(name, value)| (name, self.shape_of(value, when, wrong)));
                Shape::Members(members.collect())
            }
            other => Shape::Fixed(other),
        }
    }

    /// A text that is filled in now, with what the operator gave in `with`.
    pub(super) fn now(&self, section: &Section<'_>, key: &'static str) -> Option<String> {
        let text = section.text(key)?;
        if !text.contains("{{") && !text.contains("{%") {
            return Some(text);
        }
        let scope = Scope {
            with: self.names.with.clone(),
            ..Scope::default()
        };
        let mut templates = Templates::default();
        let names = context! { with => Templates::named(&self.given.with) };
        let filled = templates
            .compile(&text, &scope)
            .map(|text| templates.text(&text, &names));
        match filled {
            Ok(Ok(text)) => Some(text),
            // Something that it needs was not given, which is told there.
            Ok(Err(_)) => None,
            Err(what) => section.wrong(key, what),
        }
    }

    pub(super) fn path(&self, section: &Section<'_>, key: &'static str) -> Option<Path> {
        let text = self.now(section, key)?;
        match Path::parse(&text) {
            Some(path) => Some(path),
            None => section.wrong(key, format!("must be {}", Path::ALLOWED)),
        }
    }

    pub(super) fn required_path(
        &self,
        section: &Section<'_>,
        key: &'static str,
        allowed: &str,
    ) -> Option<Path> {
        match section.has(key) {
            true => self.path(section, key),
            false => section.missing(key, allowed),
        }
    }

    /// A value of a record: a path or an expression.
    pub(super) fn value(&self, section: &Section<'_>, key: &'static str) -> Option<RecordValue> {
        let text = self.now(section, key)?;
        match RecordValue::new(&text) {
            Ok(value) => Some(value),
            Err(what) => section.wrong(key, what),
        }
    }

    pub(super) fn condition(
        &self,
        section: &Section<'_>,
        key: &'static str,
    ) -> Option<RecordExpression> {
        let text = self.now(section, key)?;
        match RecordExpression::new(&text) {
            Ok(condition) => Some(condition),
            Err(what) => section.wrong(key, what),
        }
    }

    /// Names and where they are in an answer.
    pub(super) fn capture(
        &mut self,
        section: &Section<'_>,
        key: &'static str,
    ) -> Vec<(String, Path)> {
        let Some(table) = section.section(key) else {
            return Vec::new();
        };
        let mut capture = Vec::new();
        for (name, text) in table.free_texts() {
            match Path::parse(&text) {
                Some(path) => capture.push((name, path)),
                None => table.wrong_at(&name, format!("must be {}", Path::ALLOWED)),
            }
        }
        self.add_login(capture.iter().map(|(name, _)| name.clone()));
        capture
    }
}
