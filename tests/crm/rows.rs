//! Rows of the CRM's file, and what becomes of numbers in them.

use std::collections::HashMap;

use fastrand::Rng;

use super::numbers::Number;

pub const COLUMNS: &str =
    "Kod;Ad;Firma;Cep;Telefon;Santral;Yabanci;Londra;Dis Hat;Cari;Bakiye;VKN\n";

/// Where a number may stand in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cell {
    Mobile,
    Line,
    Switchboard,
    /// Of no certain country.
    Anywhere,
    British,
    /// With a 9 in front.
    OutsideLine,
}

/// One row being written.
#[derive(Default)]
pub struct Row {
    pub name: String,
    pub company: String,
    pub cells: HashMap<Cell, String>,
    pub account: Option<(usize, bool)>,
    pub tax: String,
}

pub fn line(code: usize, row: &Row) -> String {
    let cell = |cell| row.cells.get(&cell).map_or("", String::as_str);
    let [mobile, line, switchboard, anywhere, british, outside] = [
        Cell::Mobile,
        Cell::Line,
        Cell::Switchboard,
        Cell::Anywhere,
        Cell::British,
        Cell::OutsideLine,
    ]
    .map(cell);
    let (account, balance) = match row.account {
        Some((account, true)) => (format!("C-{account}"), format!("{account},50")),
        Some((account, false)) => (format!("C-{account}"), String::new()),
        None => (String::new(), String::new()),
    };
    format!(
        "{code};{};{};{mobile};{line};{switchboard};{anywhere};{british};{outside};{account};{balance};{}\n",
        row.name, row.company, row.tax
    )
}

/// What becomes of numbers in CRMs; the digits, where some are left that could be another number.
pub fn spoiled(number: &Number, random: &mut Rng) -> (String, Option<String>) {
    let mut digits = number.national.clone();
    let at = random.usize(..digits.len());
    match random.u8(..5) {
        0 => {
            digits.remove(at);
            (format!("0{digits}"), Some(digits))
        }
        1 | 2 => {
            digits.insert(at, random.digit(10));
            (format!("0{digits}"), Some(digits))
        }
        3 => {
            digits.replace_range(at..=at, "x");
            (digits, None)
        }
        _ => {
            let rounded = format!("{},{}E+09", &digits[..1], &digits[1..6]);
            (rounded, None)
        }
    }
}
