//! The configuration: one TOML file, read whole, refused whole.
//!
//! Making a `Config` is the validation: what exists is right. All problems are told at once, each with its
//! line, key, value and what is allowed, so that an operator mends a file in one go. Secrets never stand in
//! the file; it names where they are.

mod accounts;
mod cards;
mod columns;
mod connectors;
mod dialling;
mod duration;
mod expiry;
mod matching;
mod problem;
mod reader;
mod secret;
mod silence;
mod sources;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

pub use accounts::{AccountConfig, is_name, is_node, token_in, webhook_secret_in};
pub use cards::{AfterCall, CardConfig};
pub use connectors::{DIRECTORY as CONNECTORS_DIRECTORY, SHIPPED as CONNECTORS};
pub use matching::MatchingConfig;
pub use problem::{Problem, Problems};
pub use secret::Secret;
pub use sources::{ApiFrom, ReadFrom, SourceConfig, Timing};

use crate::domain::money::Locale;
use crate::hipcall::Trust;
use crate::webhook::{IdentityFiles, Listen};
use reader::{Document, Section};

/// Where the packaged service keeps its configuration.
pub const DEFAULT_PATH: &str = "/etc/ringcard/ringcard.toml";
/// Where the packaged service keeps its state.
const STATE_DIRECTORY: &str = "/var/lib/ringcard";
/// Largest configuration read; the sample has about 3 kB.
const FILE_BYTES: u64 = 1 << 20;
const CONTROL_SOCKET: &str = "control.sock";

#[derive(Debug)]
pub struct Config {
    /// Where replica, outbox and a self-made certificate live.
    pub state_directory: PathBuf,
    /// Where the control socket is.
    pub runtime_directory: PathBuf,
    pub locale: Locale,
    pub webhook: WebhookConfig,
    pub trust: Trust,
    pub accounts: Vec<AccountConfig>,
    pub sources: Vec<SourceConfig>,
    pub matching: MatchingConfig,
    pub card: CardConfig,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookConfig {
    pub listen: Vec<Listen>,
    /// None: a self-signed pair is made in the state directory.
    pub certificate: Option<IdentityFiles>,
    /// Names that a self-signed certificate is valid for.
    pub names: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{path} can't be read: {source}")]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{path} is larger than 1 MiB: is it a configuration?")]
    TooLarge { path: PathBuf },
    #[error("{path} has {}\n{problems}", count(problems))]
    Problems { path: PathBuf, problems: Problems },
}

fn count(problems: &Problems) -> String {
    match problems.0.len() {
        1 => "one problem:".into(),
        n => format!("{n} problems:"),
    }
}

impl Config {
    /// Reads and checks `path`. Relative paths in it start at its directory.
    pub fn load(path: &Path) -> Result<Config, ConfigError> {
        let (text, directory) = read(path)?;
        Config::parse(&text, &directory).map_err(|problems| ConfigError::Problems {
            path: path.into(),
            problems,
        })
    }

    /// Only where the running daemon's control socket is: a command that asks it needs no secret.
    pub fn control_socket_of(path: &Path) -> Result<PathBuf, ConfigError> {
        let (text, directory) = read(path)?;
        let document = Document::parse(&text, &directory);
        let socket = document.and_then(|d| {
            d.root(|root| {
                root.hush();
                Some(runtime_directory(root).join(CONTROL_SOCKET))
            })
        });
        socket.map_err(|problems| ConfigError::Problems {
            path: path.into(),
            problems,
        })
    }

    /// Only where the state is kept, whatever else is wrong with the file.
    pub fn state_directory_of(path: &Path) -> PathBuf {
        let stated = read(path).ok().and_then(|(text, directory)| {
            let document = Document::parse(&text, &directory).ok()?;
            let state = document.root(|root| {
                root.hush();
                Some(state_directory(root))
            });
            state.ok()
        });
        stated.unwrap_or_else(|| systemd_directory("STATE_DIRECTORY", STATE_DIRECTORY))
    }

    pub fn parse(text: &str, directory: &Path) -> Result<Config, Problems> {
        let document = Document::parse(text, directory)?;
        let config = document.root(|root| {
            let locale = root.parse("locale", Locale::ALLOWED, Locale::parse);
            let locale = locale.unwrap_or(Locale::English);
            let state = state_directory(root);
            let runtime = runtime_directory(root);
            let accounts = accounts::read(root);
            let sources = sources::read(root, accounts.first().map(|a| a.region));
            let matching = matching::read(root, &accounts, &sources);
            let fields = sources
                .iter()
                .flat_map(|s| s.records.mapping.fields.keys().cloned());
            let around = cards::Around {
                locale,
                fields: fields.collect(),
                sources: root.names("source"),
                accounts: accounts
                    .iter()
                    .map(|a| (a.name.to_string(), a.region))
                    .collect(),
            };
            let card = cards::read(root, &around);
            Some(Config {
                state_directory: state,
                runtime_directory: runtime,
                locale,
                webhook: webhook(root)?,
                trust: root
                    .section("hipcall")
                    .map_or_else(Trust::default, |s| Trust {
                        ca_file: s.path("ca-file"),
                    }),
                accounts,
                sources,
                matching,
                card: card?,
            })
        })?;
        Ok(config)
    }

