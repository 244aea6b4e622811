//! A run in numbers, and whether memory and files stayed as they were.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::fate::{Asked, History, Ms, Trouble};
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
    let (seconds, rate) = (measure.seconds, measure.rate);
    let mut rows = vec![
        ("seed".into(), seed.to_string()),
        (
            "seconds, calls a second".into(),
            format!("{seconds}, {rate}"),
        ),
    ];
    rows.extend(of_calls(history, judgement));
    rows.extend(of_the_process(history, judgement, seen));
    let violations = judgement.violations.len().to_string();
    rows.push(("violations".into(), violations));
    let lines = rows
        .iter()
        .map(|(name, value)| format!("{name:<44} {value:>10}\n"));
    lines.collect()
}

type Rows = Vec<(String, String)>;

fn of_calls(history: &History, judgement: &Judgement) -> Rows {
    let events = history
        .calls
        .iter()
        .flat_map(|c| [Some(c.init), c.hangup])
        .flatten();
    let accepted = events.clone().filter(Asked::accepted);
    let comments = history.calls.iter().map(|call| call.comments.len());
    let mut rows = vec![
        ("calls".into(), history.calls.len()),
        ("events".into(), events.clone().count()),
        ("events answered 200".into(), accepted.count()),
    ];
    rows.extend(
        judgement
            .fates
            .iter()
            .map(|(fate, count)| (in_words(fate), *count)),
    );
    rows.extend([
        (
            "cards posted again after a doubt".into(),
            judgement.duplicates,
        ),
        ("comments".into(), comments.sum::<usize>()),
        (
            "late cards of lost ends (disk, then kill)".into(),
            judgement.lost_ends,
        ),
        (
            "answers not 200 while the process was up".into(),
            judgement.not_200,
        ),
    ]);
    rows.into_iter()
        .map(|(name, count)| (name, count.to_string()))
        .collect()
}

fn of_the_process(history: &History, judgement: &Judgement, seen: &Seen) -> Rows {
    let kills = history
        .troubles
        .iter()
        .filter(|t| t.what == Trouble::Killed);
    let slowest = |bad: bool| {
        let took = seen.restarts.iter().filter(|(_, disk)| *disk == bad);
        let slowest = took.map(|(took, _)| took).max();
        slowest.map_or("-".into(), |took| ms(*took))
    };
    let size = |size: fn(&Sample) -> u64| {
        let (first, last) = quarters(&seen.samples, size);
        format!("{first}, {last}")
    };
    vec![
        ("kills".into(), kills.count().to_string()),
        ("slowest restart".into(), slowest(false)),
        ("slowest restart on a bad disk".into(), slowest(true)),
        (
            "slowest 200".into(),
            format!("{} ms", judgement.slowest_200),
        ),
        (
            "memory, first and last quarter, KiB".into(),
            size(|s| s.rss),
        ),
        (
            "state, first and last quarter, KiB".into(),
            size(|s| s.state),
        ),
    ]
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
