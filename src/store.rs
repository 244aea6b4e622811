//! What survives a power cut, in two kinds of file.
//!
//! - `replica/<source>/<generation>.redb`: disposable copies of the sources. Built beside the published one
//!   (`load`), read without locks (`replica`), and rebuilt from the source when lost.
//! - `outbox.redb`: precious. Cards accepted and not yet settled (`outbox`, `writer`).
//!
//! Architecture Invariant: redb has one writer per file, so a load never shares a file with the outbox,
//! and nothing outside this module knows that redb exists.

pub mod load;
pub mod outbox;
pub mod replica;
mod schema;
pub mod writer;

use std::fs::File;
use std::io;
use std::path::Path;

/// Makes a rename or a new name in `directory` outlast a power cut.
fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}
