//! The ports of the socket that systemd holds for the service, as a person set them in a drop-in.
//!
//! Only the ports come along: a drop-in may start programs as root, and no backup is trusted with that.

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;

/// Where drop-ins for `ringcard.socket` are.
pub(super) const DROP_INS: &str = "/etc/systemd/system/ringcard.socket.d";
const FILE: &str = "port.conf";
const KEPT: &str = "port.conf.before-ringcard";
/// More doors has no office.
const PORTS: usize = 16;
const LISTEN: &str = "ListenStream=";

/// What the drop-ins say, all of them in their order; nothing if there are none.
pub(super) fn held(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "conf"))
        .collect();
    files.sort();
    let mut ports = Vec::new();
    for text in files
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok())
    {
        for line in text
            .lines()
            .filter_map(|line| line.trim().strip_prefix(LISTEN))
        {
            match line.trim() {
                "" => ports.clear(),
                port if is_port(port) => ports.push(port.to_owned()),
                _ => {}
            }
        }
    }
    ports.truncate(PORTS);
    ports
}

/// What a member of a backup says, if it says nothing but ports.
pub(super) fn parse(text: &str) -> Option<Vec<String>> {
    let ports: Vec<String> = text.lines().map(str::to_owned).collect();
    let fits = (1..=PORTS).contains(&ports.len()) && ports.iter().all(|port| is_port(port));
    fits.then_some(ports)
}

/// A port, or an address with one: nothing that could be another line of a unit.
fn is_port(text: &str) -> bool {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok();
    plain || text.parse::<SocketAddr>().is_ok()
}

/// Writes the drop-in. What somebody wrote into it beside ports is kept in a file that systemd does not read.
pub(super) fn write(directory: &Path, ports: &[String], head: &str) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let file = directory.join(FILE);
    let there = fs::read_to_string(&file).unwrap_or_default();
    if !there.lines().all(is_plain) {
        fs::write(directory.join(KEPT), there)?;
    }
    let lines: String = ports
        .iter()
        .map(|port| format!("{LISTEN}{port}\n"))
        .collect();
    // The empty one takes back what the package's unit says.
    let text = format!("{head}\n[Socket]\n{LISTEN}\n{lines}");
    let beside = directory.join("port.new");
    let mut new = fs::File::create(&beside)?;
    new.write_all(text.as_bytes())?;
    new.sync_all()?;
    fs::rename(beside, file)?;
    fs::File::open(directory)?.sync_all()
}

/// What a drop-in of ours is made of.
fn is_plain(line: &str) -> bool {
    let line = line.trim();
    line.is_empty()
        || line.starts_with(['#', ';'])
        || line == "[Socket]"
        || line.starts_with(LISTEN)
}

/// Makes this the port that the socket listens at, whatever drop-ins there are. Whether something had to change.
pub(super) fn set(directory: &Path, listen: &str, usual: &str, head: &str) -> io::Result<bool> {
    let stands = |listens: &[String]| match listens {
        [] => listen == usual,
        [one] => one == listen,
        _ => false,
    };
    if stands(&held(directory)) {
        return Ok(false);
    }
    let file = directory.join(FILE);
    let there = fs::read_to_string(&file).unwrap_or_default();
    if listen == usual && !there.is_empty() && there.lines().all(is_plain) {
        fs::remove_file(&file)?;
        if stands(&held(directory)) {
            return Ok(true);
        }
    }
    write(directory, &[listen.to_owned()], head)?;
    match stands(&held(directory)) {
        true => Ok(true),
        false => Err(io::Error::other(format!(
            "another file in {} has the last word on the port: take ListenStream= out of it",
            directory.display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ports_come_back_and_nothing_else_does() {
        let directory = tempfile::tempdir().unwrap();
        let drop_ins = directory.path().join("ringcard.socket.d");
        assert!(held(&drop_ins).is_empty());
        write(&drop_ins, &["443".into(), "[::]:8443".into()], "# x").unwrap();
        assert_eq!(held(&drop_ins), ["443", "[::]:8443"]);
        fs::write(
            drop_ins.join("zz.conf"),
            "[Socket]\nExecStartPre=/bin/sh\nListenStream=\nListenStream= 10443\nListenStream=/run/x\n",
        )
        .unwrap();
        assert_eq!(held(&drop_ins), ["10443"]);
    }

    #[test]
    fn the_port_that_was_asked_for_is_the_one_that_is_held() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let set = |port: &str| set(directory.path(), port, "8443", "# x").unwrap();
        assert!(!set("8443"), "it is the package's");
        assert!(set("443") && !set("443"));
        assert_eq!(held(directory.path()), ["443"]);
        assert!(set("8443") && !path(FILE).exists());
        // As `systemctl edit ringcard.socket` has it, and as somebody wrote it who wanted more.
        let edited = "[Socket]\nListenStream=\nListenStream=443\n";
        fs::write(path("override.conf"), edited).unwrap();
        assert!(!set("443") && set("8443") && !set("8443"));
        assert_eq!(held(directory.path()), ["8443"]);
        fs::write(
            path(FILE),
            "[Socket]\nListenStream=\nListenStream=444\nMark=7\n",
        )
        .unwrap();
        assert!(set("443"));
        assert!(fs::read_to_string(path(KEPT)).unwrap().contains("Mark=7"));
        fs::write(path("zz.conf"), "[Socket]\nListenStream=\nListenStream=1\n").unwrap();
        let refused = super::set(directory.path(), "443", "8443", "# x").unwrap_err();
        assert!(refused.to_string().contains("the last word"), "{refused}");
    }

    #[test]
    fn what_is_no_port_is_not_taken() {
        assert_eq!(parse("443\n0.0.0.0:8443").unwrap().len(), 2);
        for odd in [
            "",
            "443\nExecStartPre=/bin/sh",
            "65536",
            "443 x",
            "/run/x",
            "\n443",
        ] {
            assert_eq!(parse(odd), None, "{odd:?}");
        }
    }
}
