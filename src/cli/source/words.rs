//! A sample as the operator reads it, and as a script does.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::{Value as Json, json};

use super::sample::{Record, Remark, Sample, Value};
use crate::domain::contact::Contact;
use crate::domain::money::{Locale, Side};
use crate::domain::tally::counted;
use crate::source::Source;
use crate::source::read::Abilities;
use crate::source::settings::Kind;

/// Characters shown of one value, and of a name: more would break the terminal's lines.
const VALUE_CHARS: usize = 60;
const NAME_CHARS: usize = 32;
/// Values shown of one record: CRMs give some hundred, of which few are ever mapped.
const VALUES: usize = 40;
/// Characters of the list of values that are empty.
const EMPTY_CHARS: usize = 160;

/// What is to be told.
pub(super) struct Told<'a> {
    pub(super) sample: &'a Sample,
    pub(super) source: &'a Source,
    pub(super) locale: Locale,
    pub(super) notes: &'a [String],
    /// The read did not fail.
    pub(super) is_whole: bool,
}

pub(super) fn told(told: &Told<'_>) -> String {
    let sample = told.sample;
    let mut lines = vec![head(told)];
    if !sample.records.is_empty() {
        let warning =
            "Records are shown in full, as personal data: mind who looks on, and where this goes.";
        lines.push(warning.to_owned());
    }
    for (n, record) in sample.records.iter().enumerate() {
        lines.push(String::new());
        lines.extend(record_lines(n + 1, record, told.locale));
    }
    // Of a source that could not be asked the error says all there is to say.
    if told.is_whole || !sample.records.is_empty() {
        lines.push(String::new());
        lines.push(sum(sample));
    }
    if told.is_whole {
        let can = abilities(told.source.abilities()).into_iter();
        lines.extend(can.map(|a| format!("  {a}")));
    }
    lines.extend(told.notes.iter().map(|note| format!("! {note}")));
    lines.join("\n")
}

fn head(told: &Told<'_>) -> String {
    let kind = match told.source.records().kind {
        Kind::Contacts => "contacts",
        Kind::Balances(_) => "balances",
    };
    let from = told.sample.from.iter();
    let from = from.map(|from| format!(", {}", clean(from)));
    format!(
        "source {}: {kind}{}",
        told.source.name(),
        from.collect::<String>()
    )
}

fn sum(sample: &Sample) -> String {
    let (records, used) = (sample.records.len(), sample.contacts());
    let took = match sample.first_after {
        Some(first) => format!(
            "the first after {}, all after {}",
            span(first),
            span(sample.took)
        ),
        None => format!("after {}", span(sample.took)),
    };
    let records = counted(records as u64, "record");
    format!("{records}, {used} of them can be used; {took}")
}

fn span(time: Duration) -> String {
    match time.as_secs_f64() {
        s if s < 10.0 => format!("{:.1} ms", s * 1000.0),
        s => format!("{s:.1} s"),
    }
}

/// What a sync of the source can spare, and what it can't know.
fn abilities(can: Abilities) -> Vec<&'static str> {
    let changes = match (can.changes, can.tells_deleted) {
        (true, true) => "what changed and what was deleted can be asked for",
        (true, false) => "what changed can be asked for; what was deleted is not among it",
        (false, _) => "everything is read each time, and what is no longer there is gone",
    };
    let ids = match can.ids {
        true => Some("its records' ids alone can be asked for, to find what was deleted"),
        false if can.changes && !can.tells_deleted => {
            Some("what was deleted is found when everything is read: see the key full")
        }
        false => None,
    };
    let resumes = "a read of everything that is interrupted goes on where it was";
    let resumes = can.resumes.then_some(resumes);
    [Some(changes), ids, resumes]
        .into_iter()
        .flatten()
        .collect()
}

