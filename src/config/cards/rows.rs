//! The rows of one card: read as tables, compiled together, each problem told at the row it is of.

use std::sync::Arc;

use crate::config::reader::Section;
use crate::domain::card::ROWS;
use crate::domain::template::{CardTemplate, RowKind, RowTemplate, Style, TemplateError};

const NAMES: &str = "known are contact.{key, name, company, balance, owner_id, vip, warning, overdue, \
     flags, fields.*}, contact.balance.{amount, currency, unsigned, side, worded, as_of, source, is_old}, \
     ages.*, old.*, match.shared, call.{id, direction, number, line, user_id}, account.name, \
     source.{name, as_of}, words.*";

/// A row and its table's place: one that can't be read must not shift the others' problems to it.
pub(super) type Numbered = (usize, RowTemplate);

pub(super) fn numbered(rows: impl IntoIterator<Item = RowTemplate>) -> Vec<Numbered> {
    rows.into_iter().enumerate().collect()
}

/// The card of the rows under `key`, for the calls for which the section's `when` holds, if it is given.
pub(super) fn compile(
    section: &Section<'_>,
    key: &'static str,
    rows: Vec<Numbered>,
    when: Option<&str>,
    style: &Arc<Style>,
) -> Option<CardTemplate> {
    let (places, rows): (Vec<usize>, Vec<RowTemplate>) = rows.into_iter().unzip();
    let errors = match CardTemplate::with_condition(rows, when, Arc::clone(style)) {
        Ok(template) => return Some(template),
        Err(errors) => errors,
    };
    let sections = section.sections(key);
    for TemplateError { row, key, reason } in errors {
        let fields = style.fields.join(", ");
        let what = match reason.starts_with("undefined") {
            true => format!("names something that does not exist; {NAMES}; fields: {fields}"),
            false => format!("is no template: {reason}"),
        };
        let place = places.get(row.wrapping_sub(1));
        let section = match row {
            0 => Some(section),
            _ => place.and_then(|place| sections.get(*place)),
        };
        if let Some(section) = section {
            section.wrong::<()>(key, what);
        }
    }
    // These were read once already; what is unknown in them was told then.
    sections.iter().for_each(Section::hush);
    None
}

/// `None` if there are no such tables.
pub(super) fn rows(section: &Section<'_>, key: &'static str) -> Option<Vec<Numbered>> {
    let sections = section.sections(key);
    if sections.len() > ROWS {
        section.wrong::<()>(
            key,
            format!("a card has {ROWS} rows at most; a phone shows about six"),
        );
    }
    if sections.is_empty() {
        return None;
    }
    let rows = sections.iter().enumerate();
    Some(rows.filter_map(|(i, s)| Some((i, row(s)?))).collect())
}

fn row(section: &Section<'_>) -> Option<RowTemplate> {
    let kind = section.required(
        "type",
        "\"title\", \"shortText\" or \"user\"",
        |text| match text {
            "title" => Some(RowKind::Title),
            "shortText" => Some(RowKind::ShortText),
            "user" => Some(RowKind::User),
            _ => None,
        },
    );
    let text = section.required_text("text", "a template such as \"{{ contact.name }}\"");
    let [label, link, ios, android, when] =
        ["label", "link", "ios", "android", "when"].map(|key| section.text(key));
    let kind = kind?;
    let extra: &[(&'static str, bool)] = match kind {
        RowKind::Title => &[
            ("label", label.is_some()),
            ("ios", ios.is_some()),
            ("android", android.is_some()),
        ],
        RowKind::ShortText => &[],
        RowKind::User => &[
            ("link", link.is_some()),
            ("ios", ios.is_some()),
            ("android", android.is_some()),
        ],
    };
    for (key, _) in extra.iter().filter(|(_, there)| *there) {
        section.wrong::<()>(
            key,
            "Hipcall refuses a card with this key in a row of this type",
        );
    }
    if kind == RowKind::User && label.is_none() {
        section.missing::<()>(
            "label",
            "the row's label: Hipcall requires it for a user row",
        );
    }
    Some(RowTemplate {
        kind,
        text: text?,
        label,
        link,
        ios,
        android,
        when,
    })
}
