//! The operator's card: rows of templates over the contact and the call, rendered into a `Card`.
//!
//! The template language is Jinja (minijinja). Every name a template may use always exists, empty when
//! unknown, so a misspelt name is an error when the configuration is read and not a blank on Monday.
//!
//! Guarantees: a row without text is left out, a card that would say nothing is none, and a template can't
//! run away (its steps are counted).
//!
//! Architecture Invariant: a contact's values can't change where a link leads. They are percent-encoded in
//! every link, but for a value that a template begins with and so leaves the whole address to.

mod context;
mod link;
mod preset;

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, Error, UndefinedBehavior};

use super::age::AgeLimits;
use super::call::Call;
use super::card::{Card, ROWS, Row, app_link, one_line, web_link};
use super::contact::Profile;
use super::money::Locale;
use super::phone::Region;
use super::words::Words;
use context::Marks;
pub use context::{BALANCE, FLAGS};
use preset::{SAMPLE_NUMBER, sample_call, sample_contact, sample_region};
pub use preset::{default_rows, default_unknown_rows};

/// Template steps per text; the default card's longest takes some twenty.
const FUEL: u64 = 10_000;
/// The name of the escaping in links.
const PERCENT: &str = "percent";
/// The template of a card's own condition, beside those of its rows.
const CARD_WHEN: &str = "card.when";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowKind {
    Title,
    ShortText,
    User,
}

/// One row as configured. Texts are templates; `when` is an expression.
#[derive(Clone, Debug)]
pub struct RowTemplate {
    pub kind: RowKind,
    pub text: String,
    pub label: Option<String>,
    pub link: Option<String>,
    pub ios: Option<String>,
    pub android: Option<String>,
    pub when: Option<String>,
}

impl RowTemplate {
    pub fn new(kind: RowKind, label: Option<&str>, text: &str) -> RowTemplate {
        RowTemplate {
            kind,
            text: text.into(),
            label: label.map(Into::into),
            link: None,
            ios: None,
            android: None,
            when: None,
        }
    }

    fn texts(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let optional = [
            ("label", &self.label),
            ("link", &self.link),
            ("ios", &self.ios),
            ("android", &self.android),
            ("when", &self.when),
        ];
        std::iter::once(("text", self.text.as_str())).chain(
            optional
                .into_iter()
                .filter_map(|(key, t)| Some((key, t.as_deref()?))),
        )
    }
}

/// How values are written, the same for all cards of an office.
#[derive(Clone, Debug)]
pub struct Style {
    pub locale: Locale,
    pub words: Words,
    /// The names of the fields that sources map.
    pub fields: Vec<String>,
    /// From which age on values are marked or hidden.
    pub ages: AgeLimits,
}

impl Style {
    pub fn new(locale: Locale) -> Style {
        Style {
            locale,
            words: Words::of(locale),
            fields: Vec::new(),
            ages: AgeLimits::default(),
        }
    }
}

/// Everything a template can speak of.
pub struct Subject<'a> {
    pub call: &'a Call,
    /// The other side's, in full.
    pub number: &'a str,
    pub account: &'a str,
    /// Of the account: the country of numbers without a country code.
    pub region: Region,
    /// `None` renders the card for a caller nobody knows.
    pub profile: Option<&'a Profile>,
    /// Hipcall's id of the colleague who looks after the contact.
    pub owner_id: Option<i64>,
    pub now: Timestamp,
    pub zone: &'a TimeZone,
}

/// A template that can't be used, with the row (from 1; 0 is the card's own condition) and the key it
/// stands in.
#[derive(Debug, thiserror::Error)]
#[error("row {row}, {key}: {reason}")]
pub struct TemplateError {
    pub row: usize,
    pub key: &'static str,
    pub reason: String,
}

