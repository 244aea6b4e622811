//! Sockets that were open before we were: systemd keeps them through our stops, so that who connects in
//! between waits in their queue and is not refused.
//!
//! Taken once, before the first thread starts, and out of the environment: no program that we start is to
//! take them for its own.

use std::collections::VecDeque;
use std::env;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use listenfd::ListenFd;
use socket2::SockRef;

/// What was handed over and not yet become a door.
#[derive(Debug, Default)]
pub struct Handed {
    tcp: VecDeque<(SocketAddr, TcpListener)>,
    unix: VecDeque<(Option<PathBuf>, UnixListener)>,
    unfit: Vec<String>,
}

impl Handed {
    /// Takes all that is there for this process.
    pub fn take() -> Handed {
        let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':').filter(|n| !n.is_empty());
        let mut all = ListenFd::from_env();
        let mut handed = Handed::default();
        for at in 0..all.len() {
            let name = names.next().unwrap_or("unnamed");
            if let Err(why) = handed.take_one(&mut all, at) {
                handed
                    .unfit
                    .push(format!("socket {} ({name}) {why}", at + 1));
            }
        }
        handed
    }

    fn take_one(&mut self, all: &mut ListenFd, at: usize) -> Result<(), &'static str> {
        if let Ok(Some(listener)) = all.take_tcp_listener(at) {
            listens(SockRef::from(&listener))?;
            let address = listener.local_addr().map_err(|_| "has no address")?;
            self.tcp.push_back((address, listener));
            return Ok(());
        }
        if let Ok(Some(listener)) = all.take_unix_listener(at) {
            listens(SockRef::from(&listener))?;
            let address = listener.local_addr().map_err(|_| "has no address")?;
            let path = address.as_pathname().map(Path::to_owned);
            self.unix.push_back((path, listener));
            return Ok(());
        }
        match (all.take_udp_socket(at), all.take_unix_datagram(at)) {
            (Ok(Some(_)), _) | (_, Ok(Some(_))) => {
                Err("takes datagrams: webhooks come over streams")
            }
            _ => Err("is neither a TCP socket nor a stream in the file system"),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.tcp.is_empty() && self.unix.is_empty()
    }

    /// What can't be a door, each with the reason.
    pub fn unfit(&self) -> &[String] {
        &self.unfit
    }

    /// Ends the connections that wait: nobody will serve them, and for those that still wait when we have ended,
    /// systemd would start us again at once, and again.
    pub fn turn_away(&self) {
        for (_, listener) in &self.tcp {
            let ready = listener.set_nonblocking(true);
            while ready.is_ok() && listener.accept().is_ok() {}
        }
        for (_, listener) in &self.unix {
            let ready = listener.set_nonblocking(true);
            while ready.is_ok() && listener.accept().is_ok() {}
        }
    }

    /// The socket at which connections to `address` would arrive.
    pub(super) fn tcp_for(&mut self, address: &SocketAddr) -> Option<TcpListener> {
        self.tcp_where(|own, socket| own == address || covers(own, socket, address))
    }

    /// The socket of exactly this address: plain HTTP must not be served to a wider circle.
    pub(super) fn tcp_at(&mut self, address: &SocketAddr) -> Option<TcpListener> {
        self.tcp_where(|own, _| own == address)
    }

    fn tcp_where(&mut self, is: impl Fn(&SocketAddr, &TcpListener) -> bool) -> Option<TcpListener> {
        let at = self.tcp.iter().position(|(own, socket)| is(own, socket))?;
        self.tcp.remove(at).map(|(_, listener)| listener)
    }

    pub(super) fn unix_at(&mut self, path: &Path) -> Option<UnixListener> {
        let is = |own: &Option<PathBuf>| own.as_deref() == Some(path);
        let at = self.unix.iter().position(|(own, _)| is(own))?;
        self.unix.remove(at).map(|(_, listener)| listener)
    }

    pub(super) fn rest_tcp(&mut self) -> impl Iterator<Item = TcpListener> + '_ {
        self.tcp.drain(..).map(|(_, listener)| listener)
    }

    pub(super) fn rest_unix(&mut self) -> impl Iterator<Item = UnixListener> + '_ {
        self.unix.drain(..).map(|(_, listener)| listener)
    }
}

fn listens(socket: SockRef<'_>) -> Result<(), &'static str> {
    match socket.is_listener() {
        Ok(true) => Ok(()),
        _ => Err("does not listen: in the socket unit, Accept= must be no"),
    }
}

/// Whether `own` is any address, of the family that `wanted` is of or of both.
fn covers(own: &SocketAddr, socket: &TcpListener, wanted: &SocketAddr) -> bool {
    let both = || SockRef::from(socket).only_v6().is_ok_and(|only| !only);
    own.ip().is_unspecified()
        && own.port() == wanted.port()
        && (own.is_ipv4() == wanted.is_ipv4() || (own.is_ipv6() && both()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handed(address: &str) -> (Handed, SocketAddr) {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let handed = Handed {
            tcp: [(address, listener)].into(),
            ..Handed::default()
        };
        (handed, address)
    }

    #[test]
    fn a_socket_of_any_address_is_taken_for_each_of_its_port() {
        for (own, wanted, fits) in [
            ("127.0.0.1:0", "127.0.0.1", true),
            ("127.0.0.1:0", "127.0.0.2", false),
            ("127.0.0.1:0", "0.0.0.0", false),
            ("0.0.0.0:0", "0.0.0.0", true),
            ("0.0.0.0:0", "127.0.0.1", true),
            ("0.0.0.0:0", "::", false),
            ("[::]:0", "::", true),
            ("[::]:0", "0.0.0.0", true),
            ("[::]:0", "192.0.2.1", true),
        ] {
            let (mut handed, address) = handed(own);
            let wanted = SocketAddr::new(wanted.parse().unwrap(), address.port());
            let other = SocketAddr::new(wanted.ip(), address.port() ^ 1);
            assert!(handed.tcp_for(&other).is_none(), "{own} {wanted}");
            assert_eq!(handed.tcp_for(&wanted).is_some(), fits, "{own} {wanted}");
            assert_eq!(handed.is_empty(), fits);
        }
    }

    #[test]
    fn plain_http_takes_a_socket_of_its_own_address_only() {
        let (mut handed, address) = handed("0.0.0.0:0");
        let loopback = SocketAddr::new("127.0.0.1".parse().unwrap(), address.port());
        assert!(handed.tcp_at(&loopback).is_none());
        assert!(handed.tcp_at(&address).is_some());
    }
}
