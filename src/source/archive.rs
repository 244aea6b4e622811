//! Where loaded files go: into `archive/`, numbered.
//!
//! They are numbered, not dated: a number is right whatever the clock says, is never taken twice, and
//! sorts the last loaded file to the end, where a replica that was lost can be built from it again.
//!
//! Architecture Invariant: an export is only ever renamed, within its file system. The single deletion is
//! that of the lowest numbers in `archive/` beyond `ARCHIVED_FILES`, and never of a file put there by the
//! same load: what a folder holds when archiving is switched on survives until the next export.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use super::error::SourceError;
use super::file::{Origin, Picked, Stamp, files};
use super::settings::{AfterLoad, Location};

/// Loaded files kept: the working days of a month, to find out since when a name was wrong.
pub const ARCHIVED_FILES: usize = 20;
const ARCHIVE: &str = "archive";
/// Digits of a number, at least; with more than a million loads the names only get longer.
const NUMBER_DIGITS: usize = 6;

/// The file that was archived last.
pub(super) fn pick_archived(location: &Location) -> Result<Picked, SourceError> {
    match location {
        Location::Folder {
            path,
            suffix,
            after: AfterLoad::Archive,
            ..
        } => {
            let folder = path.join(ARCHIVE);
            let none = || SourceError::NoFile {
                folder: folder.clone(),
                suffix: suffix.clone(),
            };
            if !folder.exists() {
                return Err(none());
            }
            let (_, path) = archived(&folder)?.pop().ok_or_else(none)?;
            Picked::at(path, Origin::Archive)
        }
        Location::File(path) | Location::Folder { path, .. } => Err(SourceError::NoFile {
            folder: path.clone(),
            suffix: String::new(),
        }),
        Location::Url(_) => Err(SourceError::NothingPicked),
    }
}

/// Puts a loaded file and those it superseded away, as the operator wants.
pub(super) fn settle(location: &Location, picked: &Picked) -> Result<(), SourceError> {
    match location {
        Location::Folder {
            path,
            after: AfterLoad::Archive,
            ..
        } => archive(path, picked),
        Location::Folder { .. } | Location::File(_) | Location::Url(_) => Ok(()),
    }
}

fn archive(folder: &Path, picked: &Picked) -> Result<(), SourceError> {
    if picked.done_with().next().is_none() {
        return Ok(());
    }
    let archive = folder.join(ARCHIVE);
    fs::create_dir_all(&archive).map_err(|e| SourceError::io("made", &archive, e))?;
    let old = archived(&archive)?;
    let mut number = old.last().map_or(0, |(number, _)| *number);
    let mut new = 0;
    for (path, stamp) in picked.done_with() {
        // One that was replaced since it was picked is a new export, to be picked by the next sync.
        let is_same = fs::symlink_metadata(path).and_then(|m| Stamp::of(&m));
        if !is_same.is_ok_and(|now| now == stamp) {
            continue;
        }
        number += 1;
        let mut name = OsString::from(format!("{number:0NUMBER_DIGITS$}-"));
        name.push(path.file_name().unwrap_or_default());
        fs::rename(path, archive.join(name)).map_err(|e| SourceError::io("archived", path, e))?;
        new += 1;
    }
    let surplus = (old.len() + new).saturating_sub(ARCHIVED_FILES);
    for (_, path) in old.iter().take(surplus) {
        fs::remove_file(path).map_err(|e| SourceError::io("removed", path, e))?;
    }
    Ok(())
}

