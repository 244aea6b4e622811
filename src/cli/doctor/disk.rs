//! Room in the state directory's file system, and whether it can be written at all.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::statvfs::{FsFlags, statvfs};

use super::finding::{Finding, INODES, SPACE};
use super::within;
use crate::tasks::Tasks;

/// Below it the outbox may not be written any more.
const FULL: u64 = 32 << 20;
/// What is kept free beside the next copy.
const TIGHT: u64 = 128 << 20;
/// A sync makes a handful of files, the journal some dozens.
const FEW_INODES: u64 = 1_000;
const NO_INODES: u64 = 50;
const DISK_TIME: Duration = Duration::from_secs(10);

/// A file system, as the kernel counts it.
#[derive(Clone, Copy, Debug)]
struct Room {
    free: u64,
    /// `None` of a file system that makes them as they are needed.
    inodes: Option<u64>,
    is_read_only: bool,
}

pub(super) async fn look(state: &Path) -> Vec<Finding> {
    let state = state.to_owned();
    let subject = state.display().to_string();
    let tasks = Tasks::default();
    let work = tasks.blocking(move || find(&state));
    let work = async { work.await.unwrap_or_default() };
    let advice = "the disk does not answer: dmesg, and a look at the card";
    within(DISK_TIME, SPACE, &subject, advice, work).await
}

fn find(state: &Path) -> Vec<Finding> {
    // One that is not there yet is made in the nearest directory that is.
    let there = state.ancestors().find(|d| d.exists());
    let there = there.unwrap_or(Path::new("/"));
    match room(there) {
        Ok(room) => judge(
            &state.display().to_string(),
            room,
            size(state.join("replica")),
        ),
        Err(e) => vec![SPACE.fail(there.display().to_string(), e.to_string(), "dmesg, df")],
    }
}

#[allow(
    clippy::useless_conversion,
    reason = "boxes of 32 bits count in shorter numbers"
)]
fn room(path: &Path) -> nix::Result<Room> {
    let told = statvfs(path)?;
    let inodes = (told.files() > 0).then(|| u64::from(told.files_available()));
    Ok(Room {
        free: u64::from(told.blocks_available()) * u64::from(told.fragment_size()),
        inodes,
        is_read_only: told.flags().contains(FsFlags::ST_RDONLY),
    })
}

/// `copies` is what the copies of the sources have now: the next one is written beside them.
fn judge(state: &str, room: Room, copies: u64) -> Vec<Finding> {
    if room.is_read_only {
        let what =
            "its file system is mounted read-only, mostly because the kernel found it damaged";
        let advice = "save what is on it and look at the log (journalctl -k | grep -i ext4), then restart the box; if \
                      it comes again, replace the card";
        return vec![SPACE.fail(state, what, advice)];
    }
    let free = format!("{} MiB free", room.free >> 20);
    let advice = "make room: sudo apt clean, sudo journalctl --vacuum-size=100M, and see: sudo du -xh / | sort -h | tail";
    let space = match room.free {
        ..FULL => SPACE.fail(state, free, advice),
        n if n < copies / 2 + TIGHT => {
            let what = format!("{free}, little beside copies of {} MiB", copies >> 20);
            SPACE.warn(state, what, advice)
        }
        _ => SPACE.ok(state, free),
    };
    let inodes = match room.inodes {
        None => INODES.skip(state, "its file system does not count files"),
        Some(left @ ..NO_INODES) => INODES.fail(state, few(left), FILES_ADVICE),
        Some(left @ NO_INODES..FEW_INODES) => INODES.warn(state, few(left), FILES_ADVICE),
        Some(left) => INODES.ok(state, format!("room for {} more files", rounded(left))),
    };
    vec![space, inodes]
}

const FILES_ADVICE: &str = "too many small files: sudo du --inodes -x / | sort -n | tail";

fn few(left: u64) -> String {
    format!("only {left} more files can be made")
}

/// Of a large count only how large it is.
fn rounded(count: u64) -> String {
    match count {
        ..10_000 => count.to_string(),
        10_000..10_000_000 => format!("{} thousand", count / 1_000),
        _ => format!("{} million", count / 1_000_000),
    }
}

/// All files within; what can't be seen counts nothing.
fn size(directory: PathBuf) -> u64 {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size(entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    fn states(free: u64, inodes: Option<u64>, copies: u64) -> Vec<State> {
        let room = Room {
            free,
            inodes,
            is_read_only: false,
        };
        judge("x", room, copies).iter().map(|f| f.state).collect()
    }

    #[test]
    fn room_is_judged_by_what_the_next_copy_needs() {
        let plenty = Some(1_000_000);
        assert_eq!(states(8 << 30, plenty, 0), [State::Ok, State::Ok]);
        assert_eq!(states(FULL - 1, plenty, 0)[0], State::Fail);
        assert_eq!(states(FULL, plenty, 0)[0], State::Warn);
        assert_eq!(states(TIGHT, plenty, 0)[0], State::Ok);
        assert_eq!(states(TIGHT, plenty, 2 << 20)[0], State::Warn);
        assert_eq!(states(8 << 30, Some(NO_INODES - 1), 0)[1], State::Fail);
        assert_eq!(states(8 << 30, Some(FEW_INODES - 1), 0)[1], State::Warn);
        assert_eq!(states(8 << 30, None, 0)[1], State::Skip);
    }

    #[test]
    fn a_disk_that_went_read_only_is_told_as_that() {
        let room = Room {
            free: 8 << 30,
            inodes: None,
            is_read_only: true,
        };
        let found = judge("x", room, 0);
        assert_eq!((found.len(), found[0].state), (1, State::Fail));
        assert!(found[0].what.contains("read-only"));
    }

    #[test]
    fn the_disk_of_a_directory_to_be_made_is_its_parents() {
        let directory = tempfile::tempdir().unwrap();
        let found = find(&directory.path().join("a/b"));
        assert!(found[0].what.contains("MiB free"), "{}", found[0].what);
        fs::create_dir_all(directory.path().join("a/b")).unwrap();
        fs::write(directory.path().join("a/b/c"), [0; 1000]).unwrap();
        assert_eq!(size(directory.path().into()), 1000);
    }
}
