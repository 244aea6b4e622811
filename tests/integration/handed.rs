//! Sockets that outlive the daemon: while somebody holds the port, a restart refuses nobody and leaves nobody
//! without an answer.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use ringcard::demo::panel::fresh_uuid;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::process::{Child, Command};
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::office::{CUSTOMER, Office, PATIENCE, inbound};
use crate::process::told;

/// What systemd does: gives standard input on as the third file, and says so.
const HAND_OVER: &str = "exec 3<&0 </dev/null; export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=webhook; \
                         exec \"$0\" --config \"$1\" run";

struct Daemon {
    child: Child,
    notifications: tokio::net::UnixDatagram,
}

impl Daemon {
    /// Started with this socket, and not waited for.
    fn launch(office: &Office, socket: impl Into<OwnedFd>) -> Daemon {
        let path = office.path("notify.sock");
        let _ = std::fs::remove_file(&path);
        let notifications = UnixDatagram::bind(&path).unwrap();
        notifications.set_nonblocking(true).unwrap();
        let child = Command::new("/bin/sh")
            .args(["-c", HAND_OVER, env!("CARGO_BIN_EXE_ringcard")])
            .arg(office.made_up.config_path())
            .env("NOTIFY_SOCKET", &path)
            .env_remove("RINGCARD_CONFIG")
            .stdin(Stdio::from(socket.into()))
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Daemon {
            child,
            notifications: tokio::net::UnixDatagram::from_std(notifications).unwrap(),
        }
    }

    async fn ready(self) -> Daemon {
        told(&self.notifications, "READY=1").await;
        self
    }

    /// A stop has begun, and is not over.
    async fn stopping(&self) {
        let pid = Pid::from_raw(self.child.id().unwrap() as i32);
        kill(pid, Signal::SIGTERM).unwrap();
        told(&self.notifications, "STOPPING=1").await;
    }

    async fn ended(self) -> (Option<i32>, String) {
        let output = timeout(PATIENCE, self.child.wait_with_output());
        let output = output.await.unwrap().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    }

    async fn stopped(self) {
        self.stopping().await;
        let (code, log) = self.ended().await;
        assert_eq!(code, Some(0), "{log}");
        assert!(!log.contains("drain-incomplete"), "{log}");
    }
}

/// An office that takes its webhooks where systemd says, and has been synced.
async fn office() -> Office {
    let mut office = Office::open().await;
    office.stop().await;
    listens_at(&office, "systemd");
    office
}

fn listens_at(office: &Office, place: &str) {
    office.configure(|config| {
        let listen = config.lines().find(|l| l.starts_with("listen")).unwrap();
        config.replace(listen, &format!("listen = \"{place}\""))
    });
}

