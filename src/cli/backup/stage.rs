//! Putting an office in its place: everything is written beside first, then takes the names, and if one name can't
//! be taken, all go back.
//!
//! The configuration's file gives way first and comes last. Whatever happens between, a power cut included, there
//! is either the old office, the new one, or none that a daemon would start; and nothing that was there is deleted.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::archive::{Member, Owner};
use super::names::{ASIDE, Place, STAGED};
use super::rights::Rights;

/// What of an old state gives way. The lock and the control socket stay.
const STATE: [&str; 7] = [
    "outbox.redb",
    "outbox.new",
    "callers",
    "self-signed.crt",
    "self-signed.key",
    "replica",
    "source",
];
/// Rights that a file of an office may have: the world has none.
const MODE: u32 = 0o750;

/// Where an office is to be.
pub(super) struct Target {
    pub(super) config: PathBuf,
    pub(super) state: PathBuf,
    pub(super) rights: Rights,
    /// What is told from other such moments by.
    pub(super) time: String,
}

impl Target {
    pub(super) fn directory(&self) -> &Path {
        let directory = self.config.parent();
        directory
            .filter(|d| !d.as_os_str().is_empty())
            .unwrap_or(Path::new("."))
    }

    fn staged(&self, place: &Place) -> Option<(PathBuf, PathBuf)> {
        let in_config = |path: &Path| self.directory().join(STAGED).join(path);
        match place {
            Place::Configuration => {
                Some((in_config(Path::new("configuration")), self.config.clone()))
            }
            Place::Beside(path) => {
                let staged = in_config(Path::new("beside")).join(path);
                Some((staged, self.directory().join(path)))
            }
            Place::Elsewhere(path) => {
                let staged = in_config(Path::new("elsewhere")).join(path);
                Some((staged, self.directory().join("elsewhere").join(path)))
            }
            Place::State(path) => Some((self.state.join(STAGED).join(path), self.state.join(path))),
            Place::Ports => None,
        }
    }

    /// What was there before is here afterwards.
    pub(super) fn aside(&self) -> [PathBuf; 2] {
        let name = format!("{ASIDE}{}", self.time);
        [self.directory().join(&name), self.state.join(name)]
    }
}

/// Everything written beside its place. Dropped, it leaves nothing behind.
pub(super) struct Stage<'t> {
    target: &'t Target,
    ready: Vec<Ready>,
}

struct Ready {
    place: Place,
    owner: Owner,
}

impl<'t> Stage<'t> {
    pub(super) fn begin(target: &'t Target) -> io::Result<Stage<'t>> {
        let stage = Stage {
            target,
            ready: Vec::new(),
        };
        stage.clear()?;
        make_directory(&target.directory().join(STAGED))?;
        let state = target.state.join(STAGED);
        target.rights.as_service(|| make_directory(&state))?;
        Ok(stage)
    }

    /// Writes one member, whole and synced.
    pub(super) fn put(
        &mut self,
        member: &Member,
        place: &Place,
        from: &mut dyn Read,
    ) -> io::Result<()> {
        let Some((staged, _)) = self.target.staged(place) else {
            return Ok(());
        };
        let rights = self.target.rights;
        let mut write = || {
            if let Some(above) = staged.parent() {
                let mut builder = DirBuilder::new();
                builder.recursive(true).mode(0o700).create(above)?;
            }
            let mut options = OpenOptions::new();
            let mut file = options
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&staged)?;
            io::copy(from, &mut file)?;
            if !is_state(place) {
                rights.give(&file, member.owner)?;
                file.set_permissions(fs::Permissions::from_mode(member.mode & MODE))?;
            }
            file.sync_all()
        };
        match is_state(place) {
            true => rights.as_service(write)?,
            false => write()?,
        }
        self.ready.push(Ready {
            place: place.clone(),
            owner: member.owner,
        });
        Ok(())
    }

    /// Gives everything its name. An error says what could not be done; then all is as it was.
    pub(super) fn take_place(self) -> Result<(), String> {
        let mut moves = Moves {
            target: self.target,
            done: Vec::new(),
        };
        let result = self.rename_all(&mut moves);
        if let Err(what) = result {
            return Err(match moves.undo() {
                0 => format!("{what}; everything is as it was"),
                lost => format!(
                    "{what}; {lost} files could not go back, and are in {}",
                    self.target
                        .aside()
                        .map(|p| p.display().to_string())
                        .join(" and ")
                ),
            });
        }
        Ok(())
    }

