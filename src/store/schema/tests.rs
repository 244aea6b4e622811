//! Files of every format that was ever released, kept as they were written then, and what this program makes of
//! each.
//!
//! Such a file is written once, by the program whose format it is, and never again:
//! `RINGCARD_FORMATS=write cargo test --lib a_file_of_each_format_is_kept` makes those of the present format that
//! are missing and touches no other. Their sums are in tests/data/formats/SHA256SUMS.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::domain::call::CallId;
use crate::domain::card::{Card, Row};
use crate::domain::contact::{Contact, Ids};
use crate::domain::deadline::{Deadline, Moment};
use crate::domain::fate::Why;
use crate::domain::ladder::Question;
use crate::domain::phone::{PhoneNumber, Region};
use crate::store::callers;
use crate::store::drive::{Drive, FileSystem};
use crate::store::entry::{Entry, Phase};
use crate::store::file::OutboxFile;
use crate::store::increment::Increment;
use crate::store::load::{Load, Made, Plan, Resume};
use crate::store::platter::Platter;
use crate::store::replica::{ReplicaError, Shelf};

/// The oldest that a box may have. Copies of older ones were never released.
const FIRST_OUTBOX: u32 = 1;
const FIRST_REPLICA: u32 = 2;
const PLACE: &str = "/state/replica/crm";

