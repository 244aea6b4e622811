//! The certificates that a pair of files, or a peer, shows: who issued each, and until when it is good; and a client
//! that takes one of them and no other.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::name::Name;

use super::facts::Facts;

/// One certificate of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub facts: Facts,
    pub issuer: String,
    /// Whoever it names signed it, so nobody vouches for it.
    pub is_self_signed: bool,
    owner: String,
}

impl Seen {
    /// None of what is no certificate as RFC 5280 has them.
    pub fn of(certificate: &CertificateDer<'_>) -> Option<Seen> {
        let read = Certificate::from_der(certificate).ok()?.tbs_certificate;
        Some(Seen {
            facts: Facts::of(certificate)?,
            issuer: written(&read.issuer),
            is_self_signed: read.issuer == read.subject,
            owner: written(&read.subject),
        })
    }

    /// Whether `next` is the one whose key may have signed this one.
    pub fn leads_to(&self, next: &Seen) -> bool {
        self.issuer == next.owner
    }
}

/// The common attributes (RFC 4514, section 3) by their short names, any other by its number. `Name` can write itself,
/// with a table of a thousand attributes that takes 0.2 MB of the binary.
fn written(name: &Name) -> String {
    let attributes = name.0.iter().rev().flat_map(|set| set.0.iter());
    let each = attributes.map(|attribute| {
        let number = attribute.oid.to_string();
        let value = String::from_utf8_lossy(attribute.value.value());
        let known = SHORT.iter().find(|(of, _)| *of == number);
        format!("{}={value}", known.map_or(&*number, |(_, short)| short))
    });
    each.collect::<Vec<_>>().join(",")
}

const SHORT: [(&str, &str); 6] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
];

/// A client for a door that shows exactly this certificate, whatever name or authority is in it.
pub fn pinned(certificate: CertificateDer<'static>) -> Result<rustls::ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let pin = Pin {
        certificate,
        provider: provider.clone(),
    };
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(pin))
        .with_no_client_auth())
}

/// Stricter than any authority: one certificate, byte for byte, and its key.
#[derive(Debug)]
struct Pin {
    certificate: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pin {
    fn verify_server_cert(
        &self,
        first: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match *first == self.certificate {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(CertificateError::ApplicationVerificationFailure.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_followed_from_one_to_the_next() {
        let key = || rcgen::KeyPair::generate().unwrap();
        let named = |name: &str| {
            let mut parameters = rcgen::CertificateParams::new(vec!["pi.example".into()]).unwrap();
            parameters.distinguished_name = rcgen::DistinguishedName::new();
            let distinguished = &mut parameters.distinguished_name;
            distinguished.push(rcgen::DnType::CountryName, "TR");
            distinguished.push(rcgen::DnType::OrganizationName, "Örnek A.Ş.");
            distinguished.push(rcgen::DnType::CustomDnType(vec![2, 5, 4, 5]), "17");
            distinguished.push(rcgen::DnType::CommonName, name);
            parameters
        };
        let mut above = named("Example authority");
        above.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority = rcgen::CertifiedIssuer::self_signed(above, key()).unwrap();
        let below = named("pi").signed_by(&key(), &authority).unwrap();
        let [leaf, root] = [below.der(), authority.der()].map(|c| Seen::of(c).unwrap());
        assert_eq!(
            leaf.issuer,
            "CN=Example authority,2.5.4.5=17,O=Örnek A.Ş.,C=TR"
        );
        assert!(leaf.leads_to(&root) && !root.leads_to(&leaf));
        assert!(root.is_self_signed && !leaf.is_self_signed);
        assert_eq!(Seen::of(&CertificateDer::from(vec![0x30, 3, 1])), None);
    }

    #[tokio::test]
    async fn only_the_one_certificate_is_spoken_to() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        use tokio_rustls::{TlsAcceptor, TlsConnector};

        let made = |name: &str| rcgen::generate_simple_self_signed(vec![name.into()]).unwrap();
        // A stranger on the port may bear the same name.
        let (ours, stranger) = (made("pi.example"), made("pi.example"));
        let config = pinned(ours.cert.der().clone()).unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        for (shown, is_ours) in [(ours, true), (stranger, false)] {
            let key =
                rustls::pki_types::PrivateKeyDer::Pkcs8(shown.signing_key.serialize_der().into());
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let server = rustls::ServerConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(vec![shown.cert.der().clone()], key)
                .unwrap();
            let (near, far) = tokio::io::duplex(16 << 10);
            let served = tokio::spawn(async move {
                let mut stream = TlsAcceptor::from(Arc::new(server)).accept(far).await?;
                let mut said = Vec::new();
                stream.read_to_end(&mut said).await.map(|_| said)
            });
            let name = ServerName::try_from("another.example").unwrap();
            match connector.connect(name, near).await {
                Ok(mut stream) => {
                    assert!(is_ours);
                    stream.shutdown().await.unwrap();
                    assert!(served.await.unwrap().unwrap().is_empty());
                }
                Err(e) => {
                    let cause = e.get_ref().and_then(|e| e.downcast_ref::<Error>());
                    assert!(
                        !is_ours && matches!(cause, Some(Error::InvalidCertificate(_))),
                        "{e}"
                    );
                    assert!(served.await.unwrap().is_err());
                }
            }
        }
    }
}
