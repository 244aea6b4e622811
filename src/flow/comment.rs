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
use crate::hipcall::{SendError, Verdict};
use crate::store::outbox::{Entry, Outcome};

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
            let Some(entry) = self.outbox.next_comment(&account.config.name) else {
                // A disk that could not be read at the start may bring some later, without a word.
                let _ = timeout(LOOK_EVERY, due).await;
                continue;
            };
            account.client.refused(false).await;
            account.client.line_is_up().await;
            match self.comment(account, &entry).await {
                Ok(()) => failures = 0,
                Err(error) => {
                    debug!(call = %entry.call, error = %error, "a comment was not written");
                    sleep(
                        PAUSE
                            .saturating_mul(1 << failures.min(10))
                            .min(LONGEST_PAUSE),
                    )
                    .await;
                    failures += 1;
                }
            }
        }
    }

    async fn comment(&self, account: &Account, entry: &Entry) -> Result<(), SendError> {
        let (key, why) = (entry.key(), entry.why.unwrap_or(Why::TooLate));
        let max_age = self.office.load().card.after_call.max_age();
        let now = self.clock.now();
        let in_time = max_age.is_some_and(|age| entry.deadline.is_certainly_younger(age, &now));
        let Some(card) = entry.card.as_ref().filter(|_| in_time) else {
            self.outbox.finish(&key, &Outcome::Expired(why));
            return Ok(());
        };
        if entry.uncertain {
            let turn = account.client.aside_turn().await;
            match account.client.has_card(turn, &entry.call).await {
                Ok(false) => {}
                Ok(true) => {
                    self.outbox.finish(&key, &Outcome::Settled);
                    return Ok(());
                }
                Err(e) => {
                    if !is_worth_another_try(&e) {
                        self.outbox.finish(&key, &Outcome::Expired(why));
                    }
                    return Err(e);
                }
            }
        }
        let turn = account.client.aside_turn().await;
        let content = comment(card, &self.office.load().card.words);
        self.outbox.finish(&key, &Outcome::Expired(why));
        let _ = timeout(DISK_TIME, self.outbox.persist_end(&key)).await;
        let sent = account
            .client
            .post_comment(turn, &entry.call, &content)
            .await;
        match &sent {
            Ok(()) => self
                .board
                .account(&account.config.name, |a| a.comments += 1),
            Err(e) if !e.may_have_arrived() && is_worth_another_try(e) => {
                self.outbox.comment_again(entry);
            }
            Err(_) => {}
        }
        sent
    }
}

fn is_worth_another_try(error: &SendError) -> bool {
    match error.verdict() {
        Verdict::Retry | Verdict::RetrySoon | Verdict::RetryAfter(_) | Verdict::Pause => true,
        // A call that is over is known by now, or never.
        Verdict::RetryBriefly | Verdict::Park => false,
    }
}
