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

/// The pause after a failure: nobody waits.
const PAUSE: Duration = Duration::from_secs(5);
/// How often it is looked whether something is due.
const LOOK_EVERY: Duration = Duration::from_secs(60);

impl Flow {
    /// Writes an account's comments as they become due, newest first.
    pub async fn comments(&self, account: &Account) {
        loop {
            let due = self.outbox.comment_due();
            let Some(entry) = self.outbox.next_comment(&account.config.name) else {
                // A disk that could not be read at the start may bring some later, without a word.
                let _ = timeout(LOOK_EVERY, due).await;
                continue;
            };
            account.client.refused(false).await;
            account.client.line_is_up().await;
            if let Err(error) = self.comment(account, &entry).await {
                debug!(call = %entry.call, error = %error, "a comment was not written");
                sleep(PAUSE).await;
            }
        }
    }

    async fn comment(&self, account: &Account, entry: &Entry) -> Result<(), SendError> {
        let (key, why) = (entry.key(), entry.why.unwrap_or(Why::TooLate));
        let wanted = self.office.load().card.after_call.max_age();
        let now = self.clock.now();
        let in_time = wanted.is_some_and(|age| entry.deadline.is_certainly_younger(age, &now));
        let Some(card) = entry.card.as_ref().filter(|_| in_time) else {
            self.outbox.finish(&key, &Outcome::Expired(why));
            return Ok(());
        };
        if entry.uncertain {
            let turn = account.client.aside_turn().await;
            if account.client.has_card(turn, &entry.call).await? {
                self.outbox.finish(&key, &Outcome::Settled);
                return Ok(());
            }
        }
        let turn = account.client.aside_turn().await;
        let content = comment(card, &self.office.load().card.words);
        self.outbox.finish(&key, &Outcome::Expired(why));
        // A disk that refuses everything is not waited for: then a power cut can repeat the comment.
        let _ = self.outbox.persist_end(&key).await;
        let sent = account
            .client
            .post_comment(turn, &entry.call, &content)
            .await;
        match &sent {
            Ok(()) => self
                .board
                .account(&account.config.name, |a| a.comments += 1),
            Err(e) if e.may_have_arrived() || e.verdict() == Verdict::Park => {}
            Err(_) => self.outbox.comment_again(entry),
        }
        sent
    }
}
