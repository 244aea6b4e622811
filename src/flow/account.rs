//! One Hipcall account, as the flows use it: its client, and who of its users looks after whom.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use super::owners::Owners;
use crate::config::{AccountConfig, Secret};
use crate::hipcall::{Client, Connector};

pub struct Account {
    pub config: AccountConfig,
    pub client: Client,
    /// Only where a source names the owners of its contacts.
    pub owners: Option<Arc<Owners>>,
    /// Calls in a row that Hipcall did not know although it told of them.
    pub unknown_calls: AtomicU32,
}

impl Account {
    /// What one token may ask of one node is counted once, for all of `others` that have it, and what is known
    /// of its users is kept. `None` if the token can't stand in a request.
    pub(super) fn open<'a>(
        connector: &Connector,
        config: AccountConfig,
        names_owners: bool,
        mut others: impl Iterator<Item = &'a Arc<Account>>,
    ) -> Option<Account> {
        let client = Client::new(connector, &config.node, config.token.expose())?;
        let same = others.find(|other| other.asks_as(&config));
        let client = match same {
            Some(other) => client.sharing_turns_with(&other.client),
            None => client,
        };
        let known = || same.and_then(|a| a.owners.clone()).unwrap_or_default();
        Some(Account {
            owners: names_owners.then(known),
            config,
            client,
            unknown_calls: AtomicU32::new(0),
        })
    }

    /// The same account with another token.
    pub(super) fn with_token<'a>(
        &self,
        connector: &Connector,
        token: Secret,
        others: impl Iterator<Item = &'a Arc<Account>>,
    ) -> Option<Account> {
        let config = AccountConfig {
            token,
            ..self.config.clone()
        };
        Account::open(connector, config, self.owners.is_some(), others)
    }

    /// Whether it is the same node that is asked with the same token.
    fn asks_as(&self, other: &AccountConfig) -> bool {
        (&self.config.node, &self.config.token) == (&other.node, &other.token)
    }

    /// How alarms call its node.
    pub fn node_subject(&self) -> String {
        format!("node {}", self.config.node)
    }
}
