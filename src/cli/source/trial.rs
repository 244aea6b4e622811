//! `ringcard source test`: five records of one source, shown from raw to normalised.
//!
//! It reads as a sync would and keeps nothing: no lock is taken and no copy is written, so it may run beside
//! the daemon. Only what a source must remember to be read at all, such as a renewed token, is kept as ever.

use std::path::Path;
use std::process::ExitCode;

use tokio_util::sync::CancellationToken;

use super::super::terminal::{complain, say, say_json};
use super::super::{EXIT_NOBODY, Failure, load};
use super::notes::notes;
use super::sample::Sample;
use super::words::{Told, told};
use crate::config::Config;
use crate::system::chain;
use crate::tasks::Tasks;

/// Records read: enough to see a pattern, few enough for a screen or two.
const RECORDS: usize = 5;

pub(super) async fn test(path: &Path, name: &str, json: bool) -> Result<ExitCode, Failure> {
    let config = load(path)?;
    let Some(configured) = config.sources.iter().find(|s| s.name() == name) else {
        return Err(unknown(name, &config));
    };
    let source = configured.open(&config.source_directory(name));
    let halt = CancellationToken::new();
    let (sample, end) = Tasks::in_place(|| Sample::take(&source, RECORDS, &halt));
    let notes = match end {
        Ok(()) => notes(&sample, &source),
        // What is wrong is the error's to say.
        Err(_) => Vec::new(),
    };
    let shown = Told {
        sample: &sample,
        source: &source,
        locale: config.locale,
        notes: &notes,
        is_whole: end.is_ok(),
    };
    match json {
        true => say_json(&shown),
        false => say(&told(&shown)),
    }
    if let Err(e) = end {
        complain(&format!("source {name}: {}", chain::of(&e)));
        return Ok(ExitCode::FAILURE);
    }
    Ok(match sample.contacts() {
        0 => ExitCode::from(EXIT_NOBODY),
        _ => ExitCode::SUCCESS,
    })
}

fn unknown(name: &str, config: &Config) -> Failure {
    let known: Vec<&str> = config.sources.iter().map(|s| s.name()).collect();
    let known = known.join(", ");
    Failure::Other(format!("there is no source {name}; there are: {known}"))
}
