//! A server of one file over TLS, which answers in the very bytes that a test gives it, and writes down what
//! it was asked.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// What the server says to each request, and whether it stays silent after that.
type Script = Arc<Mutex<Vec<Answer>>>;

#[derive(Clone)]
pub enum Answer {
    /// These bytes, and then the connection ends.
    Bytes(Vec<u8>),
    /// These bytes, and then nothing more.
    Hang(Vec<u8>),
}

impl Answer {
    pub fn of(status: &str, headers: &[&str], body: &[u8]) -> Answer {
        let mut head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n");
        for header in headers {
            head += header;
            head += "\r\n";
        }
        let mut bytes = (head + "\r\n").into_bytes();
        bytes.extend(body);
        Answer::Bytes(bytes)
    }

    /// The file, with its length and these headers.
    pub fn file(headers: &[&str], body: &[u8]) -> Answer {
        let length = format!("Content-Length: {}", body.len());
        let headers: Vec<&str> = headers.iter().copied().chain([length.as_str()]).collect();
        Answer::of("200 OK", &headers, body)
    }
}

pub struct Web {
    pub address: String,
    pub ca_file: PathBuf,
    script: Script,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Web {
    /// Its authority's certificate is put into the directory.
    pub async fn start(directory: &Path) -> Web {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let names = vec!["localhost".to_owned()];
        let params = CertificateParams::new(names).unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        let ca_file = directory.join("ca.pem");
        std::fs::write(&ca_file, issuer.pem()).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!(
            "https://localhost:{}/list?key=hunter2",
            listener.local_addr().unwrap().port()
        );
        let web = Web {
            address,
            ca_file,
            script: Script::default(),
            asked: Arc::default(),
        };
        tokio::spawn(serve(
            listener,
            acceptor,
            web.script.clone(),
            web.asked.clone(),
        ));
        web
    }

    /// What it says next. It says the last one again and again.
    pub fn says(&self, answers: Vec<Answer>) {
        *self.script.lock().unwrap() = answers;
    }

    /// The heads of the requests since it was last asked for them.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

async fn serve(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    script: Script,
    asked: Arc<Mutex<Vec<String>>>,
) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        // Who does not believe us ends the handshake.
        let Ok(mut stream) = acceptor.accept(stream).await else {
            continue;
        };
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => break,
            }
        }
        asked.lock().unwrap().push(String::from_utf8(head).unwrap());
        let answer = {
            let mut script = script.lock().unwrap();
            match script.len() {
                0 => panic!("nothing was said to be answered"),
                1 => script[0].clone(),
                _ => script.remove(0),
            }
        };
        let (bytes, hangs) = match answer {
            Answer::Bytes(bytes) => (bytes, false),
            Answer::Hang(bytes) => (bytes, true),
        };
        // Who has heard enough hangs up.
        let written = stream.write_all(&bytes).await;
        if hangs {
            tokio::spawn(async move {
                drop(stream.read_u8().await);
            });
        } else if written.is_ok() {
            drop(stream.shutdown().await);
        }
    }
}
