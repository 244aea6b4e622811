//! What Ringcard knows about calls, numbers, contacts, money and cards.
//!
//! Architecture Invariant: nothing here is async, reads a clock, or touches a file or a socket. What comes
//! in from outside is parsed into these types once, at the border.

pub mod age;
pub mod call;
pub mod callers;
pub mod card;
pub mod changed;
pub mod clock;
pub mod comment;
pub mod contact;
pub mod deadline;
pub mod deck;
pub mod dialling;
pub mod expiry;
pub mod fate;
pub mod filling;
pub mod flag;
pub mod guard;
pub mod hours;
pub mod join;
pub mod ladder;
pub mod matching;
pub mod merge;
pub mod money;
pub mod phone;
pub mod renewal;
pub mod schedule;
pub mod silence;
pub mod tally;
pub mod template;
pub mod words;
