//! A source with its published copy, as the flows use it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;
use jiff::{Timestamp, Zoned};

use crate::config::SourceConfig;
use crate::domain::expiry::last_day;
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
    pub secrets: Secrets,
}

/// Where a source's secrets are, and until when they are good.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    pub files: BTreeMap<String, PathBuf>,
    pub expires: BTreeMap<String, Date>,
    pub lifetimes: BTreeMap<String, Duration>,
}

impl Secrets {
    pub fn of(config: &SourceConfig) -> Secrets {
        Secrets {
            files: config.secrets.clone(),
            expires: config.expires.clone(),
            lifetimes: config.lifetimes(),
        }
    }

    /// Until when each is good, as far as that is known. The configuration's date goes first: whoever wrote it
    /// looked it up.
    pub fn dates<'a>(&'a self, now: &Zoned) -> impl Iterator<Item = (&'a str, Date)> {
        let known = self.expires.iter().map(|(name, date)| (&**name, *date));
        let lives = self.lifetimes.iter();
        let learnt = lives.filter(|(name, _)| !self.expires.contains_key(*name));
        let learnt = learnt.filter_map(move |(name, lifetime)| {
            let written = written(self.files.get(name)?)?;
            Some((&**name, last_day(written, *lifetime, now)?))
        });
        known.chain(learnt)
    }
}

fn written(file: &Path) -> Option<Timestamp> {
    let modified = fs::metadata(file).and_then(|m| m.modified()).ok()?;
    Timestamp::try_from(modified).ok()
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
            secrets: Secrets::of(config),
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
