//! A source that is a file, of any format: picked, summed up, read by its format, and put away.
//!
//! It guarantees that
//! - `Ok` means the file was the same from the first byte to the last, and was read to its end;
//! - nothing of a row is in an error or, but for masked examples, in the report.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use tokio_util::sync::CancellationToken;

use super::archive;
use super::array;
use super::csv;
use super::digest::{Digest, Summer};
use super::download::Download;
use super::error::{ReadError, SourceError};
use super::file::{self, Picked, Watch};
use super::header::{COLUMNS, Columns, HeaderError};
use super::json::Extractor;
use super::ndjson;
use super::pass::Pass;
use super::read::{Job, Progress, ReadReport, Taker, Wanted};
use super::rows::{CONTACTS, Rows};
use super::settings::{FileSettings, Format, Location, RecordSettings};
use super::vcard;
use super::xlsx;

/// Read at once from the file; an SD card is slow with small pieces.
pub(super) const READ_BYTES: usize = 64 * 1024;

/// A configured file, or folder of files.
pub struct FileSource {
    settings: FileSettings,
    /// What earlier looks into the folder saw.
    watch: Mutex<Watch>,
    /// A directory of the source's own; it may not be there yet.
    state: PathBuf,
    /// The mapping over JSON records.
    extractor: Option<Arc<Extractor>>,
    pub(super) limit: u64,
}

impl fmt::Debug for FileSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.fmt(f)
    }
}

impl FileSource {
    pub fn new(settings: FileSettings, state: &Path) -> FileSource {
        FileSource {
            settings,
            watch: Mutex::default(),
            state: state.to_owned(),
            extractor: None,
            limit: CONTACTS,
        }
    }

    /// With a mapping over JSON records, which the formats of JSON need.
    pub fn over(self, extractor: Option<Arc<Extractor>>) -> FileSource {
        FileSource { extractor, ..self }
    }

    pub fn is_folder(&self) -> bool {
        matches!(self.settings.location, Location::Folder { .. })
    }

    /// Whether it is asked over the network.
    pub fn is_remote(&self) -> bool {
        matches!(self.settings.location, Location::Url(_))
    }

    pub fn records(&self) -> &RecordSettings {
        &self.settings.records
    }

    /// The file a load would read now. One that a server gives out is fetched first, which `halt` ends.
    pub fn pick(&self, now: SystemTime, halt: &CancellationToken) -> Result<Picked, SourceError> {
        if let Location::Url(web) = &self.settings.location {
            let suffix = self.settings.format.suffix();
            return Download::new(web, &self.state, suffix).pick(halt);
        }
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        file::pick(&self.settings.location, &mut watch, now)
    }

    /// The file loaded last, where loaded files are archived: for a replica that was lost since.
    pub fn pick_archived(&self) -> Result<Picked, SourceError> {
        archive::pick_archived(&self.settings.location)
    }

    /// Archives or leaves a file whose contacts are published, or were already. Nothing is lost if the
    /// power goes before this is called: the file is picked again and its digest is known.
    pub fn settle(&self, picked: &Picked) -> Result<(), SourceError> {
        archive::settle(&self.settings.location, picked)
    }

    /// SHA-256 over the file and all settings that decide how it is read.
    pub fn digest(&self, picked: &Picked) -> Result<Digest, SourceError> {
        let file = picked.open()?;
        let input = self.input(picked, &file);
        input.sum_up()?;
        picked.check_unchanged(&file, input.bytes.get())?;
        Ok(input.sum.into_inner().finish())
    }

