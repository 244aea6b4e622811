//! `ringcard check`: everything that can be known before starting.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use jiff::Zoned;
use nix::unistd::{AccessFlags, access};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::doctor;
use super::source::Sample;
use super::terminal::{complain, progress, say};
use super::{Failure, load};
use crate::config::{Config, SourceConfig};
use crate::domain::expiry::near;
use crate::domain::tally::counted;
use crate::flow::feed::Secrets;
use crate::flow::office::Feed;
use crate::flow::sync::{Memory, Order, Witnesses, sync};
use crate::hipcall::Connector;
use crate::source::Source;
use crate::store::replica::Shelf;
use crate::system::chain;
use crate::tasks::Tasks;
use crate::webhook::Identity;

/// What a check waits for a source to answer: less than a person's patience, and twice the longest of a busy
/// server's logins.
const ANSWER_TIME: Duration = Duration::from_secs(30);

const NOT_SET_UP: &str =
    "not set up yet: there is no [[account]]; run sudo ringcard setup, or write one";

pub(super) async fn check(path: &Path) -> Result<ExitCode, Failure> {
    let config = load(path)?;
    say(&format!("{}: no problems", path.display()));
    for account in &config.accounts {
        let secrets = counted(account.webhook_secrets.len() as u64, "webhook secret");
        say(&format!(
            "account {}: token and {secrets} can be read",
            account.name
        ));
    }
    let mut faults = Vec::new();
    if config.accounts.is_empty() {
        faults.push(NOT_SET_UP.to_owned());
    }
    let mut note = |subject: &str, result: Result<String, String>| match result {
        Ok(fine) => say(&format!("{subject}: {fine}")),
        Err(fault) => faults.push(format!("{subject}: {fault}")),
    };
    note("certificate", certificate(&config));
    note(
        "hipcall",
        Connector::new(&config.trust)
            .map(|_| "certificate authorities found".into())
            .map_err(|e| chain::of(&e)),
    );
    note("state directory", state_directory(&config));
    expiries(&config, &Zoned::now())
        .iter()
        .for_each(|told| say(told));
    for source in &config.sources {
        match looked_at(&config, source).await {
            Ok(report) => say(&format!("source {report}")),
            Err(fault) => faults.push(format!("source {}: {fault}", source.name())),
        }
    }
    for fault in &faults {
        complain(fault);
    }
    Ok(if faults.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What expires within two weeks or has: no fault of the configuration, but soon one of the office.
fn expiries(config: &Config, now: &Zoned) -> Vec<String> {
    let of_accounts = config.accounts.iter().filter_map(|account| {
        let date = account.token_expires?;
        Some((
            format!("account {}", account.name),
            "token".to_owned(),
            date,
        ))
    });
    let of_sources = config.sources.iter().flat_map(|source| {
        let secrets = Secrets::of(source);
        let dates = secrets.dates(now);
        let named = dates.map(|(secret, date)| (secret.to_owned(), date));
        let subject = format!("source {}", source.name());
        let told = named.map(|(secret, date)| (subject.clone(), secret, date));
        told.collect::<Vec<_>>()
    });
    let near = of_accounts
        .chain(of_sources)
        .filter_map(|(subject, secret, date)| {
            let expiry = near(date, now.date())?;
            Some(format!(
                "{subject}: ATTENTION: its {secret} {expiry}; put a new one into its file"
            ))
        });
    near.collect()
}

fn certificate(config: &Config) -> Result<String, String> {
    match &config.webhook.certificate {
        None => Ok("none configured; a self-signed one is made at the first start".into()),
        Some(files) => {
            let identity = Identity::load(files.clone()).map_err(|e| chain::of(&e))?;
            let fingerprint = identity.fingerprint();
            let dates = dates(&files.certificate).unwrap_or_default();
            Ok(format!("SHA-256 {fingerprint}{dates}"))
        }
    }
}

/// Until when a certificate is good; its names are the doctor's to judge.
fn dates(certificate: &Path) -> Option<String> {
    let shown = doctor::shown(certificate)?;
    Some(format!("; {}", doctor::told(&shown)))
}

fn state_directory(config: &Config) -> Result<String, String> {
    let directory = &config.state_directory;
    // One that is not there yet is made in the nearest directory that is.
    let there = directory
        .ancestors()
        .find(|d| d.exists())
        .unwrap_or(Path::new("/"));
    match access(there, AccessFlags::W_OK | AccessFlags::X_OK) {
        Ok(()) => Ok(format!("{} can be written", directory.display())),
        Err(e) => Err(format!(
            "{} can't be written by this user: {e}",
            there.display()
        )),
    }
}

/// Reads one record of a source that is asked over the network: whether it answers, and lets us in. Reading
/// everything would take from what it allows in a day.
/// What is to be said of it, or what is wrong with it.
async fn looked_at(config: &Config, source: &SourceConfig) -> Result<String, String> {
    let opened = source.open(&config.source_directory(source.name()));
    let result = match opened.abilities().is_remote {
        true => look(opened).await,
        false => read(source),
    };
    progress("");
    result
}

async fn look(source: Source) -> Result<String, String> {
    let name = source.name().to_owned();
    let halt = CancellationToken::new();
    let halted = halt.clone();
    let tasks = Tasks::default();
    let take = tasks.blocking(move || Sample::take(&source, 1, &halted));
    let Ok(taken) = timeout(ANSWER_TIME, take).await else {
        halt.cancel();
        let seconds = ANSWER_TIME.as_secs();
        return Err(format!(
            "no record came within {seconds} s: is it up, and can it be reached from here? More is told by: \
             ringcard source test {name}"
        ));
    };
    let (sample, end) = taken.map_err(|e| e.to_string())?;
    end.map_err(|e| chain::of(&e))?;
    let took = sample.took().as_secs_f64();
    let what = match (sample.is_empty(), sample.contacts()) {
        (true, _) => "it answers, without a record",
        (false, 0) => "it answers; its first record can't be used",
        (false, _) => "it answers; its first record can be used",
    };
    Ok(format!(
        "{name}: {what}, {took:.2} s; see more: ringcard source test {name}"
    ))
}

/// Reads the whole source and publishes nothing.
fn read(source: &SourceConfig) -> Result<String, String> {
    let nowhere = tempfile::tempdir().map_err(|e| e.to_string())?;
    let (shelf, _) = Shelf::open(nowhere.path().into()).map_err(|e| chain::of(&e))?;
    let feed = Feed::open(source, shelf.into(), nowhere.path());
    let order = Order {
        dry_run: true,
        ..Order::default()
    };
    let report = Tasks::in_place(|| {
        sync(
            &feed,
            &Memory::default(),
            &Witnesses::default(),
            order,
            &CancellationToken::new(),
            &mut |p| progress(&format!("{}: {} rows", source.name(), p.rows)),
        )
    });
    let mut report = report.map_err(|e| chain::of(&e))?;
    // Beside an empty copy everything is new; what it would change is `sync --dry-run`'s to show.
    report.rehearsal = None;
    Ok(report.to_string())
}
