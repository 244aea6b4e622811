//! Connections: each is a task of its own, handshake included, and every wait for the peer has a limit.
//!
//! A stop goes in two steps, so that nobody who came in is left without an answer. `leave`: the doors stay open,
//! and each HTTP/1.1 answer asks its client to come by another connection next. `close`: nobody is let in any more;
//! who was, and has not asked yet, still may, and all others are told to go (GOAWAY, or the end of the stream).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::auth::Gate;
use super::connections::{Connections, Place};
use super::door::{Bound, Caller};
use super::service::{ANSWER_WITHIN, BODY_BYTES, EVENTS, NotTaken, Reception, Service};
use crate::tasks::Tasks;

/// A TLS handshake is three packets.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// Until a request's head is there; also how long an HTTP/1.1 connection may idle. Longer than the
/// minute or so that clients keep a connection for reuse, so that they close it and not we.
const HEADER_TIME: Duration = Duration::from_secs(90);
/// An HTTP/2 connection is asked for a sign of life this often, and given as long to show it.
const PING_EVERY: Duration = Duration::from_secs(30);
const HEADER_BYTES: usize = 16 << 10;
const HEADERS: usize = 64;
/// Requests at once on one HTTP/2 connection. Until a client has read our bound it goes by its own guess,
/// 100 or more, and each request beyond ours would be reset: not a 200.
const STREAMS: u32 = 256;
/// Bodies' bytes that are taken from one HTTP/2 connection before they are read.
const CONNECTION_BYTES: u32 = 4 * BODY_BYTES as u32;
/// After an accept error such as "too many open files": time for connections to end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// After the doors were closed: for the handshake and the first request of who had just come in. Four turns to a
/// peer on the other side of the world, or two with a packet lost.
const FIRST_WORDS: Duration = Duration::from_secs(2);
/// For a request that is on its way over a connection which has had one: what a network inside a country takes.
const NEXT_WORDS: Duration = Duration::from_millis(50);
/// From the last request's arrival until its answer is with the peer.
const LAST_ANSWER: Duration = Duration::from_millis(ANSWER_WITHIN.as_millis() as u64 + 200);
/// What closing the doors may take.
pub const CLOSE_TIME: Duration = FIRST_WORDS.saturating_add(LAST_ANSWER);

/// A connection of any kind. HTTP is large, and built once for this instead of once for each kind.
pub type Stream = Box<dyn Connected>;

/// What HTTP needs of a connection.
pub trait Connected: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connected for S {}

/// Serves all doors with one bound of connections and events.
pub struct Listener<R> {
    service: Arc<Service<R>>,
    /// The doors and who came in by them.
    inside: Tasks,
    /// Comes when nobody is waited for any more who has not asked anything.
    enough: CancellationToken,
    http: auto::Builder<TokioExecutor>,
}

impl<R> Clone for Listener<R> {
    fn clone(&self) -> Listener<R> {
        Listener {
            service: self.service.clone(),
            inside: self.inside.clone(),
            enough: self.enough.clone(),
            http: self.http.clone(),
        }
    }
}

impl<R: Reception> Listener<R> {
    /// Events become tasks of `tasks`; connections are its own.
    pub fn new(gate: Arc<ArcSwap<Gate>>, reception: Arc<R>, tasks: Tasks) -> Listener<R> {
        let service = Service {
            gate,
            reception,
            tasks,
            events: Arc::new(Semaphore::new(EVENTS)),
            connections: Connections::default(),
            leaving: AtomicBool::new(false),
        };
        Listener {
            service: Arc::new(service),
            inside: Tasks::default(),
            enough: CancellationToken::new(),
            http: http(),
        }
    }

    /// Accepts until the doors are closed.
    pub async fn serve(self, bound: Bound) {
        let inside = self.inside.clone();
        inside.count(self.accept_all(bound)).await;
    }

