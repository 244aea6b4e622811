//! The ports of the socket that systemd holds for the service, as a person set them in a drop-in.
//!
//! Only the ports come along: a drop-in may start programs as root, and no backup is trusted with that.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

/// Where drop-ins for `ringcard.socket` are.
pub(super) const DROP_INS: &str = "/etc/systemd/system/ringcard.socket.d";
const FILE: &str = "port.conf";
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

/// Writes the drop-in.
pub(super) fn write(directory: &Path, ports: &[String]) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let lines: String = ports
        .iter()
        .map(|port| format!("{LISTEN}{port}\n"))
        .collect();
    // The empty one takes back what the package's unit says.
    let text = format!("# From a backup of Ringcard.\n[Socket]\n{LISTEN}\n{lines}");
    let beside = directory.join("port.new");
    fs::write(&beside, text)?;
    fs::rename(beside, directory.join(FILE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ports_come_back_and_nothing_else_does() {
        let directory = tempfile::tempdir().unwrap();
        let drop_ins = directory.path().join("ringcard.socket.d");
        assert!(held(&drop_ins).is_empty());
        write(&drop_ins, &["443".into(), "[::]:8443".into()]).unwrap();
        assert_eq!(held(&drop_ins), ["443", "[::]:8443"]);
        fs::write(
            drop_ins.join("zz.conf"),
            "[Socket]\nExecStartPre=/bin/sh\nListenStream=\nListenStream= 10443\nListenStream=/run/x\n",
        )
        .unwrap();
        assert_eq!(held(&drop_ins), ["10443"]);
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
