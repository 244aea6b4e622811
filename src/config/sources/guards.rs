//! `[source.guards]`: from when on a load is held until a person accepts it.

use super::super::reader::Section;
use crate::domain::guard::Limits;

/// Most rows that may be gone in any case: more would be no guard for a branch.
const ROWS: u64 = 1_000_000;

pub(super) fn read(source: &Section<'_>) -> Limits {
    let usual = Limits::default();
    let Some(section) = source.section("guards") else {
        return usual;
    };
    let percent = |key, usual| limit(&section, key, "%", "\"10 %\", \"100 %\" at most", usual);
    let removed = percent("removed", usual.removed);
    let (blanked, drifted) = (
        percent("blanked", usual.blanked),
        percent("drifted", usual.drifted),
    );
    let rows = section.whole("removed-rows", 0..=ROWS);
    let points = "\"5 points\", \"100 points\" at most";
    Limits {
        removed,
        removed_rows: rows.unwrap_or(usual.removed_rows),
        blanked,
        drifted,
        match_rate: limit(&section, "match-rate", "points", points, usual.match_rate),
    }
}

/// A share with its unit; or `off`.
fn limit(
    section: &Section<'_>,
    key: &'static str,
    unit: &str,
    example: &str,
    usual: Option<f64>,
) -> Option<f64> {
    if !section.has(key) {
        return usual;
    }
    let parse = |text: &str| {
        if text == "off" {
            return Some(None);
        }
        let number = text.strip_suffix(unit)?.trim_end();
        let is_number = number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let share = number.parse::<f64>().ok().filter(|_| is_number)? / 100.0;
        (0.0..=1.0).contains(&share).then_some(Some(share))
    };
    section
        .parse(key, &format!("{example}, or \"off\""), parse)
        .unwrap_or(usual)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::reader::tests::{self, problems};

    fn limits(text: &str) -> Limits {
        tests::read(text, read)
    }

    #[test]
    fn each_guard_has_its_limit_and_can_be_switched_off() {
        assert_eq!(limits(""), Limits::default());
        let all = limits(
            "[guards]\nremoved = \"2.5%\"\nremoved-rows = 0\nblanked = \"100 %\"\ndrifted = \"off\"\nmatch-rate = \"1 points\"",
        );
        let expected = Limits {
            removed: Some(0.025),
            removed_rows: 0,
            blanked: Some(1.0),
            drifted: None,
            match_rate: Some(0.01),
        };
        assert_eq!(all, expected);
        for key in ["removed", "blanked", "drifted", "match-rate"] {
            let limits = limits(&format!("[guards]\n{key} = \"off\""));
            let off = [
                limits.removed,
                limits.blanked,
                limits.drifted,
                limits.match_rate,
            ];
            assert_eq!(off.iter().filter(|l| l.is_none()).count(), 1, "{key}");
        }
    }

    #[test]
    fn a_limit_without_its_unit_is_refused() {
        let told = problems(
            "[guards]\nremoved = \"10\"\nblanked = 10\ndrifted = \"101 %\"\nmatch-rate = \"5 %\"\nremoved-rows = 1000001\nshrink = 1",
            |root| {
                read(root);
            },
        );
        let percent = "must be \"10 %\", \"100 %\" at most, or \"off\"";
        assert_eq!(
            told,
            [
                format!("line 2: guards.removed = \"10\": {percent}"),
                "line 3: guards.blanked = 10: must be a text in quotes".into(),
                format!("line 4: guards.drifted = \"101 %\": {percent}"),
                "line 5: guards.match-rate = \"5 %\": must be \"5 points\", \"100 points\" at most, or \"off\"".into(),
                "line 6: guards.removed-rows = 1000001: must be a whole number from 0 to 1000000".into(),
                "line 7: guards.shrink: no such key; here there can be: blanked, drifted, match-rate, removed, removed-rows".into(),
            ]
        );
    }
}
