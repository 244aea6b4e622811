//! The daemon as a process under the shim, with systemd's side of its notifications.

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};

use super::office::PATIENCE;
use super::shim::Shim;

/// Where a daemon is started, and under what.
pub struct Place<'a> {
    pub config: &'a Path,
    pub directory: &'a Path,
    pub state: &'a Path,
    pub shim: &'a Shim,
}

pub struct Process {
    child: Child,
    notifications: tokio::net::UnixDatagram,
    log: PathBuf,
    pub pid: i32,
    pub started: Instant,
}

pub fn ringcard(config: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringcard"));
    command
        .env_remove("NOTIFY_SOCKET")
        .env_remove("RINGCARD_CONFIG")
        .arg("--config")
        .arg(config)
        .kill_on_drop(true);
    command
}

impl Process {
    /// Started, and perhaps not ready yet.
    pub fn start(place: &Place<'_>) -> Process {
        let socket = place.directory.join("notify.sock");
        let _ = std::fs::remove_file(&socket);
        let notifications = UnixDatagram::bind(&socket).unwrap();
        notifications.set_nonblocking(true).unwrap();
        let notifications = tokio::net::UnixDatagram::from_std(notifications).unwrap();
        let log = place.directory.join("daemon.log");
        let mut file = std::fs::File::options();
        let file = file.create(true).append(true).open(&log).unwrap();
        let mut command = ringcard(place.config);
        place.shim.load_into(&mut command, place.state);
        let started = Instant::now();
        let child = command
            .arg("run")
            .env("NOTIFY_SOCKET", &socket)
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .unwrap();
        let pid = i32::try_from(child.id().unwrap()).unwrap();
        Process {
            child,
            notifications,
            log,
            pid,
            started,
        }
    }

    /// How long it took until it said that it takes calls.
    pub async fn ready(&mut self) -> Duration {
        let told = async {
            let mut message = [0; 4096];
            loop {
                let length = self.notifications.recv(&mut message).await.unwrap();
                if String::from_utf8_lossy(&message[..length]).contains("READY=1") {
                    return;
                }
            }
        };
        tokio::select! {
            () = told => self.started.elapsed(),
            ended = self.child.wait() => {
                panic!("the daemon ended before it was ready: {ended:?}\n{}", said(&self.log))
            }
            () = tokio::time::sleep(PATIENCE) => panic!("not ready\n{}", said(&self.log)),
        }
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid), signal).unwrap();
    }

    /// Gone without a word.
    pub async fn killed(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Asked to stop, and stopped in order.
    pub async fn stopped(mut self) {
        self.signal(Signal::SIGTERM);
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        assert!(ended.unwrap().unwrap().success());
    }
}

fn said(log: &Path) -> String {
    std::fs::read_to_string(log).unwrap_or_default()
}

/// What a process occupies in memory now, in KiB; nothing once it is gone.
pub fn resident_kib(pid: i32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// What the files below a directory occupy, in KiB.
pub fn occupied_kib(directory: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return 0;
    };
    let sizes = entries.filter_map(Result::ok).map(|entry| {
        let kind = entry.file_type();
        match kind.is_ok_and(|kind| kind.is_dir()) {
            true => occupied_kib(&entry.path()),
            // A file that is renamed away in between counts where it is next.
            false => entry.metadata().map_or(0, |m| m.len().div_ceil(1024)),
        }
    });
    sizes.sum()
}
