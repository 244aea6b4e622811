//! contact -> card: what the agent sees, and the line in the journal that says why.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tracing::debug;

use super::lookup::{Finding, Search};
use super::office::{Account, Office};
use crate::domain::call::{Call, Skip};
use crate::domain::card::Card;
use crate::domain::dialling::Reading;
use crate::domain::template::Subject;

/// The one line that a call leaves in the journal: whom its number was taken for, and why.
pub(super) fn journal(account: &str, call: &Call, caller: &Reading, search: &Search) {
    let finding = search.outcome.as_ref().ok();
    let profile = finding.map(|f| &f.profile);
    debug!(
        account,
        call = %call.id,
        number = %caller,
        tried = search.steps(),
        rung = finding.map(|f| f.rung.as_str()),
        shared = profile.map(|p| p.shared.as_str()),
        source = profile.map(|p| p.origin.source.as_str()),
        record = profile.and_then(|p| p.contact.key.as_deref()),
        as_of = profile.map(|p| p.origin.as_of.to_string()),
        balance_as_of = profile.map(|p| p.balance_origin().as_of.to_string()),
        "the number was looked up"
    );
}

/// The card for what was found; for an unknown caller the fallback, if one is configured.
pub fn card(
    office: &Office,
    account: &Account,
    call: &Call,
    caller: &Reading,
    found: Result<Finding, Skip>,
) -> Result<Card, Skip> {
    let deck = &office.card.deck;
    let finding = match found {
        Ok(finding) => Some(finding),
        Err(Skip::UnknownCaller) if deck.unknown.is_some() => None,
        Err(skip) => return Err(skip),
    };
    let contact = finding.as_ref().map(|f| &f.profile.contact);
    let subject = Subject {
        call,
        number: &caller.written(),
        account: &account.config.name,
        region: account.config.region,
        profile: finding.as_ref().map(|f| &f.profile),
        owner_id: contact.and_then(|c| account.owner_id(c)),
        now: Timestamp::now(),
        zone: &TimeZone::system(),
    };
    deck.render(&subject).ok_or(Skip::EmptyCard)
}
