//! Telephone numbers: a `PhoneNumber` is E.164 by construction, whatever form it was typed in.
//!
//! Parsing is Google's libphonenumber (a Rust port): national habits change, and its tables follow. A
//! number is accepted when its length is possible in its country, not only when its prefix is known to be
//! in service: tables age, and two equal numbers are equal either way. The port is built on a small regular
//! expression engine, slower than the usual one, because its memory stays flat whatever text comes.
//!
//! Numbers are personal data: `Debug` and `Display` mask the middle, `e164` is the deliberate way out.

use std::fmt;
use std::str::FromStr;

use rlibphonenumber::enums::Region as KnownRegion;
use rlibphonenumber::{
    NumberLengthType, PHONE_NUMBER_UTIL, ParseError, PhoneNumber as Parsed, PhoneNumberFormat,
    PhoneNumberType, ValidationError,
};
use serde::{Deserialize, Serialize};

use text::{THIN_SPACES, is_decimal, letters_within, names_an_extension, without_separators};

pub(super) mod text;
mod turkish;

/// Longest text looked at: E.164 has 15 digits, people put spaces, brackets and an extension around them.
pub const NUMBER_TEXT_BYTES: usize = 64;
/// ITU-T E.164: fifteen digits with the country code.
const E164_DIGITS: usize = 15;
/// Turkish numbers for the whole country, 444 and four digits, are dialled without an area code.
const TURKISH_SERVICE_DIGITS: usize = 7;
/// Eight digits and more are whole numbers in many countries; seven are, mostly, those of a town.
const LOCAL_BOUND: u64 = 10_000_000;
/// Fewer digits in front of a word are the start of a number that is dialled by letters: `0152 FLOWERS`.
pub(super) const LABELLED_DIGITS: usize = 7;

/// An E.164 number, held as its digits: country codes never start with 0, so nothing is lost.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PhoneNumber(u64);

/// Why a text is no number that a contact or caller could be known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub enum NumberError {
    #[error("is empty")]
    Empty,
    #[error("is withheld")]
    Withheld,
    #[error("is not a telephone number")]
    NotANumber,
    #[error("is too short, such as an extension or a service number")]
    TooShort,
    #[error("is too long")]
    TooLong,
    #[error("starts with an unknown country code")]
    UnknownCountry,
    #[error("has an extension: which of the people behind it calls can't be told")]
    Extension,
}

impl NumberError {
    pub const ALL: [NumberError; 7] = [
        NumberError::Empty,
        NumberError::Withheld,
        NumberError::NotANumber,
        NumberError::TooShort,
        NumberError::TooLong,
        NumberError::UnknownCountry,
        NumberError::Extension,
    ];
}

/// What networks and Hipcall put where the number of a caller who hides it would be.
const WITHHELD: &[&str] = &[
    "anonymous",
    "unknown",
    "restricted",
    "private",
    "withheld",
    "unavailable",
    "none",
    "null",
];

impl PhoneNumber {
    /// Reads a number as typed or as sent; one without a country code is taken to be of `region`.
    pub fn parse(text: &str, region: Region) -> Result<PhoneNumber, NumberError> {
        parsed(text, Some(region)).and_then(|parsed| from_parsed(text, &parsed))
    }

    /// The number in full, `+905325550101`: for the wire and for the card, never for a log.
    pub fn e164(self) -> String {
        format!("+{}", self.0)
    }

    /// All digits, the country code first.
    pub fn digits(self) -> u64 {
        self.0
    }

    /// The country code's digits and those after it. A leading zero of the latter, as Italy has, is lost.
    pub fn split(self) -> (u64, u64) {
        split(self.0)
    }

    /// Whether the digits after the country code begin with a zero that is part of them, as in Italy.
    pub fn has_leading_zero(self) -> bool {
        let (code, national) = self.split();
        format!("{code}{national}").len() < self.0.to_string().len()
    }

    /// What the numbering plan says of its range.
    pub fn kind(self) -> LineKind {
        let parsed = PHONE_NUMBER_UTIL.parse(self.e164(), None::<KnownRegion>);
        parsed.map_or(LineKind::Unknown, |parsed| kind(&parsed))
    }
}

