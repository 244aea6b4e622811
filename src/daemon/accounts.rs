//! One task for each account: says when its token is refused and finds out when it is taken again, and writes the
//! comments that are due. And one for all of them: sees when a token's file has changed.
//!
//! A card that waits meanwhile goes as soon as the token is good; nobody has to retry it.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tracing::{debug, error, info, warn};

use super::crew::Crews;
use crate::domain::schedule::spread;
use crate::flow::office::{Account, Flow};
use crate::hipcall::TOKEN_ADVICE;
use crate::status::AlarmId;
use crate::system::chain;

/// The first pause before Hipcall is asked whether it takes the token again, which doubles.
const FIRST_PROBE: Duration = Duration::from_secs(5);
/// How long after the start, or a new token, Hipcall is asked whether it takes the token, if no card has found out.
const ASK_AFTER: Duration = Duration::from_secs(20);
const LONGEST_PROBE: Duration = Duration::from_secs(600);
/// How often the tokens' files are looked at: a file time each.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The accounts' tasks of the configuration in use.
#[derive(Default)]
pub(super) struct Keepers(Crews);

impl Keepers {
    /// Begins a task for each account of the office, and ends those of the office before it.
    pub(super) fn begin(&self, flow: &Flow) {
        let crew = self.0.relieve();
        let office = flow.office.load();
        let is_known = |name: &str| office.accounts.contains_key(name);
        flow.outbox.drop_comments_of_others(is_known);
        for account in office.accounts.values() {
            let (flow, account) = (flow.clone(), account.clone());
            crew.begin(&flow.tasks.clone(), async move {
                tokio::select! {
                    () = watch_token(&flow, &account) => {}
                    () = flow.comments(&account) => {}
                }
            });
        }
    }
}

/// Asks at the start, and after each new token, whether Hipcall takes it; raises the alarm while it does not, and
/// asks now and then whether it does again.
async fn watch_token(flow: &Flow, account: &Account) {
    let (name, client) = (&account.config.name, &account.client);
    let subject = subject(name);
    let what = "Hipcall refuses the token, so no card can be sent";
    if !flow.board.has(AlarmId::TokenRefused, &subject) {
        tokio::select! {
            () = client.refused(true) => {}
            () = sleep(ASK_AFTER) => {}
        }
    }
    // So that a person is told before the first call.
    if !client.is_refused() {
        probe(account).await;
    }
    let mut pause = FIRST_PROBE;
    loop {
        if !client.is_refused() {
            // One that is taken for a card is taken: until then its alarm, and the pause, are kept.
            tokio::select! {
                () = client.refused(true) => {}
                () = sleep(pause) => {
                    flow.board.clear(AlarmId::TokenRefused, &subject);
                    pause = FIRST_PROBE;
                    client.refused(true).await;
                }
            }
        }
        if flow
            .board
            .raise(AlarmId::TokenRefused, &subject, what, TOKEN_ADVICE)
        {
            error!(event_id = "token-refused", account = %name, "{what}");
        }
        tokio::select! {
            () = client.refused(false) => continue,
            () = sleep(spread(pause, fastrand::f64())) => {}
        }
        pause = (pause * 2).min(LONGEST_PROBE);
        probe(account).await;
    }
}

async fn probe(account: &Account) {
    if let Err(e) = account.client.probe().await {
        let (account, reason) = (&account.config.name, chain::of(&e));
        debug!(%account, reason, "Hipcall does not say that it takes the token");
    }
}

fn subject(account: &str) -> String {
    format!("account {account}")
}

/// What a file was like when it was last looked at: its rights count, and one that was put in its place.
#[derive(Default, PartialEq)]
pub(super) struct Stamps(Vec<(PathBuf, Option<[i64; 4]>)>);

pub(super) fn stamp(file: &Path) -> Option<[i64; 4]> {
    let metadata = std::fs::metadata(file).ok()?;
    let inode = i64::from_ne_bytes(metadata.ino().to_ne_bytes());
    Some([
        inode,
        metadata.ctime(),
        metadata.ctime_nsec(),
        metadata.mtime(),
    ])
}

impl Stamps {
    pub(super) fn of(flow: &Flow) -> Stamps {
        let office = flow.office.load();
        let files = office.accounts.values();
        let mut stamps: Vec<_> = files
            .map(|account| {
                let file = account.config.token_file.clone();
                let stamp = stamp(&file);
                (file, stamp)
            })
            .collect();
        stamps.sort();
        Stamps(stamps)
    }

    /// Comes when a token's file is not what it was.
    pub(super) async fn change(&mut self, flow: &Flow) {
        loop {
            let now = Stamps::of(flow);
            if now != *self {
                *self = now;
                return;
            }
            sleep(LOOK_EVERY).await;
        }
    }
}

/// Takes up the tokens that are new. True if there was one.
pub(super) fn take_tokens(flow: &Flow) -> bool {
    let mut office = flow.office.load_full();
    let accounts: Vec<Arc<Account>> = office.accounts.values().cloned().collect();
    let mut is_new = false;
    for account in accounts {
        let name = &account.config.name;
        let token = match account.config.reread_token() {
            Ok(token) => token,
            Err(reason) => {
                // Perhaps it is being written: the next change of the file is looked at again.
                kept(flow, name, &reason);
                continue;
            }
        };
        flow.board.clear(AlarmId::TokenKept, &subject(name));
        if token == account.config.token {
            continue;
        }
        if let Some(renewed) = office.with_token(&account, token) {
            office = Arc::new(renewed);
            is_new = true;
            info!(account = %name, "a new token is in use");
        }
    }
    if is_new {
        flow.office.store(office);
        flow.renewed.notify_waiters();
    }
    is_new
}

fn kept(flow: &Flow, account: &str, reason: &str) {
    let what = format!("the token's file can't be used: {reason}");
    let advice = "put one line with the token there, mode 0600 or 0640; it is read by itself. Do it before the next \
        restart, which would not come up";
    if flow
        .board
        .raise(AlarmId::TokenKept, &subject(account), &what, advice)
    {
        warn!(
            event_id = "token-kept",
            account, reason, "the old token stays in use"
        );
    }
}
