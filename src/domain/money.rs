//! Money: a decimal amount in a currency, read as ERPs write it and written as the agent reads it.
//!
//! Never floats: an ERP's `0.1` must stay `0.1`. Reading is strict where a guess could be off by a
//! factor of a thousand: `4.250` is refused unless the operator said which sign is the decimal one.

use std::fmt;

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};

/// Longest text read as an amount; the largest decimal we hold has 29 digits.
const AMOUNT_BYTES: usize = 64;

/// An ISO 4217 code, upper case.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Currency([u8; 3]);

impl Currency {
    pub fn parse(text: &str) -> Option<Currency> {
        let text = text.trim();
        if let Some((_, code)) = ALIASES
            .iter()
            .find(|(alias, _)| alias.eq_ignore_ascii_case(text))
        {
            return Some(Currency(*code));
        }
        let bytes: [u8; 3] = text.as_bytes().try_into().ok()?;
        let upper = bytes.map(|b| b.to_ascii_uppercase());
        upper
            .iter()
            .all(u8::is_ascii_uppercase)
            .then_some(Currency(upper))
    }

    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }

    /// Digits after the decimal sign (ISO 4217).
    fn minor_digits(self) -> u32 {
        match &self.0 {
            b"JPY" | b"KRW" | b"VND" | b"CLP" | b"ISK" => 0,
            b"KWD" | b"BHD" | b"OMR" | b"TND" | b"JOD" | b"IQD" => 3,
            _ => 2,
        }
    }
}

/// Codes and signs that ERPs write for a currency besides its ISO code.
const ALIASES: &[(&str, [u8; 3])] = &[
    ("TL", *b"TRY"),
    ("YTL", *b"TRY"),
    ("₺", *b"TRY"),
    ("$", *b"USD"),
    ("€", *b"EUR"),
    ("£", *b"GBP"),
    ("STG", *b"GBP"),
    ("₼", *b"AZN"),
];

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Which sign separates whole from fraction in a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DecimalSign {
    /// Told from each value; a value that could be read both ways is refused.
    #[default]
    Auto,
    Comma,
    Point,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// Written as text, digit for digit, in every file.
    #[serde(with = "rust_decimal::serde::str")]
    pub amount: Decimal,
    pub currency: Currency,
}

/// The sides of a contact's account, as the office that keeps it sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Positive: the contact owes the office.
    Debit,
    /// Negative: the office owes the contact.
    Credit,
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Money(*** {})", self.currency.code())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    #[error("is not an amount")]
    NotAnAmount,
    #[error("can be read in two ways: say decimal = \",\" or decimal = \".\"")]
    Ambiguous,
    #[error("has more digits than an amount can hold")]
    TooLong,
    #[error("has no currency: map a currency column or set currency = \"TRY\"")]
    NoCurrency,
}

impl Money {
    /// Reads `4.250,00`, `(1,250.00)`, `12,5-`, `₺4.250,00` or `99 USD`; a currency in the text wins over
    /// `currency`, which is the record's own or the source's default.
    pub fn parse(
        text: &str,
        sign: DecimalSign,
        currency: Option<Currency>,
    ) -> Result<Money, AmountError> {
        if text.len() > AMOUNT_BYTES {
            return Err(AmountError::TooLong);
        }
        let text: String = text.chars().filter(|c| !is_space_or_quote(*c)).collect();
        let (negative, text) = strip_sign(&text);
        let (written, digits) = split_currency(text)?;
        let (negative_inside, digits) = strip_sign(digits);
        let amount = parse_digits(digits, sign)?;
        let currency = written.or(currency).ok_or(AmountError::NoCurrency)?;
        let amount = match (negative, negative_inside) {
            (true, true) => return Err(AmountError::NotAnAmount),
            (false, false) => amount,
            _ => -amount,
        };
        Ok(Money { amount, currency })
    }

