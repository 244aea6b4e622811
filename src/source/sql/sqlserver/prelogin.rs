//! TDS 7.4 up to the login: what both sides can do, and TLS whose handshake travels in packets of that talk.
//!
//! The client behind this believes that it speaks without TLS. Its own first words are swallowed, since the
//! server has heard ours, and get the answer that fits. From then on bytes go through as they are.
//!
//! TLS is 1.2 here: with it the handshake has an end that both sides see, after which there are no packets
//! around it any more. SQL Server speaks a newer one only in TDS 8.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio_rustls::TlsConnector;

use crate::source::error::SourceError;
use crate::source::sql::connect::{Both, Wire};
use crate::source::sql::error::SqlError;
use crate::source::sql::settings::Server;
use crate::source::sql::tls;

const HEADER_BYTES: usize = 8;
/// The size that packets have until another is agreed on.
const PACKET_BYTES: usize = 4096;
/// Types of packets.
const PRELOGIN: u8 = 0x12;
const ANSWER: u8 = 0x04;
/// What a side says of TLS.
const ON: u8 = 1;
const NOT_SUPPORTED: u8 = 2;
const REQUIRED: u8 = 3;
/// Options of this talk, and their end.
const VERSION: u8 = 0;
const ENCRYPTION: u8 = 1;
const END: u8 = 0xff;

/// Talks to the server until a login can be sent.
pub(super) async fn prepare(server: &Server, mut wire: Wire) -> Result<Answered, SourceError> {
    let tls = tls::client(server, &[&rustls::version::TLS12])?;
    let lost = |source| SqlError::Lost {
        server: server.shown(),
        source,
    };
    let ours = if tls.is_some() { ON } else { NOT_SUPPORTED };
    wire.write_all(&talk(PRELOGIN, ours)).await.map_err(lost)?;
    wire.flush().await.map_err(lost)?;
    let theirs = answer(&mut wire).await.map_err(lost)?;
    let theirs = encryption(&theirs).ok_or_else(|| SqlError::Protocol {
        server: server.shown(),
        what: "its first answer is not SQL Server's".to_owned(),
    })?;
    let stream: Box<dyn Both> = match (tls, theirs) {
        (None, ON | REQUIRED) => {
            let server = server.shown();
            return Err(SqlError::TlsDemanded { server }.into());
        }
        (None, _) => Box::new(wire),
        (Some(tls), ON | REQUIRED) => {
            let name =
                ServerName::try_from(server.tls_name().to_owned()).map_err(|e| SqlError::Tls {
                    server: server.shown(),
                    source: io::Error::other(e),
                })?;
            let connector = TlsConnector::from(Arc::new(tls));
            let shaken = connector.connect(name, Packets::new(wire)).await;
            let mut stream = shaken.map_err(|error| {
                let words = io::Error::new(error.kind(), error.to_string());
                tls::failure(server, &error, words)
            })?;
            stream.get_mut().0.is_over = true;
            Box::new(stream)
        }
        (Some(_), _) => {
            let server = server.shown();
            return Err(SqlError::NoTls { server }.into());
        }
    };
    Ok(Answered {
        stream,
        answer: talk(ANSWER, NOT_SUPPORTED),
        told: 0,
    })
}

/// A packet with a version and what we say of TLS.
fn talk(kind: u8, encryption: u8) -> Vec<u8> {
    let version = [0_u8; 6];
    let options = 2 * 5 + 1;
    let length = HEADER_BYTES + options + version.len() + 1;
    let mut packet = header(kind, true, length).to_vec();
    for (option, at, bytes) in [
        (VERSION, options, version.len()),
        (ENCRYPTION, options + version.len(), 1),
    ] {
        packet.push(option);
        packet.extend_from_slice(&(at as u16).to_be_bytes());
        packet.extend_from_slice(&(bytes as u16).to_be_bytes());
    }
    packet.push(END);
    packet.extend_from_slice(&version);
    packet.push(encryption);
    packet
}

fn header(kind: u8, is_last: bool, length: usize) -> [u8; HEADER_BYTES] {
    let [high, low] = (length as u16).to_be_bytes();
    [kind, u8::from(is_last), high, low, 0, 0, 0, 0]
}

