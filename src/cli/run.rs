//! `ringcard run`: the daemon, with the signals that steer it.

use std::path::Path;
use std::process::ExitCode;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tracing::error;

use super::{Failure, load};
use crate::config::ConfigError;
use crate::daemon::Daemon;
use crate::system::clock::Clock;
use crate::system::{chain, notify};
use crate::webhook::Handed;

/// Problems of the configuration that the line in `systemctl status` has room for.
const PROBLEMS_TOLD: usize = 3;

pub(super) async fn run(path: &Path, handed: Handed) -> Result<ExitCode, Failure> {
    let end = serve(path, handed).await;
    if let Err(failure) = &end {
        notify::last_words(&last_words(failure));
    }
    end
}

/// What `systemctl status` shows of a service that has ended: one line.
fn last_words(failure: &Failure) -> String {
    match failure {
        Failure::Config(ConfigError::Problems { path, problems }) => {
            let first: Vec<_> = problems.0.iter().take(PROBLEMS_TOLD).collect();
            let told: Vec<_> = first.iter().map(ToString::to_string).collect();
            let more = match problems.0.len() - told.len() {
                0 => String::new(),
                n => format!("; and {n} more: sudo ringcard check"),
            };
            let told = told.join("; ").replace('\n', " ");
            format!("not started: {}: {told}{more}", path.display())
        }
        other => format!("not started: {}", chain::of(other)).replace('\n', " "),
    }
}

async fn serve(path: &Path, handed: Handed) -> Result<ExitCode, Failure> {
    let config = load(path).inspect_err(|e| {
        // In the journal too: who looks there first sees all problems.
        error!(event_id = "config-refused", "not started: {e}");
        handed.turn_away();
    })?;
    let listen = |kind| signal(kind).map_err(|e| Failure::other(&e));
    let (mut terminate, mut interrupt) = (
        listen(SignalKind::terminate())?,
        listen(SignalKind::interrupt())?,
    );
    let mut hangup = listen(SignalKind::hangup())?;
    let (clock, again) = (Clock::of_the_system(), Some(path.to_owned()));
    let daemon = Daemon::start_by(clock, config, again, handed).await?;
    let stop = async {
        tokio::select! {
            () = received(&mut terminate) => {}
            () = received(&mut interrupt) => {}
        }
    };
    let reload = Notify::new();
    let hangups = async {
        loop {
            received(&mut hangup).await;
            reload.notify_one();
        }
    };
    tokio::select! {
        end = daemon.run(stop, &reload) => end.map_err(Failure::Other)?,
        () = hangups => {}
    }
    Ok(ExitCode::SUCCESS)
}

async fn received(signal: &mut Signal) {
    if signal.recv().await.is_none() {
        // No more signals can come: the process is going down by itself.
        std::future::pending::<()>().await;
    }
}