    async fn accept_all(self, bound: Bound) {
        loop {
            let accepted = tokio::select! {
                () = self.inside.stopping() => break,
                accepted = bound.accept() => accepted,
            };
            match accepted {
                Ok(caller) => self.let_in(caller),
                Err(e) => {
                    self.service.reception.not_taken(&NotTaken::Failed(e));
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        let last = bound.close().unwrap_or_default();
        last.into_iter().for_each(|caller| self.let_in(caller));
    }

    /// From now on, who asks is answered and sent to another connection for the next time.
    pub fn leave(&self) {
        self.service.leaving.store(true, Ordering::Relaxed);
    }

    /// Closes the doors, and waits for the answers of all who came in by them; false if some were not given.
    pub async fn close(&self) -> bool {
        self.inside.stop();
        if self.inside.drain(FIRST_WORDS).await {
            return true;
        }
        self.enough.cancel();
        self.inside.drain(LAST_ANSWER).await
    }

    fn let_in(&self, caller: Caller) {
        // Without a place the stream is dropped: every one there is answers Hipcall right now.
        let Some(place) = self.service.connections.admit(caller.network()) else {
            self.service.reception.not_taken(&NotTaken::Full);
            return;
        };
        let this = self.clone();
        self.inside.spawn(async move {
            match caller {
                Caller::Tls(stream, acceptor) => this.tls(stream, acceptor, place).await,
                Caller::Loopback(stream) => {
                    let _ = stream.set_nodelay(true);
                    this.connection(Box::new(stream), place).await;
                }
                Caller::Unix(stream) => this.connection(Box::new(stream), place).await,
            }
        });
    }

    async fn tls(self, stream: TcpStream, acceptor: TlsAcceptor, place: Place) {
        let _ = stream.set_nodelay(true);
        let handshake = timeout(HANDSHAKE_TIME, acceptor.accept(stream));
        let shaken = tokio::select! {
            shaken = handshake => shaken,
            () = place.marks.closing() => return,
            () = self.enough.cancelled() => return,
        };
        // Port scanners fail here all day; there is nobody to answer and nothing to say.
        if let Ok(Ok(stream)) = shaken {
            self.connection(Box::new(stream), place).await;
        }
    }

    async fn connection(&self, stream: Stream, place: Place) {
        let (service, marks) = (self.service.clone(), place.marks.clone());
        let service = service_fn(move |request| service.clone().answer(request, marks.clone()));
        let mut connection =
            std::pin::pin!(self.http.serve_connection(TokioIo::new(stream), service));
        // hyper waits without a limit for the first bytes, which tell it the version.
        let silent = async {
            sleep(HEADER_TIME).await;
            if place.marks.has_asked() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            // However it ends, the peer has gone; its events are tasks of their own.
            _ = connection.as_mut() => return,
            () = place.marks.closing() => return,
            () = silent => return,
            () = self.inside.stopping() => {}
        }
        // One that has just come in has its first request still before it, and hyper would close it.
        let words = async {
            match place.marks.has_asked() {
                true => sleep(NEXT_WORDS).await,
                false => place.marks.asked().await,
            }
        };
        tokio::select! {
            _ = connection.as_mut() => return,
            () = place.marks.closing() => return,
            () = words => {}
            () = self.enough.cancelled() => {}
        }
        connection.as_mut().graceful_shutdown();
        tokio::select! {
            _ = connection => {}
            () = place.marks.closing() => {}
        }
    }
}

fn http() -> auto::Builder<TokioExecutor> {
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .max_buf_size(HEADER_BYTES)
        .max_headers(HEADERS);
    http.http2()
        .timer(TokioTimer::new())
        .max_header_list_size(HEADER_BYTES as u32)
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(BODY_BYTES as u32)
        .initial_connection_window_size(CONNECTION_BYTES)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_EVERY);
    http
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::call::Event;
    use crate::webhook::Unreadable;

    struct Nobody;

    impl Reception for Nobody {
        async fn receive(&self, _: Arc<str>, _: Result<Event, Unreadable>, _: std::time::Instant) {}
    }

    #[tokio::test]
    async fn one_too_many_is_told_of() {
        #[derive(Default)]
        struct Told(std::sync::Mutex<Vec<String>>);
        impl Reception for Told {
            async fn receive(
                &self,
                _: Arc<str>,
                _: Result<Event, Unreadable>,
                _: std::time::Instant,
            ) {
            }

            fn not_taken(&self, why: &NotTaken) {
                self.0.lock().unwrap().push(why.to_string());
            }
        }
        let gate = Arc::new(ArcSwap::from_pointee(Gate::new([])));
        let told = Arc::new(Told::default());
        let listener = Listener::new(gate, told.clone(), Tasks::default());
        let places: Vec<Place> = (0..super::super::CONNECTIONS)
            .map(|_| listener.service.connections.admit(None).unwrap())
            .collect();
        let _busy: Vec<_> = places.iter().map(|p| p.marks.begin()).collect();
        places.iter().for_each(|p| p.marks.trust());
        let (_peer, stream) = tokio::net::UnixStream::pair().unwrap();
        listener.let_in(Caller::Unix(stream));
        assert_eq!(
            *told.0.lock().unwrap(),
            ["a connection was closed: 256 others are being answered"]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_says_nothing_is_closed() {
        for said in ["", "PRI * HTTP/2", "POST /hooks/"] {
            let gate = Arc::new(ArcSwap::from_pointee(Gate::new([])));
            let listener = Listener::new(gate, Arc::new(Nobody), Tasks::default());
            let (mut peer, stream) = tokio::io::duplex(64);
            tokio::io::AsyncWriteExt::write_all(&mut peer, said.as_bytes())
                .await
                .unwrap();
            let place = listener.service.connections.admit(None).unwrap();
            let closed = timeout(
                HEADER_TIME * 2,
                listener.connection(Box::new(stream), place),
            );
            assert!(closed.await.is_ok(), "{said:?}");
        }
    }
}