/// The country code and the rest of digits that begin with one.
pub fn split(digits: u64) -> (u64, u64) {
    let digits = digits.to_string();
    let (code, national) = digits.split_at(country_digits(&digits).min(digits.len()));
    let value = |digits: &str| digits.parse().unwrap_or(0);
    (value(code), value(national))
}

/// Country codes are prefix-free (ITU-T E.164): zones 1 and 7 have one digit, these have two, all others three.
const TWO_DIGIT_CODES: &[&str] = &[
    "20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47",
    "48", "49", "51", "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63", "64", "65",
    "66", "81", "82", "84", "86", "90", "91", "92", "93", "94", "95", "98",
];

fn country_digits(digits: &str) -> usize {
    match digits.get(..2) {
        Some(code) if code.starts_with(['1', '7']) => 1,
        Some(code) if TWO_DIGIT_CODES.contains(&code) => 2,
        _ => 3,
    }
}

/// What kind of line a number is, as far as it matters for whom it can be taken for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LineKind {
    /// Of no range that is known to be in service: the tables may be older than the range.
    #[default]
    Unknown,
    /// At a place; a company may have a block of these.
    Geographic,
    /// Geographic or personal, which in North America can't be told.
    Either,
    /// A mobile or another line that moves with its owner.
    Personal,
    /// Free, shared cost, premium, nationwide: many callers stand behind one.
    Service,
}

fn kind(parsed: &Parsed) -> LineKind {
    match PHONE_NUMBER_UTIL.get_number_type(parsed) {
        PhoneNumberType::FixedLine => LineKind::Geographic,
        PhoneNumberType::FixedLineOrMobile => LineKind::Either,
        PhoneNumberType::Mobile
        | PhoneNumberType::VoIP
        | PhoneNumberType::PersonalNumber
        | PhoneNumberType::Pager => LineKind::Personal,
        PhoneNumberType::Unknown => LineKind::Unknown,
        _ => LineKind::Service,
    }
}

/// A number with what is needed to judge how certain its reading is.
pub(super) struct Known {
    pub(super) number: PhoneNumber,
    pub(super) kind: LineKind,
    /// Its country stands in the text, and was not taken from the region.
    pub(super) has_country: bool,
}

pub(super) fn read_known(text: &str, region: Option<Region>) -> Result<Known, NumberError> {
    let parsed = parsed(text, region)?;
    Ok(Known {
        number: from_parsed(text, &parsed)?,
        kind: kind(&parsed),
        has_country: says_its_country(text, &parsed, region),
    })
}

fn says_its_country(text: &str, parsed: &Parsed, region: Option<Region>) -> bool {
    let own = region.and_then(|r| PHONE_NUMBER_UTIL.get_country_code_for_region(r.0));
    let starts = text.trim_start_matches(|c: char| c.is_whitespace() || c == '(');
    own != Some(parsed.country_code) || starts.starts_with(['+', '＋']) || starts.starts_with("00")
}

/// What the text is a number of; `region` is that of numbers without a country code.
fn parsed(text: &str, region: Option<Region>) -> Result<Parsed, NumberError> {
    let respaced = text
        .contains(THIN_SPACES)
        .then(|| text.replace(THIN_SPACES, " "));
    let text = respaced.as_deref().unwrap_or(text).trim();
    if text.is_empty() {
        return Err(NumberError::Empty);
    }
    if WITHHELD.iter().any(|word| text.eq_ignore_ascii_case(word)) {
        return Err(NumberError::Withheld);
    }
    if text.len() > NUMBER_TEXT_BYTES {
        return Err(NumberError::TooLong);
    }
    // The port can panic on a malformed RFC 3966 context; nobody types one.
    if text.contains(";phone-context=") {
        return Err(NumberError::NotANumber);
    }
    if names_an_extension(text) {
        return Err(NumberError::Extension);
    }
    if is_decimal(text) {
        return Err(NumberError::NotANumber);
    }
    match letters_within(text) {
        Some(at) => with_letters(text, at, region),
        None => read(text, region),
    }
}

