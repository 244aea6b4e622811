//! Whose rights a command has: typed by root, it does the service's work as the service's user.
//!
//! The user is told by the state directory: it belongs to the service. A daemon that root runs from a shell on
//! a directory of root's stays root.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::{Gid, Uid, User, geteuid, initgroups, setgid, setgroups, setuid};

#[derive(Debug, thiserror::Error)]
#[error("root's rights can't be given up for those of user {uid}")]
pub struct BecomeError {
    uid: Uid,
    source: io::Error,
}

/// The user and the group that own `directory`, if it is there and not root's.
pub fn owner_of(directory: &Path) -> Option<(Uid, Gid)> {
    let metadata = fs::metadata(directory).ok()?;
    let (uid, gid) = (metadata.uid(), metadata.gid());
    (uid != 0).then_some((Uid::from_raw(uid), Gid::from_raw(gid)))
}

/// Whether this process may see what the service sees: it is the service's user, or may become it.
pub fn is_the_services(directory: &Path) -> bool {
    let me = geteuid();
    me.is_root()
        || match fs::metadata(directory) {
            Ok(metadata) => metadata.uid() == me.as_raw(),
            // Nobody's yet: whoever starts it first.
            Err(e) => e.kind() == io::ErrorKind::NotFound,
        }
}

/// Whether this process has root's rights.
pub fn is_root() -> bool {
    geteuid().is_root()
}

/// For root only: gives up its rights, for good, for those of the owner of `directory`, other groups of that user
/// included, as systemd starts it. To be called before the first thread starts.
pub fn become_owner_of(directory: &Path) -> Result<(), BecomeError> {
    let Some((uid, gid)) = owner_of(directory).filter(|_| geteuid().is_root()) else {
        return Ok(());
    };
    // With the groups that the user has beside, as the service has them: a key may be a group's to read.
    let user = User::from_uid(uid).ok().flatten();
    let name = user.and_then(|user| CString::new(user.name).ok());
    let become_it = || {
        match &name {
            Some(name) => initgroups(name, gid)?,
            None => setgroups(&[gid])?,
        }
        setgid(gid)?;
        setuid(uid)
    };
    become_it().map_err(|e| BecomeError {
        uid,
        source: e.into(),
    })
}
