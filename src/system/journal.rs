//! Where log lines go: to the journal with their fields when systemd started us, else to standard error.

mod queue;

use std::io::{self, IsTerminal};
use std::os::linux::fs::MetadataExt;
use std::time::Duration;

use tracing::Dispatch;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use self::queue::Queue;

/// So long does an end of the process wait for the journal to take the last lines.
const LAST_LINES: Duration = Duration::from_secs(1);

/// What is logged until this is dropped is in the journal, if that takes it.
#[must_use]
pub struct Journal(Option<Queue>);

/// Starts logging at `level`; other crates' lines only from ERROR on, since they may hold what we mask.
pub fn init(level: LevelFilter) -> Journal {
    let filter = Targets::new()
        .with_default(LevelFilter::ERROR)
        .with_target("ringcard", level);
    let journal = connected_to_journal()
        .then(|| queue_to_journal(filter.clone()))
        .and_then(Result::ok);
    let stderr = journal.is_none().then(|| {
        tracing_subscriber::fmt::layer()
            .with_writer(io::stderr)
            .with_ansi(io::stderr().is_terminal())
            .with_target(false)
            .with_filter(filter.clone())
    });
    let queue = journal.clone().map(|queue| queue.with_filter(filter));
    // A second start in one process, as in tests, keeps the first one's choice.
    let _ = tracing_subscriber::registry()
        .with(queue)
        .with(stderr)
        .try_init();
    Journal(journal)
}

/// Filtered on both ends, or lines that nobody wants would be asked about again and again.
fn queue_to_journal(filter: Targets) -> io::Result<Queue> {
    let journal = tracing_journald::layer()?.with_syslog_identifier("ringcard".into());
    Queue::to(Dispatch::new(
        tracing_subscriber::registry().with(filter).with(journal),
    ))
}

impl Drop for Journal {
    fn drop(&mut self) {
        if let Some(queue) = &self.0 {
            queue.flush(LAST_LINES);
        }
    }
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