/// What the library makes of the text, if that is a whole number and not an extension behind one.
fn read(text: &str, region: Option<Region>) -> Result<Parsed, NumberError> {
    let bare = without_separators(text);
    let text = bare.as_deref().unwrap_or(text);
    let text = without_glued_plus(text, region);
    if let Some(parsed) = turkish::in_full(text, region) {
        return Ok(parsed);
    }
    let parsed = PHONE_NUMBER_UTIL
        .parse(text, region.map(|r| r.0))
        .map_err(|e| match e {
            ParseError::InvalidCountryCode => NumberError::UnknownCountry,
            ParseError::NotANumber(_) => NumberError::NotANumber,
            ParseError::TooShortAfterIdd | ParseError::TooShortNsn => NumberError::TooShort,
            ParseError::TooLongNsn => NumberError::TooLong,
        })?;
    if parsed.extension.as_deref().is_some_and(|x| !x.is_empty()) {
        return Err(NumberError::Extension);
    }
    match PHONE_NUMBER_UTIL.is_possible_number_with_reason(&parsed) {
        Ok(NumberLengthType::IsPossible) if is_local(text, &parsed, region) => {
            Err(NumberError::TooShort)
        }
        Ok(NumberLengthType::IsPossible) => Ok(parsed),
        Ok(NumberLengthType::IsPossibleLocalOnly) | Err(ValidationError::TooShort) => {
            Err(NumberError::TooShort)
        }
        Err(ValidationError::TooLong) => Err(NumberError::TooLong),
        Err(ValidationError::InvalidCountryCode) => Err(NumberError::UnknownCountry),
        Err(ValidationError::InvalidLength) => Err(NumberError::NotANumber),
    }
}

/// Few digits without a country code are a whole number only where the tables know such: in Turkey 444 0333
/// is one, and 555 0101 lacks its area code.
fn is_local(text: &str, parsed: &Parsed, region: Option<Region>) -> bool {
    parsed.national_number < LOCAL_BOUND
        && !says_its_country(text, parsed, region)
        && !is_in_service(parsed)
}

fn from_parsed(text: &str, parsed: &Parsed) -> Result<PhoneNumber, NumberError> {
    let e164 = parsed.format_as(PhoneNumberFormat::E164);
    let digits = e164.strip_prefix('+').unwrap_or(&e164);
    if digits.len() > E164_DIGITS {
        return Err(NumberError::TooLong);
    }
    if !is_plain(text, digits) && !reads_as_itself(&e164) {
        return Err(NumberError::NotANumber);
    }
    digits
        .parse()
        .map(PhoneNumber)
        .map_err(|_| NumberError::NotANumber)
}

/// Whether the digits stand in the text as they are, or behind nothing but one trunk or international prefix.
fn is_plain(text: &str, digits: &str) -> bool {
    let (_, national) = digits.split_at(country_digits(digits).min(digits.len()));
    // Of every number of a load, so without a copy.
    let written = |prefix: &str, rest: &str| {
        let digits = text.bytes().filter(u8::is_ascii_digit);
        digits.eq(prefix.bytes().chain(rest.bytes()))
    };
    let begins_anew = national.starts_with('0');
    written("", digits)
        || written("00", digits)
        || (!begins_anew && (written("", national) || written("0", national)))
}

/// Each reading takes one prefix off. Where several stand in a row, or zeros that no number of the country begins
/// with, what is left would be another number each time.
fn reads_as_itself(e164: &str) -> bool {
    let again = PHONE_NUMBER_UTIL.parse(e164, None::<KnownRegion>);
    again.is_ok_and(|again| again.format_as(PhoneNumberFormat::E164) == e164)
}

/// Whether the number is of a range that is in service, as far as the tables know.
fn is_in_service(parsed: &Parsed) -> bool {
    PHONE_NUMBER_UTIL.is_valid_number(parsed)
}

