//! What can only be a mistake at the source, and must not replace a copy without a person.
//!
//! A load is judged by counts alone: how many records it has and how full they are, against the copy that it
//! would replace, and how many of the last callers either knows. Half a CRM deleted by mistake, a column that
//! was moved, an export of the wrong company: all of these are seen there, and none empties the agents' screens.

use std::fmt;

use super::filling::Filling;

/// Fewest records whose values make a doubt: in a list of ten, one person is already a tenth.
pub const DOUBTFUL_ROWS: u64 = 5;
/// So much more than was shown is still what was shown: a CRM is worked in meanwhile.
const MORE_THAN_SHOWN: f64 = 0.1;
/// Fewest callers that say something of a copy.
pub const CALLERS_NEEDED: usize = 50;

/// From when on a load is doubted. `None`: never for this reason.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Most records that may be gone, as a share; so many rows may in any case.
    pub removed: Option<f64>,
    pub removed_rows: u64,
    /// Most records whose name, number or balance may be empty where it was not.
    pub blanked: Option<f64>,
    /// Most records whose values may be of another kind than before.
    pub drifted: Option<f64>,
    /// By how much the share of the last callers that it knows may fall, of 1.
    pub match_rate: Option<f64>,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            removed: Some(0.1),
            removed_rows: 20,
            blanked: Some(0.1),
            drifted: Some(0.1),
            match_rate: Some(0.05),
        }
    }
}

/// How many of the last callers the copies know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recognised {
    pub before: usize,
    pub after: usize,
    pub of: usize,
}

/// What is compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sight {
    pub before: Filling,
    pub after: Filling,
    /// Records of the copy that are taken out of it, where they were counted, whoever came in their place.
    pub removed: u64,
    /// Of the copy: records whose id is not among the new ones, nor any of their numbers, by a sample.
    pub replaced: u64,
    /// Of the new records: values that there are but could not be read.
    pub unreadable_numbers: u64,
    pub unreadable_balances: u64,
    pub callers: Option<Recognised>,
}

/// A part of a record that may be empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Name,
    Number,
    Balance,
}

impl Part {
    fn words(self) -> &'static str {
        match self {
            Part::Name => "names",
            Part::Number => "numbers",
            Part::Balance => "balances",
        }
    }
}

/// One reason to ask a person first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    Removed {
        gone: u64,
        of: u64,
    },
    /// The list is as long as it was, and another one.
    Replaced {
        replaced: u64,
        of: u64,
    },
    Blanked {
        part: Part,
        lost: u64,
        of: u64,
    },
    /// Values of that part are there, and can't be read or are of another kind.
    Drifted {
        part: Part,
        odd: u64,
        of: u64,
    },
    Callers(Recognised),
}

/// In the operator's words, as part of a sentence.
impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Doubt::Removed { gone, of } => write!(f, "{gone} of {of} records would be removed"),
            Doubt::Replaced { replaced, of } => write!(
                f,
                "{replaced} of {of} records would be others or have other numbers"
            ),
            Doubt::Blanked { part, lost, of } => {
                write!(f, "{lost} of {of} {} would be empty", part.words())
            }
            Doubt::Drifted {
                part: Part::Name,
                odd,
                of,
            } => write!(
                f,
                "{odd} of {of} names would be numbers or e-mail addresses"
            ),
            Doubt::Drifted { part, odd, of } => write!(
                f,
                "{odd} {} can't be read any more, of {of} there were",
                part.words()
            ),
            Doubt::Callers(Recognised { before, after, of }) => write!(
                f,
                "of the last {of} callers it would know {after} instead of {before}"
            ),
        }
    }
}

