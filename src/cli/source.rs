//! `ringcard source`: which kinds there are, a block to begin one with, and a look at what one gives.

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;

use super::Failure;

mod notes;
mod sample;
mod trial;
mod words;

#[derive(Debug, Subcommand)]
pub(super) enum Source {
    /// Read five records of a configured source, and show what becomes of each.
    ///
    /// Shows them in full, so mind who looks on. Nothing is kept or published, and the daemon may run
    /// beside it. Ends with 1 if the source can't be read, or none of the records can be used.
    Test {
        /// As it is called in the configuration.
        source: String,
        /// For a script.
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn source(config: &Path, what: Source) -> Result<ExitCode, Failure> {
    match what {
        Source::Test { source, json } => trial::test(config, &source, json).await,
    }
}
