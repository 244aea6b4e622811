//! `ringcard doctor`: everything that a call depends on, with what to do.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use super::Failure;

#[derive(Debug, Args)]
pub(super) struct Doctor {}

pub(super) async fn doctor(config: &Path, how: Doctor) -> Result<ExitCode, Failure> {
    let _ = (config, how);
    Err(Failure::Other("not there yet".into()))
}
