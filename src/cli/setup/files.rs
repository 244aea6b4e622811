//! Files written so that there is the old one or the new one, and never a part: beside, on the disk, then by name.
//!
//! Secrets belong to the service's user and are nobody else's. A file of another's directory is never followed
//! through a link: the new one takes the name.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Uid};

pub(super) type Owner = Option<(Uid, Gid)>;

const SECRETS_MODE: u32 = 0o700;
const SECRET_MODE: u32 = 0o600;
const PUBLIC_MODE: u32 = 0o644;

#[derive(Debug, thiserror::Error)]
#[error("{path} can't be written")]
pub(super) struct WriteError {
    path: PathBuf,
    source: io::Error,
}

/// The directory of the secrets, made if it is not there.
pub(super) fn secrets_directory(path: &Path, owner: Owner) -> Result<(), WriteError> {
    let make = || {
        if !path.is_dir() {
            DirBuilder::new()
                .mode(SECRETS_MODE)
                .recursive(true)
                .create(path)?;
            own(&File::open(path)?, owner)?;
        }
        Ok(())
    };
    make().map_err(failed(path))
}

pub(super) fn secret(path: &Path, text: &str, owner: Owner) -> Result<(), WriteError> {
    replace(path, &format!("{text}\n"), SECRET_MODE, owner).map_err(failed(path))
}

/// A file that anybody may read. One that is there keeps its mode and owner.
pub(super) fn public(path: &Path, text: &str) -> Result<(), WriteError> {
    let there = fs::metadata(path).ok();
    let mode = there.as_ref().map_or(PUBLIC_MODE, |m| m.mode() & 0o777);
    let owner = there.map(|m| (Uid::from_raw(m.uid()), Gid::from_raw(m.gid())));
    replace(path, text, mode, owner).map_err(failed(path))
}

/// Lets everybody read a file of ours.
pub(super) fn readable(path: &Path) -> Result<(), WriteError> {
    let mode = Permissions::from_mode(PUBLIC_MODE);
    fs::set_permissions(path, mode).map_err(failed(path))
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> WriteError {
    let path = path.to_owned();
    move |source| WriteError { path, source }
}

fn replace(path: &Path, text: &str, mode: u32, owner: Owner) -> io::Result<()> {
    let directory = parent(path);
    fs::create_dir_all(directory)?;
    let mut beside = tempfile::Builder::new()
        .prefix(".ringcard-setup-")
        .permissions(Permissions::from_mode(SECRET_MODE))
        .tempfile_in(directory)?;
    beside.write_all(text.as_bytes())?;
    own(beside.as_file(), owner)?;
    // The mode given when a file is made is cut by the umask.
    beside
        .as_file()
        .set_permissions(Permissions::from_mode(mode))?;
    beside.as_file().sync_all()?;
    beside.persist(path).map_err(|e| e.error)?;
    File::open(directory)?.sync_all()
}

fn own(file: &File, owner: Owner) -> io::Result<()> {
    match owner {
        Some((uid, gid)) if nix::unistd::geteuid().is_root() => {
            fchown(file, Some(uid.as_raw()), Some(gid.as_raw()))
        }
        _ => Ok(()),
    }
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn secrets_are_their_owners_alone_and_nothing_is_left_beside_them() {
        let directory = tempfile::tempdir().unwrap();
        let secrets = directory.path().join("secrets");
        secrets_directory(&secrets, None).unwrap();
        let file = secrets.join("office.token");
        for text in ["one", "two"] {
            secret(&file, text, None).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), format!("{text}\n"));
        }
        assert_eq!((mode(&secrets), mode(&file)), (0o700, 0o600));
        assert_eq!(fs::read_dir(&secrets).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_is_there_keeps_its_mode_and_a_link_is_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        public(&path("a"), "1").unwrap();
        assert_eq!(mode(&path("a")), 0o644);
        fs::set_permissions(path("a"), Permissions::from_mode(0o640)).unwrap();
        public(&path("a"), "2").unwrap();
        assert_eq!(mode(&path("a")), 0o640);
        std::os::unix::fs::symlink(path("a"), path("link")).unwrap();
        secret(&path("link"), "3", None).unwrap();
        assert_eq!(fs::read_to_string(path("a")).unwrap(), "2");
        assert!(fs::symlink_metadata(path("link")).unwrap().is_file());
    }

    #[test]
    fn what_can_not_be_written_is_named() {
        let error = public(Path::new("/proc/ringcard/x"), "").unwrap_err();
        assert_eq!(error.to_string(), "/proc/ringcard/x can't be written");
    }
}
