//! The outbox of the first format, kept as it was written then.

use std::path::Path;
use std::sync::Arc;

use redb::{ReadableDatabase, ReadableTable, TableDefinition};

use crate::store::drive::Drive;
use crate::store::entry::{Entry, Phase};
use crate::store::file::OutboxFile;
use crate::store::platter::Platter;

const PLACE: &str = "/state/outbox.redb";
const FIRST: &[u8] = include_bytes!("../../../tests/data/formats/outbox-1.redb");

fn first() -> Platter {
    let platter = Platter::default();
    platter.put(Path::new(PLACE), FIRST.to_vec());
    platter
}

fn open(platter: &Platter) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut file = OutboxFile::new(Arc::new(platter.clone()), Path::new(PLACE));
    file.open(&mut |entry| entries.push(entry)).unwrap();
    assert!(file.take_damage().is_none());
    entries.sort_by_key(Entry::key);
    entries
}

#[test]
fn all_that_the_first_format_held_is_taken_over() {
    let platter = first();
    let entries = open(&platter);
    let count = |phase| entries.iter().filter(|e| e.phase == phase).count();
    let phases = [
        (Phase::Waiting, 3),
        (Phase::Parked, 2),
        (Phase::Settled, 4),
        (Phase::Expired, 2),
        (Phase::Dropped, 1),
    ];
    assert_eq!(entries.len(), 12);
    for (phase, expected) in phases {
        assert_eq!(count(phase), expected, "{phase:?}");
    }
    let waiting = entries
        .iter()
        .find(|e| e.call.as_str() == "made-up-waiting-1");
    let waiting = waiting.unwrap();
    let card = serde_json::to_value(&waiting.card).unwrap();
    assert_eq!(card[0]["text"], "Ayşe Örnek");
    assert_eq!(card.as_array().unwrap().len(), 5);
    let left = waiting.deadline.left(waiting.deadline.accepted());
    assert_eq!(left, Some(std::time::Duration::from_secs(90)));
    let parked = entries.iter().find(|e| e.phase == Phase::Parked).unwrap();
    assert!(parked.reason.as_deref().unwrap().contains("422"));
    // Migrated once, it is read as what it is now.
    assert_eq!(open(&platter), entries);
}

#[test]
fn an_entry_that_can_not_be_understood_is_kept_aside() {
    const CARDS: TableDefinition<&str, &[u8]> = TableDefinition::new("cards");
    const ASIDE: TableDefinition<&str, &[u8]> = TableDefinition::new("aside-1");
    let platter = first();
    let database = || {
        platter
            .create(Path::new(PLACE), &redb::Builder::new())
            .unwrap()
    };
    let strange = br#"{"account":"istanbul","phase":"elsewhere"}"#.as_slice();
    let old = database();
    let write = old.begin_write().unwrap();
    let mut cards = write.open_table(CARDS).unwrap();
    cards.insert("istanbul/strange", strange).unwrap();
    drop(cards);
    write.commit().unwrap();
    old.close().unwrap();
    assert_eq!(open(&platter).len(), 12);
    let new = database();
    let read = new.begin_read().unwrap();
    let aside = read.open_table(ASIDE).unwrap();
    assert_eq!(aside.iter().unwrap().count(), 1);
    let kept = aside.get("istanbul/strange").unwrap().unwrap();
    assert_eq!(kept.value(), strange);
}

#[test]
fn a_power_cut_leaves_the_old_format_or_the_new_one() {
    let platter = first();
    let cuts = platter.begin();
    let entries = open(&platter);
    let mut tried = 0;
    cuts.each(&platter, |cut, survival, disk| {
        tried += 1;
        assert_eq!(open(&disk), entries, "cut {cut}, {survival:?}");
    });
    eprintln!(
        "migration: {} operations, {tried} cuts",
        platter.operations()
    );
    assert!(platter.operations() > 20);
}
