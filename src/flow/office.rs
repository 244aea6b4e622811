//! What the flows work with: the accounts, the sources in their order of trust, and the card.
//!
//! One `Office` belongs to one reading of the configuration; a reload makes the next and swaps it in whole.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use arc_swap::ArcSwap;
use tokio::sync::Notify;

pub use super::feed::Feed;
use super::owners::Owners;
use crate::config::{AccountConfig, CardConfig, Config, MatchingConfig, Secret};
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
    /// Calls in a row that Hipcall did not know although it told of them.
    pub unknown_calls: AtomicU32,
}

impl Account {
    /// Whether it is the same node that is asked with the same token.
    fn asks_as(&self, other: &AccountConfig) -> bool {
        (&self.config.node, &self.config.token) == (&other.node, &other.token)
    }

    /// How alarms call its node.
    pub fn node_subject(&self) -> String {
        format!("node {}", self.config.node)
    }
}

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
        let mut accounts = HashMap::new();
        for account in &config.accounts {
            let client = client(&connector, account, &accounts, old)?;
            let owners = config.names_owners().then(|| owners(account, old));
            let account = Account {
                config: account.clone(),
                client,
                owners,
                unknown_calls: AtomicU32::new(0),
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
                matching: Arc::new(config.matching),
                card: Arc::new(config.card),
                connector,
            },
            failures,
        ))
    }
}

impl Office {
    /// The same with another token for an account.
    pub fn with_token(&self, account: &Account, token: Secret) -> Result<Office, OfficeError> {
        let mut office = self.clone();
        let mut config = account.config.clone();
        config.token = token;
        let client = client(&self.connector, &config, &self.accounts, None)?;
        let name = config.name.clone();
        let owners = account.owners.as_ref().map(|_| Arc::default());
        let account = Account {
            config,
            client,
            owners,
            unknown_calls: AtomicU32::new(0),
        };
        office.accounts.insert(name, Arc::new(account));
        Ok(office)
    }
}

/// A client for the account. What one token may ask of one node is counted once, for all accounts that have it,
/// and a reload changes nothing of it.
fn client(
    connector: &Connector,
    account: &AccountConfig,
    others: &HashMap<Arc<str>, Arc<Account>>,
    old: Option<&Office>,
) -> Result<Client, OfficeError> {
    let client = Client::new(connector, &account.node, account.token.expose())
        .ok_or_else(|| OfficeError::Token(account.name.clone()))?;
    let before = old.into_iter().flat_map(|o| o.accounts.values());
    let mut known = others.values().chain(before);
    Ok(match known.find(|other| other.asks_as(account)) {
        Some(other) => client.sharing_turns_with(&other.client),
        None => client,
    })
}

/// What is known already, if it was told by the same node for the same token.
fn owners(account: &AccountConfig, old: Option<&Office>) -> Arc<Owners> {
    let before = old.and_then(|o| o.accounts.values().find(|a| a.asks_as(account)));
    before.and_then(|a| a.owners.clone()).unwrap_or_default()
}

/// What every flow holds.
#[derive(Clone)]
pub struct Flow {
    pub office: Arc<ArcSwap<Office>>,
    pub outbox: Arc<Outbox>,
    pub board: Arc<Board>,
    pub clock: Clock,
    /// Told when the office was swapped for another, with other tokens perhaps.
    pub renewed: Arc<Notify>,
    pub tasks: Tasks,
}

impl Flow {
    /// An account as it is configured now.
    pub fn account(&self, name: &str) -> Option<Arc<Account>> {
        self.office.load().accounts.get(name).cloned()
    }
}
