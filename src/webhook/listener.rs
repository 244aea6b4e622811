//! The doors: a TLS port, and plain HTTP for a proxy on the same box. Each connection is a task of its own,
//! handshake included, and every wait for the peer has a limit.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::auth::Gate;
use super::connections::{Connections, Place};
use super::service::{EVENTS, Reception, Service};
use super::tls::{Identity, server_config};
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
/// After an accept error such as "too many open files": time for connections to end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    Tls(SocketAddr),
    /// Plain HTTP, for a reverse proxy or tunnel on this box.
    Loopback(SocketAddr),
    Unix(PathBuf),
}

/// A door that is open but not yet served.
pub enum Bound {
    Tls(TcpListener, TlsAcceptor),
    Loopback(TcpListener),
    Unix(UnixListener),
}

impl Bound {
    /// Opens one; a TLS door shows `identity`.
    pub async fn open(listen: &Listen, identity: Option<&Arc<Identity>>) -> io::Result<Bound> {
        Ok(match listen {
            Listen::Tls(address) => {
                let identity =
                    identity.ok_or_else(|| io::Error::other("there is no certificate"))?;
                let config = server_config(identity.clone()).map_err(io::Error::other)?;
                Bound::Tls(
                    TcpListener::bind(address).await?,
                    TlsAcceptor::from(Arc::new(config)),
                )
            }
            Listen::Loopback(address) => Bound::Loopback(TcpListener::bind(address).await?),
            Listen::Unix(path) => {
                // A socket left by an earlier run; connecting tells it from one in use. Anything else that
                // is there is not ours to remove.
                let left = std::fs::symlink_metadata(path).is_ok_and(|m| m.file_type().is_socket());
                if left && UnixStream::connect(path).await.is_err() {
                    let _ = std::fs::remove_file(path);
                }
                let listener = UnixListener::bind(path)?;
                // The proxy's user is in our group, or it can't come in.
                std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
                Bound::Unix(listener)
            }
        })
    }

    /// The address in use: with port 0 the system chose it.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Bound::Tls(listener, _) | Bound::Loopback(listener) => listener.local_addr().ok(),
            Bound::Unix(_) => None,
        }
    }
}

/// Serves all doors with one bound of connections and events.
pub struct Listener<R> {
    service: Arc<Service<R>>,
    tasks: Tasks,
    http: auto::Builder<TokioExecutor>,
}

impl<R> Clone for Listener<R> {
    fn clone(&self) -> Listener<R> {
        let (service, tasks) = (self.service.clone(), self.tasks.clone());
        Listener {
            service,
            tasks,
            http: self.http.clone(),
        }
    }
}

impl<R: Reception> Listener<R> {
    pub fn new(gate: Arc<ArcSwap<Gate>>, reception: Arc<R>, tasks: Tasks) -> Listener<R> {
        let service = Service {
            gate,
            reception,
            tasks: tasks.clone(),
            events: Arc::new(Semaphore::new(EVENTS)),
            connections: Connections::default(),
        };
        Listener {
            service: Arc::new(service),
            tasks,
            http: http(),
        }
    }

    /// Accepts until the daemon stops.
    pub async fn serve(self, bound: Bound) {
        loop {
            tokio::select! {
                () = self.tasks.stopping() => return,
                accepted = self.accept(&bound) => {
                    if accepted.is_err() {
                        sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        }
    }

    async fn accept(&self, bound: &Bound) -> io::Result<()> {
        match bound {
            Bound::Tls(listener, acceptor) => {
                let (stream, _) = listener.accept().await?;
                let (this, acceptor) = (self.clone(), acceptor.clone());
                self.connect(|place| this.tls(stream, acceptor, place));
            }
            Bound::Loopback(listener) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                let this = self.clone();
                self.connect(|place| async move { this.connection(stream, place).await });
            }
            Bound::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                let this = self.clone();
                self.connect(|place| async move { this.connection(stream, place).await });
            }
        }
        Ok(())
    }

    fn connect<F: Future<Output = ()> + Send + 'static>(&self, run: impl FnOnce(Place) -> F) {
        // Without a place the stream is dropped: every one there is answers Hipcall right now.
        if let Some(place) = self.service.connections.admit() {
            self.tasks.spawn(run(place));
        }
    }

    async fn tls(self, stream: TcpStream, acceptor: TlsAcceptor, place: Place) {
        let _ = stream.set_nodelay(true);
        let handshake = timeout(HANDSHAKE_TIME, acceptor.accept(stream));
        let shaken = tokio::select! {
            shaken = handshake => shaken,
            () = place.marks.closing() => return,
            () = self.tasks.stopping() => return,
        };
        // Port scanners fail here all day; there is nobody to answer and nothing to say.
        if let Ok(Ok(stream)) = shaken {
            self.connection(stream, place).await;
        }
    }

    async fn connection<S>(&self, stream: S, place: Place)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
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
            () = self.tasks.stopping() => {}
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

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_says_nothing_is_closed() {
        for said in ["", "PRI * HTTP/2", "POST /hooks/"] {
            let gate = Arc::new(ArcSwap::from_pointee(Gate::new([])));
            let listener = Listener::new(gate, Arc::new(Nobody), Tasks::default());
            let (mut peer, stream) = tokio::io::duplex(64);
            tokio::io::AsyncWriteExt::write_all(&mut peer, said.as_bytes())
                .await
                .unwrap();
            let place = listener.service.connections.admit().unwrap();
            let closed = timeout(HEADER_TIME * 2, listener.connection(stream, place));
            assert!(closed.await.is_ok(), "{said:?}");
        }
    }

    #[tokio::test]
    async fn a_file_in_the_place_of_a_socket_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hook.sock");
        std::fs::write(&path, "precious").unwrap();
        let listen = Listen::Unix(path.clone());
        assert!(Bound::open(&listen, None).await.is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
        std::fs::remove_file(&path).unwrap();
        for _ in 0..2 {
            drop(Bound::open(&listen, None).await.unwrap());
        }
    }
}
