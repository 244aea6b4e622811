//! `[card]`: the rows the agent sees, what an unknown caller gets, and how long a card is worth sending.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::reader::Section;
use crate::domain::card::ROWS;
use crate::domain::money::Locale;
use crate::domain::template::{
    CardTemplate, RowKind, RowTemplate, TemplateError, default_rows, default_unknown_rows,
};

const LIFETIME: Duration = Duration::from_secs(90);

pub struct CardConfig {
    pub template: Arc<CardTemplate>,
    /// For callers nobody knows; none: they are skipped.
    pub unknown: Option<Arc<CardTemplate>>,
    /// From the call's start until its card is not worth sending any more.
    pub lifetime: Duration,
}

impl fmt::Debug for CardConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CardConfig")
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

pub(super) fn read(root: &Section<'_>, locale: Locale, fields: Vec<String>) -> Option<CardConfig> {
    let Some(section) = root.section("card") else {
        let template = CardTemplate::new(default_rows(locale), fields, locale).ok()?;
        return Some(CardConfig {
            template: template.into(),
            unknown: None,
            lifetime: LIFETIME,
        });
    };
    let known = rows(&section, "row").unwrap_or_else(|| numbered(default_rows(locale)));
    let template = compile(&section, "row", known, fields.clone(), locale);
    let wanted = section.parse("unknown", "\"skip\" or \"card\"", |text| match text {
        "skip" => Some(false),
        "card" => Some(true),
        _ => None,
    });
    let unknown_rows = rows(&section, "unknown-row");
    let unknown_rows = unknown_rows.unwrap_or_else(|| numbered(default_unknown_rows(locale)));
    let unknown = compile(&section, "unknown-row", unknown_rows, fields, locale);
    let (least, most) = (Duration::from_secs(10), Duration::from_secs(600));
    let lifetime = section
        .duration("lifetime", least, most)
        .unwrap_or(LIFETIME);
    Some(CardConfig {
        template: template?,
        unknown: wanted.unwrap_or(false).then_some(unknown?),
        lifetime,
    })
}

/// A row and its table's place: one that can't be read must not shift the others' problems to it.
type Numbered = (usize, RowTemplate);

fn numbered(rows: impl IntoIterator<Item = RowTemplate>) -> Vec<Numbered> {
    rows.into_iter().enumerate().collect()
}

fn compile(
    section: &Section<'_>,
    key: &'static str,
    rows: Vec<Numbered>,
    fields: Vec<String>,
    locale: Locale,
) -> Option<Arc<CardTemplate>> {
    let (places, rows): (Vec<usize>, Vec<RowTemplate>) = rows.into_iter().unzip();
    let errors = match CardTemplate::new(rows, fields.clone(), locale) {
        Ok(template) => return Some(Arc::new(template)),
        Err(errors) => errors,
    };
    let sections = section.sections(key);
    for TemplateError { row, key, reason } in errors {
        let known = "known are contact.{key, name, company, balance, fields.*}, \
             call.{id, direction, number, line, user_id}, account.name, source.{name, as_of}";
        let fields = fields.join(", ");
        let what = match reason.starts_with("undefined") {
            true => format!("names something that does not exist; {known}; fields: {fields}"),
            false => format!("is no template: {reason}"),
        };
        let place = places.get(row - 1).copied();
        if let Some(section) = place.and_then(|place| sections.get(place)) {
            section.wrong::<()>(key, what);
        }
    }
    // These were read once already; what is unknown in them was told then.
    sections.iter().for_each(Section::hush);
    None
}

/// `None` if there are no such tables.
fn rows(section: &Section<'_>, key: &'static str) -> Option<Vec<Numbered>> {
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
