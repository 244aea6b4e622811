//! What an office is made of, found and held open: from then on nothing that changes on the disk changes it.
//!
//! Small files are read at once. Generations of copies never change, and one that is removed meanwhile can still be
//! read. The outbox has one writer: a daemon that runs is asked what is in it, and else its file is locked.

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::archive::{Member, Owner, sum_of};
use super::names::{Place, is_generation};
use super::rights::Rights;
use crate::cli::ports;
use crate::config::{CONNECTORS_DIRECTORY, Config, DEFAULT_PATH, Named};
use crate::store::StateLock;
use crate::store::outbox::{Entry, write_copy};
use crate::system::control::{ControlError, Request, ask};

/// Largest file that is no copy and no outbox: a chain of certificates has 8 kB.
const SMALL_BYTES: u64 = 4 << 20;
/// A source may publish while its copies are listed.
const LISTINGS: usize = 3;

#[derive(Debug, thiserror::Error)]
pub(super) enum GatherError {
    #[error("{0}")]
    Configuration(String),
    #[error("{path} can't be read")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path} is larger than 4 MiB, which nothing of that kind is")]
    TooLarge { path: PathBuf },
    #[error("{path} has a name that no backup can hold")]
    Name { path: PathBuf },
    #[error("the daemon does not tell its outbox")]
    Ask(#[source] ControlError),
    #[error("it is not asked for its outbox, since it does not answer, and works all the same")]
    Lock(#[source] crate::store::LockError),
    #[error("the copies of {directory} change too fast")]
    Restless { directory: PathBuf },
}

/// How much comes along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    WithReplica,
    WithoutReplica,
}

enum Content {
    Bytes(Vec<u8>),
    Open(File),
}

pub(super) struct Found {
    pub(super) members: Vec<Member>,
    content: Vec<Content>,
    /// What can't come along, for a person to see to.
    pub(super) credentials: Vec<String>,
    pub(super) has_rotating_tokens: bool,
    rights: Rights,
    _lock: Option<StateLock>,
    _scratch: Option<TempDir>,
}

impl Found {
    pub(super) async fn of(config: &Path, extent: Extent) -> Result<Found, GatherError> {
        let (text, named) = Config::named_by(config).map_err(GatherError::Configuration)?;
        let state = Config::state_directory_of(config);
        let rights = Rights::of(&state, false).map_err(GatherError::Configuration)?;
        let outbox = outbox_of(config).await?;
        let mut found = Found {
            members: Vec::new(),
            content: Vec::new(),
            credentials: named.credentials.clone(),
            has_rotating_tokens: false,
            rights,
            _lock: None,
            _scratch: None,
        };
        let scratch = found.take_outbox(outbox, &state)?;
        // First in the file, whatever was found first.
        let owner = metadata(config)?;
        found.put(
            0,
            Place::Configuration,
            Content::Bytes(text.into_bytes()),
            &owner,
        )?;
        found.take_configured(config, &named)?;
        let state = rights.as_service(|| found.take_state(&state, extent));
        state?;
        if config == Path::new(DEFAULT_PATH) {
            let held = ports::held(Path::new(ports::DROP_INS));
            if !held.is_empty() {
                let text = held.join("\n").into_bytes();
                found.put(
                    found.members.len(),
                    Place::Ports,
                    Content::Bytes(text),
                    &owner,
                )?;
            }
        }
        found._scratch = scratch;
        Ok(found)
    }

    /// Writes the bytes of a member.
    pub(super) fn copy(&mut self, n: usize, out: &mut dyn Write) -> io::Result<()> {
        match &mut self.content[n] {
            Content::Bytes(bytes) => out.write_all(bytes),
            Content::Open(file) => {
                file.rewind()?;
                io::copy(file, out).map(drop)
            }
        }
    }

    fn put(
        &mut self,
        at: usize,
        place: Place,
        mut content: Content,
        metadata: &fs::Metadata,
    ) -> Result<(), GatherError> {
        let path = || PathBuf::from(format!("{place:?}"));
        let name = place
            .name()
            .ok_or_else(|| GatherError::Name { path: path() })?;
        let sum = match &mut content {
            Content::Bytes(bytes) => sum_of(&mut bytes.as_slice()),
            Content::Open(file) => sum_of(file),
        };
        let (sha256, bytes) = sum.map_err(|source| GatherError::Read {
            path: path(),
            source,
        })?;
        let member = Member {
            name,
            bytes,
            sha256,
            mode: metadata.mode() & 0o777,
            owner: match metadata.uid() {
                0 => Owner::Root,
                _ => Owner::Service,
            },
        };
        self.members.insert(at, member);
        self.content.insert(at, content);
        Ok(())
    }

