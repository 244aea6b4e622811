//! The disk as the store uses it: databases, and the names they stand under.
//!
//! A trait, so that the tests can lay the same work on a disk that loses power in the middle of anything.
//! What is promised here is what the medium must keep: see "What we need of the medium" in docs/store.md.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use redb::backends::FileBackend;
use redb::{Builder, Database, DatabaseError, ReadOnlyDatabase};

use super::sums::Summed;

pub(super) trait Drive: Send + Sync {
    /// Opens the database of this name, made empty if there is none.
    fn create(&self, path: &Path, builder: &Builder) -> Result<Database, DatabaseError>;

    /// Opens a finished database; where it has checksums at its end, a block that is not as written is no page.
    fn open_read_only(
        &self,
        path: &Path,
        builder: &Builder,
    ) -> Result<ReadOnlyDatabase, DatabaseError>;

    /// Adds to the end of a file that nobody has open, and syncs it.
    fn append(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;

    /// The bytes of a file as they lie there.
    fn read(&self, path: &Path) -> io::Result<Box<dyn Read>>;

    fn length(&self, path: &Path) -> io::Result<u64>;

    fn create_directory(&self, directory: &Path) -> io::Result<()>;

    /// Names in a directory, in no order.
    fn list(&self, directory: &Path) -> io::Result<Vec<String>>;

    /// In one step, and in the place of whatever had the name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a directory outlast a power cut.
    fn sync_directory(&self, directory: &Path) -> io::Result<()>;
}

/// What is there in earnest.
pub(super) struct FileSystem;

impl Drive for FileSystem {
    fn create(&self, path: &Path, builder: &Builder) -> Result<Database, DatabaseError> {
        builder.create(path)
    }

    fn open_read_only(
        &self,
        path: &Path,
        builder: &Builder,
    ) -> Result<ReadOnlyDatabase, DatabaseError> {
        let file = Summed::open(FileBackend::new(File::open(path)?)?)?;
        builder.open_read_only_with_backend(file)
    }

    fn append(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = File::options().append(true).open(path)?;
        file.write_all(bytes)?;
        file.sync_data()
    }

    fn read(&self, path: &Path) -> io::Result<Box<dyn Read>> {
        Ok(Box::new(File::open(path)?))
    }

    fn length(&self, path: &Path) -> io::Result<u64> {
        Ok(fs::metadata(path)?.len())
    }

    fn create_directory(&self, directory: &Path) -> io::Result<()> {
        fs::create_dir_all(directory)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let names = fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name()));
        let names: io::Result<Vec<_>> = names.collect();
        Ok(names?
            .into_iter()
            .filter_map(|n| n.into_string().ok())
            .collect())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        File::open(directory)?.sync_all()
    }
}
