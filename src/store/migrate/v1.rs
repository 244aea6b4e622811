//! Version 1 to 2: one table of all entries becomes two, and an entry may say why it ended.
//!
//! An entry that can't be understood goes into a table of its own, as it was.

use redb::{Database, ReadableTable, TableDefinition};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::store::file::FileError;

/// Of version 1.
const CARDS: TableDefinition<&str, &[u8]> = TableDefinition::new("cards");
/// Of both.
const META: TableDefinition<&str, u32> = TableDefinition::new("meta");
/// Of version 2.
const RECENT: TableDefinition<&str, &[u8]> = TableDefinition::new("recent");
const KEPT: TableDefinition<u64, &[u8]> = TableDefinition::new("kept");
/// What was not understood; nothing reads it.
const ASIDE: TableDefinition<&str, &[u8]> = TableDefinition::new("aside-1");

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Phase {
    Waiting,
    Parked,
    Settled,
    Expired,
    Dropped,
}

#[derive(Deserialize, Serialize)]
struct Entry {
    account: String,
    call: String,
    phase: Phase,
    attempts: u32,
    deadline: Deadline,
    reason: Option<String>,
    card: Option<Vec<Value>>,
    turn: u64,
}

#[derive(Deserialize, Serialize)]
struct Deadline {
    accepted: Moment,
    lifetime: Span,
}

#[derive(Deserialize, Serialize)]
struct Moment {
    boot: u64,
    since_boot: Span,
    wall: String,
}

#[derive(Deserialize, Serialize)]
struct Span {
    secs: u64,
    nanos: u32,
}

pub(super) fn migrate(database: &Database) -> Result<(), FileError> {
    let transaction = database.begin_write()?;
    {
        let cards = transaction.open_table(CARDS)?;
        let mut recent = transaction.open_table(RECENT)?;
        let mut kept = transaction.open_table(KEPT)?;
        for card in cards.iter()? {
            let (key, json) = card?;
            let entry: Option<Entry> = serde_json::from_slice(json.value()).ok();
            let Some(entry) = entry else {
                let mut aside = transaction.open_table(ASIDE)?;
                aside.insert(key.value(), json.value())?;
                continue;
            };
            // What version 2 has besides may be missing there.
            let json = serde_json::to_vec(&entry).map_err(std::io::Error::other)?;
            let goes_on = matches!(entry.phase, Phase::Waiting);
            if goes_on || kept.get(entry.turn)?.is_some() {
                recent.insert(key.value(), json.as_slice())?;
            } else {
                kept.insert(entry.turn, json.as_slice())?;
            }
        }
    }
    transaction.delete_table(CARDS)?;
    transaction.open_table(META)?.insert("version", 2)?;
    transaction.commit()?;
    Ok(())
}
