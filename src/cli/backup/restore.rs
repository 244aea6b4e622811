//! From a backup to an office: read to its end, then the place is looked at, then all of it put there.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use nix::sys::statvfs::statvfs;

use super::archive::{ArchiveError, Manifest, Member, Owner, read};
use super::names::Place;
use super::rights::Rights;
use super::stage::{Stage, Target};
use super::{Restore, archive};
use crate::cli::{Failure, ports};
use crate::config::{Config, DEFAULT_PATH, Named};
use crate::domain::tally::counted;
use crate::store::{LockError, StateLock};
use crate::system::chain;

/// Left free beside what is written: the file system's own, and a daemon that starts.
const SPARE_BYTES: u64 = 4 << 20;
/// Largest configuration, as for reading one.
const TEXT_BYTES: u64 = 1 << 20;

const PORTS_HEAD: &str = "# From a backup of Ringcard.";

/// What a backup is, once it was read to its end.
struct Known {
    manifest: Manifest,
    text: String,
    ports: Vec<String>,
    elsewhere: Vec<PathBuf>,
}

/// Whether a passphrase is needed to read it.
pub(super) fn is_sealed(file: &Path) -> Result<bool, Failure> {
    archive::is_sealed(open(file)?).map_err(|e| unusable(file, &e))
}

fn unusable(file: &Path, e: &ArchiveError) -> Failure {
    Failure::Other(format!("{}: {}", file.display(), chain::of(e)))
}

/// What to tell who did it.
pub(super) fn restore(
    config: &Path,
    what: &Restore,
    passphrase: Option<&str>,
) -> Result<String, Failure> {
    let failed = |e: ArchiveError| unusable(&what.file, &e);
    let known = known(&open(&what.file)?, passphrase).map_err(failed)?;
    let target = target(config, what, &known.text)?;
    let _lock = lock(&target)?;
    has_room(&target, &known.manifest)?;
    let mut stage = Stage::begin(&target)
        .map_err(|e| Failure::Other(format!("nothing can be written there: {e}")))?;
    let put =
        &mut |member: &Member, place: &Place, from: &mut dyn Read| stage.put(member, place, from);
    read(open(&what.file)?, passphrase, put).map_err(failed)?;
    stage.take_place().map_err(Failure::Other)?;
    let noted = match known.ports.is_empty() || config != Path::new(DEFAULT_PATH) {
        true => Ok(()),
        false => ports::write(Path::new(ports::DROP_INS), &known.ports, PORTS_HEAD),
    };
    Ok(told(&target, &known, noted))
}

fn open(path: &Path) -> Result<File, Failure> {
    File::open(path).map_err(|e| Failure::Other(format!("{} can't be read: {e}", path.display())))
}

/// Reads everything and writes nothing.
fn known(file: &File, passphrase: Option<&str>) -> Result<Known, ArchiveError> {
    let (mut text, mut listed, mut elsewhere) = (String::new(), String::new(), Vec::new());
    let take = &mut |_: &Member, place: &Place, from: &mut dyn Read| match place {
        Place::Configuration => text_of(from).map(|read| text = read),
        Place::Ports => text_of(from).map(|read| listed = read),
        Place::Elsewhere(path) => {
            elsewhere.push(path.clone());
            Ok(())
        }
        _ => Ok(()),
    };
    let manifest = read(file, passphrase, take)?;
    let ports = ports::parse(&listed).unwrap_or_default();
    Ok(Known {
        manifest,
        text,
        ports,
        elsewhere,
    })
}

fn text_of(from: &mut dyn Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    from.take(TEXT_BYTES).read_to_end(&mut bytes)?;
    let odd = |_| io::Error::new(io::ErrorKind::InvalidData, "its configuration is not text");
    String::from_utf8(bytes).map_err(odd)
}

fn target(config: &Path, what: &Restore, text: &str) -> Result<Target, Failure> {
    let directory = config.parent().unwrap_or(Path::new("."));
    Named::in_text(text, directory)
        .map_err(|e| Failure::Other(format!("the backup's configuration is not TOML: {e}")))?;
    let state = Config::state_directory_in(text, directory);
    let is_ours = state == Config::usual_state_directory() || state.starts_with(directory);
    let has_dots = state.components().any(|c| c.as_os_str() == "..");
    if (!is_ours || has_dots) && what.state_dir.as_ref() != Some(&state) {
        return Err(Failure::Other(format!(
            "the backup keeps its state in {0}, which is not the usual place; if that is meant: --state-dir {0}",
            state.display()
        )));
    }
    if !what.replace && is_office(config) {
        return Err(Failure::Other(format!(
            "there is an office here already: {} names accounts or sources. To put the backup in its place, and \
             keep what is there aside: --replace",
            config.display()
        )));
    }
    let rights = Rights::of(&state, config == Path::new(DEFAULT_PATH)).map_err(Failure::Other)?;
    let time = Timestamp::now().strftime("%Y%m%d-%H%M%S").to_string();
    let mut target = Target {
        config: config.into(),
        state,
        rights,
        time: time.clone(),
    };
    // What was kept aside a moment ago is nobody's to write over.
    let mut again = 1;
    while target.aside().iter().any(|path| path.exists()) {
        again += 1;
        target.time = format!("{time}-{again}");
    }
    Ok(target)
}

