//! The certificate we show: read from PEM files, made by ourselves if there are none, replaced without a
//! restart. A new pair that is not good keeps the old one in use.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use ring::digest::{SHA256, digest};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::facts::Facts;

/// Largest PEM file read: a chain of four certificates has about 8 kB.
const PEM_BYTES: u64 = 256 << 10;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("{path} can't be read")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path} is larger than 256 KiB")]
    TooLarge { path: PathBuf },
    #[error("{path} holds no {what} in PEM form")]
    NotPem {
        path: PathBuf,
        what: &'static str,
        source: rustls::pki_types::pem::Error,
    },
    #[error("{path} holds no certificate in PEM form")]
    Empty { path: PathBuf },
    #[error("the key {key} does not fit the certificate {certificate}")]
    Mismatch {
        certificate: PathBuf,
        key: PathBuf,
        source: rustls::Error,
    },
    #[error("a certificate can't be made")]
    Make(#[from] rcgen::Error),
    #[error("{path} can't be written")]
    Write { path: PathBuf, source: io::Error },
}

/// The pair in use, shared with the TLS layer.
#[derive(Debug)]
pub struct Identity {
    files: IdentityFiles,
    current: ArcSwap<CertifiedKey>,
}

impl Identity {
    pub fn load(files: IdentityFiles) -> Result<Identity, CertificateError> {
        let pair = read_pair(&files)?;
        Ok(Identity {
            files,
            current: ArcSwap::from_pointee(pair),
        })
    }

    /// Where the pair that we make for ourselves is.
    pub fn self_signed_files(directory: &Path) -> IdentityFiles {
        IdentityFiles {
            certificate: directory.join("self-signed.crt"),
            key: directory.join("self-signed.key"),
        }
    }

    /// The pair in `directory`, made there first if it is missing. Valid for `names`, and until 2049:
    /// whoever pins its fingerprint must not be surprised by a new one.
    pub fn self_signed(directory: &Path, names: Vec<String>) -> Result<Identity, CertificateError> {
        let files = Identity::self_signed_files(directory);
        if !files.certificate.exists() || !files.key.exists() {
            let key = rcgen::KeyPair::generate()?;
            let mut parameters = rcgen::CertificateParams::new(names)?;
            parameters
                .distinguished_name
                .push(rcgen::DnType::CommonName, "Ringcard");
            parameters.not_before = rcgen::date_time_ymd(2020, 1, 1);
            parameters.not_after = rcgen::date_time_ymd(2049, 12, 31);
            let certificate = parameters.self_signed(&key)?;
            write_new(&files.key, &key.serialize_pem(), 0o600)?;
            write_new(&files.certificate, &certificate.pem(), 0o644)?;
        }
        Identity::load(files)
    }

    /// Takes up what the files hold now. On an error the pair in use stays.
    pub fn reload(&self) -> Result<(), CertificateError> {
        self.current.store(Arc::new(read_pair(&self.files)?));
        Ok(())
    }

    pub fn files(&self) -> &IdentityFiles {
        &self.files
    }

    /// Changes when either file is replaced: modification times and lengths.
    pub fn stamp(&self) -> Vec<Option<(SystemTime, u64)>> {
        let stamp = |path: &PathBuf| {
            let metadata = fs::metadata(path).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        };
        vec![stamp(&self.files.certificate), stamp(&self.files.key)]
    }

    /// What the first certificate says of itself.
    pub fn facts(&self) -> Option<Facts> {
        Facts::of(self.current.load().cert.first()?)
    }

