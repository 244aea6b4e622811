//! Steers the shim in the daemon: what its disk, its clocks and its name server do from now on.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use super::office::PATIENCE;

/// In the order of the numbers in shim.c.
#[derive(Clone, Copy)]
pub enum Field {
    WriteErrno,
    SyncErrno,
    Stall,
    ReadStall,
    OpenErrno,
    Realtime,
    Boottime,
    Monotonic,
    NoNames,
    Unsynchronised,
    Refused,
}
use Field::{OpenErrno, ReadStall, Refused, Stall, SyncErrno, WriteErrno};

const PAGE_BYTES: u64 = 4096;

/// How a disk is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disk {
    Full,
    Failing,
    ReadOnly,
    /// It takes everything and never says that it is done.
    Stalled,
}

/// The page that a daemon's shim reads from. It outlives the daemon, as a bad disk does.
pub struct Shim {
    page: File,
    path: PathBuf,
}

impl Shim {
    pub fn new(path: PathBuf) -> Shim {
        let mut options = File::options();
        let page = options.read(true).write(true).create(true).truncate(true);
        let page = page.open(&path).unwrap();
        page.set_len(PAGE_BYTES).unwrap();
        Shim { page, path }
    }

    /// What makes a process read from here; only paths below `state` are touched.
    pub fn load_into(&self, command: &mut tokio::process::Command, state: &Path) {
        command
            .env("LD_PRELOAD", library())
            .env("RINGCARD_SHIM_CONTROL", &self.path)
            .env("RINGCARD_SHIM_STATE", state);
    }

    pub fn set(&self, field: Field, value: i64) {
        let at = field as u64 * 8;
        self.page.write_all_at(&value.to_ne_bytes(), at).unwrap();
    }

    pub fn read(&self, field: Field) -> i64 {
        let mut bytes = [0; 8];
        self.page
            .read_exact_at(&mut bytes, field as u64 * 8)
            .unwrap();
        i64::from_ne_bytes(bytes)
    }

    /// The clocks that count since the boot, `time` further on.
    pub fn let_time_pass(&self, time: Duration) {
        for clock in [Field::Boottime, Field::Monotonic] {
            self.set(clock, self.read(clock) + time.as_secs() as i64);
        }
    }

    pub fn spoil(&self, disk: Disk) {
        use nix::errno::Errno;
        let errno = |field, errno| self.set(field, i64::from(errno as i32));
        match disk {
            Disk::Full => errno(WriteErrno, Errno::ENOSPC),
            Disk::Failing => {
                errno(WriteErrno, Errno::EIO);
                errno(SyncErrno, Errno::EIO);
            }
            Disk::ReadOnly => {
                errno(WriteErrno, Errno::EROFS);
                errno(OpenErrno, Errno::EROFS);
            }
            Disk::Stalled => self.set(Stall, 1),
        }
    }

    pub fn repair(&self) {
        for field in [WriteErrno, SyncErrno, OpenErrno, Stall, ReadStall] {
            self.set(field, 0);
        }
    }

    /// Comes when the daemon has met the fault once more than `before`.
    pub async fn met(&self, before: i64) {
        let met = async {
            while self.read(Refused) <= before {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let met = tokio::time::timeout(PATIENCE, met).await;
        met.expect("the daemon did not meet the fault");
    }
}

/// Built once a run, by the C compiler that building Ringcard needs as well.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/shim.c");
        let name = format!("faults-shim-{}.so", std::process::id());
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
        let status = Command::new(compiler)
            .args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O2"])
            .args(["-shared", "-fPIC", "-o"])
            .args([library.as_os_str(), source.as_ref(), "-ldl".as_ref()])
            .status();
        assert!(status.unwrap().success(), "the shim does not compile");
        library
    })
}
