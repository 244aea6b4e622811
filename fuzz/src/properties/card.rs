//! A card: the operator's template, and in it what a source wrote. What comes out is what Hipcall takes and a
//! telephone can show, and it comes out in bounded time.

use std::sync::Arc;

use jiff::tz::TimeZone;
use ringcard::domain::call::{Call, CallId, Direction, RawNumber};
use ringcard::domain::card::{
    Card, LINK_BYTES, ROWS, Row, TEXT_GRAPHEMES, app_link, one_line, web_link,
};
use ringcard::domain::contact::{Contact, Origin, Profile};
use ringcard::domain::money::Locale;
use ringcard::domain::phone::Region;
use ringcard::domain::template::{CardTemplate, RowKind, RowTemplate, Style, Subject};

/// Divides the bytes into the templates and what stands in them.
const DIVIDER: char = '\u{1f}';
const NUMBER: &str = "+905325550101";

pub fn check(data: &[u8]) -> bool {
    let text = String::from_utf8_lossy(data);
    let mut parts = text.split(DIVIDER).map(str::to_owned);
    let row = RowTemplate {
        label: parts.next(),
        link: parts.next().filter(|text| !text.is_empty()),
        ios: parts.next().filter(|text| !text.is_empty()),
        when: parts.next().filter(|text| !text.is_empty()),
        ..RowTemplate::new(RowKind::ShortText, None, &parts.next().unwrap_or_default())
    };
    let title = RowTemplate::new(
        RowKind::Title,
        None,
        "{{ contact.name }} {{ contact.company }} {{ contact.fields.note }}",
    );
    let style = Style {
        fields: vec!["note".to_owned()],
        ..Style::new(Locale::Turkish)
    };
    let Ok(template) = CardTemplate::new(vec![title, row], Arc::new(style)) else {
        return false;
    };
    let contact = Contact {
        name: parts.next(),
        company: parts.next(),
        fields: parts
            .next()
            .map(|text| ("note".to_owned(), text))
            .into_iter()
            .collect(),
        ..Contact::default()
    };
    let card = rendered(&template, contact);
    card.iter().for_each(is_fit_to_be_shown);
    card.is_some()
}

fn rendered(template: &CardTemplate, contact: Contact) -> Option<Card> {
    let origin = Origin {
        source: "crm".to_owned(),
        as_of: "2026-01-01T00:00:00Z".parse().expect("a time"),
    };
    let call = Call {
        id: CallId::parse("c0ffee").expect("an id"),
        direction: Direction::Inbound,
        customer: RawNumber(NUMBER.to_owned()),
        line: RawNumber::default(),
        user_id: None,
        started_at: None,
    };
    template.render(&template.prepare(&Subject {
        call: &call,
        number: NUMBER,
        account: "office",
        region: Region::parse("TR").expect("a region"),
        profile: Some(&Profile::new(contact, origin.clone())),
        owner_id: None,
        now: origin.as_of,
        zone: &TimeZone::UTC,
    }))
}

fn is_fit_to_be_shown(card: &Card) {
    assert!((1..=ROWS).contains(&card.rows.len()));
    for row in &card.rows {
        match row {
            Row::Title { text, link } => {
                is_one_line(text);
                link.iter().for_each(|link| is_a_link(link, web_link));
            }
            Row::ShortText {
                text,
                label,
                link,
                ios,
                android,
            } => {
                is_one_line(text);
                label.iter().for_each(|label| is_one_line(label));
                link.iter().for_each(|link| is_a_link(link, web_link));
                [ios, android]
                    .into_iter()
                    .flatten()
                    .for_each(|link| is_a_link(link, app_link));
            }
            Row::User { label, .. } => is_one_line(label),
        }
    }
    let wire = serde_json::to_string(card).expect("JSON");
    assert_eq!(&serde_json::from_str::<Card>(&wire).expect("a card"), card);
}

fn is_one_line(text: &str) {
    assert!(
        !text.is_empty() && !text.contains(char::is_control),
        "{text:?}"
    );
    assert!(text.chars().count() <= TEXT_GRAPHEMES * 40, "{text:?}");
    assert_eq!(one_line(text), text, "cut twice, and otherwise");
}

fn is_a_link(link: &str, check: fn(&str) -> Option<String>) {
    assert!(link.len() <= LINK_BYTES);
    assert_eq!(check(link).as_deref(), Some(link));
}
