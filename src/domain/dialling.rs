//! How numbers are written in one place: an account's calls, or one column of a source.
//!
//! Most texts say which number they mean. Some only say its digits: `020 4520 5757` among Turkish numbers is
//! of no range there, and may well be British. Such a reading keeps both what it would be at home and the
//! bare digits, so that the ladder can look further without taking a guess for knowledge.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::phone::text::{THIN_SPACES, is_decimal, letters_within};
use super::phone::{
    Known, LABELLED_DIGITS, LineKind, NumberError, PhoneNumber, Region, masked, read_known,
};

/// Digits without a country are kept from here on: fewer are an extension, a service number or lack their
/// area code, and would be found within other numbers.
const LOOSE_DIGITS: std::ops::RangeInclusive<usize> = 8..=15;
/// Digits that an area code may stand before: with more the text has its own, with fewer it is an extension.
const LOCAL_DIGITS: std::ops::RangeInclusive<usize> = 6..=8;
/// With fewer digits, a country code without its plus is as likely an area code.
const INTERNATIONAL_DIGITS: usize = 11;
/// Longest prefix or area code that can be configured.
const PREFIX_DIGITS: usize = 8;
/// Most international prefixes of one place.
pub const INTERNATIONAL_PREFIXES: usize = 8;

/// Digits of a number whose country can't be told, without leading zeros.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LooseNumber {
    digits: u64,
    /// The country code of the place it was written in, where its numbers mostly are from; 0 for none.
    home: u16,
}

impl LooseNumber {
    /// `None` if there are too few or too many digits to be told from others by them.
    pub fn new(digits: u64, home: u16) -> Option<LooseNumber> {
        LOOSE_DIGITS
            .contains(&digits.to_string().len())
            .then_some(LooseNumber { digits, home })
    }

    pub fn digits(self) -> u64 {
        self.digits
    }

    pub fn home(self) -> u64 {
        self.home.into()
    }

    /// The same digits, and not written in two different countries.
    pub fn is_as(self, other: LooseNumber) -> bool {
        let one_place = self.home == other.home || self.home == 0 || other.home == 0;
        self.digits == other.digits && one_place
    }

    /// The number that these digits are if they begin with a country code, and that is in service.
    pub fn elsewhere(self) -> Option<PhoneNumber> {
        in_service(&format!("+{}", self.digits))
    }

    /// The number that these digits are in a country, if that is in service.
    pub fn within(self, country: u64) -> Option<PhoneNumber> {
        in_service(&format!("+{country}{}", self.digits))
    }
}

fn in_service(text: &str) -> Option<PhoneNumber> {
    let known = read_known(text, None).ok()?;
    (known.kind != LineKind::Unknown).then_some(known.number)
}

/// Masked like a number: it is one.
impl fmt::Debug for LooseNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&masked(&self.digits.to_string()))
    }
}

impl fmt::Display for LooseNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// What a text says of a number. At least one of the two is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Alone: for certain. Beside `loose`: if the number is of the place's region.
    pub number: Option<PhoneNumber>,
    /// The digits, where the country does not stand in the text and the region's plan does not know them.
    pub loose: Option<LooseNumber>,
    pub kind: LineKind,
}

impl Reading {
    /// The number in full as far as it is certain: for the card, never for a log.
    pub fn written(&self) -> String {
        match (self.number, self.loose) {
            (Some(number), None) => number.e164(),
            (_, Some(loose)) => loose.digits().to_string(),
            (None, None) => String::new(),
        }
    }
}

/// Masked.
impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&masked(&self.written()))
    }
}

/// A few digits that stand before a number: `00`, `0`, `212`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix(Box<str>);

