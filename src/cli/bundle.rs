//! `ringcard support-bundle`: what whoever helps needs to see, in one file, masked.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use super::Failure;

#[derive(Debug, Args)]
pub(super) struct Bundle {}

pub(super) async fn bundle(config: &Path, how: Bundle) -> Result<ExitCode, Failure> {
    let _ = (config, how);
    Err(Failure::Other("not there yet".into()))
}
