//! The control socket: how the commands speak to the running daemon.
//!
//! One request a connection, as a line of JSON; the answer is lines of JSON, the last one `done` or `failed`.
//! The socket's mode decides who may: the daemon's user and group.

use std::future::Future;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

use crate::tasks::Tasks;

/// Commands served at once; further ones wait in the socket's queue.
const COMMANDS: usize = 8;
/// Longest request line.
const REQUEST_BYTES: u64 = 16 << 10;
/// Longest line of an answer: the outbox's full list has about 3 MB.
const ANSWER_BYTES: u64 = 16 << 20;
/// How long a command may take to say what it wants.
const REQUEST_TIME: Duration = Duration::from_secs(5);
/// How long a command may take to read a line of the answer.
const ANSWER_TIME: Duration = Duration::from_secs(10);
/// Lines of an answer waiting for a slow reader.
const ANSWER_LINES: usize = 64;

/// A call that might come: whose card would it get?
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Question {
    pub number: String,
    pub account: Option<String>,
    /// The office's own number, for cards that depend on it.
    pub line: Option<String>,
    pub outbound: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "command")]
pub enum Request {
    Status,
    Lookup(Question),
    Sync {
        source: Option<String>,
        /// Publish what a guard would hold.
        #[serde(default)]
        accept: bool,
        /// Read everything, though changes could be had.
        #[serde(default)]
        full: bool,
    },
    /// The generations of the copies.
    Replicas,
    /// Back to the generation before.
    Rollback {
        source: String,
    },
    OutboxList,
    OutboxShow {
        call: String,
    },
    OutboxRetry {
        call: String,
    },
    OutboxDrop {
        call: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// On the way to the end.
    Progress(serde_json::Value),
    Done(serde_json::Value),
    /// In the operator's words.
    Failed(String),
}

/// Where a request's answers go. A command that has gone away does not stop its work.
#[derive(Clone)]
pub struct Answers(mpsc::Sender<Answer>);

impl Answers {
    pub async fn done(&self, value: impl Serialize) {
        let value = serde_json::to_value(value).unwrap_or_default();
        let _ = self.0.send(Answer::Done(value)).await;
    }

    pub async fn failed(&self, reason: impl ToString) {
        let _ = self.0.send(Answer::Failed(reason.to_string())).await;
    }

    /// Left out if the command reads too slowly.
    pub fn progress(&self, value: impl Serialize) {
        let value = serde_json::to_value(value).unwrap_or_default();
        let _ = self.0.try_send(Answer::Progress(value));
    }
}

/// Opens the socket, for the owner and the group.
pub fn bind(path: &Path) -> io::Result<UnixListener> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    // One left by a killed run. A daemon that runs keeps the outbox locked, and was found there.
    if let Err(e) = std::fs::remove_file(path)
        && e.kind() != io::ErrorKind::NotFound
    {
        return Err(e);
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    Ok(listener)
}

/// Serves commands until the daemon stops; `answer` does what they ask.
pub async fn serve<F: Future<Output = ()> + Send + 'static>(
    listener: UnixListener,
    tasks: Tasks,
    answer: impl Fn(Request, Answers) -> F + Send + Sync + 'static,
) {
    let (answer, places) = (Arc::new(answer), Arc::new(Semaphore::new(COMMANDS)));
    loop {
        let accepted = tokio::select! {
            () = tasks.stopping() => return,
            accepted = async {
                let place = places.clone().acquire_owned().await;
                (listener.accept().await, place)
            } => accepted,
        };
        let (Ok((stream, _)), place) = accepted else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (answer, spawner) = (answer.clone(), tasks.clone());
        tasks.spawn(async move {
            let _ = converse(stream, &spawner, &*answer).await;
            drop(place);
        });
    }
}

