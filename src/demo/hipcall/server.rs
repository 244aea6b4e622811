//! Sockets, TLS and HTTP around the stand-in's answers, and the faults that are worse than an answer.
//!
//! Every connection is a task of its own in one set, so that going down drops them all. No timer guards a
//! slow or idle peer: a test's paused clock would fire it; the number of connections is bounded instead.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderValue, LOCATION, RETRY_AFTER};
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

use super::book::{Book, Request};
use super::faults::{Fault, Kind};
use super::routes::{Account, Answer, Plan, Question, answer, is_api};
use super::wire::{Line, Pace, Paced, Wire};
use crate::webhook::Stream;

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
    account: Mutex<Account>,
    latency: Duration,
    book: Mutex<Book>,
    changed: watch::Sender<()>,
    /// Who the node says it is to those who connect from now on.
    tls: Mutex<TlsAcceptor>,
    /// Ends every connection of now.
    now: Mutex<CancellationToken>,
}

impl Shared {
    pub(super) fn new(account: Account, tls: TlsAcceptor, latency: Duration, rate: u32) -> Shared {
        Shared {
            account: Mutex::new(account),
            latency,
            book: Mutex::new(Book::new(rate)),
            changed: watch::Sender::new(()),
            tls: Mutex::new(tls),
            now: Mutex::default(),
        }
    }

    pub(super) fn take_only(&self, token: &str) {
        lock(&self.account).token = token.to_owned();
    }

    pub(super) fn pays_for(&self, plan: Plan) {
        lock(&self.account).plan = plan;
    }

    pub(super) fn present(&self, tls: TlsAcceptor) {
        *lock(&self.tls) = tls;
    }

    pub(super) fn cut(&self) {
        std::mem::take(&mut *lock(&self.now)).cancel();
    }

    pub(super) fn read<T>(&self, look: impl FnOnce(&Book) -> T) -> T {
        look(&lock(&self.book))
    }

    pub(super) fn change<T>(&self, alter: impl FnOnce(&mut Book) -> T) -> T {
        let result = alter(&mut lock(&self.book));
        self.changed.send_replace(());
        result
    }

    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }
}

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A listening socket and its connections.
pub(super) struct Server {
    address: SocketAddr,
    accepting: JoinHandle<()>,
    stop: DropGuard,
}

impl Server {
    pub(super) async fn open(listen: SocketAddr, shared: Arc<Shared>) -> io::Result<Server> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let accepting = accept(listener, shared, stop.clone());
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

async fn accept(listener: TcpListener, shared: Arc<Shared>, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        let has_room = connections.len() < CONNECTIONS;
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if has_room => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, shared.clone()));
                }
                Err(_) => sleep(ACCEPT_PAUSE).await,
            },
        }
    }
    drop(listener);
    connections.shutdown().await;
}

/// Serves one connection until its peer ends it or a fault does. What a peer does wrong below HTTP ends its
/// connection and is of no further interest.
async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let (tls, cut) = (lock(&shared.tls).clone(), lock(&shared.now).clone());
    let line = Line::default();
    let wire = Wire::new(stream, line.clone());
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let (shared, line) = (shared.clone(), line.clone());
        async move {
            let (parts, body) = request.into_parts();
            match Limited::new(body, BODY_BYTES).collect().await {
                Ok(body) => Ok(respond(&shared, &parts, &body.to_bytes(), &line).await),
                Err(cause) if cause.is::<LengthLimitError>() => {
                    let answer = Answer::refusal(StatusCode::PAYLOAD_TOO_LARGE);
                    note(&shared, &parts, Some(answer.status), None);
                    Ok(response(&parts, answer, Pace::Whole))
                }
                // The peer took its request back: only that request ends.
                Err(cause) => Err(io::Error::other(cause)),
            }
        }
    });
    let served = async {
        let stream: Stream = Box::new(tls.accept(wire).await.ok()?);
        let server = auto::Builder::new(TokioExecutor::new());
        let connection = server.serve_connection(TokioIo::new(stream), service);
        connection.await.ok()
    };
    tokio::select! {
        _ = served => {}
        () = line.over().cancelled() => {}
        () = cut.cancelled() => {}
    }
}

