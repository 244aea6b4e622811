//! The ladder: in which ways a caller's number may be a contact's, the surest first.
//!
//! ```text
//! exact        the same E.164 number
//! national     the same national number, where one side does not say its country
//! tail         one side has digits too many in front, and does not say its country
//! head-office  an unknown extension in a company's own block of numbers
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
pub const HEAD_OFFICE_DIGITS: std::ops::RangeInclusive<u32> = 1..=4;
/// A record without a person has its switchboard at a number that ends so, and a block of this size: one in a
/// hundred numbers does by chance. Larger blocks, and other numbers, must be marked.
const SWITCHBOARD_ZEROS: u32 = 2;
/// Fewest digits of a block, country code included: with fewer it would be a town's.
const STEM_DIGITS: u32 = 6;

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
    /// The country codes of the office's accounts: what says no country is more likely from there.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// The contacts with this number.
    Having(PhoneNumber),
    /// Those with any number, with or without its country, that ends with these digits.
    Ending(u64),
    /// The switchboards of the block of numbers that begins with these digits.
    Block(u64),
    /// Those with any number that begins with the block's digits and has so many more, with its country or
    /// without.
    Within { stem: u64, more: u32 },
}

impl Ladder {
    pub fn questions(&self, rung: Rung, caller: &Reading) -> Vec<Question> {
        match (rung, caller.number, caller.loose) {
            (Rung::Exact, number, _) => number.map(Question::Having).into_iter().collect(),
            (Rung::National, _, Some(loose)) => vec![Question::Ending(loose.digits())],
            (Rung::National, Some(number), None) if is_national(number, caller.kind) => {
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
                    |n: &PhoneNumber| n.split().1 == loose.digits() && is_national(*n, n.kind());
                let as_written = |l: &LooseNumber| l.is_as(loose);
                contact.loose.iter().any(as_written) || contact.numbers.iter().any(same)
            }
            (Rung::National, Some(number), None) if is_national(number, caller.kind) => {
                let (code, national) = number.split();
                let same = |l: &LooseNumber| l.digits() == national;
                contact.loose.iter().any(same) && !self.is_rather_at_home(code, national)
            }
            (Rung::Tail, _, Some(loose)) => contact
                .numbers
                .iter()
                .any(|number| is_longer(loose, *number) && self.has_tail(*number, number.kind())),
            (Rung::Tail, Some(number), None) if self.has_tail(number, caller.kind) => {
                contact.loose.iter().any(|loose| is_longer(*loose, number))
            }
            (Rung::HeadOffice, Some(number), None) if has_extensions(caller.kind) => {
                self.extensions(number, contact).next().is_some()
            }
            _ => false,
        }
    }

    /// Who else must be known to be of the company before an extension is taken for its own: everybody with a
    /// number in the block that the caller is in.
    pub fn neighbours(&self, caller: &Reading, switchboard: &Contact) -> Vec<Question> {
        let number = caller.number.into_iter();
        let blocks = number.flat_map(|number| self.extensions(number, switchboard));
        let within = |block: Block| {
            let wider = block.proof.saturating_sub(block.dropped);
            let stem = block.stem / power(wider);
            let lengths = 0..=self.head_office_digits.max(block.dropped) + wider;
            lengths.map(move |more| Question::Within { stem, more })
        };
        blocks.flat_map(within).collect()
    }

    /// The contact's blocks that the number is in.
    fn extensions(&self, number: PhoneNumber, contact: &Contact) -> impl Iterator<Item = Block> {
        blocks(contact).filter(move |block| self.is_extension(number, *block))
    }

    /// Whether a call from abroad has the digits of a number that is in service here: whoever wrote them down
    /// without a country meant that one.
    fn is_rather_at_home(&self, code: u64, national: u64) -> bool {
        let here = |home: &u64| LooseNumber::new(national, 0)?.within(*home);
        !self.home.contains(&code) && self.home.iter().any(|home| here(home).is_some())
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
        is_national(number, kind) && length(number.split().1) >= self.tail_digits
    }