    /// Hands each contact to the taker, who may end the read with an error of its own. What it was handed
    /// may be used only once this returns `Ok`.
    pub fn read<E>(
        &self,
        picked: &Picked,
        job: &Job<'_>,
        taker: &mut dyn Taker<Error = E>,
    ) -> Result<ReadReport, ReadError<E>> {
        let file = picked.open()?;
        let input = self.input(picked, &file);
        let mut pass = Pass::new(job, taker, &input.bytes, picked.size());
        let rows = match self.rows(&input, &mut pass) {
            Err(ReadError::Row(e)) => return Err(ReadError::Row(e)),
            // A file that changes meanwhile can look broken in any way: the change is what to say.
            Err(e) => {
                picked.check_unchanged(&file, picked.size())?;
                return Err(e);
            }
            Ok(rows) => rows,
        };
        let digest = match job.wanted {
            Wanted::Few(_) => None,
            _ => {
                picked.check_unchanged(&file, input.bytes.get())?;
                Some(input.sum.into_inner().finish())
            }
        };
        taker.progress(Progress {
            rows: rows.rows,
            bytes_read: picked.size(),
            bytes_total: picked.size(),
        });
        Ok(ReadReport {
            rows_read: rows.rows,
            contacts: rows.contacts,
            rejects: rows.rejects,
            digest,
            as_of: picked.as_of(),
            cursor: None,
            notices: Vec::new(),
        })
    }

    fn rows<'s, E>(
        &'s self,
        input: &Input<'s, '_>,
        pass: &mut Pass<'_, E>,
    ) -> Result<Rows<'s>, ReadError<E>> {
        let extractor = self.extractor.as_deref();
        match (&self.settings.format, extractor) {
            (Format::Csv(format), _) => csv::read(format, input, pass),
            (Format::Xlsx { sheet }, _) => xlsx::read(sheet.as_deref(), input, pass),
            (Format::NdJson, Some(extractor)) => ndjson::read(extractor, input, pass),
            (Format::Json { records }, Some(extractor)) => {
                array::read(records, extractor, input, pass)
            }
            (Format::VCard { encoding }, _) => vcard::read(*encoding, input, pass),
            (Format::NdJson | Format::Json { .. }, None) => Err(SourceError::NothingPicked.into()),
        }
    }

    fn input<'s, 'a>(&'s self, picked: &'a Picked, file: &'a File) -> Input<'s, 'a> {
        Input {
            settings: &self.settings.records,
            limit: self.limit,
            picked,
            file,
            sum: RefCell::new(Summer::new(&self.settings)),
            bytes: Cell::default(),
        }
    }
}

/// One file while it is read.
pub(super) struct Input<'s, 'a> {
    pub(super) settings: &'s RecordSettings,
    pub(super) limit: u64,
    pub(super) picked: &'a Picked,
    pub(super) file: &'a File,
    /// Of what has been read so far, as are the bytes.
    sum: RefCell<Summer>,
    bytes: Cell<u64>,
}

impl<'s> Input<'s, '_> {
    /// The file from where it stands, summed up as it is read.
    pub(super) fn summed(&self) -> Summed<'_> {
        Summed {
            file: self.file.take(self.picked.size()),
            sum: &self.sum,
            bytes: &self.bytes,
        }
    }

    /// Sums up all of a file that is not read from the first byte to the last.
    pub(super) fn sum_up(&self) -> Result<(), SourceError> {
        let copied = io::copy(&mut self.summed(), &mut io::sink());
        self.picked.check_unchanged(self.file, self.bytes.get())?;
        copied.map(drop).map_err(|e| self.io(e))
    }

    /// The rows of a file with a header.
    pub(super) fn rows(&self, columns: Columns) -> Rows<'s> {
        let mut rows = Rows::new(columns, self.settings, self.name());
        rows.limit = self.limit;
        rows
    }

    /// The same of a file whose records have members.
    pub(super) fn rows_of_mapping(&self) -> Rows<'s> {
        let mut rows = Rows::of_mapping(self.settings, self.name());
        rows.limit = self.limit;
        rows
    }

    pub(super) fn name(&self) -> String {
        self.picked.path().display().to_string()
    }

    pub(super) fn header_error(&self, error: HeaderError) -> SourceError {
        self.error(|path| match error {
            HeaderError::ZeroBytes => SourceError::ZeroBytes { path },
            HeaderError::NoHeader => SourceError::NoHeader { path },
            HeaderError::Double(columns) => SourceError::DoubleColumns { path, columns },
            HeaderError::TooManyColumns(columns) => SourceError::TooManyColumns {
                path,
                columns,
                limit: COLUMNS,
            },
            HeaderError::Missing { missing, header } => SourceError::MissingColumns {
                path,
                missing,
                header,
            },
        })
    }

    pub(super) fn error(&self, make: impl FnOnce(PathBuf) -> SourceError) -> SourceError {
        make(self.picked.path().to_owned())
    }

    pub(super) fn io(&self, error: io::Error) -> SourceError {
        SourceError::io("read", self.picked.path(), error)
    }
}