    /// As the locale writes it: `$4,250.00` in English, `₺4.250,00` in Turkish. Rounded half away from
    /// zero to the currency's digits, as an invoice is.
    pub fn format(&self, locale: Locale) -> String {
        let style = locale.style();
        let digits = self.currency.minor_digits() as usize;
        let rounded = self.rounded();
        // Filled up here: rust_decimal panics where it should add more than two zeros to 28 digits.
        let plain = rounded.abs().to_string();
        let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
        let mut number = group(whole, style.group);
        if digits > 0 {
            number.push(style.decimal);
            number.push_str(&format!("{fraction:0<digits$.digits$}"));
        }
        let minus = if rounded.is_sign_negative() && !rounded.is_zero() {
            "-"
        } else {
            ""
        };
        match (locale.symbol(self.currency), style.symbol_first) {
            // The one pattern with the sign behind a blank, and the minus after it.
            (Some(symbol), true) if locale == Locale::Dutch => {
                format!("{symbol}\u{a0}{minus}{number}")
            }
            (Some(symbol), true) => format!("{minus}{symbol}{number}"),
            (Some(symbol), false) => format!("{minus}{number}\u{a0}{symbol}"),
            (None, true) => format!("{minus}{}\u{a0}{number}", self.currency.code()),
            (None, false) => format!("{minus}{number}\u{a0}{}", self.currency.code()),
        }
    }

    /// The same without its sign, to be written beside the word for its side.
    pub fn unsigned(&self) -> Money {
        Money {
            amount: self.amount.abs(),
            ..*self
        }
    }

    /// On which side of the contact's account it stands; none if what is shown is zero.
    pub fn side(&self) -> Option<Side> {
        let rounded = self.rounded();
        match (rounded.is_zero(), rounded.is_sign_negative()) {
            (true, _) => None,
            (false, false) => Some(Side::Debit),
            (false, true) => Some(Side::Credit),
        }
    }

    fn rounded(&self) -> Decimal {
        let digits = self.currency.minor_digits();
        self.amount
            .round_dp_with_strategy(digits, RoundingStrategy::MidpointAwayFromZero)
    }
}

fn is_space_or_quote(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\'' | '\u{2019}' | '\u{200e}' | '\u{200f}')
}

fn strip_sign(text: &str) -> (bool, &str) {
    if let Some(inner) = text.strip_prefix('(').and_then(|t| t.strip_suffix(')')) {
        return (true, inner);
    }
    for minus in ['-', '\u{2212}'] {
        if let Some(rest) = text
            .strip_prefix(minus)
            .or_else(|| text.strip_suffix(minus))
        {
            return (true, rest);
        }
    }
    (false, text.strip_prefix('+').unwrap_or(text))
}

/// A currency sign or code may stand on either side of the digits, not on both.
fn split_currency(text: &str) -> Result<(Option<Currency>, &str), AmountError> {
    let is_part = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | '-' | '\u{2212}');
    let start = text.find(is_part).ok_or(AmountError::NotAnAmount)?;
    let end = text.rfind(is_part).map_or(text.len(), |i| {
        i + text[i..].chars().next().map_or(1, char::len_utf8)
    });
    let currency = match (&text[..start], &text[end..]) {
        ("", "") => None,
        (sign, "") | ("", sign) => Some(Currency::parse(sign).ok_or(AmountError::NotAnAmount)?),
        _ => return Err(AmountError::NotAnAmount),
    };
    Ok((currency, &text[start..end]))
}

fn parse_digits(text: &str, sign: DecimalSign) -> Result<Decimal, AmountError> {
    if !text.bytes().any(|b| b.is_ascii_digit()) {
        return Err(AmountError::NotAnAmount);
    }
    let decimal = match sign {
        DecimalSign::Comma => Some(','),
        DecimalSign::Point => Some('.'),
        DecimalSign::Auto => guess_decimal(text)?,
    };
    let (whole, fraction) = match decimal.and_then(|d| text.rsplit_once(d)) {
        Some((whole, fraction)) => (whole, fraction),
        None => (text, ""),
    };
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return Err(AmountError::NotAnAmount);
    }
    let whole = ungroup(whole, decimal)?;
    let plain = format!(
        "{}.{}",
        if whole.is_empty() { "0" } else { &whole },
        fraction
    );
    Decimal::from_str_exact(plain.trim_end_matches('.')).map_err(|_| AmountError::TooLong)
}