impl TemplateError {
    /// The first line of minijinja's message, without the template's made-up name.
    fn new(row: usize, key: &'static str, error: &Error) -> TemplateError {
        let detail = error.detail().map(|d| format!(": {d}"));
        let reason = format!("{}{}", error.kind(), detail.unwrap_or_default());
        TemplateError { row, key, reason }
    }
}

pub struct CardTemplate {
    env: Environment<'static>,
    rows: Vec<CompiledRow>,
    has_condition: bool,
    style: Arc<Style>,
}

struct CompiledRow {
    template: RowTemplate,
    /// Its text depends on the call, so that the row says something.
    varies: bool,
}

/// A subject made ready for every card of one style: its values as texts print them, and as conditions,
/// links and ids need them, without marks.
pub struct Prepared {
    printed: Value,
    bare: Value,
}

impl CardTemplate {
    /// Compiles the rows and tries them on a made-up call, so that what could fail then fails now.
    pub fn new(
        rows: Vec<RowTemplate>,
        style: Arc<Style>,
    ) -> Result<CardTemplate, Vec<TemplateError>> {
        CardTemplate::with_condition(rows, None, style)
    }

    /// The same for a card that is only meant for the calls for which the expression `when` holds.
    pub fn with_condition(
        rows: Vec<RowTemplate>,
        when: Option<&str>,
        style: Arc<Style>,
    ) -> Result<CardTemplate, Vec<TemplateError>> {
        let mut template = CardTemplate {
            env: environment(&style.words),
            rows: Vec::new(),
            has_condition: when.is_some(),
            style,
        };
        let mut errors = Vec::new();
        if let Some(when) = when
            && let Err(e) = template.add_condition(CARD_WHEN.into(), when)
        {
            errors.push(TemplateError::new(0, "when", &e));
        }
        for (i, row) in rows.into_iter().enumerate() {
            template.add_row(i, row, &mut errors);
        }
        if errors.is_empty() {
            template.try_out(&mut errors);
        }
        if errors.is_empty() {
            Ok(template)
        } else {
            Err(errors)
        }
    }

    fn add_row(&mut self, index: usize, row: RowTemplate, errors: &mut Vec<TemplateError>) {
        for (key, text) in row.texts() {
            let name = name(index, key);
            let added = match key {
                "when" => self.add_condition(name, text),
                "link" | "ios" | "android" => {
                    let text = link::first_expression_whole(text);
                    self.env.add_template_owned(name, text)
                }
                _ => self.env.add_template_owned(name, text.to_owned()),
            };
            if let Err(e) = added {
                errors.push(TemplateError::new(index + 1, key, &e));
            }
        }
        let text = self.env.get_template(&name(index, "text"));
        let names = text.map(|t| t.undeclared_variables(false));
        self.rows.push(CompiledRow {
            template: row,
            varies: names.is_ok_and(|names| names.iter().any(|name| name != "words")),
        });
    }

    /// Compiled alone first: a condition is one expression and nothing around it.
    fn add_condition(&mut self, name: String, expression: &str) -> Result<(), Error> {
        self.env.compile_expression_owned(expression.to_owned())?;
        let text = format!("{{{{ '1' if ({expression}) else '' }}}}");
        self.env.add_template_owned(name, text)
    }

    fn try_out(&self, errors: &mut Vec<TemplateError>) {
        let Some(region) = sample_region() else {
            return;
        };
        let sample = self.prepare(&Subject {
            call: &sample_call(),
            number: SAMPLE_NUMBER,
            account: "office",
            region,
            profile: Some(&sample_contact()),
            owner_id: Some(1),
            now: Timestamp::UNIX_EPOCH,
            zone: &TimeZone::UTC,
        });
        if self.has_condition
            && let Err(e) = self.render_text(CARD_WHEN, &sample.bare)
        {
            errors.push(TemplateError::new(0, "when", &e));
        }
        for (i, row) in self.rows.iter().enumerate() {
            for (key, _) in row.template.texts() {
                if let Err(e) = self.text(i, key, &sample) {
                    errors.push(TemplateError::new(i + 1, key, &e));
                }
            }
        }
    }

