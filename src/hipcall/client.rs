//! The client of one account: posts cards, reads them back, writes comments, and keeps its node's connection
//! warm.
//!
//! Accounts of one node share a `Connector`'s connections: over HTTP/2 one connection carries them all,
//! held open by pings. Setting one up costs three round trips, which a ringing phone does not have.
//!
//! Every request with the token needs a `Turn`, so nothing can pass the quota by. Redirects are not followed:
//! they would carry the token to another host.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use reqwest::redirect::Policy;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::Serialize;
use serde_json::Value;

use super::error::{SendError, Verdict};
use super::names::Names;
use super::turns::{Turn, Turns};
use crate::domain::call::CallId;
use crate::domain::card::Card;
use crate::domain::fate::Why;

/// One request, from the first byte to the last.
pub const REQUEST_TIME: Duration = Duration::from_secs(5);
/// The same where a telephone rings: Hipcall takes 0.2 to 0.4 s (measured).
const CARD_TIME: Duration = Duration::from_secs(3);
/// Less than any of these, so that it is known that nothing was sent.
const CONNECT_TIME: Duration = Duration::from_secs(2);
/// How often an idle connection is pinged, and how long the answer may take: a dead line is known, and
/// replaced, before the next call and not by it.
const PING_EVERY: Duration = Duration::from_secs(20);
const PING_TIME: Duration = Duration::from_secs(5);
/// An answer longer than this is not read to its end: a card's echo has about 1 kB.
const ANSWER_BYTES: usize = 64 << 10;
/// How long the rest of an answer is read whose status has settled the matter.
const REST_TIME: Duration = Duration::from_secs(1);

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

/// Makes the connections of one kind of trust, and holds those that are open.
#[derive(Clone)]
pub struct Connector(Arc<Connections>);

struct Connections {
    tls: rustls::ClientConfig,
    names: Arc<Names>,
    open: ArcSwap<reqwest::Client>,
}

impl Connector {
    pub fn new(trust: &Trust) -> Result<Connector, TrustError> {
        Connector::with(trust, Names::of_the_system())
    }

    fn with(trust: &Trust, names: Names) -> Result<Connector, TrustError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(authorities(trust)?)
            .with_no_client_auth();
        // A configuration that is handed to reqwest has to offer HTTP/2 itself; without, it is never spoken.
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let names = Arc::new(names);
        let open = ArcSwap::from_pointee(http(&tls, &names)?);
        Ok(Connector(Arc::new(Connections { tls, names, open })))
    }

    pub(super) fn http(&self) -> Arc<reqwest::Client> {
        self.0.open.load_full()
    }

    /// The connections of `used` are not to be trusted any more: what comes next opens others. A line that has
    /// silently gone is found out by its pings only after half a minute, which no telephone rings.
    fn leave(&self, used: &Arc<reqwest::Client>) {
        if let Ok(fresh) = http(&self.0.tls, &self.0.names) {
            self.0.open.compare_and_swap(used, Arc::new(fresh));
        }
    }
}

