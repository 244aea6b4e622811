//! One task for each account: says when its token is refused and finds out when it is taken again, and writes the
//! comments that are due. And one for all of them: sees when a token's file has changed.
//!
//! A card that waits meanwhile goes as soon as the token is good; nobody has to retry it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use crate::domain::schedule::spread;
use crate::flow::office::{Account, Flow};
use crate::hipcall::TOKEN_ADVICE;
use crate::status::AlarmId;
use crate::system::chain;

/// The first pause before Hipcall is asked whether it takes the token again, which doubles.
const FIRST_PROBE: Duration = Duration::from_secs(5);
const LONGEST_PROBE: Duration = Duration::from_secs(600);
/// How often the tokens' files are looked at: a file time each.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The accounts' tasks of the configuration in use.
#[derive(Default)]
pub(super) struct Keepers(Mutex<CancellationToken>);

impl Keepers {
    /// Begins a task for each account of the office, and ends those of the office before it.
    pub(super) fn begin(&self, flow: &Flow) {
        let mut retire = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        retire.cancel();
        *retire = CancellationToken::new();
        let office = flow.office.load();
        let is_known = |name: &str| office.accounts.contains_key(name);
        flow.outbox.drop_comments_of_others(is_known);
        for account in office.accounts.values() {
            let (flow, account, retire) = (flow.clone(), account.clone(), retire.clone());
            flow.tasks.clone().spawn(async move {
                tokio::select! {
                    () = retire.cancelled() => {}
                    () = flow.tasks.stopping() => {}
                    () = watch_token(&flow, &account) => {}
                    () = flow.comments(&account) => {}
                }
            });
        }
    }
}

/// Raises the alarm while the token is refused, and asks now and then whether it is taken again.
async fn watch_token(flow: &Flow, account: &Account) {
    let (name, client) = (&account.config.name, &account.client);
    let subject = format!("account {name}");
    loop {
        client.refused(true).await;
        let what = "Hipcall refuses the token, so no card can be sent";
        if flow
            .board
            .raise(AlarmId::TokenRefused, &subject, what, TOKEN_ADVICE)
        {
            error!(event_id = "token-refused", account = %name, "{what}");
        }
        tokio::select! {
            () = client.refused(false) => {}
            () = probe(account) => {}
        }
        if flow.board.clear(AlarmId::TokenRefused, &subject) {
            info!(account = %name, "over: Hipcall takes the token again");
        }
    }
}

/// Comes when Hipcall takes the token.
async fn probe(account: &Account) {
    let mut pause = FIRST_PROBE;
    loop {
        sleep(spread(pause, fastrand::f64())).await;
        match account.client.probe().await {
            Ok(()) => return,
            Err(e) => {
                let (account, reason) = (&account.config.name, chain::of(&e));
                debug!(%account, reason, "the token is not taken yet");
            }
        }
        pause = (pause * 2).min(LONGEST_PROBE);
    }
}

/// Comes when a file of a token is not what it was when this began.
pub(super) async fn token_changed(flow: &Flow) {
    let before = stamps(flow);
    while stamps(flow) == before {
        sleep(LOOK_EVERY).await;
    }
}

fn stamps(flow: &Flow) -> Vec<(PathBuf, Option<SystemTime>)> {
    let office = flow.office.load();
    let files = office
        .accounts
        .values()
        .map(|a| a.config.token_file.clone());
    let stamp = |file: PathBuf| {
        let modified = std::fs::metadata(&file).and_then(|m| m.modified());
        (file, modified.ok())
    };
    let mut stamps: Vec<_> = files.map(stamp).collect();
    stamps.sort();
    stamps
}

/// Takes up the tokens that are new. True if there was one.
pub(super) fn take_tokens(flow: &Flow) -> bool {
    let mut office = flow.office.load_full();
    let accounts: Vec<Arc<Account>> = office.accounts.values().cloned().collect();
    let mut is_new = false;
    for account in accounts {
        let name = &account.config.name;
        let token = match account.config.reread_token() {
            Ok(token) if token == account.config.token => continue,
            Ok(token) => token,
            Err(reason) => {
                // Perhaps it is being written: the next change of the file is looked at again.
                warn!(event_id = "token-kept", account = %name, reason, "the old token stays in use");
                continue;
            }
        };
        if let Some(renewed) = office.with_token(&account, token) {
            office = Arc::new(renewed);
            is_new = true;
            flow.board
                .clear(AlarmId::TokenRefused, &format!("account {name}"));
            info!(account = %name, "a new token is in use");
        }
    }
    if is_new {
        flow.office.store(office);
        flow.renewed.notify_waiters();
    }
    is_new
}
