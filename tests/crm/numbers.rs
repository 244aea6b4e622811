//! Numbers that are in service, and the ways in which people and networks write them.

use std::collections::HashSet;

use fastrand::Rng;
use ringcard::domain::dialling::Dialling;
use ringcard::domain::phone::LineKind;

/// Country code, first digits, and how many follow at random.
type Range = (u64, &'static str, usize);

const TURKISH_MOBILES: &[Range] = &[
    (90, "530", 7),
    (90, "532", 7),
    (90, "533", 7),
    (90, "542", 7),
    (90, "555", 7),
    (90, "505", 7),
];
const TURKISH_LINES: &[Range] = &[
    (90, "212", 7),
    (90, "216", 7),
    (90, "312", 7),
    (90, "232", 7),
    (90, "322", 7),
];
const TURKISH_SERVICES: &[Range] = &[(90, "444", 4), (90, "850", 7), (90, "800", 7)];
const FOREIGN: &[Range] = &[
    (44, "207", 7),
    (44, "161", 7),
    (44, "7911", 6),
    (49, "30", 8),
    (49, "89", 7),
    (49, "1512", 7),
    (1, "212", 7),
    (1, "312", 7),
    (33, "1", 8),
    (33, "6", 8),
    (39, "02", 8),
    (39, "347", 7),
    (971, "50", 7),
    (994, "12", 7),
    (994, "50", 7),
    (351, "21", 7),
    (48, "22", 7),
    (91, "98", 8),
    (31, "20", 7),
    (34, "91", 7),
];
/// Countries whose numbers may be as long as those of others.
pub const CODES: &[u64] = &[
    1, 7, 20, 30, 31, 33, 34, 39, 40, 44, 48, 49, 55, 61, 86, 90, 91, 351, 380, 966, 971, 994,
];
pub const TURKISH: u64 = 90;

/// A number by what stands before and after its country code's end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Number {
    pub country: u64,
    /// Its national digits; Italian ones may begin with a zero.
    pub national: String,
}

impl Number {
    pub fn digits(&self) -> u64 {
        format!("{}{}", self.country, self.national)
            .parse()
            .unwrap()
    }

    pub fn kind(&self) -> LineKind {
        let read = Dialling::default().read(&format!("+{}", self.digits()));
        read.map_or(LineKind::Unknown, |reading| reading.kind)
    }

    /// As people write it in a country: with its trunk prefix, in groups.
    pub fn at_home(&self, random: &mut Rng) -> String {
        let zero = if [1, 39, 351, 48, 34].contains(&self.country) || self.national.len() == 7 {
            ""
        } else {
            "0"
        };
        let national = &self.national;
        let (area, rest) = national.split_at(3.min(national.len()));
        let (middle, end) = rest.split_at(rest.len().min(3));
        match random.u8(..6) {
            0 => format!("{zero}{area} {middle} {end}"),
            1 => format!("({zero}{area}) {middle}-{end}"),
            2 => format!("{zero}{area}.{middle}.{end}"),
            3 => format!("{area} {middle}{end}"),
            4 => format!("Tel: {zero}{area} {middle} {end}"),
            _ => format!("{zero}{national}"),
        }
    }

    /// With its country, as people write it abroad.
    pub fn abroad(&self, random: &mut Rng) -> String {
        let (country, national) = (self.country, &self.national);
        let (area, rest) = national.split_at(3.min(national.len()));
        match random.u8(..4) {
            0 => format!("+{country} {area} {rest}"),
            1 => format!("00{country}{national}"),
            2 => format!("+{country}{national}"),
            _ => format!("00 {country} {area} {rest}"),
        }
    }

    /// As networks send it to a Turkish line.
    pub fn sent(&self, random: &mut Rng) -> String {
        let (country, national) = (self.country, &self.national);
        let forms = match country {
            TURKISH => 5,
            // Without a plus only what is in service can be told from an outside line's digits.
            _ if self.digits() >= 10_000_000_000 && self.kind() != LineKind::Unknown => 3,
            _ => 2,
        };
        match random.u8(..forms) {
            0 => format!("+{country}{national}"),
            1 => format!("00{country}{national}"),
            2 => format!("{country}{national}"),
            3 if national.len() == 7 => national.clone(),
            3 => format!("0{national}"),
            _ => national.clone(),
        }
    }
}

/// Gives each number out once.
#[derive(Default)]
pub struct Numbers {
    given: HashSet<u64>,
    /// What all numbers of a company begin with, and how many digits follow.
    taken: HashSet<u64>,
}

impl Numbers {
    pub fn mobile(&mut self, random: &mut Rng) -> Number {
        self.one_of(TURKISH_MOBILES, random)
    }

    pub fn line(&mut self, random: &mut Rng) -> Number {
        self.one_of(TURKISH_LINES, random)
    }

    /// A line that is not taken for the first of several.
    pub fn without_a_block(&mut self, random: &mut Rng) -> Number {
        let mut lines = std::iter::repeat_with(|| self.line(random));
        lines.find(|n| !n.national.ends_with('0')).unwrap()
    }

    pub fn service(&mut self, random: &mut Rng) -> Number {
        self.one_of(TURKISH_SERVICES, random)
    }

    pub fn foreign(&mut self, random: &mut Rng) -> Number {
        self.one_of(FOREIGN, random)
    }

    pub fn british(&mut self, random: &mut Rng) -> Number {
        self.one_of(&FOREIGN[..3], random)
    }

    /// A line that ends with so many zeros and no more, with all that begin as it does.
    pub fn head_office(&mut self, zeros: usize, random: &mut Rng) -> Number {
        loop {
            let number = any(TURKISH_LINES, random);
            let mut national = number.national;
            let keep = national.len() - zeros;
            national.replace_range(keep.., &"0".repeat(zeros));
            let number = Number { national, ..number };
            let (digits, size) = (number.digits(), 10_u64.pow(zeros as u32));
            let only = !(digits / size).is_multiple_of(10);
            let is_taken = (1..=4).any(|k| self.taken.contains(&(digits / 10_u64.pow(k))));
            let is_free = !is_taken && (digits..digits + size).all(|n| !self.given.contains(&n));
            if only
                && is_free
                && number.kind() == LineKind::Geographic
                && self.taken.insert(digits / size)
            {
                self.given.insert(digits);
                return number;
            }
        }
    }

    fn one_of(&mut self, ranges: &[Range], random: &mut Rng) -> Number {
        loop {
            let number = any(ranges, random);
            let digits = number.digits();
            let is_taken = (1..=4).any(|k| self.taken.contains(&(digits / 10_u64.pow(k))));
            // By chance it would be a switchboard's.
            let is_plain = !digits.is_multiple_of(100);
            if is_plain
                && !is_taken
                && number.kind() != LineKind::Unknown
                && self.given.insert(digits)
            {
                return number;
            }
        }
    }
}

fn any(ranges: &[Range], random: &mut Rng) -> Number {
    let (country, start, more) = ranges[random.usize(..ranges.len())];
    let mut national = start.to_owned();
    national.extend(std::iter::repeat_with(|| random.digit(10)).take(more));
    Number { country, national }
}

/// Somebody's, or nobody's.
pub fn anybody(random: &mut Rng) -> Number {
    match random.u8(..4) {
        0 => any(TURKISH_LINES, random),
        1 => any(FOREIGN, random),
        _ => any(TURKISH_MOBILES, random),
    }
}
