//! The operator's card: rows of templates over the contact and the call, rendered into a `Card`.
//!
//! The template language is Jinja (minijinja). Every name a template may use always exists, empty when
//! unknown, so a misspelt name is an error when the configuration is read and not a blank on Monday.
//!
//! Guarantees: a row without text is left out, a card that would say nothing is none, and a template
//! can't run away (its steps are counted).

mod preset;

use std::sync::Arc;

use minijinja::value::{Object, Value};
use minijinja::{Environment, Error, UndefinedBehavior, context};
use rust_decimal::Decimal;

use super::call::Call;
use super::card::{Card, ROWS, Row, app_link, one_line, web_link};
use super::contact::Contact;
use super::money::{Locale, Money};
use super::phone::PhoneNumber;
pub use preset::{default_rows, default_unknown_rows};
use preset::{sample_call, sample_contact, sample_number};

/// Template steps per text; the default card's longest takes about ten.
const FUEL: u64 = 10_000;

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
}

/// Everything a template can speak of.
pub struct Subject<'a> {
    pub call: &'a Call,
    pub number: PhoneNumber,
    pub account: &'a str,
    /// `None` renders the card for a caller nobody knows.
    pub contact: Option<&'a Contact>,
    pub source: &'a str,
    /// When the shown values were read from their source, as the agent should read it.
    pub as_of: &'a str,
}

/// A template that can't be used, with the row (from 1) and the key it stands in.
#[derive(Debug, thiserror::Error)]
#[error("row {row}, {key}: {reason}")]
pub struct TemplateError {
    pub row: usize,
    pub key: &'static str,
    pub reason: String,
}

pub struct CardTemplate {
    env: Environment<'static>,
    rows: Vec<RowTemplate>,
    field_names: Vec<String>,
    locale: Locale,
}

