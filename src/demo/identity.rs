//! A certificate for `localhost`, signed by an authority made up on the spot.
//!
//! The demo, the tests and the benches meet over real TLS, and trust exactly this authority and no other.
//! Its key is never written down: what it signs is made while its maker runs.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

/// From before any clock's beginning to after any clock's end.
const YEARS: Range<i32> = 1970..4096;

/// Who signs; for those who need more than one certificate of it.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn generate() -> io::Result<Authority> {
        let ca = || {
            let mut params = CertificateParams::new(Vec::default())?;
            params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
            params.not_before = date_time_ymd(YEARS.start, 1, 1);
            params.not_after = date_time_ymd(YEARS.end, 1, 1);
            let name = &mut params.distinguished_name;
            name.push(DnType::CommonName, "Ringcard demo authority");
            CertifiedIssuer::self_signed(params, KeyPair::generate()?)
        };
        ca().map(Authority).map_err(io::Error::other)
    }

    /// One that is valid from the first of these years until before the last.
    pub fn identity(&self, years: Range<i32>) -> io::Result<Identity> {
        let Authority(ca) = self;
        let signed = || {
            let names = ["localhost", "127.0.0.1"].map(String::from);
            let mut params = CertificateParams::new(names)?;
            params.use_authority_key_identifier_extension = true;
            params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            params.not_before = date_time_ymd(years.start, 1, 1);
            params.not_after = date_time_ymd(years.end, 1, 1);
            let name = &mut params.distinguished_name;
            name.push(DnType::CommonName, "localhost");
            let key = KeyPair::generate()?;
            Ok::<_, rcgen::Error>((params.signed_by(&key, ca)?, key))
        };
        let (cert, key) = signed().map_err(io::Error::other)?;
        Ok(Identity {
            ca_pem: ca.pem(),
            cert_pem: cert.pem(),
            key_pem: key.serialize_pem(),
        })
    }
}

/// Who a stand-in is, as PEM.
#[derive(Clone)]
pub struct Identity {
    pub ca_pem: String,
    pub cert_pem: String,
    pub key_pem: String,
}

/// The key stays out of logs.
impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity(***)")
    }
}

impl Identity {
    /// A fresh one for `localhost` and `127.0.0.1`.
    pub fn generate() -> io::Result<Identity> {
        Authority::generate()?.identity(YEARS)
    }

    /// What a server with this identity needs; it speaks HTTP/2 and HTTP/1.1.
    pub(super) fn server_config(&self) -> io::Result<ServerConfig> {
        let chain = certificates(&self.cert_pem)?;
        let key = PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes()).map_err(unreadable)?;
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(unreadable)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(unreadable)?;
        config.alpn_protocols = protocols();
        Ok(config)
    }
}

/// A client that trusts the certificates in `ca_pem` and no others.
pub(super) fn client_config(ca_pem: &str) -> io::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca_pem)? {
        roots.add(certificate).map_err(unreadable)?;
    }
    if roots.is_empty() {
        return Err(unreadable("no certificate in the PEM"));
    }
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(unreadable)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols();
    Ok(config)
}

/// Named on every configuration: the process-wide default belongs to the daemon.
fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn protocols() -> Vec<Vec<u8>> {
    vec![b"h2".to_vec(), b"http/1.1".to_vec()]
}

fn certificates(pem: &str) -> io::Result<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(unreadable)
}

fn unreadable(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_serves_and_is_trusted() {
        let identity = Identity::generate().unwrap();
        assert!(identity.server_config().is_ok());
        assert!(client_config(&identity.ca_pem).is_ok());
        assert_eq!(format!("{identity:?}"), "Identity(***)");
    }

    #[test]
    fn what_is_no_pem_is_refused() {
        let good = Identity::generate().unwrap();
        let other = Identity::generate().unwrap();
        assert!(client_config("").is_err());
        assert!(client_config("-----BEGIN CERTIFICATE-----").is_err());
        let mixed = Identity {
            key_pem: other.key_pem,
            ..good.clone()
        };
        assert!(mixed.server_config().is_err());
        let keyless = Identity {
            key_pem: String::new(),
            ..good
        };
        assert!(keyless.server_config().is_err());
    }
}
