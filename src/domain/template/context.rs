//! What a template can speak of: a `Subject` as names and values, each with its age.
//!
//! There are two of each context. Texts and labels print a value that is older than its limit with the word
//! for it; conditions, links and ids need the bare value, or a rule would stop holding when its value ages.
//! A value past its last limit is unknown in both.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use minijinja::value::{Object, Value};
use minijinja::{Error, ErrorKind, context};
use rust_decimal::Decimal;

use super::{Style, Subject};
use crate::domain::age::{Freshness, age_text};
use crate::domain::contact::{Origin, Shared};
use crate::domain::money::{Locale, Money, Side};
use crate::domain::words::{Word, Words};

/// The balance's name where ages are told or limited.
pub const BALANCE: &str = "balance";
/// The flags by name, in the order in which a card lists them.
pub const FLAGS: [(&str, Word); 3] = [
    ("vip", Word::Vip),
    ("overdue", Word::Overdue),
    ("warning", Word::Warning),
];

/// Whether an old value says so where it is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marks {
    Printed,
    Left,
}

pub(super) fn of(subject: &Subject<'_>, style: &Style, marks: Marks) -> Value {
    let view = View {
        subject,
        style,
        marks,
    };
    let values = view.values();
    let origin = subject.profile.map(|p| &p.origin);
    let shared = subject.profile.map_or("", |p| match p.shared {
        Shared::No => "",
        Shared::Company => "company",
        Shared::Several => "several",
    });
    context! {
        contact => view.contact(&values),
        ages => values.each(|aged| Value::from(view.since(aged.origin))),
        old => values.each(|aged| Value::from(aged.is_old)),
        match => context! { shared => shared },
        call => context! {
            id => subject.call.id.as_str(),
            direction => subject.call.direction.as_str(),
            number => subject.number,
            line => subject.call.line.0.as_str(),
            user_id => subject.call.user_id,
        },
        account => context! { name => subject.account },
        source => context! {
            name => origin.map(|o| o.source.as_str()),
            as_of => origin.map(|o| view.since(o)),
        },
    }
}

/// The words by their names, as templates write them.
pub(super) fn of_words(words: &Words) -> Value {
    let named = words
        .iter()
        .map(|(name, word)| (name.replace('-', "_"), Value::from(word)));
    named.collect::<BTreeMap<_, _>>().into()
}

/// One way of looking at one subject.
struct View<'a> {
    subject: &'a Subject<'a>,
    style: &'a Style,
    marks: Marks,
}

/// How old a value is that may be shown.
#[derive(Clone, Copy)]
struct Aged<'a> {
    origin: &'a Origin,
    is_old: bool,
}

/// What is known and young enough to be shown.
struct Values<'a> {
    balance: Option<(Money, Aged<'a>)>,
    flags: [Option<(&'a str, Aged<'a>)>; FLAGS.len()],
    /// Every field's name, also of one that is unknown.
    fields: BTreeMap<&'a str, Option<(&'a str, Aged<'a>)>>,
}

impl Values<'_> {
    /// By the names of all values that have an age.
    fn each(&self, said: impl Fn(&Aged<'_>) -> Value) -> BTreeMap<&str, Option<Value>> {
        let fields = self.fields.iter().map(|(name, v)| (*name, v.map(|v| v.1)));
        let flags = FLAGS.iter().zip(&self.flags);
        let flags = flags.map(|((name, _), v)| (*name, v.map(|v| v.1)));
        let balance = (BALANCE, self.balance.map(|b| b.1));
        let all = fields.chain(flags).chain([balance]);
        all.map(|(name, aged)| (name, aged.map(|aged| said(&aged))))
            .collect()
    }
}

