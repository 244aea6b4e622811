//! Where log lines go: to the journal with their fields when systemd started us, else to standard error.

mod queue;

use std::io::{self, IsTerminal};
use std::os::linux::fs::MetadataExt;
use std::time::Duration;

use tracing::{Dispatch, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use self::queue::Queue;

/// So long does an end of the process wait for the journal to take the last lines.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Waits at its end for the lines logged until then, for `LAST_LINES` at most.
#[must_use]
pub struct Guard(Option<Queue>);

/// Starts logging at `level`; other crates' lines only from ERROR on, since they may hold what we mask.
pub fn init(level: LevelFilter) -> Guard {
    let filter = Targets::new()
        .with_default(LevelFilter::ERROR)
        .with_target("ringcard", level);
    let queue = connected_to_journal()
        .then(|| queue_to_journal(filter.clone()))
        .and_then(Result::ok);
    let stderr = queue.is_none().then(to_stderr);
    // A second start in one process, as in tests, keeps the first one's choice.
    let _ = tracing_subscriber::registry()
        .with(filter)
        .with(queue.clone())
        .with(stderr)
        .try_init();
    Guard(queue)
}

/// Even to look whether journald is there may wait for it. Where only its socket is missing, it reads standard error.
fn queue_to_journal(filter: Targets) -> io::Result<Queue> {
    Queue::to(|| {
        let journal = tracing_journald::layer().ok();
        let stderr = journal.is_none().then(to_stderr);
        let journal = journal.map(|j| j.with_syslog_identifier("ringcard".into()));
        // Filtered here as well, or tracing would ask anew of each line that nobody wants.
        let registry = tracing_subscriber::registry().with(filter);
        Dispatch::new(registry.with(journal).with(stderr))
    })
}

fn to_stderr<S>() -> impl Layer<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
}

impl Drop for Guard {
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