    /// The control socket of the daemon that runs with this configuration.
    pub fn control_socket(&self) -> PathBuf {
        self.runtime_directory.join(CONTROL_SOCKET)
    }

    /// Whether a source tells who looks after its contacts.
    pub fn names_owners(&self) -> bool {
        let mut sources = self.sources.iter();
        sources.any(|s| s.records.mapping.owner.is_some())
    }

    /// The numbers of the last callers.
    pub fn callers_file(&self) -> PathBuf {
        self.state_directory.join("callers")
    }

    pub fn outbox_file(&self) -> PathBuf {
        self.state_directory.join("outbox.redb")
    }

    /// What a source has to remember beside its copy, such as a token that was renewed.
    pub fn source_directory(&self, source: &str) -> PathBuf {
        self.state_directory.join("source").join(source)
    }

    pub fn replica_directory(&self, source: &str) -> PathBuf {
        self.state_directory.join("replica").join(source)
    }
}

/// The text, and the directory that relative paths in it start at.
fn read(path: &Path) -> Result<(String, PathBuf), ConfigError> {
    let failed = |source| ConfigError::Read {
        path: path.into(),
        source,
    };
    if fs::metadata(path).map_err(failed)?.len() > FILE_BYTES {
        return Err(ConfigError::TooLarge { path: path.into() });
    }
    let text = fs::read_to_string(path).map_err(failed)?;
    Ok((text, path.parent().unwrap_or(Path::new(".")).into()))
}

fn state_directory(root: &Section<'_>) -> PathBuf {
    let given = root.path("state-dir");
    given.unwrap_or_else(|| systemd_directory("STATE_DIRECTORY", STATE_DIRECTORY))
}

fn runtime_directory(root: &Section<'_>) -> PathBuf {
    let given = root.path("runtime-dir");
    given.unwrap_or_else(|| systemd_directory("RUNTIME_DIRECTORY", "/run/ringcard"))
}

/// systemd names the directory it made for us; by hand the packaged place is used.
fn systemd_directory(variable: &str, otherwise: &str) -> PathBuf {
    std::env::var_os(variable).map_or_else(|| otherwise.into(), PathBuf::from)
}

fn webhook(root: &Section<'_>) -> Option<WebhookConfig> {
    let section = root.required_section("webhook")?;
    let mut listen = Vec::new();
    let address = |text: &str| text.parse::<SocketAddr>().ok();
    let tls = "an address and a port, such as \"0.0.0.0:8443\" or \"[::]:8443\"";
    listen.extend(section.parse("listen", tls, address).map(Listen::Tls));
    let plain = "a loopback address and a port, such as \"127.0.0.1:8080\", or \"unix:/run/ringcard/webhook.sock\"";
    listen.extend(section.parse("plain-listen", plain, |text| {
        if let Some(path) = text.strip_prefix("unix:") {
            return path.starts_with('/').then(|| Listen::Unix(path.into()));
        }
        address(text)
            .filter(|a| a.ip().is_loopback())
            .map(Listen::Loopback)
    }));
    if listen.is_empty() && !section.has("listen") && !section.has("plain-listen") {
        section.missing::<()>("listen", tls);
    }
    let certificate = match (section.path("certificate"), section.path("key")) {
        (Some(certificate), Some(key)) => Some(IdentityFiles { certificate, key }),
        (None, None) => None,
        (Some(_), None) => section.missing("key", "the PEM file with the certificate's key"),
        (None, Some(_)) => {
            section.missing("certificate", "the PEM file with the key's certificate")
        }
    };
    let names = section.texts("names");
    let is_host = |name: &String| {
        let clean = |b: u8| b.is_ascii_alphanumeric() || b".-:".contains(&b);
        !name.is_empty() && name.bytes().all(clean)
    };
    if !names.iter().all(is_host) {
        section.wrong::<()>(
            "names",
            "must be host names or addresses, such as \"pi.example\"",
        );
    }
    Some(WebhookConfig {
        listen,
        certificate,
        names,
    })
}
