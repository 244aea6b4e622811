//! Templates of requests: texts with `{{ ... }}` over what the operator gave, what a login gave, and the page.
//!
//! They are compiled when the configuration is read, and every name in them is looked up then. What is not known
//! until a request is made, such as a token, is an error then if it is not there: a request that lacks a part
//! may mean another thing. Steps are counted, so a template can't run away.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, Expression, UndefinedBehavior, context};
use serde_json::Value as Json;

use crate::source::json::expression::{in_words, is_misspelt, json};

/// Steps of one template; a query with all its fields takes some fifty.
const FUEL: u64 = 10_000;
/// What a page has, whatever the kind of paging.
const OF_PAGE: [&str; 5] = ["cursor", "last", "number", "offset", "size"];

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_fuel(Some(FUEL));
    environment.set_formatter(|out, state, value| match value.is_none() {
        true => Ok(()),
        false => minijinja::escape_formatter(out, state, value),
    });
    environment.add_filter("base64", |text: &str| STANDARD.encode(text));
    environment
});

/// Which names a template may use.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    pub with: Vec<String>,
    pub secrets: Vec<String>,
    pub login: Vec<String>,
    pub page: bool,
    /// `since` and `now`.
    pub since: bool,
}

/// All templates of a connector.
#[derive(Clone, Debug)]
pub struct Templates {
    environment: Environment<'static>,
    count: usize,
}

/// One of them.
#[derive(Clone)]
pub struct Text {
    kind: TextKind,
    /// The secrets that it shows.
    secrets: Vec<String>,
}

#[derive(Clone)]
enum TextKind {
    Plain(String),
    /// One expression and nothing else: its value keeps its type.
    Typed(Arc<Expression<'static, 'static>>),
    Filled(String),
}

/// A JSON value whose texts are templates.
#[derive(Clone, Debug)]
pub enum Shape {
    Fixed(Json),
    Text(Text),
    List(Vec<Shape>),
    Members(Vec<(String, Shape)>),
}

/// A template that could not be filled in: only the kind of error, since a value may be a secret.
#[derive(Debug, thiserror::Error)]
#[error("a template of the connector could not be filled in: {0}")]
pub struct TemplateError(String);

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            TextKind::Plain(text) => text.fmt(f),
            TextKind::Typed(_) => f.write_str("{{ .. }}"),
            TextKind::Filled(name) => write!(f, "template {name}"),
        }
    }
}

impl Default for Templates {
    fn default() -> Templates {
        Templates {
            environment: ENVIRONMENT.clone(),
            count: 0,
        }
    }
}

impl Templates {
    /// Texts by name, as templates see them.
    pub fn named(texts: &BTreeMap<String, String>) -> Value {
        named(texts.iter().map(|(name, text)| (name, text.as_str())))
    }

    /// The error says what is wrong with the text.
    pub fn compile(&mut self, text: &str, scope: &Scope) -> Result<Text, String> {
        if !text.contains("{{") && !text.contains("{%") && !text.contains("{#") {
            return Ok(Text::plain(text));
        }
        if let Some(expression) = only_expression(text) {
            let secrets = scope.check(&expression.undeclared_variables(true))?;
            look_up(expression.eval(scope.sample()).err())?;
            let kind = TextKind::Typed(Arc::new(expression));
            return Ok(Text { kind, secrets });
        }
        let name = self.count.to_string();
        let added = self
            .environment
            .add_template_owned(name.clone(), text.to_owned());
        added.map_err(|e| in_words(&e))?;
        self.count += 1;
        let template = self
            .environment
            .get_template(&name)
            .map_err(|e| in_words(&e))?;
        let secrets = scope.check(&template.undeclared_variables(true))?;
        look_up(template.render(scope.sample()).err())?;
        Ok(Text {
            kind: TextKind::Filled(name),
            secrets,
        })
    }

    pub fn text(&self, text: &Text, names: &Value) -> Result<String, TemplateError> {
        match &text.kind {
            TextKind::Plain(text) => Ok(text.clone()),
            TextKind::Filled(name) => self
                .environment
                .get_template(name)
                .and_then(|template| template.render(names))
                .map_err(|e| TemplateError::new(&e)),
            TextKind::Typed(expression) => {
                let value = expression.eval(names).map_err(|e| TemplateError::new(&e))?;
                match (value.is_undefined(), value.is_none()) {
                    (true, _) => Err(TemplateError("a name in it has no value".into())),
                    (_, true) => Ok(String::new()),
                    _ => Ok(value.to_string()),
                }
            }
        }
    }

