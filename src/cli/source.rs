//! `ringcard source`: which kinds there are, a block to begin with, and a try that publishes nothing.
//!
//! A try shows what is in the source as it stands there: it is for whoever may read the source anyway.

use std::path::Path;
use std::process::ExitCode;

use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use self::shown::{mapped, normalised};
use super::arguments::Source;
use super::terminal::{say, say_json, table};
use super::{Failure, load};
use crate::config::SourceConfig;
use crate::flow::trial::{Record, Trial, trial};
use crate::source::settings::Mapping;
use crate::system::chain;
use crate::tasks::Tasks;

mod blocks;
mod connector;
mod shown;

/// Longest value shown; a note in a CRM may be a letter.
const SHOWN_CHARS: usize = 80;

pub(super) fn source(path: &Path, what: Source) -> Result<ExitCode, Failure> {
    let directory = path.parent().unwrap_or(Path::new("."));
    match what {
        Source::List => say(&blocks::list(directory)),
        Source::New { kind } => say(&blocks::block(directory, &kind).map_err(Failure::Other)?),
        Source::Test { name, json } => return test(path, &name, json),
    }
    Ok(ExitCode::SUCCESS)
}

fn test(path: &Path, name: &str, json: bool) -> Result<ExitCode, Failure> {
    let config = load(path)?;
    let found = config.sources.iter().find(|s| s.name() == name);
    let source: &SourceConfig = found.ok_or_else(|| {
        let known: Vec<&str> = config.sources.iter().map(SourceConfig::name).collect();
        let known = known.join(", ");
        Failure::Other(format!("there is no source {name}; there are: {known}"))
    })?;
    let opened = source.open(&config.source_directory(name));
    let tried = Tasks::in_place(|| trial(&opened, &CancellationToken::new()));
    let tried = tried.map_err(|e| Failure::Other(format!("{name}: {}", chain::of(&e))))?;
    let mapping = &source.records.mapping;
    match json {
        true => say_json(&script(name, &tried, mapping)),
        false => say(&terminal(name, &tried, mapping)),
    }
    // Records of which not one can be used are no source.
    let is_useless = tried.records.iter().all(|r| r.contact.is_none());
    Ok(if is_useless {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn terminal(name: &str, tried: &Trial, mapping: &Mapping) -> String {
    let (connecting, reading) = (tried.connecting.as_millis(), tried.reading.as_millis());
    let count = tried.records.len();
    let mut parts = vec![format!(
        "{name}: {count} records; {connecting} ms until the first, {reading} ms for the rest"
    )];
    for (n, record) in tried.records.iter().enumerate() {
        parts.push(format!("\nrecord {}", n + 1));
        parts.extend(sections(record, mapping));
    }
    let rejects = &tried.report.rejects;
    let rows = rejects.rows.iter().map(|(r, t)| (r.words(), t));
    for (words, tally) in rows.chain(rejects.values.iter().map(|(r, t)| (r.words(), t))) {
        parts.push(format!("\n{} not used: {words}", tally.count));
        for example in &tally.examples {
            let column = example.column.as_deref().unwrap_or("the whole");
            let place = rejects.place(example);
            parts.push(format!("  {place}, {column}: {}", example.reason));
        }
    }
    for notice in &tried.report.notices {
        parts.push(format!("\n{}: {}", notice.words, notice.advice));
    }
    parts.join("\n")
}

fn sections(record: &Record, mapping: &Mapping) -> Vec<String> {
    let raw = record.raw.iter();
    let raw = raw
        .map(|(name, value)| vec![name.clone(), cut(value)])
        .collect();
    let mapped = mapped(mapping, record).into_iter();
    let mapped = mapped.map(|m| vec![m.what, format!("<- {}", m.column), cut(&m.value)]);
    let normal = match &record.contact {
        Some(contact) => normalised(contact),
        None => vec![("-".into(), "no contact can be made of it".into())],
    };
    let normal = normal
        .into_iter()
        .map(|(what, value)| vec![what, cut(&value)]);
    [
        ("raw", raw),
        ("mapped", mapped.collect()),
        ("normalised", normal.collect()),
    ]
    .into_iter()
    .flat_map(|(head, rows): (&str, Vec<Vec<String>>)| {
        let rows = table(&rows).replace('\n', "\n    ");
        [format!("  {head}"), format!("    {rows}")]
    })
    .collect()
}

/// One line of bounded length, whatever the value holds.
fn cut(value: &str) -> String {
    let plain = value.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut shown: String = plain.take(SHOWN_CHARS).collect();
    if value.chars().count() > SHOWN_CHARS {
        shown.push('…');
    }
    shown
}

fn script(name: &str, tried: &Trial, mapping: &Mapping) -> Value {
    let object = |pairs: Vec<(String, String)>| {
        let pairs = pairs.into_iter().map(|(k, v)| (k, Value::String(v)));
        Value::Object(pairs.collect::<Map<String, Value>>())
    };
    let records = tried.records.iter().map(|record| {
        let mapped = mapped(mapping, record).into_iter();
        json!({
            "raw": object(record.raw.clone()),
            "mapped": object(mapped.map(|m| (m.what, m.value)).collect()),
            "normalised": record.contact.as_ref().map(|c| object(normalised(c))),
        })
    });
    json!({
        "source": name,
        "connecting-ms": tried.connecting.as_millis() as u64,
        "reading-ms": tried.reading.as_millis() as u64,
        "records": records.collect::<Vec<_>>(),
        "rejects": tried.report.rejects,
    })
}
