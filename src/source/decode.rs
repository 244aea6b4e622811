//! From the file's bytes to UTF-8, a buffer at a time.
//!
//! A byte-order mark is believed before the config: it can't be there by accident. Without one, and without
//! a configured encoding, the whole file is looked at once before it is read, because the first letter
//! beyond ASCII may be in its last row. What is no letter in the encoding becomes U+FFFD, by which the row
//! is known and rejected later; it never becomes another letter.

use std::io::{self, Read};

use encoding_rs_io::{DecodeReaderBytes, DecodeReaderBytesBuilder};

use super::settings::Encoding;

/// What a byte that is no letter becomes.
pub(super) const REPLACEMENT: char = char::REPLACEMENT_CHARACTER;
/// Read at once while looking: large enough that system calls don't count, small beside a Pi's memory.
const CHUNK_BYTES: usize = 64 * 1024;

/// Decodes as the byte-order mark says, else as `encoding` says.
pub(super) fn decoded<R: Read>(
    reader: R,
    encoding: &'static encoding_rs::Encoding,
) -> DecodeReaderBytes<R, Vec<u8>> {
    DecodeReaderBytesBuilder::new()
        .encoding(Some(encoding))
        .bom_override(true)
        .strip_bom(true)
        .build(reader)
}

/// The configured encoding, or the one the bytes are most likely in. Reads to the end only if it must.
pub(super) fn encoding_of(
    configured: Encoding,
    reader: &mut impl Read,
) -> io::Result<&'static encoding_rs::Encoding> {
    match configured {
        Encoding::Auto => detect(reader),
        Encoding::Utf8 => Ok(encoding_rs::UTF_8),
        Encoding::Windows1254 => Ok(encoding_rs::WINDOWS_1254),
        Encoding::Utf16Le => Ok(encoding_rs::UTF_16LE),
        Encoding::Utf16Be => Ok(encoding_rs::UTF_16BE),
    }
}

/// One damaged byte must not turn every `ş` of a UTF-8 file into `ÅŸ`, so the majority decides: in Turkish
/// Windows-1254 text hardly a pair of letters happens to be well-formed UTF-8.
fn detect(reader: &mut impl Read) -> io::Result<&'static encoding_rs::Encoding> {
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut held = 0;
    let mut first = true;
    let mut letters = Letters::default();
    loop {
        let read = read_full(reader, &mut chunk[held..])?;
        let filled = held + read;
        if read == 0 {
            letters.malformed += u64::from(held > 0);
            break;
        }
        if first && let Some((encoding, _)) = encoding_rs::Encoding::for_bom(&chunk[..filled]) {
            return Ok(encoding);
        }
        first = false;
        held = letters.count(&chunk[..filled]);
        chunk.copy_within(filled - held..filled, 0);
    }
    Ok(
        if letters.malformed == 0 || letters.well_formed > letters.malformed {
            encoding_rs::UTF_8
        } else {
            encoding_rs::WINDOWS_1254
        },
    )
}

fn read_full(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(filled)
}

/// Letters beyond ASCII, by whether they are UTF-8.
#[derive(Default)]
struct Letters {
    well_formed: u64,
    malformed: u64,
}

impl Letters {
    /// Gives the number of bytes at the end that begin a letter without ending it.
    fn count(&mut self, mut bytes: &[u8]) -> usize {
        loop {
            let (valid, error) = match std::str::from_utf8(bytes) {
                Ok(text) => (text.as_bytes(), None),
                Err(e) => (&bytes[..e.valid_up_to()], Some(e)),
            };
            // In well-formed UTF-8 exactly the first byte of each longer letter is 0xC0 or above.
            self.well_formed += valid.iter().filter(|b| **b >= 0xc0).count() as u64;
            let Some(error) = error else { return 0 };
            let rest = &bytes[error.valid_up_to()..];
            let Some(length) = error.error_len() else {
                return rest.len();
            };
            self.malformed += 1;
            bytes = &rest[length..];
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// All Turkish letters that are not in Latin-1.
    pub(in crate::source) const TURKISH: &str = "ŞşĞğİı Ayşe Çağrı Öğüt";

    pub(in crate::source) fn windows_1254(text: &str) -> Vec<u8> {
        let (bytes, _, unmappable) = encoding_rs::WINDOWS_1254.encode(text);
        assert!(!unmappable);
        bytes.into_owned()
    }

    pub(in crate::source) fn utf_16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    fn read_as(configured: Encoding, bytes: &[u8]) -> String {
        let encoding = encoding_of(configured, &mut &bytes[..]).unwrap();
        let mut text = String::new();
        decoded(bytes, encoding).read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn the_encoding_is_told_from_the_bytes_or_the_config() {
        let marked = format!("\u{feff}{TURKISH}");
        let (le, be) = (
            u16::to_le_bytes as fn(u16) -> _,
            u16::to_be_bytes as fn(u16) -> _,
        );
        let cases = [
            (Encoding::Auto, TURKISH.as_bytes().to_vec()),
            (Encoding::Utf8, TURKISH.as_bytes().to_vec()),
            (Encoding::Auto, marked.as_bytes().to_vec()),
            (Encoding::Windows1254, marked.as_bytes().to_vec()),
            (Encoding::Auto, windows_1254(TURKISH)),
            (Encoding::Windows1254, windows_1254(TURKISH)),
            (Encoding::Auto, utf_16(&marked, le)),
            (Encoding::Auto, utf_16(&marked, be)),
            (Encoding::Utf8, utf_16(&marked, be)),
            (Encoding::Utf16Le, utf_16(TURKISH, le)),
            (Encoding::Utf16Be, utf_16(TURKISH, be)),
        ];
        for (configured, bytes) in cases {
            assert_eq!(
                read_as(configured, &bytes),
                TURKISH,
                "{configured:?} {bytes:x?}"
            );
        }
        assert_eq!(read_as(Encoding::Auto, b""), "");
        assert_eq!(read_as(Encoding::Auto, b"plain"), "plain");
    }

    #[test]
    fn the_only_foreign_letter_may_be_the_last_byte() {
        let mut bytes = vec![b'a'; 3 * CHUNK_BYTES];
        bytes.push(0xfe);
        assert!(read_as(Encoding::Auto, &bytes).ends_with("aş"));
    }

    #[test]
    fn letters_across_chunks_are_whole() {
        for ahead in CHUNK_BYTES - 4..=CHUNK_BYTES {
            let text = format!("{}{}", "a".repeat(ahead), "ş€😀".repeat(3));
            assert_eq!(read_as(Encoding::Auto, text.as_bytes()), text, "{ahead}");
        }
    }

    #[test]
    fn a_damaged_byte_does_not_change_all_other_letters() {
        let mut bytes = TURKISH.as_bytes().to_vec();
        bytes.push(0xff);
        assert_eq!(
            read_as(Encoding::Auto, &bytes),
            format!("{TURKISH}{REPLACEMENT}")
        );
        // A file that was cut off within a letter.
        let cut = &TURKISH.as_bytes()[..5];
        assert_eq!(read_as(Encoding::Auto, cut), format!("Şş{REPLACEMENT}"));
    }
}
