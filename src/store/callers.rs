//! The numbers of the last callers, in a small file: a guard must not forget them with each restart.
//!
//! Written beside and renamed, so a power cut leaves the old list or the new one. It is worth nothing by
//! itself: what can't be read is left out, and what can't be written waits for the next time.
//!
//! Its first format is nothing but lines of numbers. A later one begins with `# callers` and its version, so that
//! this program knows that it is not its own to replace.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Largest file read: a thousand numbers have some 14 kB.
const FILE_BYTES: u64 = 64 << 10;
/// More than the line with the version takes.
const FIRST_LINE_BYTES: u64 = 64;
/// Shown of what stands there.
const VERSION_CHARS: usize = 10;

/// The format that is written. One that is raised needs a file of it in tests/data/formats.
pub(super) const FORMAT: u32 = 1;
/// How a file of any later format begins.
const LATER: &str = "# callers ";

/// What the file holds; `None` if there is none, or none that can be read.
pub fn read(path: &Path) -> Option<String> {
    let mut text = String::new();
    let file = File::open(path).ok()?;
    let bytes = file.take(FILE_BYTES + 1).read_to_string(&mut text).ok()?;
    (bytes as u64 <= FILE_BYTES).then_some(text)
}

/// The version of a file that a newer Ringcard wrote, which is to be left alone.
pub fn newer(path: &Path) -> Option<Newer> {
    let mut begin = Vec::new();
    let file = File::open(path).ok()?;
    file.take(FIRST_LINE_BYTES).read_to_end(&mut begin).ok()?;
    let begin = String::from_utf8_lossy(&begin);
    let version = begin.strip_prefix(LATER)?.lines().next()?.trim();
    Some(Newer(version.chars().take(VERSION_CHARS).collect()))
}

/// The file is of this version.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a newer Ringcard wrote it (version {0}; this one knows {FORMAT})")]
pub struct Newer(String);

/// Replaces the file. Nobody but its owner may read it.
pub fn write(path: &Path, text: &str) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut options = File::options();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_was_written_is_read_and_is_nobody_elses() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("callers");
        assert_eq!(read(&path), None);
        for text in ["+905325550101\n", ""] {
            write(&path, text).unwrap();
            assert_eq!(read(&path).as_deref(), Some(text));
        }
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_list_of_callers_of_a_newer_format_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("callers");
        assert_eq!(newer(&path), None);
        fs::write(&path, "+905325550101\n").unwrap();
        assert_eq!(newer(&path), None);
        fs::write(&path, b"# callers 2\n\xff\xfe").unwrap();
        let told = newer(&path).unwrap().to_string();
        assert_eq!(
            told,
            "a newer Ringcard wrote it (version 2; this one knows 1)"
        );
    }

    #[test]
    fn a_file_that_can_not_be_the_list_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("callers");
        fs::write(&path, vec![b'\n'; FILE_BYTES as usize]).unwrap();
        assert!(read(&path).is_some());
        fs::write(&path, vec![b'\n'; FILE_BYTES as usize + 1]).unwrap();
        assert_eq!(read(&path), None);
        fs::write(&path, [0xff, 0xfe]).unwrap();
        assert_eq!(read(&path), None);
    }
}
