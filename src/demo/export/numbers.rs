//! Numbers that belong to nobody, each handed out once, and the ways people type them.
//!
//! British blocks are the ranges Ofcom keeps for drama; Turkish ones are `555` blocks of its operators' and
//! provinces' codes. A pool walks through its numbers with a stride that meets each once: no memory of what
//! was handed out is needed, however many there are.

use fastrand::Rng;

/// Turkish operators' codes; each has a `555` block of ten thousand.
const TURKISH_MOBILE: &[u64] = &[
    501, 505, 506, 507, 530, 531, 532, 533, 534, 535, 536, 537, 538, 539, 540, 541, 542, 543, 544,
    545, 546, 547, 548, 549, 551, 552, 553, 554, 555, 559,
];
/// Turkish provinces' codes, and 850 for the whole country.
const TURKISH_LANDLINE: &[u64] = &[
    212, 216, 222, 224, 226, 228, 232, 236, 242, 246, 248, 252, 256, 258, 262, 264, 266, 272, 274,
    276, 282, 284, 286, 288, 312, 318, 322, 324, 326, 328, 332, 338, 342, 344, 346, 348, 352, 354,
    356, 358, 362, 364, 366, 368, 370, 372, 374, 376, 378, 380, 382, 384, 386, 388, 412, 414, 416,
    422, 424, 426, 428, 432, 434, 436, 438, 442, 446, 452, 454, 456, 458, 462, 464, 466, 472, 474,
    476, 478, 482, 484, 486, 488, 850,
];
/// Ofcom's drama blocks of a thousand, as national numbers without their last three digits.
const BRITISH_MOBILE: &[u64] = &[7_700_900];
const BRITISH_LANDLINE: &[u64] = &[
    1_134_960, 1_144_960, 1_154_960, 1_164_960, 1_174_960, 1_184_960, 1_214_960, 1_314_960,
    1_414_960, 1_514_960, 1_614_960, 1_632_960, 1_914_980, 2_079_460, 2_896_496, 2_920_180,
    3_069_990,
];

/// A number as somebody typed it.
pub(super) struct Typed {
    pub(super) text: String,
    pub(super) e164: String,
}

/// Everything that can still be handed out.
pub(super) struct Pools {
    turkish_mobile: Pool,
    turkish_landline: Pool,
    british_mobile: Pool,
    british_landline: Pool,
}

impl Pools {
    pub(super) fn new(random: &mut Rng) -> Pools {
        let turkish = |codes: &[u64]| {
            codes
                .iter()
                .map(|code| (code * 1_000 + 555) * 10_000)
                .collect()
        };
        let british = |blocks: &[u64]| blocks.iter().map(|block| block * 1_000).collect();
        Pools {
            turkish_mobile: Pool::new(turkish(TURKISH_MOBILE), 10_000, random),
            turkish_landline: Pool::new(turkish(TURKISH_LANDLINE), 10_000, random),
            british_mobile: Pool::new(british(BRITISH_MOBILE), 1_000, random),
            british_landline: Pool::new(british(BRITISH_LANDLINE), 1_000, random),
        }
    }

    /// Whether another British contact can have two numbers.
    pub(super) fn has_british(&self) -> bool {
        self.british_mobile.left() + self.british_landline.left() >= 2
    }

    /// A number for the mobile column, for the other, or for both.
    pub(super) fn take(
        &mut self,
        british: bool,
        two: bool,
        random: &mut Rng,
    ) -> [Option<Typed>; 2] {
        let (mobile, landline) = if british {
            (&mut self.british_mobile, &mut self.british_landline)
        } else {
            (&mut self.turkish_mobile, &mut self.turkish_landline)
        };
        let prefers_mobile = random.u8(..100) < 65;
        let first = if prefers_mobile { mobile.next() } else { None };
        let other = if first.is_none() || two {
            landline.next()
        } else {
            None
        };
        let first = if first.is_none() && (two || other.is_none()) {
            mobile.next()
        } else {
            first
        };
        let write = if british { british_form } else { turkish_form };
        [first, other].map(|number| number.map(|number| write(number, random)))
    }
}

/// Numbers of equal blocks, in an order that looks random.
struct Pool {
    starts: Vec<u64>,
    block: u64,
    at: u64,
    stride: u64,
    left: u64,
}

impl Pool {
    /// A prime that divides the size of no pool, and so meets each number of every pool once.
    const STRIDE: u64 = 7_368_787;

    fn new(starts: Vec<u64>, block: u64, random: &mut Rng) -> Pool {
        let size = starts.len() as u64 * block;
        Pool {
            at: random.u64(..size.max(1)),
            left: size,
            stride: Pool::STRIDE,
            starts,
            block,
        }
    }

    fn left(&self) -> u64 {
        self.left
    }

    /// The next national number that no fixed contact has.
    fn next(&mut self) -> Option<u64> {
        const FIXED: [u64; 3] = [5_325_550_101, 5_335_550_102, 2_125_550_102];
        while self.left > 0 {
            self.left -= 1;
            self.at = (self.at + self.stride) % (self.starts.len() as u64 * self.block);
            let block = usize::try_from(self.at / self.block).ok()?;
            let number = self.starts.get(block)? + self.at % self.block;
            if !FIXED.contains(&number) {
                return Some(number);
            }
        }
        None
    }
}

