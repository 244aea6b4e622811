//! A stand-in for SQL Server: prelogin, TLS within it, login, batches and `sp_executesql`, in plain bytes.
//!
//! It speaks what MS-TDS 7.4 says of these, and nothing of what a real server also may. It refuses a login that
//! is not the one it knows, and keeps what it was asked.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use rustls::ServerConnection;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// What it says of TLS.
#[derive(Clone, Copy, PartialEq)]
pub enum Says {
    No,
    Yes,
    Demands,
}

pub struct StandIn {
    pub port: u16,
    /// The authority of its certificate.
    pub ca: tempfile::NamedTempFile,
    pub asked: Arc<Mutex<Vec<String>>>,
}

/// What it answers to a query other than its own beginning.
pub type Answer = fn(&str) -> Vec<u8>;

pub const USER: &str = "ringcard";
pub const PASSWORD: &str = "g1z-Lİ";
pub const DATABASE: &str = "LOGO";

impl StandIn {
    pub fn start(says: Says, answer: Answer) -> StandIn {
        let certified =
            rcgen::generate_simple_self_signed(["localhost".into(), "127.0.0.1".into()]).unwrap();
        let mut ca = tempfile::NamedTempFile::new().unwrap();
        ca.write_all(certified.cert.pem().as_bytes()).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(
            certified.signing_key.serialize_der(),
        ));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS12])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key)
            .unwrap();
        let (tls, asked) = (Arc::new(tls), Arc::<Mutex<Vec<String>>>::default());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let keeps = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (tls, asked) = (tls.clone(), keeps.clone());
                // A client that breaks off ends its own talk only.
                std::thread::spawn(move || drop(talk(stream, says, &tls, answer, &asked)));
            }
        });
        StandIn { port, ca, asked }
    }
}

trait Both: Read + Write {}
impl<S: Read + Write> Both for S {}

fn talk(
    mut stream: TcpStream,
    says: Says,
    tls: &Arc<rustls::ServerConfig>,
    answer: Answer,
    asked: &Mutex<Vec<String>>,
) -> io::Result<()> {
    let (kind, body) = message(&mut stream)?;
    assert_eq!(kind, 0x12, "a talk begins with a prelogin");
    // The client's word on TLS: 1 is on, 2 that it has none.
    let place = u16::from_be_bytes([body[6], body[7]]);
    let wants = body[usize::from(place)] == 1;
    assert_eq!(body[5], 1, "the second option is TLS");
    let says = match (says, wants) {
        (Says::No, _) => 2,
        (Says::Yes, true) => 1,
        (Says::Yes, false) => 2,
        (Says::Demands, _) => 3,
    };
    let mut options = vec![0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xff, 16, 0, 16, 0, 0, 0];
    options.push(says);
    send(&mut stream, 0x04, &options)?;
    if !wants || says == 2 {
        return session(&mut stream, answer, asked);
    }
    let mut tls = ServerConnection::new(tls.clone()).unwrap();
    while tls.is_handshaking() || tls.wants_write() {
        let mut flight = Vec::new();
        while tls.wants_write() {
            tls.write_tls(&mut flight)?;
        }
        if !flight.is_empty() {
            send(&mut stream, 0x12, &flight)?;
        }
        if tls.is_handshaking() {
            let (kind, body) = message(&mut stream)?;
            assert_eq!(kind, 0x12, "a handshake travels in prelogin packets");
            let mut body = &body[..];
            while !body.is_empty() {
                tls.read_tls(&mut body)?;
                tls.process_new_packets().map_err(io::Error::other)?;
            }
        }
    }
    session(
        &mut rustls::Stream::new(&mut tls, &mut stream),
        answer,
        asked,
    )
}

fn session(stream: &mut dyn Both, answer: Answer, asked: &Mutex<Vec<String>>) -> io::Result<()> {
    let (kind, login) = message(stream)?;
    assert_eq!(kind, 0x10, "a login follows");
    // Offsets and lengths of the user's name, the password and the database's name.
    let text = |at: usize, change: fn(u8) -> u8| {
        let word = |at: usize| usize::from(u16::from_le_bytes([login[at], login[at + 1]]));
        let bytes = &login[word(at)..word(at) + 2 * word(at + 2)];
        let bytes: Vec<u8> = bytes.iter().map(|b| change(*b)).collect();
        from_utf16(&bytes)
    };
    let plain = |b| b;
    let (user, password) = (text(40, plain), text(44, |b| (b ^ 0xa5).rotate_left(4)));
    if (user.as_str(), password.as_str()) != (USER, PASSWORD) {
        let mut tokens = error(18456, 14, &format!("Login failed for user '{user}'."));
        tokens.extend(done(0xfd, 2, 0));
        return send(stream, 0x04, &tokens);
    }
    if text(68, plain) != DATABASE {
        let mut tokens = error(
            4060,
            11,
            "Cannot open database requested by the login. The login failed.",
        );
        tokens.extend(done(0xfd, 2, 0));
        return send(stream, 0x04, &tokens);
    }
    let mut acknowledged = vec![1, 0x74, 0, 0, 4];
    acknowledged.extend(short_text("Microsoft SQL Server"));
    acknowledged.extend([16, 0, 0, 0]);
    let mut tokens = token(0xad, &acknowledged);
    tokens.extend(done(0xfd, 0, 0));
    send(stream, 0x04, &tokens)?;
    loop {
        let (kind, body) = message(stream)?;
        let headers = u32::from_le_bytes([body[0], body[1], body[2], body[3]]) as usize;
        let text = from_utf16(&body[headers..]);
        // A call has its query's text among the parameters; all that matters is what stands in it.
        let text = match kind {
            1 => text,
            3 => from_utf16(&body[headers + body.len() % 2..]) + &from_utf16(&body[headers + 1..]),
            other => panic!("a packet of type {other}"),
        };
        asked.lock().unwrap().push(text.clone());
        let tokens = match &text {
            t if t.contains("BEGIN TRANSACTION") => {
                let mut began = vec![8, 8, 1, 0, 0, 0, 0, 0, 0, 0];
                began.push(0);
                let mut tokens = token(0xe3, &began);
                tokens.extend(done(0xfd, 0, 0));
                tokens
            }
            t if t.contains("SYSDATETIMEOFFSET") => now(),
            t => answer(t),
        };
        send(stream, 0x04, &tokens)?;
        if tokens.is_empty() {
            // An answer that never ends: the connection does.
            return Ok(());
        }
    }
}