fn record_lines(n: usize, record: &Record, locale: Locale) -> Vec<String> {
    let place = match record.line {
        0 => String::new(),
        line if line == n as u64 => String::new(),
        line => format!(", line {line}"),
    };
    let mut lines = vec![format!("record {n}{place}")];
    if !record.raw.is_empty() {
        lines.push("  as the source gives it".to_owned());
        lines.extend(raw(&record.raw));
    }
    lines.push("  mapped".to_owned());
    lines.extend(mapped(&record.mapped));
    match &record.contact {
        Some(contact) => {
            lines.push("  becomes".to_owned());
            lines.extend(aligned(&normalised(contact, locale), ' '));
        }
        None => {
            let why = record.rejected.as_ref().map(remark);
            let why = why.unwrap_or_else(|| "nothing came of it".to_owned());
            lines.push(format!("  can't be used: {why}"));
        }
    }
    lines.extend(
        record
            .left_out
            .iter()
            .map(|r| format!("    ! {}", remark(r))),
    );
    lines
}

/// The values that say something, and where one was looked for in vain.
fn mapped(values: &[Value]) -> Vec<String> {
    let (empty, full): (Vec<_>, Vec<_>) = values.iter().partition(|v| v.value.trim().is_empty());
    let pair = |v: &&Value| (arrow(v), v.value.clone());
    let mut lines = aligned(&full.iter().map(pair).collect::<Vec<_>>(), '=');
    if !empty.is_empty() {
        let names: Vec<String> = empty.into_iter().map(arrow).collect();
        lines.push(format!(
            "    empty: {}",
            cut(&names.join(", "), EMPTY_CHARS)
        ));
    }
    lines
}

pub(super) fn arrow(value: &Value) -> String {
    format!("{} <- {}", value.ours, cut(&value.column, NAME_CHARS))
}

fn remark(remark: &Remark) -> String {
    match &remark.column {
        Some(column) => format!("{}: {}", cut(column, NAME_CHARS), remark.reason),
        None => remark.reason.clone(),
    }
}

/// The values that say something, and the names of the others.
fn raw(values: &[(String, String)]) -> Vec<String> {
    let (full, empty): (Vec<_>, Vec<_>) = values.iter().partition(|(_, v)| !v.trim().is_empty());
    let shown: Vec<_> = full.iter().take(VALUES).map(|v| (*v).clone()).collect();
    let mut lines = aligned(&shown, ' ');
    let more = full.len().saturating_sub(VALUES);
    if more > 0 {
        lines.push(format!("    and {more} more: --json shows all"));
    }
    if !empty.is_empty() {
        let names: Vec<&str> = empty.iter().map(|(name, _)| name.as_str()).collect();
        lines.push(format!(
            "    empty: {}",
            cut(&names.join(", "), EMPTY_CHARS)
        ));
    }
    lines
}

/// Names as wide as the widest of them, then the sign, then the values.
fn aligned(values: &[(String, String)], sign: char) -> Vec<String> {
    let names: Vec<String> = values.iter().map(|(n, _)| cut(n, 2 * NAME_CHARS)).collect();
    let width = names.iter().map(|n| n.chars().count()).max().unwrap_or(0);
    let line = |(name, (_, value)): (&String, &(String, String))| {
        let line = format!("    {name:width$} {sign} {}", cut(value, VALUE_CHARS));
        line.trim_end().to_owned()
    };
    names.iter().zip(values).map(line).collect()
}

/// What the contact has, in the forms that Ringcard compares and shows.
fn normalised(contact: &Contact, locale: Locale) -> Vec<(String, String)> {
    let mut shown: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, value: Option<String>| {
        shown.extend(value.map(|value| (name.to_owned(), value)));
    };
    add("key", contact.key.clone());
    add("name", contact.name.clone());
    add("company", contact.company.clone());
    for number in &contact.numbers {
        let is_switchboard = contact.switchboards.contains(number);
        let whose = if is_switchboard {
            ", a switchboard"
        } else {
            ""
        };
        add("number", Some(format!("{}{whose}", number.e164())));
    }
    for number in &contact.loose {
        let digits = number.digits();
        add(
            "number",
            Some(format!("{digits}, whose country can't be told")),
        );
    }
    add("balance", balance(contact, locale));
    add("customer-code", contact.ids.customer_code.clone());
    add("tax-number", contact.ids.tax_number.clone());
    add("email", contact.ids.email.clone());
    add("owner", contact.owner.clone());
    for (name, flag) in flags(contact) {
        add(name, flag.as_ref().map(|text| flag_words(text)));
    }
    add("updated", updated(contact));
    for (name, value) in &contact.fields {
        add(name, Some(value.clone()));
    }
    shown
}

