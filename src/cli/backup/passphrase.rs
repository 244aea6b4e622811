//! The passphrase of a backup: the first line of a file, or typed unseen.

use std::fs::File;
use std::io::{self, BufRead, IsTerminal, Read, Write, stderr, stdin};
use std::path::Path;

use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};

use crate::cli::Failure;

/// Fewer are guessed by whoever finds the file; more than this is another file.
const CHARS: std::ops::RangeInclusive<usize> = 8..=256;
const LINE_BYTES: u64 = 4 << 10;

/// For a new backup: what the file says, or what is typed twice.
pub(super) fn new(file: Option<&Path>) -> Result<String, Failure> {
    let passphrase = match file {
        Some(file) => of_file(file)?,
        None if stdin().is_terminal() => {
            let first = typed("passphrase for this backup (at least 8 characters): ")?;
            if typed("the same again: ")? != first {
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

/// Of a backup that is there; `None` if nobody can be asked.
pub(super) fn typed_if_possible() -> Option<String> {
    match stdin().is_terminal() {
        true => typed("passphrase of this backup: ").ok(),
        false => None,
    }
}

pub(super) fn of_file(path: &Path) -> Result<String, Failure> {
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

fn typed(question: &str) -> Result<String, Failure> {
    let failed = |e: io::Error| Failure::Other(format!("the terminal can't be read: {e}"));
    let _ = write!(stderr().lock(), "{question}");
    let _ = stderr().flush();
    let before = tcgetattr(stdin()).map_err(|e| failed(e.into()))?;
    let mut unseen = before.clone();
    unseen.local_flags.remove(LocalFlags::ECHO);
    tcsetattr(stdin(), SetArg::TCSANOW, &unseen).map_err(|e| failed(e.into()))?;
    let mut line = String::new();
    let read = stdin().lock().take(LINE_BYTES).read_line(&mut line);
    let _ = tcsetattr(stdin(), SetArg::TCSANOW, &before);
    let _ = writeln!(stderr().lock());
    read.map_err(failed)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_is_the_first_line_and_not_too_short() {
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
            let told = new(Some(&file));
            assert_eq!(told.ok().as_deref(), expected, "{text:?}");
        }
        assert!(new(Some(&directory.path().join("none"))).is_err());
    }
}
