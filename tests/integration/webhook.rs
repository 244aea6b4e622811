//! The 200: with the right secret it comes within a second whatever is sent; with a wrong one nothing does.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringcard::demo::panel::fresh_uuid;
use ringcard::webhook::{ANSWER_WITHIN, BODY_BYTES, CONNECTIONS};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::office::{CUSTOMER, Office, PATIENCE, inbound};

/// A second: what Hipcall's side is promised, with a machine's hiccup above our own limit.
const PROMISED: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug)]
pub enum Http {
    One,
    Two,
}

fn tls(
    office: &Office,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> rustls::ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(office.certificate().as_bytes()).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

pub fn client(office: &Office, http: Http) -> reqwest::Client {
    let config = tls(office, rustls::ALL_VERSIONS);
    let builder = reqwest::Client::builder()
        .tls_backend_preconfigured(config)
        .timeout(PATIENCE);
    match http {
        Http::One => builder.http1_only(),
        Http::Two => builder.http2_prior_knowledge(),
    }
    .build()
    .unwrap()
}

async fn raw(office: &Office) -> TlsStream<TcpStream> {
    let config = tls(office, rustls::ALL_VERSIONS);
    let stream = TcpStream::connect(office.address()).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .unwrap()
}

fn bodies() -> Vec<(&'static str, Vec<u8>)> {
    let whole = include_str!("../data/call_init.inbound.json");
    let all_null = r#"{"event":"call_init","data":{"uuid":null,"direction":null,"caller_number":null,
        "callee_number":null,"user_id":null,"started_at":null,"call_flow":null}}"#;
    let nested = format!("{{\"event\":{}{}}}", "[".repeat(20_000), "]".repeat(20_000));
    let mut gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    gzip.extend(std::iter::repeat_n(0x55, 500));
    let mut invalid = whole.as_bytes().to_vec();
    invalid[40] = 0xff;
    vec![
        ("empty", vec![]),
        ("blank", b" \n".to_vec()),
        ("not JSON", b"hello".to_vec()),
        ("truncated", whole.as_bytes()[..whole.len() / 2].to_vec()),
        ("gzip", gzip),
        ("10 MB", vec![b'{'; 10_000_000]),
        ("just too long", vec![b' '; BODY_BYTES + 1]),
        ("deep nesting", nested.into_bytes()),
        (
            "duplicate keys",
            br#"{"event":"a","event":"call_init","data":{"uuid":"x","uuid":"y"}}"#.to_vec(),
        ),
        ("invalid UTF-8", invalid),
        (
            "unknown event",
            br#"{"event":"made_up","data":{}}"#.to_vec(),
        ),
        ("every field null", all_null.as_bytes().to_vec()),
        ("event null", br#"{"event":null,"data":null}"#.to_vec()),
        (
            "numbers for texts",
            br#"{"event":"call_init","data":{"uuid":7,"direction":1}}"#.to_vec(),
        ),
        ("a list", b"[1,2,3]".to_vec()),
        ("a form", b"event=call_init&uuid=1".to_vec()),
        (
            "odd call id",
            br#"{"event":"call_init","data":{"uuid":"../../users/1"}}"#.to_vec(),
        ),
        (
            "long number",
            format!(
                r#"{{"event":"call_init","data":{{"uuid":"z","caller_number":"{}"}}}}"#,
                "5".repeat(5000)
            )
            .into_bytes(),
        ),
        ("zero bytes", vec![0; 300]),
    ]
}

#[tokio::test]
async fn a_right_secret_is_answered_200_whatever_the_body() {
    let office = Office::open().await;
    for http in [Http::One, Http::Two] {
        let client = client(&office, http);
        for (name, body) in bodies() {
            for kind in ["application/json", "text/plain", "multipart/form-data", ""] {
                let start = Instant::now();
                let request = client.post(office.hook()).header("content-type", kind);
                let answer = request.body(body.clone()).send().await;
                let answer = answer.unwrap_or_else(|e| panic!("{name}, {http:?}: {e:?}"));
                assert_eq!(answer.status(), 200, "{name}, {http:?}");
                assert_eq!(answer.bytes().await.unwrap().len(), 0, "{name}");
                assert!(
                    start.elapsed() < PROMISED,
                    "{name}, {http:?}: {:?}",
                    start.elapsed()
                );
            }
        }
    }
    let call = office.call(CUSTOMER).await;
    assert_eq!(
        office.card(&call).await.len(),
        4,
        "and a real call goes on working"
    );
}

