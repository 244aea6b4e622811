//! Whether an answer is right: everybody it names must own the number, and so must whose balance it shows.

use std::collections::BTreeMap;
use std::fmt;

use ringcard::domain::contact::Shared;
use ringcard::domain::ladder::Rung;
use ringcard::domain::phone::LineKind;

use super::numbers::Number;
use super::office::Answer;
use super::people::{Who, World};
use super::questions::{Kind, Question};

/// Wrong answers that are shown.
const SHOWN: usize = 40;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    /// All that is named, and the one who calls if only one can.
    Right,
    /// The company, where the one person who calls is known.
    Vague,
    /// Nobody, and rightly so.
    Nobody,
    /// Nobody, though somebody in the CRM has it.
    Missed,
    /// One side has these very digits and no country. If the other's is another one, nothing tells.
    AsWritten,
    Wrong,
}

#[derive(Default)]
pub struct Tally {
    counts: BTreeMap<(Kind, Verdict), u64>,
    rungs: BTreeMap<(Kind, Rung), u64>,
    misses: BTreeMap<(Kind, String), (u64, String)>,
    wrong_count: BTreeMap<(Kind, Option<Rung>), u64>,
    pub wrong: Vec<String>,
}

impl World {
    fn owners(&self, number: &Number) -> Vec<Who> {
        let digits = number.digits();
        let mut owners = self.owners.get(&digits).cloned().unwrap_or_default();
        if owners.is_empty() {
            let stems = (1..=5).map(|k| digits / 10_u64.pow(k));
            owners.extend(stems.filter_map(|stem| self.blocks.get(&stem).copied()));
        }
        owners
    }

    /// The company that all owners are of.
    fn company_of(&self, owners: &[Who]) -> Option<Who> {
        let company = |who: &Who| match self.parties[*who].is_company {
            true => Some(*who),
            false => self.parties[*who].employer,
        };
        let first = company(owners.first()?)?;
        let all = owners.iter().all(|who| company(who) == Some(first));
        all.then_some(first)
    }

    fn judge(&self, question: &Question, answer: &Answer) -> Verdict {
        let owners = question.number.as_ref().map(|n| self.owners(n));
        let verdict = self.judge_by(&owners.unwrap_or_default(), answer);
        let Some(number) = &question.number else {
            return verdict;
        };
        let says_country = question.text.starts_with('+') || question.text.starts_with("00");
        let own = number.national.parse().unwrap();
        let mut written = vec![self.said.get(&own), self.said.get(&number.digits())];
        if !says_country && number.kind() == LineKind::Unknown {
            written.push(self.national.get(&own));
        }
        let is_written =
            |who: &Vec<Who>| matches!(self.judge_by(who, answer), Verdict::Right | Verdict::Vague);
        match verdict {
            Verdict::Wrong if written.into_iter().flatten().any(is_written) => Verdict::AsWritten,
            verdict => verdict,
        }
    }

    fn judge_by(&self, owners: &[Who], answer: &Answer) -> Verdict {
        let Answer::Found {
            name,
            company,
            balance,
            shared,
            ..
        } = answer
        else {
            return match owners.is_empty() {
                true => Verdict::Nobody,
                false => Verdict::Missed,
            };
        };
        let named = |who: &Who, text: &str| self.parties[*who].name == text;
        let names: Vec<&str> = name.iter().flat_map(|n| n.split(" / ")).collect();
        let names: Vec<&str> = names
            .iter()
            .map(|n| n.split(" (+").next().unwrap_or(n))
            .collect();
        let all_own = names
            .iter()
            .all(|text| owners.iter().any(|who| named(who, text)));
        let its_company = self.company_of(owners);
        let right_company = company
            .as_ref()
            .is_none_or(|text| its_company.is_some_and(|who| named(&who, text)));
        let shown = match (names.len(), shared) {
            (1, Shared::No) => owners.iter().copied().find(|who| named(who, names[0])),
            (0, _) => its_company,
            _ => None,
        };
        let right_balance = balance.is_none_or(|account| {
            let whose = self.accounts.get(account).copied();
            whose.is_some() && (whose == shown || (whose == its_company))
        });
        let is_company = |who: &Who| self.parties[*who].is_company;
        // One of several is not told from the others.
        let alone =
            owners.len() == 1 || *shared != Shared::No || shown.as_ref().is_some_and(is_company);
        match all_own && right_company && right_balance && alone {
            false => Verdict::Wrong,
            true if owners.len() == 1 && names.is_empty() && !is_company(&owners[0]) => {
                Verdict::Vague
            }
            true => Verdict::Right,
        }
    }
}

impl Tally {
    pub fn add(&mut self, world: &World, question: &Question, answer: Answer) {
        let kind = question.kind;
        let verdict = world.judge(question, &answer);
        *self.counts.entry((kind, verdict)).or_default() += 1;
        let rung = match &answer {
            Answer::Found { rung, .. } => Some(*rung),
            _ => None,
        };
        if let Some(rung) = rung {
            *self.rungs.entry((kind, rung)).or_default() += 1;
        }
        match (verdict, &answer) {
            (Verdict::Missed, Answer::Nobody(why)) => {
                let example = || (0, question.text.clone());
                let miss = self
                    .misses
                    .entry((kind, why.clone()))
                    .or_insert_with(example);
                miss.0 += 1;
            }
            (Verdict::Wrong, _) => {
                let count = self.wrong_count.entry((kind, rung)).or_default();
                *count += 1;
                if *count <= 5 && self.wrong.len() < SHOWN {
                    let text = &question.text;
                    self.wrong.push(format!("{kind:?} {text}: {answer:?}"));
                }
            }
            _ => {}
        }
    }

    pub fn merge(&mut self, other: Tally) {
        fn sum<K: Ord>(into: &mut BTreeMap<K, u64>, from: BTreeMap<K, u64>) {
            for (key, count) in from {
                *into.entry(key).or_default() += count;
            }
        }
        sum(&mut self.counts, other.counts);
        sum(&mut self.rungs, other.rungs);
        sum(&mut self.wrong_count, other.wrong_count);
        for (key, (count, example)) in other.misses {
            self.misses.entry(key).or_insert((0, example)).0 += count;
        }
        self.wrong.extend(other.wrong);
    }

    pub fn asked(&self) -> u64 {
        self.counts.values().sum()
    }

    fn of(&self, kind: Kind) -> u64 {
        let own = self.counts.iter().filter(|((k, _), _)| *k == kind);
        own.map(|(_, count)| count).sum()
    }

    /// In percent.
    pub fn share(&self, kind: Kind, verdict: Verdict) -> f64 {
        let count = self.counts.get(&(kind, verdict)).copied();
        100.0 * count.unwrap_or(0) as f64 / self.of(kind).max(1) as f64
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((kind, verdict), count) in &self.counts {
            let share = self.share(*kind, *verdict);
            writeln!(f, "{kind:?} {verdict:?}: {count} ({share:.2} %)")?;
        }
        for ((kind, rung), count) in &self.rungs {
            let share = 100.0 * *count as f64 / self.of(*kind) as f64;
            writeln!(
                f,
                "{kind:?} found {}: {count} ({share:.2} %)",
                rung.as_str()
            )?;
        }
        for ((kind, why), (count, example)) in &self.misses {
            writeln!(f, "{kind:?} missed, {why}: {count}, such as {example}")?;
        }
        for ((kind, rung), count) in &self.wrong_count {
            writeln!(f, "{kind:?} WRONG on {rung:?}: {count}")?;
        }
        Ok(())
    }
}
