//! Turkish numbers that are written in full. Most of an office's are, and the library's expressions for whatever else
//! a number could be take half of a load's time (measured).

use rlibphonenumber::PhoneNumber as Parsed;
use rlibphonenumber::enums::Region as KnownRegion;

use super::Region;

const COUNTRY_CODE: i32 = 90;
/// Digits of a number in full, behind the country code.
const NATIONAL_DIGITS: usize = 10;
/// What stands before them, wherever they are written.
const EVERYWHERE: &str = "+90";
/// What stands before them in Turkey as well.
const AT_HOME: [&str; 4] = ["", "0", "90", "0090"];
/// What a number can begin with, and neither the trunk prefix nor the country code.
const FIRST_DIGITS: [char; 5] = ['2', '3', '4', '5', '8'];

/// What the library would read; `None`: it has to look. In Turkey a text without a country code is of Turkey.
pub(super) fn in_full(text: &str, region: Option<Region>) -> Option<Parsed> {
    let at_home = region.is_some_and(|region| region.0 == KnownRegion::TR);
    let (prefix, national) = text.split_at_checked(text.len().checked_sub(NATIONAL_DIGITS)?)?;
    let written = (prefix == EVERYWHERE || at_home && AT_HOME.contains(&prefix))
        && national.starts_with(FIRST_DIGITS)
        && national.bytes().all(|b| b.is_ascii_digit());
    written.then_some(Parsed {
        country_code: COUNTRY_CODE,
        national_number: national.parse().ok()?,
        ..Parsed::default()
    })
}

#[cfg(test)]
mod tests {
    use rlibphonenumber::{NumberLengthType, PHONE_NUMBER_UTIL};

    use super::*;

    /// What the library reads, if it takes it for a number of a possible length.
    fn library(text: &str, region: Option<Region>) -> Option<Parsed> {
        let parsed = PHONE_NUMBER_UTIL.parse(text, region.map(|r| r.0)).ok()?;
        let length = PHONE_NUMBER_UTIL.is_possible_number_with_reason(&parsed);
        (length == Ok(NumberLengthType::IsPossible)).then_some(parsed)
    }

    #[test]
    fn the_library_reads_each_of_them_the_same() {
        let regions = [
            Region::parse("TR"),
            Region::parse("DE"),
            Region::parse("US"),
            None,
        ];
        let mut compared = 0;
        for area in (200..600).chain(800..900) {
            for rest in ["0000000", "0333444", "5550101", "9090909", "9999999"] {
                for prefix in AT_HOME.into_iter().chain([EVERYWHERE]) {
                    let text = format!("{prefix}{area}{rest}");
                    for region in regions {
                        if let Some(read) = in_full(&text, region) {
                            assert_eq!(library(&text, region), Some(read), "{text} {region:?}");
                            compared += 1;
                        }
                    }
                }
            }
        }
        assert_eq!(compared, 500 * 5 * (5 + 3));
    }

    #[test]
    fn what_is_not_in_full_is_left_to_the_library() {
        let (turkey, germany) = (Region::parse("TR"), Region::parse("DE"));
        for text in [
            "",
            "0",
            "+90",
            "5550101",
            "4440333",
            "05325550101 ",
            "0532555010١",
            "+90053255501",
            "09005551122",
            "9053255501",
            "+9053255501011",
            "090 5325550101",
            "+490532555010",
            "++905325550101",
            "ş5325550101",
        ] {
            assert_eq!(in_full(text, turkey), None, "{text}");
        }
        for text in [
            "5325550101",
            "05325550101",
            "905325550101",
            "00905325550101",
        ] {
            let read = in_full(text, turkey).unwrap();
            assert_eq!(
                (read.country_code, read.national_number),
                (90, 5_325_550_101)
            );
            for region in [germany, None] {
                assert_eq!(in_full(text, region), None, "{text}");
            }
        }
    }
}
