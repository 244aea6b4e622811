//! What the benches share: how one begins, what it runs on, how it prints, and the programs it measures.
//!
//! A bench never judges a time: it prints what it saw beside the target and ends with success, unless
//! something is broken, such as a card that never came. What it starts dies with it.

#![allow(dead_code)] // each bench is a crate of its own and uses its part of this
#![allow(unreachable_pub)] // the same: nothing outside reads these modules
#![allow(clippy::print_stdout)] // a bench speaks to whoever runs it

pub mod child;
pub mod office;
pub mod spread;

use std::error::Error;
use std::fs;
use std::process::ExitCode;

pub type Failed = Box<dyn Error + Send + Sync>;
pub type Result<T> = std::result::Result<T, Failed>;

/// Contacts of the office that is measured.
pub const CONTACTS: usize = 100_000;
/// The same contacts in every run.
pub const SEED: u64 = 1919;

/// Runs a bench, or does nothing where `cargo test --all-targets` started it.
pub fn bench(title: &str, body: impl FnOnce() -> Result<()>) -> ExitCode {
    if !has("--bench") {
        println!("this is a measurement: cargo bench");
        return ExitCode::SUCCESS;
    }
    println!("\n{title}\n{}\n", machine());
    finish(body())
}

pub fn finish(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            println!("broken: {e}");
            let mut source = e.source();
            while let Some(cause) = source {
                println!("  because {cause}");
                source = cause.source();
            }
            ExitCode::FAILURE
        }
    }
}

/// Whether `flag` was given.
pub fn has(flag: &str) -> bool {
    std::env::args().any(|a| a == flag)
}

/// What was given after `flag`.
pub fn value(flag: &str) -> Option<String> {
    std::env::args().skip_while(|a| a != flag).nth(1)
}

/// The runtime of the daemon: two workers, as `ringcard` has.
pub fn runtime() -> Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    Ok(builder.worker_threads(2).enable_all().build()?)
}

/// Cores, processor, kernel and load: without them a figure says nothing.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processors
        .lines()
        .find_map(|l| l.strip_prefix("model name"))
        .map_or("unknown processor", |l| l.trim_matches([' ', '\t', ':']));
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let kernel = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or_default();
    let arch = std::env::consts::ARCH;
    format!(
        "{cores} cores, {arch}, {model}, Linux {}, load {load} at the start",
        kernel.trim()
    )
}

/// Prints rows under a header, the first column to the left and the others to the right.
pub fn table(header: &[&str], rows: &[Vec<String>]) {
    let header: Vec<String> = header.iter().map(|h| (*h).to_owned()).collect();
    let all = || std::iter::once(&header).chain(rows);
    let widths: Vec<usize> = (0..header.len())
        .map(|column| all().map(|r| length(r, column)).max().unwrap_or(0))
        .collect();
    for row in all() {
        let mut line = String::new();
        for (column, width) in widths.iter().enumerate() {
            let cell = row.get(column).map_or("", String::as_str);
            let space = " ".repeat(width - cell.chars().count());
            line.push_str(&match column {
                0 => format!("{cell}{space}"),
                _ => format!("  {space}{cell}"),
            });
        }
        println!("{}", line.trim_end());
    }
    println!();
}

fn length(row: &[String], column: usize) -> usize {
    row.get(column).map_or(0, |cell| cell.chars().count())
}

pub fn say(text: &str) {
    println!("{text}");
}

/// Prints whether a target holds.
pub fn target(what: &str, limit: f64, seen: f64, unit: &str) {
    let verdict = if seen <= limit { "holds" } else { "MISSED" };
    println!("{verdict}: {what} <= {limit}{unit}, seen {seen:.2}{unit}");
}