    /// SHA-256 of the first certificate, as browsers and openssl print it.
    pub fn fingerprint(&self) -> String {
        let current = self.current.load();
        let hash = current.cert.first().map(|c| digest(&SHA256, c));
        let bytes = hash.as_ref().map_or(&[] as &[u8], |h| h.as_ref());
        bytes
            .iter()
            .map(|b| format!("{b:02X}"))
            .collect::<Vec<_>>()
            .join(":")
    }
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

/// TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1.
pub(super) fn server_config(
    identity: Arc<Identity>,
) -> Result<rustls::ServerConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(identity);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn read_pair(files: &IdentityFiles) -> Result<CertifiedKey, CertificateError> {
    let pem = |path: &Path, what| {
        let path = path.to_owned();
        move |source| CertificateError::NotPem { path, what, source }
    };
    let bytes = read(&files.certificate)?;
    let chain = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<Vec<_>, _>>()
        .map_err(pem(&files.certificate, "certificate"))?;
    if chain.is_empty() {
        return Err(CertificateError::Empty {
            path: files.certificate.clone(),
        });
    }
    let key = PrivateKeyDer::from_pem_slice(&read(&files.key)?)
        .map_err(pem(&files.key, "private key"))?;
    let provider = rustls::crypto::ring::default_provider();
    CertifiedKey::from_der(chain, key, &provider).map_err(|source| CertificateError::Mismatch {
        certificate: files.certificate.clone(),
        key: files.key.clone(),
        source,
    })
}

fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    let error = |source| CertificateError::Read {
        path: path.into(),
        source,
    };
    if fs::metadata(path).map_err(error)?.len() > PEM_BYTES {
        return Err(CertificateError::TooLarge { path: path.into() });
    }
    fs::read(path).map_err(error)
}

/// The name appears only with the whole file behind it: a power cut must not leave half a key.
fn write_new(path: &Path, text: &str, mode: u32) -> Result<(), CertificateError> {
    use std::os::unix::fs::OpenOptionsExt;
    let write = || {
        let beside = path.with_extension("new");
        // Left by a power cut, it has the rights of the other file.
        match fs::remove_file(&beside) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let mut options = fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().map_err(|source| CertificateError::Write {
        path: path.into(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn names() -> Vec<String> {
        vec!["localhost".into()]
    }

    #[test]
    fn a_self_signed_pair_is_made_once_and_its_key_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let first = Identity::self_signed(dir.path(), names())
            .unwrap()
            .fingerprint();
        assert_eq!(first.len(), 95);
        assert_eq!(
            Identity::self_signed(dir.path(), names())
                .unwrap()
                .fingerprint(),
            first
        );
        let mode = fs::metadata(dir.path().join("self-signed.key"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        // A power cut between the two files of a pair.
        let dir = tempfile::tempdir().unwrap();
        let beside = dir.path().join("self-signed.new");
        fs::write(&beside, "half a certificate").unwrap();
        fs::set_permissions(&beside, fs::Permissions::from_mode(0o644)).unwrap();
        Identity::self_signed(dir.path(), names()).unwrap();
        let key = fs::metadata(dir.path().join("self-signed.key")).unwrap();
        assert_eq!(key.permissions().mode() & 0o777, 0o600);
        assert!(!beside.exists());
    }

    #[test]
    fn a_bad_new_pair_keeps_the_old_one() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let identity = Identity::self_signed(dir.path(), names()).unwrap();
        let (first, stamp) = (identity.fingerprint(), identity.stamp());
        let second = Identity::self_signed(other.path(), names()).unwrap();
        let files = identity.files().clone();

        fs::copy(&second.files().certificate, &files.certificate).unwrap();
        assert!(matches!(
            identity.reload(),
            Err(CertificateError::Mismatch { .. })
        ));
        fs::write(&files.certificate, "not PEM").unwrap();
        assert!(matches!(
            identity.reload(),
            Err(CertificateError::Empty { .. })
        ));
        fs::remove_file(&files.key).unwrap();
        fs::copy(&second.files().certificate, &files.certificate).unwrap();
        assert!(matches!(
            identity.reload(),
            Err(CertificateError::Read { .. })
        ));
        fs::write(&files.key, "x".repeat(PEM_BYTES as usize + 1)).unwrap();
        assert!(matches!(
            identity.reload(),
            Err(CertificateError::TooLarge { .. })
        ));
        assert_eq!(identity.fingerprint(), first);

        fs::copy(&second.files().key, &files.key).unwrap();
        assert_ne!(identity.stamp(), stamp);
        identity.reload().unwrap();
        assert_eq!(identity.fingerprint(), second.fingerprint());
    }
}
