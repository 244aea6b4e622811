//! A card goes out: outbox -> Hipcall -> settle | retry | expire | park.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::debug;

use super::office::{Account, Flow};
use crate::domain::deadline::Moment;
use crate::domain::fate::Why;
use crate::hipcall::{SendError, Turn, Verdict};
use crate::store::outbox::{Entry, Halt, Outcome};
use tries::{Halts, Way, tries};

/// Cards are ranked in the order in which they come, and the highest goes first.
static RANKS: AtomicU64 = AtomicU64::new(1);

/// One card's way to Hipcall.
pub struct Delivery {
    flow: Flow,
    account: Arc<Account>,
    /// When its event arrived; unknown for a card of an earlier run.
    received: Option<Instant>,
    rank: u64,
}

impl Delivery {
    pub fn new(flow: Flow, account: Arc<Account>, received: Option<Instant>) -> Delivery {
        let rank = RANKS.fetch_add(1, Ordering::Relaxed);
        Delivery {
            flow,
            account,
            received,
            rank,
        }
    }

    /// Sends until the card is settled, expired or parked. A stop of the daemon leaves it waiting on disk.
    pub async fn run(self, entry: Entry, halt: Halts) {
        let way = Trip {
            delivery: &self,
            entry: &entry,
        };
        let outcome = tokio::select! {
            outcome = tries(&way, &entry, halt) => self.with_a_trace(outcome),
            () = leave(&self.flow) => return,
        };
        self.flow.outbox.finish(&entry.key(), &outcome);
        self.report(&entry.call, &outcome);
    }

    /// The account as it is configured now: with the token of the day, not the one that the card was
    /// accepted under.
    fn account(&self) -> Arc<Account> {
        let account = self.flow.account(&self.account.config.name);
        account.unwrap_or_else(|| self.account.clone())
    }

    /// What came too late leaves a comment in its call's record where the operator wants one.
    fn with_a_trace(&self, outcome: Outcome) -> Outcome {
        match outcome {
            Outcome::Expired(why) if why.leaves_a_trace() => {
                match self.flow.office.load().card.after_call.comments() {
                    true => Outcome::ExpiredWithComment(why),
                    false => outcome,
                }
            }
            _ => outcome,
        }
    }
}

/// The way of one card, with its entry in the outbox.
struct Trip<'a> {
    delivery: &'a Delivery,
    entry: &'a Entry,
}

impl Way for Trip<'_> {
    type Turn = Turn;

    async fn turn(&self, pause: Option<Duration>) -> Turn {
        loop {
            let account = self.delivery.account();
            tokio::select! {
                turn = account.client.card_turn(self.delivery.rank, pause) => return turn,
                // Another token has turns of its own.
                () = self.delivery.flow.renewed.notified() => {}
            }
        }
    }

    async fn has_card(&self) -> Option<Result<bool, SendError>> {
        let client = &self.delivery.account().client;
        let turn = client.aside_turn_now()?;
        Some(client.has_card(turn, &self.entry.call).await)
    }

    async fn post(&self, turn: Turn) -> Result<(), SendError> {
        let Some(card) = &self.entry.card else {
            return Ok(());
        };
        let account = self.delivery.account();
        account.client.post_card(turn, &self.entry.call, card).await
    }

    fn hindrance(&self) -> Option<Why> {
        self.delivery.account().client.hindrance()
    }

    fn now(&self) -> Moment {
        self.delivery.flow.clock.now()
    }

    fn failed(&self, error: &SendError) {
        let (key, reason) = (self.entry.key(), error.to_string());
        let arrived = error.may_have_arrived();
        self.delivery.flow.outbox.attempted(&key, &reason, arrived);
        debug!(call = %self.entry.call, error = %error, "a try failed");
    }

    fn cut(&self) {
        let reason = "a try was under way when its time was over";
        let outbox = &self.delivery.flow.outbox;
        outbox.attempted(&self.entry.key(), reason, true);
    }
}

/// A stop lets a try that is under way end within the time that the daemon gives it.
async fn leave(flow: &Flow) {
    flow.tasks.stopping().await;
    sleep(crate::hipcall::REQUEST_TIME).await;
}

mod fates;
mod tries;
