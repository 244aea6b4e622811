//! `ringcard run`: the daemon, with the signals that steer it.

use std::path::Path;
use std::process::ExitCode;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tracing::error;

use super::{Failure, load};
use crate::daemon::Daemon;

pub(super) async fn run(path: &Path) -> Result<ExitCode, Failure> {
    let config = load(path).inspect_err(|e| {
        // In the journal too: who looks there first sees all problems.
        error!(event_id = "config-refused", "not started: {e}");
    })?;
    let listen = |kind| signal(kind).map_err(|e| Failure::other(&e));
    let (mut terminate, mut interrupt) = (
        listen(SignalKind::terminate())?,
        listen(SignalKind::interrupt())?,
    );
    let mut hangup = listen(SignalKind::hangup())?;
    let daemon = Daemon::start(config, Some(path.to_owned())).await?;
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
