//! A made-up call goes the way of a real one: event -> number -> contact -> card -> outbox, and out again.
//!
//! It is how the daemon knows that it is useful, and not only running. The number is one that a copy really
//! has, a different one each time. The call is marked by its id: it is never sent, stored or counted, and leaves
//! no line in the journal. What the stages say is no matter, for a copy that can't be read has its own alarm, and
//! starting anew would mend nothing. That each comes to an end is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::task::JoinHandle;

use super::answer::customer;
use super::lookup::Search;
use super::office::{Account, Flow, Office};
use crate::domain::call::{Call, CallId, Event};
use crate::domain::card::Card;
use crate::domain::contact::{Contact, Origin, Profile};
use crate::domain::deadline::Deadline;
use crate::domain::deck::Deck;
use crate::domain::dialling::Reading;
use crate::domain::template::Subject;
use crate::store::outbox::{Entry, Outbox};
use crate::webhook::{Unreadable, rehearse};

/// The mark: no call of Hipcall's is named so.
pub const CALL: &str = "ringcard-drill";
/// For an office whose copies hold nobody. It is only looked up, and not called.
const NOBODY: &str = "+905005550000";
const STAGES: [&str; 4] = ["event", "lookup", "card", "outbox"];

/// What each stage is; the daemon's own, but for tests that break one.
#[derive(Clone, Copy)]
pub struct Stages {
    pub event: fn(&CallId, &str) -> Result<Event, Unreadable>,
    pub lookup: fn(&Flow, &Office, &Reading) -> Search,
    pub card: fn(&Deck, &Subject<'_>) -> Option<Card>,
    pub outbox: fn(&Outbox, Entry) -> bool,
}

impl Default for Stages {
    fn default() -> Stages {
        Stages {
            event: rehearse,
            lookup: Flow::find,
            card: Deck::render,
            outbox: Outbox::rehearse,
        }
    }
}

#[derive(Default)]
pub struct Drill {
    stages: Stages,
    /// The stage that was reached.
    at: Arc<AtomicUsize>,
    /// One that has not come to its end: another beside it would hang as well, and take a thread each time.
    hangs: Option<JoinHandle<bool>>,
}

impl Drill {
    pub fn new(stages: Stages) -> Drill {
        Drill {
            stages,
            ..Drill::default()
        }
    }

    /// Fails with the name of the stage that did not come to its end within that time.
    pub async fn run(&mut self, flow: &Flow, within: Duration) -> Result<(), &'static str> {
        let mut drill = match self.hangs.take() {
            Some(drill) => drill,
            None => {
                let (flow, stages, at) = (flow.clone(), self.stages, self.at.clone());
                // As a task like a real event's: whether tasks get their turn is part of the question.
                flow.tasks
                    .clone()
                    .spawn(async move { rehearsed(&flow, stages, &at).is_some() })
            }
        };
        let came = tokio::time::timeout(within, &mut drill).await;
        if came.is_err() {
            self.hangs = Some(drill);
        }
        match came {
            Ok(Ok(true)) => Ok(()),
            // It hangs, panicked, or gave something else back than was put in.
            _ => Err(STAGES[self.at.load(Ordering::Relaxed)]),
        }
    }
}

fn rehearsed(flow: &Flow, stages: Stages, at: &AtomicUsize) -> Option<()> {
    let office = flow.office.load_full();
    let (id, account) = (CallId::parse(CALL)?, office.accounts.values().next()?);
    at.store(0, Ordering::Relaxed);
    let (call, caller) = sample(&office)
        .into_iter()
        .chain([NOBODY.to_owned()])
        .find_map(|number| started(stages, &id, account, &number))?;
    at.store(1, Ordering::Relaxed);
    let search = (stages.lookup)(flow, &office, &caller);
    at.store(2, Ordering::Relaxed);
    let profile = search.outcome.map_or_else(|_| somebody(), |f| f.profile);
    let subject = Subject {
        call: &call,
        number: &caller.written(),
        account: &account.config.name,
        region: account.config.region,
        profile: Some(&profile),
        // Not looked up: one that is not known would bring a reading of Hipcall's users.
        owner_id: None,
        now: Timestamp::now(),
        zone: &TimeZone::system(),
    };
    let card = (stages.card)(&office.card.deck, &subject);
    let card = card.unwrap_or(Card { rows: Vec::new() });
    at.store(3, Ordering::Relaxed);
    let deadline = Deadline::new(flow.clock.now(), None, office.card.deadline);
    let entry = Entry::new(&account.config.name, id, card, deadline);
    (stages.outbox)(&flow.outbox, entry).then_some(())
}

/// A number of somebody in the copy that is asked first. If it can't be read, the lookup will tell.
fn sample(office: &Office) -> Option<String> {
    let mut feeds = office.feeds.iter().filter(|feed| feed.join.is_none());
    let replica = feeds.find_map(|feed| feed.shelf.current())?;
    Some(replica.sample(fastrand::u32(..)).ok()??.e164())
}

fn started(s: Stages, id: &CallId, account: &Account, number: &str) -> Option<(Call, Reading)> {
    let Ok(Event::Started(call)) = (s.event)(id, number) else {
        return None;
    };
    let caller = customer(&call, account).ok()?;
    (call.id == *id).then_some((call, caller))
}

fn somebody() -> Profile {
    let contact = Contact {
        name: Some("Ayşe Yılmaz".to_owned()),
        ..Contact::default()
    };
    let (source, as_of) = ("drill".to_owned(), Timestamp::UNIX_EPOCH);
    Profile::new(contact, Origin { source, as_of })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::dialling::Dialling;
    use crate::domain::phone::Region;

    /// Else an office without contacts would be restarted once a minute.
    #[test]
    fn nobody_has_a_number_in_every_country() {
        for region in ["TR", "GB", "US", "DE", "NL", "RU", "AU"] {
            let dialling = Dialling::of(Region::parse(region).unwrap());
            assert!(dialling.read(NOBODY).is_ok(), "{region}");
        }
        assert!(CallId::parse(CALL).is_some());
    }
}
