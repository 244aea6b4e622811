//! Completions and man pages, made from the commands' own definitions.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use clap::CommandFactory;

use super::Failure;
use super::arguments::Arguments;
use super::terminal::say;

pub(super) fn completions(shell: clap_complete::Shell) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "ringcard", &mut script);
    say(String::from_utf8_lossy(&script).trim_end());
    Ok(ExitCode::SUCCESS)
}

pub(super) fn man(directory: &Path) -> Result<ExitCode, Failure> {
    let write = || -> std::io::Result<()> {
        fs::create_dir_all(directory)?;
        clap_mangen::generate_to(Arguments::command(), directory)
    };
    write().map_err(|e| Failure::Other(format!("{}: {e}", directory.display())))?;
    say(&format!("man pages written to {}", directory.display()));
    Ok(ExitCode::SUCCESS)
}
