//! A card goes out: outbox -> Hipcall -> settle | retry | expire | park.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tracing::debug;

use super::office::{Account, Flow};
use crate::domain::deadline::Moment;
use crate::domain::fate::Why;
use crate::hipcall::{SendError, Verdict};
use crate::store::outbox::{Entry, Halt, Outcome};

/// The first pause between tries: a phone rings for 5 to 15 s, and a broken connection is replaced in one.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// One card's way to Hipcall.
pub struct Delivery {
    flow: Flow,
    account: Arc<Account>,
    /// When its event arrived; unknown for a card of an earlier run.
    received: Option<Instant>,
}

impl Delivery {
    pub fn new(flow: Flow, account: Arc<Account>, received: Option<Instant>) -> Delivery {
        Delivery {
            flow,
            account,
            received,
        }
    }

    /// Sends until the card is settled, expired or parked. A stop of the daemon leaves it waiting on disk.
    pub async fn run(self, entry: Entry, halt: watch::Receiver<Option<Halt>>) {
        let (key, flow) = (entry.key(), &self.flow);
        let Some(card) = &entry.card else { return };
        let send = || async {
            // With the token of the day, not the one that the card was accepted under.
            let account = self.flow.account(&self.account.config.name);
            let account = account.unwrap_or_else(|| self.account.clone());
            account.client.post_card(&entry.call, card).await
        };
        let failed = |e: &SendError| {
            flow.outbox.attempted(&key, &e.to_string());
            debug!(call = %entry.call, error = %e, "a try failed");
        };
        let tries = tries(send, &entry, halt, || flow.clock.now(), failed);
        let outcome = tokio::select! {
            outcome = tries => outcome,
            () = leave(flow) => return,
        };
        flow.outbox.finish(&key, &outcome);
        self.report(&entry.call, &outcome);
    }
}

/// A stop lets a try that is under way end within the time that the daemon gives it.
async fn leave(flow: &Flow) {
    flow.tasks.stopping().await;
    tokio::time::sleep(crate::hipcall::REQUEST_TIME).await;
}

/// Tries until something is decided; what `send` does is all that touches the world.
async fn tries<F: Future<Output = Result<(), SendError>>>(
    send: impl Fn() -> F,
    entry: &Entry,
    mut halt: watch::Receiver<Option<Halt>>,
    now: impl Fn() -> Moment,
    failed: impl Fn(&SendError),
) -> Outcome {
    let mut last = Why::TooLate;
    for attempt in 0.. {
        let Some(left) = entry.deadline.left(&now()) else {
            return Outcome::Expired(last);
        };
        let result = tokio::select! {
            result = send() => result,
            halt = halted(&mut halt) => return halt,
            () = tokio::time::sleep(left) => return Outcome::Expired(last),
        };
        let error = match result {
            Ok(()) => return Outcome::Settled,
            Err(error) => error,
        };
        let pause = match error.verdict() {
            Verdict::Park => return Outcome::Parked(format!("{error}; {}", error.advice())),
            Verdict::Retry => pause(attempt, fastrand::f64()),
            Verdict::RetryAfter(wait) => wait,
        };
        failed(&error);
        last = error.why();
        let left = entry.deadline.left(&now()).unwrap_or_default();
        tokio::select! {
            () = tokio::time::sleep(pause.min(left)) => {}
            halt = halted(&mut halt) => return halt,
        }
    }
    Outcome::Expired(last)
}

async fn halted(halt: &mut watch::Receiver<Option<Halt>>) -> Outcome {
    match halt.wait_for(Option::is_some).await.map(|h| *h) {
        Ok(Some(Halt::CallEnded)) => Outcome::Expired(Why::CallEnded),
        Ok(Some(Halt::DroppedByHand)) => Outcome::Dropped(Why::ByHand),
        // The outbox let go of it without a word: there is nothing to wait for here.
        Ok(None) | Err(_) => std::future::pending().await,
    }
}

/// Doubles with each try, and spreads by half either way, so that fifty branches don't return as one.
fn pause(attempt: u32, dice: f64) -> Duration {
    let doubled = FIRST_PAUSE
        .saturating_mul(1 << attempt.min(10))
        .min(LONGEST_PAUSE);
    doubled.mul_f64(0.5 + dice)
}

mod fates;

#[cfg(test)]
mod tests;