fn flags(contact: &Contact) -> [(&'static str, &Option<String>); 3] {
    let flags = &contact.flags;
    [
        ("vip", &flags.vip),
        ("warning", &flags.warning),
        ("overdue", &flags.overdue),
    ]
}

fn flag_words(text: &str) -> String {
    match text.is_empty() {
        true => "yes".to_owned(),
        false => text.to_owned(),
    }
}

fn balance(contact: &Contact, locale: Locale) -> Option<String> {
    let balance = contact.balance.as_ref()?;
    let side = match balance.side() {
        Some(Side::Debit) => ", which the customer owes",
        Some(Side::Credit) => ", which is owed to the customer",
        None => "",
    };
    Some(format!("{}{side}", balance.unsigned().format(locale)))
}

/// As it is written in the source: no zone is known of it.
fn updated(contact: &Contact) -> Option<String> {
    let second = Timestamp::from_second(contact.updated?).ok()?;
    Some(second.strftime("%Y-%m-%d %H:%M:%S").to_string())
}

/// On one line, without what would move the cursor, and not longer than so many characters.
fn cut(text: &str, most: usize) -> String {
    let text = clean(text.trim());
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn clean(text: &str) -> String {
    let clean = |c: char| match c {
        '\n' => '↵',
        '\r' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => ' ',
        c if c.is_control() => '·',
        c => c,
    };
    text.chars().map(clean).collect()
}

impl Serialize for Told<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let sample = self.sample;
        let can = self.source.abilities();
        let records: Vec<Json> = sample
            .records
            .iter()
            .map(|r| as_json(r, self.locale))
            .collect();
        json!({
            "source": self.source.name(),
            "from": sample.from,
            "records": records,
            "usable": sample.contacts(),
            "first_after_seconds": sample.first_after.map(|t| t.as_secs_f64()),
            "seconds": sample.took.as_secs_f64(),
            "can": {
                "changes": can.changes,
                "tells_deleted": can.tells_deleted,
                "ids": can.ids,
                "resumes": can.resumes,
            },
            "notes": self.notes,
        })
        .serialize(serializer)
    }
}

fn as_json(record: &Record, locale: Locale) -> Json {
    let pair = |(name, value): &(String, String)| json!({ "name": name, "value": value });
    let contact = record.contact.as_ref().map(|contact| {
        json!({
            "key": contact.key,
            "name": contact.name,
            "company": contact.company,
            "numbers": contact.numbers.iter().map(|n| n.e164()).collect::<Vec<_>>(),
            "without_country": contact.loose.iter().map(|n| n.digits().to_string()).collect::<Vec<_>>(),
            "switchboards": contact.switchboards.iter().map(|n| n.e164()).collect::<Vec<_>>(),
            "balance": contact.balance.as_ref().map(|money| {
                json!({ "amount": money.amount.to_string(), "currency": money.currency.code() })
            }),
            "balance_shown": balance(contact, locale),
            "ids": contact.ids,
            "owner": contact.owner,
            "flags": contact.flags,
            "updated": updated(contact),
            "fields": contact.fields,
        })
    });
    json!({
        "line": record.line,
        "raw": record.raw.iter().map(pair).collect::<Vec<_>>(),
        "mapped": record.mapped,
        "contact": contact,
        "rejected": record.rejected,
        "left_out": record.left_out,
    })
}
