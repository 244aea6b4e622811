//! A seed decides what happens in a run, and when: calls, faults, kills. Pure.
//!
//! Times are milliseconds since the run's beginning. One fault at a time, with pauses of any length between
//! them, so that some calls live in peace, some in the middle of something, and some across several; kills
//! come whenever they come.

use super::fate::Ms;
use super::shim::Disk;

/// Nothing goes wrong before.
const PEACE: Ms = 3_000;
/// Calls live this long; a few outlive their card.
const SHORTEST_CALL: Ms = 200;
const LONGEST_CALL: Ms = 25_000;
/// Faults last this long, and so long is the peace between them.
const SHORTEST_FAULT: Ms = 300;
const LONGEST_FAULT: Ms = 5_000;
const LONGEST_PEACE: Ms = 14_000;

/// How long and how hard.
#[derive(Clone, Debug)]
pub struct Measure {
    pub seconds: u64,
    /// Calls a second.
    pub rate: u64,
    /// Seconds between kills, on average.
    pub kill_every: u64,
    /// Names of the faults that are left in; all if there is none.
    pub kinds: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub at: Ms,
    pub who: Who,
    /// Hipcall tells of its end, or does not.
    pub lasts: Option<Ms>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Contact(usize),
    /// Nobody whom the office knows.
    Stranger(usize),
}

/// What goes wrong with coming posts of cards, so many of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failing {
    Fault,
    Quota,
    Token,
    Unknown,
    Refused,
    Elsewhere,
    Hang,
    Slow,
    Drip,
    HalfOpen,
    Close,
    Reset,
    Taken,
    Cut,
    ReadBack,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trial {
    Down,
    Names,
    Dates,
    Stranger,
    CutLine,
    Clock { years: i64 },
    Disk(Disk),
    Pause,
    Sync,
    Posts { failing: Failing, count: usize },
}

/// Every fault by the name it can be asked for with.
pub const KINDS: [(&str, Trial); 29] = [
    ("down", Trial::Down),
    ("names", Trial::Names),
    ("dates", Trial::Dates),
    ("stranger", Trial::Stranger),
    ("cut-line", Trial::CutLine),
    ("future", Trial::Clock { years: 10 }),
    ("past", Trial::Clock { years: -10 }),
    ("full", Trial::Disk(Disk::Full)),
    ("failing", Trial::Disk(Disk::Failing)),
    ("read-only", Trial::Disk(Disk::ReadOnly)),
    ("stalled", Trial::Disk(Disk::Stalled)),
    ("pause", Trial::Pause),
    ("sync", Trial::Sync),
    ("fault", posts(Failing::Fault)),
    ("quota", posts(Failing::Quota)),
    ("token", posts(Failing::Token)),
    ("unknown", posts(Failing::Unknown)),
    ("refused", posts(Failing::Refused)),
    ("elsewhere", posts(Failing::Elsewhere)),
    ("hang", posts(Failing::Hang)),
    ("slow", posts(Failing::Slow)),
    ("drip", posts(Failing::Drip)),
    ("half-open", posts(Failing::HalfOpen)),
    ("close", posts(Failing::Close)),
    ("reset", posts(Failing::Reset)),
    ("taken", posts(Failing::Taken)),
    ("cut", posts(Failing::Cut)),
    ("read-back", posts(Failing::ReadBack)),
    (
        "peace",
        Trial::Posts {
            failing: Failing::Fault,
            count: 0,
        },
    ),
];

