//! One page of text for programs on this box: what a collector of metrics asks for again and again.
//!
//! Apart from the doors that Hipcall comes through: it takes no place of theirs, knows no secret, and gives
//! nothing but the page. Few connections, small heads and short waits, since it is nobody's to occupy.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::sleep;

use crate::tasks::Tasks;

/// Connections at once: a collector has one.
const READERS: usize = 8;
/// Until a request's head is there, and for how long a connection may idle. Collectors ask each minute at the
/// most seldom, and open a new one if they must.
const HEAD_TIME: Duration = Duration::from_secs(75);
/// What hyper takes as its least.
const HEAD_BYTES: usize = 8 << 10;
const HEADERS: usize = 32;
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where it is, and what it says each time.
pub struct Page {
    pub path: &'static str,
    pub content_type: &'static str,
    pub text: Box<dyn Fn() -> String + Send + Sync>,
}

impl Page {
    /// Serves it until the daemon stops.
    pub async fn serve(self, listener: TcpListener, tasks: Tasks) {
        let (page, places) = (Arc::new(self), Arc::new(Semaphore::new(READERS)));
        loop {
            let accepted = tokio::select! {
                () = tasks.stopping() => return,
                accepted = listener.accept() => accepted,
            };
            let Ok((stream, peer)) = accepted else {
                sleep(ACCEPT_PAUSE).await;
                continue;
            };
            // Without a place, or from anywhere else, the stream is dropped.
            if let (true, Ok(place)) = (is_here(&peer), places.clone().try_acquire_owned()) {
                let (page, until) = (page.clone(), tasks.clone());
                tasks.spawn(async move {
                    tokio::select! {
                        () = page.converse(stream) => {}
                        () = until.stopping() => {}
                    }
                    drop(place);
                });
            }
        }
    }

    async fn converse(self: Arc<Self>, stream: TcpStream) {
        let service = service_fn(move |request: Request<Incoming>| {
            let answer = self.answer(request.method(), request.uri().path());
            async move { Ok::<_, Infallible>(answer) }
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME)
            .max_buf_size(HEAD_BYTES)
            .max_headers(HEADERS);
        // However it ends, the reader has gone.
        let _ = http.serve_connection(TokioIo::new(stream), service).await;
    }

    fn answer(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        let (status, text) = match (path == self.path, method) {
            (true, &Method::GET | &Method::HEAD) => (StatusCode::OK, (self.text)()),
            (true, _) => (StatusCode::METHOD_NOT_ALLOWED, "only GET\n".into()),
            (false, _) => (StatusCode::NOT_FOUND, format!("only {}\n", self.path)),
        };
        let mut response = Response::new(Full::from(text));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        if status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        response
    }
}

fn is_here(peer: &SocketAddr) -> bool {
    peer.ip().to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn page() -> (SocketAddr, Tasks) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, tasks) = (listener.local_addr().unwrap(), Tasks::default());
        let page = Page {
            path: "/metrics",
            content_type: "text/plain",
            text: Box::new(|| "ringcard_up 1\n".into()),
        };
        tasks.spawn(page.serve(listener, tasks.clone()));
        (address, tasks)
    }

    async fn ask(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // One that is refused may be reset before all of it was read.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    }

    #[tokio::test]
    async fn it_gives_the_page_and_nothing_else() {
        let (address, _tasks) = page().await;
        let end = " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        for (asked, status, ends) in [
            ("GET /metrics", "200", "\r\n\r\nringcard_up 1\n"),
            ("GET /metrics?name=x", "200", "\r\n\r\nringcard_up 1\n"),
            ("HEAD /metrics", "200", "\r\n\r\n"),
            ("POST /metrics", "405", "\r\n\r\nonly GET\n"),
            ("GET /", "404", "\r\n\r\nonly /metrics\n"),
            ("GET /metrics/", "404", "\r\n\r\nonly /metrics\n"),
            ("GET /hooks/secret", "404", "\r\n\r\nonly /metrics\n"),
        ] {
            let answer = ask(address, &format!("{asked}{end}")).await;
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status}")),
                "{asked}: {answer}"
            );
            assert!(answer.ends_with(ends), "{asked}: {answer}");
        }
    }

    #[tokio::test]
    async fn heads_and_connections_are_bounded() {
        let (address, _tasks) = page().await;
        let long = format!("GET /metrics HTTP/1.1\r\nX: {}", "x".repeat(2 * HEAD_BYTES));
        assert!(!ask(address, &long).await.contains("200 OK"));
        let many = "X: x\r\n".repeat(HEADERS + 1);
        let answer = ask(address, &format!("GET /metrics HTTP/1.1\r\n{many}\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
        let mut held = Vec::new();
        for _ in 0..READERS {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream
                .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
                .await
                .unwrap();
            stream.read_u8().await.unwrap();
            held.push(stream);
        }
        let asked = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
        assert_eq!(ask(address, asked).await, "", "one more is turned away");
    }

    #[test]
    fn only_this_box_is_here() {
        for (peer, here) in [
            ("127.0.0.1:1", true),
            ("127.9.9.9:1", true),
            ("[::1]:1", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("192.168.1.2:1", false),
            ("[2001:db8::1]:1", false),
        ] {
            assert_eq!(is_here(&peer.parse().unwrap()), here, "{peer}");
        }
    }
}