/// Blanks that come along when a cell is copied from elsewhere.
fn with_blanks(text: String, random: &mut Rng) -> String {
    match random.u8(..100) {
        0..6 => text + " ",
        6..8 => text + "  ",
        8..9 => text + "\u{a0}",
        9..11 => format!(" {text}"),
        _ => text,
    }
}

fn turkish_form(number: u64, random: &mut Rng) -> Typed {
    let n = format!("{number:010}");
    let (code, a, b, c) = (&n[..3], &n[3..6], &n[6..8], &n[8..]);
    let text = match random.u8(..12) {
        0 | 1 => format!("0{code} {a} {b} {c}"),
        2 => format!("+90 ({code}) {a} {b} {c}"),
        3 => n.clone(),
        4 => format!("0090 {code} {a} {b}{c}"),
        5 => format!("0{code}.{a}.{b}.{c}"),
        6 => format!("0{code}\u{a0}{a}\u{a0}{b}\u{a0}{c}"),
        7 => format!("(0{code}) {a}-{b}-{c}"),
        8 => format!("+90{n}"),
        9 => format!("90{n}"),
        10 => format!("0{n}"),
        _ => format!("{code} {a} {b} {c}"),
    };
    let text = with_blanks(text, random);
    let e164 = format!("+90{n}");
    Typed { text, e164 }
}

/// Always with the country code: see the head of the export.
fn british_form(number: u64, random: &mut Rng) -> Typed {
    let n = format!("{number:010}");
    let (area, rest) = n.split_at(british_area(&n));
    let (left, right) = rest.split_at(rest.len() - if area.len() == 4 { 3 } else { 4 });
    let text = match random.u8(..7) {
        0 => format!("+44 (0){area} {left} {right}"),
        1 => format!("0044 {area} {left} {right}"),
        2 => format!("+44{n}"),
        3 => format!("+44 {area} {left}{right}"),
        4 => format!("+44.{area}.{left}.{right}"),
        5 => format!("+44\u{a0}{area}\u{a0}{left}\u{a0}{right}"),
        _ => format!("+44 {area} {left} {right}"),
    };
    let text = with_blanks(text, random);
    let e164 = format!("+44{n}");
    Typed { text, e164 }
}

/// Digits of the area code: London and its like have two, large cities (`11x`, `1x1`) three.
fn british_area(number: &str) -> usize {
    match number.as_bytes() {
        [b'2', ..] => 2,
        [b'1', b'1', ..] | [b'1', _, b'1', ..] => 3,
        _ => 4,
    }
}

/// What stands in the two columns where no number was ever asked for.
pub(super) fn unusable(random: &mut Rng) -> (String, String) {
    const TYPED: [&str; 9] = [
        "",
        "",
        "",
        "yok",
        "aranacak",
        "bilinmiyor",
        "n/a",
        "101",
        "-",
    ];
    let mut pick = || {
        TYPED
            .get(random.u64(..TYPED.len() as u64) as usize)
            .copied()
            .unwrap_or_default()
    };
    (pick().to_owned(), pick().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_pool_hands_out_each_of_its_numbers_once() {
        let mut random = Rng::with_seed(1);
        let mut pool = Pool::new(vec![5_325_550_000, 1_000_000_000], 10_000, &mut random);
        let mut seen = HashSet::new();
        while let Some(number) = pool.next() {
            assert!(seen.insert(number));
        }
        // All but the fixed contact's.
        assert_eq!(seen.len(), 19_999);
        assert!(!seen.contains(&5_325_550_101));
    }

    #[test]
    fn the_stride_meets_every_number_of_every_pool() {
        let pools = Pools::new(&mut Rng::with_seed(1));
        for pool in [
            &pools.turkish_mobile,
            &pools.turkish_landline,
            &pools.british_mobile,
            &pools.british_landline,
        ] {
            let size = pool.starts.len() as u64 * pool.block;
            assert_ne!(size % Pool::STRIDE, 0);
            assert!((2..=2_714).all(|divisor| !Pool::STRIDE.is_multiple_of(divisor)));
        }
    }

    /// A tenth more than rows: some have two numbers, and none may go without for want of one.
    #[test]
    fn there_are_numbers_for_the_largest_export() {
        let pools = Pools::new(&mut Rng::with_seed(1));
        let left = pools.turkish_mobile.left() + pools.turkish_landline.left();
        assert!(left >= super::super::MOST_ROWS as u64 * 11 / 10, "{left}");
    }

    #[test]
    fn when_mobiles_run_out_there_are_landlines_and_then_nothing() {
        let mut random = Rng::with_seed(1);
        let mut pools = Pools::new(&mut random);
        let mut taken = 0;
        while pools.has_british() {
            let typed = pools.take(true, false, &mut random);
            assert_eq!(typed.iter().flatten().count(), 1);
            taken += 1;
        }
        assert_eq!(taken, 17_999);
    }

    #[test]
    fn british_numbers_are_grouped_by_their_area() {
        for (number, area) in [
            ("2079460123", 2),
            ("1134960123", 3),
            ("1214960123", 3),
            ("1632960123", 4),
            ("7700900123", 4),
        ] {
            assert_eq!(british_area(number), area, "{number}");
        }
    }

    #[test]
    fn a_contact_with_two_numbers_has_one_of_each_kind() {
        let mut random = Rng::with_seed(1);
        let mut pools = Pools::new(&mut random);
        for _ in 0..100 {
            let [mobile, landline] = pools.take(false, true, &mut random);
            assert!(mobile.unwrap().e164.starts_with("+905"));
            assert!(!landline.unwrap().e164.starts_with("+905"));
        }
    }
}
