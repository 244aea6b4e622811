//! The client of one account: posts cards, and keeps its node's connection warm.
//!
//! Accounts of one node share a `Connector`'s connections: over HTTP/2 one connection carries them all,
//! held open by pings. Setting one up costs three round trips, which a ringing phone does not have.
//!
//! Redirects are not followed: they would carry the token to another host.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use reqwest::redirect::Policy;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::Serialize;

use super::error::SendError;
use super::names::Names;
use super::quota::Quota;
use crate::domain::call::CallId;
use crate::domain::card::Card;

/// One try, from the first byte to the last: Hipcall takes 0.2 to 0.4 s (measured).
pub const REQUEST_TIME: Duration = Duration::from_secs(5);
const CONNECT_TIME: Duration = Duration::from_secs(3);
/// How often an idle connection is pinged, and how long the answer may take: a dead line is known, and
/// replaced, before the next call and not by it.
const PING_EVERY: Duration = Duration::from_secs(20);
const PING_TIME: Duration = Duration::from_secs(5);
/// An answer longer than this is not read to its end: a card's echo has about 1 kB.
const ANSWER_BYTES: usize = 64 << 10;

/// Whom we believe to be Hipcall.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// A PEM file with the authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
}

#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    #[error("{path} can't be read as PEM certificates")]
    File {
        path: PathBuf,
        source: rustls::pki_types::pem::Error,
    },
    #[error("{path} holds no certificate")]
    Empty { path: PathBuf },
    #[error("{path} holds something that is no authority's certificate")]
    NotAnAuthority {
        path: PathBuf,
        source: rustls::Error,
    },
    #[error("the system has no certificate authorities: install the package ca-certificates")]
    NoAuthorities,
    #[error("the TLS client can't be set up")]
    Tls(#[from] rustls::Error),
    #[error("the HTTP client can't be set up")]
    Http(#[from] reqwest::Error),
}

/// Makes the connections of one kind of trust.
#[derive(Clone)]
pub struct Connector {
    http: reqwest::Client,
}

impl Connector {
    pub fn new(trust: &Trust) -> Result<Connector, TrustError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(authorities(trust)?)
            .with_no_client_auth();
        // A configuration that is handed to reqwest has to offer HTTP/2 itself; without, it is never spoken.
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .dns_resolver(Arc::new(Names::of_the_system()))
            .user_agent(concat!("ringcard/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .connect_timeout(CONNECT_TIME)
            .timeout(REQUEST_TIME)
            .pool_idle_timeout(None)
            .pool_max_idle_per_host(1)
            .tcp_nodelay(true)
            .tcp_keepalive(PING_EVERY)
            .http2_keep_alive_interval(PING_EVERY)
            .http2_keep_alive_timeout(PING_TIME)
            .http2_keep_alive_while_idle(true)
            .build()?;
        Ok(Connector { http })
    }
}

fn authorities(trust: &Trust) -> Result<rustls::RootCertStore, TrustError> {
    let mut roots = rustls::RootCertStore::empty();
    let Some(path) = &trust.ca_file else {
        // Single unreadable files of the system's store don't matter as long as some remain.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return if roots.is_empty() {
            Err(TrustError::NoAuthorities)
        } else {
            Ok(roots)
        };
    };
    let file = |source| TrustError::File {
        path: path.clone(),
        source,
    };
    for certificate in CertificateDer::pem_file_iter(path).map_err(file)? {
        roots
            .add(certificate.map_err(file)?)
            .map_err(|source| TrustError::NotAnAuthority {
                path: path.clone(),
                source,
            })?;
    }
    if roots.is_empty() {
        Err(TrustError::Empty { path: path.clone() })
    } else {
        Ok(roots)
    }
}

pub struct Client {
    pub(super) http: reqwest::Client,
    pub(super) node: String,
    pub(super) authorization: HeaderValue,
    pub(super) quota: Quota,
}

#[derive(Serialize)]
struct Body<'a> {
    card: &'a Card,
}

impl Client {
    /// `node` is scheme and host, `token` the bare token. `None` if the token can't stand in a header.
    pub fn new(connector: &Connector, node: &str, token: &str) -> Option<Client> {
        let mut authorization = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
        authorization.set_sensitive(true);
        let (http, node) = (
            connector.http.clone(),
            node.trim_end_matches('/').to_owned(),
        );
        Some(Client {
            http,
            node,
            authorization,
            quota: Quota::default(),
        })
    }

    pub async fn post_card(&self, call: &CallId, card: &Card) -> Result<(), SendError> {
        if let Some(wait) = self.quota.wait() {
            return Err(SendError::RateLimited { wait });
        }
        let mut answer = self
            .http
            .post(format!("{}/api/v3/calls/{call}/cards", self.node))
            .header(AUTHORIZATION, self.authorization.clone())
            .header(ACCEPT, "application/json")
            .json(&Body { card })
            .send()
            .await
            .map_err(SendError::transport)?;
        let status = answer.status().as_u16();
        if let Some(wait) = self.quota.learn(status, answer.headers()) {
            return Err(SendError::RateLimited { wait });
        }
        let body = read(&mut answer).await;
        if (200..300).contains(&status) {
            Ok(())
        } else {
            Err(SendError::refused(status, &body))
        }
    }

    /// Opens the connection if it is lost, with a request that needs no token and counts for no quota.
    pub async fn warm(&self) -> Result<(), SendError> {
        let root = format!("{}/", self.node);
        self.http
            .head(root)
            .send()
            .await
            .map(drop)
            .map_err(SendError::transport)
    }
}

/// Reads an answer to its end, so that its connection can carry the next request. What it says is settled
/// by the status; a body that breaks off changes nothing.
async fn read(answer: &mut reqwest::Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        if body.len() + chunk.len() > ANSWER_BYTES {
            break;
        }
        body.extend_from_slice(&chunk);
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::hipcall::{RATE_LIMIT, StandIn, StandInSettings};
    use std::net::SocketAddr;

    #[tokio::test]
    async fn http_2_is_spoken_where_hipcall_speaks_it() {
        let settings = StandInSettings {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            token: "secret".into(),
            latency: Duration::ZERO,
            identity: None,
            rate_limit: RATE_LIMIT,
            users: Vec::new(),
        };
        let hipcall = StandIn::start(settings).await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        let ca_file = directory.path().join("ca.pem");
        std::fs::write(&ca_file, hipcall.ca_pem()).unwrap();
        let trust = Trust {
            ca_file: Some(ca_file),
        };
        let connector = Connector::new(&trust).unwrap();
        let answer = connector.http.head(hipcall.node_url()).send().await;
        assert_eq!(answer.unwrap().version(), reqwest::Version::HTTP_2);
    }
}
