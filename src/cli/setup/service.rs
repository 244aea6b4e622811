//! The service that the configuration is for: as whom it reads, what it can't see, and how systemd starts it.
//!
//! Only the packaged place has a service. A configuration elsewhere is a try-out that somebody runs by hand.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Command, Output};

use nix::unistd::{Gid, Uid, User, geteuid};

use crate::config::DEFAULT_PATH;

/// The service's user.
const USER: &str = "ringcard";
/// Where systemd says that it runs.
const SYSTEMD: &str = "/run/systemd/system";
/// The unit hides these from the service (ProtectHome=, TemporaryFileSystem=).
const HIDDEN: [&str; 5] = ["/home", "/root", "/run/user", "/tmp", "/var/tmp"];
/// The port in the package's ringcard.socket.
pub(super) const USUAL_PORT: u16 = 8443;
/// Tells whoever finds the drop-in where it comes from.
pub(super) const DROP_IN_HEAD: &str = "# Written by `ringcard setup`.";
pub(super) const SOCKET: &str = "ringcard.socket";
pub(super) const SERVICE: &str = "ringcard.service";

#[derive(Clone, Debug)]
pub(super) struct Service {
    /// Whether the configuration is the one that the packaged service reads.
    pub(super) is_packaged: bool,
    /// Whether systemd runs here and has the units.
    pub(super) has_systemd: bool,
    /// Whose the files are to be; none if they are ours.
    pub(super) user: Option<(Uid, Gid)>,
}

/// What became of asking for a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PortState {
    Free,
    /// Ringcard's own socket holds it.
    Ours,
    Taken,
    NeedsRoot,
    Odd(String),
}

impl Service {
    pub(super) fn of(config: &Path) -> Service {
        let is_packaged = config == Path::new(DEFAULT_PATH);
        let user = User::from_name(USER).ok().flatten();
        let user = user.filter(|_| geteuid().is_root() && is_packaged);
        Service {
            is_packaged,
            has_systemd: is_packaged && Path::new(SYSTEMD).exists() && has_unit(),
            user: user.map(|user| (user.uid, user.gid)),
        }
    }

    /// A command with the service's rights, its further groups among them.
    fn as_user(&self, program: &Path) -> Command {
        if self.user.is_none() {
            return Command::new(program);
        }
        let mut command = Command::new("setpriv");
        command.args(["--reuid", USER, "--regid", USER, "--init-groups", "--"]);
        command.arg(program);
        command
    }

    /// Whether the service can read what is there; or what to do.
    pub(super) fn can_read(&self, path: &Path) -> Result<(), String> {
        let shown = path.display();
        if self.is_packaged && HIDDEN.iter().any(|hidden| path.starts_with(hidden)) {
            return Err(format!(
                "the service sees nothing in {}: put it elsewhere, such as into /var/lib/ringcard-import or /etc/ringcard",
                path.parent().unwrap_or(path).display()
            ));
        }
        if self.user.is_none() {
            return match std::fs::File::open(path) {
                Ok(_) => Ok(()),
                Err(e) => Err(format!("{shown} can't be read: {e}")),
            };
        }
        let mut test = self.as_user(Path::new("/usr/bin/test"));
        match test.arg("-r").arg(path).output() {
            Ok(output) if output.status.success() => Ok(()),
            Ok(_) => Err(format!(
                "the user {USER} can't read {shown}: chgrp {USER} and chmod g+r it, and g+x the folders above"
            )),
            Err(e) => Err(format!("setpriv can't be run: {e}")),
        }
    }

    /// `ringcard check` of a file, as the service would do it.
    pub(super) fn check(&self, config: &Path) -> io::Result<Output> {
        let mut check = self.as_user(&std::env::current_exe()?);
        check.arg("--config").arg(config).arg("check");
        check.env_remove("RINGCARD_CONFIG").output()
    }

