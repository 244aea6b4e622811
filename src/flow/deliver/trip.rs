//! The way of one card in the world: its account's client, its entry in the outbox, and the stop of the daemon.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;
use tracing::debug;

use super::Delivery;
use super::way::Way;
use crate::domain::deadline::Moment;
use crate::domain::fate::Why;
use crate::hipcall::{SendError, Turn};
use crate::store::outbox::Entry;

/// The way of one card, with its entry in the outbox.
pub(super) struct Trip<'a> {
    delivery: &'a Delivery,
    entry: &'a Entry,
    /// Requests under way.
    requests: watch::Sender<usize>,
}

/// A request that is under way until it is dropped.
struct UnderWay<'a>(&'a watch::Sender<usize>);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|n| *n -= 1);
    }
}

impl<'a> Trip<'a> {
    pub(super) fn new(delivery: &'a Delivery, entry: &'a Entry) -> Trip<'a> {
        Trip {
            delivery,
            entry,
            requests: watch::Sender::new(0),
        }
    }

    fn under_way(&self) -> UnderWay<'_> {
        self.requests.send_modify(|n| *n += 1);
        UnderWay(&self.requests)
    }

    /// Comes at a stop of the daemon, which lets a request that is under way end, and nothing begin.
    pub(super) async fn stopped(&self) {
        self.delivery.flow.tasks.stopping().await;
        let mut requests = self.requests.subscribe();
        // The sender lives as long as `self`.
        let ended = requests.wait_for(|n| *n == 0);
        let _ = timeout(crate::hipcall::REQUEST_TIME, ended).await;
    }
}

impl Way for Trip<'_> {
    type Turn = Turn;

    async fn turn(&self, pause: Option<Duration>) -> Turn {
        loop {
            // Before the account is read, so that no swap is missed.
            let renewed = self.delivery.flow.renewed.notified();
            let account = self.delivery.account();
            tokio::select! {
                turn = account.client.card_turn(self.delivery.rank, pause) => return turn,
                // Another token has turns of its own.
                () = renewed => {}
            }
        }
    }

    async fn has_card(&self) -> Option<Result<bool, SendError>> {
        let client = &self.delivery.account().client;
        let turn = client.aside_turn_now()?;
        let _under_way = self.under_way();
        Some(client.has_card(turn, &self.entry.call).await)
    }

    async fn post(&self, turn: Turn) -> Result<(), SendError> {
        let Some(card) = &self.entry.card else {
            return Ok(());
        };
        let (account, _under_way) = (self.delivery.account(), self.under_way());
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
