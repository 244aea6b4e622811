//! Records to contacts, through the whole mapping.

use serde_json::json;

use super::*;
use crate::domain::contact::Contact;
use crate::source::csv::tests::{numbers, records as settings};
use crate::source::read::Each;
use crate::source::reject::ValueReason;

fn mapped(change: impl FnOnce(&mut Mapping)) -> RecordSettings {
    let mut settings = settings();
    change(&mut settings.mapping);
    settings
}

fn read(
    settings: &RecordSettings,
    records: &[Value],
) -> (Vec<Contact>, super::super::reject::Rejects) {
    let extractor = Extractor::new(&settings.mapping).unwrap();
    let mut rows = JsonRows::new(&extractor, settings, "a test".into());
    let mut contacts = Vec::new();
    for (record, line) in records.iter().zip(1..) {
        let mut each = Each(|contact| {
            contacts.push(contact);
            Ok::<(), ()>(())
        });
        rows.take(record, line, &mut each).unwrap();
    }
    (contacts, rows.rows.rejects)
}

fn cells(columns: &[&str], record: &Value) -> Result<Vec<String>, usize> {
    let mapping = Mapping {
        name: columns.iter().map(|c| (*c).to_owned()).collect(),
        ..Mapping::default()
    };
    let mut row = JsonRow::default();
    Extractor::new(&mapping).unwrap().fill(record, &mut row)?;
    let shown = |(place, text): (usize, &str)| match row.typed.contains(&place) {
        true => format!("#{text}"),
        false => text.to_owned(),
    };
    Ok(row.values.iter().enumerate().map(shown).collect())
}

#[test]
fn a_record_becomes_a_contact_by_members_paths_and_expressions() {
    let settings = mapped(|m| {
        m.key = Some("id".into());
        m.name = vec!["first_name ~ ' ' ~ last_name".into()];
        m.company = Some("organization.name".into());
        m.numbers = vec![numbers("phones[*].value")];
        m.balance.as_mut().unwrap().column = "due".into();
    });
    let record = json!({
        "id": 9_007_199_254_740_993_i64, "first_name": "Ayşe", "last_name": "Yılmaz",
        "organization": {"name": "Acme"}, "due": 1250.500,
        "phones": [{"value": "0532 555 01 01"}, {"value": 902_125_550_100_u64}],
    });
    let (contacts, rejects) = read(&settings, &[record]);
    let [contact] = &contacts[..] else {
        panic!("{rejects:?}")
    };
    assert_eq!(contact.key.as_deref(), Some("9007199254740993"));
    assert_eq!(contact.name.as_deref(), Some("Ayşe Yılmaz"));
    assert_eq!(contact.company.as_deref(), Some("Acme"));
    let balance = contact.balance.unwrap().amount.to_string();
    assert_eq!(balance, "1250.5");
    let numbers: Vec<_> = contact.numbers.iter().map(|n| n.e164()).collect();
    assert_eq!(numbers, ["+905325550101", "+902125550100"]);
    assert!(rejects.is_empty(), "{rejects:?}");
}

#[test]
fn a_member_that_is_called_exactly_like_the_column_wins() {
    let record =
        json!({"a.b": 1, "a": {"b": 2}, "x ~ y": "member", "x": "X", "y": "Y", "Cep Tel": "5"});
    assert_eq!(
        cells(&["a.b", "a[\"b\"]", "x ~ y", "Cep Tel", "y ~ x"], &record).unwrap(),
        ["#1", "#2", "member", "5", "YX"]
    );
}

#[test]
fn values_are_texts_numbers_answers_or_lists_of_these() {
    let record = json!({
        "whole": 905_325_550_101_u64, "fraction": 1250.50, "tiny": 0.000_000_12, "huge": 12_345_678_901_234_567_890_123_f64,
        "negative": -3.0, "yes": true, "nil": null, "list": ["a", null, 2], "one": [7], "empty": [],
    });
    let columns = [
        "whole",
        "fraction",
        "tiny",
        "huge",
        "negative",
        "yes",
        "nil",
        "absent",
        "list",
        "one",
        "empty",
        "whole + 1",
        "fraction * 2",
        "nil ~ 'x'",
    ];
    assert_eq!(
        cells(&columns, &record).unwrap(),
        [
            "#905325550101",
            "#1250.5",
            "#0.00000012",
            "#1.2345678901234568E22",
            "#-3",
            "true",
            "",
            "",
            "a\n2",
            "#7",
            "",
            "#905325550102",
            "#2501",
            "x"
        ]
    );
}

#[test]
fn a_structure_is_no_value_and_the_record_is_rejected_with_its_column() {
    let structures = json!({"a": {"b": 1}, "l": [{"b": 1}]});
    assert_eq!(cells(&["x", "a"], &structures), Err(1));
    assert_eq!(cells(&["l"], &structures), Err(0));
    assert_eq!(
        cells(&["a.b", "l[*].b"], &structures).unwrap(),
        ["#1", "#1"]
    );
    assert_eq!(cells(&["a + 1"], &structures), Err(0));
    let settings = mapped(|m| m.name = vec!["Name".into()]);
    let record = json!({"Id": 1, "Name": {"first": "Ayşe"}, "Phone": "0532 555 01 01"});
    let (contacts, rejects) = read(&settings, &[record]);
    assert!(contacts.is_empty());
    let example = &rejects.rows[&RowReason::Structure].examples[0];
    assert_eq!((example.line, example.column.as_deref()), (1, Some("Name")));
    assert!(!format!("{rejects:?}").contains("Ayşe"));
}

#[test]
fn an_id_that_may_have_lost_digits_is_told_as_rounded() {
    let settings = mapped(|m| m.numbers = vec![numbers("Phone")]);
    let record =
        json!({"Id": "1", "Name": "Ayşe", "Phone": ["0532 555 01 01", 9.055_512_345_678_9e20]});
    let (_, rejects) = read(&settings, &[record]);
    let reasons: Vec<_> = rejects.values.keys().collect();
    assert!(!reasons.is_empty(), "{rejects:?}");
    assert!(
        reasons.contains(&&ValueReason::RoundedNumber) || reasons.contains(&&ValueReason::Number)
    );
}

#[test]
fn columns_that_can_not_be_read_are_told_all_at_once() {
    let mapping = Mapping {
        name: vec![
            "first ~".into(),
            "Müşteri Adı".into(),
            "a | nothing_such".into(),
        ],
        company: Some("{{ x }}".into()),
        ..Mapping::default()
    };
    let errors = Extractor::new(&mapping).unwrap_err();
    let columns: Vec<_> = errors.iter().map(|e| e.column.as_str()).collect();
    assert_eq!(columns, ["{{ x }}", "first ~", "a | nothing_such"]);
    let told = errors[1].to_string();
    assert!(
        told.starts_with(
            "column \"first ~\" is no member's name, no path and no expression: syntax error"
        ),
        "{told}"
    );
}

#[test]
fn a_record_is_shown_by_its_members() {
    let record = json!({"id": 7, "name": "Ayşe", "tags": ["a"], "none": null});
    let members: Vec<_> = shown(&record)
        .into_iter()
        .map(|(n, v)| format!("{n}={v}"))
        .collect();
    assert_eq!(members, ["id=7", "name=Ayşe", "none=", "tags=[\"a\"]"]);
    assert_eq!(shown(&json!([1]))[0].0, "[0]");
}
