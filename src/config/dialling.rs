//! `region`, `area-code`, `trunk-prefix`, `international-prefix`: how numbers are written in one place.
//!
//! An account, a source and a column of it each have such a place. What one does not name it has from the one
//! around it, but for the area code of another country, which would make strangers of local numbers.

use super::reader::Section;
use crate::domain::dialling::{Dialling, INTERNATIONAL_PREFIXES, Prefix};
use crate::domain::phone::Region;

const REGION: &str = "a country code such as \"TR\" or \"GB\"";
const NO_REGION: &str = "none";

/// The place of an account: its calls come from a country.
pub(super) fn account(section: &Section<'_>) -> (Option<Region>, Dialling) {
    let region = section.required("region", REGION, Region::parse);
    let outer = Dialling {
        region,
        ..Dialling::default()
    };
    (region, prefixes(section, outer))
}

/// The place of a source or a column within `outer`.
pub(super) fn within(section: &Section<'_>, outer: &Dialling) -> Dialling {
    let allowed = format!("{REGION}, or \"{NO_REGION}\" if that can't be told");
    let own = section.parse("region", &allowed, |text| match text {
        NO_REGION => Some(None),
        code => Region::parse(code).map(Some),
    });
    let mut place = outer.clone();
    if let Some(region) = own
        && region != outer.region
    {
        place.region = region;
        place.area_code = None;
        if region.is_none() {
            place.trunk_prefix = None;
        }
    }
    for key in ["area-code", "trunk-prefix"] {
        if place.region.is_none() && section.has(key) {
            let what = "needs a region: without a country its numbers are not known";
            section.wrong::<()>(key, what);
        }
    }
    prefixes(section, place)
}

fn prefixes(section: &Section<'_>, outer: Dialling) -> Dialling {
    let digits = "1 to 8 digits";
    let area = format!("the {digits} of an area code, such as \"212\"");
    let area = section.parse("area-code", &area, Prefix::parse);
    let trunk = format!("the {digits} that stand before national numbers, such as \"9\"");
    let trunk = section.parse("trunk-prefix", &trunk, Prefix::parse);
    let abroad = section.texts("international-prefix");
    let parsed: Option<Vec<_>> = abroad.iter().map(|text| Prefix::parse(text)).collect();
    let prefixes = match parsed {
        Some(prefixes) if prefixes.len() <= INTERNATIONAL_PREFIXES => prefixes,
        Some(_) => section
            .wrong(
                "international-prefix",
                format!("there can be {INTERNATIONAL_PREFIXES} prefixes at most"),
            )
            .unwrap_or_default(),
        None => section
            .wrong(
                "international-prefix",
                format!("must be the {digits} that stand before country codes, such as \"011\", or a list of such"),
            )
            .unwrap_or_default(),
    };
    Dialling {
        region: outer.region,
        area_code: area.or(outer.area_code),
        trunk_prefix: trunk.or(outer.trunk_prefix),
        international_prefixes: match prefixes.is_empty() {
            true => outer.international_prefixes,
            false => prefixes,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::reader::tests::{problems, read};

    fn outer() -> Dialling {
        Dialling {
            region: Region::parse("TR"),
            area_code: Prefix::parse("212"),
            trunk_prefix: Prefix::parse("9"),
            international_prefixes: Prefix::parse("011").into_iter().collect(),
        }
    }

    fn place(text: &str) -> Dialling {
        read(text, |root| within(root, &outer()))
    }

    #[test]
    fn what_a_place_does_not_name_it_has_from_the_one_around_it() {
        assert_eq!(place(""), outer());
        assert_eq!(place("region = \"TR\""), outer());
        let expected = Dialling {
            area_code: Prefix::parse("216"),
            ..outer()
        };
        assert_eq!(place("area-code = \"216\""), expected);
        let prefixes = ["00", "810"].into_iter().filter_map(Prefix::parse);
        let expected = Dialling {
            trunk_prefix: Prefix::parse("0"),
            international_prefixes: prefixes.collect(),
            ..outer()
        };
        let text = "trunk-prefix = \"0\"\ninternational-prefix = [\"00\", \"810\"]";
        assert_eq!(place(text), expected);
    }

    #[test]
    fn an_area_code_is_not_taken_to_another_country() {
        let british = Dialling {
            region: Region::parse("GB"),
            area_code: None,
            ..outer()
        };
        assert_eq!(place("region = \"GB\""), british);
        let london = Dialling {
            area_code: Prefix::parse("20"),
            ..british
        };
        assert_eq!(place("region = \"GB\"\narea-code = \"20\""), london);
        let nowhere = Dialling {
            international_prefixes: outer().international_prefixes,
            ..Dialling::default()
        };
        assert_eq!(place("region = \"none\""), nowhere);
    }

    #[test]
    fn every_mistake_about_a_place_is_told() {
        let text = "region = \"XX\"\narea-code = \"(212)\"\ntrunk-prefix = 9\n\
                    international-prefix = [\"011\", \"+\"]";
        assert_eq!(
            problems(text, |root| drop(within(root, &outer()))),
            [
                "line 1: region = \"XX\": must be a country code such as \"TR\" or \"GB\", or \"none\" if \
                 that can't be told",
                "line 2: area-code = \"(212)\": must be the 1 to 8 digits of an area code, such as \"212\"",
                "line 3: trunk-prefix = 9: must be a text in quotes",
                "line 4: international-prefix = [\"011\", \"+\"]: must be the 1 to 8 digits that stand before \
                 country codes, such as \"011\", or a list of such",
            ]
        );
        let text = "region = \"none\"\narea-code = \"212\"\ntrunk-prefix = \"9\"";
        let what = "needs a region: without a country its numbers are not known";
        assert_eq!(
            problems(text, |root| drop(within(root, &outer()))),
            [
                format!("line 2: area-code = \"212\": {what}"),
                format!("line 3: trunk-prefix = \"9\": {what}")
            ]
        );
    }

    #[test]
    fn an_account_is_somewhere() {
        for text in ["", "region = \"none\""] {
            assert_eq!(
                problems(text, |root| drop(account(root))).len(),
                1,
                "{text}"
            );
        }
        let text = "region = \"TR\"\narea-code = \"212\"\ntrunk-prefix = \"9\"\n\
                    international-prefix = \"011\"";
        assert_eq!(read(text, account), (Region::parse("TR"), outer()));
    }

    #[test]
    fn there_are_as_many_prefixes_as_the_bound_and_no_more() {
        let list = |count: usize| {
            let prefixes: Vec<String> = (0..count).map(|i| format!("\"{i}\"")).collect();
            format!("international-prefix = [{}]", prefixes.join(", "))
        };
        let fits = place(&list(INTERNATIONAL_PREFIXES));
        assert_eq!(fits.international_prefixes.len(), INTERNATIONAL_PREFIXES);
        let told = problems(&list(INTERNATIONAL_PREFIXES + 1), |root| {
            drop(within(root, &outer()));
        });
        assert!(
            told[0].ends_with("there can be 8 prefixes at most"),
            "{told:?}"
        );
    }
}
