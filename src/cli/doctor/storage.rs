//! What the kernel knows of the storage's health: how worn an eMMC is, and the errors a file system has met.

use std::fs;
use std::path::{Path, PathBuf};

use super::finding::{Finding, STORAGE};

/// Tenths of its life that an eMMC has used (JEDEC: 1 to 10, 11 beyond): from here on it is told.
const WORN: u64 = 9;
const WORN_OUT: u64 = 11;
/// Its spare blocks (JEDEC): 1 normal, 2 four fifths used, 3 nearly all.
const SPARE_LOW: u64 = 2;
const SPARE_GONE: u64 = 3;

const REPLACE: &str =
    "write a backup (sudo ringcard backup FILE) and replace the card or board soon";

pub(super) fn look(root: &Path) -> Vec<Finding> {
    let mut findings: Vec<Finding> = children(&root.join("sys/block"))
        .filter(|device| name(device).starts_with("mmcblk"))
        .filter(|device| !name(device).contains("boot"))
        .map(|device| worn(&device))
        .collect();
    let systems = children(&root.join("sys/fs/ext4"));
    findings.extend(systems.filter_map(|system| damaged(&system)));
    if findings.is_empty() {
        findings.push(STORAGE.skip("", "the kernel tells nothing of this box's storage"));
    }
    findings
}

fn worn(device: &Path) -> Finding {
    let name = name(device);
    // Two kinds of cells, the second often absent: the worse counts.
    let used = numbers(&device.join("device/life_time")).into_iter().max();
    let spare = numbers(&device.join("device/pre_eol_info"))
        .into_iter()
        .max();
    let (used, spare) = (used.unwrap_or(0), spare.unwrap_or(0));
    if used == 0 && spare == 0 {
        return STORAGE.skip(name, "a card that does not tell how worn it is");
    }
    let what = match used {
        0 => "how worn it is is not told".to_owned(),
        WORN_OUT.. => "has outlived the life it was made for".to_owned(),
        n => format!("{} to {} % of its life are used", (n - 1) * 10, n * 10),
    };
    match (used, spare) {
        (WORN_OUT.., _) | (_, SPARE_GONE..) => STORAGE.fail(name, what, REPLACE),
        (WORN.., _) | (_, SPARE_LOW..) => STORAGE.warn(name, what, REPLACE),
        _ => STORAGE.ok(name, what),
    }
}

/// A file system without errors is not worth a line.
fn damaged(system: &Path) -> Option<Finding> {
    let errors = fs::read_to_string(system.join("errors_count")).ok()?;
    let errors: u64 = errors.trim().parse().ok()?;
    let name = name(system);
    (errors > 0).then(|| {
        let what = format!("its file system has met {errors} errors");
        let advice = format!(
            "have it checked at the next start: add fsck.mode=force to the kernel's command line once, and see: \
             journalctl -k | grep {name}. {REPLACE}"
        );
        STORAGE.fail(&*name, what, advice)
    })
}

fn children(directory: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|e| e.path()).collect();
    paths.sort();
    paths.into_iter()
}

fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// `0x01 0x02`.
fn numbers(path: &Path) -> Vec<u64> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let number = |word: &str| u64::from_str_radix(word.trim_start_matches("0x"), 16).ok();
    text.split_whitespace().filter_map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    fn box_with(life_time: &str, pre_eol_info: &str, errors: &str) -> Vec<State> {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("sys/block/mmcblk0/device/life_time", life_time);
        write("sys/block/mmcblk0/device/pre_eol_info", pre_eol_info);
        write("sys/block/mmcblk0boot0/device/life_time", "0x0b 0x0b\n");
        write("sys/fs/ext4/mmcblk0p2/errors_count", errors);
        look(root.path()).iter().map(|f| f.state).collect()
    }

    #[test]
    fn a_worn_card_is_told_before_it_dies() {
        assert_eq!(box_with("0x01 0x02\n", "0x01\n", "0\n"), [State::Ok]);
        assert_eq!(box_with("0x09 0x02\n", "0x01\n", "0\n"), [State::Warn]);
        assert_eq!(box_with("0x01 0x0b\n", "0x01\n", "0\n"), [State::Fail]);
        assert_eq!(box_with("0x01 0x01\n", "0x02\n", "0\n"), [State::Warn]);
        assert_eq!(box_with("0x00 0x00\n", "0x00\n", "0\n"), [State::Skip]);
        assert_eq!(box_with("", "", "3\n"), [State::Skip, State::Fail]);
    }

    #[test]
    fn a_box_that_tells_nothing_is_no_fault() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(look(root.path())[0].state, State::Skip);
    }
}
