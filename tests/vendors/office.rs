//! The office that reads the CRM: its configuration as an operator writes it, and the copy it keeps.
//!
//! The copy is kept as the replica keeps it: everything replaces it, changes are put over it by identity, and
//! what the ids do not show any more goes.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use ringcard::config::Config;
use ringcard::domain::contact::Contact;
use ringcard::source::Source;
use ringcard::source::error::{ReadError, SourceError};
use ringcard::source::read::{Cursor, Job, Position, Raw, ReadReport, Taker, Wanted};
use ringcard::source::settings::Kind;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::stand_in::RUNTIME;

const AROUND: &str = r#"
[webhook]
listen = "127.0.0.1:0"

[[account]]
name = "office"
node = "https://127.0.0.1:9"
region = "TR"
token = { file = "hipcall-token" }
webhook-secrets = { file = "webhook-secrets" }

"#;

/// A directory as /etc/ringcard is one.
pub struct Desk {
    directory: TempDir,
}

impl Desk {
    pub fn new() -> Desk {
        let directory = tempfile::tempdir().unwrap();
        let desk = Desk { directory };
        desk.secret("hipcall-token", "hipcall-token");
        desk.secret("webhook-secrets", &"s".repeat(40));
        fs::create_dir(desk.path().join("connectors.d")).unwrap();
        desk
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// A secret in a file of the same name.
    pub fn secret(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// A connector of the operator's own.
    pub fn connector(&self, name: &str, text: &str) {
        let path = self
            .path()
            .join("connectors.d")
            .join(format!("{name}.toml"));
        fs::write(path, text).unwrap();
    }

    /// A shipped connector that keeps to no limits, which would cost a test seconds. It is called as the shipped
    /// one, with `-at-once`.
    pub fn at_once(&self, name: &str) {
        self.at_once_but(name, "", "");
    }

    /// The same with something in its text replaced.
    pub fn at_once_but(&self, name: &str, part: &str, by: &str) {
        let text = shipped(name);
        assert!(text.contains(part), "{name} has no {part}");
        let text = match part {
            "" => text,
            part => text.replace(part, by),
        };
        let line = |start: &str| text.lines().find(|l| l.starts_with(start)).unwrap();
        let text = text
            .replace(line("name = "), &format!("name = \"{name}-at-once\""))
            .replace(line("requests = "), "requests = 100000");
        self.connector(&format!("{name}-at-once"), &text);
    }

    /// The configuration's problems in words, if it has any.
    pub fn try_configure(&self, sources: &str) -> Result<Config, String> {
        let text = self.configuration(sources);
        Config::parse(&text, self.path()).map_err(|problems| problems.to_string())
    }

    fn configuration(&self, sources: &str) -> String {
        let [state, run] = ["state", "run"].map(|name| self.path().join(name));
        format!("state-dir = {state:?}\nruntime-dir = {run:?}\n{AROUND}{sources}")
    }

    /// The configuration's file, for commands.
    pub fn write(&self, sources: &str) {
        let text = self.configuration(sources);
        fs::write(self.path().join("ringcard.toml"), text).unwrap();
    }

    /// The first source, opened; commands find the same configuration.
    pub fn open(self, sources: &str) -> Office {
        self.write(sources);
        let config = self
            .try_configure(sources)
            .unwrap_or_else(|e| panic!("{e}"));
        Office::of(self, config, 0)
    }

    /// The source at this place, opened.
    pub fn open_at(self, sources: &str, place: usize) -> Office {
        let config = self
            .try_configure(sources)
            .unwrap_or_else(|e| panic!("{e}"));
        Office::of(self, config, place)
    }
}

/// The text of a shipped connector.
pub fn shipped(name: &str) -> String {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/connectors");
    fs::read_to_string(directory.join(format!("{name}.toml"))).unwrap()
}

/// One read's yield.
#[derive(Debug, Default)]
pub struct Read {
    pub contacts: Vec<Contact>,
    pub gone: Vec<String>,
    pub ids: BTreeSet<String>,
    pub positions: Vec<Position>,
    pub raw: usize,
    pub report: Option<ReadReport>,
}

impl Taker for Read {
    type Error = Infallible;

    fn raw(&mut self, _raw: Raw<'_>) {
        self.raw += 1;
    }

    fn contact(&mut self, contact: Contact) -> Result<(), Infallible> {
        self.contacts.push(contact);
        Ok(())
    }

    fn gone(&mut self, identity: &str) -> Result<(), Infallible> {
        self.gone.push(identity.to_owned());
        Ok(())
    }

    fn id(&mut self, identity: &str) -> Result<(), Infallible> {
        self.ids.insert(identity.to_owned());
        Ok(())
    }

    fn position(&mut self, position: &Position) -> Result<(), Infallible> {
        self.positions.push(position.clone());
        Ok(())
    }
}

pub struct Office {
    /// Gone with the office.
    desk: Desk,
    config: Config,
    place: usize,
    pub source: Source,
    pub copy: BTreeMap<String, Contact>,
    pub cursor: Option<Cursor>,
}

impl Office {
    fn of(desk: Desk, config: Config, place: usize) -> Office {
        let source = open(&config, place);
        Office {
            desk,
            config,
            place,
            source,
            copy: BTreeMap::new(),
            cursor: None,
        }
    }

    /// Where its configuration is.
    pub fn path(&self) -> &Path {
        self.desk.path()
    }

    /// As the daemon does it after a restart: all that is remembered is what stands on the disk.
    pub fn restart(&mut self) {
        self.source = open(&self.config, self.place);
    }

    pub fn try_read(&self, wanted: Wanted<'_>) -> Result<Read, SourceError> {
        let (read, outcome) = self.read(wanted);
        outcome.map(|report| Read {
            report: Some(report),
            ..read
        })
    }

    /// What was handed out before it failed, if it did.
    pub fn read_until_it_fails(&self) -> (Read, bool) {
        let (read, outcome) = self.read(Wanted::Everything { from: None });
        (read, outcome.is_err())
    }

    fn read(&self, wanted: Wanted<'_>) -> (Read, Result<ReadReport, SourceError>) {
        let _inside = RUNTIME.enter();
        let job = Job {
            wanted,
            halt: &CancellationToken::new(),
        };
        let mut read = Read::default();
        let outcome = match self.source.read(None, &job, &mut read) {
            Ok(report) => Ok(report),
            Err(ReadError::Source(error)) => Err(error),
            Err(ReadError::Row(never)) => match never {},
        };
        (read, outcome)
    }

    fn identity(&self, contact: &Contact) -> String {
        let records = self.source.records();
        let text = match records.kind {
            Kind::Contacts => contact.key.clone().unwrap(),
            Kind::Balances(by) => by.ids_of(contact).concat(),
        };
        records.identity(&text).unwrap()
    }

    pub fn try_everything(&mut self) -> Result<Read, SourceError> {
        let read = self.try_read(Wanted::Everything { from: None })?;
        self.copy = read
            .contacts
            .iter()
            .map(|c| (self.identity(c), c.clone()))
            .collect();
        self.cursor = read.report.as_ref().and_then(|r| r.cursor.clone());
        Ok(read)
    }

    pub fn sync_everything(&mut self) -> Read {
        self.try_everything()
            .unwrap_or_else(|e| panic!("{}", words(&e)))
    }

    pub fn try_changes(&mut self) -> Result<Read, SourceError> {
        let since = self.cursor.clone().expect("no read gave a cursor");
        let read = self.try_read(Wanted::Changes { since: &since })?;
        for contact in &read.contacts {
            let identity = self.identity(contact);
            self.copy.insert(identity, contact.clone());
        }
        for gone in &read.gone {
            self.copy.remove(gone);
        }
        let cursor = read.report.as_ref().and_then(|r| r.cursor.clone());
        self.cursor = Some(cursor.expect("changes give a cursor"));
        Ok(read)
    }

    pub fn sync_changes(&mut self) -> Read {
        self.try_changes()
            .unwrap_or_else(|e| panic!("{}", words(&e)))
    }

    /// The nightly comparison; what it found to be no more.
    pub fn compare_ids(&mut self) -> Vec<String> {
        let read = self
            .try_read(Wanted::Ids)
            .unwrap_or_else(|e| panic!("{}", words(&e)));
        let known: Vec<String> = self.copy.keys().cloned().collect();
        let gone = known.into_iter().filter(|id| !read.ids.contains(id));
        let gone: Vec<String> = gone.collect();
        for id in &gone {
            self.copy.remove(id);
        }
        gone
    }
}

fn open(config: &Config, place: usize) -> Source {
    let source = &config.sources[place];
    let state = config.source_directory(source.name());
    source.open(&state)
}

/// The error and its causes.
pub fn words(error: &SourceError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
