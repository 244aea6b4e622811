//! Expressions over a record, in the language of the cards' templates (minijinja).
//!
//! The record's members are its variables, and `record` is the whole, for names that are no identifiers:
//! `record["Müşteri Adı"]`. What is absent or `null` is nothing, also within something that is nothing, since
//! APIs leave out what is empty. Steps are counted, so an expression can't run away.

use std::sync::LazyLock;

use minijinja::value::{Value, ValueKind};
use minijinja::{AutoEscape, Environment, ErrorKind, Expression as Compiled, UndefinedBehavior};
use serde_json::Value as Json;

/// Steps of one expression; joining five members takes some thirty.
const FUEL: u64 = 10_000;
/// Elements of one list; minijinja's own `range` has no more.
const ELEMENTS: usize = 100_000;
const RECORD: &str = "record";

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_fuel(Some(FUEL));
    environment
});

pub(in crate::source) struct Expression(Compiled<'static, 'static>);

/// A record as expressions see it: made once for all of them.
pub(in crate::source) struct Subject(Value);

impl Subject {
    pub(in crate::source) fn of(record: &Json) -> Subject {
        let whole = value(record);
        let members = record.as_object().into_iter().flatten();
        let members = members.filter(|(name, _)| *name != RECORD);
        let members = members.map(|(name, member)| (name.clone(), value(member)));
        let all = members.chain([(RECORD.to_owned(), whole)]);
        Subject(Value::from_pairs(all))
    }
}

impl Expression {
    /// The error says what is wrong with the text.
    pub(in crate::source) fn compile(text: &str) -> Result<Expression, String> {
        let compiled = ENVIRONMENT.compile_expression_owned(text.to_owned());
        let compiled = compiled.map_err(|e| in_words(&e))?;
        // Filters and functions are looked up only when they are needed.
        match compiled.eval(Subject::of(&Json::Null).0) {
            Err(e) if is_misspelt(&e) => Err(in_words(&e)),
            _ => Ok(Expression(compiled)),
        }
    }

    /// `None` if the record is not what the expression expects.
    pub(in crate::source) fn of(&self, subject: &Subject) -> Option<Json> {
        json(&self.0.eval(subject.0.clone()).ok()?)
    }

    /// Whether it holds.
    pub(in crate::source) fn holds(&self, subject: &Subject) -> Option<bool> {
        Some(self.0.eval(subject.0.clone()).ok()?.is_true())
    }
}

/// Whether the error is of the text, and not of what it is used on.
pub(in crate::source) fn is_misspelt(error: &minijinja::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::UnknownFilter | ErrorKind::UnknownTest | ErrorKind::UnknownFunction
    )
}

/// minijinja's message without the made-up name of the template; it repeats no value.
pub(in crate::source) fn in_words(error: &minijinja::Error) -> String {
    let detail = error.detail().map(|d| format!(": {d}"));
    format!("{}{}", error.kind(), detail.unwrap_or_default())
}

pub(in crate::source) fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::UNDEFINED,
        Json::Bool(yes) => Value::from(*yes),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => Value::from(whole),
            (None, Some(whole)) => Value::from(whole),
            (None, None) => Value::from(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(list) => Value::from_iter(list.iter().map(value)),
        Json::Object(members) => {
            Value::from_pairs(members.iter().map(|(n, v)| (n.clone(), value(v))))
        }
    }
}

/// `None` for what is no value, such as a function or what could not be computed.
pub(in crate::source) fn json(value: &Value) -> Option<Json> {
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => Some(Json::Null),
        ValueKind::Bool | ValueKind::Number | ValueKind::String | ValueKind::Map => {
            serde_json::to_value(value).ok()
        }
        ValueKind::Seq | ValueKind::Iterable => {
            // A list that is repeated takes nothing until it is gone through.
            if value.len().is_some_and(|elements| elements > ELEMENTS) {
                return None;
            }
            let elements = value.try_iter().ok()?;
            elements
                .map(|element| json(&element))
                .collect::<Option<Vec<_>>>()
                .map(Json::Array)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(text: &str, record: Json) -> Option<Json> {
        Expression::compile(text).unwrap().of(&Subject::of(&record))
    }

    #[test]
    fn expressions_see_members_and_what_is_absent_is_nothing() {
        let record = || {
            json!({
                "first": "Ayşe", "last": null, "tags": ["a", null, 2], "big": 18_446_744_073_709_551_615_u64,
                "Müşteri Adı": "Yılmaz", "active": true, "amount": 1250.5, "org": null,
            })
        };
        let cases = [
            ("first ~ ' ' ~ last", json!("Ayşe ")),
            ("record['Müşteri Adı']", json!("Yılmaz")),
            ("org.name", Json::Null),
            ("nobody", Json::Null),
            ("org.name or first", json!("Ayşe")),
            ("tags", json!(["a", null, 2])),
            ("tags | select('defined') | list", json!(["a", 2])),
            ("big", json!(18_446_744_073_709_551_615_u64)),
            ("amount * 2", json!(2501.0)),
            ("not active", json!(false)),
            ("'VIP' if active", json!("VIP")),
            ("record.first | upper", json!("AYŞE")),
            ("{'a': first}", json!({"a": "Ayşe"})),
        ];
        for (text, expected) in cases {
            assert_eq!(of(text, record()), Some(expected), "{text}");
        }
    }

    #[test]
    fn an_expression_that_fails_or_runs_away_gives_nothing() {
        assert_eq!(of("first + 1", json!({"first": "x"})), None);
        assert_eq!(of("first | float", json!({"first": "x"})), None);
        let many = format!("[{}]", vec!["a ~ 'x'"; 4000].join(","));
        assert_eq!(of(&many, json!({"a": 1})), None);
        for large in ["[1] * 1000000000", "'x' * 1000000000", "range(1000000000)"] {
            assert_eq!(of(large, json!({})), None, "{large}");
        }
        let error = Expression::compile("first ~").err().unwrap();
        assert!(error.contains("syntax error"), "{error}");
        assert!(Expression::compile("Müşteri Adı").is_err());
    }
}
