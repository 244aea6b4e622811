//! The outbox on a disk that has damaged it. What is taken up is what was written; a file of which that can't be told is
//! set aside, and a new one serves.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;
use std::{fs, thread};

use jiff::Timestamp;
use ringcard::domain::call::CallId;
use ringcard::domain::card::{Card, Row};
use ringcard::domain::deadline::{Deadline, Moment};
use ringcard::store::outbox::{Entry, Outbox, Outcome};
use ringcard::store::writer::DiskReport;
use tempfile::TempDir;

use super::damage::damage;

/// Enough for pages above pages.
const CALLS: usize = 200;

struct Written {
    path: PathBuf,
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    directory: TempDir,
}

/// What the writer tells: whether a file was set aside.
#[derive(Default)]
struct Told {
    is_damaged: bool,
    is_refused: bool,
}

impl DiskReport for &mut Told {
    fn disk_refused(&mut self, _: &str, _: &str) {
        self.is_refused = true;
    }

    fn disk_recovered(&mut self) {}

    fn outbox_damaged(&mut self, _: &str) {
        self.is_damaged = true;
    }

    fn damage_is_past(&mut self) {}
}

pub fn check(data: &[u8]) -> bool {
    static WRITTEN: OnceLock<Written> = OnceLock::new();
    let written = WRITTEN.get_or_init(written);
    let mut bytes = written.bytes.clone();
    damage(&mut bytes, data);
    for entry in fs::read_dir(written.directory.path()).expect("it is there") {
        fs::remove_file(entry.expect("an entry").path()).expect("it is removed");
    }
    fs::write(&written.path, &bytes).expect("the file is written");
    let (entries, told) = opened(&written.path);
    if entries.is_empty() {
        assert!(told.is_damaged || told.is_refused, "nobody was told");
    } else {
        assert!(entries == written.entries, "never written");
    }
    if told.is_damaged {
        let (entries, told) = opened(&written.path);
        assert!(entries.is_empty() && !told.is_damaged && !told.is_refused);
    }
    !entries.is_empty()
}

/// What a start finds.
fn opened(path: &Path) -> (Vec<Entry>, Told) {
    let (outbox, writer) = Outbox::open(path);
    outbox.close();
    let mut told = Told::default();
    writer.run(&mut told);
    let mut entries = outbox.list();
    entries.sort_by_key(Entry::key);
    (entries, told)
}

/// In memory where there is such a directory, as for a file that another program wrote.
fn written() -> Written {
    let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    let directory = directory.expect("a directory");
    let path = directory.path().join("outbox.redb");
    let (outbox, writer) = Outbox::open(&path);
    thread::scope(|scope| {
        let writer = scope.spawn(|| writer.run(&mut Told::default()));
        for at in 0..CALLS {
            let entry = entry(at);
            outbox.accept(entry.clone()).expect("there is room");
            if at % 2 == 0 {
                outbox.finish(&entry.key(), &Outcome::Settled);
            }
        }
        outbox.close();
        writer.join().expect("it ends");
    });
    let bytes = fs::read(&path).expect("it is read");
    let (entries, _) = opened(&path);
    assert_eq!(entries.len(), CALLS);
    Written {
        path,
        bytes,
        entries,
        directory,
    }
}

fn entry(at: usize) -> Entry {
    let moment = Moment {
        boot: 7,
        since_boot: Duration::from_secs(100),
        wall: Timestamp::UNIX_EPOCH,
        belief: Default::default(),
    };
    let deadline = Deadline::new(moment, None, Duration::from_secs(90));
    let call = CallId::parse(&format!("call-{at}")).expect("an id");
    let card = Card {
        rows: vec![Row::Title {
            text: format!("Somebody {at}"),
            link: None,
        }],
    };
    Entry::new("office", call, card, deadline)
}
