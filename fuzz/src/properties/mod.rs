//! What must hold of everything that comes from outside, whatever it is: one property for each place where
//! somebody else's bytes come in.
//!
//! `fuzz/run` looks for bytes of which a property does not hold. tests/fuzz.rs asks the same of all seeds, with
//! every change: bytes that were found once become a seed.

pub mod amount;
pub mod card;
pub mod config;
mod damage;
pub mod file;
pub mod number;
pub mod outbox;
pub mod replica;
pub mod vendor;
pub mod webhook;

/// Panics where it does not hold. Says whether anything was made of the bytes: seeds that are all refused show nothing.
pub type Property = fn(&[u8]) -> bool;

/// Every property by its target's name.
pub const PROPERTIES: [(&str, Property); 9] = [
    ("amount", amount::check),
    ("card", card::check),
    ("config", config::check),
    ("file", file::check),
    ("number", number::check),
    ("outbox", outbox::check),
    ("replica", replica::check),
    ("vendor", vendor::check),
    ("webhook", webhook::check),
];

/// The first byte chooses, the rest is read: as text, with what is none replaced.
fn choice_and_text(data: &[u8]) -> Option<(u8, String)> {
    let (choice, rest) = data.split_first()?;
    Some((*choice, String::from_utf8_lossy(rest).into_owned()))
}
