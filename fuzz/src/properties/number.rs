//! A telephone number as somebody typed it. A wrong name is worse than no card, so one number must be one number
//! however it is written.

use ringcard::domain::dialling::Dialling;
use ringcard::domain::phone::{PhoneNumber, Region};

use super::choice_and_text;

const REGIONS: [&str; 8] = ["TR", "GB", "DE", "US", "IT", "FR", "NL", "AR"];

pub fn check(data: &[u8]) -> bool {
    let Some((choice, text)) = choice_and_text(data) else {
        return false;
    };
    let region = |n: usize| Region::parse(REGIONS[n % REGIONS.len()]).expect("a region");
    let home = region(choice.into());
    let dialling = Dialling::of(home);
    let reading = dialling.read(&text);
    assert_eq!(dialling.read(&text), reading, "read twice, and otherwise");
    let Ok(reading) = reading else {
        return false;
    };
    assert!(
        reading.number.is_some() || reading.loose.is_some(),
        "nothing was read"
    );
    let masked = format!("{reading:?} {reading}");
    assert!(!masked.contains(&reading.written()), "not masked: {masked}");
    if let Some(number) = reading.number {
        is_the_same_everywhere(number, region);
    }
    true
}

/// The full form leads to the same number, wherever it is read.
fn is_the_same_everywhere(number: PhoneNumber, region: impl Fn(usize) -> Region) {
    let full = number.e164();
    assert!((2..=15).contains(&(full.len() - 1)), "{full}");
    for (n, name) in REGIONS.iter().enumerate() {
        let read = PhoneNumber::parse(&full, region(n));
        assert_eq!(read, Ok(number), "{full} in {name}");
    }
    let (code, national) = number.split();
    assert!(
        full.starts_with(&format!("+{code}")) && full.ends_with(&national.to_string()),
        "{full}"
    );
}
