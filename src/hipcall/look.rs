//! A handshake with a node for its own sake: whom it shows itself as, trusted or not.
//!
//! What decides is the same verifier that every connection to Hipcall has; only the certificates that it was shown
//! are kept besides, so that a refusal can say who issued them.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::client::{Trust, TrustError, authorities};

#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error("the name can't stand in a certificate")]
    Name,
    #[error("the certificate is not valid at this box's time")]
    OutOfDate,
    #[error("the certificate is not trusted")]
    NotTrusted(#[source] io::Error),
    #[error("no TLS is spoken there")]
    Broken(#[source] io::Error),
}

/// Who was met, and whether they may be believed.
pub struct Guest {
    pub chain: Vec<CertificateDer<'static>>,
    pub trusted: Result<(), HandshakeError>,
}

/// Begins TLS with `host` over `stream`, and ends it again.
pub async fn shake_hands(trust: &Trust, host: &str, stream: TcpStream) -> Guest {
    let (mut chain, trusted) = (Vec::new(), Err(HandshakeError::Name));
    let Ok(name) = ServerName::try_from(host.to_owned()) else {
        return Guest { chain, trusted };
    };
    let (config, witness) = match witnessed(trust) {
        Ok(both) => both,
        Err(e) => {
            let trusted = Err(e.into());
            return Guest { chain, trusted };
        }
    };
    let connector = TlsConnector::from(Arc::new(config));
    let shaken = connector.connect(name, stream).await;
    std::mem::swap(&mut chain, &mut witness.lock());
    let trusted = shaken.map(drop).map_err(HandshakeError::of);
    Guest { chain, trusted }
}

/// Whether an authority that `trust` knows stands behind a chain whose first is `host`'s.
pub fn issues(
    trust: &Trust,
    chain: &[CertificateDer<'static>],
    host: &str,
) -> Result<bool, TrustError> {
    let verifier = verifier(trust)?;
    let (Some((first, rest)), Ok(name)) =
        (chain.split_first(), ServerName::try_from(host.to_owned()))
    else {
        return Ok(false);
    };
    let seen = verifier.verify_server_cert(first, rest, &name, &[], UnixTime::now());
    Ok(!matches!(
        seen,
        Err(Error::InvalidCertificate(CertificateError::UnknownIssuer))
    ))
}

impl HandshakeError {
    fn of(error: io::Error) -> HandshakeError {
        let cause = error.get_ref().and_then(|e| e.downcast_ref::<Error>());
        match cause {
            Some(Error::InvalidCertificate(
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. },
            )) => HandshakeError::OutOfDate,
            Some(Error::InvalidCertificate(_)) => HandshakeError::NotTrusted(error),
            _ => HandshakeError::Broken(error),
        }
    }
}

fn verifier(trust: &Trust) -> Result<Arc<WebPkiServerVerifier>, TrustError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = Arc::new(authorities(trust)?);
    let built = WebPkiServerVerifier::builder_with_provider(roots, provider).build();
    // There are authorities, and nothing else was asked of it.
    built.map_err(|_| TrustError::NoAuthorities)
}

fn witnessed(trust: &Trust) -> Result<(rustls::ClientConfig, Arc<Witness>), TrustError> {
    let witness = Arc::new(Witness {
        judge: verifier(trust)?,
        seen: Mutex::default(),
    });
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(witness.clone())
        .with_no_client_auth();
    Ok((config, witness))
}

/// Keeps what it was shown, and leaves every judgement to the verifier.
#[derive(Debug)]
struct Witness {
    judge: Arc<WebPkiServerVerifier>,
    seen: Mutex<Vec<CertificateDer<'static>>>,
}

impl Witness {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<CertificateDer<'static>>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        first: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let shown = std::iter::once(first).chain(rest);
        *self.lock() = shown.map(|c| c.clone().into_owned()).collect();
        self.judge.verify_server_cert(first, rest, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge
            .verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge
            .verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.supported_verify_schemes()
    }
}
