//! Whether the service may use the files that the configuration names: looked at by trying, with its rights.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::unistd::{AccessFlags, User, access};

use super::finding::{FILES, Finding};
use super::within;
use crate::config::{Outline, ReadFrom};
use crate::source::settings::{AfterLoad, Location};
use crate::system::user;
use crate::tasks::Tasks;

/// A file on a dead network share is waited for no longer.
const FILE_TIME: Duration = Duration::from_secs(10);
/// The packaged service's user.
const USER: &str = "ringcard";
/// Where systemd lets the packaged service see nothing (ProtectHome=).
const UNSEEN: [&str; 3] = ["/home", "/root", "/run/user"];
/// Where the packaged service's configuration is.
const PACKAGED: &str = "/etc/ringcard";

/// One file and what must be possible with it.
struct Needed {
    what: String,
    path: PathBuf,
    rights: AccessFlags,
    is_private: bool,
}

impl Needed {
    fn to_read(what: impl Into<String>, path: &Path) -> Needed {
        Needed {
            what: what.into(),
            path: path.into(),
            rights: AccessFlags::R_OK,
            is_private: false,
        }
    }

    fn private(self) -> Needed {
        Needed {
            is_private: true,
            ..self
        }
    }

    fn with(self, rights: AccessFlags) -> Needed {
        Needed { rights, ..self }
    }
}

pub(super) async fn look(config: &Path, outline: &Outline, may_see: bool) -> Vec<Finding> {
    if !may_see {
        return vec![FILES.hidden("")];
    }
    // Root that could not become anybody reads everything, and learns nothing by that.
    let is_untold = user::is_root() && config.starts_with(PACKAGED);
    if is_untold && !outline.state_directory.exists() {
        let what = "not checked: whose files they are is known once the service has been started";
        return vec![FILES.skip("", what)];
    }
    let needed = needed(config, outline);
    let hides_home = config.starts_with(PACKAGED);
    let tasks = Tasks::default();
    let work = tasks.blocking(move || judged(&needed, hides_home));
    let work = async { work.await.unwrap_or_default() };
    let advice = "is one of them on a network share that is away? See: mount, df";
    within(FILE_TIME, FILES, "", advice, work).await
}

fn judged(needed: &[Needed], hides_home: bool) -> Vec<Finding> {
    let bad = needed.iter().filter_map(|n| judge(n, hides_home));
    let mut findings: Vec<Finding> = bad.collect();
    if findings.is_empty() {
        let count = match needed.len() {
            1 => "1 file or folder".to_owned(),
            n => format!("{n} files and folders"),
        };
        let what = format!("{count} can be used by {}", me());
        findings.push(FILES.ok("", what));
    }
    findings
}

fn needed(config: &Path, outline: &Outline) -> Vec<Needed> {
    let mut needed = vec![Needed::to_read("the configuration", config)];
    let secrets = outline.secrets.iter();
    needed.extend(secrets.map(|(key, path)| Needed::to_read(key, path).private()));
    let webhook = outline.webhook.as_ref();
    if let Some(files) = webhook.and_then(|w| w.certificate.as_ref()) {
        needed.push(Needed::to_read("certificate", &files.certificate));
        needed.push(Needed::to_read("key", &files.key).private());
    }
    let ca_file = outline.trust.ca_file.iter();
    needed.extend(ca_file.map(|path| Needed::to_read("ca-file", path)));
    if outline.state_directory.exists() {
        let state = Needed::to_read("state-dir", &outline.state_directory).private();
        needed.push(state.with(AccessFlags::R_OK | AccessFlags::W_OK | AccessFlags::X_OK));
    }
    for source in &outline.sources {
        let ReadFrom::File { location, .. } = &source.from else {
            continue;
        };
        let name = format!("source {}", source.name());
        needed.extend(match location {
            Location::File(path) => Some(Needed::to_read(name, path)),
            Location::Folder { path, after, .. } => {
                let mut rights = AccessFlags::R_OK | AccessFlags::X_OK;
                if *after != AfterLoad::Leave {
                    rights |= AccessFlags::W_OK;
                }
                Some(Needed::to_read(name, path).with(rights))
            }
            Location::Url(_) => None,
        });
    }
    needed
}

fn judge(needed: &Needed, hides_home: bool) -> Option<Finding> {
    let path = needed.path.display().to_string();
    let what = &needed.what;
    if let Err(e) = access(&needed.path, needed.rights) {
        return Some(denied(needed, &e.into()));
    }
    if hides_home && UNSEEN.iter().any(|d| needed.path.starts_with(d)) {
        let told = format!("{what}: systemd hides that folder from the service (ProtectHome=yes)");
        let advice = "keep it in /etc/ringcard or /var/lib/ringcard-import";
        return Some(FILES.fail(path, told, advice));
    }
    let mode = std::fs::metadata(&needed.path).ok()?.mode() & 0o777;
    // A directory's world is let in by nothing but the right to enter it.
    let open = match needed.path.is_dir() {
        true => mode & 0o005,
        false => mode & 0o007,
    };
    (needed.is_private && open != 0).then(|| {
        let told = format!("{what}: mode {mode:04o}, so every user of this box may look into it");
        let advice = format!("sudo chmod o= {path}");
        FILES.fail(&*path, told, advice)
    })
}

fn denied(needed: &Needed, error: &io::Error) -> Finding {
    let path = needed.path.display().to_string();
    let what = &needed.what;
    match error.kind() {
        io::ErrorKind::NotFound => {
            let advice = "put it there, or mend the path in the configuration";
            FILES.fail(path, format!("{what}: does not exist"), advice)
        }
        io::ErrorKind::PermissionDenied => {
            let ancestors = needed.path.ancestors().skip(1);
            let shut = ancestors
                .filter(|d| access(*d, AccessFlags::X_OK).is_err())
                .last();
            if let Some(shut) = shut {
                let shut = shut.display();
                let told = format!("{what}: {} may not enter the folder {shut}", me());
                let advice = format!("sudo chgrp {USER} {shut} && sudo chmod g+x {shut}");
                return FILES.fail(path, told, advice);
            }
            let (verb, letters) = match needed.rights.contains(AccessFlags::W_OK) {
                true => ("write", "rwX"),
                false => ("read", "rX"),
            };
            let told = format!("{what}: {} may not {verb} it", me());
            let advice = format!("sudo chgrp {USER} {path} && sudo chmod g+{letters} {path}");
            FILES.fail(path, told, advice)
        }
        _ => {
            let advice = "look at the disk: dmesg, df";
            FILES.fail(path, format!("{what}: {error}"), advice)
        }
    }
}

/// The user that tried.
fn me() -> String {
    let uid = nix::unistd::geteuid();
    match User::from_uid(uid).ok().flatten() {
        Some(user) => format!("the user {}", user.name),
        None => format!("the user {uid}"),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_is_missing_or_open_to_all_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("token");
        let one = || Needed::to_read("token", &file).private();
        let gone = judge(&one(), false).unwrap();
        assert_eq!(gone.what, "token: does not exist");
        std::fs::write(&file, "x").unwrap();
        for (mode, is_fine) in [(0o600, true), (0o640, true), (0o644, false), (0o606, false)] {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(judge(&one(), false).is_none(), is_fine, "{mode:o}");
        }
        let fine = judged(&[Needed::to_read("configuration", &file)], false);
        assert!(
            fine[0]
                .what
                .starts_with("1 file or folder can be used by the user ")
        );
        let hidden = Needed::to_read("source crm", Path::new("/root"));
        assert!(judge(&hidden, true).is_some());
    }
}
