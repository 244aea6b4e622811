//! The numbers that are asked for: known ones in every form, and everything that is nearly one of them.

use fastrand::Rng;

use super::numbers::{CODES, Number, TURKISH, anybody};
use super::people::{World, Written};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Whole in the CRM.
    Known,
    /// Written there without its country.
    KnownLoose,
    /// Written there with digits in front.
    KnownPrefixed,
    /// In a cell nobody can read.
    KnownWrong,
    /// Of a block.
    Extension,
    OneDigitOff,
    OtherCountry,
    /// The same in another country, of what is written without its country.
    OtherCountryLoose,
    /// What could be read out of a wrong cell.
    OutOfWrongCell,
    Stranger,
    BehindAPrefix,
    Withheld,
}

pub struct Question {
    pub kind: Kind,
    /// Nobody's where there is no number.
    pub number: Option<Number>,
    pub text: String,
}

impl World {
    pub fn question(&self, random: &mut Rng) -> Question {
        let (number, written) = &self.known[random.usize(..self.known.len())];
        let as_sent = |kind, number: Number, random: &mut Rng| Question {
            kind,
            text: number.sent(random),
            number: Some(number),
        };
        match random.u8(..100) {
            0..45 => {
                let kind = match written {
                    Written::Whole => Kind::Known,
                    Written::Loose => Kind::KnownLoose,
                    Written::Prefixed => Kind::KnownPrefixed,
                    Written::Wrong => Kind::KnownWrong,
                };
                as_sent(kind, number.clone(), random)
            }
            45..55 => as_sent(Kind::Extension, self.extension(random), random),
            55..78 => as_sent(Kind::OneDigitOff, one_off(number, random), random),
            78..86 => {
                let kind = match written {
                    Written::Loose => Kind::OtherCountryLoose,
                    _ => Kind::OtherCountry,
                };
                as_sent(kind, elsewhere(number, random), random)
            }
            86..89 => as_sent(
                Kind::OutOfWrongCell,
                self.out_of_a_wrong_cell(random),
                random,
            ),
            89..97 => as_sent(Kind::Stranger, anybody(random), random),
            97..99 => {
                let prefix = random.choice(["8", "9", "80", "90"]).unwrap();
                let text = format!("{prefix}0{}", number.national);
                Question {
                    kind: Kind::BehindAPrefix,
                    number: Some(number.clone()),
                    text,
                }
            }
            _ => {
                let texts = [
                    "anonymous",
                    "",
                    "Restricted",
                    "101",
                    "+",
                    "dahili 12",
                    "hello",
                ];
                let text = random.choice(texts).unwrap().to_owned();
                Question {
                    kind: Kind::Withheld,
                    number: None,
                    text,
                }
            }
        }
    }

    /// Of a company's block, or of what only looks like one.
    fn extension(&self, random: &mut Rng) -> Number {
        let (head, zeros) = &self.block_list[random.usize(..self.block_list.len())];
        let mut national = head.national.clone();
        let keep = national.len() - zeros;
        national.truncate(keep);
        national.extend(std::iter::repeat_with(|| random.digit(10)).take(*zeros));
        Number {
            country: head.country,
            national,
        }
    }

    /// The last digits of a wrong cell, or all of them in another country.
    fn out_of_a_wrong_cell(&self, random: &mut Rng) -> Number {
        let digits = &self.wrong_digits[random.usize(..self.wrong_digits.len())];
        let from = random.usize(..3).min(digits.len() - 7);
        let country = match random.bool() {
            true => TURKISH,
            false => *random.choice(CODES).unwrap(),
        };
        Number {
            country,
            national: digits[from..].to_owned(),
        }
    }
}

fn one_off(number: &Number, random: &mut Rng) -> Number {
    let mut national = number.national.clone();
    let at = random.usize(..national.len());
    let old = national.as_bytes()[at] - b'0';
    let new = (old + random.u8(1..10)) % 10;
    national.replace_range(at..=at, &new.to_string());
    Number {
        country: number.country,
        national,
    }
}

fn elsewhere(number: &Number, random: &mut Rng) -> Number {
    let others: Vec<u64> = CODES
        .iter()
        .copied()
        .filter(|c| *c != number.country)
        .collect();
    Number {
        country: *random.choice(&others).unwrap(),
        national: number.national.clone(),
    }
}
