//! A whole sync of a million rows out of PostgreSQL: the server, the network of this machine, TLS, the load.

#![allow(
    clippy::unwrap_used,
    reason = "a server that does not come up ends the measurement"
)]
#![allow(unreachable_pub, reason = "a bench has no outside")]

#[path = "../tests/servers/mod.rs"]
mod servers;
mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, ExitCode};
use std::time::Duration;

use servers::Server;
use support::child::Usage;
use support::office::Office;
use support::{Result, say, table, target};

const ROWS: u32 = 1_000_000;
/// Syncs, each into an empty state directory.
const RUNS: usize = 2;
/// The targets.
const SECONDS: f64 = 20.0;
const MEMORY_MIB: f64 = 96.0;

fn main() -> ExitCode {
    support::bench("A sync of 1,000,000 rows of PostgreSQL", measure)
}

fn measure() -> Result<()> {
    let server = Server::start("postgres", &["--tls"]);
    fill(&server)?;
    let office = Office::new(1)?;
    configure(&office, &server)?;
    let mut usages = Vec::new();
    for _ in 0..RUNS {
        let _ = fs::remove_dir_all(office.path("state"));
        usages.push(office.sync()?);
    }
    let row = |usage: &Usage| {
        let seconds = usage.wall.as_secs_f64();
        vec![
            format!("{seconds:.2}"),
            format!("{:.0}", f64::from(ROWS) / seconds),
            format!("{:.1}", usage.peak_kib as f64 / 1024.0),
        ]
    };
    let rows: Vec<_> = usages.iter().map(row).collect();
    table(&["s", "rows/s", "peak MiB"], &rows);
    let slowest = usages
        .iter()
        .map(|u| u.wall)
        .max()
        .unwrap_or(Duration::ZERO);
    let peak = usages.iter().map(|u| u.peak_kib).max().unwrap_or(0) as f64 / 1024.0;
    target(
        "a sync of 1,000,000 rows",
        SECONDS,
        slowest.as_secs_f64(),
        " s",
    );
    target("its peak of memory", MEMORY_MIB, peak, " MiB");
    Ok(())
}

/// The server fills its table itself.
fn fill(server: &Server) -> Result<()> {
    say(&format!("filling a table with {ROWS} rows\n"));
    let statement = format!(
        "CREATE TABLE customers AS SELECT n AS id, 'Müşteri ' || n AS name, \
         '05' || (300000000 + n * 97) AS phone, (n % 100000 / 100.0)::numeric(15,2) AS balance, \
         now() - n * interval '1 second' AS changed FROM generate_series(1, {ROWS}) AS s(n); ANALYZE customers"
    );
    let done = Command::new("psql")
        .env("PGPASSWORD", server.password())
        .args([
            "-q",
            "-h",
            server.host(),
            "-p",
            server.told("PORT"),
            "-U",
            server.user(),
        ])
        .args(["-d", server.database(), "-c", &statement])
        .status()?;
    match done.success() {
        true => Ok(()),
        false => Err("the table can't be filled".into()),
    }
}

fn configure(office: &Office, server: &Server) -> Result<()> {
    let password = office.path("password");
    fs::write(&password, server.password())?;
    fs::set_permissions(&password, fs::Permissions::from_mode(0o600))?;
    let path = office.demo.config_path();
    let text = fs::read_to_string(&path)?;
    let (before, _) = text
        .split_once("[[source]]")
        .ok_or("the demo's configuration has no source")?;
    let source = format!(
        "[[source]]\nname = \"crm\"\ntype = \"postgresql\"\nhost = \"127.0.0.1\"\nport = {}\ndatabase = \"{}\"\nuser = \"{}\"\n\
         password = {{ file = {password:?} }}\nca-file = {:?}\nquery = \"SELECT id, name, phone, balance, changed FROM customers\"\n\
         cursor = \"changed\"\n[source.columns]\nkey = \"id\"\nname = \"name\"\nnumbers = \"phone\"\nbalance = \"balance\"\n\
         default-currency = \"TRY\"\nupdated = \"changed\"\n",
        server.port(),
        server.database(),
        server.user(),
        server.ca(),
    );
    Ok(fs::write(path, format!("{before}{source}"))?)
}
