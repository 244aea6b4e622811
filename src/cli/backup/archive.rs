//! The file of a backup: written in one go, and read without believing a word of it before its sum is right.
//!
//! ```text
//! ringcard-backup
//! {"format":1,"ringcard":"0.1.0","sealed":{"salt":"…","rounds":600000}}
//! {"made":"…","members":[{"name":"configuration","bytes":2048,"sha256":"…","mode":416,"owner":"root"},…]}
//! the members' bytes, one after the other, and the SHA-256 of everything before it, 32 bytes
//! ```
//!
//! From the third line on it is sealed where there is a passphrase (`seal`); else `sealed` is null. A member is as
//! long as the list says and has the sum that it says; nothing is compressed, so nothing is larger than the file.

use std::io::{self, BufRead, BufReader, Read, Write};

use jiff::Timestamp;
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use super::names::Place;
use super::seal::{NotOpened, Opener, Sealer, Sealing};

/// The form of the file. Raised, it needs a file of it in tests/data/formats.
pub(super) const FORMAT: u32 = 1;
const MAGIC: &str = "ringcard-backup\n";
/// Ours has some 150 bytes.
const HEADER_BYTES: u64 = 4 << 10;
/// A member takes some 200 bytes of it.
const MANIFEST_BYTES: u64 = 4 << 20;
/// Sixteen sources with their generations, 32 accounts with theirs, and own connectors, many times over.
const MEMBERS: usize = 2_000;
const CHUNK_BYTES: usize = 64 << 10;
const SUM_BYTES: usize = 32;

#[derive(Debug, thiserror::Error)]
pub(super) enum ArchiveError {
    #[error("it is no backup of Ringcard")]
    Foreign,
    #[error(
        "it was made by Ringcard {made_by}, and this is {}: install that version here first, or a newer one",
        env!("CARGO_PKG_VERSION")
    )]
    Newer { made_by: String },
    #[error("it is sealed with a passphrase: give it with --passphrase-file FILE")]
    Sealed,
    #[error("the passphrase is wrong, or the file is damaged")]
    NotOpened,
    #[error("it is damaged: {0}")]
    Damaged(String),
    #[error("it can't be read")]
    Read(#[source] io::Error),
    #[error("{name} can't be taken out of it")]
    Take { name: String, source: io::Error },
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Header {
    format: u32,
    ringcard: String,
    sealed: Option<Sealing>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    pub(super) made: Timestamp,
    pub(super) members: Vec<Member>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) sha256: String,
    pub(super) mode: u32,
    pub(super) owner: Owner,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Owner {
    Root,
    Service,
}

impl Manifest {
    pub(super) fn bytes(&self) -> u64 {
        self.members.iter().map(|m| m.bytes).sum()
    }
}

/// Counts everything into one sum on its way.
struct Summed<T> {
    inner: T,
    sum: Context,
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.sum.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<R: Read> Read for Summed<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.sum.update(&into[..read]);
        Ok(read)
    }
}

/// Writes a backup. `copy` writes the bytes of the member with this number, which must be those that its sum was
/// made of.
pub(super) fn write<W: Write>(
    mut out: W,
    passphrase: Option<&str>,
    manifest: &Manifest,
    copy: impl FnMut(usize, &mut dyn Write) -> io::Result<()>,
) -> io::Result<W> {
    let sealed = passphrase.map(|_| Sealing::new()).transpose()?;
    let header = Header {
        format: FORMAT,
        ringcard: env!("CARGO_PKG_VERSION").into(),
        sealed,
    };
    let mut head = MAGIC.as_bytes().to_vec();
    head.extend(serde_json::to_vec(&header)?);
    head.push(b'\n');
    out.write_all(&head)?;
    match (passphrase, &header.sealed) {
        (Some(passphrase), Some(sealing)) => {
            let sealer = Sealer::new(out, sealing.key(passphrase, &head)?);
            write_inside(sealer, &head, manifest, copy)?.finish()
        }
        _ => write_inside(out, &head, manifest, copy),
    }
}

fn write_inside<W: Write>(
    out: W,
    head: &[u8],
    manifest: &Manifest,
    mut copy: impl FnMut(usize, &mut dyn Write) -> io::Result<()>,
) -> io::Result<W> {
    let mut sum = Context::new(&SHA256);
    sum.update(head);
    let mut out = Summed { inner: out, sum };
    serde_json::to_writer(&mut out, manifest)?;
    out.write_all(b"\n")?;
    for (n, member) in manifest.members.iter().enumerate() {
        let mut one = Summed {
            inner: &mut out,
            sum: Context::new(&SHA256),
        };
        copy(n, &mut one)?;
        if hex(one.sum.finish().as_ref()) != member.sha256 {
            let words = format!("{} changed while it was read; try again", member.name);
            return Err(io::Error::other(words));
        }
    }
    let Summed { mut inner, sum } = out;
    inner.write_all(sum.finish().as_ref())?;
    Ok(inner)
}

/// Gets each member's bytes, in their order.
pub(super) type Take<'t> = dyn FnMut(&Member, &Place, &mut dyn Read) -> io::Result<()> + 't;

/// Whether its head says that it is sealed.
pub(super) fn is_sealed(file: impl Read) -> Result<bool, ArchiveError> {
    let (_, header) = header(&mut BufReader::new(file))?;
    Ok(header.sealed.is_some())
}

/// Reads a backup to its end: each member's bytes go to `take`, and are right only if this ends well.
pub(super) fn read(
    file: impl Read,
    passphrase: Option<&str>,
    take: &mut Take<'_>,
) -> Result<Manifest, ArchiveError> {
    let mut file = BufReader::with_capacity(CHUNK_BYTES, file);
    let (head, header) = header(&mut file)?;
    match header.sealed {
        None => read_inside(file, &head, take),
        Some(sealing) => {
            let passphrase = passphrase.ok_or(ArchiveError::Sealed)?;
            let key = sealing.key(passphrase, &head);
            let key = key.map_err(|_| ArchiveError::Damaged("its head is not ours".into()))?;
            read_inside(Opener::new(file, key), &head, take)
        }
    }
}

