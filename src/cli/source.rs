//! `ringcard source`: which kinds there are, a block to begin one with, and a look at what one gives.

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;

use serde_json::{Value, json};

pub(super) use self::block::block;
use self::kinds::own_directory;
pub(super) use self::kinds::{Kind, kinds};
pub(super) use self::notes::notes;
pub(super) use self::sample::{Record, Sample};
use super::Failure;
use super::terminal::{complain, say, say_json, table};

mod block;
mod kinds;
mod notes;
mod sample;
mod sketch;
#[cfg(test)]
mod tests;
mod trial;
mod words;

#[derive(Debug, Subcommand)]
pub(super) enum Source {
    /// List what the `type` of a source can be, and what each can do.
    List {
        /// For a script.
        #[arg(long)]
        json: bool,
    },
    /// Write a block for the configuration, with comments, to standard output.
    ///
    /// Paste it into the configuration, put what it asks for into the files it names, and try it with
    /// `ringcard source test`. Ends with 1 if there is no such kind.
    New {
        /// What it is to be, as in `ringcard source list`: csv, hubspot ...
        kind: String,
        /// What of it is to be read: contacts, balances, or another object that it has.
        #[arg(long, value_name = "OBJECT")]
        object: Option<String>,
        /// What you call it.
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
    },
    /// Read five records of a configured source, and show what becomes of each.
    ///
    /// Shows them in full, so mind who looks on. Nothing is kept or published, and the daemon may run
    /// beside it. Ends with 1 if the source can't be read, or none of the records can be used.
    Test {
        /// As it is called in the configuration.
        source: String,
        /// For a script.
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn source(config: &Path, what: Source) -> Result<ExitCode, Failure> {
    match what {
        Source::List { json } => Ok(list(config, json)),
        Source::New { kind, object, name } => {
            new(config, &kind, object.as_deref(), name.as_deref())
        }
        Source::Test { source, json } => trial::test(config, &source, json).await,
    }
}

/// Needs no configuration: it is what one is begun with.
fn list(config: &Path, json: bool) -> ExitCode {
    let (kinds, problems) = kinds(config);
    match json {
        true => say_json(&kinds.iter().map(as_json).collect::<Vec<_>>()),
        false => say(&listed(&kinds, &own_directory(config))),
    }
    complain_of(&problems)
}

/// A connector that can't be read must not go unnoticed.
fn complain_of(problems: &[String]) -> ExitCode {
    problems.iter().for_each(|problem| complain(problem));
    match problems {
        [] => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn listed(kinds: &[Kind], own: &Path) -> String {
    let row = |kind: &Kind| {
        vec![
            format!("  {}", kind.name),
            kind.can.join(", "),
            kind.title.clone(),
        ]
    };
    let rows = table(&kinds.iter().map(row).collect::<Vec<_>>());
    let mut lines: Vec<String> = Vec::new();
    let mut last = None;
    for (kind, row) in kinds.iter().zip(rows.lines()) {
        if last.replace(kind.group) != Some(kind.group) {
            lines.push(kind.group.title().to_owned());
        }
        lines.push(row.to_owned());
    }
    lines.push("\nbegin one: ringcard source new KIND".to_owned());
    lines.push(format!(
        "connectors of your own go into {}: docs/sources.md",
        own.display()
    ));
    lines.join("\n")
}

fn as_json(kind: &Kind) -> Value {
    json!({
        "type": kind.name,
        "group": kind.group.title(),
        "title": kind.title,
        "can": kind.can,
        "full": kind.about.full,
        "changes": kind.about.changes,
        "deletes": kind.about.deletes,
        "balances": kind.about.balances,
        "proven": kind.about.proven,
    })
}

fn new(
    config: &Path,
    kind: &str,
    object: Option<&str>,
    name: Option<&str>,
) -> Result<ExitCode, Failure> {
    let (kinds, problems) = kinds(config);
    let Some(found) = kinds.iter().find(|k| k.name == kind) else {
        complain_of(&problems);
        let known: Vec<&str> = kinds.iter().map(|k| k.name.as_str()).collect();
        let known = known.join(", ");
        return Err(Failure::Other(format!(
            "there is no kind {kind}; there are: {known}"
        )));
    };
    let block = block(found, object, name).map_err(Failure::Other)?;
    say(block.trim_end());
    Ok(ExitCode::SUCCESS)
}