    pub fn prepare(&self, subject: &Subject<'_>) -> Prepared {
        let printed = context::of(subject, &self.style, Marks::Printed);
        let bare = match self.style.ages.0.is_empty() {
            true => printed.clone(),
            false => context::of(subject, &self.style, Marks::Left),
        };
        Prepared { printed, bare }
    }

    /// Whether the card is meant for this call. A condition that fails on its values does not hold.
    pub fn is_for(&self, subject: &Prepared) -> bool {
        let holds = || self.render_text(CARD_WHEN, &subject.bare);
        !self.has_condition || holds().is_ok_and(|said| !said.is_empty())
    }

    /// `None` when nothing would be left to read. A row whose template fails on this contact's values is
    /// left out like an empty one; the rest of the card still helps.
    pub fn render(&self, subject: &Prepared) -> Option<Card> {
        let rows = (0..self.rows.len()).filter_map(|i| Some((i, self.row(i, subject)?)));
        let rows: Vec<(usize, Row)> = rows.take(ROWS).collect();
        let speaks = rows.iter().any(|(i, _)| self.rows[*i].varies);
        speaks.then(|| Card {
            rows: rows.into_iter().map(|(_, row)| row).collect(),
        })
    }

    fn row(&self, index: usize, subject: &Prepared) -> Option<Row> {
        let template = &self.rows[index].template;
        let text = |key| self.text(index, key, subject).ok().map(|t| one_line(&t));
        let link = |key, check: fn(&str) -> Option<String>| {
            self.text(index, key, subject).ok().and_then(|t| check(&t))
        };
        if template.when.is_some() && text("when")?.is_empty() {
            return None;
        }
        let said = text("text").filter(|t| !t.is_empty())?;
        let label = template.label.as_ref();
        let label = label.and_then(|_| text("label")).filter(|l| !l.is_empty());
        Some(match template.kind {
            RowKind::Title => Row::Title {
                text: said,
                link: link("link", web_link),
            },
            RowKind::ShortText => Row::ShortText {
                text: said,
                label,
                link: link("link", web_link),
                ios: link("ios", app_link),
                android: link("android", app_link),
            },
            RowKind::User => Row::User {
                label: label?,
                user_id: said.parse().ok()?,
            },
        })
    }

    fn text(&self, row: usize, key: &'static str, subject: &Prepared) -> Result<String, Error> {
        let is_id = key == "text" && self.rows[row].template.kind == RowKind::User;
        let context = match key {
            "text" | "label" if !is_id => &subject.printed,
            _ => &subject.bare,
        };
        self.render_text(&name(row, key), context)
    }

    fn render_text(&self, name: &str, context: &Value) -> Result<String, Error> {
        let template = self.env.get_template(name)?;
        match is_constant(template.source()) {
            true => Ok(template.source().to_owned()),
            false => template.render(context),
        }
    }
}

fn environment(words: &Words) -> Environment<'static> {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_fuel(Some(FUEL));
    env.set_auto_escape_callback(|name| match name.rsplit('.').next() {
        Some("link" | "ios" | "android") => AutoEscape::Custom(PERCENT.into()),
        _ => AutoEscape::None,
    });
    env.set_formatter(|out, state, value| match state.auto_escape() {
        _ if value.is_none() => Ok(()),
        // An undefined value is the usual formatter's to refuse.
        AutoEscape::None => minijinja::escape_formatter(out, state, value),
        _ if value.is_undefined() => Err(minijinja::ErrorKind::UndefinedError.into()),
        _ if value.is_safe() => Ok(out.write_str(&value.to_string())?),
        _ => Ok(out.write_str(&link::percent_encoded(&value.to_string()))?),
    });
    env.add_test("above", context::is_above);
    env.add_test("below", context::is_below);
    env.add_filter(link::WHOLE, link::whole);
    env.add_global("words", context::of_words(words));
    env
}

