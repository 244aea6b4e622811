//! Whose rights a step has. Root packs up and puts back what belongs to the service, in directories where the
//! service may put what it likes: there it works with the service's rights on files, so no link leads it astray.

use std::fs::{DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, fchown};
use std::path::Path;

use nix::unistd::{Gid, Uid, User, geteuid, setfsgid, setfsuid};

use super::archive::Owner;
use crate::system::user::owner_of;

/// Who runs the packaged service.
const USER: &str = "ringcard";

#[derive(Clone, Copy, Debug)]
pub(super) enum Rights {
    /// Everything is one user's.
    One,
    /// Root's, and this user's.
    Two(Uid, Gid),
}

impl Rights {
    /// As the owner of the state directory tells; `packaged`: or the package's user where there is none yet.
    pub(super) fn of(state: &Path, packaged: bool) -> Result<Rights, String> {
        if !geteuid().is_root() {
            return Ok(Rights::One);
        }
        if let Some((uid, gid)) = owner_of(state) {
            return Ok(Rights::Two(uid, gid));
        }
        if state.exists() || !packaged {
            return Ok(Rights::One);
        }
        match User::from_name(USER) {
            Ok(Some(user)) => Ok(Rights::Two(user.uid, user.gid)),
            _ => Err(format!(
                "there is no user {USER}: install the package ringcard first"
            )),
        }
    }

    /// Does work on files as the service would. It must not wait for another thread.
    pub(super) fn as_service<T>(self, work: impl FnOnce() -> T) -> T {
        let Rights::Two(uid, gid) = self else {
            return work();
        };
        let (root_gid, root) = (setfsgid(gid), setfsuid(uid));
        let done = work();
        setfsuid(root);
        setfsgid(root_gid);
        done
    }

    /// One of root's is entered by the service's group, whatever the umask of who types the command.
    pub(super) fn make_directory(self, path: &Path, owner: Owner) -> io::Result<()> {
        let mode = match owner {
            Owner::Root => 0o750,
            Owner::Service => 0o700,
        };
        DirBuilder::new().mode(0o700).create(path)?;
        let made = File::open(path)?;
        self.give(&made, owner)?;
        made.set_permissions(Permissions::from_mode(mode))
    }

    pub(super) fn give(self, file: &File, owner: Owner) -> io::Result<()> {
        match (self, owner) {
            (Rights::One, _) => Ok(()),
            (Rights::Two(_, gid), Owner::Root) => fchown(file, Some(0), Some(gid.as_raw())),
            (Rights::Two(uid, gid), Owner::Service) => {
                fchown(file, Some(uid.as_raw()), Some(gid.as_raw()))
            }
        }
    }
}