/// A whole message: its type, and the bodies of its packets.
fn message(stream: &mut (impl Read + ?Sized)) -> io::Result<(u8, Vec<u8>)> {
    let mut whole = Vec::new();
    loop {
        let mut header = [0; 8];
        stream.read_exact(&mut header)?;
        let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
        let mut body = vec![0; length - 8];
        stream.read_exact(&mut body)?;
        whole.extend(body);
        if header[1] & 1 == 1 {
            return Ok((header[0], whole));
        }
    }
}

fn send(stream: &mut (impl Write + ?Sized), kind: u8, body: &[u8]) -> io::Result<()> {
    let mut parts = body.chunks(4088).peekable();
    while let Some(part) = parts.next() {
        let [high, low] = (part.len() as u16 + 8).to_be_bytes();
        let last = u8::from(parts.peek().is_none());
        let mut packet = vec![kind, last, high, low, 0, 0, 1, 0];
        packet.extend_from_slice(part);
        stream.write_all(&packet)?;
    }
    stream.flush()
}

pub fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn from_utf16(bytes: &[u8]) -> String {
    let units = bytes
        .chunks_exact(2)
        .map(|b| u16::from_le_bytes([b[0], b[1]]));
    char::decode_utf16(units)
        .map(|c| c.unwrap_or('?'))
        .collect()
}

fn short_text(text: &str) -> Vec<u8> {
    let mut bytes = vec![text.encode_utf16().count() as u8];
    bytes.extend(utf16(text));
    bytes
}

fn token(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind];
    bytes.extend((body.len() as u16).to_le_bytes());
    bytes.extend(body);
    bytes
}

pub fn done(kind: u8, status: u16, rows: u64) -> Vec<u8> {
    let mut bytes = vec![kind];
    bytes.extend(status.to_le_bytes());
    bytes.extend(0_u16.to_le_bytes());
    bytes.extend(rows.to_le_bytes());
    bytes
}

pub fn error(number: i32, class: u8, message: &str) -> Vec<u8> {
    let mut body = number.to_le_bytes().to_vec();
    body.extend([1, class]);
    body.extend((message.encode_utf16().count() as u16).to_le_bytes());
    body.extend(utf16(message));
    body.extend(short_text("STANDIN"));
    body.extend(short_text(""));
    body.extend(1_u32.to_le_bytes());
    token(0xaa, &body)
}

/// The answer to a call that failed.
pub fn failed(number: i32, message: &str) -> Vec<u8> {
    let mut tokens = error(number, 16, message);
    tokens.extend(done(0xfe, 2, 0));
    tokens
}

/// A column: its name, the bytes of its type, and how a value of it is written.
pub struct Column(pub &'static str, pub &'static [u8]);

pub fn columns(columns: &[Column]) -> Vec<u8> {
    let mut bytes = vec![0x81];
    bytes.extend((columns.len() as u16).to_le_bytes());
    for Column(name, of) in columns {
        bytes.extend([0, 0, 0, 0, 1, 0]);
        bytes.extend_from_slice(of);
        bytes.extend(short_text(name));
    }
    bytes
}

pub fn row(values: &[&[u8]]) -> Vec<u8> {
    let mut bytes = vec![0xd1];
    bytes.extend(values.concat());
    bytes
}

/// The end of a call's result, and of the call.
pub fn end(rows: u64) -> Vec<u8> {
    let mut bytes = done(0xff, 0x11, rows);
    bytes.extend([0x79, 0, 0, 0, 0]);
    bytes.extend(done(0xfe, 0, 0));
    bytes
}

fn now() -> Vec<u8> {
    let mut bytes = columns(&[Column("a", &[0x2b, 7]), Column("b", &[0x2a, 7])]);
    // 2026-09-02 00:00, and the zone of Istanbul.
    let day = (46_265_u32 + 693_595).to_le_bytes();
    let day = &day[..3];
    bytes.extend(row(&[&[10], &[0; 5], day, &[180, 0], &[8], &[0; 5], day]));
    bytes.extend(end(1));
    bytes
}
