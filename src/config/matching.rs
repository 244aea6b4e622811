//! `[matching]` and `[merge]`: which ways lead from a number to a contact, and which source gives which value.

use super::accounts::AccountConfig;
use super::reader::Section;
use super::sources::SourceConfig;
use crate::domain::ladder::{HEAD_OFFICE_DIGITS, Ladder, Rung, TAIL_DIGITS};
use crate::domain::matching::Sharing;
use crate::domain::merge::{Priority, VALUES};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MatchingConfig {
    pub ladder: Ladder,
    pub sharing: Sharing,
    pub priority: Priority,
}

pub(super) fn read(
    root: &Section<'_>,
    accounts: &[AccountConfig],
    sources: &[SourceConfig],
) -> MatchingConfig {
    let mut config = root.section("matching").map(matching).unwrap_or_default();
    let home = accounts.iter().map(|account| account.region.country_code());
    config.ladder.home = home.collect();
    if let Some(section) = root.section("merge") {
        config.priority = priority(&section, sources);
    }
    config
}

fn matching(section: Section<'_>) -> MatchingConfig {
    let default = Ladder::default();
    let number = |key, allowed: std::ops::RangeInclusive<u32>, otherwise| {
        let (least, most) = (u64::from(*allowed.start()), u64::from(*allowed.end()));
        let given = section.whole(key, least..=most);
        given
            .and_then(|n| u32::try_from(n).ok())
            .unwrap_or(otherwise)
    };
    let ladder = Ladder {
        rungs: rungs(&section).unwrap_or(default.rungs),
        tail_digits: number("tail-digits", TAIL_DIGITS, default.tail_digits),
        head_office_digits: number(
            "head-office-digits",
            HEAD_OFFICE_DIGITS,
            default.head_office_digits,
        ),
        home: default.home,
    };
    let sharing = section.parse("shared", Sharing::ALLOWED, Sharing::parse);
    MatchingConfig {
        ladder,
        sharing: sharing.unwrap_or_default(),
        priority: Priority::default(),
    }
}

/// In their own order, whatever the operator's: a guess never goes before knowledge.
fn rungs(section: &Section<'_>) -> Option<Vec<Rung>> {
    let texts = section.texts("rungs");
    if texts.is_empty() {
        return None;
    }
    let named: Option<Vec<Rung>> = texts.iter().map(|text| Rung::parse(text)).collect();
    match named {
        None => section.wrong("rungs", format!("must be of {}", Rung::ALLOWED)),
        Some(named) if !named.contains(&Rung::Exact) => {
            section.wrong("rungs", "must have \"exact\": without it nobody is known")
        }
        Some(named) => {
            let mut all = Rung::ALL.to_vec();
            all.retain(|rung| named.contains(rung));
            Some(all)
        }
    }
}

fn priority(section: &Section<'_>, sources: &[SourceConfig]) -> Priority {
    let fields = sources.iter().flat_map(|s| s.csv.mapping.fields.keys());
    let values: Vec<&str> = VALUES
        .into_iter()
        .chain(fields.map(String::as_str))
        .collect();
    let mut priority = Priority::default();
    for (value, order) in section.free_lists() {
        if !values.contains(&value.as_str()) {
            let what = format!("no such value; here there can be: {}", values.join(", "));
            section.wrong_at(&value, what);
        } else if let Some(stranger) = order
            .iter()
            .find(|name| sources.iter().all(|s| s.name() != name.as_str()))
        {
            section.wrong_at(&value, format!("there is no source {stranger}"));
        } else {
            priority.0.insert(value, order);
        }
    }
    priority
}