    fn is_extension(&self, number: PhoneNumber, block: Block) -> bool {
        let digits = number.digits();
        digits != block.switchboard
            && (block.dropped.max(1)..=self.head_office_digits)
                .any(|k| digits / power(k) == block.stem)
    }
}

/// Whether the number can be known by its national digits: one subscriber has it, no zero of it is lost
/// without the country, and it is no short one.
fn is_national(number: PhoneNumber, kind: LineKind) -> bool {
    let subscriber = has_extensions(kind) || kind == LineKind::Personal;
    let whole = LooseNumber::new(number.split().1, 0).is_some();
    subscriber && whole && !number.has_leading_zero()
}

fn has_extensions(kind: LineKind) -> bool {
    matches!(kind, LineKind::Geographic | LineKind::Either)
}

/// Whether the digits are those of the number with something in front that ends where a number may begin: with
/// a zero, as in `8 0532`, or with the number's country. A number with a digit too many has the end of somebody
/// else's, but hardly that. Digits written among numbers of one country are of no other, and those that are a
/// number of another country as they stand are of none but that.
fn is_longer(loose: LooseNumber, number: PhoneNumber) -> bool {
    let (code, national) = number.split();
    let size = power(length(national));
    let front = loose.digits() / size;
    let may_begin = match loose.home() {
        0 => front == code,
        home if home == code => {
            front > 0 && (front.is_multiple_of(10) || front % power(length(code)) == code)
        }
        _ => false,
    };
    may_begin
        && loose.digits() % size == national
        && loose.elsewhere().is_none_or(|there| there == number)
}

/// Part of a company's numbers: all that begin with `stem` are its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    pub stem: u64,
    /// The company's own number in it, as its digits.
    pub switchboard: u64,
    /// How many zeros at its end give way to an extension; with none, extensions are put behind it.
    pub dropped: u32,
    /// How many zeros must be the company's for the number to be a switchboard at all.
    proof: u32,
}

