//! What became of a card, for the board and the log: nothing ends in silence.

use std::sync::atomic::Ordering;

use tracing::{debug, error, warn};

use super::Delivery;
use crate::domain::call::CallId;
use crate::domain::fate::Why;
use crate::status::AlarmId;
use crate::store::outbox::Outcome;
use crate::system::throttle::Throttle;

/// So many calls in a row that Hipcall does not know are no accident: a person has to look.
const UNKNOWN_CALLS: u32 = 3;

impl Delivery {
    pub(super) fn report(&self, call: &CallId, outcome: &Outcome) {
        let (board, account) = (&self.flow.board, &self.account.config.name);
        match outcome {
            Outcome::Settled => self.settled(call),
            Outcome::Expired(why) | Outcome::ExpiredWithComment(why) => self.expired(call, *why),
            Outcome::Parked(reason) => {
                board.account(account, |a| a.parked += 1);
                let advice = "mend it; a card whose call is over is worth nothing (ringcard outbox drop --all), one that lives can \
                     be sent again (ringcard outbox retry --all)";
                board.raise(AlarmId::CardParked, &self.subject(), reason, advice);
                error!(event_id = "card-parked", %account, %call, reason, "a card was refused");
            }
            Outcome::Dropped(why) => {
                board.dropped(account, *why);
                debug!(%account, %call, reason = why.reason(), "dropped");
            }
        }
    }

    fn settled(&self, call: &CallId) {
        let (board, account) = (&self.flow.board, &self.account.config.name);
        let took = self.received.map(|r| r.elapsed());
        board.delivered(account, took);
        self.account.unknown_calls.store(0, Ordering::Relaxed);
        board.clear(AlarmId::CardParked, &self.subject());
        board.clear(AlarmId::CallUnknown, &self.subject());
        board.clear(AlarmId::NodeUnreachable, &self.account.node_subject());
        debug!(%account, %call, ?took, "delivered");
    }

    /// One line a minute: an outage of hours must not fill the journal.
    fn expired(&self, call: &CallId, why: Why) {
        static EXPIRED: Throttle = Throttle::new();
        let (board, account) = (&self.flow.board, &self.account.config.name);
        board.expired(account, why);
        let reason = why.reason();
        match EXPIRED.pass() {
            Some(others) => {
                let event_id = "card-expired";
                warn!(event_id, %account, %call, reason, others, "a card came too late");
            }
            None => debug!(%account, %call, reason, "a card came too late"),
        }
        if why == Why::UnknownCall {
            self.unknown();
        }
    }

    fn unknown(&self) {
        let unknown = &self.account.unknown_calls;
        if unknown.fetch_add(1, Ordering::Relaxed) + 1 < UNKNOWN_CALLS {
            return;
        }
        let (account, subject) = (&self.account.config.name, self.subject());
        let what = "Hipcall does not know the calls that its webhook tells of";
        let advice = "the token is of another Hipcall account than the webhook: put the right one into its file";
        if self
            .flow
            .board
            .raise(AlarmId::CallUnknown, &subject, what, advice)
        {
            error!(event_id = "call-unknown", %account, "{what}");
        }
    }

    fn subject(&self) -> String {
        format!("account {}", self.account.config.name)
    }
}
