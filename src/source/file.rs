//! Which file to read, and whether it is whole.
//!
//! Exports arrive by copying, so a file in a folder may still be growing. It counts as complete once its
//! size and time have not changed for the configured quiet time. Clocks on these boxes can be wrong in
//! both directions, so a time that lies ahead of ours is not compared with ours: such a file must be
//! *seen* unchanged for the quiet time. A clock that jumps back only starts that wait anew, and one that
//! jumps ahead ends it early; either way it ends. Whatever the clocks say, a file that changes between
//! being picked and being read to its end is refused.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use nix::fcntl::OFlag;

use super::error::SourceError;
use super::settings::Location;

/// Largest file read: two million contacts of a kilobyte each.
pub const FILE_BYTES: u64 = 2 * 1024 * 1024 * 1024;
/// Most entries of a folder looked at: years of exports, or the wrong folder.
pub const FOLDER_ENTRIES: usize = 10_000;
/// What programs that copy name a file they have not finished.
const UNFINISHED: [&str; 4] = [".part", ".tmp", ".filepart", ".crdownload"];

/// What a change of a file's content changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    size: u64,
    modified: SystemTime,
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> io::Result<Stamp> {
        Ok(Stamp {
            size: metadata.len(),
            modified: metadata.modified()?,
        })
    }
}

/// A file as it was when it was chosen.
#[derive(Clone, Debug)]
pub struct Picked {
    path: PathBuf,
    stamp: Stamp,
    origin: Origin,
    /// Older complete files of the folder, the oldest first.
    superseded: Vec<(PathBuf, Stamp)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    File,
    Folder,
    Archive,
}

/// What earlier looks into a folder saw of files from the future: how they were, and since when.
#[derive(Debug, Default)]
pub(super) struct Watch(HashMap<OsString, (Stamp, SystemTime)>);

/// The file a load would read now.
pub(super) fn pick(
    location: &Location,
    watch: &mut Watch,
    now: SystemTime,
) -> Result<Picked, SourceError> {
    match location {
        Location::File(path) => pick_file(path),
        Location::Folder {
            path,
            suffix,
            quiet,
            ..
        } => pick_newest(path, suffix, *quiet, watch, now),
        // It is picked where it was fetched to.
        Location::Url(_) => Err(SourceError::NothingPicked),
    }
}

fn pick_file(path: &Path) -> Result<Picked, SourceError> {
    Picked::at(path.to_owned(), Origin::File)
}

impl Picked {
    pub(super) fn at(path: PathBuf, origin: Origin) -> Result<Picked, SourceError> {
        let metadata = fs::metadata(&path).map_err(|e| SourceError::io("looked at", &path, e))?;
        let stamp = Stamp::of(&metadata).map_err(|e| SourceError::io("looked at", &path, e))?;
        Picked {
            path,
            stamp,
            origin,
            superseded: Vec::new(),
        }
        .checked(&metadata)
    }

