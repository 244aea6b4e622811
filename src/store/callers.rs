//! The numbers of the last callers, in a small file: a guard must not forget them with each restart.
//!
//! Written beside and renamed, so a power cut leaves the old list or the new one. It is worth nothing by
//! itself: what can't be read is left out, and what can't be written waits for the next time.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Largest file read: a thousand numbers have some 14 kB.
const FILE_BYTES: u64 = 64 << 10;

/// What the file holds; `None` if there is none, or none that can be read.
pub fn read(path: &Path) -> Option<String> {
    let mut text = String::new();
    let file = File::open(path).ok()?;
    let bytes = file.take(FILE_BYTES + 1).read_to_string(&mut text).ok()?;
    (bytes as u64 <= FILE_BYTES).then_some(text)
}

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