impl Prefix {
    pub fn parse(text: &str) -> Option<Prefix> {
        let fits = (1..=PREFIX_DIGITS).contains(&text.len());
        (fits && text.bytes().all(|b| b.is_ascii_digit())).then(|| Prefix(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The habits of one place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dialling {
    /// Where numbers without a country code are from; `None`: that can't be told.
    pub region: Option<Region>,
    /// What numbers that are written without one lack.
    pub area_code: Option<Prefix>,
    /// What stands before national numbers besides the region's own trunk prefix.
    pub trunk_prefix: Option<Prefix>,
    /// What stands before country codes besides the region's own prefix and `00`.
    pub international_prefixes: Vec<Prefix>,
}

impl Dialling {
    pub fn of(region: Region) -> Dialling {
        Dialling {
            region: Some(region),
            ..Dialling::default()
        }
    }

    /// What is in service as written is that. Only what is not may be something with a prefix too many or an
    /// area code too few, if that is in service.
    pub fn read(&self, text: &str) -> Result<Reading, NumberError> {
        let digits = bare_digits(text);
        let written = match (self.region, &digits) {
            // Without a region the library knows no prefix.
            (None, Some(digits)) if digits.starts_with("00") => self.international(&digits[2..]),
            _ => read_known(text, self.region),
        };
        if let Ok(known) = &written
            && known.kind != LineKind::Unknown
        {
            return Ok(certain(known));
        }
        let Some(digits) = digits else {
            return written.map(|known| certain(&known));
        };
        if let Some(known) = self.otherwise(&digits) {
            return Ok(certain(&known));
        }
        self.doubtful(&digits, written)
    }

    /// The digits in the other ways that are usual in this place, if one of these is in service.
    fn otherwise(&self, digits: &str) -> Option<Known> {
        let international = self.international_prefixes.iter();
        let international = international
            .filter_map(|prefix| digits.strip_prefix(prefix.as_str()))
            .map(|rest| self.international(rest));
        let trunk = self.trunk_prefix.iter();
        let trunk = trunk
            .filter_map(|prefix| digits.strip_prefix(prefix.as_str()))
            .map(|rest| read_known(rest, self.region));
        let local = LOCAL_DIGITS.contains(&digits.len()) && !digits.starts_with('0');
        let area = self.area_code.iter().filter(|_| local);
        let area = area.map(|code| read_known(&format!("{}{digits}", code.as_str()), self.region));
        let mut ways = international.chain(trunk).chain(area).flatten();
        ways.find(|known| known.kind != LineKind::Unknown)
    }

    fn international(&self, digits: &str) -> Result<Known, NumberError> {
        read_known(&format!("+{digits}"), None)
    }

    fn doubtful(
        &self,
        digits: &str,
        written: Result<Known, NumberError>,
    ) -> Result<Reading, NumberError> {
        let loose = digits.trim_start_matches('0').parse().ok();
        let home = self.region.map_or(0, Region::country_code);
        let loose = loose.and_then(|digits| LooseNumber::new(digits, home));
        match (written, loose) {
            (Ok(known), _) if known.has_country => Ok(certain(&known)),
            (Err(error @ NumberError::Extension), _) => Err(error),
            // A town's number: without its area code it is a different one in every town.
            (Err(NumberError::TooShort), _) => Err(NumberError::TooShort),
            (Err(error), None) => Err(error),
            // It begins with a country's code, whatever is wrong behind that.
            (Err(error), _) if digits.starts_with("00") => Err(error),
            (written, loose) => {
                if let Some(known) = self.without_its_plus(digits) {
                    return Ok(certain(&known));
                }
                let number = written.ok().map(|known| known.number);
                let kind = LineKind::Unknown;
                Ok(Reading {
                    number,
                    loose,
                    kind,
                })
            }
        }
    }

    /// `442045205757`: too long for most countries' own numbers, and one that is in service elsewhere.
    fn without_its_plus(&self, digits: &str) -> Option<Known> {
        let long = digits.len() >= INTERNATIONAL_DIGITS && !digits.starts_with('0');
        let there = (self.region.is_some() && long).then(|| self.international(digits).ok());
        there.flatten().filter(|k| k.kind != LineKind::Unknown)
    }
}

fn certain(known: &Known) -> Reading {
    Reading {
        number: Some(known.number),
        loose: None,
        kind: known.kind,
    }
}

/// The digits of a text that has nothing but digits, what people put between them, and words around them. A
/// plus is none of that: with it the text says its country.
fn bare_digits(text: &str) -> Option<String> {
    let text = text.trim();
    if is_decimal(text) {
        return None;
    }
    let mut digits = String::new();
    for c in without_words(text)?.chars() {
        match c {
            '0'..='9' => digits.push(c),
            // Full-width digits.
            '\u{ff10}'..='\u{ff19}' => digits.extend(char::from_digit(c as u32 - 0xff10, 10)),
            ' ' | '(' | ')' | '-' | '.' | '/' | '\u{a0}' => {}
            c if THIN_SPACES.contains(&c) => {}
            _ => return None,
        }
    }
    (!digits.is_empty() && digits.len() <= super::phone::NUMBER_TEXT_BYTES).then_some(digits)
}

/// `Tel: 0532 555 01 01 (Ali)` without its words; `None` where they may be dialled or be an extension.
fn without_words(text: &str) -> Option<&str> {
    let first = text.find(char::is_numeric)?;
    let (label, number) = text.split_at(first);
    if label.contains(['+', '＋']) {
        return None;
    }
    let Some(at) = letters_within(number) else {
        return Some(number);
    };
    let (number, note) = number.split_at(at);
    let enough = number.chars().filter(|c| c.is_numeric()).count() >= LABELLED_DIGITS;
    let number = number.trim_end_matches([' ', ':', ',']);
    (enough && !note.contains(char::is_numeric)).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialling(region: &str) -> Dialling {
        Dialling {
            region: Region::parse(region),
            ..Dialling::default()
        }
    }

    fn shown(dialling: &Dialling, text: &str) -> String {
        match dialling.read(text) {
            Ok(Reading { number, loose, .. }) => {
                let number = number.map(PhoneNumber::e164).unwrap_or_default();
                let loose = loose
                    .map(|l| format!("?{}", l.digits()))
                    .unwrap_or_default();
                number + &loose
            }
            Err(e) => format!("{e:?}"),
        }
    }

    #[test]
    fn a_number_that_its_region_does_not_know_keeps_its_bare_digits() {
        let cases = [
            ("TR", "0532 555 01 01", "+905325550101"),
            ("TR", "+44 20 4520 5757", "+442045205757"),
            ("TR", "020 4520 5757", "+902045205757?2045205757"),
            ("TR", "+90 204 520 57 57", "+902045205757"),
            ("TR", "0090 204 520 57 57", "+902045205757"),
            ("TR", "442045205757", "+442045205757"),
            // Too long for Spain; its end would be a number of Istanbul.
            ("TR", "0034 216 781 97 64", "TooLong"),
            ("-", "0034 216 781 97 64", "TooLong"),
            ("TR", "8 0532 555 01 01", "+90805325550101?805325550101"),
            ("GB", "8 020 4520 5757", "?802045205757"),
            ("TR", "555 01 01", "TooShort"),
            ("TR", "444 0 333", "+904440333"),
            ("TR", "101", "TooShort"),
            ("-", "0532 555 01 01", "?5325550101"),
            ("-", "0090 532 555 01 01", "+905325550101"),
            ("-", "+90 532 555 01 01", "+905325550101"),
            ("-", "444 0 333", "UnknownCountry"),
            ("TR", "Tel: 020 4520 5757 (Ali)", "+902045205757?2045205757"),
            ("-", "Cep 0532 555 01 01 ev", "?5325550101"),
            ("-", "0532 555 01 01: Ali", "?5325550101"),
            // The first of a list, and no American number.
            ("TR", "1: 212 555 01 01", "NotANumber"),
            ("-", "0212 555 01 00 dahili", "Extension"),
            ("-", "0212 555 01 00 dahili 12", "Extension"),
            ("TR", "5325550101.0", "NotANumber"),
            ("TR", "0532\u{2009}555\u{202f}01\u{2009}01", "+905325550101"),
            (
                "TR",
                "Tel: 0532\u{2009}555\u{2009}01\u{202f}01",
                "+905325550101",
            ),
        ];
        for (region, text, expected) in cases {
            assert_eq!(shown(&dialling(region), text), expected, "{region} {text}");
        }
    }

    #[test]
    fn habits_of_a_place_are_tried_where_a_number_is_none_as_written() {
        let prefix = |text| Prefix::parse(text).unwrap();
        let place = Dialling {
            area_code: Some(prefix("212")),
            trunk_prefix: Some(prefix("9")),
            international_prefixes: vec![prefix("900"), prefix("011")],
            ..dialling("TR")
        };
        let cases = [
            ("555 01 01", "+902125550101"),
            ("444 0 333", "+904440333"),
            ("0216 555 01 01", "+902165550101"),
            ("9 0532 555 01 01", "+905325550101"),
            ("905325550101", "+905325550101"),
            ("9 00 44 20 4520 5757", "+442045205757"),
            ("011 44 20 4520 5757", "+442045205757"),
            ("5550", "TooShort"),
            ("0555 01 01", "TooShort"),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(&place, text), expected, "{text}");
        }
        let london = Dialling {
            area_code: Some(prefix("20")),
            ..dialling("GB")
        };
        assert_eq!(shown(&london, "4520 5757"), "+442045205757");
    }

    #[test]
    fn prefixes_are_digits_and_few() {
        for bad in ["", "+90", "0 ", "123456789", "a"] {
            assert!(Prefix::parse(bad).is_none(), "{bad}");
        }
        assert!(Prefix::parse(&"1".repeat(PREFIX_DIGITS)).is_some());
    }

    #[test]
    fn loose_numbers_are_masked() {
        let loose = LooseNumber::new(5_325_550_101, 90).unwrap();
        assert_eq!(format!("{loose:?}"), "532555**01");
    }
}
