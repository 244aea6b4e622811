//! The way to a server: its address, a connection that can't be silent or endless, and TLS.
//!
//! What is read ahead of a row is counted, since the clients of the databases take a row of any size into
//! memory. A host in the own network may be asked without TLS, or with one that believes whoever answers; one
//! beyond it never is, whatever its name says: its address decides.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::error::SqlError;
use super::settings::{Engine, Place, Server, Tls};
use crate::source::error::SourceError;

/// For one address, and for being let in: a server across a slow line answers in one or two seconds.
pub(super) const CONNECT_TIME: Duration = Duration::from_secs(15);
/// Longest row, with what is read ahead of it. A contact's values have some hundred bytes; a picture has more.
pub(super) const ROW_BYTES: u64 = 1 << 20;
/// After so long without a byte the other side is asked whether it is there, then each tenth of it.
const KEEPALIVE: Duration = Duration::from_secs(30);

impl Server {
    /// How it is called in errors.
    pub(super) fn shown(&self) -> String {
        match &self.place {
            Place::Network { host, port, .. } if host.contains(':') => format!("[{host}]:{port}"),
            Place::Network { host, port, .. } => format!("{host}:{port}"),
            Place::Socket { path, .. } => path.display().to_string(),
        }
    }

    pub(super) fn tls(&self) -> &Tls {
        match &self.place {
            Place::Network { tls, .. } => tls,
            Place::Socket { .. } => &Tls::Off,
        }
    }

    /// The name that the certificate must have.
    pub(super) fn tls_name(&self) -> &str {
        match (&self.place, self.tls()) {
            (
                _,
                Tls::Verified {
                    name: Some(name), ..
                },
            ) => name,
            (Place::Network { host, .. }, _) => host,
            (Place::Socket { .. }, _) => "localhost",
        }
    }
}

/// A row that takes too long, and a daemon that stops, end a wait.
#[derive(Clone, Copy)]
pub(super) struct Watch<'a> {
    pub(super) halt: &'a CancellationToken,
    pub(super) within: Duration,
    pub(super) server: &'a str,
}

impl Watch<'_> {
    /// Waits for what the server does for `query`.
    pub(super) async fn until<T>(
        &self,
        query: &'static str,
        work: impl Future<Output = T>,
    ) -> Result<T, SourceError> {
        // Asked first, since rows that are there already never wait.
        if self.halt.is_cancelled() {
            return Err(SourceError::Halted);
        }
        tokio::select! {
            biased;
            value = work => Ok(value),
            () = self.halt.cancelled() => Err(SourceError::Halted),
            () = sleep(self.within) => Err(SqlError::Silent {
                server: self.server.to_owned(),
                query,
                seconds: self.within.as_secs(),
            }
            .into()),
        }
    }

    /// Waits for being let in.
    pub(super) async fn let_in<T>(
        &self,
        engine: &'static str,
        work: impl Future<Output = T>,
    ) -> Result<T, SourceError> {
        tokio::select! {
            biased;
            value = timeout(CONNECT_TIME, work) => value.map_err(|_| {
                let server = self.server.to_owned();
                let seconds = CONNECT_TIME.as_secs();
                SqlError::ConnectTime { server, engine, seconds }.into()
            }),
            () = self.halt.cancelled() => Err(SourceError::Halted),
        }
    }
}

/// The addresses of a host, all of them such as its TLS may have.
pub(super) async fn addresses(server: &Server) -> Result<Vec<SocketAddr>, SqlError> {
    let Place::Network { host, port, tls } = &server.place else {
        return Ok(Vec::new());
    };
    let unknown = |source| SqlError::NoAddress {
        server: server.shown(),
        source,
    };
    let found = timeout(CONNECT_TIME, lookup_host((host.as_str(), *port))).await;
    let found = found.unwrap_or_else(|late| Err(late.into()));
    let found: Vec<SocketAddr> = found.map_err(unknown)?.collect();
    if found.is_empty() {
        return Err(unknown(io::ErrorKind::NotFound.into()));
    }
    let tls = match tls {
        Tls::Verified { .. } => return Ok(found),
        Tls::Unverified => "unverified",
        Tls::Off => "off",
    };
    match found.iter().find(|a| !is_local(a.ip())) {
        None => Ok(found),
        Some(far) => Err(SqlError::NotLocal {
            server: server.shown(),
            address: far.ip().to_string(),
            tls,
        }),
    }
}