/// The response to a request; never, if its connection is to fall first.
async fn respond(shared: &Shared, parts: &Parts, body: &Bytes, line: &Line) -> Response<Paced> {
    let path = parts.uri.path();
    let fault = is_api(path).then(|| {
        let kind = Kind::of(parts.method.as_str(), path);
        shared.change(|book| book.next_fault(kind, path))
    });
    let fault = fault.flatten();
    let answer = match fault {
        Some(fault) if !fault.works() => scripted(shared, parts, fault),
        _ => Some(ask(shared, parts, body, fault)),
    };
    match fault {
        Some(Fault::HalfOpen) => line.die(),
        Some(Fault::Close | Fault::AcceptThenClose) => line.close(),
        Some(Fault::Reset) => line.reset(),
        Some(Fault::Slow(time)) => sleep(time).await,
        _ => {}
    }
    let Some(answer) = answer else {
        return std::future::pending().await;
    };
    if fault == Some(Fault::AcceptThenClose) {
        return std::future::pending().await;
    }
    if !shared.latency.is_zero() {
        sleep(shared.latency).await;
    }
    let pace = match fault {
        Some(Fault::Drip(time)) => Pace::Drip(time),
        Some(Fault::AcceptThenCut | Fault::StatusThenCut(_)) => Pace::Cut(line.clone()),
        _ => Pace::Whole,
    };
    let mut response = response(parts, answer, pace);
    let headers = response.headers_mut();
    // By the clock that calls and quota are reckoned with, which tests can move.
    let date = shared.read(|book| http_date(book.now()));
    headers.extend(date.map(|date| (DATE, date)));
    match fault {
        Some(Fault::StatusWithRetryAfter(_, seconds)) => {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        Some(Fault::Redirect(_, target)) => {
            let elsewhere = format!("https://{target}{path}");
            // An address and a path that came in a request make no bad header.
            headers.extend(HeaderValue::from_str(&elsewhere).map(|to| (LOCATION, to)));
        }
        _ => {}
    }
    response
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
        let answer = answer(book, &lock(&shared.account), &question);
        book.note(seen(parts, answered.then_some(answer.status), fault));
        answer
    })
}

/// What a fault answers that does no work; none if it does not answer at all.
fn scripted(shared: &Shared, parts: &Parts, fault: Fault) -> Option<Answer> {
    let status = match fault {
        Fault::Status(status)
        | Fault::StatusWithRetryAfter(status, _)
        | Fault::StatusThenCut(status)
        | Fault::Redirect(status, _) => {
            let status = StatusCode::from_u16(status);
            Some(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        }
        _ => None,
    };
    note(shared, parts, status, Some(fault));
    status.map(Answer::refusal)
}

fn note(shared: &Shared, parts: &Parts, status: Option<StatusCode>, fault: Option<Fault>) {
    shared.change(|book| book.note(seen(parts, status, fault)));
}

fn seen(parts: &Parts, status: Option<StatusCode>, fault: Option<Fault>) -> Request {
    let path = parts.uri.path_and_query().map_or("", |path| path.as_str());
    Request {
        method: parts.method.to_string(),
        path: path.chars().take(PATH_CHARS).collect(),
        status: status.map(|status| status.as_u16()),
        when: Instant::now(),
        fault,
        with_token: parts.headers.contains_key(AUTHORIZATION),
    }
}

fn response(parts: &Parts, answer: Answer, pace: Pace) -> Response<Paced> {
    let body = if parts.method == Method::HEAD {
        Bytes::new()
    } else {
        Bytes::from(answer.body.to_string())
    };
    let mut response = Response::new(Paced::new(body, pace));
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    headers.insert(CONTENT_TYPE, json);
    if let Some(allowance) = answer.allowance {
        headers.insert("x-ratelimit-limit", allowance.limit.into());
        headers.insert("x-ratelimit-remaining", allowance.remaining.into());
        headers.insert("x-ratelimit-reset", allowance.reset.into());
    }
    response
}
