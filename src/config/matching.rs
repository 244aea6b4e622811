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
    let home = accounts
        .iter()
        .map(|account| u64::from(account.region.country_code()));
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
    for (key, rung) in [
        ("tail-digits", Rung::Tail),
        ("head-office-digits", Rung::HeadOffice),
    ] {
        if section.has(key) && !ladder.rungs.contains(&rung) {
            let rung = rung.as_str();
            let what = format!("has no effect: \"{rung}\" is not among the rungs");
            section.wrong::<()>(key, what);
        }
    }
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
    let fields = sources.iter().flat_map(|s| s.records.mapping.fields.keys());
    let values: Vec<&str> = VALUES
        .into_iter()
        .chain(fields.map(String::as_str))
        .collect();
    let mut priority = Priority::default();
    for (value, order) in section.free_lists() {
        if !values.contains(&value.as_str()) {
            let what = format!("no such value; here there can be: {}", values.join(", "));
            section.wrong_at(&value, what);
        } else if let Some(wrong) = order.iter().find_map(|name| useless(name, &value, sources)) {
            section.wrong_at(&value, wrong);
        } else {
            priority.0.insert(value, order);
        }
    }
    priority
}

/// Why it makes no sense to name this source for the value.
fn useless(name: &str, value: &str, sources: &[SourceConfig]) -> Option<String> {
    let Some(source) = sources.iter().find(|s| s.name() == name) else {
        return Some(format!("there is no source {name}"));
    };
    let mapping = &source.records.mapping;
    let gives = match value {
        "balance" => mapping.balance.is_some(),
        "owner" => mapping.owner.is_some(),
        "vip" => mapping.vip.is_some(),
        "warning" => mapping.warning.is_some(),
        "overdue" => mapping.overdue.is_some(),
        field => mapping.fields.contains_key(field),
    };
    (!gives).then(|| format!("source {name} has no column for {value}"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Config;
    use super::*;

    /// The problems of a whole configuration with two sources and `text` at its end.
    fn read(text: &str) -> Result<MatchingConfig, Vec<String>> {
        let directory = tempfile::tempdir().unwrap();
        for name in ["token", "secrets"] {
            use std::os::unix::fs::PermissionsExt;
            let path = directory.path().join(name);
            std::fs::write(&path, "0123456789abcdef0123").unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        }
        let all = include_str!("../../tests/data/two-sources.toml").to_owned() + text;
        let config = Config::parse(&all, Path::new(directory.path()));
        let told = |p: &super::super::Problem| format!("{}: {}", p.subject, p.what);
        config
            .map(|config| config.matching)
            .map_err(|problems| problems.0.iter().map(told).collect())
    }

    #[test]
    fn without_a_word_every_rung_is_climbed_and_a_shared_number_is_a_list() {
        let mut config = read("").unwrap();
        assert_eq!(std::mem::take(&mut config.ladder.home), [90]);
        assert_eq!(config, MatchingConfig::default());
        assert_eq!(MatchingConfig::default().ladder.rungs, Rung::ALL);
        assert_eq!(MatchingConfig::default().sharing, Sharing::List);
    }

    #[test]
    fn rungs_are_climbed_in_their_own_order() {
        let text = "[matching]\nrungs = [\"head-office\", \"tail\", \"exact\"]\ntail-digits = 12\n\
            head-office-digits = 1\nshared = \"none\"\n";
        let config = read(text).unwrap();
        let rungs = [Rung::Exact, Rung::Tail, Rung::HeadOffice];
        assert_eq!(config.ladder.rungs, rungs);
        assert_eq!(
            (config.ladder.tail_digits, config.ladder.head_office_digits),
            (12, 1)
        );
        assert_eq!(config.sharing, Sharing::None);
    }

    #[test]
    fn digits_of_a_rung_that_is_not_climbed_are_a_mistake() {
        let digits = "tail-digits = 9\nhead-office-digits = 2\n";
        let told = read(&format!("[matching]\nrungs = \"exact\"\n{digits}")).unwrap_err();
        assert_eq!(
            told,
            [
                "matching.tail-digits = 9: has no effect: \"tail\" is not among the rungs",
                "matching.head-office-digits = 2: has no effect: \"head-office\" is not among the rungs",
            ]
        );
        assert!(read(&format!("[matching]\n{digits}")).is_ok());
    }

    #[test]
    fn each_value_has_its_sources_in_order() {
        let text = "[merge]\nbalance = [\"erp\"]\nvip = [\"erp\", \"crm\"]\nlimit = \"erp\"\n";
        let priority = read(text).unwrap().priority;
        assert_eq!(priority.0["balance"], ["erp"]);
        assert_eq!(priority.0["vip"], ["erp", "crm"]);
        assert_eq!(priority.0["limit"], ["erp"]);
    }

    #[test]
    fn every_mistake_is_told_with_what_is_allowed() {
        let text = "[matching]\nrungs = [\"national\"]\ntail-digits = 7\n\
            head-office-digits = \"3\"\nshared = \"all\"\nrung = 1\n\
            [merge]\nbalance = []\ncolour = \"erp\"\nvip = \"mis\"\nowner = [\"erp\", 1]\n\
            overdue = [\"erp\"]\n";
        let told = read(text).unwrap_err();
        for expected in [
            "matching.rungs = [\"national\"]: must have \"exact\"",
            "matching.tail-digits = 7: must be a whole number from 8 to 12",
            "matching.head-office-digits = \"3\": must be a whole number from 1 to 4",
            "matching.shared = \"all\": must be \"list\"",
            "matching.rung: no such key",
            "merge.balance = []: must be a text in quotes, or a list of such",
            "merge.colour = \"erp\": no such value; here there can be: balance, owner",
            "merge.vip = \"mis\": there is no source mis",
            "merge.overdue = [\"erp\"]: source erp has no column for overdue",
            "merge.owner = [\"erp\", 1]: must be a text in quotes, or a list of such",
        ] {
            assert!(
                told.iter().any(|t| t.starts_with(expected)),
                "{expected}: {told:#?}"
            );
        }
        assert_eq!(told.len(), 10, "{told:#?}");
        let told = read("[matching]\nrungs = [\"exact\", \"fuzzy\"]\n").unwrap_err();
        assert!(told[0].contains("must be of \"exact\""), "{told:#?}");
    }
}
