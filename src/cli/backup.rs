//! `ringcard backup` and `ringcard restore`: an office moved to another box, in one file.
//!
//! The file holds every secret of the office, so it is its maker's alone and sealed unless somebody says otherwise.
//! A backup is read whole, and right, before anything is touched for it; restoring deletes nothing.

mod archive;
mod gather;
mod names;
mod passphrase;
mod restore;
mod rights;
mod seal;
mod stage;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;

use self::archive::Manifest;
use self::gather::{Extent, Found};
use super::Failure;
use super::terminal::say;
use crate::config::Config;
use crate::domain::tally::counted;
use crate::system::user;

#[derive(Debug, Args)]
pub(super) struct Backup {
    /// Is made anew; nothing is written over.
    file: PathBuf,
    /// The passphrase is the first line of this file; - is standard input. Without it, you are asked.
    #[arg(long, value_name = "FILE", conflicts_with = "unencrypted")]
    passphrase_file: Option<PathBuf>,
    /// No passphrase: whoever has the file has every secret of the office.
    #[arg(long)]
    unencrypted: bool,
    /// Leave out the copies of the sources: they are read again on the new box.
    #[arg(long)]
    without_replica: bool,
}

#[derive(Debug, Args)]
pub(super) struct Restore {
    file: PathBuf,
    /// The passphrase is the first line of this file; - is standard input. Without it, you are asked.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Though there is an office here: its files are kept aside.
    #[arg(long)]
    replace: bool,
    /// Where the state goes, if the backup's configuration names another place than the usual one.
    #[arg(long, value_name = "DIRECTORY")]
    state_dir: Option<PathBuf>,
}

pub(super) async fn backup(config: &Path, what: Backup) -> Result<ExitCode, Failure> {
    if !user::is_the_services(&Config::state_directory_of(config)) {
        let words = "only root and the service's user may read all of this office: sudo ringcard backup FILE";
        return Err(Failure::Other(words.into()));
    }
    let passphrase = match what.unencrypted {
        true => None,
        false => Some(passphrase::new(what.passphrase_file.as_deref()).await?),
    };
    let extent = match what.without_replica {
        true => Extent::WithoutReplica,
        false => Extent::WithReplica,
    };
    if what.file.symlink_metadata().is_ok() {
        let words = format!(
            "{} is there already, and is not written over",
            what.file.display()
        );
        return Err(Failure::Other(words));
    }
    let mut found = Found::of(config, extent)
        .await
        .map_err(|e| Failure::other(&e))?;
    let manifest = Manifest {
        made: Timestamp::now(),
        members: std::mem::take(&mut found.members),
    };
    write(&what.file, passphrase.as_deref(), &manifest, &mut found)
        .map_err(|e| Failure::Other(format!("{} can't be written: {e}", what.file.display())))?;
    say(&told(&what, &manifest, &found));
    Ok(ExitCode::SUCCESS)
}

/// The name appears only with the whole file behind it, and only where there was none.
fn write(
    file: &Path,
    passphrase: Option<&str>,
    manifest: &Manifest,
    found: &mut Found,
) -> std::io::Result<()> {
    let directory = file.parent().filter(|d| !d.as_os_str().is_empty());
    let directory = directory.unwrap_or(Path::new("."));
    // Nobody but its owner may read it.
    let beside = tempfile::Builder::new()
        .prefix(".ringcard-backup")
        .tempfile_in(directory)?;
    let out = std::io::BufWriter::new(beside.as_file());
    let out = archive::write(out, passphrase, manifest, |n, out| found.copy(n, out))?;
    out.into_inner()
        .map_err(std::io::IntoInnerError::into_error)?
        .flush()?;
    beside.as_file().sync_all()?;
    beside.persist_noclobber(file)?;
    std::fs::File::open(directory)?.sync_all()
}

fn told(what: &Backup, manifest: &Manifest, found: &Found) -> String {
    let size = (manifest.bytes() >> 10).max(1);
    let files = counted(manifest.members.len() as u64, "file");
    let mut lines = vec![format!(
        "{}: {files}, {size} KiB{}",
        what.file.display(),
        match what.without_replica {
            true => ", without the copies of the sources",
            false => "",
        }
    )];
    lines.push(match what.unencrypted {
        true => "IT IS NOT ENCRYPTED, and holds every token, secret and key of this office and its customers. \
                 Whoever gets it can use them. Send it over nothing, and delete it when the new box runs."
            .to_owned(),
        false => "It is sealed with the passphrase. Without that it is of no use to anybody, you included."
            .to_owned(),
    });
    for name in &found.credentials {
        lines.push(format!(
            "Not in it: the credential {name}, which systemd gives to the service. Set it up on the new box."
        ));
    }
    lines.push(
        "Not in it: exports in drop folders, the log, and other drop-ins of systemd than the port."
            .into(),
    );
    if found.has_rotating_tokens {
        lines.push(
            "It holds tokens that are good for one box alone: from its first sync on, the new box uses them up, and \
             this one is locked out of that source, or the other way round. Stop this box before the new one starts."
                .into(),
        );
    }
    lines.push("On the new box: sudo ringcard restore FILE".into());
    lines.join("\n")
}

pub(super) async fn restore(config: &Path, what: Restore) -> Result<ExitCode, Failure> {
    let passphrase = match restore::is_sealed(&what.file)? {
        true => passphrase::of_backup(what.passphrase_file.as_deref()).await?,
        false => None,
    };
    let work = || restore::restore(config, &what, passphrase.as_deref());
    let done = crate::tasks::Tasks::in_place(work)?;
    say(&done);
    Ok(ExitCode::SUCCESS)
}
