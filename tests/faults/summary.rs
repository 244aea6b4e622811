//! A run in numbers, and whether memory and files stayed as they were.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::fate::{History, Ms, Trouble};
use super::mixed::Seen;
use super::oracle::{Fate, Judgement};
use super::plan::Measure;

/// What the last quarter of a run may need of what the first did, and what is noise.
const GROWTH: u64 = 2;
const NOISE_KIB: u64 = 8 << 10;
/// A process that young has not yet touched what it will need.
const GROWN_UP: Ms = 2_000;

#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Since its process was ready.
    pub age: Ms,
    /// KiB in memory, and of the state directory's files.
    pub rss: u64,
    pub state: u64,
}

/// The largest of the first quarter, and of the last.
fn quarters(samples: &[Sample], size: impl Fn(&Sample) -> u64) -> (u64, u64) {
    let grown: Vec<&Sample> = samples.iter().filter(|s| s.age >= GROWN_UP).collect();
    let quarter = grown.len().div_ceil(4);
    let most = |some: &[&Sample]| some.iter().map(|s| size(s)).max().unwrap_or(0);
    (
        most(&grown[..quarter]),
        most(&grown[grown.len() - quarter..]),
    )
}

/// What has grown, in words.
pub fn swollen(samples: &[Sample]) -> Vec<String> {
    let sizes = [
        ("memory", quarters(samples, |s| s.rss)),
        ("the state directory", quarters(samples, |s| s.state)),
    ];
    let too_much = sizes
        .into_iter()
        .filter(|(_, (first, last))| *last > first * GROWTH + NOISE_KIB);
    too_much
        .map(|(what, (first, last))| format!("{what} grew from {first} to {last} KiB"))
        .collect()
}

pub fn table(
    seed: u64,
    measure: &Measure,
    history: &History,
    judgement: &Judgement,
    seen: &Seen,
) -> String {
    let mut text = String::new();
    let mut row = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<44} {value:>10}");
    };
    let (seconds, rate) = (measure.seconds, measure.rate);
    row("seed", seed.to_string());
    row("seconds, calls a second", format!("{seconds}, {rate}"));
    let events = history
        .calls
        .iter()
        .flat_map(|c| [Some(c.init), c.hangup])
        .flatten();
    let (accepted, all) = (
        events.clone().filter(|e| e.accepted()).count(),
        events.count(),
    );
    row("calls", history.calls.len().to_string());
    row("events", all.to_string());
    row("events answered 200", accepted.to_string());
    for (fate, count) in &judgement.fates {
        row(&in_words(fate), count.to_string());
    }
    row(
        "cards posted again after a doubt",
        judgement.duplicates.to_string(),
    );
    let comments = history.calls.iter().map(|call| call.comments.len());
    row("comments", comments.sum::<usize>().to_string());
    row(
        "late cards of lost ends (disk, then kill)",
        judgement.lost_ends.to_string(),
    );
    row(
        "answers not 200 while the process was up",
        judgement.not_200.to_string(),
    );
    let kills = history
        .troubles
        .iter()
        .filter(|t| t.what == Trouble::Killed);
    row("kills", kills.count().to_string());
    let slowest = |bad: bool| {
        let took = seen.restarts.iter().filter(|(_, disk)| *disk == bad);
        let slowest = took.map(|(took, _)| took).max();
        slowest.map_or("-".into(), |took| ms(*took))
    };
    row("slowest restart", slowest(false));
    row("slowest restart on a bad disk", slowest(true));
    row("slowest 200", format!("{} ms", judgement.slowest_200));
    let sizes = [
        ("memory", quarters(&seen.samples, |s| s.rss)),
        ("state", quarters(&seen.samples, |s| s.state)),
    ];
    for (what, (first, last)) in sizes {
        let name = format!("{what}, first and last quarter, KiB");
        row(&name, format!("{first}, {last}"));
    }
    row("violations", judgement.violations.len().to_string());
    text
}

fn in_words(fate: &Fate) -> String {
    match fate {
        Fate::Delivered => "  delivered and seen".into(),
        Fate::Unseen => "  taken as its call ended".into(),
        Fate::Expired(why) => format!("  expired: {}", why.reason()),
        Fate::Dropped(why) => format!("  dropped: {}", why.reason()),
        Fate::Parked => "  parked: refused by Hipcall".into(),
        Fate::NoCard => "  no card: nobody knows the number".into(),
        Fate::NotAccepted => "  not accepted: killed meanwhile".into(),
        Fate::AllowedLoss => "  lost: no disk had taken it, then killed".into(),
    }
}

pub fn ms(time: Duration) -> String {
    format!("{} ms", time.as_millis())
}

/// Keeps a text in `target/faults/` and says where.
pub fn save(name: &str, text: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    let directory = target.expect("a target directory").join("faults");
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(rss: impl Fn(u64) -> u64) -> Vec<Sample> {
        let sample = |at: Ms| Sample {
            age: GROWN_UP,
            rss: rss(at),
            state: 4 << 10,
        };
        (0..100).map(sample).collect()
    }

    #[test]
    fn growth_is_found_and_noise_is_not() {
        assert_eq!(
            swollen(&samples(|at| 20_000 + at % 7)),
            Vec::<String>::new()
        );
        let leaking = swollen(&samples(|at| 20_000 + at * 1_000));
        assert!(leaking[0].starts_with("memory grew"), "{leaking:?}");
        assert_eq!(swollen(&[]), Vec::<String>::new());
    }
}
