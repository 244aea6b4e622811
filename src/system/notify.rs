//! What systemd is told of us: ready, reloading, stopping, a line of status, and signs of life.
//!
//! Without systemd nothing listens and nothing is sent; a failure to tell is no reason to fail.

use std::time::Duration;

use sd_notify::NotifyState;

pub fn ready(status: &str) {
    send(&[NotifyState::Ready, NotifyState::Status(status)]);
}

pub fn status(status: &str) {
    send(&[NotifyState::Status(status)]);
}

/// `Type=notify-reload` wants the time of the reload's begin with it.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => send(&[NotifyState::Reloading, now]),
        Err(_) => send(&[NotifyState::Reloading]),
    }
}

pub fn stopping(status: &str) {
    send(&[NotifyState::Stopping, NotifyState::Status(status)]);
}

pub fn alive() {
    send(&[NotifyState::Watchdog]);
}

/// How often systemd wants a sign of life, if it does.
pub fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

fn send(states: &[NotifyState<'_>]) {
    let _ = sd_notify::notify(states);
}
