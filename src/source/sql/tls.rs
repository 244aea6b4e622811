//! Whose certificates a database's are compared with.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme,
};

use super::error::SqlError;
use super::settings::{Server, Tls};
use crate::source::error::SourceError;

/// The authorities in the file, or the system's.
pub(super) fn authorities(
    ca_file: Option<&Path>,
) -> Result<Vec<CertificateDer<'static>>, SqlError> {
    let Some(path) = ca_file else {
        let found = rustls_native_certs::load_native_certs().certs;
        return match found.is_empty() {
            true => Err(SqlError::NoAuthorities),
            false => Ok(found),
        };
    };
    let wrong = || SqlError::CaFile {
        path: path.to_owned(),
    };
    let found = CertificateDer::pem_file_iter(path).map_err(|_| wrong())?;
    let found: Vec<_> = found.collect::<Result<_, _>>().map_err(|_| wrong())?;
    match found.is_empty() {
        true => Err(wrong()),
        false => Ok(found),
    }
}

/// How to speak TLS with the server; `None` if it is not to be spoken.
pub(super) fn client(
    server: &Server,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> Result<Option<ClientConfig>, SqlError> {
    let provider = Arc::new(ring::default_provider());
    let failed = |source| SqlError::Tls {
        server: server.shown(),
        source: io::Error::other::<TlsError>(source),
    };
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(versions)
        .map_err(failed)?;
    let builder = match server.tls() {
        Tls::Off => return Ok(None),
        Tls::Unverified => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody(provider))),
        Tls::Verified { ca_file, .. } => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(authorities(ca_file.as_deref())?);
            builder.with_root_certificates(roots)
        }
    };
    Ok(Some(builder.with_no_client_auth()))
}

/// What a failed handshake or connection is about. `cause` is any error that may have one of TLS within it.
pub(super) fn failure(
    server: &Server,
    cause: &(dyn std::error::Error + 'static),
    source: io::Error,
) -> SourceError {
    let server = server.shown();
    let mut next = Some(cause);
    while let Some(error) = next {
        // An error of the system may hold one of TLS that it does not name as its source.
        let within = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        let within = within.and_then(|e| e.downcast_ref::<TlsError>());
        match within.or_else(|| error.downcast_ref::<TlsError>()) {
            Some(source @ TlsError::InvalidCertificate(_)) => {
                let source = source.clone();
                return SqlError::NotTrusted { server, source }.into();
            }
            Some(_) => return SqlError::Tls { server, source }.into(),
            None => next = error.source(),
        }
    }
    SqlError::Lost { server, source }.into()
}

/// Believes whoever answers, though not that they answer for somebody else's key.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls12_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls13_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
