//! How contacts reach us: one closed `enum` of connectors, each reading one kind of source.
//!
//! The first connector reads CSV files, which every CRM and ERP can export; a further one is a variant
//! here and a module below. Everything blocks: the sync runs it on a thread of its own.
//!
//! Architecture Invariant: a connector hands out contacts one at a time and keeps nothing of them, so a
//! source of any size is read in the same small memory. It decides nothing about publishing: contacts
//! handed out before an error belong to a load that must be thrown away.

pub mod archive;
mod decode;
pub mod error;
pub mod file;
mod guard;
pub mod settings;
