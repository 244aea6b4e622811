//! What is kept of a download: the file, and what its server said of it.
//!
//! Nothing here is worth an fsync: if the power goes, what is found is checked against its own sum, and is
//! fetched again where it does not fit.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::source::owned;

/// What the note about a file may have at most: two headers and two sums.
const NOTE_BYTES: u64 = 64 * 1024;

/// What is known of the file that is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Note {
    /// The sum of the address: the address itself may hold a key.
    pub(super) address: String,
    pub(super) etag: Option<String>,
    pub(super) last_modified: Option<String>,
    /// The sum of the file.
    pub(super) content: String,
}

/// The directory that a download is kept in.
pub(super) struct Kept {
    directory: PathBuf,
    pub(super) file: PathBuf,
}

impl Kept {
    /// `suffix` is how the file's name ends, for whoever looks at it.
    pub(super) fn new(state: &Path, suffix: &str) -> Kept {
        let directory = state.join("download");
        Kept {
            file: directory.join(format!("download{suffix}")),
            directory,
        }
    }

    /// What is known of the file, if it is whole and came from this address.
    pub(super) fn note(&self, address: &str) -> Option<Note> {
        let file = File::open(self.note_file()).ok()?;
        let mut text = Vec::new();
        file.take(NOTE_BYTES).read_to_end(&mut text).ok()?;
        let note: Note = serde_json::from_slice(&text).ok()?;
        let is_ours = note.address == sum_of_text(address);
        (is_ours && sum_of_file(&self.file).ok()? == note.content).then_some(note)
    }

    /// A file to write to that is nobody's yet. Others that were left over when the power went are removed.
    pub(super) fn begin(&self) -> io::Result<NamedTempFile> {
        owned::directory(&self.directory)?;
        for entry in fs::read_dir(&self.directory)? {
            let path = entry?.path();
            if path.extension().is_some_and(|e| e == "partial") && is_old(&path) {
                fs::remove_file(path)?;
            }
        }
        let file = tempfile::Builder::new()
            .suffix(".partial")
            .tempfile_in(&self.directory)?;
        owned::give(file.as_file(), &self.directory)?;
        Ok(file)
    }

    /// Puts the file in the place of the one before. A note never speaks of another file than the one that is
    /// there: it goes first and comes last.
    pub(super) fn replace(
        &self,
        file: NamedTempFile,
        modified: SystemTime,
        note: &Note,
    ) -> io::Result<()> {
        match fs::remove_file(self.note_file()) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        file.as_file().set_modified(modified)?;
        file.persist(&self.file).map_err(|e| e.error)?;
        let text = serde_json::to_vec(note).map_err(io::Error::other)?;
        fs::write(self.note_file(), text)
    }

    /// The file is as of now what it was.
    pub(super) fn touch(&self, modified: SystemTime) -> io::Result<()> {
        File::options()
            .write(true)
            .open(&self.file)?
            .set_modified(modified)
    }

    fn note_file(&self) -> PathBuf {
        self.directory.join("download.json")
    }
}

/// Another process may be writing to one that is newer.
fn is_old(path: &Path) -> bool {
    let modified = fs::metadata(path).and_then(|m| m.modified());
    let age = modified.map(|at| at.elapsed().unwrap_or_default());
    age.is_ok_and(|age| age > super::DOWNLOAD_TIME)
}

pub(super) fn sum_of_text(text: &str) -> String {
    hex(ring::digest::digest(&SHA256, text.as_bytes()).as_ref())
}

pub(super) fn sum_of_file(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut context = Context::new(&SHA256);
    let mut chunk = vec![0; 64 * 1024];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(hex(context.finish().as_ref())),
            read => context.update(&chunk[..read]),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
