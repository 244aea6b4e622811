//! A disk for tests: it can lose its power at any operation, be full, fail, stall, lie, and counts what it is
//! asked to write.
//!
//! It keeps a log of all operations. What a power cut after any of them may leave is made from the log: all that
//! was synced, and of the rest none, all, or some sectors and some names, in no order.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use redb::{Builder, Database, DatabaseError, ReadOnlyDatabase, StorageBackend};

use super::drive::Drive;
use super::sums::Summed;

mod cuts;

pub(super) use cuts::Cuts;

/// What a file system gives to a file at a time.
const BLOCK: u64 = 4096;

/// In the last byte of a page's address (redb's docs/design.md): that it is one of 2^18 pages.
pub(super) const LARGE_PAGE: u8 = 18 << 3;

/// What is wrong with a disk, or with whoever uses it: what a test must find.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Fault {
    #[default]
    None,
    /// It says that it has synced, and has not.
    Lies,
    /// A file gets its last name when it is begun, not when it is whole.
    NamesFirst,
}

#[derive(Clone, Debug)]
enum Op {
    Write(u64, usize, Vec<u8>),
    Length(u64, usize),
    Sync(u64),
    Name(Naming),
    SyncNames,
}

#[derive(Clone, Debug)]
enum Naming {
    Link(PathBuf, u64),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

impl Naming {
    fn apply(&self, names: &mut BTreeMap<PathBuf, u64>) {
        match self {
            Naming::Link(path, file) => drop(names.insert(path.clone(), *file)),
            Naming::Rename(from, to) => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
            Naming::Remove(path) => drop(names.remove(path)),
        }
    }
}

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<u64, Vec<u8>>,
    names: BTreeMap<PathBuf, u64>,
    log: Vec<Op>,
    fault: Fault,
    written: Written,
    /// Blocks that may be used, and those that are.
    room: Option<usize>,
    used: BTreeSet<(u64, u64)>,
    /// Every operation fails so.
    error: Option<nix::errno::Errno>,
    stalled: bool,
    largest_read: usize,
}

/// What was asked of the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Written {
    pub(super) bytes: u64,
    pub(super) syncs: u64,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Platter {
    state: Arc<Mutex<State>>,
    goes_on: Arc<Condvar>,
}

