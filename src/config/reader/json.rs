//! Values of any shape, as JSON: bodies of requests, whose members are the vendor's to choose.

use serde_json::Value;
use toml::de::DeValue;

use super::Section;

/// Deeper is nothing that a vendor wants.
const DEPTH: usize = 32;

impl Section<'_> {
    /// Whatever stands there. Dates have no form in JSON.
    pub(in crate::config) fn json(&self, key: &'static str) -> Option<Value> {
        let value = self.value(key)?;
        match json(value.get_ref(), 0) {
            Some(json) => Some(json),
            None => self.wrong(
                key,
                "can hold texts, numbers, true, false, lists and tables, but no dates",
            ),
        }
    }
}

fn json(value: &DeValue<'_>, depth: usize) -> Option<Value> {
    if depth > DEPTH {
        return None;
    }
    let inner = |value: &DeValue<'_>| json(value, depth + 1);
    Some(match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Integer(whole) => {
            Value::from(i64::from_str_radix(whole.as_str(), whole.radix()).ok()?)
        }
        DeValue::Float(float) => Value::from(float.as_str().parse::<f64>().ok()?),
        DeValue::Boolean(yes) => Value::from(*yes),
        DeValue::Datetime(_) => return None,
        DeValue::Array(list) => {
            let list = list.iter().map(|element| inner(element.get_ref()));
            Value::Array(list.collect::<Option<_>>()?)
        }
        DeValue::Table(table) => {
            let members = table.iter();
            let members =
                members.map(|(name, v)| Some((name.get_ref().to_string(), inner(v.get_ref())?)));
            Value::Object(members.collect::<Option<_>>()?)
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{problems, read};

    #[test]
    fn a_table_becomes_json() {
        let text = "a = { b = [1, -2, 0x10], c = 1.5, d = \"x\", e = true, \">f\" = {} }";
        let json = read(text, |root| root.json("a"));
        let expected = json!({"b": [1, -2, 16], "c": 1.5, "d": "x", "e": true, ">f": {}});
        assert_eq!(json, Some(expected));
        let told = problems("a = 2026-01-01", |root| drop(root.json("a")));
        assert_eq!(told.len(), 1, "{told:?}");
    }
}
