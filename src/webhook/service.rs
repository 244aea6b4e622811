//! One request: whose it is, what it says, and the 200.
//!
//! The event's work is a task of its own, so a peer that hangs up, a slow line or a slow disk can neither
//! cancel it nor hold the answer back. A body that is late is read on after its answer was given.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Version};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::auth::Gate;
use super::connections::{CONNECTIONS, Connections, Marks};
use super::payload::{Unreadable, parse};
use crate::domain::call::Event;
use crate::tasks::Tasks;

/// The 200 is given by then, whatever happens; Hipcall waits at least 5 s (measured).
pub const ANSWER_WITHIN: Duration = Duration::from_millis(800);
/// Longest body read as an event: Hipcall sends about 1 kB.
pub const BODY_BYTES: usize = 64 << 10;
/// How long a body may take, and how much of an overlong one is taken in and thrown away, so that the peer
/// reads its 200 instead of a broken connection.
const BODY_TIME: Duration = Duration::from_secs(10);
const DISCARDED_BYTES: usize = 16 << 20;
/// Events worked on at once; with `BODY_BYTES` it bounds what bodies can occupy. More wait their turn.
pub(super) const EVENTS: usize = 64;

/// Who takes the events. Returns when the 200 may be given.
pub trait Reception: Send + Sync + 'static {
    fn receive(
        &self,
        account: Arc<str>,
        event: Result<Event, Unreadable>,
        received: std::time::Instant,
    ) -> impl Future<Output = ()> + Send;

    /// A request with a wrong path: somebody who is not Hipcall, or a mistyped address.
    fn turned_away(&self) {}

    /// A connection that ended before its first request, whoever it was.
    fn not_taken(&self, _: &NotTaken) {}
}

/// Why a connection was not taken.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    #[error("a connection could not be taken: {0}")]
    Failed(std::io::Error),
    /// All that there may be are answering requests with a right secret.
    #[error("a connection was closed: {CONNECTIONS} others are being answered")]
    Full,
}

pub(super) struct Service<R> {
    pub(super) gate: Arc<ArcSwap<Gate>>,
    pub(super) reception: Arc<R>,
    pub(super) tasks: Tasks,
    pub(super) events: Arc<Semaphore>,
    pub(super) connections: Connections,
    /// A stop has begun.
    pub(super) leaving: AtomicBool,
}

impl<R: Reception> Service<R> {
    pub(super) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        marks: Arc<Marks>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let received = Instant::now();
        marks.ask();
        // HTTP/2 has a way of its own to say so, for the whole connection.
        let is_one = request.version() < Version::HTTP_2;
        let mut response = self.respond(request, marks, received).await;
        if is_one && self.leaving.load(Ordering::Relaxed) {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
        }
        Ok(response)
    }

    async fn respond(
        &self,
        request: Request<Incoming>,
        marks: Arc<Marks>,
        received: Instant,
    ) -> Response<Full<Bytes>> {
        let Some(account) = self.gate.load().account(request.uri().path()) else {
            self.reception.turned_away();
            return reply(StatusCode::NOT_FOUND, "");
        };
        marks.trust();
        self.connections.used(&marks);
        let _busy = marks.begin();
        match *request.method() {
            Method::POST => {
                self.take(account, request.into_body(), received).await;
                reply(StatusCode::OK, "")
            }
            Method::GET | Method::HEAD => reply(StatusCode::OK, RIGHT_ADDRESS),
            _ => {
                let mut refusal = reply(StatusCode::METHOD_NOT_ALLOWED, "");
                refusal
                    .headers_mut()
                    .insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST"));
                refusal
            }
        }
    }

    /// Begins the event's work and waits for it as long as the answer may wait.
    async fn take(&self, account: Arc<str>, body: Incoming, received: Instant) {
        let (events, reception) = (self.events.clone(), self.reception.clone());
        let work = self.tasks.spawn(async move {
            // Never closed, so there is always a permit in the end.
            let permit = events.acquire_owned().await;
            let event = event(body, received + BODY_TIME).await;
            reception.receive(account, event, received.into_std()).await;
            drop(permit);
        });
        // Neither a late end nor a panic of the work changes the answer.
        let _ = timeout_at(received + ANSWER_WITHIN, work).await;
    }
}

const RIGHT_ADDRESS: &str = "Ringcard is here, and this address is right.\n\
    Enter it in Hipcall under Account > Integrations > Webhook with the events call_init and call_hangup.\n";

fn reply(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    if !text.is_empty() {
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, plain);
    }
    response
}

/// Reads and understands the body. One that broke off may still hold its whole event: JSON says itself where
/// it ends.
async fn event(body: Incoming, until: Instant) -> Result<Event, Unreadable> {
    let mut bytes = Vec::new();
    let whole = read(body, until, &mut bytes).await;
    match (whole, parse(&bytes)) {
        (Err(Unreadable::BrokenOff), Ok(event)) => Ok(event),
        (Err(unreadable), _) => Err(unreadable),
        (Ok(()), event) => event,
    }
}

async fn read(mut body: Incoming, until: Instant, bytes: &mut Vec<u8>) -> Result<(), Unreadable> {
    let mut length = 0;
    // hyper does not tell the end of a body whose answer is already written, so its announced length does.
    while !body.is_end_stream() {
        let data = match timeout_at(until, body.frame()).await {
            Err(_) | Ok(Some(Err(_))) => return Err(Unreadable::BrokenOff),
            Ok(None) => break,
            Ok(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
        };
        length += data.len();
        match length {
            0..=BODY_BYTES => bytes.extend_from_slice(&data),
            _ if length > DISCARDED_BYTES => break,
            _ => *bytes = Vec::new(),
        }
    }
    if length > BODY_BYTES {
        Err(Unreadable::TooLong)
    } else {
        Ok(())
    }
}
