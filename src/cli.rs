//! The commands: `ringcard run` is the daemon, the others speak to it or look at the same files.
//!
//! One definition gives the parser, the help, the man pages and the shell completions.

mod arguments;
mod backup;
mod bundle;
mod check;
mod doctor;
mod keyboard;
mod matched;
mod metrics;
mod outbox;
mod pages;
mod ports;
mod replica;
mod run;
mod setup;
mod source;
mod status;
mod sync;
mod terminal;
mod who;

use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::filter::LevelFilter;

use self::arguments::{Arguments, Command};
use self::terminal::complain;
use crate::config::{Config, ConfigError};
use crate::daemon::StartError;
use crate::system::control::ControlError;
use crate::system::{chain, journal, user};
use crate::webhook::Handed;

/// Threads that serve peers; the daemon is small and so are its boxes.
const WORKERS: usize = 2;
/// Threads that may wait for the disk or a name server; sources and lookups take a part of them each,
/// so that there are some to spare where a disk does not answer.
const BLOCKING_THREADS: usize = 16;

/// EX_CONFIG of sysexits.h: systemd is told not to restart on it.
const EXIT_CONFIG: u8 = 78;
/// `lookup` and `card` found nobody.
const EXIT_NOBODY: u8 = 1;

/// Why a command fails.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error("{0}")]
    Other(String),
}

impl Failure {
    fn other(error: &dyn std::error::Error) -> Failure {
        Failure::Other(chain::of(error))
    }
}

pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let level = match (&arguments.command, arguments.verbose) {
        (_, true) => LevelFilter::DEBUG,
        (Command::Run, false) => LevelFilter::INFO,
        (_, false) => LevelFilter::ERROR,
    };
    if arguments.command.is_the_services()
        && let Err(e) = user::become_owner_of(&Config::state_directory_of(&arguments.config))
    {
        complain(&chain::of(&e));
        return ExitCode::FAILURE;
    }
    // Before the first thread: it changes the environment.
    let handed = match arguments.command {
        Command::Run => Handed::take(),
        _ => Handed::default(),
    };
    let _guard = journal::init(level);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .max_blocking_threads(BLOCKING_THREADS)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(e) => {
            complain(&format!("the runtime can't be started: {e}"));
            return ExitCode::FAILURE;
        }
    };
    let may_see = user::is_the_services(&Config::state_directory_of(&arguments.config));
    let end = runtime.block_on(command(arguments, handed));
    // A thread that a dead network share holds would keep the process, and with it the next start, waiting.
    runtime.shutdown_background();
    end.unwrap_or_else(|failure| told(&failure, may_see))
}

/// `may_see`: whoever asks may read the secrets, so a file that can't be read is truly at fault.
fn told(failure: &Failure, may_see: bool) -> ExitCode {
    match failure {
        Failure::Config(e) => {
            complain(&e.to_string());
            if !may_see {
                complain(
                    "only root and the service's user may read all of it: try again with sudo",
                );
            }
            ExitCode::from(EXIT_CONFIG)
        }
        e => {
            complain(&chain::of(e));
            ExitCode::FAILURE
        }
    }
}

async fn command(arguments: Arguments, handed: Handed) -> Result<ExitCode, Failure> {
    let config: &Path = &arguments.config;
    match arguments.command {
        Command::Run => run::run(config, handed).await,
        Command::Setup(how) => setup::setup(config, *how).await,
        Command::Check => check::check(config).await,
        Command::Doctor(how) => doctor::doctor(config, how).await,
        Command::Lookup(what) => who::lookup(config, what).await,
        Command::Card(whom) => who::card(config, whom).await,
        Command::Sync(what) => sync::sync(config, what).await,
        Command::Replica(what) => replica::replica(config, what).await,
        Command::Source(what) => source::source(config, what).await,
        Command::Status { json } => status::status(config, json).await,
        Command::Metrics => metrics::metrics(config).await,
        Command::Outbox(what) => outbox::outbox(config, what).await,
        Command::SupportBundle(what) => bundle::bundle(config, what).await,
        Command::Backup(what) => backup::backup(config, what).await,
        Command::Restore(what) => backup::restore(config, what).await,
        Command::Demo(options) => crate::demo::show::demo(options.into())
            .await
            .map(|()| ExitCode::SUCCESS)
            .map_err(|e| Failure::other(&*e)),
        Command::Completions { shell } => pages::completions(shell),
        Command::Man { directory } => pages::man(&directory),
    }
}

fn load(path: &Path) -> Result<Config, Failure> {
    Ok(Config::load(path)?)
}
