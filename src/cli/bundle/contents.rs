//! What goes into the bundle. Each part is bounded in length, and one that can't be had says why in its place.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::super::doctor;
use super::mask;
use crate::config::{Config, Outline};
use crate::status::{Status, metrics};
use crate::system::chain;
use crate::system::control::{ControlError, Request, ask};

/// Longest log taken in, of the newest lines; packed it is a tenth.
const LOG_BYTES: usize = 8 << 20;
const LOG_LINES: &str = "50000";
const KERNEL_LINES: &str = "5000";
/// Files of the state directory listed; a source has some five.
const FILES: usize = 500;
const CONFIG_BYTES: u64 = 1 << 20;

pub(super) struct Part {
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    pub(super) text: String,
}

impl Part {
    fn new(name: &'static str, what: &'static str, text: &str) -> Part {
        let text = mask::text(text);
        Part { name, what, text }
    }

    /// Its texts masked one by one, so that a program can still read it.
    fn json(name: &'static str, what: &'static str, value: &impl Serialize) -> Part {
        let mut value = serde_json::to_value(value).unwrap_or_default();
        mask_texts(&mut value);
        let text = serde_json::to_string_pretty(&value).unwrap_or_default();
        Part { name, what, text }
    }
}

fn mask_texts(value: &mut Value) {
    match value {
        Value::String(text) => *text = mask::text(text),
        Value::Array(list) => list.iter_mut().for_each(mask_texts),
        Value::Object(object) => object.values_mut().for_each(mask_texts),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

pub(super) async fn gather(config: &Path, hours: u16) -> Vec<Part> {
    let report = doctor::examine(config).await;
    let status = status(config).await;
    let state = Config::state_directory_of(config);
    vec![
        // Of the system alone, and full of long counts.
        Part {
            name: "about.txt",
            what: "version, system, uptime",
            text: about(),
        },
        Part::new("doctor.txt", "what ringcard doctor tells", &report.told()),
        Part::json("doctor.json", "the same for a program", &report),
        of_status(&status),
        Part::new("metrics.txt", "ringcard metrics", &of_metrics(&status)),
        // Masked by its lines, and then as everything else.
        Part::new(
            "ringcard.toml",
            "the configuration, without comments",
            &masked(config),
        ),
        Part::new(
            "units.txt",
            "the service as systemd sees it",
            &units().await,
        ),
        Part::new("log.txt", "Ringcard's log", &log(hours).await),
        Part::new(
            "kernel.txt",
            "the kernel on storage and voltage",
            &kernel(hours).await,
        ),
        Part::new(
            "files.txt",
            "files of the state directory, and mounts",
            &files(&state),
        ),
    ]
}

async fn status(config: &Path) -> Result<Status, ControlError> {
    let outline = Outline::of(config);
    let socket = outline.control_socket.unwrap_or_default();
    ask::<Status>(&socket, &Request::Status, |_| {}).await
}

fn of_status(status: &Result<Status, ControlError>) -> Part {
    let (name, what) = ("status.json", "ringcard status --json");
    match status {
        Ok(status) => Part::json(name, what, status),
        Err(e) => Part::new(name, what, &missing(&chain::of(e))),
    }
}

fn of_metrics(status: &Result<Status, ControlError>) -> String {
    metrics::text(status.as_ref().ok(), Timestamp::now())
}

fn missing(why: &str) -> String {
    format!("could not be had: {why}\n")
}

fn about() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_else(|e| missing(&e.to_string()));
    let uptime = read("/proc/uptime");
    let seconds = uptime.split('.').next().unwrap_or_default();
    let load = read("/proc/loadavg");
    format!(
        "ringcard {}\nwritten {}\narchitecture {}\nkernel {}model {}\nup {seconds} s, load {load}\n{}\n{}",
        env!("CARGO_PKG_VERSION"),
        Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        std::env::consts::ARCH,
        read("/proc/sys/kernel/osrelease"),
        fs::read_to_string("/proc/device-tree/model")
            .unwrap_or_else(|_| "not told".into())
            .trim_end_matches('\0'),
        read("/etc/os-release"),
        read("/proc/meminfo"),
    )
}

fn masked(config: &Path) -> String {
    let is_large = fs::metadata(config).is_ok_and(|m| m.len() > CONFIG_BYTES);
    if is_large {
        return missing("it is larger than 1 MiB");
    }
    match fs::read_to_string(config) {
        Ok(text) => mask::configuration(&text),
        Err(e) => missing(&e.to_string()),
    }
}

async fn units() -> String {
    doctor::units().await.unwrap_or_else(|e| missing(&e))
}

async fn log(hours: u16) -> String {
    let since = format!("-{hours}h");
    // What is below INFO may name people.
    let arguments = [
        "-u", "ringcard", "--since", &since, "-p", "info", "-n", LOG_LINES,
    ];
    match doctor::entries(&arguments).await {
        Ok(entries) => newest(entries.iter().map(line).collect()),
        Err(why) => missing(&why),
    }
}

async fn kernel(hours: u16) -> String {
    let since = format!("-{hours}h");
    let arguments = ["-k", "--since", &since, "-p", "warning", "-n", KERNEL_LINES];
    let matters = |entry: &&Value| {
        let message = entry["MESSAGE"]
            .as_str()
            .unwrap_or_default()
            .to_ascii_lowercase();
        doctor::is_of_storage(&message) || message.contains("voltage")
    };
    match doctor::entries(&arguments).await {
        Ok(entries) => newest(entries.iter().filter(matters).map(line).collect()),
        Err(why) => missing(&why),
    }
}

/// `2026-11-26T08:35:17Z 4 sync-held ...`, without the host's name.
fn line(entry: &Value) -> String {
    let text = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
    let micros: i64 = text("__REALTIME_TIMESTAMP").parse().unwrap_or_default();
    let at = Timestamp::from_microsecond(micros).unwrap_or_default();
    let at = at.strftime("%Y-%m-%dT%H:%M:%SZ");
    let mut line = format!("{at} {} {}", text("PRIORITY"), text("MESSAGE"));
    for (key, value) in entry.as_object().into_iter().flatten() {
        if let (Some(field), Some(value)) = (key.strip_prefix("F_"), value.as_str()) {
            line.push_str(&format!(" {}={value}", field.to_ascii_lowercase()));
        }
    }
    line
}

/// The last lines that fit.
fn newest(lines: Vec<String>) -> String {
    let mut room = LOG_BYTES;
    let fits = |line: &&String| {
        let is_room = room > line.len();
        room = room.saturating_sub(line.len() + 1);
        is_room
    };
    let mut kept: Vec<&String> = lines.iter().rev().take_while(fits).collect();
    kept.reverse();
    let mut text = String::new();
    for line in kept {
        text.push_str(line);
        text.push('\n');
    }
    text
}

fn files(state: &Path) -> String {
    let mut lines = Vec::new();
    list(state, state, &mut lines);
    lines.sort();
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let disks = mounts.lines().filter(|l| l.starts_with("/dev/"));
    let disks: Vec<&str> = disks.collect();
    format!("{}\n\n{}\n", lines.join("\n"), disks.join("\n"))
}

/// Size and date of each; what is in them stays where it is.
fn list(root: &Path, directory: &Path, lines: &mut Vec<String>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        if lines.len() >= FILES {
            return;
        }
        let path = entry.path();
        if metadata.is_dir() {
            list(root, &path, lines);
            continue;
        }
        let shown = path
            .strip_prefix(root)
            .unwrap_or(&path)
            .display()
            .to_string();
        let modified = metadata
            .modified()
            .ok()
            .and_then(|m| Timestamp::try_from(m).ok());
        let modified = modified.unwrap_or_default().strftime("%Y-%m-%dT%H:%M:%SZ");
        let kibibytes = metadata.len().div_ceil(1024);
        lines.push(format!("{shown}  {kibibytes} KiB  {modified}"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_of_the_log_has_its_time_and_fields_and_no_host() {
        let entry = json!({
            "__REALTIME_TIMESTAMP": "1790000000000000", "PRIORITY": "4", "_HOSTNAME": "pi",
            "MESSAGE": "held", "F_EVENT_ID": "sync-held", "F_SUBJECT": "source crm",
        });
        let expected = "2026-09-21T14:13:20Z 4 held event_id=sync-held subject=source crm";
        assert_eq!(line(&entry), expected);
        assert_eq!(mask::text(expected), expected);
    }

    #[test]
    fn of_a_long_log_the_newest_is_kept() {
        let lines: Vec<String> = (0..3)
            .map(|n| n.to_string().repeat(LOG_BYTES / 2 - 10))
            .collect();
        let kept = newest(lines);
        assert!(kept.len() <= LOG_BYTES && kept.starts_with('1') && kept.ends_with("2\n"));
    }
}
