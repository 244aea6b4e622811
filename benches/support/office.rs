//! The office that is measured: a directory on the build's disk with contacts, secrets and a configuration,
//! and the real `ringcard` run on it.
//!
//! The directory is below `target`, so the state is on a disk and not in memory.

use std::fs;
use std::io::{BufWriter, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringcard::demo::export::{rows, write_export};
use ringcard::demo::hipcall::{StandIn, StandInSettings};
use ringcard::demo::office::Office as Demo;
use ringcard::status::Status;
use ringcard::system::control::{Request, ask};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tempfile::TempDir;

use super::child::{Measured, Usage};
use super::{Failed, Result, SEED};

pub const RINGCARD: &str = env!("CARGO_BIN_EXE_ringcard");
/// How long a daemon may take to be ready before it counts as broken.
const READY_TIME: Duration = Duration::from_secs(20);
/// What no daemon listens to while there is no stand-in: discard.
const NOWHERE: &str = "https://127.0.0.1:9";

pub struct Office {
    pub demo: Demo,
    _directory: TempDir,
}

/// A number of the export, and whose it is.
pub struct Known {
    /// The person's, or the company's where there is no person.
    pub name: String,
    pub number: String,
}

impl Office {
    /// With so many contacts in its CSV file, and nothing synced yet.
    pub fn new(contacts: usize) -> Result<Office> {
        let directory = tempfile::Builder::new()
            .prefix("office-")
            .tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let demo = Demo::in_directory(directory.path())?;
        let mut file = BufWriter::new(fs::File::create(directory.path().join("contacts.csv"))?);
        write_export(&mut file, contacts, SEED)?;
        file.flush()?;
        let office = Office {
            demo,
            _directory: directory,
        };
        office.configure(NOWHERE)?;
        Ok(office)
    }

    /// Writes the configuration for a Hipcall at `node`. The certificate is valid for the address as well:
    /// resolving a name for every connection is not what is measured.
    pub fn configure(&self, node: &str) -> Result<()> {
        self.demo.configure(node, "127.0.0.1:0")?;
        let path = self.demo.config_path();
        let text = fs::read_to_string(&path)?;
        let named = text.replace("[webhook]\n", "[webhook]\nnames = [\"127.0.0.1\"]\n");
        if named == text {
            return Err("the demo's configuration has no [webhook]".into());
        }
        Ok(fs::write(path, named)?)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.demo.directory.join(name)
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(RINGCARD);
        command
            .arg("--config")
            .arg(self.demo.config_path())
            .args(arguments);
        command
    }

    /// `ringcard sync`, from its start to its end.
    pub fn sync(&self) -> Result<Usage> {
        let (started, log) = (Instant::now(), self.path("sync.log"));
        let sync = Measured::logged(&mut self.command(&["sync"]), &log)?;
        let usage = sync.watch(started)?;
        match usage.succeeded {
            true => Ok(usage),
            false => Err(format!("ringcard sync failed: {}", fs::read_to_string(log)?).into()),
        }
    }

    /// Synced, and with the certificate that the daemon makes at its first start.
    pub fn prepared(contacts: usize) -> Result<Office> {
        let office = Office::new(contacts)?;
        office.sync()?;
        Daemon::start(&office)?.process.stop()?;
        Ok(office)
    }

    /// A Hipcall for it, with its limit of requests out of the way.
    pub async fn hipcall(&self) -> Result<StandIn> {
        let settings = StandInSettings {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            token: self.demo.token.clone(),
            latency: Duration::ZERO,
            identity: Some(self.demo.identity.clone()),
            rate_limit: u32::MAX,
            users: Vec::new(),
        };
        let hipcall = StandIn::start(settings).await?;
        self.configure(&hipcall.node_url())?;
        Ok(hipcall)
    }

    /// The address that webhooks are sent to.
    pub fn webhook(&self, address: SocketAddr) -> String {
        format!("https://{address}/hooks/{}", self.demo.webhook_secret)
    }

    /// A client that keeps its connections and believes the daemon's certificate.
    pub fn client(&self) -> Result<reqwest::Client> {
        let tls = client_tls(&fs::read(self.demo.daemon_certificate())?)?;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy();
        Ok(client.build()?)
    }
}

/// TLS for a client of HTTP/2 and HTTP/1.1 that trusts the certificates in `pem` and no others.
pub fn client_tls(pem: &[u8]) -> Result<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        roots.add(certificate?)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(tls)
}

/// Every number of the export with its contact, in its order.
pub fn known(contacts: usize) -> Vec<Known> {
    rows(contacts, SEED)
        .flat_map(|row| {
            let [_, person, company, ..] = row.cells;
            let name = if person.is_empty() { company } else { person };
            row.numbers.into_iter().map(move |number| Known {
                name: name.clone(),
                number,
            })
        })
        .collect()
}

/// `ringcard run`.
pub struct Daemon {
    pub process: Measured,
    /// From just before its start to `READY=1`.
    pub ready_after: Duration,
    control: PathBuf,
}

impl Daemon {
    /// Comes when the daemon has said that it is ready, as systemd hears it.
    pub fn start(office: &Office) -> Result<Daemon> {
        let path = office.path("notify.sock");
        let _ = fs::remove_file(&path);
        let notify = UnixDatagram::bind(&path)?;
        notify.set_read_timeout(Some(READY_TIME))?;
        let log = office.path("ringcard.log");
        let mut command = office.command(&["run"]);
        let started = Instant::now();
        let process = Measured::logged(command.env("NOTIFY_SOCKET", &path), &log)?;
        let mut said = [0; 1024];
        loop {
            let length = notify.recv(&mut said).map_err(|e| not_ready(&log, &e))?;
            if said[..length].starts_with(b"READY=1") {
                break;
            }
        }
        let ready_after = started.elapsed();
        // Nobody listens from here on: a full queue would hold the daemon up.
        drop(notify);
        let control = office.path("run/control.sock");
        Ok(Daemon {
            process,
            ready_after,
            control,
        })
    }

    pub async fn ask<T: serde::de::DeserializeOwned>(&self, request: &Request) -> Result<T> {
        Ok(ask(&self.control, request, |_| {}).await?)
    }

    pub async fn status(&self) -> Result<Status> {
        self.ask(&Request::Status).await
    }

    pub async fn address(&self) -> Result<SocketAddr> {
        let addresses = self.status().await?.webhook.addresses;
        Ok(addresses.first().ok_or("it has no address")?.parse()?)
    }
}

fn not_ready(log: &Path, cause: &std::io::Error) -> Failed {
    let said = fs::read_to_string(log).unwrap_or_default();
    format!("the daemon was not ready in time ({cause}); it said: {said}").into()
}
