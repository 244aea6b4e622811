//! A company's address book as its CRM exports it: made-up people, in the mess that real ones are kept in.
//!
//! The same seed gives the same bytes, whatever the machine. Numbers are nobody's: British ones are of
//! Ofcom's ranges for drama, Turkish ones of `555` blocks. Each number occurs once in a file, so a wrong
//! name on a card can only be Ringcard's mistake. A few rows of a hundred have no usable number, as in any
//! real export. [`rows`] tells beside each row which numbers it truly means.
//!
//! The office is Turkish: a number typed without a country code is a Turkish one, so British ones carry
//! theirs. (`020 ...` would be read as a Turkish number, and be nobody's.)

mod names;
mod numbers;

use std::io::{self, Write};

use fastrand::Rng;

use names::Person;
use numbers::Pools;

/// Contacts of the demo's company.
pub const ROWS: usize = 1_000;
/// The numbers run out beyond this.
pub const MOST_ROWS: usize = 1_000_000;
/// The first line.
pub const HEADER: [&str; 8] = [
    "Cari Kodu",
    "Ad Soyad",
    "Firma",
    "Cep",
    "Telefon",
    "Bakiye",
    "Döviz",
    "E-posta",
];

/// Of a hundred rows so many have nothing that could be read as a number, are British, have two numbers.
const UNUSABLE_PERCENT: u8 = 3;
const BRITISH_PERCENT: u8 = 20;
const TWO_NUMBERS_PERCENT: u8 = 6;

/// A contact that every export has, whatever its seed: these are the first rows, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fixed {
    pub key: &'static str,
    pub name: &'static str,
    pub company: &'static str,
    /// As typed into the CRM; empty where there is none.
    pub mobile: &'static str,
    pub phone: &'static str,
    /// What was meant, in E.164.
    pub numbers: &'static [&'static str],
    /// As exported: with a decimal comma.
    pub balance: &'static str,
    pub currency: &'static str,
    pub email: &'static str,
}

/// Calls in the inbound sample.
pub const TURKISH_CONTACT: Fixed = Fixed {
    key: "120.01.0001",
    name: "Ayşe Yılmaz",
    company: "Yılmaz Mobilya Ltd. Şti.",
    mobile: "0532 555 01 01",
    phone: "",
    numbers: &["+905325550101"],
    balance: "4.250,00",
    currency: "TRY",
    email: "ayse.yilmaz@yilmazmobilya.example",
};

/// Is called in the outbound sample.
pub const BRITISH_CONTACT: Fixed = Fixed {
    key: "120.01.0002",
    name: "Oliver Bennett",
    company: "Bennett & Sons Ltd",
    mobile: "",
    phone: "+44 (0)20 4520 5757",
    numbers: &["+442045205757"],
    balance: "1.180,50",
    currency: "GBP",
    email: "oliver.bennett@bennettsons.example",
};

/// Can be reached in two ways.
pub const TWO_NUMBER_CONTACT: Fixed = Fixed {
    key: "120.01.0003",
    name: "Çağrı Öztürk",
    company: "Öztürk \"Usta\" Elektrik; Isparta",
    mobile: "+90 (533) 555-01-02",
    phone: "0212.555.01.02",
    numbers: &["+905335550102", "+902125550102"],
    balance: "-320,75",
    currency: "TRY",
    email: "cagri.ozturk@ozturkelektrik.example",
};

pub const FIXED: [Fixed; 3] = [TURKISH_CONTACT, BRITISH_CONTACT, TWO_NUMBER_CONTACT];

/// A row as exported, with the numbers it truly means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportRow {
    /// In the order of [`HEADER`].
    pub cells: [String; 8],
    /// E.164; none if nobody could read what was typed.
    pub numbers: Vec<String>,
}

/// The rows of an export. They stop at [`MOST_ROWS`].
pub fn rows(rows: usize, seed: u64) -> impl Iterator<Item = ExportRow> {
    let mut random = Rng::with_seed(seed);
    let mut pools = Pools::new(&mut random);
    (0..rows.min(MOST_ROWS)).map(move |index| match FIXED.get(index) {
        Some(fixed) => fixed_row(fixed),
        None => made_up_row(index, &mut random, &mut pools),
    })
}

