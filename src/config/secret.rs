//! Secrets: read from systemd's credentials or from a file that only its owner can read, never printed.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::reader::Section;

/// Largest secret file; a token has a few hundred characters.
const FILE_BYTES: u64 = 16 << 10;

/// A token or webhook secret. It has no `Display`, and `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The deliberate way out, for the wire.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

pub(super) const ALLOWED: &str = "{ file = \"/etc/ringcard/...\" } or { credential = \"name\" }";

/// The lines of the secret that `key` points to, and their file; every problem is noted, none repeats a secret.
pub(super) fn read(section: &Section<'_>, key: &'static str) -> Option<(Vec<Secret>, PathBuf)> {
    if !section.has(key) {
        return section.missing(key, ALLOWED);
    }
    let path = place(section, key)?;
    section.note_secret(key, &path);
    match lines(&path) {
        Ok(lines) => Some((lines, path)),
        Err(what) => section.wrong_secret(key, what),
    }
}

/// The secrets of a table whose keys are not ours: the first line of each, and its file. Every problem is noted.
pub(super) fn read_each(table: &Section<'_>) -> Vec<(String, Option<(Secret, PathBuf)>)> {
    let read = |(name, section): (String, Option<Section<'_>>)| {
        let path = match section {
            Some(section) => in_table(&section),
            None => Err(IN_FILES.to_owned()),
        };
        let secret = path.and_then(|path| {
            let first = lines(&path)?.into_iter().next();
            table.note_secret(&name, &path);
            let nothing = || format!("{} holds nothing", path.display());
            Ok((first.ok_or_else(nothing)?, path))
        });
        let secret = secret
            .map_err(|what| table.wrong_secret_at(&name, what))
            .ok();
        (name, secret)
    };
    table.free_tables().into_iter().map(read).collect()
}

const IN_FILES: &str = "a secret must not stand in the configuration; put it into a file of mode 0600 and write \
    { file = \"/etc/ringcard/...\" } or { credential = \"name\" }";

fn place(section: &Section<'_>, key: &'static str) -> Option<PathBuf> {
    if section.is_text(key) {
        return section.wrong_secret(key, IN_FILES);
    }
    // Whatever else stands there may be the secret itself: nothing of it is repeated.
    if !section.is_table(key) {
        return section.wrong_secret(key, format!("must be {ALLOWED}"));
    }
    let table = section.section(key)?;
    match in_table(&table) {
        Ok(path) => Some(path),
        Err(what) => section.wrong_secret(key, what),
    }
}

fn in_table(table: &Section<'_>) -> Result<PathBuf, String> {
    match (table.path("file"), table.text("credential")) {
        (Some(path), None) => Ok(path),
        (None, Some(name)) => match std::env::var_os("CREDENTIALS_DIRECTORY") {
            Some(directory) if !name.contains('/') => Ok(PathBuf::from(directory).join(name)),
            Some(_) => Err("a credential's name has no slash".into()),
            None => Err(
                "there are no credentials here: the unit needs LoadCredential= or SetCredential="
                    .into(),
            ),
        },
        _ => Err(format!("must be {ALLOWED}")),
    }
}

/// The lines of a secret's file, at least one; or what is wrong with the file.
pub(super) fn lines(path: &Path) -> Result<Vec<Secret>, String> {
    let shown = path.display();
    let unreadable = |e| format!("{shown} can't be read: {e}");
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if metadata.len() > FILE_BYTES {
        return Err(format!("{shown} is larger than 16 KiB"));
    }
    // A group may be allowed in (0640 root:ringcard is usual); the world may not, and nobody may write.
    let mode = metadata.mode() & 0o777;
    if mode & 0o027 != 0 {
        return Err(format!(
            "{shown} has mode {mode:04o}; nobody else may read it: chmod 0600 (or 0640)"
        ));
    }
    let text = fs::read_to_string(path).map_err(unreadable)?;
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty() && !l.starts_with('#'));
    let lines: Vec<Secret> = lines.map(Secret::new).collect();
    match lines.is_empty() {
        true => Err(format!("{shown} holds nothing")),
        false => Ok(lines),
    }
}
