//! Checksums behind a file of the replica: what redb reads of it is what was written, or no page at all.
//!
//! redb has a checksum of each page, and looks at none once a file was closed well. A page that an SD card has
//! altered since would show a wrong balance, and one wrong bit of a page's address in it makes redb ask for up
//! to 4 GiB of memory. So each block of a finished file has its checksum at the file's end, and is compared
//! with it whenever it is read from the disk.
//!
//! ```text
//! what redb wrote | a CRC-32 of each block (u32) | what redb wrote, in bytes (u64) | MAGIC
//! ```
//!
//! All numbers are little-endian. A file without them is one of an earlier version, and is read as it is.

use std::io::{self, BufReader, Read};

use flate2::Crc;
use redb::StorageBackend;

/// Of redb's own pages, so that most reads are of whole blocks.
pub(super) const BLOCK_BYTES: usize = 4096;
/// Read at once of a file whose checksums are made.
const READ_BYTES: usize = 16 * BLOCK_BYTES;
/// Ends a file that has checksums.
const MAGIC: &[u8] = b"rc-sums1";
const SUM_BYTES: usize = size_of::<u32>();
const LENGTH_BYTES: usize = size_of::<u64>();
/// What redb is given for a page that is not as it was written: no page of any kind begins so, and it stops there. After an
/// error it would read nothing of the file any more, and one bad block would cost all contacts.
const NO_PAGE: u8 = 0xff;
const FOOTER_BYTES: usize = LENGTH_BYTES + MAGIC.len();

/// What a finished file gets behind what it holds.
pub(super) fn trailer(file: impl Read) -> io::Result<Vec<u8>> {
    let mut file = BufReader::with_capacity(READ_BYTES, file);
    let (mut block, mut length, mut trailer) = (Vec::new(), 0_u64, Vec::new());
    loop {
        block.clear();
        let read = file
            .by_ref()
            .take(BLOCK_BYTES as u64)
            .read_to_end(&mut block)?;
        if read > 0 {
            length += read as u64;
            trailer.extend(sum(&block).to_le_bytes());
        }
        if read < BLOCK_BYTES {
            break;
        }
    }
    trailer.extend(length.to_le_bytes());
    trailer.extend(MAGIC);
    Ok(trailer)
}

fn sum(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// A finished file, of which redb sees what it wrote, if it is still that.
#[derive(Debug)]
pub(super) struct Summed<F> {
    file: F,
    /// Of what redb wrote.
    length: u64,
    /// `None`: an earlier version wrote it.
    sums: Option<Vec<u32>>,
}

impl<F: StorageBackend> Summed<F> {
    pub(super) fn open(file: F) -> io::Result<Summed<F>> {
        let whole = file.len()?;
        let sums = sums_of(&file, whole)?;
        let (length, sums) = match sums {
            Some((length, sums)) => (length, Some(sums)),
            None => (whole, None),
        };
        Ok(Summed { file, length, sums })
    }
}

/// How much redb wrote, and the checksums of that, if there are any.
fn sums_of(file: &impl StorageBackend, whole: u64) -> io::Result<Option<(u64, Vec<u32>)>> {
    let Some(footer_at) = whole.checked_sub(FOOTER_BYTES as u64) else {
        return Ok(None);
    };
    let mut footer = [0; FOOTER_BYTES];
    file.read(footer_at, &mut footer)?;
    let Some((length, MAGIC)) = footer.split_first_chunk::<LENGTH_BYTES>() else {
        return Ok(None);
    };
    let length = u64::from_le_bytes(*length);
    let bytes = length.div_ceil(BLOCK_BYTES as u64) * SUM_BYTES as u64;
    // What the file says of itself is bounded by what it is, so nothing larger is ever asked for.
    if length.checked_add(bytes) != Some(footer_at) {
        return Err(not_ours());
    }
    let mut sums = vec![0; usize::try_from(bytes).map_err(|_| not_ours())?];
    file.read(length, &mut sums)?;
    // A checksum that has gone bad is one of a block that can't be read: it has none of its own.
    let sums = sums.as_chunks::<SUM_BYTES>().0;
    let sums = sums.iter().map(|sum| u32::from_le_bytes(*sum));
    Ok(Some((length, sums.collect())))
}

/// Whether these are still the blocks from `first` on, all of them whole but for the last of the file.
fn is_as_written(first: usize, bytes: &[u8], sums: &[u32]) -> bool {
    let blocks = bytes.chunks(BLOCK_BYTES).enumerate();
    let mut differs = blocks.map(|(at, block)| sums.get(first + at) != Some(&sum(block)));
    !differs.any(|differs| differs)
}

fn not_ours() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "its length is not what was written",
    )
}

fn read_only() -> io::Error {
    io::Error::new(
        io::ErrorKind::ReadOnlyFilesystem,
        "a generation never changes",
    )
}

impl<F: StorageBackend> StorageBackend for Summed<F> {
    fn len(&self) -> io::Result<u64> {
        Ok(self.length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let Some(sums) = &self.sums else {
            return self.file.read(offset, out);
        };
        let block = BLOCK_BYTES as u64;
        let end = offset.checked_add(out.len() as u64);
        let end = end.filter(|end| *end <= self.length);
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        let first = offset / block;
        let at = usize::try_from(first).map_err(|_| not_ours())?;
        let start = first * block;
        let whole_end = self.length.min(end.next_multiple_of(block));
        if (start, whole_end) == (offset, end) {
            self.file.read(offset, out)?;
            if !is_as_written(at, out, sums) {
                out.fill(NO_PAGE);
            }
            return Ok(());
        }
        // redb's header, which is a part of a block.
        let mut whole = vec![0; (whole_end - start) as usize];
        self.file.read(start, &mut whole)?;
        if !is_as_written(at, &whole, sums) {
            whole.fill(NO_PAGE);
        }
        let inside = (offset - start) as usize;
        out.copy_from_slice(&whole[inside..inside + out.len()]);
        Ok(())
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        Err(read_only())
    }

    fn sync_data(&self) -> io::Result<()> {
        Err(read_only())
    }

    fn write(&self, _: u64, _: &[u8]) -> io::Result<()> {
        Err(read_only())
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }
}

/// As an earlier version would have left the file.
#[cfg(test)]
pub(super) fn take_off(path: &std::path::Path) {
    let bytes = std::fs::read(path).unwrap();
    let footer = bytes.last_chunk::<FOOTER_BYTES>().unwrap();
    let (length, _) = footer.split_first_chunk().unwrap();
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_len(u64::from_le_bytes(*length)).unwrap();
}

#[cfg(test)]
mod tests;