fn header(file: &mut impl BufRead) -> Result<(Vec<u8>, Header), ArchiveError> {
    let mut head = Vec::new();
    let mut magic = file.take(MAGIC.len() as u64);
    magic.read_to_end(&mut head).map_err(ArchiveError::Read)?;
    if head != MAGIC.as_bytes() {
        return Err(ArchiveError::Foreign);
    }
    let mut line = Vec::new();
    let mut rest = file.take(HEADER_BYTES);
    rest.read_until(b'\n', &mut line)
        .map_err(ArchiveError::Read)?;
    let json: serde_json::Value = serde_json::from_slice(&line)
        .map_err(|_| ArchiveError::Damaged("its head can't be understood".into()))?;
    let made_by = || {
        let version = json["ringcard"].as_str().unwrap_or("of a later version");
        version
            .chars()
            .filter(|c| !c.is_control())
            .take(20)
            .collect::<String>()
    };
    if json["format"]
        .as_u64()
        .is_some_and(|format| format > FORMAT.into())
    {
        return Err(ArchiveError::Newer { made_by: made_by() });
    }
    let header: Header = serde_json::from_value(json.clone())
        .map_err(|_| ArchiveError::Damaged("its head can't be understood".into()))?;
    if is_newer(&header.ringcard, env!("CARGO_PKG_VERSION")) {
        return Err(ArchiveError::Newer { made_by: made_by() });
    }
    head.extend(line);
    Ok((head, header))
}

/// State that a later version wrote may be in it.
fn is_newer(version: &str, than: &str) -> bool {
    let parts = |text: &str| -> Vec<u64> {
        let numbers = text.split(['-', '+']).next().unwrap_or(text).split('.');
        numbers.map(|n| n.parse().unwrap_or(u64::MAX)).collect()
    };
    parts(version) > parts(than)
}

fn read_inside(
    file: impl Read,
    head: &[u8],
    take: &mut Take<'_>,
) -> Result<Manifest, ArchiveError> {
    let mut sum = Context::new(&SHA256);
    sum.update(head);
    let mut file = Summed {
        inner: BufReader::with_capacity(CHUNK_BYTES, file),
        sum,
    };
    let (manifest, places) = manifest(&mut file)?;
    for (member, place) in manifest.members.iter().zip(&places) {
        let mut one = Summed {
            inner: file.by_ref().take(member.bytes),
            sum: Context::new(&SHA256),
        };
        take(member, place, &mut one).map_err(|source| taken(&member.name, source))?;
        io::copy(&mut one, &mut io::sink()).map_err(damaged)?;
        let is_whole = one.inner.limit() == 0 && hex(one.sum.finish().as_ref()) == member.sha256;
        if !is_whole {
            let words = format!("{} is not what the list says", member.name);
            return Err(ArchiveError::Damaged(words));
        }
    }
    let Summed { mut inner, sum } = file;
    let mut stated = Vec::new();
    let mut end = inner.by_ref().take(SUM_BYTES as u64 + 1);
    end.read_to_end(&mut stated).map_err(damaged)?;
    match stated == sum.finish().as_ref() {
        true => Ok(manifest),
        false => Err(ArchiveError::Damaged(
            "its sum is wrong, or it is cut short".into(),
        )),
    }
}

fn manifest(
    file: &mut Summed<BufReader<impl Read>>,
) -> Result<(Manifest, Vec<Place>), ArchiveError> {
    let mut line = Vec::new();
    let mut first = file.inner.by_ref().take(MANIFEST_BYTES);
    first.read_until(b'\n', &mut line).map_err(damaged)?;
    file.sum.update(&line);
    let odd = |what: &str| ArchiveError::Damaged(format!("its list {what}"));
    let manifest: Manifest =
        serde_json::from_slice(&line).map_err(|_| odd("can't be understood"))?;
    if manifest.members.len() > MEMBERS {
        return Err(odd("names too much"));
    }
    let mut places: Vec<Place> = Vec::new();
    for member in &manifest.members {
        match Place::parse(&member.name) {
            None => return Err(odd("names what no office has")),
            Some(place) if places.contains(&place) => return Err(odd("names one file twice")),
            Some(place) => places.push(place),
        }
    }
    let total = manifest
        .members
        .iter()
        .try_fold(0_u64, |sum, m| sum.checked_add(m.bytes));
    match places.first() {
        Some(Place::Configuration) if total.is_some() => Ok((manifest, places)),
        _ => Err(odd("does not begin with the configuration")),
    }
}

fn taken(name: &str, source: io::Error) -> ArchiveError {
    match source.kind() {
        io::ErrorKind::InvalidData => damaged(source),
        _ => ArchiveError::Take {
            name: name.into(),
            source,
        },
    }
}

fn damaged(source: io::Error) -> ArchiveError {
    if source.get_ref().is_some_and(|e| e.is::<NotOpened>()) {
        return ArchiveError::NotOpened;
    }
    match source.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
            ArchiveError::Damaged(source.to_string())
        }
        _ => ArchiveError::Read(source),
    }
}

/// The sum and the length of what is read.
pub(super) fn sum_of(from: &mut impl Read) -> io::Result<(String, u64)> {
    let mut summed = Summed {
        inner: from,
        sum: Context::new(&SHA256),
    };
    let bytes = io::copy(&mut summed, &mut io::sink())?;
    Ok((hex(summed.sum.finish().as_ref()), bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