    /// Like `text`, but what is exactly one expression keeps its type.
    fn value(&self, text: &Text, names: &Value) -> Result<Json, TemplateError> {
        let TextKind::Typed(expression) = &text.kind else {
            return self.text(text, names).map(Json::String);
        };
        let value = expression.eval(names).map_err(|e| TemplateError::new(&e))?;
        match json(&value) {
            Some(json) if !value.is_undefined() => Ok(json),
            _ => Err(TemplateError("a name in it has no value".into())),
        }
    }

    /// A member that is one expression alone and comes out empty is left out, such as the first page's cursor.
    pub fn shape(&self, shape: &Shape, names: &Value) -> Result<Json, TemplateError> {
        match shape {
            Shape::Fixed(json) => Ok(json.clone()),
            Shape::Text(text) => self.value(text, names),
            Shape::List(list) => {
                let filled = list.iter().map(|element| self.shape(element, names));
                filled.collect::<Result<Vec<_>, _>>().map(Json::Array)
            }
            Shape::Members(members) => {
                let mut filled = serde_json::Map::new();
                for (name, member) in members {
                    let value = self.shape(member, names)?;
                    let is_empty = value.is_null() || value == "";
                    if !(is_empty && member.is_one_expression()) {
                        filled.insert(name.clone(), value);
                    }
                }
                Ok(Json::Object(filled))
            }
        }
    }

    /// Named texts, those that come out empty left out.
    pub fn pairs(
        &self,
        pairs: &[(String, Text)],
        names: &Value,
    ) -> Result<Vec<(String, String)>, TemplateError> {
        let mut filled = Vec::new();
        for (name, text) in pairs {
            let value = self.text(text, names)?;
            if !value.is_empty() {
                filled.push((name.clone(), value));
            }
        }
        Ok(filled)
    }
}

impl Text {
    pub fn plain(text: &str) -> Text {
        Text {
            kind: TextKind::Plain(text.to_owned()),
            secrets: Vec::new(),
        }
    }

    /// The names of the secrets that it shows.
    pub fn secrets(&self) -> &[String] {
        &self.secrets
    }
}

impl Shape {
    fn is_one_expression(&self) -> bool {
        matches!(self, Shape::Text(text) if matches!(text.kind, TextKind::Typed(_)))
    }

    /// Every template in it.
    pub fn texts(&self) -> Vec<&Text> {
        match self {
            Shape::Fixed(_) => Vec::new(),
            Shape::Text(text) => vec![text],
            Shape::List(list) => list.iter().flat_map(Shape::texts).collect(),
            Shape::Members(members) => members.iter().flat_map(|(_, m)| m.texts()).collect(),
        }
    }
}

impl TemplateError {
    fn new(error: &minijinja::Error) -> TemplateError {
        TemplateError(error.kind().to_string())
    }
}

fn only_expression(text: &str) -> Option<Expression<'static, 'static>> {
    let inside = text.strip_prefix("{{")?.strip_suffix("}}")?;
    ENVIRONMENT
        .compile_expression_owned(inside.trim().to_owned())
        .ok()
}

/// Filters and functions are looked up only when they are needed.
fn look_up(error: Option<minijinja::Error>) -> Result<(), String> {
    match error {
        Some(e) if is_misspelt(&e) => Err(in_words(&e)),
        _ => Ok(()),
    }
}

impl Scope {
    /// Something for every name.
    fn sample(&self) -> Value {
        let all = |names: &[String]| named(names.iter().map(|name| (name, "x")));
        context! {
            with => all(&self.with),
            secrets => all(&self.secrets),
            login => all(&self.login),
            page => context! { cursor => "x", last => "x", number => 1, offset => 0, size => 1 },
            since => "x",
            now => "x",
        }
    }

    /// The secrets among the names; or which name is not known.
    fn check<'n>(
        &self,
        names: impl IntoIterator<Item = &'n String>,
    ) -> Result<Vec<String>, String> {
        let mut secrets = Vec::new();
        for name in names {
            let mut parts = name.split('.');
            let (root, member) = (parts.next().unwrap_or_default(), parts.next());
            let of_page: Vec<String> = OF_PAGE.map(str::to_owned).to_vec();
            let members = match root {
                "with" => &self.with,
                "secrets" => &self.secrets,
                "login" => &self.login,
                "page" if self.page => &of_page,
                "since" | "now" if self.since => continue,
                _ => return Err(format!("nothing is called {root} here")),
            };
            let Some(member) = member else {
                // Looked up by an expression: what it is shows only then.
                secrets.extend(members.iter().filter(|_| root == "secrets").cloned());
                continue;
            };
            let meant = members
                .iter()
                .find(|m| *m == member || m.replace('-', "_") == member);
            match meant {
                Some(meant) if root == "secrets" => secrets.push(meant.clone()),
                Some(_) => {}
                None => return Err(format!("there is no {root}.{member}")),
            }
        }
        secrets.sort();
        Ok(secrets)
    }
}

