//! A card came too late: its call's record tells it, for whoever calls back. Entry -> comment -> settle.
//!
//! A comment can be neither changed nor taken back, so each is written once at most: its entry is finished on
//! disk before it is sent, and put back only if it has certainly not arrived. No call waits for any of this.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use tracing::debug;

use super::office::{Account, Flow};
use crate::domain::comment::comment;
use crate::domain::fate::Why;
use crate::hipcall::{SendError, Turn, Verdict};
use crate::store::outbox::{Entry, Key, Outcome};

/// The first pause after a failure, which doubles: nobody waits.
const PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// How often it is looked whether something is due.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// How long the disk is waited for before a comment is sent; longer, and a power cut could repeat it.
const DISK_TIME: Duration = Duration::from_secs(2);

impl Flow {
    /// Writes an account's comments as they become due, newest first.
    pub async fn comments(&self, account: &Account) {
        let mut failures = 0;
        loop {
            let due = self.outbox.comment_due();
            if self.outbox.next_comment(&account.config.name).is_none() {
                // A disk that could not be read at the start may bring some later, without a word.
                let _ = timeout(LOOK_EVERY, due).await;
                continue;
            }
            account.client.refused(false).await;
            account.client.line_is_up().await;
            let turn = account.client.aside_turn().await;
            // Chosen only now: what was due may have been dropped meanwhile, and what came since is newer.
            let Some(entry) = self.outbox.next_comment(&account.config.name) else {
                continue;
            };
            let pause = match self.comment(account, turn, &entry).await {
                Ok(Step::Done) => Duration::ZERO,
                Ok(Step::TooEarly) => LOOK_EVERY.min(PAUSE * 2),
                Err(error) => {
                    debug!(call = %entry.call, error = %error, "a comment was not written");
                    failures += 1;
                    PAUSE
                        .saturating_mul(1 << failures.min(10))
                        .min(LONGEST_PAUSE)
                }
            };
            if pause.is_zero() {
                failures = 0;
            }
            sleep(pause).await;
        }
    }

    /// One request at most.
    async fn comment(
        &self,
        account: &Account,
        turn: Turn,
        entry: &Entry,
    ) -> Result<Step, SendError> {
        let (key, why) = (entry.key(), entry.why.unwrap_or(Why::TooLate));
        let card = match (self.age(entry), &entry.card) {
            (Age::Fit, Some(card)) => card,
            (Age::Unknown, Some(_)) => return Ok(Step::TooEarly),
            _ => {
                self.outbox.end_comment(&key, &Outcome::Expired(why));
                return Ok(Step::Done);
            }
        };
        if entry.uncertain {
            match account.client.has_card(turn, &entry.call).await {
                Ok(true) => self.outbox.end_comment(&key, &Outcome::Settled),
                Ok(false) => self.outbox.mark_certain(&key),
                Err(e) => return Err(self.failed(entry, &key, why, e)),
            };
            return Ok(Step::Done);
        }
        let content = comment(card, &self.office.load().card.words);
        if !self.outbox.end_comment(&key, &Outcome::Expired(why)) {
            return Ok(Step::Done);
        }
        let _ = timeout(DISK_TIME, self.outbox.persist_end(&key)).await;
        match account
            .client
            .post_comment(turn, &entry.call, &content)
            .await
        {
            Ok(()) => self
                .board
                .account(&account.config.name, |a| a.comments += 1),
            Err(e) if !e.may_have_arrived() && is_worth_another_try(&e) => {
                self.outbox.comment_again(entry);
                return Err(e);
            }
            Err(e) => return Err(e),
        }
        Ok(Step::Done)
    }

    /// A question that failed: asked again later, after the others had their turn, or not at all.
    fn failed(&self, entry: &Entry, key: &Key, why: Why, error: SendError) -> SendError {
        if self.outbox.end_comment(key, &Outcome::Expired(why)) && is_worth_another_try(&error) {
            self.outbox.comment_again(entry);
        }
        error
    }

    /// Whether the call is young enough. After a power cut that can't be told until the clock is believed.
    fn age(&self, entry: &Entry) -> Age {
        let (now, accepted) = (self.clock.now(), entry.deadline.accepted());
        match self.office.load().card.after_call.max_age() {
            None => Age::TooOld,
            Some(most) if now.at_least_since(accepted) >= most => Age::TooOld,
            Some(most) => match now.at_most_since(accepted) {
                None => Age::Unknown,
                Some(passed) if passed < most => Age::Fit,
                Some(_) => Age::TooOld,
            },
        }
    }
}

enum Step {
    Done,
    /// Nothing can be told yet.
    TooEarly,
}

enum Age {
    Fit,
    Unknown,
    TooOld,
}

fn is_worth_another_try(error: &SendError) -> bool {
    match error.verdict() {
        Verdict::Pause => error.is_about_the_token(),
        Verdict::Retry | Verdict::RetrySoon | Verdict::RetryAfter(_) => true,
        // A call that is over is known by now, or never.
        Verdict::RetryBriefly | Verdict::Park => false,
    }
}