/// `0532 555 01 01 Ali` is a number and whose it is, `0800 FLOWERS` is dialled by its letters. Taken the
/// wrong way either is another number of a possible length, so what the letters are needed for must be in
/// service. So must a number with letters in its midst: `D: 12` is an extension to whoever wrote it.
fn with_letters(text: &str, at: usize, region: Option<Region>) -> Result<Parsed, NumberError> {
    let whole = read(text, region);
    let (head, tail) = text.split_at(at);
    let at_least_whole = head.chars().filter(|c| c.is_numeric()).count() >= LABELLED_DIGITS;
    let head = match tail.contains(char::is_numeric) {
        true => Err(NumberError::NotANumber),
        false => read(head, region),
    };
    match (head, whole) {
        (Ok(head), _) if is_in_service(&head) => Ok(head),
        // Enough digits for a number of its own, as in `555 0101 cep`, are no start of a dialled word: the
        // note would end a number that is somebody else's.
        (_, Ok(whole)) if is_in_service(&whole) && !at_least_whole => Ok(whole),
        (Ok(head), _) if at_least_whole => Ok(head),
        (_, Ok(_)) => Err(NumberError::NotANumber),
        (_, Err(error)) => Err(error),
    }
}

/// Hipcall sends the Turkish 444 0333 as `+4440333`. Five digits behind +44 are no British number.
fn without_glued_plus(text: &str, region: Option<Region>) -> &str {
    match text.strip_prefix('+') {
        Some(digits)
            if region.is_some_and(|r| r.0 == KnownRegion::TR)
                && digits.len() == TURKISH_SERVICE_DIGITS
                && digits.starts_with("444")
                && digits.bytes().all(|b| b.is_ascii_digit()) =>
        {
            digits
        }
        _ => text,
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&masked(&self.e164()))
    }
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Any text that may hold a number, with all but its start and its last two characters covered.
pub fn masked(text: &str) -> String {
    let chars: Vec<char> = text.chars().take(NUMBER_TEXT_BYTES).collect();
    let keep = if chars.len() > 9 { 6 } else { chars.len() / 4 };
    chars
        .iter()
        .enumerate()
        .map(|(i, c)| {
            let shown = i < keep || (chars.len() > 9 && i + 2 >= chars.len());
            if shown && !c.is_control() { *c } else { '*' }
        })
        .collect()
}

/// A country or territory whose dialling habits are known: `TR`, `GB`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Region(KnownRegion);

impl Region {
    pub fn parse(code: &str) -> Option<Region> {
        let region = KnownRegion::from_str(&code.trim().to_ascii_uppercase()).ok()?;
        PHONE_NUMBER_UTIL
            .get_country_code_for_region(region)
            .map(|_| Region(region))
    }
}

