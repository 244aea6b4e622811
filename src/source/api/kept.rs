//! The refresh token that lasts: written before the one before it is dropped.
//!
//! Vendors that rotate give a new refresh token with each access token and drop the old one. A power cut between
//! the two would lock the box out until somebody logs in anew. So
//! - room is made before a token is asked for: a full disk costs nothing;
//! - the new one is on disk before anything is done with what came with it;
//! - the one before stays beside it until the new one has worked once, and is tried when the new one is refused;
//! - nobody else renews meanwhile: the directory is locked.
//!
//! A token that the operator changed since wins: the file knows which one it came from, by its SHA-256.
//! A file of a newer Ringcard is neither used nor replaced: the token in it can't be had again.

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use crate::source::owned;

const NAME: &str = "refresh-token";
const PENDING: &str = "refresh-token.new";
const LOCK: &str = "refresh-token.lock";
/// Raised when the file's content changes. What a newer one is called must be `version` too.
const FORMAT: u32 = 1;
/// More than two tokens take: the longest in use have some 4 kB.
const ROOM: u64 = 32 << 10;
/// Larger is no file of ours.
const FILE_BYTES: u64 = 64 << 10;

#[derive(Debug)]
pub(super) struct KeepError {
    pub(super) path: PathBuf,
    pub(super) source: io::Error,
}

#[derive(Serialize, Deserialize)]
struct Content {
    /// The first files did not tell.
    #[serde(default = "first_format")]
    version: u32,
    /// SHA-256 of the token that the operator gave.
    configured: String,
    /// The newest first, then the one before.
    tokens: Vec<String>,
}

#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

fn first_format() -> u32 {
    1
}

pub(super) struct Kept {
    directory: PathBuf,
    configured: String,
    content: Content,
    // Held as long as the file may change.
    _lock: Flock<File>,
}

/// A file that is large enough already.
pub(super) struct Room(File);

/// Where a token is kept that sources share: two that kept one each would use up the other's.
/// `state` is the directory of one source; no source is called like the one beside it.
pub(super) fn directory(state: &Path, configured: &str) -> PathBuf {
    let name = &sum(configured)[..32];
    state.with_file_name(".refresh-tokens").join(name)
}

fn sum(text: &str) -> String {
    let sum = digest(&SHA256, text.as_bytes());
    let bytes = sum.as_ref().iter();
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

impl Kept {
    /// Waits for whoever else renews.
    pub(super) fn open(directory: &Path, configured: &str) -> Result<Kept, KeepError> {
        let path = directory.join(NAME);
        let failed = |source| KeepError {
            path: path.clone(),
            source,
        };
        owned::directory(directory).map_err(failed)?;
        let lock = owned::file(&directory.join(LOCK)).map_err(failed)?;
        let lock = Flock::lock(lock, FlockArg::LockExclusive);
        let lock = lock.map_err(|(_, errno)| failed(errno.into()))?;
        let digest = sum(configured);
        let content = read(&path).map_err(failed)?;
        // What can't be read is of no use; what came from another token is not what the operator wants.
        let content = content.filter(|content| content.configured == digest);
        let content = content.unwrap_or_else(|| Content {
            version: FORMAT,
            configured: digest,
            tokens: Vec::new(),
        });
        Ok(Kept {
            directory: directory.to_owned(),
            configured: configured.to_owned(),
            content,
            _lock: lock,
        })
    }

    /// Which tokens to try, in this order.
    pub(super) fn candidates(&self) -> Vec<String> {
        let mut all = self.content.tokens.clone();
        if !all.contains(&self.configured) {
            all.push(self.configured.clone());
        }
        all
    }

    pub(super) fn make_room(&self) -> Result<Room, KeepError> {
        let path = self.directory.join(PENDING);
        let made = (|| {
            let mut file = owned::file(&path)?;
            file.set_len(0)?;
            io::copy(&mut io::repeat(b' ').take(ROOM), &mut file)?;
            file.sync_all()?;
            Ok(Room(file))
        })();
        made.map_err(|source| KeepError { path, source })
    }

    /// Only after this may anything be done with what came with the new token.
    pub(super) fn keep(&mut self, room: Room, new: &str, worked: &str) -> Result<(), KeepError> {
        let mut tokens = vec![new.to_owned()];
        if new != worked {
            tokens.push(worked.to_owned());
        }
        let is_known = self.content.tokens == tokens;
        let is_first = self.content.tokens.is_empty() && tokens == [self.configured.as_str()];
        if is_known || is_first {
            return Ok(());
        }
        self.content.tokens = tokens;
        let path = self.directory.join(NAME);
        let written = self.fill(room).and_then(|()| self.put_in_place(&path));
        written.map_err(|source| KeepError { path, source })
    }

    fn fill(&self, Room(mut file): Room) -> io::Result<()> {
        let mut text = serde_json::to_vec(&self.content)?;
        text.push(b'\n');
        file.rewind()?;
        file.write_all(&text)?;
        // Blanks after JSON are none of its concern; cutting them off needs no room either.
        file.set_len(text.len() as u64)?;
        file.sync_all()
    }

    fn put_in_place(&self, path: &Path) -> io::Result<()> {
        fs::rename(self.directory.join(PENDING), path)?;
        File::open(&self.directory)?.sync_all()
    }
}

fn read(path: &Path) -> io::Result<Option<Content>> {
    match fs::metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
        Ok(metadata) if metadata.len() > FILE_BYTES => return Ok(None),
        Ok(_) => {}
    }
    let text = fs::read(path)?;
    match serde_json::from_slice(&text) {
        Ok(Versioned { version }) if version > FORMAT => Err(io::Error::other(format!(
            "a newer Ringcard wrote it (version {version}; this one knows {FORMAT}), and what it holds can't be had \
             again: install that Ringcard again, or give the source a new token"
        ))),
        _ => Ok(serde_json::from_slice(&text).ok()),
    }
}

#[cfg(test)]
mod tests;
