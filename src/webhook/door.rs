//! The doors: where webhooks come in, and how each is opened.
//!
//! A door that systemd holds open is taken over; any other is opened by us, and closed with us.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio_rustls::TlsAcceptor;

use super::connections::Network;
use super::handed::Handed;
use super::tls::{Identity, server_config};

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    Tls(SocketAddr),
    /// Whatever systemd hands over, and at least something.
    Systemd,
    /// Plain HTTP, for a reverse proxy or tunnel on this box.
    Loopback(SocketAddr),
    Unix(PathBuf),
}

/// A door to be opened.
#[derive(Debug)]
pub enum Door {
    Tls(Tcp),
    Loopback(Tcp),
    Unix(Unix),
}

#[derive(Debug)]
pub enum Tcp {
    New(SocketAddr),
    Handed(std::net::TcpListener),
}

#[derive(Debug)]
pub enum Unix {
    New(PathBuf),
    Handed(std::os::unix::net::UnixListener),
}

#[derive(Debug, thiserror::Error)]
#[error(
    "listen = \"systemd\", and systemd hands no socket over: enable ringcard.socket (systemctl enable --now \
     ringcard.socket), or give listen an address and a port"
)]
pub struct NothingHanded;

impl Door {
    /// Those of the configuration, and one for each socket that was handed over.
    pub fn plan(listen: &[Listen], mut handed: Handed) -> Result<Vec<Door>, NothingHanded> {
        if listen.contains(&Listen::Systemd) && handed.is_empty() {
            return Err(NothingHanded);
        }
        let mut doors = Vec::new();
        for listen in listen {
            doors.push(match listen {
                Listen::Systemd => continue,
                Listen::Tls(address) => Door::Tls(match handed.tcp_for(address) {
                    Some(socket) => Tcp::Handed(socket),
                    None => Tcp::New(*address),
                }),
                Listen::Loopback(address) => Door::Loopback(match handed.tcp_at(address) {
                    Some(socket) => Tcp::Handed(socket),
                    None => Tcp::New(*address),
                }),
                Listen::Unix(path) => Door::Unix(match handed.unix_at(path) {
                    Some(socket) => Unix::Handed(socket),
                    None => Unix::New(path.clone()),
                }),
            });
        }
        doors.extend(handed.rest_tcp().map(|s| Door::Tls(Tcp::Handed(s))));
        doors.extend(handed.rest_unix().map(|s| Door::Unix(Unix::Handed(s))));
        Ok(doors)
    }

    /// Whether it needs a certificate.
    pub fn is_tls(&self) -> bool {
        matches!(self, Door::Tls(_))
    }

    /// What an operator knows it by.
    pub fn name(&self) -> String {
        match self {
            Door::Tls(Tcp::New(address)) | Door::Loopback(Tcp::New(address)) => address.to_string(),
            Door::Unix(Unix::New(path)) => path.display().to_string(),
            _ => "a socket of systemd's".to_owned(),
        }
    }

    /// Opens it; a TLS door shows `identity`.
    pub async fn open(self, identity: Option<&Arc<Identity>>) -> io::Result<Bound> {
        let is_ours = match &self {
            Door::Tls(tcp) | Door::Loopback(tcp) => matches!(tcp, Tcp::New(_)),
            Door::Unix(unix) => matches!(unix, Unix::New(_)),
        };
        let way = match self {
            Door::Tls(tcp) => {
                let identity =
                    identity.ok_or_else(|| io::Error::other("there is no certificate"))?;
                let config = server_config(identity.clone()).map_err(io::Error::other)?;
                Way::Tls(tcp.open().await?, TlsAcceptor::from(Arc::new(config)))
            }
            Door::Loopback(tcp) => Way::Loopback(tcp.open().await?),
            Door::Unix(unix) => Way::Unix(unix.open().await?),
        };
        Ok(Bound { way, is_ours })
    }
}

impl Tcp {
    async fn open(self) -> io::Result<TcpListener> {
        match self {
            Tcp::New(address) => TcpListener::bind(address).await,
            Tcp::Handed(socket) => {
                socket.set_nonblocking(true)?;
                TcpListener::from_std(socket)
            }
        }
    }
}

impl Unix {
    async fn open(self) -> io::Result<UnixListener> {
        match self {
            Unix::New(path) => bind(&path).await,
            Unix::Handed(socket) => {
                socket.set_nonblocking(true)?;
                UnixListener::from_std(socket)
            }
        }
    }
}

async fn bind(path: &Path) -> io::Result<UnixListener> {
    // A socket left by an earlier run has nobody behind it, and says so. One with a full queue or of somebody
    // else says other things; anything else that is there is not ours to remove.
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|m| m.file_type().is_socket());
    if is_socket
        && let Err(e) = UnixStream::connect(path).await
        && e.kind() == io::ErrorKind::ConnectionRefused
    {
        let _ = std::fs::remove_file(path);
    }
    let listener = UnixListener::bind(path)?;
    // The proxy's user is in our group, or it can't come in.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    Ok(listener)
}

/// A door that is open but not yet served.
pub struct Bound {
    pub(super) way: Way,
    /// Not one that was handed over, whose queue waits for our successor.
    is_ours: bool,
}

pub(super) enum Way {
    Tls(TcpListener, TlsAcceptor),
    Loopback(TcpListener),
    Unix(UnixListener),
}

