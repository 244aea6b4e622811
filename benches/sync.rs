//! A whole sync: 100,000 rows of CSV into the replica, by the command alone and by the daemon.

mod support;

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use ringcard::flow::sync::{Outcome, Report};
use ringcard::system::control::Request;

use support::child::Usage;
use support::office::{Daemon, Office};
use support::{CONTACTS, Result, say, table, target};

/// Syncs by the command, each into an empty state directory.
const RUNS: usize = 3;
/// The targets.
const SECONDS: f64 = 2.0;
const MEMORY_MIB: f64 = 64.0;
const MIB: f64 = 1024.0 * 1024.0;
const UNCHANGED: &str = "command, nothing changed";
/// How long a daemon's own first sync may take before it counts as broken.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    support::bench("A sync of 100,000 rows", || {
        support::runtime()?.block_on(measure())
    })
}

/// One way of syncing, and what it took.
struct Sync {
    name: &'static str,
    usage: Usage,
    replica_bytes: u64,
}

async fn measure() -> Result<()> {
    let office = Office::new(CONTACTS)?;
    let csv = fs::metadata(office.path("contacts.csv"))?.len();
    say(&format!("the file has {:.1} MiB\n", csv as f64 / MIB));
    let mut syncs = Vec::new();
    for _ in 0..RUNS {
        let _ = fs::remove_dir_all(office.path("state"));
        syncs.push(sync(&office, "command, no copy yet")?);
    }
    syncs.push(sync(&office, UNCHANGED)?);
    change(&office)?;
    syncs.push(sync(&office, "command, one row more")?);
    let _ = fs::remove_dir_all(office.path("state"));
    syncs.extend(by_daemon(&office).await?);
    let rows: Vec<_> = syncs.iter().map(row).collect();
    let header = [
        "sync",
        "s",
        "rows/s",
        "peak MiB",
        "written MiB",
        "on disk MiB",
    ];
    table(&header, &rows);
    let most = |of: &dyn Fn(&Sync) -> f64| syncs.iter().map(of).fold(0.0, f64::max);
    let slowest = most(&|s| s.usage.wall.as_secs_f64());
    target("a sync of 100,000 rows", SECONDS, slowest, " s");
    target("its peak of memory", MEMORY_MIB, most(&peak), " MiB");
    Ok(())
}

fn peak(sync: &Sync) -> f64 {
    sync.usage.peak_kib as f64 / 1024.0
}

fn row(sync: &Sync) -> Vec<String> {
    let seconds = sync.usage.wall.as_secs_f64();
    let written = sync.usage.written;
    vec![
        sync.name.to_owned(),
        format!("{seconds:.2}"),
        match sync.name {
            UNCHANGED => "-".to_owned(),
            _ => format!("{:.0}", CONTACTS as f64 / seconds),
        },
        format!("{:.1}", peak(sync)),
        written.map_or("-".to_owned(), |w| format!("{:.1}", w as f64 / MIB)),
        format!("{:.1}", sync.replica_bytes as f64 / MIB),
    ]
}

fn sync(office: &Office, name: &'static str) -> Result<Sync> {
    let usage = office.sync()?;
    let replica_bytes = replica_bytes(&office.path("state/replica/crm"))?;
    Ok(Sync {
        name,
        usage,
        replica_bytes,
    })
}

/// One row more at the end: other content, so the sync loads it all.
fn change(office: &Office) -> Result<()> {
    let path = office.path("contacts.csv");
    let mut file = File::options().append(true).open(path)?;
    Ok(writeln!(
        file,
        "one-more;Ece Demir;;0532 555 99 99;;;TRY;\r"
    )?)
}

/// The load that a daemon begins by itself, and one that it is asked for while it serves the first.
async fn by_daemon(office: &Office) -> Result<Vec<Sync>> {
    let path = office.path("state/replica/crm");
    let daemon = Daemon::start(office)?;
    let until = Instant::now() + PATIENCE;
    let seconds = loop {
        let status = daemon.status().await?;
        let crm = status.sources.get("crm").ok_or("no source")?;
        if crm.load_seconds > 0.0 {
            break crm.load_seconds;
        }
        if Instant::now() > until {
            return Err("the daemon did not sync by itself".into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let of = |wall: Duration| -> Result<Usage> {
        Ok(Usage {
            wall,
            peak_kib: daemon.process.memory("VmHWM")?,
            ..Usage::default()
        })
    };
    let first = Sync {
        name: "daemon, at its first start",
        usage: of(Duration::from_secs_f64(seconds))?,
        replica_bytes: replica_bytes(&path)?,
    };
    change(office)?;
    daemon.process.forget_peak()?;
    let asked = Instant::now();
    let request = Request::Sync {
        source: None,
        accept: false,
        full: false,
    };
    let reports: Vec<Report> = daemon.ask(&request).await?;
    if reports.iter().any(|r| r.outcome != Outcome::Published) {
        return Err("the daemon published nothing".into());
    }
    let second = Sync {
        name: "daemon, asked, one row more",
        usage: of(asked.elapsed())?,
        replica_bytes: replica_bytes(&path)?,
    };
    daemon.process.stop()?;
    Ok(vec![first, second])
}

/// All generations that are kept.
fn replica_bytes(directory: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(directory)? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes)
}
