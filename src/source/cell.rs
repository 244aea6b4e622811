//! The numbers in one cell: people write two into one, and one in two parts.
//!
//! `0532 555 01 01 / 0212 555 01 00` is two numbers, `04131/123456` is an area code and its number, and
//! `0212 555 01 00/02` is one number and something only people understand. Taking a part for a number that
//! is none would find a stranger, so a part must look like a whole number before it is taken for one.

use std::ops::RangeInclusive;

use crate::domain::dialling::{Dialling, Reading};
use crate::domain::phone::NumberError;

/// What people put between two numbers in one cell.
const SEPARATORS: [char; 5] = ['/', ',', ';', '\n', '\r'];
/// What a number starts with that has its area code, in half width or full.
const STARTS: [char; 4] = ['+', '0', '＋', '０'];
/// Digits, without leading zeros, below which a part may be an area code (`0049 4131`) or an extension.
const PART_DIGITS: usize = 8;
/// Digits, without leading zeros, from which a part has its area code even if it is not written with one.
const NATIONAL_DIGITS: usize = 10;

/// Digits of a part that the place's area code may be missing from; with fewer it may be an extension.
const LOCAL_DIGITS: RangeInclusive<usize> = 6..=8;

/// Hands each number of the cell to `found`; an error means that some or all of the cell is none.
pub(super) fn numbers_in(
    cell: &str,
    dialling: &Dialling,
    found: &mut dyn FnMut(Reading),
) -> Result<(), NumberError> {
    let parts = || {
        cell.split(SEPARATORS)
            .map(str::trim)
            .filter(|part| !part.is_empty())
    };
    let first_digits = parts().next().map_or(0, significant_digits);
    // Countries without area codes write neither a 0 nor ten digits, but always the same length.
    let is_whole = |part: &str| {
        let digits = significant_digits(part);
        let has_area =
            part.starts_with(STARTS) || digits >= NATIONAL_DIGITS || digits == first_digits;
        digits >= PART_DIGITS && has_area
    };
    if is_rounded(cell) {
        return Err(NumberError::NotANumber);
    }
    // In `;ext=12` the sign belongs to the extension.
    if !cell.contains(SEPARATORS) || cell.contains(";ext=") {
        return dialling.read(cell).map(found);
    }
    // Beside a whole number a short one may be of that one's town, or an extension.
    let all_local = first_digits > 0 && parts().all(|part| is_local(part, dialling));
    if !all_local && !parts().any(is_whole) {
        let reading = dialling.read(cell)?;
        // Where it is only likely, the digits of two numbers may have become those of one.
        if reading.loose.is_some() {
            return Err(NumberError::NotANumber);
        }
        found(reading);
        return Ok(());
    }
    let mut outcome = Ok(());
    for part in parts() {
        let number = match all_local || is_whole(part) {
            true => dialling.read(part).map(&mut *found),
            false => Err(NumberError::TooShort),
        };
        outcome = outcome.and(number);
    }
    outcome
}

/// Whether the part is a whole number with the area code of the place before it.
fn is_local(part: &str, dialling: &Dialling) -> bool {
    dialling.area_code.is_some()
        && !part.starts_with(STARTS)
        && LOCAL_DIGITS.contains(&significant_digits(part))
        && dialling.read(part).is_ok_and(|r| r.loose.is_none())
}

fn significant_digits(text: &str) -> usize {
    let digits = text.chars().filter(|c| c.is_numeric());
    digits.skip_while(|c| STARTS.contains(c)).count()
}