/// This box, and the addresses that no router of the internet knows.
fn is_local(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

pub(super) trait Both: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Both for S {}

/// Bytes since the last row.
#[derive(Clone, Debug, Default)]
pub(super) struct Meter(Arc<AtomicU64>);

impl Meter {
    /// A row has come.
    pub(super) fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    pub(super) fn is_over(&self) -> bool {
        self.0.load(Ordering::Relaxed) > ROW_BYTES
    }
}

/// A connection that ends when a row is too long.
pub(super) struct Wire {
    stream: Box<dyn Both>,
    meter: Meter,
}

/// Connects to the first address that answers.
pub(super) async fn connect(
    server: &Server,
    watch: &Watch<'_>,
) -> Result<(Wire, Meter), SourceError> {
    let none = |source| SqlError::NoConnection {
        server: server.shown(),
        source,
    };
    let stream: Box<dyn Both> = match &server.place {
        Place::Socket { path, port } => {
            let path = match (server.engine, path.is_dir()) {
                (Engine::Postgres, true) => path.join(format!(".s.PGSQL.{port}")),
                _ => path.clone(),
            };
            let stream = watch.let_in("database", UnixStream::connect(path)).await?;
            Box::new(stream.map_err(none)?)
        }
        Place::Network { .. } => {
            let addresses = addresses(server).await?;
            let stream = watch.let_in("database", first(&addresses)).await?;
            Box::new(stream.map_err(none)?)
        }
    };
    let meter = Meter::default();
    let wire = Wire {
        stream,
        meter: meter.clone(),
    };
    Ok((wire, meter))
}

async fn first(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut last = io::ErrorKind::NotFound.into();
    for address in addresses {
        let tried = timeout(CONNECT_TIME / 3, TcpStream::connect(address)).await;
        match tried.unwrap_or_else(|late| Err(late.into())) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                // A server that was unplugged says nothing: without this, a read would wait for it.
                let keepalive = TcpKeepalive::new()
                    .with_time(KEEPALIVE)
                    .with_interval(KEEPALIVE / 10);
                SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.meter.is_over() {
            return Poll::Ready(Err(io::Error::other("a row is too long")));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        let read = (buf.filled().len() - before) as u64;
        self.meter.0.fetch_add(read, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::sql::settings::Password;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[test]
    fn addresses_of_the_own_network_are_known() {
        for near in [
            "127.0.0.1",
            "192.168.1.9",
            "10.1.2.3",
            "172.16.0.1",
            "::1",
            "fd00::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(is_local(near.parse().unwrap()), "{near}");
        }
        for far in [
            "8.8.8.8",
            "172.32.0.1",
            "100.64.0.1",
            "2001:db8::1",
            "::ffff:8.8.8.8",
        ] {
            assert!(!is_local(far.parse().unwrap()), "{far}");
        }
    }

    #[tokio::test]
    async fn a_server_beyond_the_network_is_not_asked_without_a_verified_certificate() {
        for tls in [Tls::Off, Tls::Unverified] {
            let server = Server {
                engine: Engine::Postgres,
                place: Place::Network {
                    host: "203.0.113.1".into(),
                    port: 5432,
                    tls,
                },
                database: "d".into(),
                user: "u".into(),
                password: Password::new("p"),
            };
            let error = addresses(&server).await.unwrap_err().to_string();
            assert!(
                error.starts_with("203.0.113.1:5432 is at 203.0.113.1, outside of this network"),
                "{error}"
            );
        }
    }

    #[tokio::test]
    async fn a_row_is_cut_off_at_the_bound() {
        for (bytes, fits) in [(ROW_BYTES, true), (ROW_BYTES + 1, false)] {
            let (ours, mut theirs) = tokio::io::duplex(2 << 20);
            let meter = Meter::default();
            let mut wire = Wire {
                stream: Box::new(ours),
                meter: meter.clone(),
            };
            theirs.write_all(&vec![b'x'; bytes as usize]).await.unwrap();
            wire.read_exact(&mut vec![0; bytes as usize]).await.unwrap();
            theirs.write_all(b"y").await.unwrap();
            assert_eq!(wire.read_u8().await.is_ok(), fits);
            meter.reset();
            theirs.write_all(b"z").await.unwrap();
            assert!(wire.read_u8().await.is_ok());
        }
    }
}