/// What is archived, by number. Anything else that somebody put there is not ours to count or to delete.
fn archived(archive: &Path) -> Result<Vec<(u64, PathBuf)>, SourceError> {
    let number = |name: &OsStr| {
        let (number, _) = name.to_str()?.split_once('-')?;
        let digits = number.len() >= NUMBER_DIGITS && number.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| number.parse().ok()).flatten()
    };
    let mut archived: Vec<(u64, PathBuf)> = files(archive)?
        .into_iter()
        .filter_map(|(name, _)| Some((number(&name)?, archive.join(name))))
        .collect();
    archived.sort();
    Ok(archived)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::file::tests::{Folder, at};

    fn names(path: &Path) -> Vec<String> {
        let entries = fs::read_dir(path).unwrap();
        let mut names: Vec<String> = entries
            .map(|e| e.unwrap())
            .filter(|e| e.file_type().unwrap().is_file())
            .map(|e| e.file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// Loads what is there and puts it away.
    fn load(folder: &mut Folder, now: u64) {
        let picked = folder.pick(at(now)).unwrap();
        settle(&folder.location, &picked).unwrap();
    }

    #[test]
    fn the_loaded_and_what_it_superseded_are_archived_and_the_unfinished_stays() {
        let mut folder = Folder::new(AfterLoad::Archive);
        folder.write("new.csv", "new", at(20));
        folder.write("old.csv", "old", at(10));
        folder.write("later.csv", "later", at(95));
        folder.write("notes.txt", "notes", at(0));
        load(&mut folder, 100);
        assert_eq!(names(&folder.path("")), ["later.csv", "notes.txt"]);
        assert_eq!(
            names(&folder.path(ARCHIVE)),
            ["000001-old.csv", "000002-new.csv"]
        );
        assert_eq!(
            fs::read(folder.path("archive/000002-new.csv")).unwrap(),
            b"new"
        );
        let again = pick_archived(&folder.location).unwrap();
        assert!(again.path().ends_with("000002-new.csv"));
        assert_eq!(again.modified(), at(20));
        // What comes from the archive stays there.
        settle(&folder.location, &again).unwrap();
        assert_eq!(names(&folder.path(ARCHIVE)).len(), 2);
    }

    #[test]
    fn the_archive_keeps_the_newest_whatever_their_clocks_said() {
        let mut folder = Folder::new(AfterLoad::Archive);
        let last = ARCHIVED_FILES as u64 + 5;
        for i in 1..=last {
            folder.write("contacts.csv", &i.to_string(), at(1000 - i));
            load(&mut folder, 5000);
        }
        fs::write(folder.path("archive/keep-me.csv"), "x").unwrap();
        folder.write("contacts.csv", "last", at(0));
        load(&mut folder, 5000);
        let kept = names(&folder.path(ARCHIVE));
        assert_eq!(kept.len(), ARCHIVED_FILES + 1);
        assert_eq!(kept[0], "000007-contacts.csv");
        assert_eq!(kept[ARCHIVED_FILES - 1], "000026-contacts.csv");
        assert_eq!(kept[ARCHIVED_FILES], "keep-me.csv");
        assert_eq!(
            fs::read(folder.path("archive/000026-contacts.csv")).unwrap(),
            b"last"
        );
    }

    #[test]
    fn nothing_is_deleted_by_the_load_that_archives_it() {
        let mut folder = Folder::new(AfterLoad::Archive);
        let many = ARCHIVED_FILES as u64 + 10;
        for i in 0..many {
            folder.write(&format!("{i}.csv"), "x", at(i));
        }
        load(&mut folder, 1000);
        assert_eq!(names(&folder.path(ARCHIVE)).len() as u64, many);
        folder.write("next.csv", "x", at(100));
        load(&mut folder, 1000);
        assert_eq!(names(&folder.path(ARCHIVE)).len(), ARCHIVED_FILES);
    }

    #[test]
    fn an_export_that_came_during_the_load_is_not_archived_unread() {
        let mut folder = Folder::new(AfterLoad::Archive);
        folder.write("contacts.csv", "old", at(0));
        let picked = folder.pick(at(100)).unwrap();
        folder.write("contacts.csv", "new!", at(90));
        settle(&folder.location, &picked).unwrap();
        assert_eq!(names(&folder.path("")), ["contacts.csv"]);
        fs::remove_file(folder.path("contacts.csv")).unwrap();
        settle(&folder.location, &picked).unwrap();
    }

    #[test]
    fn files_are_left_where_they_are_if_that_is_wanted() {
        let mut folder = Folder::new(AfterLoad::Leave);
        folder.write("a.csv", "x", at(0));
        folder.write("b.csv", "x", at(1));
        load(&mut folder, 100);
        assert_eq!(names(&folder.path("")), ["a.csv", "b.csv"]);
        assert!(!folder.path(ARCHIVE).exists());
        assert!(pick_archived(&folder.location).is_err());
    }

    #[test]
    fn an_archive_that_does_not_exist_yet_is_empty() {
        let folder = Folder::new(AfterLoad::Archive);
        let error = pick_archived(&folder.location).unwrap_err();
        assert!(matches!(error, SourceError::NoFile { .. }), "{error}");
    }
}
