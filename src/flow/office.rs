//! What the flows work with: the accounts, the sources in their order of trust, and the card.
//!
//! One `Office` belongs to one reading of the configuration; a reload makes the next and swaps it in whole.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::Notify;

pub use super::account::Account;
use super::callers::{Recent, Witnesses};
pub use super::feed::Feed;
use crate::config::{CardConfig, Config, MatchingConfig, Secret};
use crate::hipcall::{Connector, TrustError};
use crate::status::{Board, Status};
use crate::store::outbox::Outbox;
use crate::store::replica::{ReplicaError, Shelf};
use crate::system::clock::Clock;
use crate::tasks::Tasks;

#[derive(Clone)]
pub struct Office {
    pub accounts: HashMap<Arc<str>, Arc<Account>>,
    pub feeds: Vec<Feed>,
    pub matching: Arc<MatchingConfig>,
    pub card: Arc<CardConfig>,
    connector: Connector,
}

#[derive(Debug, thiserror::Error)]
pub enum OfficeError {
    #[error("the connection to Hipcall can't be prepared")]
    Trust(#[from] TrustError),
    #[error("the token of account {0} has characters that no token has")]
    Token(Arc<str>),
    #[error("the copy of source {source_name} can't be opened")]
    Replica {
        source_name: String,
        source: ReplicaError,
    },
}

impl Office {
    /// Opens what is not open yet; `old` hands over the copies that go on. Also says which generations
    /// could not be read.
    pub fn open(
        config: Config,
        old: Option<&Office>,
    ) -> Result<(Office, Vec<ReplicaError>), OfficeError> {
        let connector = Connector::new(&config.trust)?;
        let mut accounts: HashMap<Arc<str>, Arc<Account>> = HashMap::new();
        for account_config in &config.accounts {
            let before = old.into_iter().flat_map(|o| o.accounts.values());
            let others = accounts.values().chain(before);
            let (of, with_owners) = (account_config.clone(), config.names_owners());
            let account = Account::open(&connector, of, with_owners, others)
                .ok_or_else(|| OfficeError::Token(account_config.name.clone()))?;
            accounts.insert(account_config.name.clone(), Arc::new(account));
        }
        let (mut feeds, mut failures) = (Vec::new(), Vec::new());
        for source in &config.sources {
            let name = source.name();
            let directory = config.source_directory(name);
            let open = old.and_then(|o| o.feeds.iter().find(|f| f.source.name() == name));
            let shelf = match open {
                Some(feed) => feed.shelf.clone(),
                None => {
                    let opened = Shelf::open(config.replica_directory(name));
                    let (shelf, damaged) = opened.map_err(|source| OfficeError::Replica {
                        source_name: name.to_owned(),
                        source,
                    })?;
                    failures.extend(damaged);
                    Arc::new(shelf)
                }
            };
            feeds.push(Feed::open(source, shelf, &directory));
        }
        Ok((
            Office {
                accounts,
                feeds,
                matching: Arc::new(config.matching),
                card: Arc::new(config.card),
                connector,
            },
            failures,
        ))
    }

    /// The source with this name; or in words which there are.
    pub fn feed(&self, name: &str) -> Result<&Feed, String> {
        let known = || self.feeds.iter().map(|feed| feed.source.name());
        let found = self.feeds.iter().find(|feed| feed.source.name() == name);
        found.ok_or_else(|| {
            let known: Vec<&str> = known().collect();
            format!("there is no source {name}; there are: {}", known.join(", "))
        })
    }

    /// The same with another token for an account.
    pub fn with_token(&self, account: &Account, token: Secret) -> Option<Office> {
        let others = self.accounts.values();
        let account = account.with_token(&self.connector, token, others)?;
        let mut office = self.clone();
        let name = account.config.name.clone();
        office.accounts.insert(name, Arc::new(account));
        Some(office)
    }
}

/// What every flow holds.
#[derive(Clone)]
pub struct Flow {
    pub office: Arc<ArcSwap<Office>>,
    pub outbox: Arc<Outbox>,
    pub board: Arc<Board>,
    /// The last real callers, on whom a new copy is tried.
    pub callers: Arc<Recent>,
    pub clock: Clock,
    /// Told when the office was swapped for another, with other tokens perhaps.
    pub renewed: Arc<Notify>,
    pub tasks: Tasks,
}

impl Flow {
    /// How everything does.
    pub fn status(&self) -> Status {
        for (account, why) in self.outbox.take_let_go() {
            self.board.dropped(&account, why);
        }
        self.board.show(self.outbox.counts())
    }

    /// Whom a new copy is tried on.
    pub fn witnesses(&self) -> Witnesses {
        Witnesses {
            callers: self.callers.readings(),
            ladder: self.office.load().matching.ladder.clone(),
        }
    }

    /// An account as it is configured now.
    pub fn account(&self, name: &str) -> Option<Arc<Account>> {
        self.office.load().accounts.get(name).cloned()
    }
}