impl Region {
    pub fn country_code(self) -> u16 {
        let code = PHONE_NUMBER_UTIL.get_country_code_for_region(self.0);
        code.and_then(|code| code.try_into().ok()).unwrap_or(0)
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_only_one_if_its_full_form_is_the_same() {
        for (text, region) in [
            ("009000025905055 902", "TR"),
            ("+31 0(0364) 6502", "NL"),
            ("+86 12340 12340 1234567", "TR"),
        ] {
            let read = PhoneNumber::parse(text, Region::parse(region).unwrap());
            assert_eq!(read, Err(NumberError::NotANumber), "{text}");
        }
    }

    fn region(code: &str) -> Region {
        Region::parse(code).unwrap()
    }

    #[test]
    fn every_way_to_write_a_number_gives_the_same_number() {
        let cases = [
            (
                "TR",
                "+905325550101",
                &[
                    "+90 532 555 01 01",
                    "0532 555 01 01",
                    "532 555 0101",
                    "00905325550101",
                    "905325550101",
                    "(0532) 555-01-01",
                    "0 (532) 555 01 01",
                    "0532.555.01.01",
                    "0532\u{a0}555\u{a0}01\u{a0}01",
                    "+90 (0) 532 555 01 01",
                    "０５３２５５５０１０１",
                    "  +905325550101  ",
                    "Tel: 0532 555 01 01",
                    "0532 555 01 01 ev",
                    "0532 555 01 01 GSM",
                ] as &[&str],
            ),
            (
                "TR",
                "+908505550100",
                &["0850 555 01 00", "+90 850 555 0100", "8505550100"],
            ),
            (
                "TR",
                "+902125550100",
                &["0212 555 01 00", "(212) 555 01 00"],
            ),
            (
                "GB",
                "+442045205757",
                &["020 4520 5757", "+44 (0)20 4520 5757", "0044 20 4520 5757"],
            ),
            (
                "TR",
                "+442045205757",
                &["+44 20 4520 5757", "0044 2045205757"],
            ),
        ];
        for (code, expected, forms) in cases {
            for form in forms {
                let number = PhoneNumber::parse(form, region(code));
                assert_eq!(
                    number.map(PhoneNumber::e164),
                    Ok(expected.to_owned()),
                    "{form}"
                );
            }
        }
    }

    #[test]
    fn a_note_never_ends_a_number_that_is_somebody_elses() {
        // By the letters on a telephone's keys this would be the mobile number +905550101237.
        let noted = PhoneNumber::parse("555 0101 cep", region("TR")).map(PhoneNumber::e164);
        assert_ne!(noted, Ok("+905550101237".to_owned()));
    }

    #[test]
    fn words_behind_a_number_are_no_part_of_it_unless_they_are_dialled() {
        let cases = [
            ("TR", "0532 555 01 01 Ali", Ok("+905325550101")),
            ("TR", "0532 555 01 01 (Muhasebe)", Ok("+905325550101")),
            ("TR", "Ayşe: 0532 555 01 01 iş", Ok("+905325550101")),
            ("US", "1-800-FLOWERS", Ok("+18003569377")),
            ("TR", "0152 FLOWERS", Err(NumberError::NotANumber)),
            ("TR", "0212 555 01 00 D: 12", Err(NumberError::NotANumber)),
            (
                "TR",
                "0212 555 01 00 DAHİLİ 12",
                Err(NumberError::Extension),
            ),
            ("DE", "030 12345678 DW 12", Err(NumberError::Extension)),
        ];
        for (code, text, expected) in cases {
            assert_eq!(
                PhoneNumber::parse(text, region(code)).map(PhoneNumber::e164),
                expected.map(str::to_owned),
                "{text}"
            );
        }
    }

    #[test]
    fn a_turkish_service_number_with_a_plus_is_no_british_one() {
        let parse = |text, code| PhoneNumber::parse(text, region(code)).map(PhoneNumber::e164);
        assert_eq!(parse("+4440333", "TR").as_deref(), Ok("+904440333"));
        assert_eq!(parse("+4440333", "GB"), Err(NumberError::TooShort));
        assert_eq!(parse("+442045205757", "TR").as_deref(), Ok("+442045205757"));
    }

    #[test]
    fn what_is_no_number_says_why() {
        use NumberError::*;
        let long = "9".repeat(65);
        let cases = [
            ("", Empty),
            (" \u{a0} ", Empty),
            ("anonymous", Withheld),
            ("Restricted", Withheld),
            ("101", TooShort),
            ("112", TooShort),
            ("hello", NotANumber),
            ("+999 123 456 789", UnknownCountry),
            ("0212 555 01 00 x12", Extension),
            ("0212 555 01 00 dahili 12", Extension),
            ("0212 555 01 00 DAH. 12", Extension),
            ("212555010.0", NotANumber),
            ("+90212555010.0", NotANumber),
            ("tel:0532;phone-context=+902;33tel:957", NotANumber),
            ("+90532555010199999", TooLong),
            (&long, TooLong),
        ];
        for (text, expected) in cases {
            assert_eq!(
                PhoneNumber::parse(text, region("TR")),
                Err(expected),
                "{text:?}"
            );
        }
    }

    #[test]
    fn numbers_are_masked_wherever_they_are_printed() {
        let number = PhoneNumber::parse("+905325550101", region("TR")).unwrap();
        assert_eq!(
            format!("{number} {number:?}"),
            "+90532*****01 +90532*****01"
        );
        assert_eq!(masked("101"), "***");
        assert_eq!(masked("0532\n5550101x"), "0532*5*****1x");
    }

    #[test]
    fn regions_are_only_those_with_a_country_code() {
        assert!(Region::parse("tr").is_some());
        for code in ["", "T", "XX", "TUR", "001", "türkiye"] {
            assert!(Region::parse(code).is_none(), "{code}");
        }
    }
}
