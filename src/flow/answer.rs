//! A call came in: event -> number -> contact -> card -> outbox.
//!
//! Returns as soon as the card is delivered or would outlast a power cut, whichever is first: then the 200
//! may be given. The first send starts before the disk has answered.

use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use tokio::time::timeout;
use tracing::{debug, error, warn};

use super::deliver::Delivery;
use super::office::{Account, Flow};
use super::show::{card, journal};
use crate::domain::call::{Call, Direction, Event, Skip};
use crate::domain::deadline::Deadline;
use crate::domain::dialling::Reading;
use crate::domain::phone::NumberError;
use crate::store::outbox::Entry;
use crate::system::throttle::Throttle;
use crate::webhook::{ANSWER_WITHIN, NotTaken, Reception, Unreadable};

static UNREADABLE: Throttle = Throttle::new();
static FAILED: Throttle = Throttle::new();
static FULL: Throttle = Throttle::new();

impl Reception for Flow {
    async fn receive(
        &self,
        account: Arc<str>,
        event: Result<Event, Unreadable>,
        received: Instant,
    ) {
        match event {
            Ok(Event::Started(call)) => {
                self.board.event(&account, "call_init");
                let id = call.id.clone();
                if let Err(skip) = self.answer(&account, call, received).await {
                    self.skipped(&account, id.as_str(), skip);
                }
            }
            Ok(Event::Ended(call)) => {
                self.board.event(&account, "call_hangup");
                let now = self.clock.now();
                let known = self.outbox.call_ended(&account, &call, &now);
                // A disk that does not answer must not keep other events from being worked on.
                let _ = timeout(ANSWER_WITHIN, known).await;
            }
            Ok(Event::Other(name)) => self.board.event(&account, name.as_str()),
            Err(why) => {
                self.board.unreadable(why.as_str());
                if let Some(others) = UNREADABLE.pass() {
                    let event_id = "event-unreadable";
                    warn!(event_id, %account, others, "an event tells of no call: {why}");
                }
            }
        }
    }

    fn turned_away(&self) {
        self.board.webhook(|w| w.turned_away += 1);
    }

    fn not_taken(&self, why: &NotTaken) {
        let (throttle, event_id) = match why {
            NotTaken::Failed(_) => (&FAILED, "accept-failed"),
            NotTaken::Full => (&FULL, "connections-full"),
        };
        if let Some(others) = throttle.pass() {
            warn!(event_id, others, "{why}");
        }
    }
}

impl Flow {
    async fn answer(&self, name: &Arc<str>, call: Call, received: Instant) -> Result<(), Skip> {
        let office = self.office.load_full();
        // An account that a reload took away while its event was read.
        let account = office.accounts.get(name).cloned().ok_or(Skip::NoAccount)?;
        let caller = customer(&call, &account)?;
        self.callers.remember(&caller);
        let search = self.look_up(&office, &caller).await;
        journal(name, &call, &caller, &search);
        let card = card(&office, &account, &call, &caller, search.outcome)?;
        let came = self.clock.now().earlier_by(received.elapsed());
        let deadline = Deadline::new(came, call.started_at, office.card.deadline);
        let entry = Entry::new(name, call.id.clone(), card, deadline);
        let (entry, halt) = self.outbox.accept(entry)?;
        let delivery = Delivery::new(self.clone(), account, Some(received));
        let mut delivered = Box::pin(delivery.run(entry.clone(), halt));
        // Asked for after the send has begun, so that the disk is not in its way.
        let durable = async {
            if self.outbox.persist(&entry).await.is_err() {
                // The disk refused, and said so itself: delivered is what is left to wait for.
                std::future::pending::<()>().await;
            }
        };
        // For no longer than the 200 may wait: whatever takes longer goes on by itself.
        let mut durable = pin!(timeout(ANSWER_WITHIN, durable));
        tokio::select! {
            biased;
            () = &mut delivered => {
                // A stop ends a delivery as well, and then its card has to be on disk.
                if self.tasks.is_stopping() {
                    let _ = durable.await;
                }
                return Ok(());
            }
            _ = &mut durable => {}
        }
        self.tasks.spawn(delivered);
        Ok(())
    }

    fn skipped(&self, account: &str, call: &str, skip: Skip) {
        self.board.skipped(account, skip);
        debug!(account, call, reason = skip.reason(), "no card");
        if skip == Skip::Overload {
            static OVERLOAD: Throttle = Throttle::new();
            if let Some(others) = OVERLOAD.pass() {
                let event_id = "card-refused";
                error!(
                    event_id,
                    account, call, others, "a call gets no card: too many are waiting"
                );
            }
        }
    }
}

/// The other side's number. Internal and withheld calls have none.
pub fn customer(call: &Call, account: &Account) -> Result<Reading, Skip> {
    if call.direction == Direction::Internal {
        return Err(Skip::Internal);
    }
    let read = account.config.dialling.read(&call.customer.0);
    read.map_err(|e| match e {
        NumberError::Empty | NumberError::Withheld => Skip::Withheld,
        _ => Skip::NotANumber,
    })
}
