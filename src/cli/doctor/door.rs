//! Whether a webhook would come in: by each of the running daemon's doors, as Hipcall would, with a right secret.
//!
//! The secret is told only to whoever shows the certificate that is in our own file.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use super::certificate;
use super::finding::{DOOR, Finding};
use super::within;
use crate::config::Outline;
use crate::status::Status;
use crate::webhook::{Listen, pinned};

/// Twice what the daemon may take for an answer, and a handshake on a small board.
const DOOR_TIME: Duration = Duration::from_secs(10);
const ANSWER_BYTES: u64 = 4 << 10;
/// What the daemon says to a right address.
const HERE: &str = "Ringcard is here";

enum Door {
    Tls(SocketAddr),
    Plain(SocketAddr),
    Unix(PathBuf),
}

pub(super) async fn look(outline: &Outline, status: &Status) -> Vec<Finding> {
    let secrets = outline.accounts.iter().filter_map(|a| {
        let secret = a.webhook_secrets.first()?;
        Some((&*a.name, secret.expose()))
    });
    let secrets: Vec<(&str, &str)> = secrets.collect();
    let mut findings = Vec::new();
    for door in doors(outline, status) {
        let subject = subject(&door);
        for (account, secret) in &secrets {
            let subject = format!("{subject}, account {account}");
            let advice = "see: journalctl -u ringcard -n 50";
            let try_it = async { vec![try_door(outline, &door, secret, &subject).await] };
            findings.extend(within(DOOR_TIME, DOOR, &subject, advice, try_it).await);
        }
    }
    findings
}

/// What the daemon says it listens at; sockets of files it does not name.
fn doors(outline: &Outline, status: &Status) -> Vec<Door> {
    let listen = outline.webhook.iter().flat_map(|w| &w.listen);
    let plain: Vec<SocketAddr> = listen
        .clone()
        .filter_map(|l| match l {
            Listen::Loopback(address) => Some(*address),
            _ => None,
        })
        .collect();
    let addresses = status.webhook.addresses.iter();
    let addresses = addresses.filter_map(|a| a.parse::<SocketAddr>().ok());
    let mut doors: Vec<Door> = addresses
        .map(|address| match plain.contains(&address) {
            true => Door::Plain(address),
            false => Door::Tls(address),
        })
        .collect();
    doors.extend(listen.filter_map(|l| match l {
        Listen::Unix(path) => Some(Door::Unix(path.clone())),
        _ => None,
    }));
    doors
}

fn subject(door: &Door) -> String {
    match door {
        Door::Tls(address) => address.to_string(),
        Door::Plain(address) => format!("{address} in plain"),
        Door::Unix(path) => path.display().to_string(),
    }
}

async fn try_door(outline: &Outline, door: &Door, secret: &str, subject: &str) -> Finding {
    let answer = match door {
        Door::Tls(address) => by_tls(outline, *address, secret).await,
        Door::Plain(address) => match TcpStream::connect(here(*address)).await {
            Ok(stream) => ask(stream, secret).await,
            Err(e) => Err(e),
        },
        Door::Unix(path) => match UnixStream::connect(path).await {
            Ok(stream) => ask(stream, secret).await,
            Err(e) => Err(e),
        },
    };
    let head = match answer {
        Ok(answer) if answer.contains(HERE) => {
            let outside = match door {
                Door::Tls(_) => {
                    "; whether it is reached from outside: open the webhook's address from a phone without the \
                     office's Wi-Fi"
                }
                Door::Plain(_) | Door::Unix(_) => "; from outside, through the proxy or tunnel",
            };
            return DOOR.ok(subject, format!("answers \"{HERE}\"{outside}"));
        }
        Ok(answer) => answer.lines().next().unwrap_or_default().to_owned(),
        Err(e) => return refused(subject, &e),
    };
    let status = head.split(' ').nth(1).unwrap_or("nothing").to_owned();
    let what = format!("answers {status} to the account's secret");
    let advice = "the daemon knows another secret than the file: sudo systemctl reload ringcard";
    DOOR.fail(subject, what, advice)
}

fn refused(subject: &str, error: &io::Error) -> Finding {
    let cause = error
        .get_ref()
        .and_then(|e| e.downcast_ref::<rustls::Error>());
    if let Some(rustls::Error::InvalidCertificate(_)) = cause {
        let what = "shows another certificate than the one in the file";
        let advice = "if the file is new: sudo systemctl reload ringcard. Else another program has this port: sudo ss \
                      -ltnp";
        return DOOR.fail(subject, what, advice);
    }
    let advice = "is the service up, and does no other program hold the port? sudo ss -ltnp";
    DOOR.fail(subject, format!("no connection: {error}"), advice)
}

async fn by_tls(outline: &Outline, address: SocketAddr, secret: &str) -> io::Result<String> {
    let files = certificate::files(outline);
    let shown = certificate::read(&files.certificate)?;
    let expected = shown.into_iter().next();
    let expected = expected.ok_or_else(|| io::Error::other("the file has no certificate"))?;
    let config = pinned(expected).map_err(io::Error::other)?;
    let stream = TcpStream::connect(here(address)).await?;
    let name = ServerName::from(here(address).ip());
    let connector = TlsConnector::from(Arc::new(config));
    ask(connector.connect(name, stream).await?, secret).await
}

async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin, secret: &str) -> io::Result<String> {
    let request =
        format!("GET /hooks/{secret} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    let read = stream.take(ANSWER_BYTES).read_to_end(&mut answer).await;
    // Some close without a goodbye; what they said has been said.
    match (read, answer.is_empty()) {
        (Err(e), true) => Err(e),
        _ => Ok(String::from_utf8_lossy(&answer).into_owned()),
    }
}

/// All addresses of the box are reached at its own.
fn here(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_of_the_box_is_reached_at_its_own() {
        for (listens, reached) in [
            ("0.0.0.0:8443", "127.0.0.1:8443"),
            ("[::]:443", "[::1]:443"),
            ("192.0.2.7:8443", "192.0.2.7:8443"),
        ] {
            let reached: SocketAddr = reached.parse().unwrap();
            assert_eq!(here(listens.parse().unwrap()), reached);
        }
    }
}
