//! An amount as an ERP writes it. What the card shows must be what was written.

use ringcard::domain::money::{AmountError, Currency, DecimalSign, Locale, Money};

use super::choice_and_text;

const SIGNS: [DecimalSign; 3] = [DecimalSign::Auto, DecimalSign::Comma, DecimalSign::Point];
const LOCALES: [(Locale, DecimalSign); 5] = [
    (Locale::English, DecimalSign::Point),
    (Locale::Turkish, DecimalSign::Comma),
    (Locale::German, DecimalSign::Comma),
    (Locale::French, DecimalSign::Comma),
    (Locale::Dutch, DecimalSign::Comma),
];

pub fn check(data: &[u8]) -> bool {
    let Some((choice, text)) = choice_and_text(data) else {
        return false;
    };
    let sign = SIGNS[usize::from(choice) % SIGNS.len()];
    let currency = Currency::parse("TRY").filter(|_| choice < 128);
    let Ok(money) = Money::parse(&text, sign, currency) else {
        return false;
    };
    assert!(
        !format!("{money:?}").contains(|c: char| c.is_ascii_digit()),
        "not masked"
    );
    for (locale, sign) in LOCALES {
        let shown = money.format(locale);
        let again = match Money::parse(&shown, sign, Some(money.currency)) {
            Ok(again) => again,
            // With its cents it can be two digits longer than what was read.
            Err(AmountError::TooLong) => continue,
            Err(e) => panic!("{text:?} is shown as {shown:?}, which {e}"),
        };
        assert_eq!(
            again.currency, money.currency,
            "{text:?} is shown as {shown:?}"
        );
        let off = (again.amount - money.amount).abs();
        assert!(off + off <= 1.into(), "{text:?} is shown as {shown:?}");
        assert_eq!(again.format(locale), shown, "{text:?}");
    }
    true
}
