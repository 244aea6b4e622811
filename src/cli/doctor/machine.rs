//! The half that is about the box: disk, storage, memory, voltage, systemd, the journal.

use std::fs;
use std::path::Path;

use futures_util::future::join3;

use super::finding::{Finding, MEMORY, VOLTAGE};
use super::{disk, journal, storage, unit};

/// What a load of a large source needs besides what runs already.
const LITTLE_MEMORY: u64 = 64 << 20;
/// Below it the kernel ends programs.
const NO_MEMORY: u64 = 24 << 20;
/// The kernel's name of the sensor of a Raspberry Pi's supply.
const SUPPLY_SENSOR: &str = "rpi_volt";

pub(super) async fn look(state: &Path) -> Vec<Finding> {
    let root = Path::new("/");
    let work = join3(disk::look(state), journal::look(), unit::look());
    let (disk, journal, unit) = work.await;
    let mut findings = unit;
    findings.extend(journal);
    findings.extend(disk);
    findings.extend(storage::look(root));
    findings.extend([memory(root), voltage(root)]);
    findings
}

fn memory(root: &Path) -> Finding {
    let told = fs::read_to_string(root.join("proc/meminfo")).unwrap_or_default();
    let Some(free) = available(&told) else {
        return MEMORY.skip("", "the kernel does not tell");
    };
    let what = format!("{} MiB available", free >> 20);
    let advice = "see what uses it: ps aux --sort=-rss | head. Ringcard itself is kept to its unit's MemoryMax=";
    match free {
        ..NO_MEMORY => MEMORY.fail("", what, advice),
        NO_MEMORY..LITTLE_MEMORY => MEMORY.warn("", what, advice),
        LITTLE_MEMORY.. => MEMORY.ok("", what),
    }
}

fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|l| l.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}

fn voltage(root: &Path) -> Finding {
    let sensors = fs::read_dir(root.join("sys/class/hwmon"));
    let sensors = sensors.into_iter().flatten().flatten().map(|e| e.path());
    let is_supply = |sensor: &Path| {
        fs::read_to_string(sensor.join("name")).is_ok_and(|name| name.trim() == SUPPLY_SENSOR)
    };
    let Some(supply) = sensors.into_iter().find(|s| is_supply(s)) else {
        return VOLTAGE.skip("", "the kernel tells nothing of the supply");
    };
    let flags = fs::read_dir(&supply).into_iter().flatten().flatten();
    let is_low = flags
        .filter(|f| f.file_name().to_string_lossy().ends_with("_lcrit_alarm"))
        .any(|f| fs::read_to_string(f.path()).is_ok_and(|flag| flag.trim() == "1"));
    match is_low {
        true => VOLTAGE.fail(
            "",
            "the supply's voltage was too low: the board may stop, and the card lose data",
            "use the power supply that belongs to the board, with a short cable",
        ),
        false => VOLTAGE.ok("", "the supply's voltage is right"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn little_memory_is_told_before_it_is_gone() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(memory(root.path()).state, State::Skip);
        for (mebibytes, state) in [(63, State::Warn), (64, State::Ok), (23, State::Fail)] {
            let told = format!("MemTotal: 9 kB\nMemAvailable:   {} kB\n", mebibytes << 10);
            write(root.path(), "proc/meminfo", &told);
            assert_eq!(memory(root.path()).state, state, "{mebibytes}");
        }
    }

    #[test]
    fn a_weak_supply_is_told_where_the_kernel_tells() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(voltage(root.path()).state, State::Skip);
        write(root.path(), "sys/class/hwmon/hwmon1/name", "cpu_thermal\n");
        write(root.path(), "sys/class/hwmon/hwmon2/name", "rpi_volt\n");
        for (flag, state) in [("0\n", State::Ok), ("1\n", State::Fail)] {
            write(root.path(), "sys/class/hwmon/hwmon2/in0_lcrit_alarm", flag);
            assert_eq!(voltage(root.path()).state, state);
        }
    }
}