    fn checked(self, metadata: &Metadata) -> Result<Picked, SourceError> {
        if !metadata.is_file() {
            return Err(SourceError::WrongKind {
                path: self.path,
                wanted: "a file",
            });
        }
        if self.stamp.size > FILE_BYTES {
            return Err(SourceError::TooLarge {
                path: self.path,
                size: self.stamp.size,
                limit: FILE_BYTES,
            });
        }
        Ok(self)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn size(&self) -> u64 {
        self.stamp.size
    }

    /// The same as the contacts' age is told by.
    pub fn as_of(&self) -> Timestamp {
        Timestamp::try_from(self.modified()).unwrap_or_else(|_| Timestamp::now())
    }

    /// When the export was written, by the clock of whoever wrote it.
    pub fn modified(&self) -> SystemTime {
        self.stamp.modified
    }

    /// What the folder is rid of once this is loaded: the superseded, the oldest first, then this one.
    pub(super) fn done_with(&self) -> impl Iterator<Item = (&Path, Stamp)> {
        let own = (self.origin == Origin::Folder).then_some((self.path(), self.stamp));
        self.superseded
            .iter()
            .map(|(p, s)| (p.as_path(), *s))
            .chain(own)
    }

    /// Opens the file that was picked, not one that took its place since.
    pub(super) fn open(&self) -> Result<File, SourceError> {
        // Not blocking matters for a pipe, which would be waited on forever; a file doesn't care.
        let flags = match self.origin {
            Origin::File => OFlag::O_NONBLOCK,
            Origin::Folder | Origin::Archive => OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW,
        };
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(flags.bits())
            .open(&self.path)
            .map_err(|e| SourceError::io("opened", &self.path, e))?;
        self.check_unchanged(&file, self.stamp.size)?;
        Ok(file)
    }

    /// That the open file is as it was picked, and that `read` bytes are all of it.
    pub(super) fn check_unchanged(&self, file: &File, read: u64) -> Result<(), SourceError> {
        let metadata = file.metadata();
        let stamp = metadata.and_then(|m| Ok((m.is_file(), Stamp::of(&m)?)));
        let stamp = stamp.map_err(|e| SourceError::io("looked at", &self.path, e))?;
        if stamp != (true, self.stamp) || read != self.stamp.size {
            return Err(SourceError::Changed {
                path: self.path.clone(),
            });
        }
        Ok(())
    }
}

fn pick_newest(
    folder: &Path,
    suffix: &str,
    quiet: Duration,
    watch: &mut Watch,
    now: SystemTime,
) -> Result<Picked, SourceError> {
    let mut found = Vec::new();
    for (name, metadata) in files(folder)? {
        if is_export(&name, suffix) {
            let path = folder.join(&name);
            let stamp = Stamp::of(&metadata).map_err(|e| SourceError::io("looked at", &path, e))?;
            found.push((stamp, name, path, metadata));
        }
    }
    found.sort_by(|a, b| (a.0.modified, &a.1).cmp(&(b.0.modified, &b.1)));
    watch.keep_only(&found.iter().map(|(_, name, ..)| name).collect());

    let mut newest_unfinished = None;
    let mut complete = Vec::new();
    for (stamp, name, path, metadata) in found {
        if watch.is_quiet(&name, stamp, quiet, now) {
            complete.push((path, stamp, metadata));
        } else {
            newest_unfinished = Some(path);
        }
    }
    let Some((path, stamp, metadata)) = complete.pop() else {
        return Err(match newest_unfinished {
            Some(path) => SourceError::StillWritten {
                path,
                quiet: quiet.as_secs(),
            },
            None => SourceError::NoFile {
                folder: folder.to_owned(),
                suffix: suffix.to_owned(),
            },
        });
    };
    Picked {
        path,
        stamp,
        origin: Origin::Folder,
        superseded: complete.into_iter().map(|(p, s, _)| (p, s)).collect(),
    }
    .checked(&metadata)
}

impl Watch {
    fn is_quiet(&mut self, name: &OsStr, stamp: Stamp, quiet: Duration, now: SystemTime) -> bool {
        let known = match self.0.get(name) {
            Some((seen, since)) if *seen == stamp && *since <= now => Some(*since),
            _ => None,
        };
        // Once a file was seen from the future it is judged by what was seen: our clock may be the one
        // that was wrong, and then been set.
        let since = known.unwrap_or(stamp.modified.min(now));
        if known.is_none() && stamp.modified > now {
            self.0.insert(name.to_owned(), (stamp, now));
        }
        now.duration_since(since).unwrap_or_default() >= quiet
    }

    fn keep_only(&mut self, names: &HashSet<&OsString>) {
        self.0.retain(|name, _| names.contains(name));
    }
}

/// Regular files of a folder. Links are not followed: what they lead to is neither ours to move nor sure
/// to stay.
pub(super) fn files(folder: &Path) -> Result<Vec<(OsString, Metadata)>, SourceError> {
    let fault = |e: io::Error| match e.kind() {
        io::ErrorKind::NotADirectory => SourceError::WrongKind {
            path: folder.to_owned(),
            wanted: "a folder",
        },
        _ => SourceError::io("listed", folder, e),
    };
    let mut files = Vec::new();
    for (count, entry) in fs::read_dir(folder).map_err(fault)?.enumerate() {
        if count >= FOLDER_ENTRIES {
            return Err(SourceError::TooManyEntries {
                path: folder.to_owned(),
                limit: FOLDER_ENTRIES,
            });
        }
        let entry = entry.map_err(fault)?;
        match entry.metadata() {
            Ok(metadata) if metadata.is_file() => files.push((entry.file_name(), metadata)),
            Ok(_) => {}
            // Renamed or deleted by its owner since it was listed.
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(SourceError::io("looked at", &entry.path(), e)),
        }
    }
    Ok(files)
}

fn is_export(name: &OsStr, suffix: &str) -> bool {
    let name = name.as_bytes();
    let ends_with = |end: &str| {
        let at = name.len().checked_sub(end.len());
        at.is_some_and(|at| name[at..].eq_ignore_ascii_case(end.as_bytes()))
    };
    // Hidden files and `~$` are the locks and half-written copies of office programs and of rsync.
    ends_with(suffix)
        && !name.starts_with(b".")
        && !name.starts_with(b"~$")
        && !UNFINISHED.iter().any(|end| ends_with(end))
}

#[cfg(test)]
pub(super) mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;
    use crate::source::error::Verdict;
    use crate::source::settings::AfterLoad;