    fn put_small(&mut self, place: Place, path: &Path) -> Result<(), GatherError> {
        let read = |source| GatherError::Read {
            path: path.into(),
            source,
        };
        let file = File::open(path).map_err(read)?;
        let metadata = file.metadata().map_err(read)?;
        let mut bytes = Vec::new();
        file.take(SMALL_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(read)?;
        if bytes.len() as u64 > SMALL_BYTES {
            return Err(GatherError::TooLarge { path: path.into() });
        }
        self.put(self.members.len(), place, Content::Bytes(bytes), &metadata)
    }

    fn put_open(&mut self, place: Place, file: File, path: &Path) -> Result<(), GatherError> {
        let metadata = file.metadata().map_err(|source| GatherError::Read {
            path: path.into(),
            source,
        })?;
        self.put(self.members.len(), place, Content::Open(file), &metadata)
    }

    /// What the daemon said is written into a file of its own, or the file is taken as it is.
    fn take_outbox(
        &mut self,
        told: Option<Vec<Entry>>,
        state: &Path,
    ) -> Result<Option<TempDir>, GatherError> {
        let place = || Place::State("outbox.redb".into());
        let Some(entries) = told else {
            let lock = self.rights.as_service(|| StateLock::take_existing(state));
            self._lock = lock.map_err(GatherError::Lock)?;
            let path = state.join("outbox.redb");
            match self.rights.as_service(|| File::open(&path)) {
                Ok(file) => self.put_open(place(), file, &path)?,
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(GatherError::Read { path, source }),
            }
            return Ok(None);
        };
        let failed = |source| GatherError::Read {
            path: state.join("outbox.redb"),
            source,
        };
        let scratch = tempfile::tempdir().map_err(failed)?;
        let path = scratch.path().join("outbox.redb");
        write_copy(&path, entries).map_err(failed)?;
        let file = File::open(&path).map_err(failed)?;
        self.put_open(place(), file, &path)?;
        // It was written by this user, but is the service's.
        if let Some(member) = self.members.last_mut() {
            (member.owner, member.mode) = (Owner::Service, 0o600);
        }
        Ok(Some(scratch))
    }

    /// Secrets, certificates, own connectors. The service can read them, so nobody else's rights are needed.
    fn take_configured(&mut self, config: &Path, named: &Named) -> Result<(), GatherError> {
        let directory = config.parent().unwrap_or(Path::new("."));
        let mut files = named.files.clone();
        let own = fs::read_dir(directory.join(CONNECTORS_DIRECTORY))
            .into_iter()
            .flatten();
        let own = own.flatten().map(|entry| entry.path());
        files.extend(own.filter(|path| path.extension().is_some_and(|e| e == "toml")));
        let rights = self.rights;
        for path in files {
            let place = match path.strip_prefix(directory) {
                Ok(beside) => Place::Beside(beside.into()),
                Err(_) => Place::Elsewhere(path.strip_prefix("/").unwrap_or(&path).into()),
            };
            if place.name().is_none() {
                return Err(GatherError::Name { path });
            }
            rights.as_service(|| self.put_small(place, &path))?;
        }
        Ok(())
    }

    fn take_state(&mut self, state: &Path, extent: Extent) -> Result<(), GatherError> {
        for name in ["callers", "self-signed.crt", "self-signed.key"] {
            let path = state.join(name);
            if path.is_file() {
                self.put_small(Place::State(name.into()), &path)?;
            }
        }
        for path in list(&state.join("source/.refresh-tokens"))? {
            let path = path.join("refresh-token");
            if path.is_file()
                && let Ok(within) = path.strip_prefix(state)
            {
                self.put_small(Place::State(within.into()), &path)?;
                self.has_rotating_tokens = true;
            }
        }
        if extent == Extent::WithReplica {
            for directory in list(&state.join("replica"))? {
                for (path, file) in generations(&directory)? {
                    let within = path.strip_prefix(state).unwrap_or(&path);
                    self.put_open(Place::State(within.into()), file, &path)?;
                }
            }
        }
        Ok(())
    }
}

/// What the running daemon has; `None` if none runs.
async fn outbox_of(config: &Path) -> Result<Option<Vec<Entry>>, GatherError> {
    let socket = Config::control_socket_of(config);
    let socket = socket.map_err(|e| GatherError::Configuration(e.to_string()))?;
    match ask(&socket, &Request::OutboxList, |_| {}).await {
        Ok(entries) => Ok(Some(entries)),
        Err(ControlError::NotRunning { .. }) => Ok(None),
        Err(e) => Err(GatherError::Ask(e)),
    }
}

fn metadata(path: &Path) -> Result<fs::Metadata, GatherError> {
    fs::metadata(path).map_err(|source| GatherError::Read {
        path: path.into(),
        source,
    })
}

/// What is in a directory, in order; nothing if it is not there.
fn list(directory: &Path) -> Result<Vec<PathBuf>, GatherError> {
    let listed = fs::read_dir(directory).and_then(|entries| {
        entries
            .map(|entry| Ok(entry?.path()))
            .collect::<io::Result<Vec<_>>>()
    });
    match listed {
        Ok(mut paths) => {
            paths.sort();
            Ok(paths)
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(source) => Err(GatherError::Read {
            path: directory.into(),
            source,
        }),
    }
}

/// The finished generations of one source, open: all that there were at one time.
fn generations(directory: &Path) -> Result<Vec<(PathBuf, File)>, GatherError> {
    'listing: for _ in 0..LISTINGS {
        let mut open = Vec::new();
        for path in list(directory)? {
            let name = path.file_name().and_then(|name| name.to_str());
            if !name.is_some_and(is_generation) {
                continue;
            }
            match File::open(&path) {
                Ok(file) => open.push((path, file)),
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue 'listing,
                Err(source) => return Err(GatherError::Read { path, source }),
            }
        }
        return Ok(open);
    }
    Err(GatherError::Restless {
        directory: directory.into(),
    })
}
