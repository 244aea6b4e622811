//! The passphrase over a backup: what is written goes out sealed in pieces, and comes back only as it was.
//!
//! The key is made of the passphrase and of salt that no other file has, so a piece's number is nonce enough. The
//! last piece says that it is the last: a file that was cut short is not taken for a whole one. What stands before
//! the pieces is sealed along with each.

use std::io::{self, Read, Write};
use std::num::NonZeroU32;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::pbkdf2;
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

/// Sealed at once; what is read into memory before it is known to be whole.
const PIECE_BYTES: usize = 64 << 10;
const TAG_BYTES: usize = 16;
const SALT_BYTES: usize = 16;
/// What OWASP asks of PBKDF2 with HMAC-SHA-256; some seconds on the smallest Pi, once.
const ROUNDS: u32 = 600_000;
/// Fewer are no protection, and more are somebody's joke on the processor.
const ROUNDS_TAKEN: std::ops::RangeInclusive<u32> = 100_000..=2_000_000;

/// How the key comes from the passphrase; stands in the open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sealing {
    /// In hexadecimal digits.
    salt: String,
    rounds: u32,
}

pub(super) struct Key {
    key: LessSafeKey,
    /// What stood before the pieces.
    head: Vec<u8>,
    piece: u64,
}

impl Sealing {
    pub(super) fn new() -> io::Result<Sealing> {
        let mut salt = [0; SALT_BYTES];
        let filled = SystemRandom::new().fill(&mut salt);
        filled.map_err(|_| io::Error::other("the system gives no random bytes"))?;
        Ok(Sealing {
            salt: salt.iter().map(|byte| format!("{byte:02x}")).collect(),
            rounds: ROUNDS,
        })
    }

    pub(super) fn key(&self, passphrase: &str, head: &[u8]) -> io::Result<Key> {
        let fits = self.salt.len() == 2 * SALT_BYTES && ROUNDS_TAKEN.contains(&self.rounds);
        let rounds = NonZeroU32::new(self.rounds).filter(|_| fits);
        let rounds = rounds.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
        let mut bytes = [0; 32];
        pbkdf2::derive(
            pbkdf2::PBKDF2_HMAC_SHA256,
            rounds,
            self.salt.as_bytes(),
            passphrase.as_bytes(),
            &mut bytes,
        );
        let key = UnboundKey::new(&CHACHA20_POLY1305, &bytes)
            .map_err(|_| io::Error::other("no key can be made"))?;
        Ok(Key {
            key: LessSafeKey::new(key),
            head: head.to_vec(),
            piece: 0,
        })
    }
}

#[derive(Clone, Copy)]
enum Turn {
    More,
    Last,
}

impl Key {
    fn nonce(&mut self, turn: Turn) -> Nonce {
        let mut nonce = [0; 12];
        nonce[0] = matches!(turn, Turn::Last).into();
        nonce[4..].copy_from_slice(&self.piece.to_be_bytes());
        self.piece += 1;
        Nonce::assume_unique_for_key(nonce)
    }
}

pub(super) struct Sealer<W> {
    out: W,
    key: Key,
    piece: Vec<u8>,
}

impl<W: Write> Sealer<W> {
    pub(super) fn new(out: W, key: Key) -> Sealer<W> {
        Sealer {
            out,
            key,
            piece: Vec::with_capacity(PIECE_BYTES + TAG_BYTES),
        }
    }

    fn seal(&mut self, turn: Turn) -> io::Result<()> {
        let nonce = self.key.nonce(turn);
        let head = Aad::from(&self.key.head);
        let sealed = self
            .key
            .key
            .seal_in_place_append_tag(nonce, head, &mut self.piece);
        sealed.map_err(|_| io::Error::other("it can't be sealed"))?;
        self.out.write_all(&self.piece)?;
        self.piece.clear();
        Ok(())
    }

    /// Without this it is no whole file.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.seal(Turn::Last)?;
        Ok(self.out)
    }
}

impl<W: Write> Write for Sealer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.piece.len() == PIECE_BYTES {
            self.seal(Turn::More)?;
        }
        let taken = bytes.len().min(PIECE_BYTES - self.piece.len());
        self.piece.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

pub(super) struct Opener<R> {
    from: R,
    key: Key,
    /// Read, and not yet opened.
    ahead: Vec<u8>,
    piece: Vec<u8>,
    given: usize,
    is_over: bool,
}

impl<R: Read> Opener<R> {
    pub(super) fn new(from: R, key: Key) -> Opener<R> {
        Opener {
            from,
            key,
            ahead: Vec::new(),
            piece: Vec::new(),
            given: 0,
            is_over: false,
        }
    }

