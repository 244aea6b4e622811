//! One task for each account: when its webhook has been silent for long in business hours, asks Hipcall whether
//! there were calls, and says so if there were.
//!
//! Hipcall marks a webhook as broken after a few bad answers and then sends nothing more, without a word. A quiet
//! office looks just the same from here; its own list of calls tells the two apart.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::{debug, error};

use super::crew::Crews;
use crate::domain::deadline::Moment;
use crate::domain::schedule::spread;
use crate::domain::silence::{Missed, Patience, missed};
use crate::flow::office::{Account, Flow};
use crate::status::AlarmId;
use crate::system::chain;

/// How often it is reckoned how long the silence lasts.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// How often Hipcall is asked while the silence lasts.
const ASK_EVERY: Duration = Duration::from_secs(15 * 60);
const ADVICE: &str = "re-activate it in Hipcall's panel: Account > Integrations > Webhook; then make a call, and see \
                      that LAST EVENT in ringcard status is new";

/// When an account was heard last, and how many events it had had by then.
type Heard = Arc<Mutex<HashMap<Arc<str>, (Moment, u64)>>>;

/// The accounts' tasks of the configuration in use.
#[derive(Default)]
pub(super) struct Keepers {
    crews: Crews,
    /// Outlasts a reload: a webhook is not less silent because of one.
    heard: Heard,
}

impl Keepers {
    /// Begins a task for each account of the office, and ends those of the office before it.
    pub(super) fn begin(&self, flow: &Flow) {
        let crew = self.crews.relieve();
        let office = flow.office.load_full();
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.retain(|name, _| office.accounts.contains_key(name));
        drop(heard);
        for account in office.accounts.values() {
            let subject = format!("account {}", account.config.name);
            // Told anew at once if it is still so, and if the configuration still wants it told.
            flow.board.clear(AlarmId::WebhookSilent, &subject);
            let Some(patience) = account.config.silence.clone() else {
                continue;
            };
            let keeper = Keeper {
                flow: flow.clone(),
                account: account.clone(),
                patience,
                subject,
                heard: self.heard.clone(),
            };
            crew.begin(&flow.tasks, async move { keeper.keep().await });
        }
    }
}

struct Keeper {
    flow: Flow,
    account: Arc<Account>,
    patience: Patience,
    subject: String,
    heard: Heard,
}

impl Keeper {
    async fn keep(&self) {
        let mut ear = self.flow.board.listen(&self.account.config.name);
        loop {
            let last = self.last(&mut ear);
            let pause = self.look(last).await;
            tokio::select! {
                // The board outlives its listeners.
                _ = ear.changed() => {}
                () = sleep(pause) => {}
            }
        }
    }

    /// When the last event came; one that is news ends the silence.
    fn last(&self, ear: &mut watch::Receiver<u64>) -> Moment {
        let (events, now) = (*ear.borrow_and_update(), self.flow.clock.now());
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let name = self.account.config.name.clone();
        let last = heard.entry(name).or_insert((now, events));
        if last.1 != events {
            *last = (now, events);
            self.flow.board.clear(AlarmId::WebhookSilent, &self.subject);
        }
        last.0
    }

    /// Asks if the silence has lasted long enough; returns how long to wait for the next look.
    async fn look(&self, last: Moment) -> Duration {
        let clock = &self.flow.clock;
        let silent = clock.now().at_least_since(&last);
        // Cheap before dear: each event leads here.
        let now = (silent >= self.patience.after).then(|| clock.true_time());
        let Some(now) = now.flatten() else {
            return LOOK_EVERY;
        };
        if !self.patience.is_over(now, silent) {
            return LOOK_EVERY;
        }
        let account = &self.account.config.name;
        match self.account.client.calls().await {
            Ok(list) => match missed(&list.calls, list.date, silent) {
                Some(missed) => self.tell(missed, list.date),
                None => debug!(%account, "the webhook is silent, and so is the telephone"),
            },
            Err(e) => {
                let reason = chain::of(&e);
                debug!(%account, reason, "Hipcall was not asked for its calls");
            }
        }
        spread(ASK_EVERY, fastrand::f64())
    }

    fn tell(&self, missed: Missed, date: Timestamp) {
        let since = date.checked_sub(missed.since).unwrap_or(date);
        let since = self.patience.hours.told(since);
        let (account, calls) = (&self.account.config.name, missed.calls);
        let what = format!(
            "the webhook is broken: Hipcall had {} since {since}, and told of none",
            match calls {
                1 => "a call".to_owned(),
                n => format!("{n} calls or more"),
            }
        );
        let board = &self.flow.board;
        let is_known = board.has(AlarmId::WebhookSilent, &self.subject);
        board.raise(AlarmId::WebhookSilent, &self.subject, &what, ADVICE);
        // Its words grow with each asking; the log says it once.
        if !is_known {
            let event_id = "webhook-silent";
            error!(event_id, %account, calls, since, "the webhook is broken");
        }
    }
}
