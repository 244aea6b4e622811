//! The ladder: in which ways a caller's number may be a contact's, the surest first.
//!
//! ```text
//! exact        the same E.164 number
//! national     the same national number, where one side does not say its country
//! tail         one side has digits too many in front, and does not say its country
//! head-office  an unknown extension of a company's own block of numbers
//! ```
//! Each rung is two things: the questions to ask a copy, which may find too much, and `means`, which alone
//! decides whether a contact that was found is one that the rung means. So the index may be as coarse as it
//! likes, and a scan of all contacts with `means` gives the same answer.
//!
//! Architecture Invariant: two numbers that both say their country match only if they are equal, but for a
//! company's extensions. A wrong digit anywhere in a complete number finds nobody.

use serde::{Deserialize, Serialize};

use super::contact::Contact;
use super::dialling::{LooseNumber, Reading};
use super::phone::{LineKind, PhoneNumber};

/// Fewest and most digits that a common tail must have. Nine are a whole number but for the country in
/// most of the world.
pub const TAIL_DIGITS: std::ops::RangeInclusive<u32> = 8..=12;
/// Most digits that a company's extensions may have.
pub const HEAD_OFFICE_DIGITS: std::ops::RangeInclusive<u32> = 1..=5;
/// Zeros from which the number of a record without a person is taken for a switchboard: one in a hundred
/// numbers has two by chance.
const SWITCHBOARD_ZEROS: u32 = 2;
/// Fewest digits of a block, country code included: with fewer it would be a town's.
const STEM_DIGITS: u32 = 6;

/// ITU-T E.164: no number is longer.
const E164_DIGITS: u32 = 15;

/// How a number was found. The surer rung wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rung {
    Exact,
    National,
    Tail,
    HeadOffice,
}

impl Rung {
    pub const ALL: [Rung; 4] = [Rung::Exact, Rung::National, Rung::Tail, Rung::HeadOffice];
    pub const ALLOWED: &'static str = "\"exact\", \"national\", \"tail\" and \"head-office\"";

    pub fn parse(text: &str) -> Option<Rung> {
        Rung::ALL.into_iter().find(|rung| rung.as_str() == text)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Rung::Exact => "exact",
            Rung::National => "national",
            Rung::Tail => "tail",
            Rung::HeadOffice => "head-office",
        }
    }

    /// In the operator's words.
    pub fn words(self) -> &'static str {
        match self {
            Rung::Exact => "the same number",
            Rung::National => "the same national number; one side does not say its country",
            Rung::Tail => "the same last digits; one side has more in front",
            Rung::HeadOffice => "an extension of a company's head office",
        }
    }
}

/// Which rungs are climbed, and how far they reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ladder {
    /// In the order of `Rung::ALL`; exact is always among them.
    pub rungs: Vec<Rung>,
    pub tail_digits: u32,
    pub head_office_digits: u32,
    /// The country codes of the office: what says no country is more likely from there than from elsewhere.
    pub home: Vec<u64>,
}

impl Default for Ladder {
    fn default() -> Ladder {
        Ladder {
            rungs: Rung::ALL.to_vec(),
            tail_digits: 9,
            head_office_digits: 3,
            home: Vec::new(),
        }
    }
}

/// What to ask a copy for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// The contacts with this number.
    Having(PhoneNumber),
    /// Those with any number, with or without its country, that ends with these digits.
    Ending(u64),
    /// The switchboards of the block of numbers that begins with these digits.
    Block(u64),
}

