//! Which cards and comments Hipcall refuses, and in which words.
//!
//! Pure: a request's body goes in, the rows or the body of the 422 come out. The first two messages are
//! Hipcall's own; for what it refuses without a known wording the same style is used. One bad row refuses
//! the whole card, as there. Texts have no length limit here because none was found there.

use serde_json::{Map, Value, json};

/// What a row of one type must and may have, in the order Hipcall's message names the fields.
struct RowRule {
    name: &'static str,
    fields: &'static [&'static str],
    required: &'static [&'static str],
}

const RULES: [RowRule; 3] = [
    RowRule {
        name: "shortText",
        fields: &["type", "text", "label", "link", "android", "ios"],
        required: &["type", "text"],
    },
    RowRule {
        name: "user",
        fields: &["type", "label", "user_id"],
        required: &["type", "label", "user_id"],
    },
    RowRule {
        name: "title",
        fields: &["type", "text", "link"],
        required: &["type", "text"],
    },
];

/// The text of the comment in `body`, or the JSON to refuse it with. What the real one takes beside `content`
/// is unknown, so nothing is.
pub(super) fn read_comment(body: &[u8]) -> Result<String, Value> {
    let body: Value = serde_json::from_slice(body).map_err(|_| malformed())?;
    if let Some(extra) = body
        .as_object()
        .and_then(|fields| fields.keys().find(|key| *key != "content"))
    {
        return Err(json!({"errors": {extra: ["Unexpected field"]}}));
    }
    match &body["content"] {
        Value::String(text) if !text.trim().is_empty() => Ok(text.clone()),
        Value::String(_) | Value::Null => Err(json!({"errors": {"content": ["can't be blank"]}})),
        _ => Err(json!({"errors": {"content": ["is invalid"]}})),
    }
}

fn malformed() -> Value {
    json!({"errors": {"detail": "Malformed JSON in the request body"}})
}

/// The rows of the card in `body`, or the JSON to refuse it with.
pub(super) fn read_card(body: &[u8]) -> Result<Value, Value> {
    let body: Value = serde_json::from_slice(body).map_err(|_| malformed())?;
    let card = body.get("card").filter(|card| !card.is_null());
    let card = card.ok_or_else(|| refusal(vec!["can't be blank".to_owned()]))?;
    let rows = card
        .as_array()
        .ok_or_else(|| refusal(vec!["is invalid".to_owned()]))?;
    let faults: Vec<String> = (1..)
        .zip(rows)
        .filter_map(|(item, row)| fault_of(item, row))
        .collect();
    if faults.is_empty() {
        Ok(card.clone())
    } else {
        Err(refusal(faults))
    }
}

fn refusal(messages: Vec<String>) -> Value {
    json!({"errors": {"card": messages}})
}

/// What is wrong with a row; `item` counts from one.
fn fault_of(item: usize, row: &Value) -> Option<String> {
    let known = row.as_object().and_then(|fields| {
        let name = fields.get("type")?.as_str()?;
        Some((fields, RULES.iter().find(|rule| rule.name == name)?))
    });
    let Some((fields, rule)) = known else {
        return Some(format!(
            "Type can be shortText, user or title in the card: {row}"
        ));
    };
    extra(rule, fields)
        .or_else(|| missing(rule, fields))
        .or_else(|| wrong_values(rule, fields))
        .map(|fault| format!("{fault} in card item {item}"))
}

fn extra(rule: &RowRule, fields: &Map<String, Value>) -> Option<String> {
    let extra = names(fields.keys().filter(|key| !rule.fields.contains(&&***key)))?;
    let RowRule { name, fields, .. } = rule;
    let allowed = fields.join(", ");
    Some(format!(
        "{name} type only allows fields: {allowed}. Invalid fields found: {extra}"
    ))
}

fn missing(rule: &RowRule, fields: &Map<String, Value>) -> Option<String> {
    let absent = rule
        .required
        .iter()
        .filter(|key| !fields.contains_key(**key));
    let missing = names(absent)?;
    let RowRule { name, required, .. } = rule;
    let required = required.join(", ");
    Some(format!(
        "{name} type requires fields: {required}. Missing fields: {missing}"
    ))
}

fn wrong_values(rule: &RowRule, fields: &Map<String, Value>) -> Option<String> {
    let wrong = fields.iter().filter(|(key, value)| {
        !(if *key == "user_id" {
            value.is_i64()
        } else {
            value.is_string()
        })
    });
    let wrong = names(wrong.map(|(key, _)| key))?;
    let wanted = if rule.name == "user" {
        "texts and an integer user_id"
    } else {
        "texts"
    };
    Some(format!(
        "{} type only takes {wanted}. Invalid values found: {wrong}",
        rule.name
    ))
}

