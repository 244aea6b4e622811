//! One task for each account: reads the users of its Hipcall, so that cards can show who looks after a
//! contact. Only where a source names owners.
//!
//! A reading is worth a day. An owner whom it did not know may be a colleague of today, so a call of theirs
//! brings the next one forward; one who has no Hipcall account at all must not bring one for each call.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tracing::{debug, warn};

use super::crew::Crews;
use crate::domain::schedule::spread;
use crate::flow::office::{Account, Flow};
use crate::flow::owners::Owners;
use crate::hipcall::{UsersError, Verdict};
use crate::status::AlarmId;
use crate::system::chain;

/// How long a reading is good.
const RENEW_EVERY: Duration = Duration::from_secs(24 * 3600);
/// How soon an unknown owner may bring the next one.
const ASK_AGAIN: Duration = Duration::from_secs(3600);
/// The first pause after a failure, which doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(60);
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// The pause after what only a person can mend, whose reload brings a reading by itself.
const REFUSED_PAUSE: Duration = Duration::from_secs(6 * 3600);

/// The accounts' tasks of the configuration in use.
#[derive(Default)]
pub(super) struct Keepers(Crews);

impl Keepers {
    /// Begins a task for each account of the office, and ends those of the office before it.
    pub(super) fn begin(&self, flow: &Flow) {
        let crew = self.0.relieve();
        for account in flow.office.load().accounts.values() {
            let Some(owners) = account.owners.clone() else {
                continue;
            };
            let keeper = Keeper {
                flow: flow.clone(),
                account: account.clone(),
                owners,
            };
            crew.begin(&flow.tasks, async move { keeper.keep().await });
        }
    }
}

struct Keeper {
    flow: Flow,
    account: Arc<Account>,
    owners: Arc<Owners>,
}

impl Keeper {
    async fn keep(&self) {
        let mut failures = 0;
        loop {
            match self.account.client.users().await {
                Ok(users) => {
                    self.owners.take(users);
                    self.renewed();
                    failures = 0;
                    due(&self.owners, fastrand::f64()).await;
                }
                Err(e) => {
                    self.failed(&e);
                    sleep(pause(e.verdict(), failures, fastrand::f64())).await;
                    failures += 1;
                }
            }
        }
    }

    fn renewed(&self) {
        let (name, users) = (&self.account.config.name, self.account.users_status());
        self.flow.board.account(name, |a| a.users = users);
        self.flow
            .board
            .clear(AlarmId::UsersNotRead, &self.subject());
        debug!(account = %name, known = users.map(|u| u.known), "Hipcall's users were read");
    }

    fn failed(&self, error: &UsersError) {
        let (account, reason) = (&self.account.config.name, chain::of(error));
        let what = "Hipcall's users can't be read, so cards may lack who looks after the contact";
        if self
            .flow
            .board
            .raise(AlarmId::UsersNotRead, &self.subject(), what, error.advice())
        {
            let event_id = "users-not-read";
            warn!(event_id, %account, reason, "Hipcall's users were not read");
        }
    }

    fn subject(&self) -> String {
        format!("users {}", self.account.config.name)
    }
}

/// Comes when a reading that was just done has to be renewed.
async fn due(owners: &Owners, dice: f64) {
    let missed = async {
        sleep(ASK_AGAIN).await;
        owners.missed().await;
    };
    tokio::select! {
        () = sleep(spread(RENEW_EVERY, dice)) => {}
        () = missed => {}
    }
}

/// How long to wait after a failure, with so many before it. Spread by half either way: a line or a limit that
/// fifty branches share fails them all in one second.
fn pause(verdict: Verdict, failures: u32, dice: f64) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << failures.min(10));
    let spread = 0.5 + dice;
    let grown = doubled.min(LONGEST_PAUSE).mul_f64(spread);
    match verdict {
        Verdict::Retry | Verdict::RetrySoon => grown,
        Verdict::RetryAfter(wait) => grown.max(wait),
        Verdict::Park | Verdict::Pause | Verdict::RetryBriefly => REFUSED_PAUSE.mul_f64(spread),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hipcall::User;
    use tokio::time::Instant;

    const ALI: &str = "ali@firma.example";

    fn known() -> Owners {
        let owners = Owners::default();
        let email = ALI.to_owned();
        owners.take(vec![User { id: 1, email }]);
        owners
    }

    #[tokio::test(start_paused = true)]
    async fn a_reading_is_renewed_after_a_day() {
        let (owners, start) = (known(), Instant::now());
        assert_eq!(owners.id_of(ALI), Some(1));
        due(&owners, 0.5).await;
        assert_eq!(start.elapsed().as_secs(), RENEW_EVERY.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn unknown_owners_bring_one_reading_an_hour() {
        let (owners, start) = (known(), Instant::now());
        for hour in 1..=2 {
            (0..100).for_each(|_| assert_eq!(owners.id_of("new@firma.example"), None));
            due(&owners, 0.5).await;
            assert_eq!(start.elapsed().as_secs(), hour * ASK_AGAIN.as_secs());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_unknown_owner_later_than_that_brings_one_at_once() {
        let (owners, start) = (known(), Instant::now());
        let call = async {
            sleep(2 * ASK_AGAIN).await;
            owners.id_of("new@firma.example");
        };
        tokio::join!(due(&owners, 0.5), call);
        assert_eq!(start.elapsed().as_secs(), 2 * ASK_AGAIN.as_secs());
    }

    #[test]
    fn failures_make_longer_pauses_and_refusals_the_longest() {
        let minutes = |verdict, failures| pause(verdict, failures, 0.5).as_secs() / 60;
        let grown = [0, 1, 2, 5, 6, 7, 40, u32::MAX].map(|n| minutes(Verdict::Retry, n));
        assert_eq!(grown, [1, 2, 4, 32, 60, 60, 60, 60]);
        assert_eq!(minutes(Verdict::Park, 0), 360);
        let wait = Duration::from_secs(90);
        assert_eq!(pause(Verdict::RetryAfter(wait), 0, 0.5), wait);
        assert_eq!(minutes(Verdict::RetryAfter(wait), 3), 8);
        assert!(pause(Verdict::Retry, 0, 1.0) > pause(Verdict::Retry, 0, 0.0));
    }
}