fn held() -> (TcpListener, SocketAddr) {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

fn roots(office: &Office) -> rustls::ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(office.certificate().as_bytes()).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

async fn shake(connector: &TlsConnector, stream: TcpStream) -> TlsStream<TcpStream> {
    let name = ServerName::try_from("localhost").unwrap();
    connector.connect(name, stream).await.unwrap()
}

fn request(office: &Office, body: &str) -> Vec<u8> {
    let head = format!(
        "POST /hooks/{} HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n",
        office.made_up.webhook_secret,
        body.len()
    );
    (head + body).into_bytes()
}

/// The head of the answer.
async fn answer(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let (mut head, mut byte) = (Vec::new(), [0; 1]);
    while !head.ends_with(b"\r\n\r\n") {
        timeout(PATIENCE, stream.read_exact(&mut byte))
            .await
            .unwrap()
            .unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap().to_lowercase()
}

async fn ask(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), request: &[u8]) -> String {
    stream.write_all(request).await.unwrap();
    stream.flush().await.unwrap();
    answer(stream).await
}

#[tokio::test]
async fn who_connects_before_the_daemon_runs_is_answered_when_it_does() {
    let office = office().await;
    let (socket, address) = held();
    let early = TcpStream::connect(address).await.unwrap();
    let daemon = Daemon::launch(&office, socket.try_clone().unwrap())
        .ready()
        .await;
    let connector = TlsConnector::from(Arc::new(roots(&office)));
    let mut early = shake(&connector, early).await;
    let call = fresh_uuid();
    office.hipcall.ring(&call);
    let body = inbound(&call, Some(CUSTOMER)).to_string();
    let answered = ask(&mut early, &request(&office, &body)).await;
    assert!(answered.starts_with("http/1.1 200"), "{answered}");
    assert_eq!(office.card(&call).await.len(), 4);
    daemon.stopped().await;
}

#[tokio::test]
async fn whoever_came_in_before_a_stop_is_answered_however_far_he_got() {
    let office = office().await;
    let (socket, address) = held();
    let daemon = Daemon::launch(&office, socket.try_clone().unwrap())
        .ready()
        .await;
    let connector = TlsConnector::from(Arc::new(roots(&office)));
    let post = request(&office, "garbage");
    let (head, rest) = post.split_at(20);
    let (all, body) = post.split_at(post.len() - 3);

    let connected = TcpStream::connect(address).await.unwrap();
    let mut shaken = shake(&connector, TcpStream::connect(address).await.unwrap()).await;
    let mut in_head = shake(&connector, TcpStream::connect(address).await.unwrap()).await;
    in_head.write_all(head).await.unwrap();
    let mut in_body = shake(&connector, TcpStream::connect(address).await.unwrap()).await;
    in_body.write_all(all).await.unwrap();
    let mut idle = shake(&connector, TcpStream::connect(address).await.unwrap()).await;
    let mut again = shake(&connector, TcpStream::connect(address).await.unwrap()).await;
    for stream in [&mut idle, &mut again] {
        let first = ask(stream, &post).await;
        assert!(!first.contains("connection: close"), "{first}");
    }
    again.write_all(all).await.unwrap();

    daemon.stopping().await;
    let next = ask(&mut again, body).await;
    assert!(next.starts_with("http/1.1 200"), "{next}");
    assert!(next.contains("connection: close"), "{next}");
    assert_eq!(again.read_to_end(&mut Vec::new()).await.unwrap(), 0);
    let answered = ask(&mut in_body, body).await;
    assert!(answered.starts_with("http/1.1 200"), "{answered}");
    // One that has nothing to say is told to go: by then the doors are closed.
    let gone = timeout(PATIENCE, idle.read(&mut [0; 1])).await.unwrap();
    assert_eq!(gone.unwrap(), 0);
    let mut connected = shake(&connector, connected).await;
    for answered in [
        ask(&mut connected, &post).await,
        ask(&mut shaken, &post).await,
        ask(&mut in_head, rest).await,
    ] {
        assert!(answered.starts_with("http/1.1 200"), "{answered}");
    }
    let (code, log) = daemon.ended().await;
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("drain-incomplete"), "{log}");
}