/// Texts by name, as templates see them: a name with dashes can be written with underscores too.
pub(super) fn named<'t>(texts: impl IntoIterator<Item = (&'t String, &'t str)>) -> Value {
    let mut all = BTreeMap::new();
    for (name, text) in texts {
        all.insert(name.replace('-', "_"), Value::from(text));
        all.insert(name.clone(), Value::from(text));
    }
    Value::from_pairs(all)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scope() -> Scope {
        Scope {
            with: vec!["company".into()],
            secrets: vec!["client-id".into(), "token".into()],
            login: vec!["uid".into()],
            page: true,
            since: false,
        }
    }

    fn names() -> Value {
        let token = ("token".to_owned(), "t0p");
        let id = ("client-id".to_owned(), "id7");
        context! {
            with => context! { company => "acme" },
            secrets => named([(&token.0, token.1), (&id.0, id.1)]),
            page => context! { cursor => Value::from(()), offset => 100, size => 50 },
        }
    }

    fn filled(text: &str) -> Result<String, String> {
        let mut templates = Templates::default();
        let text = templates.compile(text, &scope())?;
        templates.text(&text, &names()).map_err(|e| e.to_string())
    }

    #[test]
    fn a_template_is_filled_in_with_what_there_is() {
        let cases = [
            ("plain", "plain"),
            ("https://{{ with.company }}.example", "https://acme.example"),
            ("{{ page.offset + page.size }}", "150"),
            ("{{ page.cursor }}", ""),
            ("a{{ page.cursor }}b", "ab"),
            (
                "{{ (with.company ~ ':' ~ secrets.token) | base64 }}",
                "YWNtZTp0MHA=",
            ),
            ("{{ 'a b&c' | urlencode }}", "a%20b%26c"),
            (
                "{{ secrets['client-id'] }}/{{ secrets.client_id }}",
                "id7/id7",
            ),
            ("{% if with.company %}yes{% endif %}", "yes"),
        ];
        for (text, expected) in cases {
            assert_eq!(filled(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn names_that_do_not_exist_are_told_when_the_template_is_compiled() {
        let cases = [
            ("{{ with.compny }}", "there is no with.compny"),
            ("x{{ wth.company }}", "nothing is called wth here"),
            ("{{ since }}", "nothing is called since here"),
            ("{{ page.nr }}", "there is no page.nr"),
            ("{{ with.company | base46 }}", "unknown filter"),
            ("x{{ with.company | base46 }}", "unknown filter"),
            ("{{ with.company", "syntax error"),
        ];
        for (text, expected) in cases {
            let error = filled(text).unwrap_err();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
        // Known by name, but not there yet: told when the request is made, without any value.
        let error = filled("{{ login.uid }}").unwrap_err();
        assert!(
            error.starts_with("a template of the connector could not"),
            "{error}"
        );
    }

    #[test]
    fn a_body_keeps_types_and_leaves_out_what_comes_out_empty() {
        let mut templates = Templates::default();
        let mut text = |t: &str| Shape::Text(templates.compile(t, &scope()).unwrap());
        let shape = Shape::Members(vec![
            ("offset".into(), text("{{ page.offset }}")),
            ("text".into(), text("{{ page.offset }}!")),
            ("after".into(), text("{{ page.cursor }}")),
            ("empty".into(), text("")),
            (
                "list".into(),
                Shape::List(vec![
                    text("{{ [1, with.company] }}"),
                    Shape::Fixed(json!(null)),
                ]),
            ),
        ]);
        assert_eq!(
            templates.shape(&shape, &names()).unwrap(),
            json!({"offset": 100, "text": "100!", "empty": "", "list": [[1, "acme"], null]})
        );
    }

    #[test]
    fn a_template_knows_its_secrets_and_shows_none() {
        let mut templates = Templates::default();
        let text = templates
            .compile("{{ secrets.token }}{{ with.company }}", &scope())
            .unwrap();
        assert_eq!(text.secrets(), ["token"]);
        let by_name = templates
            .compile("{{ secrets['client-id'] }}", &scope())
            .unwrap();
        assert_eq!(by_name.secrets(), ["client-id", "token"]);
        assert!(!format!("{text:?}{templates:?}").contains("t0p"));
    }
}