fn guess_decimal(text: &str) -> Result<Option<char>, AmountError> {
    let (commas, points) = (text.matches(',').count(), text.matches('.').count());
    match (commas, points) {
        (0, 0) => Ok(None),
        (1, 1..) | (1.., 1) if text.rfind(',') > text.rfind('.') && commas == 1 => Ok(Some(',')),
        (1, 1..) | (1.., 1) if points == 1 => Ok(Some('.')),
        (0, 1) | (1, 0) => {
            let sign = if commas == 1 { ',' } else { '.' };
            let (whole, fraction) = text.split_once(sign).unwrap_or((text, ""));
            // `0,125` can only be a fraction; `4.250` is 4.25 to one office and 4250 to another.
            let groups_possible = fraction.len() == 3 && (1..=3).contains(&whole.len());
            if groups_possible && whole != "0" {
                return Err(AmountError::Ambiguous);
            }
            Ok(Some(sign))
        }
        (0, _) => Ok(Some(',')), // 1.250.000: points can only group
        (_, 0) => Ok(Some('.')),
        _ => Err(AmountError::NotAnAmount),
    }
}

/// Takes the grouping signs out, and refuses groups that are not of three digits: `1.25.000` is a typing
/// error, and a guess would be wrong money.
fn ungroup(whole: &str, decimal: Option<char>) -> Result<String, AmountError> {
    let group = if decimal == Some(',') { '.' } else { ',' };
    let mut parts = whole.split(group);
    let first = parts.next().unwrap_or_default();
    let mut digits = first.to_owned();
    for part in parts {
        if part.len() != 3 || first.is_empty() || first.len() > 3 {
            return Err(AmountError::NotAnAmount);
        }
        digits.push_str(part);
    }
    if digits.bytes().all(|b| b.is_ascii_digit()) {
        Ok(digits)
    } else {
        Err(AmountError::NotAnAmount)
    }
}

fn group(whole: &str, sign: char) -> String {
    let mut grouped = String::with_capacity(whole.len() + whole.len() / 3);
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            grouped.push(sign);
        }
        grouped.push(digit);
    }
    grouped
}

/// How amounts are written on cards (patterns: Unicode CLDR 46, "standard" currency format).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Locale {
    English,
    Turkish,
    German,
    French,
    Dutch,
}

struct Style {
    group: char,
    decimal: char,
    symbol_first: bool,
}

impl Locale {
    pub const ALLOWED: &'static str = "en, tr, de, fr or nl";

    /// `tr`, `tr-TR` and `tr_TR.UTF-8` all mean Turkish.
    pub fn parse(tag: &str) -> Option<Locale> {
        match tag
            .split(['-', '_', '.'])
            .next()?
            .to_ascii_lowercase()
            .as_str()
        {
            "en" => Some(Locale::English),
            "tr" => Some(Locale::Turkish),
            "de" => Some(Locale::German),
            "fr" => Some(Locale::French),
            "nl" => Some(Locale::Dutch),
            _ => None,
        }
    }

    fn style(self) -> Style {
        match self {
            Locale::English => Style {
                group: ',',
                decimal: '.',
                symbol_first: true,
            },
            Locale::Turkish => Style {
                group: '.',
                decimal: ',',
                symbol_first: true,
            },
            Locale::German => Style {
                group: '.',
                decimal: ',',
                symbol_first: false,
            },
            Locale::French => Style {
                group: '\u{202f}',
                decimal: ',',
                symbol_first: false,
            },
            Locale::Dutch => Style {
                group: '.',
                decimal: ',',
                symbol_first: true,
            },
        }
    }