#[tokio::test]
async fn one_who_says_nothing_holds_a_stop_up_for_seconds_only() {
    let office = office().await;
    let (socket, address) = held();
    let daemon = Daemon::launch(&office, socket.try_clone().unwrap())
        .ready()
        .await;
    let connector = TlsConnector::from(Arc::new(roots(&office)));
    // The second one's answer tells that the first was let in.
    let mut silent = TcpStream::connect(address).await.unwrap();
    let mut speaks = shake(&connector, TcpStream::connect(address).await.unwrap()).await;
    ask(&mut speaks, &request(&office, "garbage")).await;
    daemon.stopping().await;
    let (code, log) = daemon.ended().await;
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(silent.read(&mut [0; 1]).await.unwrap_or(0), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_at_any_instant_of_several_restarts_all_get_their_200() {
    const RESTARTS: usize = 5;
    const BETWEEN: usize = 60;
    const CLIENTS: usize = 8;
    let office = Arc::new(office().await);
    let (socket, address) = held();
    let mut daemon = Daemon::launch(&office, socket.try_clone().unwrap())
        .ready()
        .await;
    let answered = Arc::new(AtomicUsize::new(0));
    let (over, news) = (Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()));
    let connector = TlsConnector::from(Arc::new(roots(&office)));
    let client = |nth: usize| {
        let (office, connector) = (office.clone(), connector.clone());
        let (answered, over, news) = (answered.clone(), over.clone(), news.clone());
        async move {
            let mut calls = Vec::new();
            while !over.load(Ordering::Relaxed) {
                // The first of each is a call, all others are noise: Hipcall takes 60 cards a minute.
                let body = match calls.is_empty() && nth < 4 {
                    true => {
                        let call = fresh_uuid();
                        office.hipcall.ring(&call);
                        calls.push(call.clone());
                        inbound(&call, Some(CUSTOMER)).to_string()
                    }
                    false => "garbage".to_owned(),
                };
                let stream = TcpStream::connect(address).await.expect("not refused");
                linger().await;
                let mut stream = shake(&connector, stream).await;
                linger().await;
                let answer = ask(&mut stream, &request(&office, &body)).await;
                assert!(answer.starts_with("http/1.1 200"), "{answer}");
                answered.fetch_add(1, Ordering::Relaxed);
                news.notify_one();
            }
            calls
        }
    };
    let clients: Vec<_> = (0..CLIENTS).map(|n| tokio::spawn(client(n))).collect();
    // One over HTTP/2 that keeps its connection as long as it is let.
    let two = {
        let (client, hook) = (http2(&office), hook(&office, address));
        let over = over.clone();
        tokio::spawn(async move {
            let mut answered = 0;
            while !over.load(Ordering::Relaxed) {
                let answer = client.post(&hook).body("garbage").send().await;
                assert_eq!(answer.unwrap().status(), 200);
                answered += 1;
                linger().await;
            }
            answered
        })
    };
    for restart in 1..=RESTARTS {
        let more = async {
            while answered.load(Ordering::Relaxed) < restart * BETWEEN {
                news.notified().await;
            }
        };
        timeout(PATIENCE, more).await.unwrap();
        daemon.stopping().await;
        assert_eq!(daemon.ended().await.0, Some(0));
        daemon = Daemon::launch(&office, socket.try_clone().unwrap())
            .ready()
            .await;
    }
    over.store(true, Ordering::Relaxed);
    for client in clients {
        for call in client.await.unwrap() {
            assert_eq!(office.card(&call).await.len(), 4);
        }
    }
    assert!(two.await.unwrap() > RESTARTS);
    assert!(answered.load(Ordering::Relaxed) >= RESTARTS * BETWEEN);
    daemon.stopped().await;
}

/// Some of the instants at which something else may happen.
async fn linger() {
    for _ in 0..fastrand::u32(0..200) {
        tokio::task::yield_now().await;
    }
}

fn http2(office: &Office) -> reqwest::Client {
    reqwest::Client::builder()
        .tls_backend_preconfigured(roots(office))
        .http2_prior_knowledge()
        .timeout(PATIENCE)
        .build()
        .unwrap()
}

fn hook(office: &Office, address: SocketAddr) -> String {
    let secret = &office.made_up.webhook_secret;
    format!("https://localhost:{}/hooks/{secret}", address.port())
}

#[tokio::test]
async fn an_http2_connection_is_told_to_go_and_the_next_request_takes_another() {
    let office = office().await;
    let (socket, address) = held();
    let mut daemon = Daemon::launch(&office, socket.try_clone().unwrap())
        .ready()
        .await;
    let (client, hook) = (http2(&office), hook(&office, address));
    for _ in 0..3 {
        let answer = client.post(&hook).body("garbage").send().await.unwrap();
        assert_eq!(answer.status(), 200);
        daemon.stopping().await;
        // Before it has ended, and before another runs: it is answered by one of them.
        let between = tokio::spawn(client.post(&hook).body("garbage").send());
        assert_eq!(daemon.ended().await.0, Some(0));
        daemon = Daemon::launch(&office, socket.try_clone().unwrap())
            .ready()
            .await;
        assert_eq!(between.await.unwrap().unwrap().status(), 200);
    }
    daemon.stopped().await;
}

#[tokio::test]
async fn an_address_of_the_configuration_is_taken_from_what_was_handed_over() {
    let office = office().await;
    let (socket, address) = held();
    listens_at(&office, &address.to_string());
    let daemon = Daemon::launch(&office, socket).ready().await;
    let client = http2(&office);
    let request = client.get(hook(&office, address)).send();
    assert_eq!(request.await.unwrap().status(), 200);
    daemon.stopped().await;
}

#[tokio::test]
async fn a_socket_that_the_configuration_does_not_name_is_served_as_well() {
    let office = office().await;
    let (socket, address) = held();
    listens_at(&office, "127.0.0.1:0");
    let daemon = Daemon::launch(&office, socket).ready().await;
    let client = http2(&office);
    let request = client.get(hook(&office, address)).send();
    assert_eq!(request.await.unwrap().status(), 200);
    daemon.stopped().await;
}

#[tokio::test]
async fn a_unix_socket_that_is_handed_over_speaks_plain_http() {
    let office = office().await;
    let path = office.path("hook.sock");
    let socket = UnixListener::bind(&path).unwrap();
    let daemon = Daemon::launch(&office, socket).ready().await;
    answers_plainly(&office, &path).await;
    daemon.stopped().await;
    assert!(path.exists(), "its owner's to remove");
}

async fn answers_plainly(office: &Office, path: &Path) {
    let mut stream = UnixStream::connect(path).await.unwrap();
    let answered = ask(&mut stream, &request(office, "garbage")).await;
    assert!(answered.starts_with("http/1.1 200"), "{answered}");
}

#[tokio::test]
async fn a_start_that_is_refused_leaves_nobody_waiting_for_whom_it_would_be_tried_again() {
    let office = office().await;
    office.configure(|config| config + "odd = 1\n");
    let (socket, address) = held();
    let mut peers = Vec::new();
    for _ in 0..3 {
        peers.push(TcpStream::connect(address).await.unwrap());
    }
    let daemon = Daemon::launch(&office, socket.try_clone().unwrap());
    assert_eq!(daemon.ended().await.0, Some(78));
    for mut peer in peers {
        let read = timeout(PATIENCE, peer.read(&mut [0; 1])).await.unwrap();
        assert_eq!(read.unwrap_or(0), 0);
    }
    socket.set_nonblocking(true).unwrap();
    let waits = socket.accept().unwrap_err();
    assert_eq!(waits.kind(), std::io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn without_a_socket_that_can_be_served_the_start_fails_and_says_why() {
    let office = office().await;
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
    let file = std::fs::File::open("/dev/null").unwrap();
    let (_peer, connected) = std::os::unix::net::UnixStream::pair().unwrap();
    for (socket, why) in [
        (
            OwnedFd::from(datagrams),
            "socket 1 (webhook) takes datagrams",
        ),
        (
            OwnedFd::from(file),
            "socket 1 (webhook) is neither a TCP socket",
        ),
        (
            OwnedFd::from(connected),
            "socket 1 (webhook) does not listen",
        ),
    ] {
        let daemon = Daemon::launch(&office, socket);
        let told = told(&daemon.notifications, "STATUS=").await;
        assert!(told.contains("not started: listen = \"systemd\""), "{told}");
        let (code, log) = daemon.ended().await;
        assert_eq!(code, Some(1));
        assert!(log.contains(why), "{why} not in:\n{log}");
        assert!(log.contains("enable ringcard.socket"), "{log}");
    }
}
