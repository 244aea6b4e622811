//! Which of the office's cards a call gets: the first variant that is meant for it, else the common one.
//!
//! A variant's conditions must all hold. Once it is chosen it is the call's card, also when it turns out
//! empty: an operator who gives calls on one line a card of their own does not want the other one there.
//! Variants are for callers somebody knows; an unknown one has a single card, or none.

use super::call::Direction;
use super::card::Card;
use super::phone::{PhoneNumber, Region};
use super::template::{CardTemplate, Subject};

/// Cards that are compiled with one style.
pub struct Deck {
    pub card: CardTemplate,
    /// For callers nobody knows; none: they are skipped.
    pub unknown: Option<CardTemplate>,
    pub variants: Vec<Variant>,
}

pub struct Variant {
    pub name: String,
    pub rule: Rule,
    /// It holds the variant's `when`.
    pub card: CardTemplate,
}

/// Which calls a variant is meant for. What is empty or none is no condition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// The office's own numbers, each as an account of a region would read it.
    pub lines: Vec<(Region, PhoneNumber)>,
    pub direction: Option<Direction>,
    pub sources: Vec<String>,
    pub accounts: Vec<String>,
}

impl Deck {
    pub fn render(&self, subject: &Subject<'_>) -> Option<Card> {
        let Some(profile) = subject.profile else {
            let unknown = self.unknown.as_ref()?;
            return unknown.render(&unknown.prepare(subject));
        };
        // Once for all, since the cards of a deck have one style.
        let prepared = self.card.prepare(subject);
        let source = &profile.origin.source;
        let fits = |v: &&Variant| v.rule.holds(subject, source) && v.card.is_for(&prepared);
        let variant = self.variants.iter().find(fits);
        variant.map_or(&self.card, |v| &v.card).render(&prepared)
    }
}

impl Rule {
    fn holds(&self, subject: &Subject<'_>, source: &str) -> bool {
        let named = |list: &[String], name| list.is_empty() || list.iter().any(|n| n == name);
        named(&self.accounts, subject.account)
            && named(&self.sources, source)
            && self.direction.is_none_or(|d| d == subject.call.direction)
            && (self.lines.is_empty() || self.has_line(subject))
    }

    fn has_line(&self, subject: &Subject<'_>) -> bool {
        let region = subject.region;
        let called = PhoneNumber::parse(&subject.call.line.0, region);
        called.is_ok_and(|called| self.lines.contains(&(region, called)))
    }
}
