//! `[[card.variant]]`: cards for certain calls only.

use std::sync::Arc;

use super::Around;
use super::rows::{compile, rows};
use crate::config::reader::Section;
use crate::domain::call::Direction;
use crate::domain::deck::{Rule, Variant};
use crate::domain::phone::{PhoneNumber, Region};
use crate::domain::template::Style;

/// Most variants: each is asked for each call until one fits.
pub(super) const VARIANTS: usize = 32;

pub(super) fn read(card: &Section<'_>, around: &Around, style: &Arc<Style>) -> Vec<Variant> {
    let sections = card.sections("variant");
    if sections.len() > VARIANTS {
        card.wrong::<()>(
            "variant",
            format!("there can be {VARIANTS} variants at most"),
        );
    }
    let mut variants: Vec<Variant> = Vec::new();
    for section in &sections {
        let Some(variant) = variant(section, around, style) else {
            continue;
        };
        if variants.iter().any(|v| v.name == variant.name) {
            section.wrong::<()>("name", "another variant has this name");
        }
        variants.push(variant);
    }
    variants
}

fn variant(section: &Section<'_>, around: &Around, style: &Arc<Style>) -> Option<Variant> {
    let name = section.required_text("name", "the variant's name, such as \"sales-line\"");
    let accounts = among(section, "account", &around.account_names());
    let rule = Rule {
        lines: lines(section, around, &accounts),
        direction: section.parse("direction", DIRECTIONS, direction),
        sources: among(section, "source", &around.sources),
        accounts,
    };
    let when = section.text("when");
    let conditions = ["line", "direction", "source", "account", "when"];
    if !conditions.iter().any(|key| section.has(key)) {
        let one_of = "a condition: line, direction, source, account or when";
        section.missing::<()>("line", one_of);
    }
    if !section.has("row") {
        section.missing::<()>("row", "the variant's rows: write [[card.variant.row]]");
    }
    let rows = rows(section, "row").unwrap_or_default();
    let card = compile(section, "row", rows, when.as_deref(), style);
    Some(Variant {
        name: name?,
        rule,
        card: card?,
    })
}

const DIRECTIONS: &str = "\"inbound\" or \"outbound\"";

fn direction(text: &str) -> Option<Direction> {
    [Direction::Inbound, Direction::Outbound]
        .into_iter()
        .find(|direction| direction.as_str() == text)
}

/// Names of what is configured elsewhere.
fn among(section: &Section<'_>, key: &'static str, known: &[String]) -> Vec<String> {
    let names = section.texts(key);
    if let Some(unknown) = names.iter().find(|name| !known.contains(name)) {
        let known = known.join(", ");
        section.wrong::<()>(
            key,
            format!("there is no {key} \"{unknown}\"; there is: {known}"),
        );
    }
    names
}

/// The numbers as every account that the variant can be for would read them.
fn lines(
    section: &Section<'_>,
    around: &Around,
    accounts: &[String],
) -> Vec<(Region, PhoneNumber)> {
    let meant = |name: &str| accounts.is_empty() || accounts.iter().any(|a| a == name);
    let mut regions: Vec<Region> = Vec::new();
    for (name, region) in &around.accounts {
        if meant(name) && !regions.contains(region) {
            regions.push(*region);
        }
    }
    let mut lines = Vec::new();
    for text in section.texts("line") {
        let read = |region: &Region| Some((*region, PhoneNumber::parse(&text, *region).ok()?));
        let before = lines.len();
        lines.extend(regions.iter().filter_map(read));
        if lines.len() == before && !regions.is_empty() {
            let what = format!(
                "\"{text}\" is not a telephone number; give the office's own as \"+908505550100\""
            );
            section.wrong::<()>("line", what);
        }
    }
    lines
}
