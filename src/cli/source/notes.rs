//! What a sample says that an operator may overlook: a mapping that finds nothing, records without numbers.

use super::sample::{Record, Sample, Value};
use super::words::arrow;
use crate::domain::contact::Contact;
use crate::source::Source;
use crate::source::reject::RowReason;
use crate::source::settings::Kind;

/// What the operator should look at before going on.
pub(crate) fn notes(sample: &Sample, source: &Source) -> Vec<String> {
    let (records, kind) = (&sample.records, source.records().kind);
    if records.is_empty() {
        return vec![match source.abilities().is_remote {
            true => "it gave no record: look whether this login may see them, and what the query or object asks for".into(),
            false => "it has no record: look at the export".into(),
        }];
    }
    let mut notes = sample.notices.clone();
    let empty = never_filled(records);
    if records.iter().flat_map(|r| &r.mapped).all(is_blank) {
        let what = "nothing that is mapped stands in these records: compare [source.columns] with the names \
                    that the source gives";
        notes.push(what.to_owned());
    } else if !empty.is_empty() {
        let empty = empty.join(", ");
        notes.push(format!(
            "mapped, and empty in all of these records: {empty}"
        ));
    }
    match kind {
        Kind::Contacts => {
            let lacking = "have no number that can be used, and no call will find them: map the columns that hold \
                           numbers";
            notes.extend(half_of(records, has_no_number, lacking));
        }
        Kind::Balances(_) => {
            let is_nobodys = |r: &Record| r.contact.is_none();
            let lacking = "belong to nobody: look at the columns join and join-by";
            notes.extend(half_of(records, is_nobodys, lacking));
            let has_balance = |c: &Contact| c.balance.is_some();
            let has_none = |r: &Record| !r.contact.as_ref().is_some_and(has_balance);
            if source.records().mapping.balance.is_some() {
                notes.extend(half_of(
                    records,
                    has_none,
                    "have no balance that can be used",
                ));
            }
        }
    }
    notes
}

/// Told of what half of the records lack, or more.
fn half_of(records: &[Record], lacks: impl Fn(&Record) -> bool, lacking: &str) -> Option<String> {
    let (count, all) = (records.iter().filter(|r| lacks(r)).count(), records.len());
    let is_half = count > 0 && 2 * count >= all;
    is_half.then(|| format!("{count} of {all} records {lacking}"))
}

/// Of one that is rejected for another reason it is not known.
fn has_no_number(record: &Record) -> bool {
    match (&record.contact, record.reason) {
        (Some(contact), _) => contact.numbers.is_empty() && contact.loose.is_empty(),
        (None, reason) => matches!(
            reason,
            Some(RowReason::NoNumber | RowReason::NoUsableNumber)
        ),
    }
}

fn is_blank(value: &Value) -> bool {
    value.value.trim().is_empty()
}

/// The mapped columns of which no record has anything.
fn never_filled(records: &[Record]) -> Vec<String> {
    let Some(first) = records.first() else {
        return Vec::new();
    };
    let places = first.mapped.iter().enumerate();
    let never = places.filter(|(place, _)| {
        let mut values = records.iter().map(|r| r.mapped.get(*place));
        values.all(|value| value.is_none_or(is_blank))
    });
    never.map(|(_, value)| arrow(value)).collect()
}
