//! What a read has to say to the operator though it went well: the period that the query names is over.
//!
//! Some ERPs have the fiscal year in the names of their tables. When the next year begins, the old query goes
//! on answering, with last year's balances.

use jiff::civil::Date;

use crate::source::read::{Notice, NoticeKind};

/// Told so long ahead: a new period is opened some days before it begins.
const AHEAD_DAYS: i32 = 14;

pub(super) fn of(until: Option<Date>, today: Date, source: &str) -> Vec<Notice> {
    let Some(until) = until else {
        return Vec::new();
    };
    let left = until.since(today).map_or(0, |span| span.get_days());
    let (kind, words) = match left {
        ..0 => (
            NoticeKind::PeriodOver,
            format!(
                "the period that the query names is over since {until}, so its balances are old"
            ),
        ),
        0..=AHEAD_DAYS => (
            NoticeKind::PeriodEnds,
            format!("the period that the query names ends on {until}"),
        ),
        _ => return Vec::new(),
    };
    let advice = format!(
        "name the tables of the new period in the query of source {source}, and in its guard-query or valid-until"
    );
    vec![Notice {
        kind,
        words,
        advice,
    }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_period_is_told_ahead_and_from_then_on() {
        let told = |today: &str| {
            let until = "2026-12-31".parse().ok();
            let notices = of(until, today.parse().unwrap(), "logo");
            notices.first().map(|n| n.kind)
        };
        assert_eq!(told("2026-12-16"), None);
        assert_eq!(told("2026-12-17"), Some(NoticeKind::PeriodEnds));
        assert_eq!(told("2026-12-31"), Some(NoticeKind::PeriodEnds));
        assert_eq!(told("2027-01-01"), Some(NoticeKind::PeriodOver));
        assert_eq!(told("2028-06-01"), Some(NoticeKind::PeriodOver));
        assert!(of(None, "2027-01-01".parse().unwrap(), "logo").is_empty());
        let over = of(
            "2026-12-31".parse().ok(),
            "2027-01-01".parse().unwrap(),
            "logo",
        );
        assert_eq!(
            over[0].words,
            "the period that the query names is over since 2026-12-31, so its balances are old"
        );
        assert!(over[0].advice.contains("source logo"));
    }
}