    fn open_next(&mut self) -> io::Result<()> {
        // One byte more than a piece tells whether another comes.
        let whole = PIECE_BYTES + TAG_BYTES;
        let wanted = (whole + 1 - self.ahead.len()) as u64;
        self.from
            .by_ref()
            .take(wanted)
            .read_to_end(&mut self.ahead)?;
        let turn = match self.ahead.len() > whole {
            true => Turn::More,
            false => Turn::Last,
        };
        let rest = self.ahead.split_off(self.ahead.len().min(whole));
        let mut piece = std::mem::replace(&mut self.ahead, rest);
        let nonce = self.key.nonce(turn);
        let head = Aad::from(&self.key.head);
        let opened = self.key.key.open_in_place(nonce, head, &mut piece);
        let bytes = opened.map_err(|_| not_opened())?.len();
        piece.truncate(bytes);
        (self.piece, self.given) = (piece, 0);
        self.is_over = matches!(turn, Turn::Last);
        Ok(())
    }
}

/// Which of the two can't be told.
#[derive(Debug, thiserror::Error)]
#[error("the passphrase is wrong, or what it sealed is damaged")]
pub(super) struct NotOpened;

fn not_opened() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, NotOpened)
}

impl<R: Read> Read for Opener<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.given == self.piece.len() && !self.is_over {
            self.open_next()?;
        }
        let left = &self.piece[self.given..];
        let bytes = left.len().min(into.len());
        into[..bytes].copy_from_slice(&left[..bytes]);
        self.given += bytes;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(text: &[u8]) -> (Sealing, Vec<u8>) {
        let sealing = Sealing {
            rounds: *ROUNDS_TAKEN.start(),
            ..Sealing::new().unwrap()
        };
        let key = sealing.key("correct horse", b"head").unwrap();
        let mut sealer = Sealer::new(Vec::new(), key);
        sealer.write_all(text).unwrap();
        (sealing, sealer.finish().unwrap())
    }

    fn opened(sealing: &Sealing, phrase: &str, head: &[u8], bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        Opener::new(bytes, sealing.key(phrase, head)?).read_to_end(&mut text)?;
        Ok(text)
    }

    #[test]
    fn what_was_sealed_comes_back_whatever_its_length() {
        for length in [
            0,
            1,
            PIECE_BYTES - 1,
            PIECE_BYTES,
            PIECE_BYTES + 1,
            3 * PIECE_BYTES,
        ] {
            let text: Vec<u8> = (0..length).map(|n| n as u8).collect();
            let (sealing, bytes) = sealed(&text);
            let back = opened(&sealing, "correct horse", b"head", &bytes).unwrap();
            assert!(back == text, "{length}");
            let short: Vec<u8> = text.iter().take(20).copied().collect();
            let shows = bytes.windows(20).any(|window| window == short);
            assert!(length < 20 || !shows, "{length}");
        }
    }

    #[test]
    fn nothing_but_the_whole_is_opened() {
        let (sealing, bytes) = sealed(&vec![7; 2 * PIECE_BYTES + 100]);
        let refused = |phrase: &str, head: &[u8], bytes: &[u8]| {
            let error = opened(&sealing, phrase, head, bytes).unwrap_err();
            assert_eq!(error.to_string(), not_opened().to_string());
        };
        refused("correct horsE", b"head", &bytes);
        refused("correct horse", b"Head", &bytes);
        let piece = PIECE_BYTES + TAG_BYTES;
        // Cut at a piece's end, without one, and with two that changed places.
        refused("correct horse", b"head", &bytes[..2 * piece]);
        refused("correct horse", b"head", &bytes[piece..]);
        let swapped = [
            &bytes[piece..2 * piece],
            &bytes[..piece],
            &bytes[2 * piece..],
        ]
        .concat();
        refused("correct horse", b"head", &swapped);
        refused("correct horse", b"head", &[&bytes[..], b"x"].concat());
        for at in (0..bytes.len()).step_by(bytes.len() / 50) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            refused("correct horse", b"head", &damaged);
        }
    }

    #[test]
    fn a_key_takes_no_more_work_than_is_reasonable() {
        let (sealing, _) = sealed(b"");
        for rounds in [
            0,
            1,
            ROUNDS_TAKEN.start() - 1,
            ROUNDS_TAKEN.end() + 1,
            u32::MAX,
        ] {
            let odd = Sealing {
                rounds,
                ..sealing.clone()
            };
            assert!(odd.key("correct horse", b"").is_err(), "{rounds}");
        }
        assert!(ROUNDS_TAKEN.contains(&ROUNDS));
    }
}