/// The names in one line, unless there are none.
fn names<S: AsRef<str>>(names: impl Iterator<Item = S>) -> Option<String> {
    let mut line = String::new();
    for name in names {
        if !line.is_empty() {
            line.push_str(", ");
        }
        line.push_str(name.as_ref());
    }
    (!line.is_empty()).then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(rows: &str) -> String {
        let refused = read_card(format!(r#"{{"card":{rows}}}"#).as_bytes()).unwrap_err();
        refused["errors"]["card"][0].as_str().unwrap().to_owned()
    }

    #[test]
    fn a_card_of_every_kind_of_row_is_taken_as_it_is() {
        let rows = json!([
            {"type":"title","text":"My CRM","link":"https://crm.example"},
            {"type":"title","text":"My CRM"},
            {"type":"shortText","label":"Account","text":"1234","link":"https://crm.example/1234","ios":"app://1234","android":"app://1234"},
            {"type":"shortText","text":"x".repeat(500)},
            {"type":"user","label":"Account owner","user_id":1234},
        ]);
        let body = json!({"card": rows}).to_string();
        assert_eq!(read_card(body.as_bytes()), Ok(rows));
        assert_eq!(read_card(br#"{"card":[]}"#), Ok(json!([])));
    }

    #[test]
    fn each_bad_row_is_refused_in_hipcalls_words() {
        let only_text = "shortText type only allows fields: type, text, label, link, android, ios. Invalid fields found: ";
        let only_title = "title type only allows fields: type, text, link. Invalid fields found: ";
        let only_user =
            "user type only allows fields: type, label, user_id. Invalid fields found: ";
        let kinds = "Type can be shortText, user or title in the card: ";
        let cases: &[(&str, String)] = &[
            (r#"[{"type":"text","text":"a"}]"#, format!(r#"{kinds}{{"text":"a","type":"text"}}"#)),
            (r#"[{"type":"Title","text":"a"}]"#, format!(r#"{kinds}{{"text":"a","type":"Title"}}"#)),
            (r#"[{"type":1}]"#, format!(r#"{kinds}{{"type":1}}"#)),
            (r#"[{"type":null}]"#, format!(r#"{kinds}{{"type":null}}"#)),
            (r#"[{"text":"a"}]"#, format!(r#"{kinds}{{"text":"a"}}"#)),
            (r#"["a"]"#, format!(r#"{kinds}"a""#)),
            (r#"[null]"#, format!("{kinds}null")),
            (
                r#"[{"type":"title","text":"a"},{"type":"shortText","text":"a","user_id":1}]"#,
                format!("{only_text}user_id in card item 2"),
            ),
            (r#"[{"type":"shortText","text":"a","value":null}]"#, format!("{only_text}value in card item 1")),
            (r#"[{"type":"shortText","text":"a","b":1,"a":1}]"#, format!("{only_text}a, b in card item 1")),
            (r#"[{"type":"title","text":"a","label":null}]"#, format!("{only_title}label in card item 1")),
            (r#"[{"type":"title","text":"a","ios":"app://1"}]"#, format!("{only_title}ios in card item 1")),
            (r#"[{"type":"user","label":"a","user_id":1,"text":"a"}]"#, format!("{only_user}text in card item 1")),
            (r#"[{"type":"user","label":"a","user_id":1,"link":null}]"#, format!("{only_user}link in card item 1")),
            (r#"[{"type":"title"}]"#, "title type requires fields: type, text. Missing fields: text in card item 1".into()),
            (
                r#"[{"type":"shortText","label":"a"}]"#,
                "shortText type requires fields: type, text. Missing fields: text in card item 1".into(),
            ),
            (
                r#"[{"type":"user"}]"#,
                "user type requires fields: type, label, user_id. Missing fields: label, user_id in card item 1".into(),
            ),
        ];
        for (rows, expected) in cases {
            assert_eq!(&message(rows), expected, "{rows}");
        }
    }

    #[test]
    fn a_value_of_the_wrong_kind_refuses_the_card() {
        let cases = [
            (r#"{"type":"title","text":1}"#, "text"),
            (r#"{"type":"title","text":null}"#, "text"),
            (r#"{"type":"title","text":"a","link":null}"#, "link"),
            (r#"{"type":"shortText","text":["a"]}"#, "text"),
            (r#"{"type":"shortText","text":4250.00}"#, "text"),
            (r#"{"type":"shortText","text":"a","label":null}"#, "label"),
            (r#"{"type":"shortText","text":"a","ios":true}"#, "ios"),
            (r#"{"type":"user","label":7,"user_id":1}"#, "label"),
            (r#"{"type":"user","label":"a","user_id":"1"}"#, "user_id"),
            (r#"{"type":"user","label":"a","user_id":1.0}"#, "user_id"),
            (r#"{"type":"user","label":"a","user_id":null}"#, "user_id"),
        ];
        for (row, field) in cases {
            let ending = format!("Invalid values found: {field} in card item 1");
            let message = message(&format!("[{row}]"));
            assert!(message.ends_with(&ending), "{row}: {message}");
        }
    }

    #[test]
    fn every_bad_row_is_named() {
        let refused =
            read_card(br#"{"card":[{"type":"x"},{"type":"title","text":"a"},{"type":"title"}]}"#);
        let refused = refused.unwrap_err();
        assert_eq!(refused["errors"]["card"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn what_is_no_card_at_all_is_refused_by_shape() {
        for body in ["{}", "[]", "1", r#"{"cards":[]}"#, r#"{"card":null}"#] {
            let refused = read_card(body.as_bytes());
            let expected = json!({"errors": {"card": ["can't be blank"]}});
            assert_eq!(refused, Err(expected), "{body}");
        }
        for body in [r#"{"card":{}}"#, r#"{"card":"a"}"#, r#"{"card":1}"#] {
            let refused = read_card(body.as_bytes());
            let expected = json!({"errors": {"card": ["is invalid"]}});
            assert_eq!(refused, Err(expected), "{body}");
        }
        for body in [&b""[..], b"{", b"{'card':[]}", b"\xff", br#"{"card":[]} x"#] {
            let refused = read_card(body).unwrap_err();
            assert!(refused["errors"]["detail"].is_string(), "{body:?}");
        }
    }
}
