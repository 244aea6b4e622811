//! Paths into JSON: `id`, `address.city`, `phones[0].value`, `phones[*].value`, `value["@odata.id"]`.
//!
//! A member that is called exactly like the whole path wins, so that names with dots or brackets in them can
//! be written as they are. Paths are followed without copying; `[*]` follows every element of a list.

use serde_json::Value;

/// Longest path read, in steps; the deepest of a vendor's has five.
const STEPS: usize = 32;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    text: String,
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Member(String),
    At(usize),
    /// From the last one: `[-1]`.
    FromEnd(usize),
    Each,
}

impl Path {
    pub const ALLOWED: &'static str =
        "a member's name or a path such as address.city, phones[0].value or phones[*].value";

    /// `""` is the value itself.
    pub fn parse(text: &str) -> Option<Path> {
        let text = text.trim();
        let mut steps = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let step;
            (step, rest) = match rest.strip_prefix('[') {
                Some(inside) => bracket(inside)?,
                None => {
                    let name = match (steps.is_empty(), rest.strip_prefix('.')) {
                        (true, None) => rest,
                        (false, Some(name)) => name,
                        _ => return None,
                    };
                    member(name)?
                }
            };
            steps.push(step);
            if steps.len() > STEPS {
                return None;
            }
        }
        let text = text.to_owned();
        Some(Path { text, steps })
    }

    /// Of one member, whatever its name is made of.
    pub(super) fn of_member(name: &str) -> Path {
        Path {
            text: name.to_owned(),
            steps: vec![Step::Member(name.to_owned())],
        }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it can lead to more than one value.
    pub fn is_many(&self) -> bool {
        self.steps.contains(&Step::Each)
    }

    /// The first value that it leads to, `null` included.
    pub fn find<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        let mut first = None;
        self.each(value, &mut |found| {
            first.get_or_insert(found);
        });
        first
    }

    /// The same to be changed or taken; a path with `[*]` leads nowhere.
    pub(in crate::source) fn find_mut<'v>(&self, value: &'v mut Value) -> Option<&'v mut Value> {
        let is_exact = |members: &serde_json::Map<_, _>| members.contains_key(&self.text);
        if value.as_object().is_some_and(is_exact) {
            return value.get_mut(&self.text);
        }
        self.steps.iter().try_fold(value, |value, step| match step {
            Step::Member(name) => value.get_mut(name),
            Step::At(place) => value.get_mut(place),
            Step::FromEnd(place) => {
                let list = value.as_array_mut()?;
                let place = list.len().checked_sub(*place)?;
                list.get_mut(place)
            }
            Step::Each => None,
        })
    }

    /// Hands every value that it leads to on, in their order.
    pub(super) fn each<'v>(&self, value: &'v Value, found: &mut dyn FnMut(&'v Value)) {
        let exact = value
            .as_object()
            .and_then(|members| members.get(&self.text));
        match exact {
            Some(exact) => found(exact),
            None => follow(&self.steps, value, found),
        }
    }
}

fn follow<'v>(steps: &[Step], value: &'v Value, found: &mut dyn FnMut(&'v Value)) {
    let Some((step, rest)) = steps.split_first() else {
        return found(value);
    };
    let list = || value.as_array();
    let next = match step {
        Step::Member(name) => value.get(name),
        Step::At(place) => value.get(place),
        Step::FromEnd(place) => list().and_then(|l| l.get(l.len().checked_sub(*place)?)),
        Step::Each => {
            for element in list().into_iter().flatten() {
                follow(rest, element, found);
            }
            return;
        }
    };
    if let Some(next) = next {
        follow(rest, next, found);
    }
}

/// A name without quotes is made of what can be no operator, so that a path is never an expression.
fn member(text: &str) -> Option<(Step, &str)> {
    let is_name = |c: char| c.is_alphanumeric() || "_-@$#:".contains(c);
    let end = text.find(|c| !is_name(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    (!name.is_empty()).then(|| (Step::Member(name.to_owned()), rest))
}

/// What stands after `[`: a place, `*`, or a name in quotes.
fn bracket(text: &str) -> Option<(Step, &str)> {
    if let Some(quote @ ('"' | '\'')) = text.chars().next() {
        let (name, rest) = text[1..].split_once(quote)?;
        return Some((Step::Member(name.to_owned()), rest.strip_prefix(']')?));
    }
    let (inside, rest) = text.split_once(']')?;
    let step = match (inside, inside.strip_prefix('-')) {
        ("*", _) => Step::Each,
        (_, Some(back)) => Step::FromEnd(back.parse().ok().filter(|n| *n > 0)?),
        (place, None) => Step::At(place.parse().ok()?),
    };
    Some((step, rest))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(path: &str, value: &Value) -> String {
        let mut all = Vec::new();
        let path = Path::parse(path).unwrap();
        path.each(value, &mut |v| all.push(v.to_string()));
        all.join(" ")
    }

    #[test]
    fn paths_lead_into_members_and_lists() {
        let value = json!({
            "id": 7, "address": {"city": "İzmir"}, "Müşteri": "Ayşe", "a.b": 1, "a": {"b": 2, "c d": 3},
            "phones": [{"value": "1"}, {"value": "2"}, {}], "@odata.nextLink": "https://x", "none": null,
        });
        let cases = [
            ("id", "7"),
            ("address.city", "\"İzmir\""),
            ("Müşteri", "\"Ayşe\""),
            ("phones[0].value", "\"1\""),
            ("phones[*].value", "\"1\" \"2\""),
            ("phones[-2].value", "\"2\""),
            ("phones[-4].value", ""),
            ("phones[3].value", ""),
            ("phones.value", ""),
            ("a.b", "1"),
            ("a[\"b\"]", "2"),
            ("a['c d']", "3"),
            ("@odata.nextLink", "\"https://x\""),
            ("none", "null"),
            ("none.more", ""),
            ("nobody", ""),
        ];
        for (path, expected) in cases {
            assert_eq!(found(path, &value), expected, "{path}");
        }
        for (path, expected) in cases.iter().filter(|(path, _)| !path.contains('*')) {
            let mut value = value.clone();
            let found = Path::parse(path)
                .unwrap()
                .find_mut(&mut value)
                .map(|v| v.to_string());
            assert_eq!(found.unwrap_or_default(), *expected, "{path}");
        }
        assert_eq!(found("", &json!([1])), "[1]");
        assert_eq!(found("[1]", &json!(["a", "b"])), "\"b\"");
    }

    #[test]
    fn what_could_be_an_expression_is_no_path() {
        let no_path = [
            "a b", "a ~ b", "a.", ".a", "a..b", "a[", "a[b]", "a[0", "a['b]", "a[-0]", "a|b",
            "a(b)", "\"a\"", "a + b",
        ];
        for text in no_path {
            assert_eq!(Path::parse(text), None, "{text}");
        }
        assert!(Path::parse(&"a.".repeat(40)).is_none());
    }
}