    /// CLDR has no sign for the lira outside Turkish, and writes the code there.
    fn symbol(self, currency: Currency) -> Option<&'static str> {
        match currency.code() {
            "TRY" if self == Locale::Turkish => Some("₺"),
            "USD" => Some("$"),
            "EUR" => Some("€"),
            "GBP" => Some("£"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(text: &str, currency: &str) -> Money {
        Money::parse(text, DecimalSign::Point, Currency::parse(currency)).unwrap()
    }

    #[test]
    fn amounts_are_written_as_the_locale_writes_them() {
        let cases = [
            ("4250.00", "USD", Locale::English, "$4,250.00"),
            ("4250.00", "TRY", Locale::Turkish, "₺4.250,00"),
            ("4250.00", "TRY", Locale::English, "TRY\u{a0}4,250.00"),
            ("-0.5", "TRY", Locale::Turkish, "-₺0,50"),
            ("-0.001", "EUR", Locale::English, "€0.00"),
            ("1234567.895", "EUR", Locale::German, "1.234.567,90\u{a0}€"),
            ("999", "GBP", Locale::English, "£999.00"),
            ("-1250.5", "EUR", Locale::Dutch, "€\u{a0}-1.250,50"),
            ("1500", "JPY", Locale::English, "JPY\u{a0}1,500"),
            ("1.2345", "KWD", Locale::French, "1,235\u{a0}KWD"),
            ("0.1", "USD", Locale::English, "$0.10"),
        ];
        for (amount, currency, locale, expected) in cases {
            assert_eq!(
                money(amount, currency).format(locale),
                expected,
                "{amount} {currency}"
            );
        }
    }

    #[test]
    fn the_longest_amount_is_written_with_all_its_digits() {
        let longest = "1".repeat(28);
        for (code, fraction) in [("JPY", ""), ("TRY", ".00"), ("KWD", ".000")] {
            let money = Money::parse(&longest, DecimalSign::Auto, Currency::parse(code)).unwrap();
            let shown = money.format(Locale::English).replace(',', "");
            assert!(shown.ends_with(&format!("{longest}{fraction}")), "{shown}");
        }
    }

    #[test]
    fn an_amount_that_shows_as_zero_has_no_side() {
        let side = |amount| money(amount, "TRY").side();
        assert_eq!(side("0.01"), Some(Side::Debit));
        assert_eq!(side("-0.01"), Some(Side::Credit));
        for zero in ["0", "-0.00", "0.004", "-0.004"] {
            assert_eq!(side(zero), None, "{zero}");
        }
        let unsigned = money("-0.5", "TRY").unsigned();
        assert_eq!(unsigned.format(Locale::Turkish), "₺0,50");
    }

    #[test]
    fn amounts_are_read_as_erps_write_them() {
        use DecimalSign::{Auto, Comma, Point};
        let cases = [
            ("4.250,00", Auto, "4250.00"),
            ("4,250.00", Auto, "4250.00"),
            ("1.250.000,5", Auto, "1250000.5"),
            ("1.250.000", Auto, "1250000"),
            ("4250", Auto, "4250"),
            ("4250,5", Auto, "4250.5"),
            ("0,125", Auto, "0.125"),
            ("4.250", Comma, "4250"),
            ("4.250", Point, "4.250"),
            ("4,250", Point, "4250"),
            (",50", Comma, "0.50"),
            ("(1.250,00)", Comma, "-1250.00"),
            ("1250,00-", Comma, "-1250.00"),
            ("-1 250,00", Comma, "-1250.00"),
            ("\u{2212}12", Auto, "-12"),
            ("1'250.00", Point, "1250.00"),
            ("₺4.250,00", Auto, "4250.00"),
            ("4.250,00 TL", Auto, "4250.00"),
            ("-₺12,00", Auto, "-12.00"),
            ("₺-12,00", Auto, "-12.00"),
        ];
        for (text, sign, expected) in cases {
            let money = Money::parse(text, sign, Currency::parse("TRY"));
            assert_eq!(
                money.map(|m| m.amount.to_string()),
                Ok(expected.into()),
                "{text}"
            );
        }
    }

    #[test]
    fn doubtful_amounts_are_refused() {
        use AmountError::{Ambiguous, NoCurrency, NotAnAmount, TooLong};
        let digits = "9".repeat(40);
        let long = "9".repeat(80);
        let cases = [
            ("4.250", Ambiguous),
            ("12,345", Ambiguous),
            ("", NotAnAmount),
            ("-", NotAnAmount),
            ("n/a", NotAnAmount),
            ("1.25.000", NotAnAmount),
            ("1,2,3.4.5", NotAnAmount),
            ("12a34", NotAnAmount),
            ("$12€", NotAnAmount),
            ("--12", NotAnAmount),
            ("1e5", NotAnAmount),
            (&digits, TooLong),
            (&long, TooLong),
        ];
        for (text, expected) in cases {
            let got = Money::parse(text, DecimalSign::Auto, Currency::parse("TRY"));
            assert_eq!(got, Err(expected), "{text}");
        }
        assert_eq!(Money::parse("12", DecimalSign::Auto, None), Err(NoCurrency));
    }

    #[test]
    fn a_currency_in_the_cell_wins_over_the_default() {
        let money = Money::parse("12 usd", DecimalSign::Auto, Currency::parse("TRY")).unwrap();
        assert_eq!(money.currency.code(), "USD");
    }

    #[test]
    fn debug_hides_the_amount() {
        assert_eq!(format!("{:?}", money("4250", "TRY")), "Money(*** TRY)");
    }
}
