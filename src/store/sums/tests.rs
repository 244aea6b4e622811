//! What is read of a file with checksums, whatever has become of its bytes.

use redb::backends::InMemoryBackend;

use super::*;

const LAST: usize = 100;

/// Two whole blocks and a part of one.
fn content() -> Vec<u8> {
    (0..2 * BLOCK_BYTES + LAST)
        .map(|at| (at % 251) as u8)
        .collect()
}

fn summed() -> Vec<u8> {
    let mut bytes = content();
    let trailer = trailer(&*bytes).unwrap();
    bytes.extend(trailer);
    bytes
}

fn open(bytes: &[u8]) -> io::Result<Summed<InMemoryBackend>> {
    let file = InMemoryBackend::new();
    file.set_len(bytes.len() as u64)?;
    file.write(0, bytes)?;
    Summed::open(file)
}

fn read(file: &Summed<InMemoryBackend>, at: usize, length: usize) -> io::Result<Vec<u8>> {
    let mut out = vec![0; length];
    file.read(at as u64, &mut out)?;
    Ok(out)
}

#[test]
fn what_was_written_is_read_at_any_place() {
    let (content, file) = (content(), open(&summed()).unwrap());
    assert_eq!(file.len().unwrap(), content.len() as u64);
    for at in [0, 1, 100, 4095, 4096, 4097, 8191, 8192, 8200] {
        for length in [0, 1, 2, 92, 320, 4095, 4096, 4097, 8192] {
            let Some(expected) = content.get(at..at + length) else {
                let beyond = read(&file, at, length).unwrap_err();
                assert_eq!(beyond.kind(), io::ErrorKind::UnexpectedEof, "{at} {length}");
                continue;
            };
            assert_eq!(read(&file, at, length).unwrap(), expected, "{at} {length}");
        }
    }
    assert!(read(&file, usize::MAX, 2).is_err());
}

#[test]
fn a_block_with_a_changed_bit_is_no_page() {
    let (content, whole) = (content(), summed());
    let (length_at, magic_at) = (whole.len() - FOOTER_BYTES, whole.len() - MAGIC.len());
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1 << (at % 8);
        let file = match open(&changed) {
            Ok(file) => file,
            Err(e) => {
                assert_eq!(e.kind(), io::ErrorKind::InvalidData);
                assert!((length_at..magic_at).contains(&at), "{at}");
                continue;
            }
        };
        if at >= magic_at {
            // A file that never had any, of a length that redb refuses.
            assert_eq!(file.len().unwrap(), whole.len() as u64);
            continue;
        }
        // One of a checksum costs its block alone.
        let block = match at.checked_sub(content.len()) {
            Some(behind) => behind / SUM_BYTES,
            None => at / BLOCK_BYTES,
        };
        for (other, expected) in content.chunks(BLOCK_BYTES).enumerate() {
            let found = read(&file, other * BLOCK_BYTES, expected.len()).unwrap();
            if other == block {
                assert!(found.iter().all(|byte| *byte == NO_PAGE), "{at}");
            } else {
                assert_eq!(found, expected, "{at} {other}");
            }
        }
        let inside = read(&file, block * BLOCK_BYTES + 7, 2).unwrap();
        assert_eq!(inside, [NO_PAGE; 2]);
        let across = read(&file, 0, content.len()).unwrap();
        assert!(
            across.iter().all(|byte| *byte == NO_PAGE),
            "a page in several blocks"
        );
    }
}

#[test]
fn a_file_that_is_cut_short_has_no_checksums_or_wrong_ones() {
    let whole = summed();
    for length in 0..whole.len() {
        match open(&whole[..length]) {
            Ok(file) => assert_eq!(file.len().unwrap(), length as u64),
            Err(e) => assert_eq!(e.kind(), io::ErrorKind::InvalidData, "{length}"),
        }
    }
}

#[test]
fn lengths_that_can_not_be_are_refused_without_asking_for_memory() {
    let whole = summed();
    let footer_at = whole.len() - FOOTER_BYTES;
    for length in [0, 1, 4096, footer_at as u64, u64::MAX - 4096, u64::MAX] {
        let mut changed = whole.clone();
        changed[footer_at..footer_at + LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
        assert!(open(&changed).is_err(), "{length}");
    }
}

#[test]
fn an_empty_file_and_one_without_checksums_are_read_as_they_are() {
    assert_eq!(open(&[]).unwrap().len().unwrap(), 0);
    let plain = content();
    let file = open(&plain).unwrap();
    assert_eq!(read(&file, 10, 5000).unwrap(), plain[10..5010]);
    let empty = trailer(&[][..]).unwrap();
    assert_eq!(open(&empty).unwrap().len().unwrap(), 0);
}

#[test]
fn nobody_writes_to_it() {
    let file = open(&summed()).unwrap();
    assert!(file.set_len(1).is_err() && file.write(0, &[1]).is_err() && file.sync_data().is_err());
}

#[test]
fn a_reader_that_gives_little_at_a_time_changes_nothing() {
    struct Slow<'a>(&'a [u8], bool);
    impl Read for Slow<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let some = out.len().min(7);
            self.0.read(&mut out[..some])
        }
    }
    let content = content();
    assert_eq!(
        trailer(Slow(&content, false)).unwrap(),
        trailer(&*content).unwrap()
    );
}