/// The blocks behind a contact's switchboards: those it is marked with, and any number of a company's
/// record that ends as switchboards do.
pub fn blocks(contact: &Contact) -> impl Iterator<Item = Block> {
    let nobody = contact.name.is_none();
    let looks = move |n: &&PhoneNumber| {
        nobody && zeros(n.digits()) >= SWITCHBOARD_ZEROS && n.kind() == LineKind::Geographic
    };
    let most = *HEAD_OFFICE_DIGITS.end();
    let marked = contact.switchboards.iter().map(move |n| (*n, most, 0));
    let found = contact.numbers.iter().filter(looks);
    let found = found.filter(|n| !contact.switchboards.contains(n));
    let found = found.map(|n| (*n, SWITCHBOARD_ZEROS, SWITCHBOARD_ZEROS));
    let has_company = contact.company.is_some();
    let numbers = marked.chain(found).filter(move |_| has_company);
    numbers.flat_map(|(number, most, proof)| {
        let digits = number.digits();
        let zeros = zeros(digits).min(most);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::dialling::Dialling;
    use crate::domain::phone::Region;

    fn place(region: &str) -> Dialling {
        Dialling {
            region: Region::parse(region),
            ..Dialling::default()
        }
    }

    fn caller(text: &str) -> Reading {
        place("TR").read(text).unwrap()
    }

    /// Somebody whose number is written so among numbers of a place; `-` is no place.
    fn person(text: &str, region: &str) -> Contact {
        let reading = place(region).read(text).unwrap();
        Contact {
            name: Some("Ayşe".into()),
            numbers: reading.number.into_iter().collect(),
            loose: reading.loose.into_iter().collect(),
            ..Contact::default()
        }
    }

    fn company(text: &str) -> Contact {
        Contact {
            name: None,
            company: Some("Acme".into()),
            ..person(text, "TR")
        }
    }

    fn marked(text: &str) -> Contact {
        let company = company(text);
        Contact {
            switchboards: company.numbers.clone(),
            ..company
        }
    }

    fn turkish() -> Ladder {
        Ladder {
            home: vec![90],
            ..Ladder::default()
        }
    }

    /// The first rung that means the contact; it must also ask for what leads there.
    fn rung(ladder: &Ladder, from: &str, contact: &Contact) -> &'static str {
        let caller = caller(from);
        let means = |rung: &Rung| ladder.means(*rung, &caller, contact);
        let Some(rung) = Rung::ALL.into_iter().find(means) else {
            return "-";
        };
        let asked = ladder.questions(rung, &caller);
        let leads = |question: &Question| match *question {
            Question::Having(number) => contact.numbers.contains(&number),
            Question::Ending(digits) => {
                let numbers = contact.numbers.iter().map(|n| n.digits());
                let mut all = numbers.chain(contact.loose.iter().map(|l| l.digits()));
                all.any(|n| n % power(length(digits)) == digits)
            }
            Question::Block(stem) => blocks(contact).any(|block| block.stem == stem),
            Question::Within { .. } => false,
        };
        assert!(asked.iter().any(leads), "{from}: {rung:?} asks {asked:?}");
        rung.as_str()
    }

    #[test]
    fn a_number_means_who_has_it_and_who_has_it_without_its_country() {
        let cases = [
            ("+905325550101", "0532 555 01 01", "TR", "exact"),
            ("0532 555 01 01", "+90 532 555 01 01", "GB", "exact"),
            ("+442045205757", "020 4520 5757", "TR", "national"),
            ("020 4520 5757", "+44 20 4520 5757", "TR", "national"),
            ("020 4520 5757", "2045205757", "-", "national"),
            ("+905325550101", "0532 555 01 01", "-", "national"),
            ("8 0532 555 01 01", "+905325550101", "TR", "tail"),
            ("+905325550101", "8 0532 555 01 01", "TR", "tail"),
            ("+905325550101", "905325550101", "-", "tail"),
        ];
        for (from, text, region, expected) in cases {
            let found = rung(&turkish(), from, &person(text, region));
            assert_eq!(found, expected, "{from} and {text} of {region}");
        }
    }

    #[test]
    fn a_number_means_nobody_who_only_has_a_similar_one() {
        let cases = [
            // One digit.
            ("+905325550102", "0532 555 01 01", "TR"),
            ("+915325550101", "0532 555 01 01", "TR"),
            // The same digits in two countries.
            ("+12125550101", "+90 212 555 01 01", "TR"),
            ("+902125550101", "+1 212 555 0101", "TR"),
            ("020 4520 5757", "020 4520 5758", "GB"),
            // Written without a country, but in service here.
            ("+495325550101", "0532 555 01 01", "-"),
            // A digit too many makes an end that is somebody else's.
            ("+903222555010", "0532 225 55 010", "TR"),
            ("+903222555010", "8 0322 255 50 10", "GB"),
            // Digits that are a number of another country as they stand.
            ("+902045205757", "442045205757", "-"),
            // A short number within a long one, and a service number without its country.
            ("+902124440333", "444 0 333", "TR"),
            ("444 0 333", "+90 212 444 03 33", "TR"),
            ("+908005550100", "0800 555 01 00", "-"),
            ("+448505550100", "0850 555 01 00", "TR"),
            // The zero of an Italian number is lost without its country.
            ("+390212345678", "02 1234 5678", "-"),
        ];
        for (from, text, region) in cases {
            let found = rung(&turkish(), from, &person(text, region));
            assert_eq!(found, "-", "{from} and {text} of {region}");
        }
    }

    #[test]
    fn short_and_service_numbers_are_found_exactly() {
        for (from, text) in [
            ("4440333", "444 0 333"),
            ("+904440333", "444 0 333"),
            ("0850 555 01 00", "+90 850 555 0100"),
            ("+908005550100", "0800 555 01 00"),
        ] {
            assert_eq!(rung(&turkish(), from, &person(text, "TR")), "exact");
        }
    }

    #[test]
    fn a_tail_has_as_many_digits_as_it_should() {
        let with = |tail_digits| Ladder {
            tail_digits,
            ..turkish()
        };
        // Eight and ten digits behind the country.
        let cases = [
            ("+4532123456", "4532123456", 8, "tail"),
            ("+4532123456", "4532123456", 9, "-"),
            ("+905325550101", "905325550101", 10, "tail"),
            ("+905325550101", "905325550101", 11, "-"),
            ("+905325550101", "905325550101", 12, "-"),
        ];
        for (from, text, digits, expected) in cases {
            let found = rung(&with(digits), from, &person(text, "-"));
            assert_eq!(found, expected, "{from} with {digits} digits");
        }
    }

    #[test]
    fn a_switchboards_extensions_are_the_companys() {
        let cases = [
            (marked("0212 555 01 20"), "0212 555 01 29", "head-office"),
            (marked("0212 555 01 20"), "0212 555 01 30", "-"),
            (marked("0212 555 01 23"), "0212 555 01 24", "-"),
            (marked("0212 555 10 00"), "0212 555 11 00", "head-office"),
            (marked("+1 212 555 0100"), "+12125550101", "head-office"),
            // Numbers of Berlin are as long as they need to be.
            (marked("+49 30 1234567"), "+49 30 123456712", "head-office"),
            (marked("+49 30 1234567"), "+49 30 123456812", "-"),
            (company("0212 555 01 00"), "0212 555 01 99", "head-office"),
            (company("0212 555 01 00"), "0212 555 02 00", "-"),
            (company("0212 555 01 20"), "0212 555 01 29", "-"),
            // One in a thousand numbers ends so by chance; more than a hundred must be said.
            (company("0212 555 10 00"), "0212 555 10 99", "head-office"),
            (company("0212 555 10 00"), "0212 555 11 00", "-"),
            // Who moves with the number can't be told in America.
            (company("+1 212 555 0100"), "+12125550101", "-"),
            (company("0532 555 01 00"), "0532 555 01 01", "-"),
            (company("444 0 300"), "444 0 333", "-"),
            (company("0850 555 01 00"), "0850 555 01 01", "-"),
        ];
        for (contact, from, expected) in cases {
            let number = contact.numbers[0].e164();
            assert_eq!(
                rung(&turkish(), from, &contact),
                expected,
                "{number} {from}"
            );
        }
    }

    #[test]
    fn a_persons_number_and_one_of_no_company_are_no_switchboard() {
        let named = Contact {
            name: Some("Ayşe".into()),
            ..company("0212 555 01 00")
        };
        let nobodys = Contact {
            company: None,
            ..marked("0212 555 01 00")
        };
        for contact in [named, nobodys] {
            assert_eq!(rung(&turkish(), "0212 555 01 01", &contact), "-");
        }
    }

    #[test]
    fn extensions_have_as_many_digits_as_they_may() {
        let head = marked("0212 555 00 00");
        let callers = ["555 00 01", "555 00 10", "555 01 00", "555 10 00"];
        for most in HEAD_OFFICE_DIGITS {
            let ladder = Ladder {
                head_office_digits: most,
                ..turkish()
            };
            for (end, digits) in callers.into_iter().zip(1..) {
                let expected = if digits <= most { "head-office" } else { "-" };
                let found = rung(&ladder, &format!("0212 {end}"), &head);
                assert_eq!(found, expected, "{end} with {most}");
            }
        }
    }

    #[test]
    fn no_block_is_as_large_as_a_town() {
        let short = marked("444 0 000");
        let stems: Vec<u64> = blocks(&short).map(|block| block.stem).collect();
        assert_eq!(stems, [90_444_000, 9_044_400, 904_440]);
    }

    #[test]
    fn whoever_is_in_the_block_is_asked_after() {
        let within = |contact: &Contact, from: &str| {
            let asked = turkish().neighbours(&caller(from), contact);
            move |digits: u64| {
                asked.iter().any(|question| match *question {
                    Question::Within { stem, more } => digits / power(more) == stem,
                    _ => false,
                })
            }
        };
        let recognised = within(&company("0212 555 01 00"), "0212 555 01 01");
        // The whole hundred, the caller's ten and not, and longer numbers.
        assert!(recognised(902_125_550_199) && recognised(902_125_550_102));
        assert!(recognised(9_021_255_501_234) && !recognised(902_125_550_200));
        let marked = within(&marked("0212 555 01 20"), "0212 555 01 21");
        assert!(marked(902_125_550_129) && !marked(902_125_550_130));
    }
}
