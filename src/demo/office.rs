//! A made-up office in a directory: configuration, contacts, secrets, and the stand-in's certificate.
//!
//! Made once and then left as it is, so that a daemon can be run on it by hand.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::export::{ROWS, write_export};
use super::identity::Identity;

/// The same contacts each time.
const SEED: u64 = 1919;

pub struct Office {
    pub directory: PathBuf,
    pub token: String,
    pub webhook_secret: String,
    pub identity: Identity,
}

impl Office {
    pub fn in_directory(directory: &Path) -> io::Result<Office> {
        fs::create_dir_all(directory)?;
        let file = |name: &str| directory.join(name);
        if !file("contacts.csv").exists() {
            let identity = Identity::generate()?;
            write(&file("hipcall-ca.pem"), &identity.ca_pem, 0o644)?;
            write(&file("hipcall.crt"), &identity.cert_pem, 0o644)?;
            write(&file("hipcall.key"), &identity.key_pem, 0o600)?;
            write(&file("token"), &random(32), 0o600)?;
            write(&file("webhook-secrets"), &random(48), 0o600)?;
            let mut contacts = io::BufWriter::new(fs::File::create(file("contacts.csv"))?);
            write_export(&mut contacts, ROWS, SEED)?;
            contacts.flush()?;
        }
        let read = |name: &str| fs::read_to_string(file(name));
        Ok(Office {
            directory: directory.into(),
            token: read("token")?,
            webhook_secret: read("webhook-secrets")?,
            identity: Identity {
                ca_pem: read("hipcall-ca.pem")?,
                cert_pem: read("hipcall.crt")?,
                key_pem: read("hipcall.key")?,
            },
        })
    }

    pub fn config_path(&self) -> PathBuf {
        self.directory.join("ringcard.toml")
    }

    /// The certificate that the daemon makes for itself at its first start.
    pub fn daemon_certificate(&self) -> PathBuf {
        self.directory.join("state/self-signed.crt")
    }

    /// Writes the configuration for a Hipcall at `node` and webhooks at `listen`.
    pub fn configure(&self, node: &str, listen: &str) -> io::Result<()> {
        let text = CONFIG.replace("NODE", node).replace("LISTEN", listen);
        write(&self.config_path(), &text, 0o644)
    }
}

/// The columns are those of `export::HEADER`.
const CONFIG: &str = r#"# Made by `ringcard demo`.
locale = "tr"
state-dir = "state"
runtime-dir = "run"

[webhook]
listen = "LISTEN"

[hipcall]
ca-file = "hipcall-ca.pem"

[[account]]
name = "demo"
node = "NODE"
region = "TR"
token = { file = "token" }
webhook-secrets = { file = "webhook-secrets" }

[[source]]
name = "crm"
type = "csv"
path = "contacts.csv"
every = "15m"

[source.columns]
key = "Cari Kodu"
name = "Ad Soyad"
company = "Firma"
numbers = ["Cep", "Telefon"]
balance = "Bakiye"
currency = "Döviz"
decimal = ","
"#;

fn write(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(path)?;
    file.write_all(text.as_bytes())
}

fn random(length: usize) -> String {
    std::iter::repeat_with(fastrand::alphanumeric)
        .take(length)
        .collect()
}
