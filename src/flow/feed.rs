//! A source with its published copy, as the flows use it.

use std::path::Path;
use std::sync::Arc;

use crate::config::SourceConfig;
use crate::domain::guard::Limits;
use crate::domain::join::JoinBy;
use crate::source::Source;
use crate::status::Records;
use crate::store::replica::Shelf;

/// A source with its published copy. The order of feeds is that of trust.
#[derive(Clone)]
pub struct Feed {
    pub source: Arc<Source>,
    pub shelf: Arc<Shelf>,
    /// The source is one of balances, and its records are joined to contacts by this id.
    pub join: Option<JoinBy>,
    /// The sources of contacts whose balances these are.
    pub join_to: Vec<String>,
    /// From when on a load is held until a person accepts it.
    pub guards: Limits,
    /// A digest of everything that decides what becomes of a record.
    pub settings: String,
}

impl Feed {
    /// `state` is a directory of the source's own.
    pub fn open(config: &SourceConfig, shelf: Arc<Shelf>, state: &Path) -> Feed {
        Feed {
            source: Arc::new(config.open(state)),
            shelf,
            join: config.join(),
            join_to: config.join_to.clone(),
            guards: config.guards,
            settings: config.digest(),
        }
    }

    /// What its records are.
    pub fn records(&self) -> Records {
        match self.join {
            Some(_) => Records::Balances,
            None => Records::Contacts,
        }
    }
}
