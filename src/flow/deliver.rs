//! A card goes out: outbox -> Hipcall -> settle | retry | expire | park.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::office::{Account, Flow};
use crate::store::outbox::{Entry, Outcome};
use tries::{Halts, tries};
use trip::Trip;

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
        let way = Trip::new(&self, &entry);
        let outcome = tokio::select! {
            biased;
            outcome = tries(&way, &entry, halt) => self.with_a_trace(outcome),
            () = way.stopped() => return,
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

mod fates;
mod tries;
mod trip;
mod way;
