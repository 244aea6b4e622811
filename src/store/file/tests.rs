//! The file under every fault: what is damage and what is not, and what a power cut leaves.

mod cuts;

use nix::errno::Errno;

use super::tables::RECENT_ENDS;
use super::*;
use crate::domain::call::CallId;
use crate::domain::card::{Card, Row};
use crate::domain::deadline::{Deadline, Moment};
use crate::store::entry::Phase;
use crate::store::platter::{LARGE_PAGE, Platter};

const PLACE: &str = "/state/outbox.redb";

fn entry(call: usize, phase: Phase, turn: u64) -> Entry {
    let now = Moment {
        boot: 1,
        since_boot: std::time::Duration::ZERO,
        wall: jiff::Timestamp::UNIX_EPOCH,
        belief: Default::default(),
    };
    let deadline = Deadline::new(now, None, std::time::Duration::from_secs(90));
    let row = Row::Title {
        text: format!("The caller of call {call}"),
        link: None,
    };
    let card = Card { rows: vec![row] };
    let call = CallId::parse(&format!("call-{call}")).unwrap();
    let mut entry = Entry {
        phase,
        turn,
        ..Entry::new("office", call, card, deadline)
    };
    if phase.is_finished() {
        entry.card = None;
    }
    entry
}

type Change = (Key, Option<Entry>);

fn is(call: usize, phase: Phase, turn: u64) -> Change {
    let entry = entry(call, phase, turn);
    (entry.key(), Some(entry))
}

fn gone(call: usize) -> Change {
    (entry(call, Phase::Waiting, 0).key(), None)
}

fn file(platter: &Platter) -> OutboxFile {
    OutboxFile::new(Arc::new(platter.clone()), Path::new(PLACE))
}

fn open(platter: &Platter) -> Result<(OutboxFile, Vec<Entry>), FileError> {
    let (mut file, mut entries) = (file(platter), Vec::new());
    file.open(&mut |entry| entries.push(entry))?;
    entries.sort_by_key(Entry::key);
    Ok((file, entries))
}

fn with(changes: &[Change]) -> Platter {
    let platter = Platter::default();
    open(&platter).unwrap().0.commit(changes).unwrap();
    platter
}

fn names(platter: &Platter) -> Vec<String> {
    platter.list(Path::new("/state")).unwrap()
}

#[test]
fn entries_come_back_from_wherever_they_were_moved() {
    let platter = Platter::default();
    let (mut file, _) = open(&platter).unwrap();
    let ends = 3 * RECENT_ENDS;
    for call in 0..ends {
        file.commit(&[is(call, Phase::Waiting, 0)]).unwrap();
        let end = is(call, Phase::Parked, call as u64 + 1);
        file.commit(&[end]).unwrap();
    }
    // A person has one tried again, from where it was moved to; another is forgotten.
    file.commit(&[is(0, Phase::Waiting, 1), gone(1)]).unwrap();
    file.commit(&[is(ends, Phase::Settled, 99)]).unwrap();
    file.close();
    let (_, entries) = open(&platter).unwrap();
    let expected: Vec<Entry> = (0..=ends)
        .filter_map(|call| match call {
            0 => is(0, Phase::Waiting, 1).1,
            1 => None,
            _ if call == ends => is(call, Phase::Settled, 99).1,
            _ => is(call, Phase::Parked, call as u64 + 1).1,
        })
        .collect();
    let mut left = entries;
    // What is forgotten is deleted in company, at the latest when as many more have ended.
    left.retain(|e| e.key() != gone(1).0);
    let sorted = |mut entries: Vec<Entry>| {
        entries.sort_by_key(Entry::key);
        entries
    };
    assert_eq!(left, sorted(expected));
    let (mut file, _) = open(&platter).unwrap();
    file.commit(&[gone(1)]).unwrap();
    for call in 100..=100 + RECENT_ENDS {
        file.commit(&[is(call, Phase::Settled, call as u64)])
            .unwrap();
    }
    file.close();
    let (_, entries) = open(&platter).unwrap();
    assert!(entries.iter().all(|e| e.key() != gone(1).0));
}

#[test]
fn a_file_of_a_newer_version_is_left_alone() {
    let platter = with(&[is(1, Phase::Waiting, 0)]);
    let database = platter.create(Path::new(PLACE), &builder()).unwrap();
    let write = database.begin_write().unwrap();
    let mut meta = write.open_table(OUTBOX_META).unwrap();
    meta.insert("version", OUTBOX_VERSION + 1).unwrap();
    drop(meta);
    write.commit().unwrap();
    database.close().unwrap();
    let before = platter.bytes(Path::new(PLACE));
    let Err(error) = open(&platter) else {
        panic!("it was opened")
    };
    let words = error.to_string();
    assert!(
        words.starts_with("a newer Ringcard wrote it (version 3"),
        "{words}"
    );
    assert!(platter.bytes(Path::new(PLACE)) == before);
    assert_eq!(names(&platter), ["outbox.redb"]);
}

/// As after a power cut: redb would put it in order when it opens it.
fn not_closed(platter: &Platter) -> Platter {
    let mut bytes = platter.bytes(Path::new(PLACE));
    bytes[GOD_BYTE] |= 2;
    let cut = Platter::default();
    cut.put(Path::new(PLACE), bytes);
    cut
}