#[tokio::test]
async fn the_real_thing_compressed_is_answered_and_not_misread() {
    let office = Office::open().await;
    let client = client(&office, Http::One);
    let body = include_bytes!("../data/call_init.inbound.json").to_vec();
    let request = client
        .post(office.hook())
        .header("content-encoding", "gzip")
        .body(body);
    assert_eq!(request.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn ten_thousand_garbage_bodies_are_answered_and_counted() {
    let office = Office::open().await;
    let client = client(&office, Http::Two);
    let (hook, batches) = (office.hook(), 100);
    for batch in 0..batches {
        let posts = (0..100).map(|i| {
            let body = format!("garbage {batch} {i}");
            let request = client.post(&hook).body(body).send();
            async move { request.await.unwrap().status() }
        });
        for status in join(posts).await {
            assert_eq!(status, 200);
        }
    }
    assert_eq!(office.status().webhook.unreadable["not-json"], 10_000);
    assert!(!office.panel().is_broken());
}

#[tokio::test]
async fn a_slow_body_is_answered_in_time_and_still_read() {
    let office = Office::open().await;
    let call = fresh_uuid();
    office.hipcall.ring(&call);
    let body = inbound(&call, Some(CUSTOMER)).to_string();
    let mut stream = raw(&office).await;
    let head = format!(
        "POST /hooks/{} HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n",
        office.made_up.webhook_secret,
        body.len()
    );
    let (first, rest) = body.split_at(10);
    let start = Instant::now();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(first.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    assert!(
        (ANSWER_WITHIN..PROMISED).contains(&start.elapsed()),
        "{:?}",
        start.elapsed()
    );
    stream.write_all(rest.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    office
        .until(|s| !s.webhook.events.is_empty() || !s.webhook.unreadable.is_empty())
        .await;
    assert_eq!(
        office.status().webhook.unreadable.len(),
        0,
        "{:?}",
        office.status().webhook
    );
    assert_eq!(office.card(&call).await.len(), 4);
}

#[tokio::test]
async fn a_peer_that_hangs_up_does_not_take_its_call_with_it() {
    let office = Office::with(with_plain_door).await;
    let call = fresh_uuid();
    office.hipcall.ring(&call);
    let mut stream = plain_door(&office).await;
    stream
        .write_all(plain_request(&office, &call).as_bytes())
        .await
        .unwrap();
    drop(stream);
    assert_eq!(office.card(&call).await.len(), 4);
}

#[tokio::test]
async fn a_wrong_path_gets_a_bare_404() {
    let office = Office::open().await;
    let client = client(&office, Http::One);
    let base = format!("https://{}", office.address());
    let wrong = format!("{}x", office.hook());
    for url in [
        format!("{base}/"),
        format!("{base}/hooks/"),
        format!("{base}/hooks/guess"),
        wrong,
    ] {
        for request in [
            client.get(&url),
            client.post(&url).body("{}"),
            client.put(&url),
        ] {
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), 404, "{url}");
            let names: Vec<_> = answer
                .headers()
                .keys()
                .map(|k| k.as_str().to_owned())
                .collect();
            assert!(
                names.iter().all(|n| n == "date" || n == "content-length"),
                "{names:?}"
            );
            assert_eq!(answer.bytes().await.unwrap().len(), 0);
        }
    }
    assert_eq!(office.status().webhook.turned_away, 12);
}

#[tokio::test]
async fn looking_at_the_address_in_a_browser_says_that_it_is_right() {
    let office = Office::open().await;
    let client = client(&office, Http::One);
    let answer = client.get(office.hook()).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(
        answer.headers()["content-type"],
        "text/plain; charset=utf-8"
    );
    assert!(
        answer
            .text()
            .await
            .unwrap()
            .contains("this address is right")
    );
    assert_eq!(
        client.delete(office.hook()).send().await.unwrap().status(),
        405
    );
}

#[tokio::test]
async fn tls_1_2_and_1_3_are_spoken_and_both_http_versions_offered() {
    let office = Office::open().await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        for (alpn, expected) in [("h2", "h2"), ("http/1.1", "http/1.1")] {
            let mut config = tls(&office, &[version]);
            config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
            let stream = TcpStream::connect(office.address()).await.unwrap();
            let name = ServerName::try_from("localhost").unwrap();
            let stream = TlsConnector::from(Arc::new(config))
                .connect(name, stream)
                .await
                .unwrap();
            let (_, connection) = stream.get_ref();
            assert_eq!(connection.alpn_protocol(), Some(expected.as_bytes()));
            assert_eq!(connection.protocol_version(), Some(version.version));
        }
    }
}

#[tokio::test]
async fn idle_strangers_can_not_keep_hipcall_out() {
    let office = Office::open().await;
    let mut strangers = Vec::new();
    for i in 0..CONNECTIONS + 20 {
        let mut stranger = TcpStream::connect(office.address()).await.unwrap();
        if i % 2 == 0 {
            stranger.write_all(b"\x16\x03\x01").await.unwrap();
        }
        strangers.push(stranger);
    }
    let call = office.call(CUSTOMER).await;
    assert_eq!(office.card(&call).await.len(), 4);
    let mut rest = Vec::new();
    let closed = strangers[0].read_to_end(&mut rest);
    assert!(
        tokio::time::timeout(PATIENCE, closed).await.is_ok(),
        "the oldest was closed"
    );
}

#[tokio::test]
async fn too_large_a_head_is_refused_and_harms_nobody() {
    let office = Office::open().await;
    let mut stream = raw(&office).await;
    let mut head = Vec::new();
    write!(
        head,
        "POST /hooks/x HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n",
        "y".repeat(100_000)
    )
    .unwrap();
    // It may close before all is sent.
    let _ = stream.write_all(&head).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(
        answer.is_empty() || answer.starts_with(b"HTTP/1.1 431"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    let call = office.call(CUSTOMER).await;
    assert_eq!(office.card(&call).await.len(), 4);
}

#[tokio::test]
async fn a_proxy_on_the_same_box_comes_in_without_tls() {
    let office = Office::with(with_plain_door).await;
    let mut stream = plain_door(&office).await;
    assert_eq!(plain_call(&office, &mut stream).await.len(), 4);
}

#[tokio::test]
async fn a_tunnel_comes_in_by_a_unix_socket() {
    let mut office = Office::closed().await;
    let socket = office.path("hook.sock");
    let line = format!("[webhook]\nplain-listen = \"unix:{}\"", socket.display());
    office.configure(|config| config.replace("[webhook]", &line));
    office.start().await;
    for _ in 0..2 {
        let mut stream = UnixStream::connect(&socket).await.unwrap();
        assert_eq!(plain_call(&office, &mut stream).await.len(), 4);
        office.restart().await;
    }
}

fn with_plain_door(config: String) -> String {
    config.replace("[webhook]", "[webhook]\nplain-listen = \"127.0.0.1:0\"")
}

async fn plain_door(office: &Office) -> TcpStream {
    TcpStream::connect(&office.status().webhook.addresses[1])
        .await
        .unwrap()
}

fn plain_request(office: &Office, call: &str) -> String {
    let body = inbound(call, Some(CUSTOMER)).to_string();
    format!(
        "POST /hooks/{} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        office.made_up.webhook_secret,
        body.len()
    )
}

async fn plain_call(
    office: &Office,
    stream: &mut (impl AsyncReadExt + AsyncWriteExt + Unpin),
) -> Vec<String> {
    let call = fresh_uuid();
    office.hipcall.ring(&call);
    stream
        .write_all(plain_request(office, &call).as_bytes())
        .await
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    office.card(&call).await
}

/// Awaits all at once.
async fn join<F>(futures: impl Iterator<Item = F>) -> Vec<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let tasks: Vec<_> = futures.map(tokio::spawn).collect();
    let mut outputs = Vec::new();
    for task in tasks {
        outputs.push(task.await.unwrap());
    }
    outputs
}
