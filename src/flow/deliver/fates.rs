//! What became of a card, for the board and the log: nothing ends in silence.

use tracing::{debug, error, warn};

use super::Delivery;
use crate::domain::call::CallId;
use crate::status::AlarmId;
use crate::store::outbox::Outcome;

impl Delivery {
    pub(super) fn report(&self, call: &CallId, outcome: &Outcome) {
        let (board, account) = (&self.flow.board, &self.account.config.name);
        let subject = format!("account {account}");
        match outcome {
            Outcome::Settled => {
                let took = self.received.map(|r| r.elapsed());
                board.delivered(account, took);
                board.clear(AlarmId::CardParked, &subject);
                board.clear(AlarmId::NodeUnreachable, &self.account.node_subject());
                debug!(%account, %call, ?took, "delivered");
            }
            Outcome::Expired(why) | Outcome::ExpiredWithComment(why) => {
                board.expired(account, *why);
                let reason = why.reason();
                warn!(event_id = "card-expired", %account, %call, reason, "a card came too late");
            }
            Outcome::Parked(reason) => {
                board.account(account, |a| a.parked += 1);
                board.raise(
                    AlarmId::CardParked,
                    &subject,
                    reason,
                    "mend it, then: ringcard outbox retry --all",
                );
                error!(event_id = "card-parked", %account, %call, reason, "a card was refused");
            }
            Outcome::Dropped(why) => {
                board.dropped(account, *why);
                debug!(%account, %call, reason = why.reason(), "dropped");
            }
        }
    }
}
