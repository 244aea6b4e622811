//! What the journal has of the last day: Ringcard's warnings by their names, and the kernel's words on storage.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use futures_util::future::join;
use serde_json::Value;

use super::command;
use super::finding::{Finding, JOURNAL, KERNEL};
use crate::system::user;

/// Where a journal is kept, in memory or on disk.
const JOURNALS: [&str; 2] = ["/run/log/journal", "/var/log/journal"];
const JOURNAL_TIME: Duration = Duration::from_secs(15);
/// Some 2,000 lines of JSON.
const JOURNAL_BYTES: usize = 4 << 20;
const LINES: &str = "2000";
const SINCE: &str = "-24h";
/// The most frequent; a box with more kinds of trouble has enough to begin with.
const NAMES_SHOWN: usize = 8;

pub(super) async fn look() -> Vec<Finding> {
    if !JOURNALS.iter().any(|d| Path::new(d).exists()) {
        return vec![JOURNAL.skip("", "no journal is kept here")];
    }
    let (ours, kernels) = join(events(), kernel()).await;
    vec![ours, kernels]
}

async fn events() -> Finding {
    let arguments = [
        "-u", "ringcard", "--since", SINCE, "-p", "warning", "-n", LINES,
    ];
    match entries(&arguments).await {
        Ok(entries) => judge(&entries),
        Err(why) => JOURNAL.skip("", why),
    }
}

async fn kernel() -> Finding {
    let arguments = ["-k", "--since", SINCE, "-p", "warning", "-n", LINES];
    match entries(&arguments).await {
        Ok(entries) => judge_kernel(&entries),
        Err(why) => KERNEL.skip("", why),
    }
}

/// Entries of the journal, oldest first.
pub(in crate::cli) async fn entries(arguments: &[&str]) -> Result<Vec<Value>, String> {
    let always = ["--no-pager", "--quiet", "-o", "json"];
    let arguments = [arguments, &always].concat();
    let said = command::ask("journalctl", &arguments, JOURNAL_TIME, JOURNAL_BYTES).await?;
    let text = said.text();
    let entries: Vec<Value> = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    // Without the right to it, the journal is as good as empty.
    match entries.is_empty() && !user::is_root() {
        true => Err("not checked: run it with sudo".into()),
        false => Ok(entries),
    }
}

fn judge(entries: &[Value]) -> Finding {
    let mut names: BTreeMap<&str, u64> = BTreeMap::new();
    for entry in entries {
        let name = entry["F_EVENT_ID"].as_str().unwrap_or("without a name");
        *names.entry(name).or_default() += 1;
    }
    if names.is_empty() {
        return JOURNAL.ok("", "no warning in the last 24 h");
    }
    let mut names: Vec<(&str, u64)> = names.into_iter().collect();
    names.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let shown = names.iter().take(NAMES_SHOWN);
    let shown: Vec<String> = shown
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    let what = format!("in the last 24 h: {}", shown.join(", "));
    let advice = "each name is explained in docs/operations.md; the lines: journalctl -u ringcard -p warning --since -24h";
    JOURNAL.warn("", what, advice)
}

fn judge_kernel(entries: &[Value]) -> Finding {
    let lines = entries.iter().filter_map(|e| e["MESSAGE"].as_str());
    let (mut storage, mut supply) = (0_u64, 0_u64);
    for line in lines.map(str::to_ascii_lowercase) {
        storage += u64::from(is_of_storage(&line));
        supply += u64::from(line.contains("under-voltage") || line.contains("undervoltage"));
    }
    if storage > 0 {
        let what = format!("{storage} lines on errors of the storage in the last 24 h");
        let advice = "write a backup (sudo ringcard backup FILE) and replace the card; the lines: journalctl -k -p warning";
        return KERNEL.fail("", what, advice);
    }
    if supply > 0 {
        let what = format!("{supply} lines on too low a voltage in the last 24 h");
        let advice = "use the power supply that belongs to the board, with a short cable";
        return KERNEL.warn("", what, advice);
    }
    KERNEL.ok("", "nothing on storage or voltage in the last 24 h")
}

/// Whether a line of the kernel's, in lower case, tells of a disk that fails.
pub(in crate::cli) fn is_of_storage(line: &str) -> bool {
    let is_of_a_card = line.contains("mmc")
        && ["error", "timeout", "timed out"]
            .iter()
            .any(|w| line.contains(w));
    let signs = [
        "i/o error",
        "ext4-fs error",
        "ext4-fs warning",
        "buffer i/o",
        "remounting filesystem read-only",
    ];
    is_of_a_card || signs.iter().any(|sign| line.contains(sign))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::finding::State;
    use super::*;

    #[test]
    fn events_are_counted_by_their_names() {
        assert_eq!(judge(&[]).state, State::Ok);
        let lines = ["sync-held", "card-expired", "card-expired"];
        let mut entries: Vec<Value> = lines.iter().map(|id| json!({"F_EVENT_ID": id})).collect();
        entries.push(json!({"MESSAGE": "a panic"}));
        let found = judge(&entries);
        assert_eq!(found.state, State::Warn);
        assert_eq!(
            found.what,
            "in the last 24 h: card-expired 2, sync-held 1, without a name 1"
        );
    }

    #[test]
    fn the_kernel_is_heard_on_cards_that_fail() {
        let said = |line: &str| judge_kernel(&[json!({"MESSAGE": line})]).state;
        for line in [
            "mmc0: error -110 whilst initialising SD card",
            "mmcblk0: timed out sending r/w cmd command",
            "blk_update_request: I/O error, dev mmcblk0, sector 1234",
            "EXT4-fs error (device mmcblk0p2): ext4_lookup:1690",
            "EXT4-fs (mmcblk0p2): Remounting filesystem read-only",
        ] {
            assert_eq!(said(line), State::Fail, "{line}");
        }
        assert_eq!(said("hwmon hwmon1: Undervoltage detected!"), State::Warn);
        assert_eq!(said("mmc0: new high speed SDHC card"), State::Ok);
    }
}
