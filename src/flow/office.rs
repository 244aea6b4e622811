//! What the flows work with: the accounts, the sources in their order of trust, and the card.
//!
//! One `Office` belongs to one reading of the configuration; a reload makes the next and swaps it in whole.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

pub use super::feed::Feed;
use super::owners::Owners;
use crate::config::{AccountConfig, CardConfig, Config, MatchingConfig};
use crate::hipcall::{Client, Connector, TrustError};
use crate::status::Board;
use crate::store::outbox::Outbox;
use crate::store::replica::{ReplicaError, Shelf};
use crate::system::clock::Clock;
use crate::tasks::Tasks;

pub struct Account {
    pub config: AccountConfig,
    pub client: Client,
    /// Only where a source names the owners of its contacts.
    pub owners: Option<Arc<Owners>>,
}

impl Account {
    /// How alarms call its node.
    pub fn node_subject(&self) -> String {
        format!("node {}", self.config.node)
    }
}

pub struct Office {
    pub accounts: HashMap<Arc<str>, Arc<Account>>,
    pub feeds: Vec<Feed>,
    pub matching: MatchingConfig,
    pub card: CardConfig,
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
        let mut accounts = HashMap::new();
        for account in &config.accounts {
            let client = Client::new(&connector, &account.node, account.token.expose())
                .ok_or_else(|| OfficeError::Token(account.name.clone()))?;
            let owners = config.names_owners().then(|| owners(account, old));
            let config = account.clone();
            let account = Account {
                config,
                client,
                owners,
            };
            accounts.insert(account.config.name.clone(), Arc::new(account));
        }
        let (mut feeds, mut failures) = (Vec::new(), Vec::new());
        for source in &config.sources {
            let name = source.name();
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
            feeds.push(Feed {
                source: Arc::new(source.open()),
                shelf,
                join: source.join(),
                join_to: source.join_to.clone(),
            });
        }
        Ok((
            Office {
                accounts,
                feeds,
                matching: config.matching,
                card: config.card,
            },
            failures,
        ))
    }
}

/// What is known already, if it was told by the same node for the same token.
fn owners(account: &AccountConfig, old: Option<&Office>) -> Arc<Owners> {
    let same =
        |a: &&Arc<Account>| (&a.config.node, &a.config.token) == (&account.node, &account.token);
    let before = old.and_then(|o| o.accounts.values().find(same));
    before.and_then(|a| a.owners.clone()).unwrap_or_default()
}

/// What every flow holds.
#[derive(Clone)]
pub struct Flow {
    pub office: Arc<ArcSwap<Office>>,
    pub outbox: Arc<Outbox>,
    pub board: Arc<Board>,
    pub clock: Clock,
    pub tasks: Tasks,
}

impl Flow {
    /// An account as it is configured now.
    pub fn account(&self, name: &str) -> Option<Arc<Account>> {
        self.office.load().accounts.get(name).cloned()
    }
}
