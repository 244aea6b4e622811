//! The keys of a source with a connector: `object`, `with`, `secrets` and `ca-file`, and the operator's columns
//! over the connector's.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::config::columns::{self, Columns};
use crate::config::connectors::{Description, Given, Source};
use crate::config::reader::Section;
use crate::domain::dialling::Dialling;
use crate::source::api::description::{ApiSecret, ApiSettings, Connector};
use crate::source::json::Extractor;
use crate::source::settings::RecordSettings;

/// What a connector and the operator's settings come to.
#[derive(Clone)]
pub struct ApiFrom {
    connector: Arc<Connector>,
    columns: Arc<Extractor>,
    with: BTreeMap<String, String>,
    secrets: BTreeMap<String, ApiSecret>,
    ca_file: Option<PathBuf>,
    lifetimes: BTreeMap<String, Duration>,
}

// What decides what becomes of a record: the description, the object, and what was given; no secret.
impl fmt::Debug for ApiFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiFrom")
            .field("connector", &self.connector.name)
            .field("fingerprint", &self.connector.fingerprint)
            .field("object", &self.connector.object.name)
            .field("with", &self.with)
            .finish()
    }
}

impl ApiFrom {
    pub(super) fn lifetimes(&self) -> BTreeMap<String, Duration> {
        self.lifetimes.clone()
    }

    pub(super) fn settings(&self, records: RecordSettings) -> ApiSettings {
        ApiSettings {
            records,
            columns: self.columns.clone(),
            connector: self.connector.clone(),
            with: self.with.clone(),
            secrets: self.secrets.clone(),
            ca_file: self.ca_file.clone(),
        }
    }
}

pub(super) fn read(
    section: &Section<'_>,
    description: &Description,
    dialling: &Dialling,
) -> Option<(ApiFrom, Columns)> {
    let extractor = std::cell::RefCell::new(None);
    let read_columns = |columns: &Section<'_>, kind| {
        let read = columns::read(columns, kind, dialling)?;
        *extractor.borrow_mut() = columns::over_json(columns, &read.mapping);
        Some(read)
    };
    if section.has("kind") {
        let what = "a connector's object says itself what its records are: leave this out";
        section.wrong::<()>("kind", what);
    }
    let ca_file = section.path("ca-file");
    let source = Source {
        section,
        columns: &read_columns,
    };
    let mut given = Given::default();
    let compiled = description.compile(&source, &mut given)?;
    let from = ApiFrom {
        connector: Arc::new(compiled.connector),
        columns: extractor.into_inner()?,
        with: given.with,
        secrets: given.secrets,
        ca_file,
        lifetimes: given.lifetimes,
    };
    Some((from, compiled.columns?))
}