/// What a spreadsheet makes of a long number: `9,05326E+11`, or `5325550101.0`, which may be whole but was
/// an amount to it all the same.
pub(super) fn is_rounded(text: &str) -> bool {
    let whole = text.strip_suffix(".0").unwrap_or_default();
    if whole.len() >= PART_DIGITS && whole.bytes().all(|b| b.is_ascii_digit()) {
        return true;
    }
    let Some((digits, power)) = text.split_once(['E', 'e']) else {
        return false;
    };
    let digits_only = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    power.strip_prefix('+').is_some_and(digits_only) && digits_only(&digits.replace([',', '.'], ""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::dialling::Prefix;
    use crate::domain::phone::Region;

    fn numbers(cell: &str, region: &str) -> (Vec<String>, Result<(), NumberError>) {
        read(cell, &profile(region))
    }

    /// Numbers as `+905325550101`, those whose country can't be told as `?5325550101`.
    fn read(cell: &str, dialling: &Dialling) -> (Vec<String>, Result<(), NumberError>) {
        let mut numbers = Vec::new();
        let outcome = numbers_in(cell, dialling, &mut |reading| {
            let number = reading.number.map(|n| n.e164()).unwrap_or_default();
            let loose = reading.loose.map(|l| format!("?{}", l.digits()));
            numbers.push(number + &loose.unwrap_or_default());
        });
        (numbers, outcome)
    }

    /// `TR area=212 trunk=9 abroad=011`; `none` is no region.
    fn profile(text: &str) -> Dialling {
        let mut words = text.split(' ');
        let region = words.next().filter(|r| *r != "none");
        let mut dialling = Dialling {
            region: region.map(|r| Region::parse(r).unwrap()),
            ..Dialling::default()
        };
        for (key, digits) in words.map(|w| w.split_once('=').unwrap()) {
            let prefix = Prefix::parse(digits);
            match key {
                "area" => dialling.area_code = prefix,
                "trunk" => dialling.trunk_prefix = prefix,
                "abroad" => dialling.international_prefixes.extend(prefix),
                _ => panic!("{text}"),
            }
        }
        dialling
    }

    fn hold(table: &str, at_least: usize) {
        let (mut count, mut wrong) = (0, Vec::new());
        for line in table.lines().filter(|l| l.contains('\t')) {
            let fields: Vec<&str> = line.split('\t').collect();
            let [text, place, expected] = fields[..] else {
                panic!("{line}");
            };
            count += 1;
            let cell: String = serde_json::from_str(&format!("\"{text}\"")).unwrap();
            let (mut found, outcome) = numbers(&cell, place);
            found.extend(outcome.err().map(|e| format!("{e:?}")));
            if found.join(" ") != expected {
                wrong.push(format!("{line}: {}", found.join(" ")));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
        assert!(count >= at_least, "{count}");
    }

    #[test]
    fn the_table_holds() {
        hold(include_str!("../../tests/data/numbers-table.tsv"), 300);
    }

    #[test]
    fn the_table_of_places_holds() {
        hold(include_str!("../../tests/data/numbers-places.tsv"), 60);
    }

    #[test]
    fn a_caller_is_read_as_the_cell_of_a_contact_is() {
        let tables = [
            include_str!("../../tests/data/numbers-table.tsv"),
            include_str!("../../tests/data/numbers-places.tsv"),
        ];
        let mut count = 0;
        for line in tables.iter().flat_map(|t| t.lines()) {
            let fields: Vec<&str> = line.split('\t').collect();
            let [text, place, _] = fields[..] else {
                continue;
            };
            let text: String = serde_json::from_str(&format!("\"{text}\"")).unwrap();
            if text.contains(SEPARATORS) {
                continue;
            }
            count += 1;
            let dialling = profile(place);
            let mut stored = Err(NumberError::Empty);
            let outcome = numbers_in(&text, &dialling, &mut |reading| stored = Ok(reading));
            let stored = outcome.and(stored);
            assert_eq!(stored, dialling.read(&text), "{line}");
        }
        assert!(count >= 350, "{count}");
    }

    #[test]
    fn a_cell_may_hold_several_numbers() {
        let (mobile, office) = ("+905325550101", "+902125550100");
        let cases: &[(&str, &str, &[&str])] = &[
            ("TR", "0532 555 01 01", &[mobile]),
            ("TR", "0532 555 01 01/0212 555 01 00", &[mobile, office]),
            ("TR", "0532 555 01 01, 0212 555 01 00;", &[mobile, office]),
            (
                "TR",
                "0532 555 01 01\n0212 555 01 00\r\n",
                &[mobile, office],
            ),
            ("TR", "+90 532 555 01 01 / 212 555 01 00", &[mobile, office]),
            ("TR", "5325550101;2125550100", &[mobile, office]),
            ("DK", "32123456/32123457", &["+4532123456", "+4532123457"]),
            (
                "DE",
                "030 12345678 / 0171 1234567",
                &["+493012345678", "+491711234567"],
            ),
        ];
        for (region, cell, expected) in cases {
            let (found, outcome) = numbers(cell, region);
            assert_eq!(
                (found.join(" "), outcome),
                (expected.join(" "), Ok(())),
                "{cell:?}"
            );
        }
    }

    #[test]
    fn one_number_in_parts_stays_one() {
        let cases = [
            ("TR", "0532/555/01/01", "+905325550101"),
            ("TR", "0212/555 01 00", "+902125550100"),
            ("DE", "04131/123456", "+494131123456"),
            ("DE", "030/12345678", "+493012345678"),
            ("DE", "0049 4131/12345678", "+49413112345678"),
        ];
        for (region, cell, expected) in cases {
            assert_eq!(
                numbers(cell, region),
                (vec![expected.to_owned()], Ok(())),
                "{cell}"
            );
        }
    }

    #[test]
    fn a_part_that_is_no_number_is_left_out_and_told() {
        for (region, cell, expected) in [
            ("TR", "0212 555 01 00/02", "+902125550100"),
            ("TR", "0212 555 01 00 / 5550101", "+902125550100"),
            ("TR", "0532 555 01 01; yok", "+905325550101"),
            ("TR", "yok; 0532 555 01 01", "+905325550101"),
            ("TR", "5550101 / 0532 555 01 01", "+905325550101"),
            ("DE", "030 1234567/1234568", "+49301234567"),
        ] {
            let (found, outcome) = numbers(cell, region);
            assert_eq!(found.concat(), expected, "{cell}");
            assert!(outcome.is_err(), "{cell}");
        }
    }

    #[test]
    fn a_number_that_a_spreadsheet_has_rounded_is_none() {
        for cell in [
            "9,05326E+11",
            "5,32556E+09",
            "9.05326E+11",
            "9e+11",
            "5325550101.0",
        ] {
            assert!(is_rounded(cell), "{cell}");
            let (found, outcome) = numbers(cell, "TR");
            assert!(found.is_empty() && outcome.is_err(), "{cell}");
        }
        for cell in [
            "",
            "E+11",
            "9E+",
            "9,0",
            "9.0",
            "0532 555 01 01 ev",
            "905E11",
        ] {
            assert!(!is_rounded(cell), "{cell}");
        }
    }

    #[test]
    fn nothing_is_no_number() {
        for cell in ["", "///", "Ayşe Yılmaz", "0532,555", "\n;\n"] {
            let (found, outcome) = numbers(cell, "TR");
            assert!(found.is_empty() && outcome.is_err(), "{cell}");
        }
    }

    #[test]
    fn local_parts_have_as_many_digits_as_the_bound() {
        for (cell, expected) in [
            ("123456 / 123457", 2),
            ("12345678 / 12345679", 2),
            ("12345 / 12346", 0),
        ] {
            let (found, outcome) = numbers(cell, "DE area=30");
            assert_eq!(
                (found.len(), outcome.is_ok()),
                (expected, expected > 0),
                "{cell}: {found:?}"
            );
        }
    }
}