impl CardTemplate {
    /// Compiles the rows and tries them on a made-up call, so that what could fail then fails now.
    pub fn new(
        rows: Vec<RowTemplate>,
        field_names: Vec<String>,
        locale: Locale,
    ) -> Result<CardTemplate, Vec<TemplateError>> {
        let mut env = Environment::new();
        env.set_undefined_behavior(UndefinedBehavior::Strict);
        env.set_fuel(Some(FUEL));
        env.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        env.set_formatter(|out, state, value| match value.is_none() {
            true => Ok(()),
            false => minijinja::escape_formatter(out, state, value),
        });
        env.add_test("above", |money: Value, than: Value| {
            compare(&money, &than, Decimal::gt)
        });
        env.add_test("below", |money: Value, than: Value| {
            compare(&money, &than, Decimal::lt)
        });
        let mut template = CardTemplate {
            env,
            rows: Vec::new(),
            field_names,
            locale,
        };
        let mut errors = Vec::new();
        for (i, row) in rows.into_iter().enumerate() {
            template.add(i, row, &mut errors);
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

    fn add(&mut self, index: usize, row: RowTemplate, errors: &mut Vec<TemplateError>) {
        for (key, text) in row.texts() {
            let text = match key {
                // Compiled alone first: `when` is one expression and nothing around it.
                "when" => match self.env.compile_expression_owned(text.to_owned()) {
                    Ok(_) => format!("{{{{ '1' if ({text}) else '' }}}}"),
                    Err(e) => {
                        errors.push(TemplateError {
                            row: index + 1,
                            key,
                            reason: reason(&e),
                        });
                        continue;
                    }
                },
                _ => text.to_owned(),
            };
            if let Err(e) = self.env.add_template_owned(name(index, key), text) {
                errors.push(TemplateError {
                    row: index + 1,
                    key,
                    reason: reason(&e),
                });
            }
        }
        self.rows.push(row);
    }

    fn try_out(&self, errors: &mut Vec<TemplateError>) {
        let (call, contact, Some(number)) = (sample_call(), sample_contact(), sample_number())
        else {
            return;
        };
        let context = self.context(&Subject {
            call: &call,
            number,
            account: "office",
            contact: Some(&contact),
            source: "crm",
            as_of: "14:05",
        });
        for (i, row) in self.rows.iter().enumerate() {
            for (key, _) in row.texts() {
                if let Err(e) = self.text(i, key, &context) {
                    errors.push(TemplateError {
                        row: i + 1,
                        key,
                        reason: reason(&e),
                    });
                }
            }
        }
    }

    /// `None` when nothing would be left to read. A row whose template fails on this contact's values is
    /// left out like an empty one; the rest of the card still helps.
    pub fn render(&self, subject: &Subject<'_>) -> Option<Card> {
        let context = self.context(subject);
        let rows: Vec<(Row, bool)> = (0..self.rows.len())
            .filter_map(|i| self.row(i, &context))
            .take(ROWS)
            .collect();
        let speaks = rows.iter().any(|(_, varies)| *varies);
        speaks.then(|| Card {
            rows: rows.into_iter().map(|(row, _)| row).collect(),
        })
    }

    /// The row, and whether it says anything about this call.
    fn row(&self, index: usize, context: &Value) -> Option<(Row, bool)> {
        let template = &self.rows[index];
        let text = |key| self.text(index, key, context).ok().map(|t| one_line(&t));
        let link = |key, check: fn(&str) -> Option<String>| {
            self.text(index, key, context).ok().and_then(|t| check(&t))
        };
        if template.when.is_some() && text("when")?.is_empty() {
            return None;
        }
        let said = text("text").filter(|t| !t.is_empty())?;
        let label = template
            .label
            .as_ref()
            .and_then(|_| text("label"))
            .filter(|l| !l.is_empty());
        let varies = !is_constant(&template.text);
        let row = match template.kind {
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
        };
        Some((row, varies))
    }

    fn text(&self, row: usize, key: &'static str, context: &Value) -> Result<String, Error> {
        let template = self.env.get_template(&name(row, key))?;
        match is_constant(template.source()) {
            true => Ok(template.source().to_owned()),
            false => template.render(context),
        }
    }

    fn context(&self, subject: &Subject<'_>) -> Value {
        let contact = subject.contact;
        let text = |value: Option<&String>| value.map(|v| Value::from(v.as_str()));
        let field = |n: &String| (n.clone(), text(contact.and_then(|c| c.fields.get(n))));
        let fields: std::collections::BTreeMap<String, Option<Value>> =
            self.field_names.iter().map(field).collect();
        let balance = contact.and_then(|c| c.balance).map(|money| {
            Value::from_object(ShownMoney {
                money,
                locale: self.locale,
            })
        });
        context! {
            contact => context! {
                key => text(contact.and_then(|c| c.key.as_ref())),
                name => text(contact.and_then(|c| c.name.as_ref())),
                company => text(contact.and_then(|c| c.company.as_ref())),
                balance => balance,
                fields => fields,
            },
            call => context! {
                id => subject.call.id.as_str(),
                direction => subject.call.direction.as_str(),
                number => subject.number.e164(),
                line => subject.call.line.0.as_str(),
                user_id => subject.call.user_id,
            },
            account => context! { name => subject.account },
            source => context! { name => subject.source, as_of => subject.as_of },
        }
    }
}

impl RowTemplate {
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

/// Labels and titles mostly are: they need no rendering.
fn is_constant(template: &str) -> bool {
    !template.contains('{')
}

fn name(row: usize, key: &str) -> String {
    format!("{row}.{key}")
}

/// The first line of minijinja's message, without the template's made-up name.
fn reason(error: &Error) -> String {
    let detail = error.detail().map(|d| format!(": {d}")).unwrap_or_default();
    format!("{}{detail}", error.kind())
}

/// A balance inside a template: prints as the locale writes it, compares as the decimal it is.
#[derive(Debug)]
struct ShownMoney {
    money: Money,
    locale: Locale,
}

impl Object for ShownMoney {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str()? {
            "amount" => Some(Value::from(self.money.amount.to_string())),
            "currency" => Some(Value::from(self.money.currency.code())),
            _ => None,
        }
    }

    fn render(self: &Arc<Self>, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.money.format(self.locale))
    }
}

/// An unknown balance is neither above nor below anything.
fn compare(
    value: &Value,
    than: &Value,
    holds: fn(&Decimal, &Decimal) -> bool,
) -> Result<bool, Error> {
    let than: Decimal = than.to_string().parse().map_err(|_| {
        Error::new(
            minijinja::ErrorKind::InvalidOperation,
            "above and below need a number",
        )
    })?;
    let amount = value
        .downcast_object_ref::<ShownMoney>()
        .map(|shown| shown.money.amount);
    Ok(amount.is_some_and(|amount| holds(&amount, &than)))
}

#[cfg(test)]
mod tests {
    use super::*;

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
            ..sample_contact()
        }
    }

    fn render(rows: Vec<RowTemplate>, contact: Option<&Contact>) -> Option<Card> {
        let names = vec!["city".into(), "owner".into()];
        let template = CardTemplate::new(rows, names, Locale::Turkish).unwrap();
        template.render(&Subject {
            call: &sample_call(),
            number: sample_number().unwrap(),
            account: "istanbul",
            contact,
            source: "crm",
            as_of: "14:05",
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
    fn the_default_card_is_name_company_and_balance_under_a_title() {
        let card = render(default_rows(Locale::Turkish), Some(&ayse())).unwrap();
        let expected = [
            "Müşteri",
            "Ad: Ayşe Yılmaz",
            "Firma: Yılmaz <Gıda>",
            "Bakiye: ₺4.250,00",
        ];
        assert_eq!(texts(&card), expected);
    }

    #[test]
    fn empty_rows_are_left_out_and_a_card_that_says_nothing_is_none() {
        let nobody = Contact {
            name: Some("Can".into()),
            ..Contact::default()
        };
        let card = render(default_rows(Locale::English), Some(&nobody)).unwrap();
        assert_eq!(texts(&card), ["Customer", "Name: Can"]);
        let city = vec![
            RowTemplate::new(RowKind::Title, None, "CRM"),
            short("City", "{{ contact.fields.city }}"),
        ];
        assert_eq!(render(city, Some(&nobody)), None);
        assert_eq!(render(vec![], Some(&nobody)), None);
    }

    #[test]
    fn an_unknown_caller_has_a_card_of_its_own() {
        let card = render(default_unknown_rows(Locale::English), None).unwrap();
        assert_eq!(texts(&card), ["Unknown caller", "Number: +905325550101"]);
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
            let errors = CardTemplate::new(rows, vec!["city".into()], Locale::English)
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
