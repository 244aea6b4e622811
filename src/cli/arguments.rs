//! What can be typed.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::config::DEFAULT_PATH;
use crate::demo::hipcall::RATE_LIMIT;
use crate::demo::show::{BY_HAND, Options};

/// Shows an office agent who is calling before they say hello.
#[derive(Debug, Parser)]
#[command(name = "ringcard", version, arg_required_else_help = true)]
pub(super) struct Arguments {
    /// The configuration.
    #[arg(long, short, global = true, value_name = "FILE", default_value = DEFAULT_PATH, env = "RINGCARD_CONFIG")]
    pub(super) config: PathBuf,
    /// Log one line for every call.
    #[arg(long, short, global = true)]
    pub(super) verbose: bool,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Ask what an office needs to begin, try each answer at once, and write the configuration.
    Setup(Box<super::setup::Setup>),
    /// Take webhooks and send cards, until stopped. SIGHUP reads the configuration anew.
    ///
    /// Ends with 78 if the configuration has problems, all of which are listed.
    Run,
    /// Check configuration, secrets, certificate and sources without starting anything.
    Check,
    /// Look at everything that a call depends on, and say what to do about what is wrong.
    Doctor(super::doctor::Doctor),
    /// Tell whom a number belongs to, and how that is known. Ends with 1 if it is nobody.
    ///
    /// With --file, tell how many of a list of numbers are found, and why the others are not: for last
    /// month's calls, before going live.
    Lookup(Lookup),
    /// Show the card that a call from a number would get; nothing is sent. Ends with 1 if there is none.
    Card(Whom),
    /// Read the sources now.
    ///
    /// Asks the running daemon, or does it itself if none runs.
    Sync(What),
    /// See the copies, and go back to the one before.
    #[command(subcommand)]
    Replica(Replica),
    /// See what a source can be, begin one, and try one out.
    #[command(subcommand)]
    Source(super::source::Source),
    /// Show at a glance how everything does.
    Status {
        /// For a script.
        #[arg(long)]
        json: bool,
    },
    /// Write the status for Prometheus, in its text format.
    ///
    /// If the daemon does not answer, it writes `ringcard_up 0` and ends with 1.
    Metrics,
    /// See and mend what waits to be sent.
    #[command(subcommand)]
    Outbox(Outbox),
    /// Put what whoever helps needs to see into one file: no secret, no name, no whole number.
    SupportBundle(super::bundle::Bundle),
    /// Write everything that this office is into one file, to move it to another box.
    Backup(super::backup::Backup),
    /// Put an office from a backup onto this box.
    Restore(super::backup::Restore),
    /// Try Ringcard without anything: made-up contacts, a stand-in for Hipcall, and calls with their cards.
    Demo(Demo),
    /// Write the completions of a shell to standard output.
    Completions {
        /// The one that is to complete what you type.
        shell: clap_complete::Shell,
    },
    /// Write the man pages into a directory.
    Man { directory: PathBuf },
}

impl Command {
    /// Whether root does this as the service's user: what it writes, the service must be able to replace, and
    /// what it can't read, the service can't either.
    pub(super) fn is_the_services(&self) -> bool {
        match self {
            Command::Run
            | Command::Check
            | Command::Lookup(_)
            | Command::Card(_)
            | Command::Sync(_)
            | Command::Replica(_)
            | Command::Source(_)
            | Command::Status { .. }
            | Command::Metrics
            | Command::Outbox(_) => true,
            Command::Doctor(how) => how.is_the_services(),
            Command::Setup(_)
            | Command::SupportBundle(_)
            | Command::Backup(_)
            | Command::Restore(_)
            | Command::Demo(_)
            | Command::Completions { .. }
            | Command::Man { .. } => false,
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct Lookup {
    /// In any form that people type or networks send.
    #[arg(required_unless_present = "file")]
    pub(super) number: Option<String>,
    /// Look up the numbers in this file, one a line; - is standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "number")]
    pub(super) file: Option<PathBuf>,
    #[command(flatten)]
    pub(super) about: About,
}

#[derive(Debug, Args)]
pub(super) struct Whom {
    /// In any form that people type or networks send.
    pub(super) number: String,
    #[command(flatten)]
    pub(super) about: About,
}

/// What else matters of a call.
#[derive(Debug, Args)]
pub(super) struct About {
    /// As for a call of this account; the default is the first by name.
    #[arg(long, value_name = "NAME")]
    pub(super) account: Option<String>,
    /// As for a call over this number of the office.
    #[arg(long, value_name = "NUMBER")]
    pub(super) line: Option<String>,
    /// As for a call that we make.
    #[arg(long)]
    pub(super) outbound: bool,
    /// For a script.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct What {
    /// One source; without it, all.
    pub(super) source: Option<String>,
    /// Read, tell what would be new, changed and gone, and publish nothing.
    #[arg(long, conflicts_with = "accept")]
    pub(super) dry_run: bool,
    /// Publish although a guard holds it back: much is gone, empty, or of another kind than before.
    #[arg(long, alias = "accept-removals")]
    pub(super) accept: bool,
    /// Read everything, though the source could be asked for what has changed.
    #[arg(long)]
    pub(super) full: bool,
    /// For a script.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Replica {
    /// The copy that serves of each source, and the one before.
    List {
        /// For a script.
        #[arg(long)]
        json: bool,
    },
    /// Go back to the copy before. No schedule replaces it then; `ringcard sync SOURCE` does.
    Rollback { source: String },
}

#[derive(Debug, Subcommand)]
pub(super) enum Outbox {
    /// Cards that wait, are parked, or are to be told in a comment.
    List {
        /// Those that are done with as well.
        #[arg(long)]
        all: bool,
        /// For a script.
        #[arg(long)]
        json: bool,
    },
    /// Everything about one call's card.
    Show {
        call: String,
        /// For a script.
        #[arg(long)]
        json: bool,
    },
    /// Send a parked card again, if its call may still live.
    Retry {
        #[arg(required_unless_present = "all")]
        call: Option<String>,
        /// All parked cards.
        #[arg(long, conflicts_with = "call")]
        all: bool,
    },
    /// Give up a card that waits, is parked, or is to be told in a comment.
    Drop {
        #[arg(required_unless_present = "all")]
        call: Option<String>,
        /// All parked cards.
        #[arg(long, conflicts_with = "call")]
        all: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct Demo {
    /// End after the calls instead of staying up.
    #[arg(long)]
    once: bool,
    /// Keep everything in this directory instead of a temporary one: configuration, contacts, secrets.
    #[arg(long, value_name = "DIRECTORY")]
    directory: Option<PathBuf>,
    /// Run only the stand-in for Hipcall, for a daemon that you start yourself; with --directory.
    #[arg(long, requires = "directory", conflicts_with = "once")]
    stand_in_only: bool,
    /// Where the stand-in listens.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// How many requests a minute the stand-in takes. The real one takes 60, whatever is tried here.
    #[arg(long, value_name = "REQUESTS", default_value_t = RATE_LIMIT, hide = true)]
    rate_limit: u32,
    /// How many calls the stand-in knows as by-hand-1 and on.
    #[arg(long, value_name = "CALLS", default_value_t = BY_HAND, hide = true)]
    calls: usize,
}

impl From<Demo> for Options {
    fn from(demo: Demo) -> Options {
        let Demo {
            once,
            directory,
            stand_in_only,
            listen,
            rate_limit,
            calls,
        } = demo;
        Options {
            once,
            directory,
            stand_in_only,
            listen,
            rate_limit,
            calls,
        }
    }
}