/// Labels and titles mostly are: they need no rendering.
fn is_constant(template: &str) -> bool {
    !template.contains('{')
}

fn name(row: usize, key: &str) -> String {
    format!("{row}.{key}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::age::AgeLimit;
    use crate::domain::contact::{Contact, Flags, Origin, Shared};

    fn short(label: &str, text: &str) -> RowTemplate {
        RowTemplate::new(RowKind::ShortText, Some(label), text)
    }

    fn ayse() -> Contact {
        Contact {
            name: Some("Ayşe Yılmaz".into()),
            company: Some("Yılmaz <Gıda>".into()),
            fields: [
                ("city".into(), "İzmir".into()),
                ("owner".into(), "1121".into()),
            ]
            .into(),
            flags: Flags::default(),
            ..sample_contact().contact
        }
    }

    fn style(locale: Locale) -> Arc<Style> {
        Arc::new(Style {
            fields: vec!["city".into(), "owner".into(), "url".into()],
            ..Style::new(locale)
        })
    }

    fn since(source: &str, as_of: &str) -> Origin {
        Origin {
            source: source.into(),
            as_of: as_of.parse().unwrap(),
        }
    }

    fn profile(contact: &Contact) -> Profile {
        Profile::new(contact.clone(), since("crm", "2026-09-01T11:05:00Z"))
    }

    /// As the agent of an office in Istanbul sees it, an hour after the source was read.
    fn render_as(
        rows: Vec<RowTemplate>,
        style: Arc<Style>,
        profile: Option<&Profile>,
    ) -> Option<Card> {
        let template = CardTemplate::new(rows, style).unwrap();
        template.render(&template.prepare(&Subject {
            call: &sample_call(),
            number: SAMPLE_NUMBER,
            account: "istanbul",
            region: sample_region().unwrap(),
            profile,
            owner_id: Some(7),
            now: "2026-09-01T12:05:00Z".parse().unwrap(),
            zone: &TimeZone::fixed(jiff::tz::offset(3)),
        }))
    }

    fn render(rows: Vec<RowTemplate>, contact: Option<&Contact>) -> Option<Card> {
        let profile = contact.map(profile);
        render_as(rows, style(Locale::Turkish), profile.as_ref())
    }

    fn default_card(locale: Locale, contact: &Contact) -> Vec<String> {
        let rows = default_rows(&Words::of(locale));
        texts(&render_as(rows, style(locale), Some(&profile(contact))).unwrap())
    }

    fn said(text: &str, profile: &Profile) -> String {
        said_in(style(Locale::English), text, profile)
    }

    fn said_in(style: Arc<Style>, text: &str, profile: &Profile) -> String {
        let card = render_as(vec![short("", text)], style, Some(profile));
        card.map_or(String::new(), |card| match &card.rows[0] {
            Row::ShortText { text, .. } => text.clone(),
            _ => unreachable!(),
        })
    }

    fn texts(card: &Card) -> Vec<String> {
        let text = |row: &Row| match row {
            Row::Title { text, .. } => text.clone(),
            Row::ShortText { label, text, .. } => {
                format!("{}: {text}", label.as_deref().unwrap_or("-"))
            }
            Row::User { label, user_id } => format!("{label}: #{user_id}"),
        };
        card.rows.iter().map(text).collect()
    }

    #[test]
    fn the_default_card_says_who_it_is_what_is_owed_and_who_knows_them() {
        let expected = [
            "Müşteri",
            "Ad: Ayşe Yılmaz",
            "Firma: Yılmaz <Gıda>",
            "Bakiye: ₺4.250,00 Borç, 14:05 itibarıyla",
            "Temsilci: #7",
        ];
        assert_eq!(default_card(Locale::Turkish, &ayse()), expected);
        let expected = [
            "Customer",
            "Attention: VIP · Overdue: 350.00 · Warning",
            "Name: Ayşe Yılmaz",
            "Company: Yılmaz <Gıda>",
            "Balance: TRY\u{a0}4,250.00 debit, as of 14:05",
            "Account owner: #7",
        ];
        let flagged = Contact {
            flags: Flags {
                vip: Some(String::new()),
                overdue: Some(" 350.00 ".into()),
                warning: Some("Warning".into()),
            },
            ..ayse()
        };
        assert_eq!(default_card(Locale::English, &flagged), expected);
    }

    #[test]
    fn empty_rows_are_left_out_and_a_card_that_says_nothing_is_none() {
        let nobody = Contact {
            name: Some("Can".into()),
            ..Contact::default()
        };
        assert_eq!(
            default_card(Locale::English, &nobody),
            ["Customer", "Name: Can", "Account owner: #7"]
        );
        let city = vec![
            RowTemplate::new(RowKind::Title, None, "CRM"),
            RowTemplate::new(RowKind::Title, None, "{{ words.title }}"),
            short("City", "{{ contact.fields.city }}"),
        ];
        assert_eq!(render(city, Some(&nobody)), None);
        assert_eq!(render(vec![], Some(&nobody)), None);
    }

    #[test]
    fn an_unknown_caller_has_a_card_of_its_own() {
        let rows = default_unknown_rows(&Words::of(Locale::English));
        let card = render(rows, None).unwrap();
        assert_eq!(texts(&card), ["Unknown caller", "Number: +905325550101"]);
    }

    #[test]
    fn several_on_one_number_are_named_as_such() {
        let mut several = profile(&ayse());
        several.shared = Shared::Several;
        several.contact.name = Some("Ayşe / Can (+2)".into());
        let rows = default_rows(&Words::of(Locale::Turkish));
        let card = render_as(rows, style(Locale::Turkish), Some(&several)).unwrap();
        assert_eq!(texts(&card)[1], "Şunlardan biri: Ayşe / Can (+2)");
        assert_eq!(said("{{ match.shared }}", &several), "several");
    }

    #[test]
    fn each_value_has_the_age_and_source_it_came_from() {
        let mut merged = profile(&ayse());
        merged.balance_origin = Some(since("erp", "2026-08-29T12:05:00Z"));
        let city = since("crm2", "2026-08-31T12:05:00Z");
        merged.field_origins.insert("city".into(), city);
        let cases = [
            ("{{ source.name }} {{ source.as_of }}", "crm as of 14:05"),
            ("{{ contact.balance.source }}", "erp"),
            ("{{ contact.balance.as_of }}", "3 days ago"),
            ("{{ ages.balance }}", "3 days ago"),
            ("{{ ages.city }}", "1 day ago"),
            ("{{ ages.owner }}", "as of 14:05"),
            ("{{ ages.vip }}{{ ages.url }}", ""),
        ];
        for (template, expected) in cases {
            assert_eq!(said(template, &merged), expected, "{template}");
        }
    }

    #[test]
    fn old_values_say_so_and_too_old_ones_are_unknown() {
        let days = |n: u64| Some(std::time::Duration::from_secs(n * 86_400));
        let (mark, hide) = (days(1), days(7));
        let limit = AgeLimit { mark, hide };
        let ages = ["balance", "city", "vip", "owner"].map(|name| (name.to_owned(), limit));
        let style = Arc::new(Style {
            ages: AgeLimits(ages.into()),
            ..(*style(Locale::Turkish)).clone()
        });
        let mut old = profile(&ayse());
        old.contact.flags.vip = Some("Altın".into());
        old.origin = since("crm", "2026-08-29T12:05:00Z");
        let print = |text, profile: &Profile| said_in(style.clone(), text, profile);
        let cases = [
            ("{{ contact.balance }}", "₺4.250,00 (eski)"),
            ("{{ contact.balance.worded }}", "₺4.250,00 Borç (eski)"),
            ("{{ contact.balance.unsigned }}", "₺4.250,00 (eski)"),
            ("{{ contact.balance.is_old }} {{ old.city }}", "True True"),
            ("{{ contact.fields.city }}", "İzmir (eski)"),
            ("{{ contact.vip }}", "Altın (eski)"),
            ("{{ contact.flags }}", "VIP: Altın (eski)"),
            ("{{ contact.name }} {{ old.url }}", "Ayşe Yılmaz"),
        ];
        for (template, expected) in cases {
            assert_eq!(print(template, &old), expected, "{template}");
        }
        let conditional = RowTemplate {
            when: Some("contact.fields.city == 'İzmir' and contact.balance is above(1)".into()),
            link: Some("https://a.example/{{ contact.fields.city }}".into()),
            ..short("x", "{{ contact.name }}")
        };
        let user = RowTemplate::new(RowKind::User, Some("x"), "{{ contact.fields.owner }}");
        let card = render_as(vec![conditional, user], style.clone(), Some(&old)).unwrap();
        assert_eq!(link_of(&card), "https://a.example/%C4%B0zmir");
        assert_eq!(card.rows.len(), 2, "ids and conditions see the bare value");

        old.origin = since("crm", "2026-08-20T12:05:00Z");
        for (template, _) in &cases[..7] {
            let shown = print(template, &old);
            assert!(shown.is_empty() || shown == "False", "{template}: {shown}");
        }
        assert_eq!(print("{{ contact.name }}", &old), "Ayşe Yılmaz");
        assert_eq!(
            print("{{ 'x' if contact.balance or contact.vip }}", &old),
            ""
        );
    }

    #[test]
    fn flags_are_true_when_set_whatever_they_say() {
        let mut flagged = profile(&ayse());
        flagged.contact.flags.vip = Some(String::new());
        flagged.contact.flags.warning = Some("kara liste".into());
        let cases = [
            ("{{ 'yes' if contact.vip else 'no' }}", "yes"),
            ("{{ 'yes' if contact.overdue else 'no' }}", "no"),
            ("{{ contact.vip }}", "VIP"),
            ("{{ contact.warning }}", "kara liste"),
            ("{{ contact.flags }}", "VIP · Warning: kara liste"),
        ];
        for (template, expected) in cases {
            assert_eq!(said(template, &flagged), expected, "{template}");
        }
    }

    #[test]
    fn an_unknown_balance_is_empty_and_false() {
        let mut unknown = profile(&ayse());
        unknown.contact.balance = None;
        for key in [
            "amount", "currency", "unsigned", "side", "worded", "as_of", "source",
        ] {
            let template = format!("x{{{{ contact.balance.{key} }}}}x");
            assert_eq!(said(&template, &unknown), "xx");
        }
        let template = "{{ 1 if contact.balance else 0 }} {{ contact.balance.is_old }}";
        assert_eq!(said(template, &unknown), "0 False");
    }

    fn link_of(card: &Card) -> String {
        match &card.rows[0] {
            Row::ShortText { link, .. } => link.clone().unwrap_or_default(),
            _ => unreachable!(),
        }
    }

    #[test]
    fn a_value_can_not_change_where_a_link_leads() {
        let link = |template: &str, key: &str| {
            let row = RowTemplate {
                link: Some(template.into()),
                ..short("x", "{{ contact.name }}")
            };
            let contact = Contact {
                key: Some(key.into()),
                fields: [("url".into(), "https://crm.example/1?a=b".into())].into(),
                ..ayse()
            };
            link_of(&render(vec![row], Some(&contact)).unwrap())
        };
        let of_key = "https://crm.example/?id={{ contact.key }}";
        let cases = [
            (of_key, "1", "https://crm.example/?id=1"),
            (
                of_key,
                "1&admin=true",
                "https://crm.example/?id=1%26admin%3Dtrue",
            ),
            (of_key, "../../x", "https://crm.example/?id=..%2F..%2Fx"),
            (of_key, "a b#c", "https://crm.example/?id=a%20b%23c"),
            (of_key, "Şırnak", "https://crm.example/?id=%C5%9E%C4%B1rnak"),
            ("{{ contact.fields.url }}", "1", "https://crm.example/1?a=b"),
            (
                "{{ contact.fields.url }}&id={{ contact.key }}",
                "1&x",
                "https://crm.example/1?a=b&id=1%26x",
            ),
            (
                "https://a.example/{% set k %}{{ contact.key }}{% endset %}{{ k }}",
                "1/2",
                "https://a.example/1%2F2",
            ),
            ("https://crm.example/c/{{ contact.key }}/card", "..", ""),
            ("{{ contact.key }}", "javascript:alert(1)", ""),
            (
                "https://{{ contact.key }}",
                "a.example/evil@b",
                "https://a.example%2Fevil%40b",
            ),
            (
                "https://a.example/{{ contact.balance }}",
                "1",
                "https://a.example/%E2%82%BA4.250%2C00",
            ),
        ];
        for (template, key, expected) in cases {
            assert_eq!(link(template, key), expected, "{template} {key}");
        }
    }

    #[test]
    fn rows_appear_when_their_condition_holds() {
        let owes = |when: &str| RowTemplate {
            when: Some(when.into()),
            ..short("Balance", "{{ contact.balance }}")
        };
        let shown = |when: &str| render(vec![owes(when)], Some(&ayse())).is_some();
        assert!(shown("contact.balance is above(4249.99)"));
        assert!(!shown("contact.balance is above(4250)"));
        assert!(shown("contact.balance is below('4250.01')"));
        assert!(shown("call.direction == 'inbound' and contact.fields.city"));
        assert!(!shown("contact.balance.currency == 'USD'"));
        let without = Contact {
            balance: None,
            ..ayse()
        };
        assert!(render(vec![owes("contact.balance is above(0)")], Some(&without)).is_none());
    }

    #[test]
    fn a_user_row_needs_a_number_and_a_link_must_be_one() {
        let user = |text: &str| RowTemplate::new(RowKind::User, Some("Owner"), text);
        let card = render(vec![user("{{ contact.fields.owner }}")], Some(&ayse())).unwrap();
        assert_eq!(texts(&card), ["Owner: #1121"]);
        assert_eq!(
            render(vec![user("{{ contact.fields.city }}")], Some(&ayse())),
            None
        );
        let linked = RowTemplate {
            link: Some("https://crm.example/{{ contact.key }}".into()),
            ios: Some("{{ contact.name }}".into()),
            ..short("Account", "{{ contact.key }}")
        };
        let card = render(vec![linked], Some(&ayse())).unwrap();
        assert!(
            matches!(&card.rows[0], Row::ShortText { link: Some(link), ios: None, .. } if link == "https://crm.example/1")
        );
    }

    #[test]
    fn mistakes_are_found_when_the_rows_are_read_all_at_once() {
        let rows = [
            short("Name", "{{ contact.nmae }}"),
            short("City", "{{ contact.fields.town }}"),
            short("Open", "{% if contact.name %}"),
            RowTemplate {
                when: Some("1) or (1".into()),
                ..short("When", "x")
            },
            short(
                "Loop",
                "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}",
            ),
        ];
        let bad = |rows: Vec<RowTemplate>| {
            let errors = CardTemplate::new(rows, style(Locale::English))
                .err()
                .unwrap();
            errors.iter().map(|e| (e.row, e.key)).collect::<Vec<_>>()
        };
        assert_eq!(bad(rows[2..].to_vec()), [(1, "text"), (2, "when")]);
        assert_eq!(
            bad(vec![rows[0].clone(), rows[1].clone(), rows[4].clone()]),
            [(1, "text"), (2, "text"), (3, "text")]
        );
    }
}