    pub(super) fn try_port(&self, port: u16, is_local: bool) -> PortState {
        let address = match is_local {
            true => Ipv4Addr::LOCALHOST,
            false => Ipv4Addr::UNSPECIFIED,
        };
        match TcpListener::bind((address, port)) {
            Ok(_) => PortState::Free,
            Err(e) => match e.kind() {
                io::ErrorKind::AddrInUse if self.has_systemd && self.holds(port) => PortState::Ours,
                io::ErrorKind::AddrInUse => PortState::Taken,
                io::ErrorKind::PermissionDenied => PortState::NeedsRoot,
                _ => PortState::Odd(e.to_string()),
            },
        }
    }

    /// Whether ringcard.socket listens there.
    fn holds(&self, port: u16) -> bool {
        let listens = ["show", "--property", "Listen", "--value", SOCKET];
        let told = systemctl(&listens).unwrap_or_default();
        let ends = format!(":{port}");
        let addresses = told.split_whitespace();
        addresses.into_iter().any(|a| a.ends_with(&ends)) && is_active(SOCKET)
    }
}

fn has_unit() -> bool {
    systemctl(&["cat", SOCKET]).is_ok()
}

pub(super) fn is_active(unit: &str) -> bool {
    systemctl(&["is-active", "--quiet", unit]).is_ok()
}

/// What systemctl says; or why it fails.
pub(super) fn systemctl(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("systemctl").args(arguments).output();
    let output = output.map_err(|e| format!("systemctl can't be run: {e}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Err(format!("systemctl {}: {said}", arguments.join(" ")))
        }
    }
}

/// Who listens at a port, where the kernel tells: `nginx (process 812)`.
pub(super) fn listener_at(port: u16) -> Option<String> {
    let sockets = ["/proc/net/tcp", "/proc/net/tcp6"];
    let lists = sockets
        .iter()
        .filter_map(|p| std::fs::read_to_string(p).ok());
    let sockets: Vec<String> = lists.flat_map(|list| inodes(&list, port)).collect();
    let processes = std::fs::read_dir("/proc").ok()?.flatten();
    let mut ids = processes.filter_map(|p| p.file_name().to_str()?.parse::<u32>().ok());
    let is_its = |id: &u32| {
        let open = std::fs::read_dir(format!("/proc/{id}/fd"))
            .into_iter()
            .flatten();
        let mut links = open
            .flatten()
            .filter_map(|fd| std::fs::read_link(fd.path()).ok());
        links.any(|link| {
            sockets
                .iter()
                .any(|socket| link.as_os_str() == socket.as_str())
        })
    };
    let id = ids.find(is_its)?;
    let name = std::fs::read_to_string(format!("/proc/{id}/comm")).ok()?;
    Some(format!("{} (process {id})", name.trim()))
}

/// `socket:[INODE]` of those that listen at a port, in a list as /proc/net/tcp has it.
fn inodes(list: &str, port: u16) -> Vec<String> {
    const LISTENING: &str = "0A";
    let port = format!(":{port:04X}");
    let inode = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (local, state, inode) = (words.get(1)?, words.get(3)?, words.get(9)?);
        (local.ends_with(&port) && *state == LISTENING).then(|| format!("socket:[{inode}]"))
    };
    list.lines().filter_map(inode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn try_out() -> Service {
        Service::of(Path::new("/somewhere/ringcard.toml"))
    }

    #[test]
    fn a_try_out_has_no_service() {
        let service = try_out();
        assert!(!service.is_packaged && !service.has_systemd && service.user.is_none());
    }

    #[test]
    fn the_service_does_not_see_homes() {
        let packaged = Service {
            is_packaged: true,
            ..try_out()
        };
        let said = packaged
            .can_read(Path::new("/home/pi/contacts.csv"))
            .unwrap_err();
        assert!(
            said.starts_with("the service sees nothing in /home/pi"),
            "{said}"
        );
        assert!(packaged.can_read(Path::new("/proc/version")).is_ok());
        assert!(
            packaged
                .can_read(Path::new("/homes-that-are-not-there"))
                .is_err()
        );
    }

    #[test]
    fn a_port_is_free_or_somebodys() {
        let taken = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        assert_eq!(try_out().try_port(port, false), PortState::Taken);
        let own = format!("(process {})", std::process::id());
        assert!(listener_at(port).unwrap().ends_with(&own));
        drop(taken);
        assert_eq!(try_out().try_port(port, false), PortState::Free);
    }
}