/// What the package brings is none, and neither is nothing. What can't be understood may be one.
fn is_office(config: &Path) -> bool {
    match fs::symlink_metadata(config) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => false,
        _ => Config::named_by(config).map_or(true, |(_, named)| named.is_office),
    }
}

/// Nobody else works there until this is over: a daemon that is started meanwhile waits its turn.
fn lock(target: &Target) -> Result<StateLock, Failure> {
    let make = |directory: &Path, owner: Owner| -> io::Result<()> {
        if directory.is_dir() {
            return Ok(());
        }
        if let Some(above) = directory.parent() {
            fs::create_dir_all(above)?;
        }
        target.rights.make_directory(directory, owner)
    };
    let unusable = |e: io::Error| Failure::Other(format!("the directories can't be made: {e}"));
    make(target.directory(), Owner::Root).map_err(unusable)?;
    make(&target.state, Owner::Service).map_err(unusable)?;
    let lock = target.rights.as_service(|| StateLock::take(&target.state));
    lock.map_err(|e| match e {
        LockError::Taken { .. } => Failure::Other(format!(
            "Ringcard works here: {}. Stop it first: sudo systemctl stop ringcard.socket ringcard.service",
            target.state.display()
        )),
        e => Failure::other(&e),
    })
}

#[allow(
    clippy::useless_conversion,
    reason = "not every board counts blocks in u64"
)]
fn has_room(target: &Target, manifest: &Manifest) -> Result<(), Failure> {
    let is_state = |m: &&Member| matches!(Place::parse(&m.name), Some(Place::State(_)));
    let state: u64 = manifest
        .members
        .iter()
        .filter(is_state)
        .map(|m| m.bytes)
        .sum();
    let config = manifest.bytes() - state;
    for (directory, bytes) in [(target.directory(), config), (&*target.state, state)] {
        // What can't be told is found out when it is written.
        let Ok(disk) = statvfs(directory) else {
            continue;
        };
        let free = u64::from(disk.blocks_available()) * u64::from(disk.fragment_size());
        fits(directory, bytes, free)?;
    }
    Ok(())
}

fn fits(directory: &Path, bytes: u64, free: u64) -> Result<(), Failure> {
    match bytes.saturating_add(SPARE_BYTES) <= free {
        true => Ok(()),
        false => Err(Failure::Other(format!(
            "{} has {} MiB free, and the backup needs {} MiB there; nothing was changed",
            directory.display(),
            free >> 20,
            (bytes.saturating_add(SPARE_BYTES) >> 20) + 1
        ))),
    }
}

fn told(target: &Target, known: &Known, ports: io::Result<()>) -> String {
    let files = counted(known.manifest.members.len() as u64, "file");
    let made = known.manifest.made.strftime("%Y-%m-%d %H:%M UTC");
    let mut lines = vec![format!("restored: {files} of a backup of {made}")];
    let aside: Vec<String> = target
        .aside()
        .iter()
        .filter(|path| path.exists())
        .map(|path| path.display().to_string())
        .collect();
    if !aside.is_empty() {
        lines.push(format!("what was here is kept in {}", aside.join(" and ")));
    }
    for path in &known.elsewhere {
        lines.push(format!(
            "the configuration names /{0}; the backup's is in {1}/elsewhere/{0}: put it there, or change the \
             configuration",
            path.display(),
            target.directory().display()
        ));
    }
    if let Ok(named) = Named::in_text(&known.text, target.directory()) {
        let told =
            |name| format!("not in the backup: the credential {name}, which systemd is to give");
        lines.extend(named.credentials.iter().map(told));
    }
    if let Err(e) = ports {
        lines.push(format!("the port could not be set: {e}"));
    }
    if !known.ports.is_empty() {
        lines.push(format!(
            "the old box listened at {}",
            known.ports.join(", ")
        ));
    }
    lines.push(NEXT.into());
    lines.join("\n")
}

const NEXT: &str = "\
next:
1. Stop the old box for good; on it: sudo systemctl disable --now ringcard.socket ringcard.service
   Two boxes would both answer, and a token that one of them renews locks the other out.
2. sudo ringcard check
3. sudo systemctl daemon-reload && sudo systemctl restart ringcard.socket ringcard.service
4. Point the router's port-forward, the tunnel or the proxy at this box, and open the webhook's address from outside.
5. ringcard status; then make a call.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_without_room_is_told_before_anything_is_written() {
        let here = Path::new("/somewhere");
        assert!(fits(here, 10, SPARE_BYTES + 10).is_ok());
        assert!(fits(here, 11, SPARE_BYTES + 10).is_err());
        let told = fits(here, 100 << 20, 5 << 20).unwrap_err().to_string();
        assert_eq!(
            told,
            "/somewhere has 5 MiB free, and the backup needs 105 MiB there; nothing was changed"
        );
        assert!(fits(here, u64::MAX, u64::MAX - 1).is_err());
    }

    #[test]
    fn only_what_names_accounts_or_sources_is_an_office() {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("ringcard.toml");
        assert!(!is_office(&config));
        for (text, office) in [
            ("", false),
            ("[webhook]\nlisten = \"systemd\"\n", false),
            ("[[account]]\nname = \"a\"\n", true),
            ("[[source]]\nname = \"a\"\n", true),
            ("not toml", true),
        ] {
            fs::write(&config, text).unwrap();
            assert_eq!(is_office(&config), office, "{text}");
        }
    }
}
