//! Directories and files of the state, which belong to whoever owns it: a command that root runs beside the
//! daemon must not lock the daemon out of its own token.
//!
//! It guarantees that root is not led elsewhere by what the daemon's user may put there: a link is never
//! followed, and what is made is given away only if it was made here or belongs to nobody else's name.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, fchown, lchown};
use std::path::Path;

use nix::libc::O_NOFOLLOW;

/// Makes the directory and those it is in, where they are missing, as their first one's owner would.
pub(super) fn directory(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(there) if there.is_dir() => return Ok(()),
        Ok(_) => return Err(io::ErrorKind::NotADirectory.into()),
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        Err(_) => {}
    }
    let above = path.parent().ok_or(io::ErrorKind::NotFound)?;
    // The state itself may be a link to another disk: it is root's to make.
    if !above.is_dir() {
        directory(above)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        // Another process was faster.
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        made => made?,
    }
    let (owner, made) = (fs::metadata(above)?, fs::symlink_metadata(path)?);
    match is_of(&made, &owner) {
        true => Ok(()),
        false => lchown(path, Some(owner.uid()), Some(owner.gid())),
    }
}

/// A file that nobody but the directory's owner can read, made if it is missing.
pub(super) fn file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(O_NOFOLLOW);
    let file = options.open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.nlink() != 1 {
        return Err(io::Error::other("it is no file of its own"));
    }
    if let Some(above) = path.parent() {
        give(&file, above)?;
    }
    Ok(file)
}

/// Makes the directory's owner the file's.
pub(super) fn give(file: &File, directory: &Path) -> io::Result<()> {
    let owner = fs::metadata(directory)?;
    match is_of(&file.metadata()?, &owner) {
        true => Ok(()),
        false => fchown(file, Some(owner.uid()), Some(owner.gid())),
    }
}

fn is_of(metadata: &Metadata, owner: &Metadata) -> bool {
    metadata.uid() == owner.uid()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn what_is_made_is_of_the_owner_of_the_state_and_for_nobody_else() {
        let state = tempfile::tempdir().unwrap();
        // Only root can give away; for anybody else it stays their own.
        let owner = match lchown(state.path(), Some(12_345), Some(12_345)) {
            Ok(()) => 12_345,
            Err(_) => fs::metadata(state.path()).unwrap().uid(),
        };
        let inner = state.path().join("source/crm");
        directory(&inner).unwrap();
        directory(&inner).unwrap();
        file(&inner.join("token")).unwrap();
        for path in ["source", "source/crm", "source/crm/token"] {
            let metadata = fs::metadata(state.path().join(path)).unwrap();
            assert_eq!(metadata.uid(), owner, "{path}");
            assert_eq!(metadata.permissions().mode() & 0o077, 0, "{path}");
        }
    }

    #[test]
    fn a_link_is_never_followed() {
        let state = tempfile::tempdir().unwrap();
        let path = |name: &str| state.path().join(name);
        fs::write(path("precious"), "x").unwrap();
        symlink(path("precious"), path("token")).unwrap();
        assert!(file(&path("token")).is_err());
        fs::hard_link(path("precious"), path("other")).unwrap();
        assert!(file(&path("other")).is_err());
        symlink("/", path("crm")).unwrap();
        assert!(directory(&path("crm")).is_err());
        assert_eq!(fs::read_to_string(path("precious")).unwrap(), "x");
    }
}