/// Where redb's header has its flags.
const GOD_BYTE: usize = 9;

#[test]
fn a_newer_file_that_was_not_closed_well_is_left_alone_too() {
    let platter = with(&[is(1, Phase::Waiting, 0)]);
    let database = platter.create(Path::new(PLACE), &builder()).unwrap();
    let write = database.begin_write().unwrap();
    let mut meta = write.open_table(OUTBOX_META).unwrap();
    meta.insert("version", OUTBOX_VERSION + 1).unwrap();
    drop(meta);
    write.commit().unwrap();
    database.close().unwrap();
    let cut = not_closed(&platter);
    let before = cut.bytes(Path::new(PLACE));
    let opened = cut.open_read_only(Path::new(PLACE), &builder());
    assert!(opened.is_err(), "it is not what a power cut leaves");
    let newer = OUTBOX_VERSION + 1;
    assert!(matches!(open(&cut), Err(FileError::Newer(found)) if found == newer));
    assert!(cut.bytes(Path::new(PLACE)) == before);
    assert_eq!(names(&cut), ["outbox.redb"]);
    // One of ours is put in order as ever.
    let ours = not_closed(&with(&[is(1, Phase::Waiting, 0)]));
    assert_eq!(open(&ours).unwrap().1.len(), 1);
}

#[test]
fn no_bit_of_it_makes_redb_ask_for_more_than_the_file_has() {
    let calls: Vec<_> = (0..200).map(|call| is(call, Phase::Waiting, 0)).collect();
    let (bytes, mut opened) = (with(&calls).bytes(Path::new(PLACE)), 0);
    for at in Platter::page_sizes(&bytes) {
        let mut changed = bytes.clone();
        changed[at] |= LARGE_PAGE;
        let platter = Platter::default();
        platter.put(Path::new(PLACE), changed);
        let (_, entries) = open(&platter).unwrap();
        assert!([0, calls.len()].contains(&entries.len()), "at {at}");
        assert!(platter.largest_read() <= bytes.len(), "at {at}");
        opened += 1;
    }
    assert!(opened > 100, "{opened}");
}

#[test]
fn a_file_in_a_newer_form_of_redb_is_no_damage() {
    let platter = with(&[is(1, Phase::Waiting, 0)]);
    let mut bytes = platter.bytes(Path::new(PLACE));
    for at in REDB_FORMS {
        bytes[at] += 1;
    }
    let newer = Platter::default();
    newer.put(Path::new(PLACE), bytes.clone());
    let error = open(&newer).err().unwrap();
    assert!(matches!(error, FileError::NewerRedb), "{error}");
    assert!(error.advice().contains("install that Ringcard again"));
    assert!(newer.bytes(Path::new(PLACE)) == bytes);
    assert_eq!(names(&newer), ["outbox.redb"]);
}

#[test]
fn only_what_is_no_outbox_is_set_aside() {
    let whole = with(&[is(1, Phase::Waiting, 0), is(2, Phase::Settled, 1)]);
    let whole = whole.bytes(Path::new(PLACE));
    type Damage = fn(&mut Vec<u8>);
    let damages: [Damage; 6] = [
        |bytes| *bytes = b"not a database".to_vec(),
        |bytes| bytes.truncate(8192),
        |bytes| bytes[64..4096].fill(0xff),
        |bytes| bytes[0..16].fill(0),
        |bytes| bytes[4096..].fill(0x55),
        // One letter of one name: it must not be shown.
        |bytes| {
            let caller = b"The caller";
            let places = bytes.windows(caller.len()).enumerate();
            let places = places.filter(|(_, w)| w == caller).map(|(at, _)| at);
            for at in places.collect::<Vec<_>>() {
                bytes[at] = b't';
            }
        },
    ];
    for (i, damage) in damages.into_iter().enumerate() {
        let platter = Platter::default();
        let mut bytes = whole.clone();
        damage(&mut bytes);
        platter.put(Path::new(PLACE), bytes);
        let (mut file, entries) = open(&platter).unwrap();
        assert!(entries.is_empty(), "damage {i}");
        let told = file.take_damage().unwrap().told();
        assert!(told.contains("/state/outbox.broken-"), "{told}");
        file.commit(&[is(3, Phase::Waiting, 0)]).unwrap();
        drop(file);
        assert_eq!(open(&platter).unwrap().1.len(), 1, "damage {i}");
    }
}

#[test]
fn a_fault_of_the_disk_is_no_damage() {
    for errno in [Errno::ENOSPC, Errno::EIO, Errno::EROFS, Errno::EACCES] {
        let platter = with(&[is(1, Phase::Waiting, 0)]);
        platter.fail(Some(errno));
        let error = open(&platter).err();
        assert!(matches!(error, Some(FileError::Disk(_))), "{error:?}");
        platter.fail(None);
        assert_eq!(names(&platter), ["outbox.redb"]);
        assert_eq!(open(&platter).unwrap().1.len(), 1);
    }
}

#[test]
fn a_file_that_another_has_open_is_no_damage() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("outbox.redb");
    let drive = || Arc::new(crate::store::drive::FileSystem);
    let mut first = OutboxFile::new(drive(), &path);
    first.open(&mut |_| {}).unwrap();
    let second = OutboxFile::new(drive(), &path).open(&mut |_| {});
    assert!(matches!(second, Err(FileError::Taken)));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}