/// Writes an export row by row, so that a million fit into any memory.
pub fn write_export(out: &mut impl Write, row_count: usize, seed: u64) -> io::Result<()> {
    if row_count > MOST_ROWS {
        let problem = format!("{row_count} rows: there are numbers for {MOST_ROWS}");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
    }
    let mut csv = csv::WriterBuilder::new()
        .delimiter(b';')
        .terminator(csv::Terminator::CRLF)
        .from_writer(out);
    csv.write_record(HEADER)?;
    for row in rows(row_count, seed) {
        csv.write_record(&row.cells)?;
    }
    csv.flush()
}

/// A whole export as text.
pub fn export(row_count: usize, seed: u64) -> io::Result<String> {
    let mut bytes = Vec::new();
    write_export(&mut bytes, row_count, seed)?;
    String::from_utf8(bytes).map_err(io::Error::other)
}

fn fixed_row(fixed: &Fixed) -> ExportRow {
    let cells = [
        fixed.key,
        fixed.name,
        fixed.company,
        fixed.mobile,
        fixed.phone,
        fixed.balance,
        fixed.currency,
        fixed.email,
    ];
    ExportRow {
        cells: cells.map(String::from),
        numbers: fixed.numbers.iter().map(|n| (*n).to_owned()).collect(),
    }
}

fn made_up_row(index: usize, random: &mut Rng, pools: &mut Pools) -> ExportRow {
    let british = random.u8(..100) < BRITISH_PERCENT && pools.has_british();
    let person = if british {
        Person::british(random)
    } else {
        Person::turkish(random)
    };
    let mut numbers = Vec::new();
    let (mobile, phone) = if random.u8(..100) < UNUSABLE_PERCENT {
        numbers::unusable(random)
    } else {
        let two = random.u8(..100) < TWO_NUMBERS_PERCENT;
        let typed = pools.take(british, two, random);
        numbers.extend(typed.iter().flatten().map(|typed| typed.e164.clone()));
        let [mobile, phone] = typed.map(|typed| typed.map(|typed| typed.text).unwrap_or_default());
        (mobile, phone)
    };
    let currency = currency(british, random);
    let cells = [
        format!("120.01.{:04}", index + 1),
        person.name,
        person.company,
        mobile,
        phone,
        balance(random),
        currency.to_owned(),
        person.email,
    ];
    ExportRow { cells, numbers }
}

fn currency(british: bool, random: &mut Rng) -> &'static str {
    match random.u8(..100) {
        _ if british => "GBP",
        0..5 => "EUR",
        5..10 => "USD",
        10..25 => "TL",
        _ => "TRY",
    }
}

