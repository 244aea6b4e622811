//! What of a connector's description an operator has to know before the first read.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Table;

#[derive(Debug, Deserialize)]
pub(crate) struct Sketch {
    pub(crate) name: String,
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) documentation: String,
    #[serde(default)]
    pub(crate) about: About,
    #[serde(default)]
    pub(crate) with: BTreeMap<String, With>,
    #[serde(default)]
    pub(crate) secrets: BTreeMap<String, Secret>,
    #[serde(default)]
    pub(crate) objects: BTreeMap<String, Object>,
}

/// One clause each.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct About {
    pub(crate) full: String,
    pub(crate) changes: String,
    pub(crate) deletes: String,
    pub(crate) balances: String,
    pub(crate) proven: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct With {
    pub(crate) about: String,
    pub(crate) default: Option<String>,
    pub(crate) example: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Secret {
    pub(crate) about: String,
    pub(crate) lifetime: Option<String>,
    pub(crate) renew: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Object {
    pub(crate) kind: String,
    pub(crate) changes: Option<Table>,
    pub(crate) deleted: Option<Table>,
    pub(crate) ids: Option<Table>,
    pub(crate) columns: Table,
}

impl Object {
    fn tells_deleted(&self) -> bool {
        let among = self
            .changes
            .as_ref()
            .is_some_and(|c| c.contains_key("tombstone"));
        among || self.deleted.is_some()
    }

    pub(crate) fn is_balances(&self) -> bool {
        self.kind == "balances"
    }
}

impl Sketch {
    pub(crate) fn parse(text: &str) -> Result<Sketch, String> {
        toml::from_str(text).map_err(|e| e.message().replace('\n', ", "))
    }

    /// The object meant where none is named: contacts, or the first that has some.
    pub(crate) fn usual_object(&self) -> Option<&str> {
        let contacts = self.objects.iter().find(|(_, o)| !o.is_balances());
        let any = contacts.or(self.objects.iter().next());
        match self.objects.contains_key("contacts") {
            true => Some("contacts"),
            false => any.map(|(name, _)| name.as_str()),
        }
    }

    /// In a few words, for a list.
    pub(crate) fn can(&self) -> Vec<&'static str> {
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
