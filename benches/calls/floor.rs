//! The least that could be called a program for this: the same libraries, the contacts in a `HashMap`, and
//! no promise.
//!
//! It takes the event over the same TLS with hyper, reads the number with the same library, writes the same
//! card and posts it with reqwest. It keeps nothing on disk, tries once, knows no deadline, no duplicate and
//! no second account, and would serve anybody who fills its memory. What Ringcard is slower than this is
//! what its promises cost.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fs;
use std::io::{Read, Write, stdin, stdout};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use reqwest::header::{ACCEPT, AUTHORIZATION};
use ringcard::config::Config;
use ringcard::domain::age::age_text;
use ringcard::domain::contact::Contact;
use ringcard::domain::money::{Locale, Money};
use ringcard::domain::phone::{PhoneNumber, Region};
use ringcard::source::read::{Each, Job, Wanted};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::support::office::client_tls;
use crate::support::{Result, runtime};

struct Floor {
    contacts: HashMap<PhoneNumber, Contact>,
    path: String,
    region: Region,
    locale: Locale,
    node: String,
    authorization: String,
    client: reqwest::Client,
    /// How old all values are, in words: within a bench they stay so.
    age: String,
}

/// Serves the office in `directory` until standard input ends; says its address on standard output.
pub(crate) fn run(directory: &Path) -> Result<()> {
    let config = Config::load(&directory.join("ringcard.toml"))?;
    let floor = Arc::new(Floor::new(&config, directory)?);
    let tls = server_tls(&config.state_directory)?;
    let runtime = runtime()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        // Connected before the first call, as a program that runs all day would be.
        floor.client.head(&floor.node).send().await?;
        writeln!(stdout(), "{}", listener.local_addr()?)?;
        tokio::spawn(accept(listener, TlsAcceptor::from(Arc::new(tls)), floor));
        // The bench holds the other end, so this ends with it.
        tokio::task::spawn_blocking(|| stdin().read_to_end(&mut Vec::new())).await??;
        Ok(())
    })
}

impl Floor {
    fn new(config: &Config, directory: &Path) -> Result<Floor> {
        let account = config.accounts.first().ok_or("no account")?;
        let secret = account.webhook_secrets.first().ok_or("no secret")?;
        let tls = client_tls(&fs::read(directory.join("hipcall-ca.pem"))?)?;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy();
        Ok(Floor {
            contacts: contacts(config)?,
            path: format!("/hooks/{}", secret.expose()),
            region: account.region,
            locale: config.locale,
            node: account.node.clone(),
            authorization: format!("Bearer {}", account.token.expose()),
            client: client.build()?,
            age: age(config)?,
        })
    }

    /// The call of an event, and its card if the other side is known.
    fn card(&self, body: &[u8]) -> Option<(String, Value)> {
        let event: Value = serde_json::from_slice(body).ok()?;
        if event["event"] != "call_init" {
            return None;
        }
        let call = &event["data"];
        let side = match call["direction"].as_str()? {
            "outbound" => "callee_number",
            _ => "caller_number",
        };
        let number = PhoneNumber::parse(call[side].as_str()?, self.region).ok()?;
        let contact = self.contacts.get(&number)?;
        let mut rows = vec![json!({"type": "title", "text": "Müşteri"})];
        let balance = contact.balance.map(|money| {
            let side = match money.amount {
                amount if amount.is_zero() => "",
                amount if amount.is_sign_negative() => " Alacak",
                _ => " Borç",
            };
            let amount = money.amount.abs();
            let shown = Money { amount, ..money }.format(self.locale);
            format!("{shown}{side}, {}", self.age)
        });
        for (label, text) in [
            ("Ad", &contact.name),
            ("Firma", &contact.company),
            ("Bakiye", &balance),
        ] {
            if let Some(text) = text {
                rows.push(json!({"type": "shortText", "label": label, "text": text}));
            }
        }
        Some((call["uuid"].as_str()?.to_owned(), json!({"card": rows})))
    }

    async fn post(&self, call: &str, card: &Value) -> reqwest::Result<()> {
        let url = format!("{}/api/v3/calls/{call}/cards", self.node);
        let post = self.client.post(url).header(ACCEPT, "application/json");
        let post = post.header(AUTHORIZATION, &self.authorization).json(card);
        post.send().await?.bytes().await.map(drop)
    }
}

fn age(config: &Config) -> Result<String> {
    let source = config.sources.first().ok_or("no source")?;
    let source = source.open(&config.state_directory);
    let picked = source
        .pick(SystemTime::now(), &CancellationToken::new())?
        .ok_or("no file")?;
    let (as_of, now) = (picked.as_of(), Timestamp::now());
    Ok(age_text(as_of, now, &TimeZone::system(), config.locale))
}

/// The very contacts that Ringcard reads.
fn contacts(config: &Config) -> Result<HashMap<PhoneNumber, Contact>> {
    let source = config.sources.first().ok_or("no source")?;
    let source = source.open(&config.state_directory);
    let picked = source.pick(SystemTime::now(), &CancellationToken::new())?;
    let mut contacts = HashMap::new();
    let mut keep = Each(|contact: Contact| {
        for number in &contact.numbers {
            contacts.insert(*number, contact.clone());
        }
        Ok::<(), Infallible>(())
    });
    let job = Job {
        wanted: Wanted::Everything { from: None },
        halt: &CancellationToken::new(),
    };
    source
        .read(picked.as_ref(), &job, &mut keep)
        .map_err(|e| format!("{e:?}"))?;
    Ok(contacts)
}

/// With the certificate that the daemon made, so that handshakes weigh the same.
fn server_tls(state: &Path) -> Result<rustls::ServerConfig> {
    let pem = fs::read(state.join("self-signed.crt"))?;
    let chain = CertificateDer::pem_slice_iter(&pem).collect::<std::result::Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(&fs::read(state.join("self-signed.key"))?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(tls)
}

async fn accept(listener: TcpListener, tls: TlsAcceptor, floor: Arc<Floor>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream, tls.clone(), floor.clone()));
    }
}

async fn serve(stream: TcpStream, tls: TlsAcceptor, floor: Arc<Floor>) {
    let _ = stream.set_nodelay(true);
    let Ok(stream) = tls.accept(stream).await else {
        return;
    };
    let service = service_fn(|request| answer(request, floor.clone()));
    let server = auto::Builder::new(TokioExecutor::new());
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

/// Answers at once; the card is posted beside it.
async fn answer(
    request: Request<Incoming>,
    floor: Arc<Floor>,
) -> hyper::Result<Response<Full<Bytes>>> {
    let mut response = Response::new(Full::default());
    if request.uri().path() != floor.path {
        *response.status_mut() = StatusCode::NOT_FOUND;
        return Ok(response);
    }
    let body = request.into_body().collect().await?.to_bytes();
    if let Some((call, card)) = floor.card(&body) {
        tokio::spawn(async move { floor.post(&call, &card).await });
    }
    Ok(response)
}