async fn converse<F: Future<Output = ()> + Send + 'static>(
    stream: UnixStream,
    tasks: &Tasks,
    answer: &(impl Fn(Request, Answers) -> F + Send + Sync),
) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut line = String::new();
    let mut reader = BufReader::new(reader.take(REQUEST_BYTES));
    timeout(REQUEST_TIME, reader.read_line(&mut line)).await??;
    let (sender, mut answers) = mpsc::channel(ANSWER_LINES);
    match serde_json::from_str(&line) {
        Ok(request) => drop(tasks.spawn(answer(request, Answers(sender)))),
        Err(e) => Answers(sender).failed(format!("not a request: {e}")).await,
    }
    while let Some(answer) = answers.recv().await {
        let mut line = serde_json::to_vec(&answer)?;
        line.push(b'\n');
        timeout(ANSWER_TIME, writer.write_all(&line)).await??;
    }
    Ok(())
}

#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    #[error("no Ringcard runs here: {path} does not answer")]
    NotRunning { path: String },
    #[error("{path} may not be used: run this as root, as the service's user, or in its group")]
    Denied { path: String },
    #[error("the daemon went away before its answer was complete")]
    BrokenOff(#[source] io::Error),
    #[error("{0}")]
    Failed(String),
}

/// Asks the daemon behind `path`, and gives each line of progress to `progress`.
pub async fn ask<T: DeserializeOwned>(
    path: &Path,
    request: &Request,
    mut progress: impl FnMut(serde_json::Value),
) -> Result<T, ControlError> {
    let shown = path.display().to_string();
    let stream = UnixStream::connect(path)
        .await
        .map_err(|e| match e.kind() {
            io::ErrorKind::PermissionDenied => ControlError::Denied { path: shown },
            _ => ControlError::NotRunning { path: shown },
        })?;
    let (reader, mut writer) = stream.into_split();
    let mut line = serde_json::to_vec(request).unwrap_or_default();
    line.push(b'\n');
    writer
        .write_all(&line)
        .await
        .map_err(ControlError::BrokenOff)?;
    let mut lines = BufReader::new(reader.take(ANSWER_BYTES)).lines();
    while let Some(line) = lines.next_line().await.map_err(ControlError::BrokenOff)? {
        match serde_json::from_str(&line).map_err(|e| ControlError::BrokenOff(e.into()))? {
            Answer::Progress(value) => progress(value),
            Answer::Failed(reason) => return Err(ControlError::Failed(reason)),
            Answer::Done(value) => {
                return serde_json::from_value(value)
                    .map_err(|e| ControlError::BrokenOff(e.into()));
            }
        }
    }
    Err(ControlError::BrokenOff(io::ErrorKind::UnexpectedEof.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn answer(request: Request, answers: Answers) {
        match request {
            Request::Status => {
                answers.progress(1);
                answers.done("fine").await;
            }
            _ => answers.failed("not now").await,
        }
    }

    #[tokio::test]
    async fn a_request_gets_progress_and_an_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run/control.sock");
        let gone = ask::<String>(&path, &Request::Status, |_| {}).await;
        assert!(matches!(gone, Err(ControlError::NotRunning { .. })));
        let (listener, tasks) = (bind(&path).unwrap(), Tasks::default());
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o660
        );
        tasks.spawn(serve(listener, tasks.clone(), answer));
        let mut seen = Vec::new();
        let done = ask::<String>(&path, &Request::Status, |v| seen.push(v)).await;
        assert_eq!(
            (done.unwrap().as_str(), seen),
            ("fine", vec![serde_json::json!(1)])
        );
        let failed = ask::<String>(&path, &Request::OutboxList, |_| {}).await;
        assert!(matches!(failed, Err(ControlError::Failed(reason)) if reason == "not now"));
        let mut stream = UnixStream::connect(&path).await.unwrap();
        stream
            .write_all(&vec![b'x'; REQUEST_BYTES as usize])
            .await
            .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        assert!(text.starts_with("{\"failed\":\"not a request"), "{text}");
        tasks.stop();
        assert!(tasks.drain(Duration::from_secs(5)).await);
    }
}