/// One who came in.
pub(super) enum Caller {
    Tls(TcpStream, TlsAcceptor),
    Loopback(TcpStream),
    Unix(UnixStream),
}

impl Caller {
    /// Where from, if not from this box.
    pub(super) fn network(&self) -> Option<Network> {
        match self {
            Caller::Tls(stream, _) => stream.peer_addr().ok().map(|a| Network::of(a.ip())),
            Caller::Loopback(_) | Caller::Unix(_) => None,
        }
    }
}

impl Bound {
    /// The address in use: with port 0 the system chose it.
    pub fn address(&self) -> Option<SocketAddr> {
        match &self.way {
            Way::Tls(listener, _) | Way::Loopback(listener) => listener.local_addr().ok(),
            Way::Unix(_) => None,
        }
    }

    pub(super) async fn accept(&self) -> io::Result<Caller> {
        Ok(match &self.way {
            Way::Tls(listener, acceptor) => {
                Caller::Tls(listener.accept().await?.0, acceptor.clone())
            }
            Way::Loopback(listener) => Caller::Loopback(listener.accept().await?.0),
            Way::Unix(listener) => Caller::Unix(listener.accept().await?.0),
        })
    }

    /// Closes the door, after letting in who stands before it: nobody else would. Who waits before a door that
    /// systemd holds is left to the next run.
    pub(super) fn close(self) -> io::Result<Vec<Caller>> {
        if !self.is_ours {
            return Ok(Vec::new());
        }
        // Asked of the system itself: the runtime may not have heard of the last one yet.
        let mut callers = Vec::new();
        match self.way {
            Way::Tls(listener, acceptor) => {
                let streams = queue(listener.into_std()?)?;
                let caller = |stream| Caller::Tls(stream, acceptor.clone());
                callers.extend(streams.into_iter().map(caller));
            }
            Way::Loopback(listener) => {
                let streams = queue(listener.into_std()?)?;
                callers.extend(streams.into_iter().map(Caller::Loopback));
            }
            Way::Unix(listener) => {
                let listener = listener.into_std()?;
                while let Ok((stream, _)) = listener.accept() {
                    stream.set_nonblocking(true)?;
                    callers.push(Caller::Unix(UnixStream::from_std(stream)?));
                }
            }
        }
        Ok(callers)
    }
}

fn queue(listener: std::net::TcpListener) -> io::Result<Vec<TcpStream>> {
    let mut streams = Vec::new();
    while let Ok((stream, _)) = listener.accept() {
        stream.set_nonblocking(true)?;
        streams.push(TcpStream::from_std(stream)?);
    }
    Ok(streams)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_in_the_place_of_a_socket_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hook.sock");
        std::fs::write(&path, "precious").unwrap();
        let door = || Door::Unix(Unix::New(path.clone()));
        assert!(door().open(None).await.is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
        std::fs::remove_file(&path).unwrap();
        for _ in 0..2 {
            drop(door().open(None).await.unwrap());
        }
    }

    #[tokio::test]
    async fn a_socket_in_use_is_left_alone_even_with_a_full_queue() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hook.sock");
        let kind = socket2::Type::STREAM.nonblocking();
        let other = socket2::Socket::new(socket2::Domain::UNIX, kind, None).unwrap();
        let address = socket2::SockAddr::unix(&path).unwrap();
        other.bind(&address).unwrap();
        other.listen(0).unwrap();
        let mut waiting = Vec::new();
        for _ in 0..3 {
            let before = Door::Unix(Unix::New(path.clone())).open(None).await;
            assert_eq!(before.err().unwrap().kind(), io::ErrorKind::AddrInUse);
            let peer = socket2::Socket::new(socket2::Domain::UNIX, kind, None).unwrap();
            let _ = peer.connect(&address);
            waiting.push(peer);
        }
        assert!(path.exists());
    }

    #[tokio::test]
    async fn who_stands_before_the_door_when_it_closes_is_let_in() {
        let door = Door::Loopback(Tcp::New("127.0.0.1:0".parse().unwrap()));
        let bound = door.open(None).await.unwrap();
        let address = bound.address().unwrap();
        let peers: Vec<_> = (0..3)
            .map(|_| std::net::TcpStream::connect(address).unwrap())
            .collect();
        assert_eq!(bound.close().unwrap().len(), peers.len());
        assert!(std::net::TcpStream::connect(address).is_err());
    }

    #[test]
    fn each_door_of_the_configuration_is_taken_over_or_opened_and_no_socket_is_left_out() {
        let plan = Door::plan(&[Listen::Systemd], Handed::default());
        assert!(plan.unwrap_err().to_string().contains("ringcard.socket"));
        let address: SocketAddr = "192.0.2.1:8443".parse().unwrap();
        let path = PathBuf::from("/run/hook.sock");
        let listen = [
            Listen::Tls(address),
            Listen::Loopback("127.0.0.1:8080".parse().unwrap()),
            Listen::Unix(path),
        ];
        let plan = Door::plan(&listen, Handed::default()).unwrap();
        let names: Vec<_> = plan.iter().map(Door::name).collect();
        assert_eq!(
            names,
            ["192.0.2.1:8443", "127.0.0.1:8080", "/run/hook.sock"]
        );
        assert_eq!(plan.iter().filter(|d| d.is_tls()).count(), 1);
    }
}
