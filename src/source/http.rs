//! The client for what is read over HTTP: who is believed, and what is never done.
//!
//! Redirects are not followed: they would carry a credential to another host. TLS is rustls with ring, and trusts
//! the system's authorities, or those of a file that the operator names instead.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect::Policy;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};

/// A connection that is not there by then would not come: three tries of a name server have 15 s.
const CONNECT_TIME: Duration = Duration::from_secs(20);

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("{} can't be read as PEM certificates", .path.display())]
    File { path: PathBuf, source: pem::Error },
    #[error("{} holds no authority's certificate", .path.display())]
    Empty { path: PathBuf },
    #[error("the system has no certificate authorities: install the package ca-certificates")]
    NoAuthorities,
    #[error("the TLS client can't be set up")]
    Tls(#[from] rustls::Error),
    #[error("the HTTP client can't be set up")]
    Http(#[from] reqwest::Error),
}

/// `ca_file` holds the authorities to trust instead of the system's. Requests set their own time.
pub(super) fn client(ca_file: Option<&Path>) -> Result<reqwest::Client, ClientError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(authorities(ca_file)?)
        .with_no_client_auth();
    // A configuration that is handed to reqwest has to offer HTTP/2 itself; without, it is never spoken.
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(concat!("ringcard/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .connect_timeout(CONNECT_TIME)
        .pool_max_idle_per_host(1)
        .build()?;
    Ok(client)
}

fn authorities(ca_file: Option<&Path>) -> Result<RootCertStore, ClientError> {
    let mut roots = RootCertStore::empty();
    let Some(path) = ca_file else {
        // Single unreadable files of the system's store don't matter as long as some remain.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return match roots.is_empty() {
            true => Err(ClientError::NoAuthorities),
            false => Ok(roots),
        };
    };
    let file = |source| ClientError::File {
        path: path.to_owned(),
        source,
    };
    let certificates = CertificateDer::pem_file_iter(path).map_err(file)?;
    let certificates: Vec<_> = certificates.collect::<Result<_, _>>().map_err(file)?;
    let (added, _) = roots.add_parsable_certificates(certificates);
    match added {
        0 => Err(ClientError::Empty {
            path: path.to_owned(),
        }),
        _ => Ok(roots),
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::demo::hipcall::{RATE_LIMIT, StandIn, StandInSettings};
    use crate::demo::identity::Identity;
    use crate::source::api::error::why_unreachable;

    async fn ask(trusted: &str, server: Identity) -> Result<u16, &'static str> {
        let settings = StandInSettings {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            token: "token".into(),
            latency: Duration::ZERO,
            identity: Some(server),
            rate_limit: RATE_LIMIT,
            users: Vec::new(),
        };
        let server = StandIn::start(settings).await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("ca.pem");
        std::fs::write(&file, trusted).unwrap();
        let client = client(Some(&file)).unwrap();
        let answer = client.get(server.node_url()).send().await;
        answer
            .map(|a| a.status().as_u16())
            .map_err(|e| why_unreachable(&e))
    }

    #[tokio::test]
    async fn a_server_is_believed_by_the_authority_that_was_named_and_by_no_other() {
        let identity = Identity::generate().unwrap();
        assert!(ask(&identity.ca_pem.clone(), identity).await.is_ok());
        let (identity, other) = (Identity::generate().unwrap(), Identity::generate().unwrap());
        let error = ask(&other.ca_pem, identity).await.unwrap_err();
        assert!(
            error.starts_with("its certificate is not trusted"),
            "{error}"
        );
    }

    #[test]
    fn a_file_without_an_authority_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("ca.pem");
        assert!(matches!(client(Some(&file)), Err(ClientError::File { .. })));
        std::fs::write(&file, "nothing").unwrap();
        let error = client(Some(&file)).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("holds no authority's certificate"),
            "{error}"
        );
    }
}