fn kept(name: &str) -> PathBuf {
    let formats = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/formats");
    formats.join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    fs::read(kept(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Makes a file that is missing, where that was asked for.
fn write_once(name: &str, make: impl FnOnce(&Path)) {
    let asked = std::env::var_os("RINGCARD_FORMATS").is_some_and(|value| value == "write");
    if asked && !kept(name).exists() {
        make(&kept(name));
    }
}

#[test]
fn a_file_of_each_format_is_kept() {
    write_once(&format!("outbox-{OUTBOX_VERSION}.redb"), |path| {
        let mut file = OutboxFile::new(Arc::new(FileSystem), path);
        file.open(&mut |_| {}).unwrap();
        let changes: Vec<_> = entries().map(|e| (e.key(), Some(e))).collect();
        file.commit(&changes).unwrap();
        file.compact().unwrap();
        file.close();
    });
    let version = REPLICA_VERSION;
    for name in ["summed.redb", "summed.increment", "keyed.partial"] {
        write_once(&format!("replica-{version}-{name}"), |path| {
            let number = if name.ends_with("redb") { 1 } else { 2 };
            let ending = Path::new(name).extension().unwrap().to_str().unwrap();
            let directory = copies();
            let made = directory.path().join(format!("{number:06}.{ending}"));
            fs::copy(made, path).unwrap();
        });
    }
    for version in FIRST_OUTBOX..=OUTBOX_VERSION {
        assert!(!bytes(&format!("outbox-{version}.redb")).is_empty());
    }
    for version in FIRST_REPLICA..=REPLICA_VERSION {
        for name in ["keyed.redb", "keyed.increment", "keyed.partial"] {
            assert!(!bytes(&format!("replica-{version}-{name}")).is_empty());
        }
    }
    for name in ["summed.redb", "summed.increment"] {
        assert!(!bytes(&format!("replica-{REPLICA_VERSION}-{name}")).is_empty());
    }
}

/// One of each phase, each with what only it has.
fn entries() -> impl Iterator<Item = Entry> {
    let now = Moment {
        boot: 7,
        since_boot: Duration::from_secs(100),
        wall: Timestamp::from_second(1_800_000_000).unwrap(),
        belief: Default::default(),
    };
    let card = Card {
        rows: vec![Row::Title {
            text: "Ayşe Örnek".into(),
            link: Some("https://crm.example/1".into()),
        }],
    };
    let of = move |n: u64, phase: Phase| {
        let deadline = Deadline::new(now, None, Duration::from_secs(90));
        let call = CallId::parse(&format!("made-up-{}", phase.as_str())).unwrap();
        let mut entry = Entry::new("istanbul", call, card.clone(), deadline);
        entry.phase = phase;
        entry.attempts = 2;
        entry.reason = Some("no connection".into());
        entry.turn = n;
        entry
    };
    let phases = [
        Phase::Waiting,
        Phase::CommentDue,
        Phase::Parked,
        Phase::Settled,
        Phase::Expired,
        Phase::Dropped,
    ];
    phases.into_iter().zip(0..).map(move |(phase, n)| {
        let mut entry = of(n, phase);
        entry.uncertain = phase == Phase::Waiting;
        entry.ended = phase == Phase::CommentDue;
        match phase {
            Phase::CommentDue | Phase::Expired => entry.why = Some(Why::NoConnection),
            Phase::Dropped => entry.why = Some(Why::ByHand),
            _ => {}
        }
        if phase.is_finished() {
            entry.card = None;
        }
        entry
    })
}

fn contact(key: &str, name: &str, number: &str) -> Contact {
    Contact {
        key: Some(key.into()),
        name: Some(name.into()),
        company: Some("Örnek Gıda".into()),
        numbers: vec![numbered(number)],
        fields: [("city".into(), "İzmir".into())].into(),
        ids: Ids {
            customer_code: Some(format!("120.{key}")),
            ..Ids::default()
        },
        ..Contact::default()
    }
}

fn numbered(number: &str) -> PhoneNumber {
    PhoneNumber::parse(number, Region::parse("TR").unwrap()).unwrap()
}

/// A base, changes on top, and the beginning of a load.
fn copies() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let (shelf, _) = Shelf::open(directory.path().into()).unwrap();
    let made = || Made {
        as_of: Timestamp::from_second(1_800_000_000).unwrap(),
        digest: "made up".into(),
        cursor: Some("2027-01-15".into()),
        history: History::default(),
    };
    let plan = |resume| Plan {
        join: None,
        keyed: true,
        resume,
    };
    let mut load = Load::begin(&shelf, &plan(None)).unwrap();
    load.add(&contact("1", "Ayşe Yılmaz", "0532 555 01 01"))
        .unwrap();
    load.add(&contact("2", "Can Demir", "0532 555 01 02"))
        .unwrap();
    load.finish(made()).unwrap().publish(&shelf).unwrap();
    let resume = Resume {
        settings: "made up".into(),
        now: Timestamp::from_second(1_800_000_000).unwrap(),
    };
    let mut partial = Load::begin(&shelf, &plan(Some(resume))).unwrap();
    partial
        .add(&contact("9", "Ece Kaya", "0532 555 01 09"))
        .unwrap();
    partial.checkpoint_now("page 2").unwrap();
    partial.suspend();
    let mut increment = Increment::begin(&shelf).unwrap();
    increment
        .put(&contact("2", "Can Deniz", "0532 555 01 02"))
        .unwrap();
    increment
        .put(&contact("3", "Ece Kaya", "0532 555 01 03"))
        .unwrap();
    increment
        .finish(made())
        .unwrap()
        .unwrap()
        .publish(&shelf)
        .unwrap();
    directory
}

#[test]
fn an_outbox_of_the_present_format_is_read_as_it_was_written() {
    let place = Path::new("/state/outbox.redb");
    let platter = Platter::default();
    platter.put(place, bytes("outbox-2.redb"));
    let mut found = Vec::new();
    let mut file = OutboxFile::new(Arc::new(platter), place);
    file.open(&mut |entry| found.push(entry)).unwrap();
    assert!(file.take_damage().is_none());
    assert_eq!(found.len(), 6);
    for entry in entries() {
        assert!(found.contains(&entry), "{}", entry.call);
    }
}

fn with(files: &[(&str, Vec<u8>)]) -> Platter {
    let platter = Platter::default();
    for (name, bytes) in files {
        platter.put(&Path::new(PLACE).join(name), bytes.clone());
    }
    platter
}

fn open(platter: &Platter) -> (Shelf, Vec<ReplicaError>) {
    Shelf::open_on(Arc::new(platter.clone()), PLACE.into()).unwrap()
}

fn base_and_changes() -> [(&'static str, Vec<u8>); 2] {
    [
        ("000001.redb", bytes("replica-2-keyed.redb")),
        ("000002.increment", bytes("replica-2-keyed.increment")),
    ]
}

#[test]
fn a_copy_with_changes_of_an_earlier_version_answers() {
    answers(&base_and_changes());
}

#[test]
fn a_copy_with_checksums_answers() {
    answers(&[
        ("000001.redb", bytes("replica-2-summed.redb")),
        ("000002.increment", bytes("replica-2-summed.increment")),
    ]);
}

fn answers(files: &[(&str, Vec<u8>)]) {
    let (shelf, failures) = open(&with(files));
    assert!(failures.is_empty(), "{failures:?}");
    let replica = shelf.current().unwrap();
    for (number, name) in [
        ("0532 555 01 01", "Ayşe Yılmaz"),
        ("0532 555 01 02", "Can Deniz"),
        ("0532 555 01 03", "Ece Kaya"),
    ] {
        let found = replica.ask(Question::Having(numbered(number))).unwrap();
        let names: Vec<_> = found.iter().map(|(_, c)| c.name.as_deref()).collect();
        assert_eq!(names, [Some(name)]);
    }
    let facts = &replica.facts;
    assert_eq!(
        (facts.contacts, facts.base, facts.keyed),
        (3, Some(1), true)
    );
    assert_eq!(shelf.cursor().as_deref(), Some("2027-01-15"));
}

#[test]
fn a_load_of_an_earlier_version_is_gone_on_with() {
    let [base, _] = base_and_changes();
    let partial = ("000002.partial", bytes("replica-2-keyed.partial"));
    let (shelf, _) = open(&with(&[base, partial]));
    let resume = Resume {
        settings: "made up".into(),
        now: Timestamp::from_second(1_800_000_060).unwrap(),
    };
    let plan = Plan {
        join: None,
        keyed: true,
        resume: Some(resume),
    };
    let load = Load::begin(&shelf, &plan).unwrap();
    let resumed = load.resumed().unwrap();
    assert_eq!((resumed.position.as_str(), resumed.contacts), ("page 2", 1));
}

#[test]
fn a_copy_of_a_newer_version_is_passed_over_and_left_as_it_is() {
    let platter = with(&base_and_changes());
    let newest = Path::new(PLACE).join("000003.redb");
    platter.put(&newest, bytes("replica-2-keyed.redb"));
    let database = platter.create(&newest, &redb::Builder::new()).unwrap();
    let write = database.begin_write().unwrap();
    // Not even its facts can be understood, but for the version.
    let facts = format!(
        "{{\"version\":{},\"contacts\":\"many\"}}",
        REPLICA_VERSION + 1
    );
    let mut table = write.open_table(FACTS).unwrap();
    table.insert("facts", facts.as_bytes()).unwrap();
    drop(table);
    write.commit().unwrap();
    database.close().unwrap();
    let before = platter.bytes(&newest);
    let (shelf, failures) = open(&platter);
    let told: Vec<String> = failures.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "/state/replica/crm/000003.redb has format 3, of a newer Ringcard, and this one knows 2: \
             it is left as it is, and the source is read anew"
        ]
    );
    assert_eq!(shelf.current().unwrap().generation, 2);
    assert!(platter.bytes(&newest) == before);
    assert_eq!(shelf.next_generation().unwrap(), 4);
}

#[test]
fn the_callers_of_the_first_format_are_known() {
    let path = kept("callers-1.txt");
    assert_eq!(callers::newer(&path), None);
    let text = callers::read(&path).unwrap();
    let known = crate::domain::callers::Callers::parse(&text).unwrap();
    assert_eq!((known.len(), known.lines()), (3, text));
    assert_eq!(
        callers::FORMAT,
        1,
        "raised: keep a file of the new format too"
    );
}