/// `4.250,00`: one file has one decimal sign, whoever the contact is. Some owe nothing, some are owed, and
/// of a few nothing is known.
fn balance(random: &mut Rng) -> String {
    let (sign, whole) = match random.u8(..100) {
        0..4 => return String::new(),
        4..30 => return "0,00".to_owned(),
        30..40 => ("-", random.u32(1..5_000)),
        40..85 => ("", random.u32(1..20_000)),
        _ => ("", random.u32(20_000..3_000_000)),
    };
    let cents = random.u8(..100);
    let (millions, thousands, ones) = (whole / 1_000_000, whole / 1_000 % 1_000, whole % 1_000);
    match (millions, thousands) {
        (0, 0) => format!("{sign}{ones},{cents:02}"),
        (0, _) => format!("{sign}{thousands}.{ones:03},{cents:02}"),
        _ => format!("{sign}{millions}.{thousands:03}.{ones:03},{cents:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::{Currency, DecimalSign, Money};
    use crate::domain::phone::{PhoneNumber, Region};
    use std::collections::HashSet;

    fn read(typed: &str) -> Option<String> {
        let office = Region::parse("TR").unwrap();
        PhoneNumber::parse(typed, office)
            .ok()
            .map(PhoneNumber::e164)
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_another_others() {
        assert_eq!(export(ROWS, 7).unwrap(), export(ROWS, 7).unwrap());
        assert_ne!(export(ROWS, 7).unwrap(), export(ROWS, 8).unwrap());
        // A longer export begins as a shorter one does.
        assert!(
            export(ROWS, 7)
                .unwrap()
                .starts_with(&export(100, 7).unwrap())
        );
    }

    #[test]
    fn the_file_reads_back_as_the_rows() {
        let text = export(ROWS, 7).unwrap();
        assert!(text.starts_with("Cari Kodu;Ad Soyad;Firma;Cep;Telefon;Bakiye;Döviz;E-posta\r\n"));
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(b';')
            .from_reader(text.as_bytes());
        let records: Vec<_> = reader.records().map(Result::unwrap).collect();
        assert_eq!(records.len(), ROWS);
        for (record, row) in records.iter().zip(rows(ROWS, 7)) {
            assert!(record.iter().eq(row.cells.iter()), "{record:?}");
        }
    }

    #[test]
    fn the_fixed_contacts_come_first_whatever_the_seed() {
        for seed in 0..3 {
            for (fixed, row) in FIXED.iter().zip(rows(ROWS, seed)) {
                assert_eq!(row, fixed_row(fixed));
                assert_eq!(row.numbers, fixed.numbers);
            }
        }
        assert_eq!(TURKISH_CONTACT.numbers, ["+905325550101"]);
        assert_eq!(
            (TURKISH_CONTACT.balance, TURKISH_CONTACT.currency),
            ("4.250,00", "TRY")
        );
        assert_eq!(BRITISH_CONTACT.numbers, ["+442045205757"]);
        assert_eq!(TWO_NUMBER_CONTACT.numbers.len(), 2);
    }

    #[test]
    fn every_typed_number_reads_as_the_one_that_was_meant() {
        for row in rows(10_000, 7) {
            let read: Vec<String> = row.cells[3..5]
                .iter()
                .filter_map(|typed| read(typed))
                .collect();
            assert_eq!(read, row.numbers, "{:?}", row.cells);
        }
    }

    #[test]
    fn no_number_occurs_twice() {
        let mut seen = HashSet::new();
        for number in rows(30_000, 7).flat_map(|row| row.numbers) {
            assert!(seen.insert(number.clone()), "{number}");
        }
    }

    #[test]
    fn a_few_rows_are_unusable_and_some_have_two_numbers() {
        let of_count = |count| {
            rows(ROWS, 7)
                .filter(|row| row.numbers.len() == count)
                .count()
        };
        assert!((10..60).contains(&of_count(0)), "{}", of_count(0));
        assert!((30..100).contains(&of_count(2)), "{}", of_count(2));
        let british = rows(ROWS, 7).filter(|row| row.cells[6] == "GBP").count();
        assert!((150..250).contains(&british), "{british}");
        let nobody = rows(ROWS, 7).filter(|row| row.cells[1].is_empty() && row.cells[2].is_empty());
        assert_eq!(nobody.count(), 0);
    }

    #[test]
    fn the_mess_people_type_is_all_there() {
        let text = export(ROWS, 7).unwrap();
        for form in [
            "+90 (5", "0090 ", ";05", ";5", "\u{a0}", ".555.", " ;", "+44 (0)", "0044 ",
        ] {
            assert!(text.contains(form), "{form:?}");
        }
        assert!(text.contains("\"Öztürk \"\"Usta\"\" Elektrik; Isparta\""));
    }

    #[test]
    fn every_balance_is_an_amount_with_a_decimal_comma() {
        for row in rows(ROWS, 7).filter(|row| !row.cells[5].is_empty()) {
            let currency = Currency::parse(&row.cells[6]);
            let money = Money::parse(&row.cells[5], DecimalSign::Comma, currency);
            assert!(money.is_ok(), "{:?}", row.cells);
            assert_eq!(row.cells[5].rsplit(',').next().unwrap().len(), 2);
        }
    }

    #[test]
    fn more_rows_than_there_are_numbers_are_refused() {
        assert!(write_export(&mut io::sink(), MOST_ROWS + 1, 7).is_err());
    }
}
