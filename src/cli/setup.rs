//! `ringcard setup`: an office in six questions, each answer tried at once.
//!
//! Whoever answers, a person, a script's lines or options, the same questions are asked in the same order
//! (`order`). Nothing is written before the last answer; then each file takes its name whole.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use self::order::Order;
use self::talk::{Stop, Talk, Voice};
use super::{Failure, keyboard};

mod account;
mod columns;
mod door;
mod draft;
mod earlier;
mod files;
mod kind;
mod order;
mod service;
mod source;
mod start;
mod talk;
mod trial;
mod write;

/// Ends with 1 if something is left to do, which it tells. What options answer is not asked.
#[derive(Debug, Args)]
pub(super) struct Setup {
    /// Ask nothing: what no option answers is as it was, or as it usually is. Ends where that can't be.
    #[arg(long, short)]
    yes: bool,
    /// 1 (Turkey), 2 (global), or a host's name.
    #[arg(long, value_name = "NODE")]
    node: Option<String>,
    /// The API token, alone in a file.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The country of numbers without a country code: TR.
    #[arg(long, value_name = "COUNTRY")]
    region: Option<String>,
    /// How amounts and labels are written: en, tr, de, fr or nl.
    #[arg(long, value_name = "LANGUAGE")]
    locale: Option<String>,
    /// Where the contacts are: a CSV or Excel file, a folder, or a kind as in `ringcard source list`.
    #[arg(long, visible_alias = "csv", value_name = "WHERE")]
    source: Option<String>,
    /// A change of what a file's columns are taken for: "numbers = Cep, Tel 2". May be given several times.
    #[arg(long, value_name = "FIELD=COLUMNS")]
    column: Vec<String>,
    /// Of balances without a column of currencies: TRY.
    #[arg(long, value_name = "CURRENCY")]
    currency: Option<String>,
    /// Of another kind of source: one of its values. May be given several times.
    #[arg(long, value_name = "KEY=VALUE")]
    with: Vec<String>,
    /// Of another kind of source: a file with one of its secrets. May be given several times.
    #[arg(long, value_name = "KEY=FILE")]
    secret_file: Vec<String>,
    /// The name or address by which Hipcall reaches this box; with :PORT if the router forwards another port.
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// self-signed, proxy, or a file with the full chain.
    #[arg(long, value_name = "CERTIFICATE")]
    certificate: Option<String>,
    /// The file with the certificate's key.
    #[arg(long, value_name = "FILE")]
    key: Option<String>,
    /// Where this box listens: 8443.
    #[arg(long, value_name = "PORT")]
    port: Option<String>,
    /// What the account is called here; the default is the one that is there, or office.
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Whom to trust instead of the system's authorities, where a firewall opens TLS: a PEM file.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Do not start or reload the service.
    #[arg(long)]
    no_start: bool,
    /// The nodes that 1 and 2 mean.
    #[arg(long, hide = true, value_delimiter = ',', default_values = account::NODES)]
    nodes: Vec<String>,
}

pub(super) async fn setup(config: &Path, how: Setup) -> Result<ExitCode, Failure> {
    let failed = |e: std::io::Error| Failure::Other(format!("{}: {e}", config.display()));
    let config = std::path::absolute(config).map_err(failed)?;
    if config == Path::new(crate::config::DEFAULT_PATH) && !nix::unistd::geteuid().is_root() {
        let what = "only root may write there: sudo ringcard setup. To try it out as anybody else: \
                    ringcard --config DIRECTORY/ringcard.toml setup";
        return Err(Failure::Other(format!("{}: {what}", config.display())));
    }
    let voice = match (how.yes, keyboard::is_attended()) {
        (true, _) => Voice::Silence,
        (false, true) => Voice::Person(keyboard::Keyboard),
        (false, false) => Voice::Script(keyboard::Lines),
    };
    let mut talk = Talk::new(voice, given(&how).map_err(Failure::Other)?);
    let ca_file = how.ca_file.map(std::path::absolute).transpose();
    let order = Order {
        account: how.account,
        nodes: how.nodes,
        ca_file: ca_file.map_err(failed)?,
        no_start: how.no_start,
        config,
    };
    let end = tokio::select! {
        end = Box::pin(order::run(&mut talk, &order)) => end,
        () = keyboard::interrupted() => Err(Stop::Interrupted),
    };
    match end {
        Ok(true) => Ok(ExitCode::SUCCESS),
        Ok(false) => Ok(ExitCode::FAILURE),
        Err(stop) => Err(Failure::Other(stop.to_string())),
    }
}

/// What the options answer, by option.
fn given(how: &Setup) -> Result<Vec<(&'static str, Vec<String>)>, String> {
    let one = |answer: &Option<String>| answer.iter().cloned().collect::<Vec<_>>();
    let token = how.token_file.iter().map(|file| content(file));
    let secrets = how.secret_file.iter().map(|given| {
        let (key, file) = given
            .split_once('=')
            .ok_or(format!("--secret-file {given}: it is KEY=FILE"))?;
        Ok(format!("{key}={}", content(Path::new(file))?))
    });
    Ok(vec![
        ("--node", one(&how.node)),
        ("--token-file", token.collect::<Result<_, String>>()?),
        ("--region", one(&how.region)),
        ("--locale", one(&how.locale)),
        ("--source", one(&how.source)),
        ("--column", how.column.clone()),
        ("--currency", one(&how.currency)),
        ("--with", how.with.clone()),
        ("--secret-file", secrets.collect::<Result<_, String>>()?),
        ("--host", one(&how.host)),
        ("--certificate", one(&how.certificate)),
        ("--key", one(&how.key)),
        ("--port", one(&how.port)),
    ])
}

/// The first line of a secret's file.
fn content(file: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(file);
    let text = text.map_err(|e| format!("{} can't be read: {e}", file.display()))?;
    Ok(text.trim().lines().next().unwrap_or_default().to_owned())
}