    fn rename_all(&self, moves: &mut Moves<'_>) -> Result<(), String> {
        let target = self.target;
        let [config_aside, state_aside] = target.aside();
        let name = target.config.file_name().unwrap_or_default();
        moves.aside(&target.config, &config_aside.join(name), false)?;
        for name in STATE {
            moves.aside(&target.state.join(name), &state_aside.join(name), true)?;
            moves.rename(
                &target.state.join(STAGED).join(name),
                &target.state.join(name),
                true,
            )?;
        }
        let connectors = crate::config::CONNECTORS_DIRECTORY;
        let directory = target.directory();
        moves.aside(
            &directory.join(connectors),
            &config_aside.join(connectors),
            false,
        )?;
        for ready in &self.ready {
            let (Place::Beside(_) | Place::Elsewhere(_)) = ready.place else {
                continue;
            };
            if let Some((staged, place)) = target.staged(&ready.place) {
                let within = place.strip_prefix(directory).unwrap_or(&place);
                moves.directories(directory, within, ready.owner)?;
                moves.aside(&place, &config_aside.join(within), false)?;
                moves.rename(&staged, &place, false)?;
            }
        }
        if let Some((staged, place)) = target.staged(&Place::Configuration) {
            moves.sync();
            moves.rename(&staged, &place, false)?;
        }
        moves.sync();
        Ok(())
    }

    fn clear(&self) -> io::Result<()> {
        let remove = |path: &Path| match fs::remove_dir_all(path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        };
        let state = self.target.state.join(STAGED);
        self.target.rights.as_service(|| remove(&state))?;
        remove(&self.target.directory().join(STAGED))
    }
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        let _ = self.clear();
    }
}

fn is_state(place: &Place) -> bool {
    matches!(place, Place::State(_))
}

fn make_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

/// What was renamed, to be taken back.
struct Moves<'t> {
    target: &'t Target,
    done: Vec<(PathBuf, PathBuf, bool)>,
}

impl Moves<'_> {
    fn with_rights<T>(&self, is_state: bool, work: impl FnOnce() -> T) -> T {
        match is_state {
            true => self.target.rights.as_service(work),
            false => work(),
        }
    }

    /// Nothing, if there is nothing.
    fn rename(&mut self, from: &Path, to: &Path, is_state: bool) -> Result<(), String> {
        let rename = || match fs::symlink_metadata(from) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(e),
            Ok(_) => fs::rename(from, to).map(|()| true),
        };
        match self.with_rights(is_state, rename) {
            Ok(true) => self.done.push((from.into(), to.into(), is_state)),
            Ok(false) => {}
            Err(e) => return Err(format!("{} can't be put there: {e}", to.display())),
        }
        Ok(())
    }

    fn aside(&mut self, from: &Path, to: &Path, is_state: bool) -> Result<(), String> {
        let there = || fs::symlink_metadata(from).is_ok();
        if !self.with_rights(is_state, there) {
            return Ok(());
        }
        let above = to.parent().unwrap_or(to);
        let make = || DirBuilder::new().recursive(true).mode(0o700).create(above);
        self.with_rights(is_state, make)
            .map_err(|e| format!("{} can't be made: {e}", above.display()))?;
        self.rename(from, to, is_state)
    }

    /// The directories that a file of the configuration is in, as the package would make them.
    fn directories(&self, base: &Path, within: &Path, owner: Owner) -> Result<(), String> {
        let mut path = base.to_owned();
        let parents: Vec<_> = within
            .parent()
            .into_iter()
            .flat_map(Path::components)
            .collect();
        for part in parents {
            path.push(part);
            let made = match fs::symlink_metadata(&path) {
                Ok(there) if there.is_dir() => continue,
                Ok(_) => Err(io::ErrorKind::NotADirectory.into()),
                Err(_) => self.target.rights.make_directory(&path, owner),
            };
            made.map_err(|e: io::Error| format!("{} can't be made: {e}", path.display()))?;
        }
        Ok(())
    }

    /// Makes the names outlast a power cut.
    fn sync(&self) {
        let parents = self
            .done
            .iter()
            .flat_map(|(from, to, _)| [from.parent(), to.parent()]);
        let mut parents: Vec<&Path> = parents.flatten().collect();
        parents.sort_unstable();
        parents.dedup();
        for parent in parents {
            let _ = File::open(parent).and_then(|directory| directory.sync_all());
        }
    }

    /// How many could not go back.
    fn undo(&mut self) -> usize {
        let mut lost = 0;
        while let Some((from, to, is_state)) = self.done.pop() {
            let back = self.with_rights(is_state, || fs::rename(&to, &from));
            lost += usize::from(back.is_err());
        }
        lost
    }
}

#[cfg(test)]
mod tests;