const fn posts(failing: Failing) -> Trial {
    Trial::Posts { failing, count: 1 }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happening {
    pub at: Ms,
    pub lasts: Ms,
    pub name: &'static str,
    pub trial: Trial,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub calls: Vec<Caller>,
    pub happenings: Vec<Happening>,
    pub kills: Vec<Ms>,
}

impl Plan {
    pub fn new(seed: u64, measure: &Measure, contacts: usize) -> Plan {
        let mut dice = fastrand::Rng::with_seed(seed);
        let end = measure.seconds * 1_000;
        Plan {
            calls: calls(&mut dice, end, measure.rate, contacts),
            happenings: happenings(&mut dice, end, &measure.kinds),
            kills: kills(&mut dice, end, measure.kill_every * 1_000),
        }
    }
}

fn calls(dice: &mut fastrand::Rng, end: Ms, rate: u64, contacts: usize) -> Vec<Caller> {
    let mut calls: Vec<Caller> = (0..end * rate / 1_000)
        .map(|_| Caller {
            at: dice.u64(..end),
            who: match dice.u8(..10) {
                0 => Who::Stranger(dice.usize(..10_000)),
                _ => Who::Contact(dice.usize(..contacts)),
            },
            lasts: (dice.u8(..20) > 0).then(|| dice.u64(SHORTEST_CALL..LONGEST_CALL)),
        })
        .collect();
    calls.sort_by_key(|call| call.at);
    calls
}

fn happenings(dice: &mut fastrand::Rng, end: Ms, kinds: &[String]) -> Vec<Happening> {
    for kind in kinds {
        let known = KINDS.iter().any(|(name, _)| name == kind);
        assert!(known, "no fault is called `{kind}`");
    }
    let wanted = |name: &str| kinds.is_empty() || kinds.iter().any(|kind| kind == name);
    let known: Vec<_> = KINDS.iter().filter(|(name, _)| wanted(name)).collect();
    let mut happenings = Vec::new();
    let mut at = PEACE;
    // Each kind comes once before any comes twice: a short run is to meet as many as it can.
    let mut deck = Vec::new();
    while at < end && !known.is_empty() {
        if deck.is_empty() {
            deck.clone_from(&known);
            dice.shuffle(&mut deck);
        }
        let Some((name, trial)) = deck.pop() else {
            break;
        };
        let trial = match *trial {
            Trial::Posts { failing, count } => Trial::Posts {
                failing,
                count: count * dice.usize(1..6),
            },
            other => other,
        };
        let lasts = dice.u64(SHORTEST_FAULT..LONGEST_FAULT);
        happenings.push(Happening {
            at,
            lasts,
            name,
            trial,
        });
        // Mostly short, so that faults meet; sometimes long, so that calls are in peace.
        let pause = [200, 1_000, LONGEST_PEACE][dice.usize(..3)];
        at += lasts + dice.u64(..pause);
    }
    happenings
}

fn kills(dice: &mut fastrand::Rng, end: Ms, every: Ms) -> Vec<Ms> {
    let mut kills = Vec::new();
    let mut at = 0;
    if every == 0 {
        return kills;
    }
    loop {
        at += every / 2 + dice.u64(..every);
        if at >= end {
            return kills;
        }
        kills.push(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measure(kinds: &[&str]) -> Measure {
        Measure {
            seconds: 600,
            rate: 20,
            kill_every: 10,
            kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
        }
    }

    #[test]
    fn a_seed_is_a_run() {
        let plan = |seed| Plan::new(seed, &measure(&[]), 500);
        assert_eq!(plan(7), plan(7));
        assert_ne!(plan(7), plan(8));
    }

    #[test]
    fn a_long_run_meets_every_fault_and_as_many_kills_as_were_asked_for() {
        let plan = Plan::new(7, &measure(&[]), 500);
        for (name, _) in KINDS {
            assert!(plan.happenings.iter().any(|h| h.name == name), "{name}");
        }
        assert_eq!(plan.calls.len(), 12_000);
        assert!((50..70).contains(&plan.kills.len()), "{}", plan.kills.len());
        let in_time = |at: &Ms| *at < 600_000;
        assert!(plan.calls.iter().all(|call| in_time(&call.at)) && plan.kills.iter().all(in_time));
    }

    #[test]
    fn a_fault_that_does_not_exist_is_no_peaceful_run() {
        let told = std::panic::catch_unwind(|| Plan::new(7, &measure(&["dwon"]), 500));
        let told = told.err().and_then(|told| told.downcast::<String>().ok());
        assert_eq!(*told.unwrap(), "no fault is called `dwon`");
    }

    #[test]
    fn only_the_faults_asked_for_happen() {
        let plan = Plan::new(7, &measure(&["down", "full"]), 500);
        let named = |h: &Happening| ["down", "full"].contains(&h.name);
        assert!(!plan.happenings.is_empty() && plan.happenings.iter().all(named));
    }
}