impl Ladder {
    pub fn questions(&self, rung: Rung, caller: &Reading) -> Vec<Question> {
        match (rung, caller.number, caller.loose) {
            (Rung::Exact, number, _) => number.map(Question::Having).into_iter().collect(),
            (Rung::National, _, Some(loose)) => vec![Question::Ending(loose.digits())],
            (Rung::National, Some(number), None) if is_subscriber(caller.kind) => {
                vec![Question::Ending(number.split().1)]
            }
            (Rung::Tail, _, Some(loose)) => {
                let tails = self.tails(loose).into_iter();
                tails.map(Question::Ending).collect()
            }
            (Rung::Tail, Some(number), None) if self.has_tail(number, caller.kind) => {
                vec![Question::Ending(number.split().1)]
            }
            (Rung::HeadOffice, Some(number), None) if has_extensions(caller.kind) => {
                let stems = (1..=self.head_office_digits).map(|k| number.digits() / power(k));
                stems.map(Question::Block).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Whether the caller can be this contact, as far as this rung goes.
    pub fn means(&self, rung: Rung, caller: &Reading, contact: &Contact) -> bool {
        match (rung, caller.number, caller.loose) {
            (Rung::Exact, Some(number), _) => contact.numbers.contains(&number),
            (Rung::National, _, Some(loose)) => {
                let same =
                    |n: &PhoneNumber| n.split().1 == loose.digits() && is_subscriber(n.kind());
                contact.loose.contains(&loose) || contact.numbers.iter().any(same)
            }
            (Rung::National, Some(number), None) if is_subscriber(caller.kind) => {
                let (country, national) = number.split();
                let is_stranger = !self.home.contains(&country);
                contact.loose.iter().any(|l| l.digits() == national)
                    && !(is_stranger && self.is_at_home(national))
            }
            (Rung::Tail, _, Some(loose)) => contact
                .numbers
                .iter()
                .any(|n| self.is_longer(loose, *n) && self.has_tail(*n, n.kind())),
            (Rung::Tail, Some(number), None) if self.has_tail(number, caller.kind) => {
                contact.loose.iter().any(|l| self.is_longer(*l, number))
            }
            (Rung::HeadOffice, Some(number), None) if has_extensions(caller.kind) => {
                blocks(contact).any(|block| self.is_extension(number, block))
            }
            _ => false,
        }
    }

    /// What could be a whole national number, of those that the digits end with.
    fn tails(&self, loose: LooseNumber) -> Vec<u64> {
        let digits = length(loose.digits());
        let tails = (self.tail_digits..digits).map(|n| (n, loose.digits() % power(n)));
        tails
            .filter(|(n, tail)| length(*tail) == *n)
            .map(|(_, tail)| tail)
            .collect()
    }

    fn has_tail(&self, number: PhoneNumber, kind: LineKind) -> bool {
        is_subscriber(kind) && length(number.split().1) >= self.tail_digits
    }

    /// Whether the digits are those of the number with something in front, and are not themselves a number of
    /// another country. What is in front must end where such a number begins: with its country, or with the
    /// zero of a call within it, as in `8 0532`. A number with a digit too many has the end of somebody else's,
    /// but hardly that.
    fn is_longer(&self, loose: LooseNumber, number: PhoneNumber) -> bool {
        let (country, national) = number.split();
        let size = power(length(national));
        let front = loose.digits() / size;
        let begins = front % power(length(country)) == country
            || (front.is_multiple_of(10) && self.home.contains(&country));
        front > 0
            && begins
            && loose.digits() % size == national
            && loose.elsewhere().is_none_or(|there| there == number)
    }

    /// Whether the digits are a number in service in a country of the office.
    fn is_at_home(&self, national: u64) -> bool {
        let here = |code: &u64| LooseNumber::new(national)?.within(*code);
        self.home.iter().any(|code| here(code).is_some())
    }

    fn is_extension(&self, number: PhoneNumber, block: Block) -> bool {
        let digits = number.digits();
        digits != block.switchboard
            && (block.dropped.max(1)..=self.head_office_digits)
                .any(|k| digits / power(k) == block.stem)
    }
}

/// A number that one subscriber has; behind a service number stand many.
fn is_subscriber(kind: LineKind) -> bool {
    has_extensions(kind) || kind == LineKind::Personal
}

fn has_extensions(kind: LineKind) -> bool {
    matches!(kind, LineKind::Geographic | LineKind::Either)
}

/// Part of a company's numbers: all that begin with `stem` are its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    pub stem: u64,
    /// The company's own number in it, as its digits.
    pub switchboard: u64,
    /// How many zeros at its end give way to an extension; with none, extensions are put behind it.
    pub dropped: u32,
    /// How many of them must be the company's for it to have a switchboard at all.
    proof: u32,
}

impl Block {
    /// The numbers that are the company's if it has this block, of any length that an extension may give them.
    /// With a stranger's among them it has not.
    pub fn claims(self) -> impl Iterator<Item = std::ops::Range<u64>> {
        let wider = self.proof.saturating_sub(self.dropped);
        let stem = self.stem / power(wider);
        let longest = E164_DIGITS.saturating_sub(length(stem));
        (0..=longest.min(*HEAD_OFFICE_DIGITS.end() + wider)).map(move |more| {
            let size = power(more);
            stem * size..(stem + 1) * size
        })
    }
}

/// The blocks behind a contact's switchboards: those it is marked with, and any number of a company's
/// record that ends as switchboards do.
pub fn blocks(contact: &Contact) -> impl Iterator<Item = Block> {
    let nobody = contact.company.is_some() && contact.name.is_none();
    let looks = move |n: &&PhoneNumber| {
        nobody && zeros(n.digits()) >= SWITCHBOARD_ZEROS && n.kind() == LineKind::Geographic
    };
    let marked = contact.switchboards.iter().map(|n| (n, 0));
    let found = contact.numbers.iter().filter(looks);
    let found = found.filter(|n| !contact.switchboards.contains(n));
    let found = found.map(|n| (n, SWITCHBOARD_ZEROS));
    let has_company = contact.company.is_some();
    marked
        .chain(found)
        .filter(move |_| has_company)
        .flat_map(|(number, proof)| {
            let digits = number.digits();
            let zeros = zeros(digits).min(*HEAD_OFFICE_DIGITS.end());
            (zeros.min(1)..=zeros)
                .map(move |dropped| Block {
                    stem: digits / power(dropped),
                    switchboard: digits,
                    dropped,
                    proof,
                })
                .filter(|block| length(block.stem) >= STEM_DIGITS)
        })
}

fn zeros(mut digits: u64) -> u32 {
    let mut zeros = 0;
    while digits > 0 && digits.is_multiple_of(10) {
        digits /= 10;
        zeros += 1;
    }
    zeros
}

fn length(digits: u64) -> u32 {
    digits.checked_ilog10().map_or(1, |log| log + 1)
}

fn power(digits: u32) -> u64 {
    10_u64.pow(digits)
}