/// The body of the server's answer, which is one packet.
async fn answer(wire: &mut Wire) -> io::Result<Vec<u8>> {
    let mut header = [0; HEADER_BYTES];
    wire.read_exact(&mut header).await?;
    let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let body = length.checked_sub(HEADER_BYTES);
    let body = body.filter(|_| length <= PACKET_BYTES);
    let mut body = vec![0; body.ok_or(io::ErrorKind::InvalidData)?];
    wire.read_exact(&mut body).await?;
    Ok(body)
}

/// What the server says of TLS.
fn encryption(body: &[u8]) -> Option<u8> {
    for option in body.chunks(5) {
        match *option {
            [END, ..] => return None,
            [ENCRYPTION, high, low, ..] => {
                return body
                    .get(usize::from(u16::from_be_bytes([high, low])))
                    .copied();
            }
            _ => {}
        }
    }
    None
}

/// A stream to a server that seems to have been asked by the client itself.
pub(super) struct Answered {
    stream: Box<dyn Both>,
    answer: Vec<u8>,
    /// How much of the answer the client has read. It says nothing new before it has all of it.
    told: usize,
}

impl AsyncRead for Answered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let left = &self.answer[self.told..];
        if left.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let part = left.len().min(buf.remaining());
        buf.put_slice(&left[..part]);
        self.told += part;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Answered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.told < self.answer.len() {
            true => Poll::Ready(Ok(buf.len())),
            false => Pin::new(&mut self.stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// The handshake's bytes in packets, until it is over.
pub(super) struct Packets {
    wire: Wire,
    is_over: bool,
    /// What TLS wrote since the last flush, and the packets made of it that are not written yet.
    written: Vec<u8>,
    packets: Vec<u8>,
    /// The header that is being read, and what is left of its packet.
    header: [u8; HEADER_BYTES],
    header_bytes: usize,
    left: usize,
}

impl Packets {
    fn new(wire: Wire) -> Packets {
        Packets {
            wire,
            is_over: false,
            written: Vec::new(),
            packets: Vec::new(),
            header: [0; HEADER_BYTES],
            header_bytes: 0,
            left: 0,
        }
    }

    fn send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let written = std::mem::take(&mut self.written);
        let mut parts = written.chunks(PACKET_BYTES - HEADER_BYTES).peekable();
        while let Some(part) = parts.next() {
            let length = HEADER_BYTES + part.len();
            let header = header(PRELOGIN, parts.peek().is_none(), length);
            self.packets.extend_from_slice(&header);
            self.packets.extend_from_slice(part);
        }
        while !self.packets.is_empty() {
            let sent = ready!(Pin::new(&mut self.wire).poll_write(cx, &self.packets))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.packets.drain(..sent);
        }
        Poll::Ready(Ok(()))
    }

    fn open_packet(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.left == 0 {
            let mut rest = ReadBuf::new(&mut self.header[self.header_bytes..]);
            ready!(Pin::new(&mut self.wire).poll_read(cx, &mut rest))?;
            if rest.filled().is_empty() {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            self.header_bytes += rest.filled().len();
            if self.header_bytes == HEADER_BYTES {
                let length = u16::from_be_bytes([self.header[2], self.header[3]]);
                self.left = usize::from(length).saturating_sub(HEADER_BYTES);
                self.header_bytes = 0;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Packets {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_over {
            return Pin::new(&mut self.wire).poll_read(cx, buf);
        }
        ready!(self.send(cx))?;
        ready!(self.open_packet(cx))?;
        let most = self.left.min(buf.remaining());
        let mut part = ReadBuf::new(buf.initialize_unfilled_to(most));
        ready!(Pin::new(&mut self.wire).poll_read(cx, &mut part))?;
        let read = part.filled().len();
        self.left -= read;
        buf.advance(read);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Packets {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.is_over {
            return Pin::new(&mut self.wire).poll_write(cx, buf);
        }
        self.written.extend_from_slice(buf);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.send(cx))?;
        Pin::new(&mut self.wire).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.send(cx))?;
        Pin::new(&mut self.wire).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_of_tls_is_found_among_its_options() {
        for said in [0, ON, NOT_SUPPORTED, REQUIRED] {
            let packet = talk(ANSWER, said);
            assert_eq!(
                usize::from(u16::from_be_bytes([packet[2], packet[3]])),
                packet.len()
            );
            assert_eq!(encryption(&packet[HEADER_BYTES..]), Some(said));
        }
        for broken in [
            &b""[..],
            &[END],
            &[ENCRYPTION, 0],
            &[ENCRYPTION, 0, 99, 0, 1, END],
        ] {
            assert_eq!(encryption(broken), None, "{broken:?}");
        }
    }
}