/// Why this must not be published without a person; nothing is wrong if there is no reason.
pub fn judge(limits: &Limits, sight: &Sight) -> Vec<Doubt> {
    let (before, after) = (&sight.before, &sight.after);
    let mut doubts = Vec::new();
    let of = before.records;
    let is_too_many = |gone: u64| {
        // Of a short list all may be so many rows, and nobody left is never right.
        let rows = gone > limits.removed_rows || (gone > 0 && after.records == 0);
        limits
            .removed
            .is_some_and(|share| rows && is_more(gone, share, of))
    };
    let gone = of.saturating_sub(after.records).max(sight.removed.min(of));
    let replaced = sight.replaced.min(of);
    match is_too_many(gone) {
        true => doubts.push(Doubt::Removed { gone, of }),
        false if is_too_many(replaced) => doubts.push(Doubt::Replaced { replaced, of }),
        false => {}
    }
    let parts = [
        (Part::Name, before.named, after.named, 0),
        (
            Part::Number,
            before.numbered,
            after.numbered,
            sight.unreadable_numbers,
        ),
        (
            Part::Balance,
            before.balances,
            after.balances,
            sight.unreadable_balances,
        ),
    ];
    for (part, had, has, odd) in parts {
        doubts.extend(emptied(limits, sight, part, [had, has, odd]));
    }
    doubts.extend(moved(limits, before, after));
    if let (Some(points), Some(callers)) = (limits.match_rate, sight.callers) {
        let fall = callers.before.saturating_sub(callers.after) as u64;
        if callers.of >= CALLERS_NEEDED && is_more(fall, points, callers.of as u64) {
            doubts.push(Doubt::Callers(callers));
        }
    }
    doubts
}

/// Those that a person who accepts has not been shown: of another kind, or about more records. A source may go on
/// going bad between the look at it and the command.
pub fn beyond(shown: &[Doubt], now: &[Doubt]) -> Vec<Doubt> {
    let is_shown = |now: &Doubt| {
        shown.iter().any(|shown| {
            let (most, count) = (shown.count(), now.count());
            let more = count.saturating_sub(most);
            shown.is_like(now) && (more < DOUBTFUL_ROWS || !is_more(more, MORE_THAN_SHOWN, most))
        })
    };
    now.iter().filter(|now| !is_shown(now)).copied().collect()
}

impl Doubt {
    fn count(&self) -> u64 {
        match self {
            Doubt::Removed { gone, .. } => *gone,
            Doubt::Replaced { replaced, .. } => *replaced,
            Doubt::Blanked { lost, .. } => *lost,
            Doubt::Drifted { odd, .. } => *odd,
            Doubt::Callers(callers) => callers.before.saturating_sub(callers.after) as u64,
        }
    }

    fn is_like(&self, other: &Doubt) -> bool {
        match (self, other) {
            (Doubt::Removed { .. }, Doubt::Removed { .. })
            | (Doubt::Replaced { .. }, Doubt::Replaced { .. })
            | (Doubt::Callers(_), Doubt::Callers(_)) => true,
            (Doubt::Blanked { part, .. }, Doubt::Blanked { part: other, .. })
            | (Doubt::Drifted { part, .. }, Doubt::Drifted { part: other, .. }) => part == other,
            _ => false,
        }
    }
}

/// Values that were there and are not, beyond what went with the records themselves.
fn emptied(limits: &Limits, sight: &Sight, part: Part, counts: [u64; 3]) -> Option<Doubt> {
    let [had, has, odd] = counts;
    // Records whose number can't be read give no contact at all: they are missed whole, and not by the size.
    let lost_of_all = had.saturating_sub(has);
    if let Some(share) = limits.drifted
        && is_many(lost_of_all, share, had)
        && odd.saturating_mul(2) >= lost_of_all
    {
        let of = had;
        return Some(Doubt::Drifted { part, odd, of });
    }
    let of = scaled(had, sight.after.records, sight.before.records);
    let lost = of.saturating_sub(has);
    let share = limits.blanked?;
    is_many(lost, share, of).then_some(Doubt::Blanked { part, lost, of })
}

/// Names that are no names any more: a column that was moved.
fn moved(limits: &Limits, before: &Filling, after: &Filling) -> Option<Doubt> {
    let were = scaled(before.lettered, after.named, before.named);
    let odd = were.saturating_sub(after.lettered);
    is_many(odd, limits.drifted?, were).then_some(Doubt::Drifted {
        part: Part::Name,
        odd,
        of: after.named,
    })
}

