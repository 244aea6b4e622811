//! The service as systemd sees it.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use super::command;
use super::finding::{Finding, SOCKET, UNIT};

/// The file that is there wherever systemd is the first process.
const SYSTEMD: &str = "/run/systemd/system";
const SYSTEMCTL_TIME: Duration = Duration::from_secs(10);
const SYSTEMCTL_BYTES: usize = 64 << 10;
const UNITS: [&str; 2] = ["ringcard.service", "ringcard.socket"];
const PROPERTIES: &str = "--property=Id,LoadState,ActiveState,SubState,UnitFileState,NRestarts,Result,\
    ExecMainStatus,WatchdogUSec,NeedDaemonReload,Listen,StatusText";
/// EX_CONFIG, on which systemd does not try again.
const REFUSED: &str = "78";

type Unit = HashMap<String, String>;

pub(super) async fn look() -> Vec<Finding> {
    if !Path::new(SYSTEMD).exists() {
        return vec![UNIT.skip("", "no systemd runs here")];
    }
    match show().await {
        Ok(told) => judge(&told),
        Err(why) => vec![UNIT.skip("", format!("systemd could not be asked: {why}"))],
    }
}

/// What systemctl tells of both, as it stands.
pub(in crate::cli) async fn show() -> Result<String, String> {
    let arguments = [&["show", PROPERTIES] as &[&str], &UNITS].concat();
    let said = command::ask("systemctl", &arguments, SYSTEMCTL_TIME, SYSTEMCTL_BYTES).await?;
    match said.out.is_empty() {
        true => Err(said.error()),
        false => Ok(said.text()),
    }
}

fn judge(told: &str) -> Vec<Finding> {
    let units = told.split("\n\n").map(properties);
    let units: HashMap<String, Unit> = units
        .filter_map(|unit| Some((unit.get("Id")?.clone(), unit)))
        .collect();
    let mut findings = Vec::new();
    if let Some(unit) = units.get(UNITS[0]) {
        findings.extend(service(unit));
    }
    if let Some(unit) = units.get(UNITS[1]) {
        findings.extend(socket(unit));
    }
    findings
}

fn properties(block: &str) -> Unit {
    let lines = block.lines().filter_map(|line| line.split_once('='));
    lines.map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
}

fn service(unit: &Unit) -> Vec<Finding> {
    let of = |key: &str| unit.get(key).map_or("", String::as_str);
    let name = UNITS[0];
    if of("LoadState") != "loaded" {
        let what = "systemd knows no such service";
        return vec![UNIT.warn(
            name,
            what,
            "install the package: sudo apt install ./ringcard_*.deb",
        )];
    }
    let mut findings = vec![state(unit)];
    if !matches!(
        of("UnitFileState"),
        "enabled" | "enabled-runtime" | "static" | "indirect"
    ) {
        let what = "does not come up with the box";
        findings.push(UNIT.warn(name, what, "sudo systemctl enable ringcard"));
    }
    if let Some(restarts) = of("NRestarts").parse::<u64>().ok().filter(|n| *n > 0) {
        let what = format!("was started anew by systemd {restarts} times");
        let advice = "see what ended it: journalctl -u ringcard -p warning; a count that stays is of the past";
        findings.push(UNIT.warn(name, what, advice));
    }
    if of("WatchdogUSec") == "0" && of("ActiveState") == "active" {
        let what = "no watchdog looks after it";
        findings.push(UNIT.warn(name, what, "set WatchdogSec=60s, as in the packaged unit"));
    }
    if of("NeedDaemonReload") == "yes" {
        let what = "its unit file is newer than what systemd has read";
        findings.push(UNIT.warn(name, what, "sudo systemctl daemon-reload"));
    }
    findings
}

