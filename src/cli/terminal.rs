//! Writing to the terminal. A reader that goes away, as `head` does, is no error.

use std::io::{IsTerminal, Write, stderr, stdout};

use jiff::Timestamp;
use serde::Serialize;

pub(super) fn say(text: &str) {
    let _ = writeln!(stdout().lock(), "{text}");
}

pub(super) fn complain(text: &str) {
    let _ = writeln!(stderr().lock(), "ringcard: {text}");
}

/// Replaces the line written before it; only in a terminal.
pub(super) fn progress(text: &str) {
    if stderr().is_terminal() {
        let _ = write!(stderr().lock(), "\r\u{1b}[K{text}");
    }
}

pub(super) fn say_json(value: &impl Serialize) {
    say(&serde_json::to_string_pretty(value).unwrap_or_default());
}

pub(super) fn is_terminal() -> bool {
    stdout().is_terminal()
}

/// `12 s ago`, `3 min ago`, `5 h ago`, `9 days ago`.
pub(super) fn ago(then: Option<Timestamp>) -> String {
    let Some(then) = then else {
        return "never".into();
    };
    match u64::try_from(Timestamp::now().duration_since(then).as_secs()) {
        Err(_) => "in the future (wrong clock?)".into(),
        Ok(0..=1) => "just now".into(),
        Ok(seconds) => format!("{} ago", span(seconds)),
    }
}

/// A time in the one unit that fits.
pub(super) fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        172_800.. => format!("{} days", seconds / 86_400),
    }
}

/// Columns as wide as their longest cell, two blanks apart.
pub(super) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |c: usize| {
        rows.iter()
            .filter_map(|r| r.get(c))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, w)| format!("{cell:w$}", w = *w));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [["a", "bb", "c"], ["şşş", "b", "cc"]].map(|r| r.map(String::from).to_vec());
        assert_eq!(table(&rows), "a    bb  c\nşşş  b   cc");
    }

    #[test]
    fn ages_are_told_in_the_unit_that_fits() {
        let then = |s: i64| Some(Timestamp::now() - jiff::SignedDuration::from_secs(s));
        let cases = [
            (0, "just now"),
            (100, "100 s ago"),
            (600, "10 min ago"),
            (10_000, "2 h ago"),
            (1_000_000, "11 days ago"),
            (-60, "in the future (wrong clock?)"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(ago(then(seconds)), expected);
        }
        assert_eq!(ago(None), "never");
    }
}