impl Platter {
    pub(super) fn with(fault: Fault) -> Platter {
        let platter = Platter::default();
        platter.lock().fault = fault;
        platter
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// An operation that changes something.
    fn operate(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.lock();
        match state.error {
            Some(errno) => Err(errno.into()),
            None => Ok(state),
        }
    }

    fn open(&self, path: &Path) -> io::Result<Open> {
        let state = self.operate()?;
        let file = *state.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        drop(state);
        Ok(Open(self.clone(), file))
    }

    pub(super) fn put(&self, path: &Path, bytes: Vec<u8>) {
        let mut state = self.lock();
        let file = state.files.len() as u64;
        state.files.insert(file, bytes);
        state.names.insert(path.into(), file);
    }

    pub(super) fn bytes(&self, path: &Path) -> Vec<u8> {
        let state = self.lock();
        state.files[&state.names[path]].clone()
    }

    /// The most bytes that were asked for at once.
    pub(super) fn largest_read(&self) -> usize {
        self.lock().largest_read
    }

    /// Where the address of a single page in a file may have its last byte.
    pub(super) fn page_sizes(bytes: &[u8]) -> impl Iterator<Item = usize> {
        let words = bytes.windows(8).enumerate();
        let addresses = words.filter(|(_, word)| word[0] != 0 && word[3..] == [0; 5]);
        addresses.map(|(at, _)| at + 7)
    }

    pub(super) fn written(&self) -> Written {
        self.lock().written
    }

    pub(super) fn fail(&self, error: Option<nix::errno::Errno>) {
        self.lock().error = error;
    }

    /// Leaves room for so many more blocks.
    pub(super) fn leave_room(&self, blocks: Option<usize>) {
        let mut state = self.lock();
        state.room = blocks.map(|blocks| state.used.len() + blocks);
    }

    pub(super) fn stall(&self, stalled: bool) {
        self.lock().stalled = stalled;
        self.goes_on.notify_all();
    }

    pub(super) fn operations(&self) -> usize {
        self.lock().log.len()
    }
}

/// One file of it, as redb uses it.
#[derive(Debug)]
struct Open(Platter, u64);

impl StorageBackend for Open {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().files[&self.1].len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let (mut state, start) = (self.0.operate()?, offset as usize);
        state.largest_read = state.largest_read.max(out.len());
        let bytes = state.files[&self.1].get(start..start + out.len());
        out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut state = self.0.operate()?;
        let (file, length) = (self.1, length as usize);
        state.files.get_mut(&file).unwrap().resize(length, 0);
        let end = (length as u64).div_ceil(BLOCK);
        state.used.retain(|(f, block)| *f != file || *block < end);
        state.log.push(Op::Length(file, length));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let state = self.0.operate()?;
        let mut state = self.0.goes_on.wait_while(state, |s| s.stalled).unwrap();
        state.written.syncs += 1;
        if state.fault != Fault::Lies {
            state.log.push(Op::Sync(self.1));
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.0.operate()?;
        let (file, start) = (self.1, offset as usize);
        let end = offset + data.len() as u64;
        let blocks = (offset / BLOCK..end.div_ceil(BLOCK)).map(|block| (file, block));
        let new: Vec<_> = blocks.filter(|b| !state.used.contains(b)).collect();
        if state
            .room
            .is_some_and(|room| state.used.len() + new.len() > room)
        {
            return Err(nix::errno::Errno::ENOSPC.into());
        }
        state.used.extend(new);
        state.written.bytes += data.len() as u64;
        let bytes = state.files.get_mut(&file).unwrap();
        bytes[start..start + data.len()].copy_from_slice(data);
        state.log.push(Op::Write(file, start, data.to_vec()));
        Ok(())
    }
}

impl Drive for Platter {
    fn create(&self, path: &Path, builder: &Builder) -> Result<Database, DatabaseError> {
        let mut state = self.operate()?;
        let file = match state.names.get(path) {
            Some(file) => *file,
            None => {
                let file = state.files.len() as u64;
                state.files.insert(file, Vec::new());
                let early = state.fault == Fault::NamesFirst;
                let is_base = path.extension().is_some_and(|e| e == "partial");
                let ending = if is_base { "redb" } else { "increment" };
                let last = early.then(|| path.with_extension(ending));
                for path in [Some(path.to_owned()), last].into_iter().flatten() {
                    state.names.insert(path.clone(), file);
                    state.log.push(Op::Name(Naming::Link(path, file)));
                }
                file
            }
        };
        drop(state);
        builder.create_with_backend(Open(self.clone(), file))
    }

    fn open_read_only(
        &self,
        path: &Path,
        builder: &Builder,
    ) -> Result<ReadOnlyDatabase, DatabaseError> {
        builder.open_read_only_with_backend(Summed::open(self.open(path)?)?)
    }

    fn append(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let file = self.open(path)?;
        let end = file.len()?;
        file.set_len(end + bytes.len() as u64)?;
        file.write(end, bytes)?;
        file.sync_data()
    }

    fn read(&self, path: &Path) -> io::Result<Box<dyn Read>> {
        Ok(Box::new(io::Cursor::new(self.bytes(path))))
    }

    fn length(&self, path: &Path) -> io::Result<u64> {
        let state = self.operate()?;
        let file = state.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(state.files[file].len() as u64)
    }

    fn create_directory(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let state = self.operate()?;
        let inside = state.names.keys().filter(|p| p.parent() == Some(directory));
        let names = inside.filter_map(|p| p.file_name()?.to_str());
        Ok(names.map(str::to_owned).collect())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.operate()?;
        let naming = Naming::Rename(from.into(), to.into());
        if !state.names.contains_key(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        naming.apply(&mut state.names);
        state.log.push(Op::Name(naming));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.operate()?;
        let file = state.names.remove(path).ok_or(io::ErrorKind::NotFound)?;
        state.used.retain(|(f, _)| *f != file);
        state.log.push(Op::Name(Naming::Remove(path.into())));
        Ok(())
    }

    fn sync_directory(&self, _: &Path) -> io::Result<()> {
        self.operate()?.log.push(Op::SyncNames);
        Ok(())
    }
}