    pub(in crate::source) const QUIET: Duration = Duration::from_secs(30);

    /// A moment of a day that is not today.
    pub(in crate::source) fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds)
    }

    /// A folder that exports are dropped into.
    pub(in crate::source) struct Folder {
        folder: TempDir,
        watch: Watch,
        pub(in crate::source) location: Location,
    }

    impl Folder {
        pub(in crate::source) fn new(after: AfterLoad) -> Folder {
            let folder = tempfile::tempdir().unwrap();
            let location = Location::Folder {
                path: folder.path().to_owned(),
                suffix: ".csv".into(),
                quiet: QUIET,
                after,
            };
            Folder {
                folder,
                watch: Watch::default(),
                location,
            }
        }

        pub(in crate::source) fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        pub(in crate::source) fn write(&self, name: &str, content: &str, modified: SystemTime) {
            fs::write(self.path(name), content).unwrap();
            let file = File::options().write(true).open(self.path(name)).unwrap();
            file.set_modified(modified).unwrap();
        }

        pub(in crate::source) fn pick(&mut self, now: SystemTime) -> Result<Picked, SourceError> {
            pick(&self.location, &mut self.watch, now)
        }

        /// The name of what is picked, or what to make of it that nothing is.
        fn picked(&mut self, now: SystemTime) -> Result<String, Verdict> {
            let picked = self.pick(now).map_err(|e| e.verdict())?;
            let name = picked.path().file_name().unwrap();
            Ok(name.to_str().unwrap().to_owned())
        }
    }

    #[test]
    fn the_newest_complete_export_is_picked() {
        let mut folder = Folder::new(AfterLoad::Leave);
        assert_eq!(folder.picked(at(100)), Err(Verdict::NothingNew));
        folder.write("b.csv", "x", at(0));
        folder.write("a.CSV", "x", at(10));
        assert_eq!(folder.picked(at(100)).as_deref(), Ok("a.CSV"));
        folder.write("c.csv", "x", at(10));
        assert_eq!(folder.picked(at(100)).as_deref(), Ok("c.csv"));
        folder.write("d.csv", "x", at(80));
        assert_eq!(folder.picked(at(80 + 29)).as_deref(), Ok("c.csv"));
        assert_eq!(folder.picked(at(80 + 30)).as_deref(), Ok("d.csv"));
    }

    #[test]
    fn what_is_no_finished_export_is_ignored() {
        let mut folder = Folder::new(AfterLoad::Leave);
        for name in [
            ".a.csv",
            "~$a.csv",
            "a.csv.part",
            "a.csv.TMP",
            "a.txt",
            "csv",
            "a.csv.bak",
        ] {
            folder.write(name, "x", at(0));
        }
        fs::create_dir(folder.path("folder.csv")).unwrap();
        folder.write("a.txt", "x", at(0));
        symlink(folder.path("a.txt"), folder.path("link.csv")).unwrap();
        symlink("nowhere", folder.path("dangling.csv")).unwrap();
        assert_eq!(folder.picked(at(100)), Err(Verdict::NothingNew));
        if let Location::Folder { suffix, .. } = &mut folder.location {
            suffix.clear();
        }
        assert_eq!(folder.picked(at(100)).as_deref(), Ok("csv"));
    }

    #[test]
    fn an_export_from_the_future_is_complete_once_it_was_seen_unchanged() {
        let mut folder = Folder::new(AfterLoad::Leave);
        folder.write("a.csv", "x", at(1_000_000));
        assert_eq!(folder.picked(at(0)), Err(Verdict::NothingNew));
        assert_eq!(folder.picked(at(29)), Err(Verdict::NothingNew));
        folder.write("a.csv", "xx", at(1_000_000));
        assert_eq!(folder.picked(at(40)), Err(Verdict::NothingNew));
        assert_eq!(folder.picked(at(69)), Err(Verdict::NothingNew));
        assert_eq!(folder.picked(at(70)).as_deref(), Ok("a.csv"));
        // Its time comes, and it is still what was seen.
        assert_eq!(folder.picked(at(1_000_001)).as_deref(), Ok("a.csv"));
    }

    #[test]
    fn a_clock_that_jumps_never_keeps_an_export_back_for_good() {
        for jump in [at(0), SystemTime::UNIX_EPOCH, at(2_000_000_000)] {
            let mut folder = Folder::new(AfterLoad::Leave);
            folder.write("a.csv", "x", at(1_000_000));
            assert_eq!(folder.picked(at(500)), Err(Verdict::NothingNew));
            let _ = folder.picked(jump);
            assert_eq!(
                folder.picked(jump + QUIET).as_deref(),
                Ok("a.csv"),
                "{jump:?}"
            );
        }
    }

    #[test]
    fn without_a_quiet_time_every_export_is_complete() {
        let mut folder = Folder::new(AfterLoad::Leave);
        if let Location::Folder { quiet, .. } = &mut folder.location {
            *quiet = Duration::ZERO;
        }
        folder.write("a.csv", "x", at(1_000_000));
        assert_eq!(folder.picked(at(0)).as_deref(), Ok("a.csv"));
    }

    #[test]
    fn a_single_file_is_picked_as_it_is() {
        let folder = Folder::new(AfterLoad::Leave);
        folder.write("a.csv", "x", at(1_000_000));
        symlink("a.csv", folder.path("link.csv")).unwrap();
        fs::create_dir(folder.path("folder")).unwrap();
        let pick = |name| {
            let location = Location::File(folder.path(name));
            pick(&location, &mut Watch::default(), at(0))
        };
        assert_eq!(pick("a.csv").unwrap().size(), 1);
        let picked = pick("link.csv").unwrap();
        assert_eq!((picked.size(), picked.modified()), (1, at(1_000_000)));
        assert!(picked.open().is_ok());
        let error = |name| pick(name).unwrap_err().to_string();
        assert!(
            error("folder").ends_with("is not a file"),
            "{}",
            error("folder")
        );
        assert!(error("none").contains("none does not exist"));
        let in_a_file = Location::Folder {
            path: folder.path("a.csv"),
            suffix: String::new(),
            quiet: QUIET,
            after: AfterLoad::Leave,
        };
        let error = super::pick(&in_a_file, &mut Watch::default(), at(0)).unwrap_err();
        assert!(error.to_string().ends_with("is not a folder"), "{error}");
    }

    #[test]
    fn a_file_is_as_large_as_the_bound_and_no_larger() {
        let mut folder = Folder::new(AfterLoad::Leave);
        folder.write("a.csv", "", at(0));
        let file = File::options()
            .write(true)
            .open(folder.path("a.csv"))
            .unwrap();
        // No disk is taken: nothing is ever written there.
        for (size, fits) in [(FILE_BYTES, true), (FILE_BYTES + 1, false)] {
            file.set_len(size).unwrap();
            file.set_modified(at(0)).unwrap();
            assert_eq!(folder.pick(at(100)).is_ok(), fits);
        }
    }

    #[test]
    fn a_pipe_in_the_place_of_an_export_is_not_waited_on() {
        let mut folder = Folder::new(AfterLoad::Leave);
        folder.write("a.csv", "x", at(0));
        let picked = folder.pick(at(100)).unwrap();
        fs::remove_file(folder.path("a.csv")).unwrap();
        nix::unistd::mkfifo(&folder.path("a.csv"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(matches!(picked.open(), Err(SourceError::Changed { .. })));
        fs::remove_file(folder.path("a.csv")).unwrap();
        symlink("/etc/hostname", folder.path("a.csv")).unwrap();
        assert!(picked.open().is_err());
    }
}