fn http(tls: &rustls::ClientConfig, names: &Arc<Names>) -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls.clone())
        .dns_resolver(names.clone())
        .user_agent(concat!("ringcard/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        // Answers are a kilobyte, and a telephone rings.
        .no_gzip()
        .connect_timeout(CONNECT_TIME)
        .timeout(REQUEST_TIME)
        .pool_idle_timeout(None)
        .pool_max_idle_per_host(1)
        .tcp_nodelay(true)
        .tcp_keepalive(PING_EVERY)
        .http2_keep_alive_interval(PING_EVERY)
        .http2_keep_alive_timeout(PING_TIME)
        .http2_keep_alive_while_idle(true)
        .build()
}

pub(super) fn authorities(trust: &Trust) -> Result<rustls::RootCertStore, TrustError> {
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
    pub(super) connector: Connector,
    pub(super) node: String,
    pub(super) authorization: HeaderValue,
    pub(super) turns: Turns,
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
        Some(Client {
            connector: connector.clone(),
            node: node.trim_end_matches('/').to_owned(),
            authorization,
            turns: Turns::default(),
        })
    }

    /// Takes the turns of another client with the same node and token, as one quota counts them both.
    pub fn sharing_turns_with(self, other: &Client) -> Client {
        let turns = other.turns.clone();
        Client { turns, ..self }
    }

    /// A card's turn, by its rank: the highest goes first. `pause` is what a card that failed waits at least.
    pub async fn card_turn(&self, rank: u64, pause: Option<Duration>) -> Turn {
        self.turns.card(rank, pause).await
    }

    /// The turn of what no call waits for.
    pub async fn aside_turn(&self) -> Turn {
        self.turns.aside().await
    }

    /// The same, if it is free now.
    pub fn aside_turn_now(&self) -> Option<Turn> {
        self.turns.aside_now()
    }

    /// Why a card that waits for its turn does not have it.
    pub fn hindrance(&self) -> Option<Why> {
        self.turns.hindrance()
    }

    pub fn is_refused(&self) -> bool {
        self.turns.is_refused()
    }

    /// What another account has found out about the line to the node that both use.
    pub fn line_is(&self, up: bool) {
        match up {
            true => self.turns.line_is_up(),
            false => self.turns.line_is_down(),
        }
    }

    /// Comes when the token is refused, or with `false` when it is not.
    pub async fn refused(&self, wanted: bool) {
        self.turns.refused(wanted).await;
    }

    /// Comes when the node was reached by the last request of this token.
    pub async fn line_is_up(&self) {
        self.turns.until_line_is_up().await;
    }

    pub async fn post_card(&self, turn: Turn, call: &CallId, card: &Card) -> Result<(), SendError> {
        let url = self.of_call(call, "cards");
        let request = |http: &reqwest::Client| {
            let request = http.post(url).timeout(CARD_TIME);
            request.json(&Body { card })
        };
        let sent = self.finish(turn, request).await;
        self.pause_if_refused(&sent);
        sent
    }

    /// Whether Hipcall has a card for the call already.
    pub async fn has_card(&self, turn: Turn, call: &CallId) -> Result<bool, SendError> {
        let url = self.of_call(call, "cards");
        let request = |http: &reqwest::Client| http.get(url).timeout(CARD_TIME);
        let answer = self.ask(turn, request).await;
        self.pause_if_refused(&answer);
        let body = whole(&mut answer?, ANSWER_BYTES).await?;
        let body: Value = serde_json::from_slice(&body).map_err(|_| SendError::Unreadable)?;
        match &body["data"] {
            Value::Object(data) => {
                let rows = data.get("card").and_then(Value::as_array);
                Ok(rows.is_some_and(|rows| !rows.is_empty()))
            }
            Value::Null if body.get("data").is_some() => Ok(false),
            _ => Err(SendError::Unreadable),
        }
    }

    /// Writes a comment into the call's record, which can't be taken back.
    pub async fn post_comment(
        &self,
        turn: Turn,
        call: &CallId,
        content: &str,
    ) -> Result<(), SendError> {
        let body = serde_json::json!({ "content": content });
        let url = self.of_call(call, "comments");
        let sent = self.finish(turn, |http| http.post(url).json(&body)).await;
        // 403 may be the comment's alone, and cards go on.
        if sent.as_ref().is_err_and(SendError::is_about_the_token) {
            self.turns.refuse(true);
        }
        sent
    }

    /// Asks whether the token is taken; if so, cards go on.
    pub async fn probe(&self) -> Result<(), SendError> {
        let turn = self.turns.aside().await;
        let url = format!("{}/api/v3/profile", self.node);
        let taken = self.finish(turn, |http| http.get(url)).await;
        match &taken {
            Ok(()) => self.turns.refuse(false),
            Err(e) if e.is_about_the_token() => self.turns.refuse(true),
            Err(_) => {}
        }
        taken
    }

    /// A request has not come through.
    pub(super) fn failed(&self, error: &SendError, used: &Arc<reqwest::Client>) {
        self.turns.line_is_down();
        if error.may_have_arrived() {
            self.connector.leave(used);
        }
    }

    fn of_call(&self, call: &CallId, what: &str) -> String {
        format!("{}/api/v3/calls/{call}/{what}", self.node)
    }

    fn pause_if_refused<T>(&self, sent: &Result<T, SendError>) {
        if let Err(e) = sent
            && e.verdict() == Verdict::Pause
        {
            self.turns.refuse(true);
        }
    }

    async fn finish(
        &self,
        turn: Turn,
        request: impl FnOnce(&reqwest::Client) -> reqwest::RequestBuilder,
    ) -> Result<(), SendError> {
        let mut answer = self.ask(turn, request).await?;
        // So that its connection can carry the next request; the status has settled the matter.
        let _ = tokio::time::timeout(REST_TIME, read(&mut answer)).await;
        Ok(())
    }

    /// Sends a request with the token. An answer that is not 2xx is an error, with Hipcall's words.
    pub(super) async fn ask(
        &self,
        mut turn: Turn,
        request: impl FnOnce(&reqwest::Client) -> reqwest::RequestBuilder,
    ) -> Result<reqwest::Response, SendError> {
        let http = self.connector.http();
        let request = request(&http)
            .header(AUTHORIZATION, self.authorization.clone())
            .header(ACCEPT, "application/json");
        turn.sending();
        let mut answer = match request.send().await {
            Ok(answer) => answer,
            Err(e) => {
                let error = SendError::transport(e);
                self.failed(&error, &http);
                if !error.may_have_arrived() {
                    turn.not_sent();
                }
                return Err(error);
            }
        };
        self.turns.line_is_up();
        let status = answer.status().as_u16();
        if let Some(wait) = turn.answered(status, answer.headers()) {
            return Err(SendError::RateLimited { wait });
        }
        if answer.status().is_success() {
            return Ok(answer);
        }
        let body = tokio::time::timeout(REST_TIME, read(&mut answer)).await;
        Err(SendError::refused(status, &body.unwrap_or_default()))
    }
}

/// An answer that counts only as a whole, of so many bytes at most.
pub(super) async fn whole(
    answer: &mut reqwest::Response,
    most: usize,
) -> Result<Vec<u8>, SendError> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(SendError::transport)? {
        if body.len() + chunk.len() > most {
            return Err(SendError::Unreadable);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
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
mod tests;
