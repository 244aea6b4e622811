//! Lines from a person or a script, read so that Ctrl-C ends the wait: the thread that reads may go on, the program
//! does not.

use std::io::{self, BufRead, IsTerminal, Read, Write, stdin, stdout};
use std::os::fd::AsFd;

use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use tokio::signal::unix::{SignalKind, signal};

use crate::tasks::Tasks;

/// Longest answer: a token has a few hundred characters.
const LINE_BYTES: u64 = 16 << 10;

/// A person at a terminal.
pub(super) struct Keyboard;

/// A script's standard input.
pub(super) struct Lines;

pub(super) fn is_attended() -> bool {
    stdin().is_terminal() && stdout().is_terminal()
}

impl Keyboard {
    pub(super) async fn line(&mut self, shown: &str) -> io::Result<Option<String>> {
        prompt(shown);
        let line = read().await?;
        if line.is_none() {
            prompt("\n");
        }
        Ok(line)
    }

    pub(super) async fn hidden(&mut self, shown: &str) -> io::Result<Option<String>> {
        // Before it is asked for: a paste may be quicker than we are.
        let unseen = Unseen::begin();
        prompt(shown);
        let line = read().await;
        drop(unseen);
        prompt("\n");
        line
    }
}

impl Lines {
    pub(super) async fn next(&mut self) -> io::Result<Option<String>> {
        read().await
    }
}

fn prompt(text: &str) {
    let mut out = stdout().lock();
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}

async fn read() -> io::Result<Option<String>> {
    let tasks = Tasks::default();
    let line = tasks.blocking(|| -> io::Result<Option<String>> {
        let mut line = Vec::new();
        let read = stdin()
            .lock()
            .take(LINE_BYTES)
            .read_until(b'\n', &mut line)?;
        let text = String::from_utf8_lossy(&line);
        Ok((read > 0).then(|| text.trim_end_matches(['\n', '\r']).to_owned()))
    });
    line.await.map_err(io::Error::other)?
}

/// While it lives, what is typed is not shown.
struct Unseen(Option<Termios>);

impl Unseen {
    fn begin() -> Unseen {
        let before = tcgetattr(stdin().as_fd()).ok();
        if let Some(before) = &before {
            let mut unseen = before.clone();
            unseen.local_flags.remove(LocalFlags::ECHO);
            let _ = tcsetattr(stdin().as_fd(), SetArg::TCSADRAIN, &unseen);
        }
        Unseen(before)
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = tcsetattr(stdin().as_fd(), SetArg::TCSANOW, before);
        }
    }
}

/// Comes when somebody stops the program, or the line to the terminal is gone.
pub(super) async fn interrupted() {
    let kinds = [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ];
    let signals = kinds.map(signal).into_iter().flatten();
    let mut signals: Vec<_> = signals.collect();
    let waits = signals.iter_mut().map(|signal| Box::pin(signal.recv()));
    futures_util::future::select_all(waits).await;
}
