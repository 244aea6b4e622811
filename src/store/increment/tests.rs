//! The changes.
