//! A whole sync: 100,000 rows of CSV into the replica, by the command alone and by the daemon; a million rows;
//! and changes put on top of a copy of a million.

mod support;

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use ringcard::demo::export::{ExportRow, rows};
use ringcard::domain::contact::{Contact, Ids};
use ringcard::domain::join;
use ringcard::domain::phone::{PhoneNumber, Region};
use ringcard::flow::sync::{Outcome, Report};
use ringcard::store::increment::Increment;
use ringcard::store::load::{Load, Made, Plan};
use ringcard::store::replica::Shelf;
use ringcard::system::control::Request;

use support::child::Usage;
use support::office::{Daemon, Office};
use support::{CONTACTS, Result, SEED, has, say, table, target};

/// Syncs by the command, each into an empty state directory.
const RUNS: usize = 3;
/// The targets.
const SECONDS: f64 = 2.0;
const MEMORY_MIB: f64 = 64.0;
const MIB: f64 = 1024.0 * 1024.0;
/// A large office's, and its targets: for the CSV file, and for an increment.
const MANY: usize = 1_000_000;
const MANY_SECONDS: f64 = 15.0;
const MANY_MEMORY_MIB: f64 = 96.0;
const CHANGES: usize = 1_000;
const INCREMENTS: usize = 20;
const INCREMENT_SECONDS: f64 = 1.0;
const INCREMENT_WRITTEN_MIB: f64 = 25.0;
const UNCHANGED: &str = "command, nothing changed";
/// How long a daemon's own first sync may take before it counts as broken.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    support::bench(
        "A sync of 100,000 rows, of a million, and of changes",
        || {
            if !has("--only-many") && !has("--only-changes") {
                support::runtime()?.block_on(measure())?;
            }
            if !has("--only-changes") {
                many()?;
            }
            if !has("--only-many") {
                changes()?;
            }
            Ok(())
        },
    )
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

/// A million rows, by the command.
fn many() -> Result<()> {
    let office = Office::new(MANY)?;
    let csv = fs::metadata(office.path("contacts.csv"))?.len();
    say(&format!("\n{MANY} rows have {:.1} MiB\n", csv as f64 / MIB));
    let sync = sync(&office, "command, a million rows")?;
    let seconds = sync.usage.wall.as_secs_f64();
    let written = sync.usage.written.unwrap_or(0) as f64 / MIB;
    let on_disk = sync.replica_bytes as f64 / MIB;
    table(
        &[
            "sync",
            "s",
            "rows/s",
            "peak MiB",
            "written MiB",
            "on disk MiB",
        ],
        &[vec![
            sync.name.to_owned(),
            format!("{seconds:.2}"),
            format!("{:.0}", MANY as f64 / seconds),
            format!("{:.1}", peak(&sync)),
            format!("{written:.1}"),
            format!("{on_disk:.1}"),
        ]],
    );
    target("a sync of 1,000,000 rows", MANY_SECONDS, seconds, " s");
    target("its peak of memory", MANY_MEMORY_MIB, peak(&sync), " MiB");
    Ok(())
}

/// A contact as a CRM with keys gives it.
fn contact(row: &ExportRow) -> Result<Contact> {
    let [key, name, company, ..] = &row.cells;
    let some = |text: &String| (!text.is_empty()).then(|| text.clone());
    let home = Region::parse("TR").ok_or("no region")?;
    let numbers = row.numbers.iter().map(|n| PhoneNumber::parse(n, home));
    Ok(Contact {
        key: some(key),
        name: some(name),
        company: some(company),
        numbers: numbers.collect::<std::result::Result<_, _>>()?,
        ids: Ids {
            customer_code: join::code(key),
            email: join::email(&row.cells[7]),
            ..Ids::default()
        },
        ..Contact::default()
    })
}

fn made() -> Made {
    Made {
        as_of: Timestamp::now(),
        digest: String::new(),
        cursor: None,
        history: History::default(),
    }
}

/// Changes on top of a million contacts, a thousand at a time, and one base made of all in the end.
fn changes() -> Result<()> {
    let directory = tempfile::Builder::new()
        .prefix("changes-")
        .tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let (shelf, _) = Shelf::open(directory.path().join("crm"))?;
    let plan = Plan {
        keyed: true,
        ..Plan::default()
    };
    let mut lines = Vec::new();
    let (begun, before) = (Instant::now(), support::child::written_by_us());
    let mut load = Load::begin(&shelf, &plan)?;
    for row in rows(MANY, SEED) {
        load.add(&contact(&row)?)?;
    }
    load.finish(made())?.publish(&shelf)?;
    lines.push(line("a million, keyed", begun, before, directory.path())?);
    let mut slowest: (f64, f64) = (0.0, 0.0);
    let all: Vec<ExportRow> = rows(MANY, SEED)
        .step_by(MANY / CHANGES / INCREMENTS)
        .collect();
    for at in 0..=INCREMENTS {
        let (begun, before) = (Instant::now(), support::child::written_by_us());
        let mut increment = Increment::begin(&shelf)?;
        for row in all.iter().skip(at).step_by(INCREMENTS).take(CHANGES) {
            let mut contact = contact(row)?;
            contact.name = Some(format!("changed {at}"));
            increment.put(&contact)?;
        }
        let last = at == INCREMENTS;
        if last {
            increment.merge();
        }
        let built = increment.finish(made())?.ok_or("nothing changed")?;
        built.publish(&shelf)?;
        let name = match last {
            true => "the same, as a new base".to_owned(),
            false => format!("{} changes", (at + 1) * CHANGES),
        };
        let cells = line(&name, begun, before, directory.path())?;
        if !last {
            slowest.0 = slowest.0.max(cells[1].parse()?);
            slowest.1 = slowest.1.max(cells[2].parse()?);
        }
        if at % 5 == 0 || last {
            lines.push(cells);
        }
    }
    table(&["", "s", "written MiB", "newest file MiB"], &lines);
    let name = format!("an increment of {CHANGES} into {MANY}");
    target(&name, INCREMENT_SECONDS, slowest.0, " s");
    target("what it writes", INCREMENT_WRITTEN_MIB, slowest.1, " MiB");
    Ok(())
}

fn line(name: &str, begun: Instant, before: u64, directory: &Path) -> Result<Vec<String>> {
    let seconds = begun.elapsed().as_secs_f64();
    let written = support::child::written_by_us().saturating_sub(before);
    let mut newest = (String::new(), 0);
    for entry in fs::read_dir(directory.join("crm"))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        newest = newest.max((name, entry.metadata()?.len()));
    }
    Ok(vec![
        name.to_owned(),
        format!("{seconds:.2}"),
        format!("{:.1}", written as f64 / MIB),
        format!("{:.1}", newest.1 as f64 / MIB),
    ])
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
