//! `ringcard support-bundle`: what whoever helps needs to see, in one file, masked.
//!
//! Everything in it is masked on its way in, also what is masked already where it comes from: the file leaves the
//! office. It is written for its owner alone, and never over another file.

mod contents;
mod mask;

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use jiff::Zoned;
use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

use self::contents::Part;
use super::Failure;
use super::terminal::{progress, say};

#[derive(Debug, Args)]
pub(super) struct Bundle {
    /// Where to write it; without it, into this directory, under a name with the time.
    file: Option<PathBuf>,
    /// So many hours of the log.
    #[arg(long, value_name = "HOURS", default_value_t = 48, value_parser = clap::value_parser!(u16).range(1..=720))]
    hours: u16,
}

pub(super) async fn bundle(config: &Path, how: Bundle) -> Result<ExitCode, Failure> {
    let path = how.file.unwrap_or_else(|| {
        let now = Zoned::now().strftime("%Y%m%d-%H%M").to_string();
        format!("ringcard-support-{now}.zip").into()
    });
    // Made before anything is gathered: a place that can't be written is told at once.
    let file = new(&path)?;
    progress("gathering ...");
    let parts = contents::gather(config, how.hours).await;
    progress("");
    if let Err(e) = write(file, &parts) {
        let _ = std::fs::remove_file(&path);
        return Err(Failure::Other(format!(
            "{} can't be written: {e}",
            path.display()
        )));
    }
    let names = parts
        .iter()
        .map(|part| format!("  {:20} {}", part.name, part.what));
    let names: Vec<String> = names.collect();
    say(&format!(
        "{} is written. In it:\n{}\nTokens, secrets, keys, numbers and names are not in it, as far as a program can \
         tell. Read it before you mail it.",
        path.display(),
        names.join("\n")
    ));
    Ok(ExitCode::SUCCESS)
}

/// A file of our own: nothing is written over, and no link is followed.
fn new(path: &Path) -> Result<File, Failure> {
    let mut options = OpenOptions::new();
    let opened = options.write(true).create_new(true).mode(0o600).open(path);
    opened.map_err(|e| {
        let shown = path.display();
        Failure::Other(match e.kind() {
            io::ErrorKind::AlreadyExists => {
                format!("{shown} is there already: take another name")
            }
            _ => format!("{shown} can't be written: {e}"),
        })
    })
}

/// Packed in memory: what a full disk does not take is then one plain error.
fn write(mut file: File, parts: &[Part]) -> io::Result<()> {
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    let options = options.unix_permissions(0o600);
    let mut archive = ZipWriter::new(io::Cursor::new(Vec::new()));
    for part in parts {
        archive.start_file(part.name, options)?;
        archive.write_all(part.text.as_bytes())?;
    }
    file.write_all(archive.finish()?.get_ref())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn nothing_is_written_over_and_only_the_owner_reads_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("bundle.zip");
        let part = Part {
            name: "a.txt",
            what: "a",
            text: "b".repeat(1000),
        };
        write(new(&path).unwrap(), &[part]).unwrap();
        let metadata = std::fs::metadata(&path).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        assert!(metadata.len() < 500, "packed");
        let again = new(&path).unwrap_err().to_string();
        assert!(again.contains("is there already"), "{again}");
    }
}
