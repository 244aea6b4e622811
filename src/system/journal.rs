//! Where log lines go: to the journal with their fields when systemd started us, else to standard error.

use std::io::IsTerminal;
use std::os::linux::fs::MetadataExt;

use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts logging at `level`; other crates' lines only from WARN on, since they may hold what we mask.
pub fn init(level: LevelFilter) {
    let filter = Targets::new()
        .with_default(LevelFilter::ERROR)
        .with_target("ringcard", level);
    let journal = connected_to_journal()
        .then(tracing_journald::layer)
        .and_then(Result::ok);
    let stderr = journal.is_none().then(|| {
        tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(std::io::stderr().is_terminal())
            .with_target(false)
            .with_filter(filter.clone())
    });
    let journal = journal.map(|j| {
        j.with_syslog_identifier("ringcard".into())
            .with_filter(filter)
    });
    // A second start in one process, as in tests, keeps the first one's choice.
    let _ = tracing_subscriber::registry()
        .with(journal)
        .with(stderr)
        .try_init();
}

/// systemd tells the journal's socket by device and inode; a shell that redirects us has another.
fn connected_to_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else {
        return false;
    };
    let Ok(metadata) = std::fs::metadata("/dev/stderr") else {
        return false;
    };
    stream == format!("{}:{}", metadata.st_dev(), metadata.st_ino())
}
