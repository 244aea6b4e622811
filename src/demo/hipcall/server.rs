//! Sockets, TLS and HTTP around the stand-in's answers, and the faults that are worse than an answer.
//!
//! Every connection is a task of its own in one set, so that going down drops them all. No timer guards a
//! slow or idle peer: a test's paused clock would fire it; the number of connections is bounded instead.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, DATE, HeaderValue, RETRY_AFTER};
use hyper::http::request::Parts;
use hyper::service::service_fn;
use hyper::{Method, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::book::{Book, Fault, Request};
use super::routes::{Account, Answer, Question, answer, is_api};

/// Largest request body taken; a card has about 1 kB.
const BODY_BYTES: usize = 64 * 1024;
/// Most connections at one time; further ones wait in the listener's queue.
const CONNECTIONS: usize = 256;
/// Longest path kept for inspection.
const PATH_CHARS: usize = 1024;
/// Pause after a failed `accept`, which fails again at once when file descriptors run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// What the connections and the handle share.
pub(super) struct Shared {
    account: Account,
    latency: Duration,
    book: Mutex<Book>,
    changed: watch::Sender<()>,
}

impl Shared {
    pub(super) fn new(account: Account, latency: Duration, rate_limit: u32) -> Shared {
        Shared {
            account,
            latency,
            book: Mutex::new(Book::new(rate_limit)),
            changed: watch::Sender::new(()),
        }
    }

    pub(super) fn read<T>(&self, look: impl FnOnce(&Book) -> T) -> T {
        look(&self.book.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn change<T>(&self, alter: impl FnOnce(&mut Book) -> T) -> T {
        let result = alter(&mut self.book.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.send_replace(());
        result
    }

    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }
}

/// A listening socket and its connections.
pub(super) struct Server {
    address: SocketAddr,
    accepting: JoinHandle<()>,
    stop: DropGuard,
}

impl Server {
    pub(super) async fn open(
        listen: SocketAddr,
        tls: TlsAcceptor,
        shared: Arc<Shared>,
    ) -> io::Result<Server> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let accepting = accept(listener, tls, shared, stop.clone());
        Ok(Server {
            address,
            accepting: tokio::spawn(accepting),
            stop: stop.drop_guard(),
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns when the socket is closed and every connection is dropped.
    pub(super) async fn close(self) {
        drop(self.stop);
        // It can only have failed by a panic, and then its socket is closed as well.
        let _ = self.accepting.await;
    }
}

async fn accept(
    listener: TcpListener,
    tls: TlsAcceptor,
    shared: Arc<Shared>,
    stop: CancellationToken,
) {
    let mut connections = JoinSet::new();
    loop {
        let has_room = connections.len() < CONNECTIONS;
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if has_room => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, tls.clone(), shared.clone()));
                }
                Err(_) => sleep(ACCEPT_PAUSE).await,
            },
        }
    }
    drop(listener);
    connections.shutdown().await;
}

/// Serves one connection until its peer ends it or a fault drops it. What a peer does wrong below HTTP ends
/// its connection and is of no further interest.
async fn serve(stream: TcpStream, tls: TlsAcceptor, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let Ok(stream) = tls.accept(stream).await else {
        return;
    };
    let fell = CancellationToken::new();
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let (shared, fell) = (shared.clone(), fell.clone());
        async move {
            let (parts, body) = request.into_parts();
            let response = match Limited::new(body, BODY_BYTES).collect().await {
                Ok(body) => respond(&shared, &parts, &body.to_bytes()).await,
                Err(cause) if cause.is::<LengthLimitError>() => {
                    let answer = Answer::refusal(StatusCode::PAYLOAD_TOO_LARGE);
                    note(&shared, &parts, Some(answer.status));
                    Some(response(&parts, answer, None))
                }
                // The peer took its request back: only that request ends.
                Err(cause) => return Err(io::Error::other(cause)),
            };
            match response {
                Some(response) => Ok(response),
                None => {
                    fell.cancel();
                    std::future::pending().await
                }
            }
        }
    });
    let server = auto::Builder::new(TokioExecutor::new());
    tokio::select! {
        _ = server.serve_connection(TokioIo::new(stream), service) => {}
        () = fell.cancelled() => {}
    }
}

/// The response to a request, or none if the connection is to fall.
async fn respond(shared: &Shared, parts: &Parts, body: &Bytes) -> Option<Response<Full<Bytes>>> {
    let fault = if is_api(parts.uri.path()) {
        shared.change(Book::next_fault)
    } else {
        None
    };
    let (answer, retry_after) = match fault {
        Some(Fault::Hang) => {
            note(shared, parts, None);
            std::future::pending::<()>().await;
            return None;
        }
        Some(Fault::Close) => {
            note(shared, parts, None);
            return None;
        }
        Some(Fault::AcceptThenClose) => {
            ask(shared, parts, body, fault);
            return None;
        }
        Some(Fault::Status(status)) => (scripted(shared, parts, status), None),
        Some(Fault::StatusWithRetryAfter(status, seconds)) => {
            (scripted(shared, parts, status), Some(seconds))
        }
        Some(Fault::Slow(time)) => {
            let answer = ask(shared, parts, body, fault);
            sleep(time).await;
            (answer, None)
        }
        None => (ask(shared, parts, body, fault), None),
    };
    if !shared.latency.is_zero() {
        sleep(shared.latency).await;
    }
    let mut response = response(parts, answer, retry_after);
    // By the clock that calls and quota are reckoned with, which tests can move.
    let date = shared.read(|book| http_date(book.now()));
    response.headers_mut().extend(date.map(|date| (DATE, date)));
    Some(response)
}

fn http_date(unix: Duration) -> Option<HeaderValue> {
    let time = jiff::Timestamp::from_second(i64::try_from(unix.as_secs()).ok()?).ok()?;
    let text = time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    HeaderValue::try_from(text).ok()
}

/// Answers and records, in one step that nobody sees half of.
fn ask(shared: &Shared, parts: &Parts, body: &Bytes, fault: Option<Fault>) -> Answer {
    let answered = fault != Some(Fault::AcceptThenClose);
    let question = Question {
        method: &parts.method,
        path: parts.uri.path(),
        query: parts.uri.query(),
        headers: &parts.headers,
        body,
    };
    shared.change(|book| {
        let answer = answer(book, &shared.account, &question);
        book.note(seen(parts, answered.then_some(answer.status)));
        answer
    })
}

fn scripted(shared: &Shared, parts: &Parts, status: u16) -> Answer {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    note(shared, parts, Some(status));
    Answer::refusal(status)
}

fn note(shared: &Shared, parts: &Parts, status: Option<StatusCode>) {
    shared.change(|book| book.note(seen(parts, status)));
}

fn seen(parts: &Parts, status: Option<StatusCode>) -> Request {
    let path = parts.uri.path_and_query().map_or("", |path| path.as_str());
    Request {
        method: parts.method.to_string(),
        path: path.chars().take(PATH_CHARS).collect(),
        status: status.map(|status| status.as_u16()),
    }
}

fn response(parts: &Parts, answer: Answer, retry_after: Option<u64>) -> Response<Full<Bytes>> {
    let body = if parts.method == Method::HEAD {
        Bytes::new()
    } else {
        Bytes::from(answer.body.to_string())
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    headers.insert(CONTENT_TYPE, json);
    if let Some(seconds) = retry_after {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    if let Some(allowance) = answer.allowance {
        headers.insert("x-ratelimit-limit", allowance.limit.into());
        headers.insert("x-ratelimit-remaining", allowance.remaining.into());
        headers.insert("x-ratelimit-reset", allowance.reset.into());
    }
    response
}
