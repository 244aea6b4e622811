//! What another program says, within a limit of time and length.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::time::timeout;

/// Where systemd keeps what the unit's LoadCredential= hands over.
pub(super) const CREDENTIALS: &str = "/run/credentials/ringcard.service";
/// Of what it complains; one line is told.
const COMPLAINT_BYTES: usize = 4 << 10;

pub(super) struct Said {
    pub(super) out: Vec<u8>,
    complaint: Vec<u8>,
}

impl Said {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.out).into_owned()
    }

    /// The first line of its complaints.
    pub(super) fn error(&self) -> String {
        let said = String::from_utf8_lossy(&self.complaint);
        said.lines().next().unwrap_or("it said nothing").to_owned()
    }
}

/// Runs it and takes so many bytes of what it writes; the program ends with us, or when it is late.
pub(super) async fn output(
    mut command: Command,
    limit: Duration,
    most: usize,
) -> Result<Said, String> {
    let name = command
        .as_std()
        .get_program()
        .to_string_lossy()
        .into_owned();
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    command.stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(|e| format!("{name}: {e}"))?;
    let (out, complaint) = (child.stdout.take(), child.stderr.take());
    let work = async {
        let (out, complaint) = tokio::join!(read(out, most), read(complaint, COMPLAINT_BYTES));
        let _ = child.kill().await;
        Said { out, complaint }
    };
    let late = |_| format!("{name}: no answer within {} s", limit.as_secs());
    timeout(limit, work).await.map_err(late)
}

async fn read(from: Option<impl AsyncRead + Unpin>, most: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        let _ = from.take(most as u64).read_to_end(&mut bytes).await;
    }
    bytes
}

/// The same by name, with its arguments.
pub(super) async fn ask(
    program: &str,
    arguments: &[&str],
    limit: Duration,
    most: usize,
) -> Result<Said, String> {
    let mut command = Command::new(program);
    command.args(arguments).env("LC_ALL", "C.UTF-8");
    output(command, limit, most).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_program_is_bounded_in_time_and_length() {
        let limit = Duration::from_secs(20);
        let said = ask("sh", &["-c", "yes; echo late"], limit, 10)
            .await
            .unwrap();
        assert_eq!(said.text(), "y\ny\ny\ny\ny\n");
        let said = ask("sh", &["-c", "echo a >&2"], limit, 10).await.unwrap();
        assert_eq!((said.text().as_str(), said.error().as_str()), ("", "a"));
        let late = ask("sleep", &["60"], Duration::from_millis(1), 10).await;
        assert!(late.is_err_and(|e| e.starts_with("sleep: no answer")));
        assert!(ask("no-such-program", &[], limit, 10).await.is_err());
    }
}