/// Sums up the file as it is read, and ends where the file ended when it was picked: one that grows as
/// fast as it is read would otherwise never end.
pub(super) struct Summed<'a> {
    file: io::Take<&'a File>,
    sum: &'a RefCell<Summer>,
    bytes: &'a Cell<u64>,
}

impl Read for Summed<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(out)?;
        self.sum.borrow_mut().bytes(&out[..read]);
        self.bytes.set(self.bytes.get() + read as u64);
        Ok(read)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::convert::Infallible;
    use std::fs;

    use super::*;
    use crate::domain::contact::Contact;
    use crate::source::read::Raw;

    /// What one read of a file gave.
    #[derive(Debug, Default)]
    pub(in crate::source) struct Taken {
        pub(in crate::source) contacts: Vec<Contact>,
        /// The records as they were shown.
        pub(in crate::source) raw: Vec<String>,
    }

    impl Taker for Taken {
        type Error = Infallible;

        fn raw(&mut self, raw: Raw<'_>) {
            let values = raw
                .values
                .iter()
                .map(|(name, value)| format!("{name}={value}"));
            self.raw.push(values.collect::<Vec<_>>().join(" "));
        }

        fn contact(&mut self, contact: Contact) -> Result<(), Infallible> {
            self.contacts.push(contact);
            Ok(())
        }
    }

    /// Reads a file of these bytes.
    pub(in crate::source) fn read_as(
        format: Format,
        records: RecordSettings,
        bytes: &[u8],
        wanted: Wanted<'_>,
    ) -> Result<(Taken, ReadReport), SourceError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("export");
        fs::write(&path, bytes).unwrap();
        let settings = FileSettings {
            records,
            location: Location::File(path),
            format,
        };
        let extractor = match settings.format.is_json() {
            true => Extractor::new(&settings.records.mapping).ok().map(Arc::new),
            false => None,
        };
        let source = FileSource::new(settings, folder.path()).over(extractor);
        let halt = &CancellationToken::new();
        let picked = source.pick(SystemTime::now(), halt)?;
        let before = source.digest(&picked)?;
        let mut taken = Taken::default();
        let report = source.read(&picked, &Job { wanted, halt }, &mut taken);
        match report {
            Ok(report) => {
                let read = report.digest.unwrap_or(before);
                assert_eq!(read, before, "the digest is known before the read");
                Ok((taken, report))
            }
            Err(ReadError::Source(e)) => Err(e),
        }
    }

    /// The same with each byte of a good file in turn replaced, left out or repeated, as a seed decides: every
    /// read ends, and in an error at worst.
    pub(in crate::source) fn survives_damage(
        format: &Format,
        records: &RecordSettings,
        good: &[u8],
        rounds: usize,
    ) {
        let mut random = fastrand::Rng::with_seed(7);
        let everything = Wanted::Everything { from: None };
        let (mut read, mut refused) = (0, 0);
        for _ in 0..rounds {
            let mut bytes = good.to_vec();
            for _ in 0..random.usize(1..6) {
                let at = random.usize(..bytes.len());
                match random.u8(..4) {
                    0 => bytes[at] = random.u8(..),
                    1 => bytes[at] ^= 1 << random.u8(..8),
                    2 => drop(
                        bytes.drain(at..(at + random.usize(..20)).min(bytes.len() - 1).max(at)),
                    ),
                    _ => {
                        let piece = bytes[at..(at + 30).min(bytes.len())].to_vec();
                        bytes.splice(at..at, piece);
                    }
                }
            }
            match read_as(format.clone(), records.clone(), &bytes, everything) {
                Ok((taken, report)) => {
                    assert_eq!(taken.contacts.len() as u64, report.contacts);
                    read += 1;
                }
                Err(_) => refused += 1,
            }
        }
        assert_eq!(read + refused, rounds);
        assert!(read > 0, "no file was only slightly damaged");
    }
}
