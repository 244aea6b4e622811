//! The score: read these four files and you know the product.
//!
//! - `answer`:  event -> number -> contact -> card -> outbox       (a call came in)
//! - `deliver`: outbox -> Hipcall -> settle | retry | expire | park (a card goes out)
//! - `comment`: entry -> comment -> settle                       (a card came too late)
//! - `sync`:    source -> records -> contacts -> load -> publish    (the copy is renewed)
//!
//! Architecture Invariant: no JSON, no table name, no HTTP status here; those belong to the instruments.

mod account;
pub mod answer;
pub mod callers;
mod candidates;
mod comment;
pub mod deliver;
pub mod drill;
mod failure;
pub mod feed;
mod guard;
mod held;
pub mod lookup;
pub mod office;
pub mod owners;
mod profile;
pub mod replica;
pub mod report;
pub mod show;
pub mod sync;
