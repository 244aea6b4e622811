//! A damaged outbox: set aside beside the new one, and what was lost with it counted.
//!
//! The count is made of the file's raw bytes, in which every entry that was ever written stands as JSON until
//! its page is used again. Nothing is taken up from there: a torn page must not show a wrong name. So the count
//! is an upper bound: of a call that ended long ago, only its beginning may be left.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::drive::Drive;

/// Files set aside that are kept: evidence, and worth nothing to calls that are over.
pub(super) const BROKEN_FILES: usize = 3;
/// What is read of such a file, and what is held of it at a time.
const SCAN_BYTES: u64 = 32 << 20;
const CHUNK_BYTES: usize = 64 << 10;
/// Calls told apart in it; the outbox remembers 16,000.
const SCAN_CALLS: usize = 50_000;
/// From the beginning of an entry to its phase: the account's name, the call's id and the names between.
const HEAD_BYTES: usize = 512;
/// How each entry begins.
const MARK: &[u8] = b"{\"account\":\"";

/// A file set aside.
pub(super) struct Damage {
    drive: Arc<dyn Drive>,
    aside: PathBuf,
    what: String,
}

impl Damage {
    pub(super) fn new(drive: Arc<dyn Drive>, aside: PathBuf, what: String) -> Damage {
        Damage { drive, aside, what }
    }

    /// In the operator's words; reads the file, which may take a second.
    pub(super) fn told(&self) -> String {
        let aside = self.aside.display();
        let lost = self.drive.read(&self.aside).and_then(count);
        let lost = match lost {
            Ok(lost) => lost.told(),
            Err(e) => format!("what is lost can't be counted: {e}"),
        };
        format!("{}; it was kept as {aside}; {lost}", self.what)
    }
}

/// Gives the file another name, and deletes the oldest of those that have one.
pub(super) fn set_aside(drive: &dyn Drive, path: &Path) -> io::Result<PathBuf> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut broken = broken(drive, path, directory)?;
    broken.sort_unstable();
    // The clock may have been set back: the newest name is always the highest.
    let now = jiff::Timestamp::now().as_second();
    let number = broken.last().map_or(now, |newest| now.max(newest + 1));
    let aside = name(path, number);
    drive.rename(path, &aside)?;
    drive.sync_directory(directory)?;
    let surplus = (broken.len() + 1).saturating_sub(BROKEN_FILES);
    for number in &broken[..surplus] {
        // It only takes room.
        let _ = drive.remove(&name(path, *number));
    }
    Ok(aside)
}

fn name(path: &Path, number: i64) -> PathBuf {
    path.with_extension(format!("broken-{number}"))
}

fn broken(drive: &dyn Drive, path: &Path, directory: &Path) -> io::Result<Vec<i64>> {
    let stem = path
        .file_stem()
        .and_then(|s| s.to_str())
        .unwrap_or("outbox");
    let prefix = format!("{stem}.broken-");
    let names = drive.list(directory)?;
    let numbers = names.iter().filter_map(|n| n.strip_prefix(&prefix));
    Ok(numbers.filter_map(|n| n.parse().ok()).collect())
}

/// How many calls' last known state was one that is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lost {
    waiting: usize,
    parked: usize,
    /// Not all of the file was looked at.
    and_more: bool,
}

impl Lost {
    fn told(self) -> String {
        let Lost {
            waiting, parked, ..
        } = self;
        let most = match self.and_more {
            true => "more than",
            false => "at most",
        };
        match parked {
            0 => format!("{most} {waiting} cards that waited are lost"),
            _ => {
                format!("{most} {waiting} cards that waited and {parked} that were parked are lost")
            }
        }
    }
}

/// The furthest that a call's entries say it has come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Waiting,
    Parked,
    Finished,
}

impl Stage {
    fn of(phase: &[u8]) -> Option<Stage> {
        match phase {
            b"waiting" | b"comment-due" => Some(Stage::Waiting),
            b"parked" => Some(Stage::Parked),
            b"settled" | b"expired" | b"dropped" => Some(Stage::Finished),
            _ => None,
        }
    }
}

#[derive(Default)]
struct Count {
    /// By a hash of account and call.
    calls: HashMap<u64, Stage>,
    hash: RandomState,
    and_more: bool,
}

impl Count {
    fn see(&mut self, head: &[u8]) {
        let Some((call, stage)) = parse(head) else {
            return;
        };
        let room = self.calls.len() < SCAN_CALLS;
        match self.calls.entry(self.hash.hash_one(call)) {
            Slot::Occupied(mut known) => {
                let furthest = (*known.get()).max(stage);
                known.insert(furthest);
            }
            Slot::Vacant(new) if room => drop(new.insert(stage)),
            Slot::Vacant(_) => self.and_more = true,
        }
    }
}

fn count(mut file: impl Read) -> io::Result<Lost> {
    let mut count = Count::default();
    let mut window = Vec::with_capacity(CHUNK_BYTES + HEAD_BYTES);
    let mut rest = SCAN_BYTES;
    loop {
        let chunk = (CHUNK_BYTES as u64).min(rest);
        let read = file.by_ref().take(chunk).read_to_end(&mut window)? as u64;
        rest -= read;
        let is_last = read < chunk || rest == 0;
        // A head that begins near the end is looked at with the next chunk.
        let end = match is_last {
            true => window.len(),
            false => window.len().saturating_sub(HEAD_BYTES),
        };
        let mut at = 0;
        while let Some(found) = find(&window[at..], MARK).filter(|found| at + found < end) {
            at += found;
            let head = &window[at..window.len().min(at + HEAD_BYTES)];
            count.see(head);
            at += MARK.len();
        }
        if is_last {
            break;
        }
        window.drain(..end.max(at));
    }
    let and_more = count.and_more || (rest == 0 && file.read(&mut [0])? > 0);
    let at = |stage| count.calls.values().filter(|s| **s == stage).count();
    Ok(Lost {
        waiting: at(Stage::Waiting),
        parked: at(Stage::Parked),
        and_more,
    })
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    // An entry's first byte is rare enough to look for it alone first.
    let mut from = 0;
    while let Some(found) = bytes[from..].iter().position(|b| *b == what[0]) {
        from += found;
        if bytes[from..].starts_with(what) {
            return Some(from);
        }
        from += 1;
    }
    None
}

/// Account and call as one, and how far it has come: `{"account":"A","call":"C","phase":"P"`. No name has a
/// quote in it.
fn parse(head: &[u8]) -> Option<(&[u8], Stage)> {
    let text = |from: usize| {
        let end = head[from..].iter().position(|b| *b == b'"')?;
        Some(from + end)
    };
    let skip = |from: usize, between: &[u8]| {
        let rest = head.get(from..)?;
        rest.starts_with(between).then(|| from + between.len())
    };
    let account = text(MARK.len())?;
    let call = text(skip(account, b"\",\"call\":\"")?)?;
    let phase = skip(call, b"\",\"phase\":\"")?;
    let end = text(phase)?;
    let stage = Stage::of(&head[phase..end])?;
    Some((&head[MARK.len()..call], stage))
}

#[cfg(test)]
mod tests;
