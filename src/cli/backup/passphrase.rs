//! The passphrase of a backup: the first line of a file, or typed unseen.

use std::fs::File;
use std::io::{self, BufRead, IsTerminal, Read, stdin};
use std::path::Path;

use crate::cli::Failure;
use crate::cli::keyboard::{Keyboard, interrupted};
use crate::cli::terminal::say;

/// Fewer are guessed by whoever finds the file; more than this is another file.
const CHARS: std::ops::RangeInclusive<usize> = 8..=256;
const LINE_BYTES: u64 = 4 << 10;

/// For a new backup: what the file says, or what is typed twice.
pub(super) async fn new(file: Option<&Path>) -> Result<String, Failure> {
    let passphrase = match file {
        Some(file) => of_file(file)?,
        None if stdin().is_terminal() => {
            let first = typed("passphrase for this backup (at least 8 characters): ").await?;
            if typed("the same again: ").await? != first {
                return Err(Failure::Other("the two are not the same".into()));
            }
            first
        }
        None => {
            let words = "give --passphrase-file FILE, or --unencrypted for a file that whoever finds it can use";
            return Err(Failure::Other(words.into()));
        }
    };
    match CHARS.contains(&passphrase.chars().count()) {
        true => Ok(passphrase),
        false => Err(Failure::Other(format!(
            "a passphrase has {} to {} characters",
            CHARS.start(),
            CHARS.end()
        ))),
    }
}

/// Of a sealed backup that is there; `None` if nobody can be asked.
pub(super) async fn of_backup(file: Option<&Path>) -> Result<Option<String>, Failure> {
    match file {
        Some(file) => of_file(file).map(Some),
        None if stdin().is_terminal() => typed("passphrase of this backup: ").await.map(Some),
        None => Ok(None),
    }
}

fn of_file(path: &Path) -> Result<String, Failure> {
    let unreadable =
        |e: io::Error| Failure::Other(format!("{} can't be read: {e}", path.display()));
    let mut line = String::new();
    let read = match path == Path::new("-") {
        true => stdin().lock().take(LINE_BYTES).read_line(&mut line),
        false => File::open(path)
            .and_then(|file| io::BufReader::new(file.take(LINE_BYTES)).read_line(&mut line)),
    };
    read.map_err(unreadable)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Unseen. Whoever stops here gets back a terminal that shows what is typed.
async fn typed(question: &str) -> Result<String, Failure> {
    let mut keyboard = Keyboard;
    let typed = tokio::select! {
        typed = keyboard.hidden(question) => typed,
        () = interrupted() => {
            say("");
            return Err(Failure::Other("stopped; nothing was changed".into()));
        }
    };
    match typed {
        Ok(typed) => Ok(typed.unwrap_or_default()),
        Err(e) => Err(Failure::Other(format!("the terminal can't be read: {e}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_passphrase_is_the_first_line_and_not_too_short() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("p");
        for (text, expected) in [
            ("correct horse\n", Some("correct horse")),
            ("correct horse\r\nmore\n", Some("correct horse")),
            (" with blanks ", Some(" with blanks ")),
            ("7 signs", None),
            ("", None),
            (&"x".repeat(257), None),
        ] {
            std::fs::write(&file, text).unwrap();
            let told = new(Some(&file)).await;
            assert_eq!(told.ok().as_deref(), expected, "{text:?}");
        }
        assert!(new(Some(&directory.path().join("none"))).await.is_err());
    }
}
