//! The tries of one card, as a function of its way and the clock: nothing here touches the world, so that tests
//! play them on a paused one.
//!
//! A try that Hipcall may have taken without saying so is followed by a question, not by another card, as far
//! as the quota goes: the first card wins, so a second does no harm, and is only a request wasted.

use std::pin::pin;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::way::Way;
use crate::domain::deadline::backoff;
use crate::domain::fate::Why;
use crate::hipcall::{SendError, Verdict};
use crate::store::outbox::{Entry, Halt, Outcome};

/// How long Hipcall may not know a call that its own webhook told of, before we believe it.
const UNKNOWN_TIME: Duration = Duration::from_secs(5);
/// How long a request that is under way when the call ends may still come through.
const GRACE: Duration = Duration::from_secs(1);
/// Doublings of the pause while the line is down: only one card tries it, which costs no quota.
const SOON: u32 = 2;
/// How often the deadline is looked at: the box may have slept, which timers don't count.
const LOOK_EVERY: Duration = Duration::from_secs(1);

pub(in crate::flow) type Halts = watch::Receiver<Option<Halt>>;

/// Tries until something is decided.
pub(super) async fn tries<W: Way>(way: &W, entry: &Entry, mut halt: Halts) -> Outcome {
    let (mut last, mut pause, mut unknown_since) = (None, None, None);
    let mut uncertain = entry.uncertain;
    for attempt in 0.. {
        let turn = tokio::select! {
            biased;
            halt = halted(&mut halt) => return over(halt),
            () = expired(way, entry) => {
                return Outcome::Expired(way.hindrance().or(last).unwrap_or(Why::TooLate));
            }
            turn = way.turn(pause) => turn,
        };
        let error = match once(way, entry, turn, &mut uncertain, &mut halt).await {
            Tried::Over(outcome) => return outcome,
            // What stood in the way of the tries before says more than that the last one had no time.
            Tried::OutOfTime => return Outcome::Expired(last.unwrap_or(Why::NoAnswer)),
            Tried::Failed(error) => error,
        };
        way.failed(&error);
        (uncertain, last) = (uncertain || error.may_have_arrived(), Some(error.why()));
        pause = Some(match error.verdict() {
            Verdict::Park => return Outcome::Parked(format!("{error}; {}", error.advice())),
            Verdict::RetryBriefly => {
                let since = unknown_since.get_or_insert(way.now());
                if way.now().at_least_since(since) >= UNKNOWN_TIME {
                    return Outcome::Expired(Why::UnknownCall);
                }
                backoff(attempt, fastrand::f64())
            }
            Verdict::RetrySoon => backoff(attempt.min(SOON), fastrand::f64()),
            Verdict::Retry | Verdict::Pause => backoff(attempt, fastrand::f64()),
            Verdict::RetryAfter(wait) => wait,
        });
    }
    Outcome::Expired(last.unwrap_or(Why::TooLate))
}

enum Tried {
    Over(Outcome),
    OutOfTime,
    Failed(SendError),
}

/// One try, unless the call or its time ends first. What was under way then may have come through.
async fn once<W: Way>(
    way: &W,
    entry: &Entry,
    turn: W::Turn,
    uncertain: &mut bool,
    halt: &mut Halts,
) -> Tried {
    let mut sending = pin!(send(way, turn, uncertain));
    let tried = tokio::select! {
        biased;
        sent = &mut sending => return match sent {
            Ok(()) => Tried::Over(Outcome::Settled),
            Err(error) => Tried::Failed(error),
        },
        halt = halted(halt) => match halt {
            Halt::CallEnded => match timeout(GRACE, sending).await {
                Ok(Ok(())) => return Tried::Over(Outcome::Settled),
                Ok(Err(error)) => {
                    way.failed(&error);
                    return Tried::Over(Outcome::Expired(Why::CallEnded));
                }
                Err(_) => Tried::Over(over(halt)),
            },
            Halt::DroppedByHand => Tried::Over(over(halt)),
        },
        () = expired(way, entry) => Tried::OutOfTime,
    };
    way.cut();
    tried
}

/// Sends the card, after asking whether Hipcall has it where that is not certain.
async fn send<W: Way>(way: &W, turn: W::Turn, uncertain: &mut bool) -> Result<(), SendError> {
    if *uncertain && let Some(answer) = way.has_card().await {
        match answer {
            Ok(true) => return Ok(()),
            Ok(false) => *uncertain = false,
            // What it says of a call without a card is nowhere written: it was only a question.
            Err(e) if e.is_an_answer() && e.verdict() != Verdict::Pause => {}
            Err(e) => return Err(e),
        }
    }
    way.post(turn).await
}

/// Comes when the card is not worth sending any more.
async fn expired<W: Way>(way: &W, entry: &Entry) {
    while let Some(left) = entry.deadline.left(&way.now()) {
        sleep(left.min(LOOK_EVERY)).await;
    }
}

async fn halted(halt: &mut Halts) -> Halt {
    match halt.wait_for(Option::is_some).await.map(|h| *h) {
        Ok(Some(halt)) => halt,
        // The outbox let go of it without a word: there is nothing to wait for here.
        Ok(None) | Err(_) => std::future::pending().await,
    }
}

fn over(halt: Halt) -> Outcome {
    match halt {
        Halt::CallEnded => Outcome::Expired(Why::CallEnded),
        Halt::DroppedByHand => Outcome::Dropped(Why::ByHand),
    }
}

#[cfg(test)]
mod tests;