fn is_many(count: u64, share: f64, of: u64) -> bool {
    count >= DOUBTFUL_ROWS && is_more(count, share, of)
}

fn is_more(count: u64, share: f64, of: u64) -> bool {
    count as f64 > share * of as f64
}

/// What a count would be with so many records instead of those; no less and no more than it was, if there
/// were none.
fn scaled(count: u64, now: u64, then: u64) -> u64 {
    let scaled = u128::from(count) * u128::from(now);
    let scaled = scaled.checked_div(u128::from(then));
    scaled.map_or(count, |s| u64::try_from(s).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full(records: u64) -> Filling {
        Filling {
            records,
            named: records,
            lettered: records,
            numbered: records,
            balances: records,
        }
    }

    fn sight(before: Filling, after: Filling) -> Sight {
        Sight {
            before,
            after,
            ..Sight::default()
        }
    }

    fn told(sight: &Sight) -> Vec<String> {
        let doubts = judge(&Limits::default(), sight);
        doubts.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn more_than_a_tenth_and_more_than_twenty_rows_gone_is_a_mistake() {
        for (before, after, is_held) in [
            (1000, 900, false),
            (1000, 899, true),
            (100, 80, false),
            (100, 79, true),
            (21, 1, false),
            (21, 0, true),
            (3, 0, true),
            (0, 0, false),
            (10, 1000, false),
        ] {
            let told = told(&sight(full(before), full(after)));
            assert_eq!(!told.is_empty(), is_held, "{before} {after}: {told:?}");
        }
        assert_eq!(
            told(&sight(full(972), full(486))),
            ["486 of 972 records would be removed"]
        );
    }

    #[test]
    fn another_list_of_the_same_length_is_a_mistake() {
        let swapped = |replaced| Sight {
            replaced,
            ..sight(full(1000), full(1000))
        };
        assert_eq!(told(&swapped(100)), [""; 0]);
        assert_eq!(
            told(&swapped(950)),
            ["950 of 1000 records would be others or have other numbers"]
        );
        let counted = Sight {
            removed: 200,
            ..sight(full(1000), full(1000))
        };
        assert_eq!(told(&counted), ["200 of 1000 records would be removed"]);
        // What is told is never more than there was.
        assert_eq!(
            told(&swapped(2000)),
            ["1000 of 1000 records would be others or have other numbers"]
        );
    }

    #[test]
    fn what_was_shown_is_accepted_and_nothing_worse() {
        let removed = |gone| Doubt::Removed { gone, of: 1000 };
        let blanked = |part, lost| Doubt::Blanked {
            part,
            lost,
            of: 1000,
        };
        let callers = |after| {
            Doubt::Callers(Recognised {
                before: 800,
                after,
                of: 1000,
            })
        };
        let shown = [removed(300), blanked(Part::Name, 200), callers(500)];
        assert_eq!(beyond(&shown, &shown), []);
        let less = [removed(200), callers(700)];
        assert_eq!(beyond(&shown, &less), []);
        // Somebody deleted one more meanwhile.
        let little = [removed(330), callers(470)];
        assert_eq!(beyond(&shown, &little), []);
        let worse = [
            removed(1000),
            blanked(Part::Name, 201),
            blanked(Part::Number, 200),
            callers(0),
        ];
        assert_eq!(beyond(&shown, &worse), [worse[0], worse[2], worse[3]]);
        assert_eq!(beyond(&[removed(1)], &[removed(5)]), []);
        assert_eq!(beyond(&[removed(1)], &[removed(6)]), [removed(6)]);
    }

    #[test]
    fn a_tenth_of_the_values_newly_empty_is_a_mistake_judged_by_the_size() {
        let with = |records, balances| Filling {
            balances,
            ..full(records)
        };
        for (before, after, is_held) in [
            (with(1000, 1000), with(1000, 900), false),
            (with(1000, 1000), with(1000, 899), true),
            // Half of them never had one, and the list has become a little shorter.
            (with(1000, 500), with(950, 470), false),
            (with(1000, 500), with(950, 420), true),
            (with(20, 20), with(20, 16), false),
            (with(20, 20), with(20, 15), true),
            (with(1000, 0), with(1000, 0), false),
        ] {
            let told = told(&sight(before, after));
            assert_eq!(!told.is_empty(), is_held, "{before:?} {after:?}: {told:?}");
        }
        assert_eq!(
            told(&sight(full(100), with(100, 0))),
            ["100 of 100 balances would be empty"]
        );
    }

    #[test]
    fn a_name_column_that_holds_something_else_is_a_mistake() {
        let odd = |lettered| Filling {
            lettered,
            ..full(100)
        };
        assert_eq!(told(&sight(full(100), odd(90))), [""; 0]);
        assert_eq!(
            told(&sight(full(100), odd(10))),
            ["90 of 100 names would be numbers or e-mail addresses"]
        );
        // It always did: companies are called by their numbers here.
        assert_eq!(told(&sight(odd(10), odd(10))), [""; 0]);
    }

    #[test]
    fn balances_that_can_not_be_read_any_more_are_told_as_such() {
        let after = Filling {
            balances: 0,
            ..full(100)
        };
        let sight = Sight {
            unreadable_balances: 100,
            ..sight(full(100), after)
        };
        assert_eq!(
            told(&sight),
            ["100 balances can't be read any more, of 100 there were"]
        );
    }

    #[test]
    fn numbers_that_can_not_be_read_any_more_are_told_with_the_contacts_they_cost() {
        let sight = Sight {
            unreadable_numbers: 60,
            ..sight(full(100), full(40))
        };
        assert_eq!(
            told(&sight),
            [
                "60 of 100 records would be removed",
                "60 numbers can't be read any more, of 100 there were"
            ]
        );
        // Some never could.
        let usual = Sight {
            unreadable_numbers: 60,
            ..self::sight(full(100), full(100))
        };
        assert_eq!(told(&usual), [""; 0]);
    }

    #[test]
    fn callers_that_would_not_be_known_any_more_are_a_mistake() {
        let callers = |before, after, of| Sight {
            callers: Some(Recognised { before, after, of }),
            ..sight(full(100), full(100))
        };
        for (sight, is_held) in [
            (callers(600, 550, 1000), false),
            (callers(600, 549, 1000), true),
            (callers(40, 0, 49), false),
            (callers(40, 0, 50), true),
            (callers(0, 50, 100), false),
        ] {
            assert_eq!(!told(&sight).is_empty(), is_held, "{sight:?}");
        }
        assert_eq!(
            told(&callers(600, 300, 1000)),
            ["of the last 1000 callers it would know 300 instead of 600"]
        );
    }

    #[test]
    fn each_guard_can_be_switched_off_alone() {
        let after = Filling {
            lettered: 0,
            balances: 0,
            ..full(50)
        };
        let callers = Recognised {
            before: 90,
            after: 10,
            of: 100,
        };
        let sight = Sight {
            callers: Some(callers),
            ..sight(full(100), after)
        };
        let all = judge(&Limits::default(), &sight).len();
        assert_eq!(all, 4);
        let off: [fn(&mut Limits); 4] = [
            |l| l.removed = None,
            |l| l.blanked = None,
            |l| l.drifted = None,
            |l| l.match_rate = None,
        ];
        let mut limits = Limits::default();
        for (n, off) in off.into_iter().enumerate() {
            off(&mut limits);
            assert_eq!(judge(&limits, &sight).len(), all - n - 1, "{limits:?}");
        }
    }

    #[test]
    fn a_copy_of_which_nothing_but_its_size_is_known_is_judged_by_that() {
        let before = Filling {
            records: 100,
            ..Filling::default()
        };
        assert_eq!(told(&sight(before, full(100))), [""; 0]);
        assert_eq!(told(&sight(before, full(10))).len(), 1);
    }
}
