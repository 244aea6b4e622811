//! What of a connector's description an operator has to know before the first read.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Table;

#[derive(Debug, Deserialize)]
pub(super) struct Sketch {
    pub(super) name: String,
    pub(super) title: String,
    #[serde(default)]
    pub(super) documentation: String,
    #[serde(default)]
    pub(super) about: About,
    #[serde(default)]
    pub(super) with: BTreeMap<String, With>,
    #[serde(default)]
    pub(super) secrets: BTreeMap<String, Secret>,
    #[serde(default)]
    pub(super) objects: BTreeMap<String, Object>,
}

/// One clause each.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct About {
    pub(super) full: String,
    pub(super) changes: String,
    pub(super) deletes: String,
    pub(super) balances: String,
    pub(super) proven: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct With {
    pub(super) about: String,
    pub(super) default: Option<String>,
    pub(super) example: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Secret {
    pub(super) about: String,
    pub(super) lifetime: Option<String>,
    pub(super) renew: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Object {
    pub(super) kind: String,
    pub(super) changes: Option<Table>,
    pub(super) deleted: Option<Table>,
    pub(super) ids: Option<Table>,
    pub(super) columns: Table,
}

impl Object {
    fn tells_deleted(&self) -> bool {
        let among = self
            .changes
            .as_ref()
            .is_some_and(|c| c.contains_key("tombstone"));
        among || self.deleted.is_some()
    }

    pub(super) fn is_balances(&self) -> bool {
        self.kind == "balances"
    }
}

impl Sketch {
    pub(super) fn parse(text: &str) -> Result<Sketch, String> {
        toml::from_str(text).map_err(|e| e.message().replace('\n', ", "))
    }

    /// The object meant where none is named: contacts, or the first that has some.
    pub(super) fn usual_object(&self) -> Option<&str> {
        let contacts = self.objects.iter().find(|(_, o)| !o.is_balances());
        let any = contacts.or(self.objects.iter().next());
        match self.objects.contains_key("contacts") {
            true => Some("contacts"),
            false => any.map(|(name, _)| name.as_str()),
        }
    }

    /// In a few words, for a list.
    pub(super) fn can(&self) -> Vec<&'static str> {
        let any = |of: &dyn Fn(&Object) -> bool| self.objects.values().any(of);
        let balance = |o: &Object| o.is_balances() || o.columns.contains_key("balance");
        let deletes = match (any(&Object::tells_deleted), any(&|o| o.ids.is_some())) {
            (true, _) => Some("deletes"),
            (false, true) => Some("deletes by ids"),
            (false, false) => None,
        };
        let changes = any(&|o| o.changes.is_some()).then_some("changes");
        let balances = any(&balance).then_some("balances");
        [Some("full"), changes, deletes, balances]
            .into_iter()
            .flatten()
            .collect()
    }
}
