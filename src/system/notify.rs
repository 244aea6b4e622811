//! What systemd is told of us: ready, reloading, stopping, a line of status, and signs of life.
//!
//! Without systemd nothing listens and nothing is sent; a failure to tell is no reason to fail. Nor is it one to wait:
//! who does not read (a service manager that hangs, or one that only wants to know when we are ready) lets its
//! socket's queue fill up, and calls must come through all the same.

use std::fmt::Write;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::{Duration, Instant};

use sd_notify::NotifyState;

use crate::tasks::Tasks;

/// So long is waited for room in the queue with what is told once. systemd has room for 512 messages.
const ROOM_WITHIN: Duration = Duration::from_secs(5);
/// No time at all is no wait that a socket takes.
const SHORTEST: Duration = Duration::from_millis(1);

/// What becomes of a message that finds the queue full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Full {
    /// It is dropped.
    Drop,
    Wait(Duration),
}

pub fn ready(status: &str) {
    tell_once(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// Told again and again while we run.
pub fn status(status: &str) {
    send(&[NotifyState::Status(status)], Full::Drop);
}

/// Of a process that ends with them.
pub fn last_words(status: &str) {
    tell_once(&[NotifyState::Status(status)]);
}

/// `Type=notify-reload` wants the time of the reload's begin with it.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell_once(&[NotifyState::Reloading, now]),
        Err(_) => tell_once(&[NotifyState::Reloading]),
    }
}

/// A stop has its own time to keep, and who asked for it knows.
pub fn stopping(status: &str) {
    let states = [NotifyState::Stopping, NotifyState::Status(status)];
    send(&states, Full::Drop);
}

pub fn alive() {
    send(&[NotifyState::Watchdog], Full::Drop);
}

/// How often systemd wants a sign of life, if it does.
pub fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

fn tell_once(states: &[NotifyState<'_>]) {
    Tasks::in_place(|| send(states, Full::Wait(ROOM_WITHIN)));
}

fn send(states: &[NotifyState<'_>], full: Full) {
    let Some(socket) = std::env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    let mut message = String::new();
    for state in states {
        let _ = writeln!(message, "{state}");
    }
    let _ = give(Path::new(&socket), &message, full);
}

/// sd-notify's own sending would wait without end.
fn give(socket: &Path, message: &str, full: Full) -> io::Result<()> {
    let sender = UnixDatagram::unbound()?;
    match full {
        Full::Drop => sender.set_nonblocking(true)?,
        Full::Wait(within) => sender.set_write_timeout(Some(within))?,
    }
    sender.connect(socket)?;
    let began = Instant::now();
    loop {
        // A datagram is sent whole or not at all. Any signal ends the wait for room.
        match (sender.send(message.as_bytes()), full) {
            (Err(e), Full::Wait(within)) if e.kind() == io::ErrorKind::Interrupted => {
                let left = within.checked_sub(began.elapsed()).ok_or(e)?;
                sender.set_write_timeout(Some(left.max(SHORTEST)))?;
            }
            (sent, _) => return sent.map(drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Full = Full::Wait(Duration::from_millis(20));
    const LONG: Full = Full::Wait(Duration::from_secs(60));

    /// Whoever listens, and does not read.
    fn deaf(directory: &Path) -> (UnixDatagram, std::path::PathBuf) {
        let path = directory.join("notify.sock");
        let listener = UnixDatagram::bind(&path).unwrap();
        while give(&path, "STATUS=x\n", Full::Drop).is_ok() {}
        (listener, path)
    }

    fn next(listener: &UnixDatagram) -> String {
        let mut message = [0; 64];
        let length = listener.recv(&mut message).unwrap();
        String::from_utf8_lossy(&message[..length]).into_owned()
    }

    #[test]
    fn nobody_is_waited_for_without_end() {
        let directory = tempfile::tempdir().unwrap();
        let (_listener, path) = deaf(directory.path());
        for full in [Full::Drop, SHORT] {
            let error = give(&path, "STOPPING=1\n", full).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{full:?}");
        }
    }

    #[test]
    fn what_is_told_once_waits_for_room() {
        let directory = tempfile::tempdir().unwrap();
        let (listener, path) = deaf(directory.path());
        std::thread::scope(|scope| {
            let told = scope.spawn(|| give(&path, "READY=1\n", LONG));
            while next(&listener) != "READY=1\n" {}
            told.join().unwrap().unwrap();
        });
    }
}
