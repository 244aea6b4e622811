//! A reader that gives out no more than it is allowed, so that a value without an end is not followed to it.
//!
//! Whoever reads from it grants the next piece once one is done with. What is read ahead by a buffer between
//! counts with the piece in which it was read.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

/// How many bytes may still be read.
#[derive(Clone)]
pub(super) struct Allowance(Rc<Cell<u64>>);

impl Allowance {
    pub(super) fn new(bytes: u64) -> Allowance {
        Allowance(Rc::new(Cell::new(bytes)))
    }

    pub(super) fn grant(&self, bytes: u64) {
        self.0.set(bytes);
    }

    /// Whether an error of the reader means that it was all used up.
    pub(super) fn is_used_up(&self) -> bool {
        self.0.get() == 0
    }
}

pub(super) struct Metered<R> {
    reader: R,
    allowance: Allowance,
}

impl<R: Read> Metered<R> {
    pub(super) fn new(reader: R, allowance: &Allowance) -> Metered<R> {
        Metered {
            reader,
            allowance: allowance.clone(),
        }
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = &self.allowance.0;
        let most = usize::try_from(left.get()).unwrap_or(usize::MAX);
        if most == 0 {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        let length = out.len().min(most);
        let read = self.reader.read(&mut out[..length])?;
        left.set(left.get() - read as u64);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_much_as_is_allowed_is_read_and_no_more() {
        let allowance = Allowance::new(3);
        let mut reader = Metered::new(&b"abcdefgh"[..], &allowance);
        let mut out = [0; 8];
        assert_eq!(reader.read(&mut out).unwrap(), 3);
        assert!(allowance.is_used_up() && reader.read(&mut out).is_err());
        allowance.grant(9);
        assert_eq!(reader.read(&mut out).unwrap(), 5);
        assert!(!allowance.is_used_up());
        assert_eq!(reader.read(&mut out).unwrap(), 0);
    }
}
