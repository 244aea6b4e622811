//! A source with its published copy, as the flows use it.

use std::sync::Arc;

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
}

impl Feed {
    /// What its records are.
    pub fn records(&self) -> Records {
        match self.join {
            Some(_) => Records::Balances,
            None => Records::Contacts,
        }
    }
}
