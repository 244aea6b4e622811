//! The last real callers: what a new copy is tried on before it is published.
//!
//! Numbers only, each once, the latest last. Which calls count is the caller's to say.

use std::collections::{HashMap, VecDeque};

use super::contact::Contact;
use super::dialling::{Dialling, LooseNumber, Reading};
use super::guard::{CALLERS_NEEDED, Recognised};
use super::ladder::{Ladder, Rung};
use super::phone::LineKind;

/// Callers remembered: some days of a branch.
pub const CALLERS: usize = 1000;
/// Digits at the end that two numbers have in common if any of these rungs finds one by the other.
const COMMON: u64 = 100_000_000;
/// The rungs that count. An extension of a company is found by who else is there, which one copy can't say.
pub const RUNGS: [Rung; 3] = [Rung::Exact, Rung::National, Rung::Tail];

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Callers(VecDeque<Caller>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caller {
    /// Its country is certain: the digits of E.164.
    Certain(u64),
    Loose(LooseNumber),
}

impl Callers {
    pub fn remember(&mut self, caller: &Reading) {
        let caller = match (caller.loose, caller.number) {
            (Some(loose), _) => Caller::Loose(loose),
            (None, Some(number)) => Caller::Certain(number.digits()),
            (None, None) => return,
        };
        self.0.retain(|known| *known != caller);
        self.0.push_back(caller);
        if self.0.len() > CALLERS {
            self.0.pop_front();
        }
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn readings(&self) -> Vec<Reading> {
        self.0
            .iter()
            .filter_map(|caller| caller.reading())
            .collect()
    }

    /// A line for each: `+905325550101`, or without its country the digits and where they were dialled.
    pub fn lines(&self) -> String {
        let line = |caller: &Caller| match caller {
            Caller::Certain(digits) => format!("+{digits}\n"),
            Caller::Loose(loose) => format!("{} {}\n", loose.digits(), loose.home()),
        };
        self.0.iter().map(line).collect()
    }

    /// What `lines` wrote; `None` if there is anything else in it.
    pub fn parse(text: &str) -> Option<Callers> {
        if !(text.is_empty() || text.ends_with('\n')) {
            return None;
        }
        let callers: Option<VecDeque<Caller>> = text.lines().map(Caller::parse).collect();
        callers.filter(|c| c.len() <= CALLERS).map(Callers)
    }
}

impl Caller {
    fn parse(line: &str) -> Option<Caller> {
        if line.starts_with('+') {
            let number = Dialling::default().read(line).ok()?.number?;
            return Some(Caller::Certain(number.digits()));
        }
        let (digits, home) = line.split_once(' ')?;
        let loose = LooseNumber::new(digits.parse().ok()?, home.parse().ok()?)?;
        Some(Caller::Loose(loose))
    }

    fn reading(&self) -> Option<Reading> {
        match self {
            Caller::Certain(digits) => Dialling::default().read(&format!("+{digits}")).ok(),
            Caller::Loose(loose) => {
                let number = loose.within(loose.home());
                Some(Reading {
                    number,
                    loose: Some(*loose),
                    kind: number.map_or(LineKind::Unknown, |n| n.kind()),
                })
            }
        }
    }
}

/// Counts which callers somebody among the contacts can be, in one pass over them.
pub struct Recognition<'a> {
    ladder: &'a Ladder,
    callers: &'a [Reading],
    by_end: HashMap<u64, Vec<usize>>,
    known: Vec<bool>,
}

impl<'a> Recognition<'a> {
    pub fn new(ladder: &'a Ladder, callers: &'a [Reading]) -> Recognition<'a> {
        let mut by_end: HashMap<u64, Vec<usize>> = HashMap::new();
        for (n, caller) in callers.iter().enumerate() {
            let digits = caller.number.map(|n| n.digits());
            let ends = digits.into_iter().chain(caller.loose.map(|l| l.digits()));
            for end in ends.map(|digits| digits % COMMON) {
                let at = by_end.entry(end).or_default();
                if at.last() != Some(&n) {
                    at.push(n);
                }
            }
        }
        Recognition {
            ladder,
            callers,
            by_end,
            known: vec![false; callers.len()],
        }
    }

    pub fn see(&mut self, contact: &Contact) {
        let digits = contact.numbers.iter().map(|n| n.digits());
        for digits in digits.chain(contact.loose.iter().map(|l| l.digits())) {
            for n in self.by_end.get(&(digits % COMMON)).into_iter().flatten() {
                let means = |rung: &Rung| self.ladder.means(*rung, &self.callers[*n], contact);
                if !self.known[*n] && self.climbed().any(|rung| means(&rung)) {
                    self.known[*n] = true;
                }
            }
        }
    }

    /// With what the same callers were to the records before. Of few callers that says nothing.
    pub fn beside(&self, before: &Recognition<'_>) -> Option<Recognised> {
        let of = self.callers.len();
        (of >= CALLERS_NEEDED).then(|| Recognised {
            before: before.count(),
            after: self.count(),
            of,
        })
    }

    pub fn count(&self) -> usize {
        self.known.iter().filter(|known| **known).count()
    }

    fn climbed(&self) -> impl Iterator<Item = Rung> {
        RUNGS.into_iter().filter(|r| self.ladder.rungs.contains(r))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::phone::Region;

    fn read(text: &str) -> Reading {
        Dialling::of(Region::parse("TR").unwrap())
            .read(text)
            .unwrap()
    }

    fn loose(text: &str) -> Reading {
        Dialling::default().read(text).unwrap()
    }

    #[test]
    fn each_caller_is_remembered_once_the_latest_last() {
        let mut callers = Callers::default();
        for text in ["05325550101", "02125550100", "+90 532 555 01 01"] {
            callers.remember(&read(text));
        }
        assert_eq!(callers.lines(), "+902125550100\n+905325550101\n");
    }

    #[test]
    fn the_oldest_caller_makes_room() {
        let mut callers = Callers::default();
        for n in 0..=CALLERS {
            callers.remember(&read(&format!("0532555{n:04}")));
        }
        assert_eq!(callers.len(), CALLERS);
        assert!(callers.lines().starts_with("+905325550001\n"));
    }

    #[test]
    fn callers_come_back_as_they_were_or_not_at_all() {
        let mut callers = Callers::default();
        for caller in [
            read("05325550101"),
            loose("5325550102"),
            loose("2125550103"),
        ] {
            callers.remember(&caller);
        }
        let lines = callers.lines();
        let back = Callers::parse(&lines).unwrap();
        assert_eq!(back, callers);
        assert_eq!(back.readings().len(), 3);
        assert_eq!(Callers::parse(""), Some(Callers::default()));
        for damaged in [
            &lines[..lines.len() - 1],
            "x\n",
            "+90532\n",
            "+905325550101\n\0\n",
            &"+905325550101\n".repeat(CALLERS + 1),
        ] {
            assert_eq!(Callers::parse(damaged), None);
        }
    }

    #[test]
    fn a_caller_is_known_by_the_same_rungs_as_a_call() {
        let callers = [
            read("05325550101"),
            read("05325550199"),
            loose("5325550102"),
        ];
        let ladder = Ladder::default();
        let mut recognition = Recognition::new(&ladder, &callers);
        let having = |reading: Reading| Contact {
            numbers: reading.number.into_iter().collect(),
            loose: reading.loose.into_iter().collect(),
            ..Contact::default()
        };
        recognition.see(&having(read("05325550111")));
        assert_eq!(recognition.count(), 0);
        recognition.see(&having(loose("5325550101")));
        recognition.see(&having(read("05325550102")));
        assert_eq!(recognition.count(), 2);
    }
}