/// Whether the service runs, and what to do where it does not.
fn state(unit: &Unit) -> Finding {
    let of = |key: &str| unit.get(key).map_or("", String::as_str);
    let name = UNITS[0];
    match (of("ActiveState"), of("SubState")) {
        ("active", _) => UNIT.ok(name, "active"),
        ("reloading", _) => UNIT.ok(name, "reloading"),
        (_, "auto-restart") => UNIT.fail(
            name,
            "it ends again and again, and systemd starts it anew",
            "journalctl -u ringcard -n 50 tells why",
        ),
        ("failed", _) if of("ExecMainStatus") == REFUSED => UNIT.fail(
            name,
            "it was refused its configuration, and is not started again",
            "mend what is listed above, then: sudo systemctl start ringcard",
        ),
        ("failed", _) => UNIT.fail(
            name,
            format!("failed: {}", of("Result")),
            "journalctl -u ringcard -n 50 tells why; then: sudo systemctl start ringcard",
        ),
        (state, _) => UNIT.fail(name, format!("is {state}"), "sudo systemctl start ringcard"),
    }
}

/// Ringcard works without one, so only a socket that is there and shut is a fault.
fn socket(unit: &Unit) -> Option<Finding> {
    let of = |key: &str| unit.get(key).map_or("", String::as_str);
    let name = UNITS[1];
    if of("LoadState") != "loaded" {
        return None;
    }
    let is_enabled = of("UnitFileState") == "enabled";
    Some(match (of("ActiveState"), is_enabled) {
        ("active", true) => SOCKET.ok(name, format!("holds {}", of("Listen"))),
        ("active", false) => SOCKET.warn(
            name,
            "holds the port now, and not after the next start of the box",
            "sudo systemctl enable ringcard.socket",
        ),
        (_, true) => SOCKET.fail(
            name,
            "does not hold its port: no webhook comes in by it",
            "sudo systemctl restart ringcard.socket; if it fails, another program has the port: sudo ss -ltnp",
        ),
        (_, false) => SOCKET.skip(name, "not used"),
    })
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    const WELL: &str = "Id=ringcard.service\nLoadState=loaded\nActiveState=active\nSubState=running\n\
        UnitFileState=enabled\nNRestarts=0\nResult=success\nExecMainStatus=0\nWatchdogUSec=1min\n\
        NeedDaemonReload=no\n\nId=ringcard.socket\nLoadState=loaded\nActiveState=active\nSubState=running\n\
        UnitFileState=enabled\nListen=[::]:8443 (Stream)\n";

    fn states(told: &str) -> Vec<State> {
        judge(told).iter().map(|f| f.state).collect()
    }

    #[test]
    fn a_service_that_runs_is_well() {
        assert_eq!(states(WELL), [State::Ok, State::Ok]);
        let found = judge(WELL);
        assert_eq!(found[1].what, "holds [::]:8443 (Stream)");
    }

    #[test]
    fn each_way_of_not_running_is_told() {
        let with = |from: &str, to: &str| {
            assert!(WELL.contains(from), "{from}");
            WELL.replacen(from, to, 1)
        };
        let fail = |told: &str, said: &str| {
            let found = judge(told);
            let bad = found.iter().find(|f| f.is_bad());
            let what = bad.map_or("", |f| f.what.as_str());
            assert!(what.contains(said), "{said}: {what}");
        };
        let failed = with("ActiveState=active", "ActiveState=failed");
        fail(&failed, "failed: success");
        fail(
            &failed.replace("ExecMainStatus=0", "ExecMainStatus=78"),
            "refused its configuration",
        );
        fail(
            &with("ActiveState=active", "ActiveState=inactive"),
            "is inactive",
        );
        let again = with("ActiveState=active", "ActiveState=activating");
        fail(
            &again.replacen("SubState=running", "SubState=auto-restart", 1),
            "again and again",
        );
        for (from, to) in [
            ("UnitFileState=enabled", "UnitFileState=disabled"),
            ("NRestarts=0", "NRestarts=4"),
            ("WatchdogUSec=1min", "WatchdogUSec=0"),
            ("NeedDaemonReload=no", "NeedDaemonReload=yes"),
        ] {
            assert_eq!(
                states(&with(from, to)),
                [State::Ok, State::Warn, State::Ok],
                "{to}"
            );
        }
        let missing = with("LoadState=loaded", "LoadState=not-found");
        assert_eq!(states(&missing), [State::Warn, State::Ok]);
        let shut = WELL.replace(
            "\n\nId=ringcard.socket\nLoadState=loaded\nActiveState=active",
            "\n\nId=ringcard.socket\nLoadState=loaded\nActiveState=failed",
        );
        assert_eq!(states(&shut), [State::Ok, State::Fail]);
    }
}
