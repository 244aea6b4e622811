//! The `ringcard` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    ringcard::cli::main()
}