impl<'a> View<'a> {
    fn values(&self) -> Values<'a> {
        let profile = self.subject.profile;
        let contact = profile.map(|p| &p.contact);
        let flags = contact.map(|c| &c.flags);
        let flag = |name, text: Option<&'a Option<String>>| {
            let text = text.and_then(|t| t.as_deref())?;
            Some((text, self.aged(name, profile?.field_origin(name))?))
        };
        let field = |name: &str| {
            let text = contact?.fields.get(name)?;
            Some((text.as_str(), self.aged(name, profile?.field_origin(name))?))
        };
        let balance = || {
            let money = contact?.balance?;
            Some((money, self.aged(BALANCE, profile?.balance_origin())?))
        };
        let fields = self.style.fields.iter();
        Values {
            balance: balance(),
            flags: [
                flag("vip", flags.map(|f| &f.vip)),
                flag("overdue", flags.map(|f| &f.overdue)),
                flag("warning", flags.map(|f| &f.warning)),
            ],
            fields: fields.map(|name| (name.as_str(), field(name))).collect(),
        }
    }

    /// `None` if it is too old to be shown.
    fn aged(&self, name: &str, origin: &'a Origin) -> Option<Aged<'a>> {
        let limits = &self.style.ages;
        match limits.judge(name, origin.as_of, self.subject.now) {
            Freshness::Hidden => None,
            freshness => Some(Aged {
                origin,
                is_old: freshness == Freshness::Old,
            }),
        }
    }

    fn contact(&self, values: &Values<'_>) -> Value {
        let contact = self.subject.profile.map(|p| &p.contact);
        let [vip, overdue, warning] = values.flags;
        let flag = |flag: Option<(&str, Aged<'_>)>, word| {
            flag.map(|(text, aged)| self.marked(self.said(text, word), aged))
        };
        let field = |(text, aged): (&str, Aged<'_>)| self.marked(text, aged);
        let fields = values.fields.iter().map(|(name, v)| (*name, v.map(field)));
        context! {
            key => contact.and_then(|c| c.key.as_deref()),
            name => contact.and_then(|c| c.name.as_deref()),
            company => contact.and_then(|c| c.company.as_deref()),
            owner_id => self.subject.owner_id,
            balance => Value::from_object(ShownBalance(self.balance(values))),
            vip => flag(vip, Word::Vip),
            overdue => flag(overdue, Word::Overdue),
            warning => flag(warning, Word::Warning),
            flags => self.flags(values),
            fields => fields.collect::<BTreeMap<_, _>>(),
        }
    }

    fn since(&self, origin: &Origin) -> String {
        let Subject { now, zone, .. } = *self.subject;
        age_text(origin.as_of, now, zone, self.style.locale)
    }

    fn marked(&self, text: &str, aged: Aged<'_>) -> String {
        match aged.is_old && self.marks == Marks::Printed {
            true => format!("{text} ({})", self.style.words.get(Word::Old)),
            false => text.to_owned(),
        }
    }

    /// A flag's text; the word for it where the source says no more than yes.
    fn said<'b>(&'b self, text: &'b str, word: Word) -> &'b str {
        match text.trim() {
            "" => self.style.words.get(word),
            text => text,
        }
    }

    fn flags(&self, values: &Values<'_>) -> String {
        let set = FLAGS
            .iter()
            .zip(values.flags)
            .filter_map(|((_, word), flag)| {
                let (text, aged) = flag?;
                let name = self.style.words.get(*word);
                let said = match self.said(text, *word) {
                    text if text == name => name.to_owned(),
                    text => format!("{name}: {text}"),
                };
                Some(self.marked(&said, aged))
            });
        set.collect::<Vec<_>>().join(" · ")
    }

    fn balance(&self, values: &Values<'_>) -> Option<KnownBalance> {
        let (money, aged) = values.balance?;
        let words = &self.style.words;
        Some(KnownBalance {
            money,
            locale: self.style.locale,
            side: match money.side() {
                Some(Side::Debit) => words.get(Word::Debit).to_owned(),
                Some(Side::Credit) => words.get(Word::Credit).to_owned(),
                None => String::new(),
            },
            mark: self.marked("", aged),
            is_old: aged.is_old,
            as_of: self.since(aged.origin),
            source: aged.origin.source.clone(),
        })
    }
}

/// A balance inside a template: prints as the locale writes it, compares as the decimal it is. An unknown
/// one is false, and so is everything about it.
#[derive(Debug)]
struct ShownBalance(Option<KnownBalance>);

#[derive(Debug)]
struct KnownBalance {
    money: Money,
    locale: Locale,
    side: String,
    /// ` (old)`, or nothing.
    mark: String,
    is_old: bool,
    as_of: String,
    source: String,
}

impl KnownBalance {
    fn unsigned(&self) -> String {
        self.money.unsigned().format(self.locale)
    }

    /// With its side in words instead of a sign.
    fn worded(&self) -> String {
        let blank = if self.side.is_empty() { "" } else { " " };
        format!("{}{blank}{}{}", self.unsigned(), self.side, self.mark)
    }
}

impl Object for ShownBalance {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let said = |say: fn(&KnownBalance) -> String| Value::from(self.0.as_ref().map(say));
        Some(match key.as_str()? {
            "amount" => said(|b| b.money.amount.to_string()),
            "currency" => said(|b| b.money.currency.code().to_owned()),
            "unsigned" => said(|b| b.unsigned() + &b.mark),
            "side" => said(|b| b.side.clone()),
            "worded" => said(KnownBalance::worded),
            "as_of" => said(|b| b.as_of.clone()),
            "source" => said(|b| b.source.clone()),
            "is_old" => Value::from(self.0.as_ref().is_some_and(|b| b.is_old)),
            _ => return None,
        })
    }

    fn is_true(self: &Arc<Self>) -> bool {
        self.0.is_some()
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |balance| {
            write!(
                f,
                "{}{}",
                balance.money.format(balance.locale),
                balance.mark
            )
        })
    }
}

pub(super) fn is_above(balance: &Value, than: &Value) -> Result<bool, Error> {
    compare(balance, than, Decimal::gt)
}

pub(super) fn is_below(balance: &Value, than: &Value) -> Result<bool, Error> {
    compare(balance, than, Decimal::lt)
}

/// An unknown balance is neither above nor below anything.
fn compare(
    balance: &Value,
    than: &Value,
    holds: fn(&Decimal, &Decimal) -> bool,
) -> Result<bool, Error> {
    let needs = "above and below need a number";
    let than: Decimal = than
        .to_string()
        .parse()
        .map_err(|_| Error::new(ErrorKind::InvalidOperation, needs))?;
    let known = balance
        .downcast_object_ref::<ShownBalance>()
        .and_then(|shown| shown.0.as_ref());
    Ok(known.is_some_and(|known| holds(&known.money.amount, &than)))
}
