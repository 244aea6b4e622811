//! The server that a vendor's stand-in answers through: real HTTP on loopback, a record of every request, and
//! faults that a test puts between.
//!
//! What a vendor would never be sent by a right client is a misuse. The stand-in answers it as the vendor would,
//! remembers it, and fails the test at its end.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// Serves all stand-ins, and is what the sources' own clients run on.
pub static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().unwrap()
});

/// Largest request taken; a real one has a few kilobytes.
const BODY_BYTES: usize = 1 << 20;

pub trait Vendor: Send + 'static {
    fn answer(&mut self, request: &Request) -> Answer;
}

#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub query: Vec<(String, String)>,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Request {
    /// Empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |v| v.to_str().unwrap())
    }

    pub fn param(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    }

    /// What of the parameters is not among these.
    pub fn unknown(&self, known: &[&str]) -> Option<&str> {
        let mut names = self.query.iter().map(|(name, _)| name.as_str());
        names.find(|name| !known.contains(name))
    }

    pub fn is_json(&self) -> bool {
        self.header("content-type").starts_with("application/json")
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub fn form(&self) -> BTreeMap<String, String> {
        let is_form = self
            .header("content-type")
            .starts_with("application/x-www-form-urlencoded");
        let text = std::str::from_utf8(&self.body).unwrap();
        match is_form {
            true => pairs(text).into_iter().collect(),
            false => BTreeMap::new(),
        }
    }
}

#[derive(Clone, Debug)]
pub struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
    misuse: Option<String>,
}

impl Answer {
    pub fn new(status: u16, body: &Value) -> Answer {
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        Answer {
            status,
            headers: Vec::new(),
            body,
            misuse: None,
        }
    }

    pub fn ok(body: &Value) -> Answer {
        Answer::new(200, body)
    }

    pub fn empty(status: u16) -> Answer {
        Answer::new(status, &Value::Null)
    }

    pub fn with(mut self, name: &str, value: impl ToString) -> Answer {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    /// A right client does not send this.
    pub fn misuse(mut self, why: impl Into<String>) -> Answer {
        self.misuse = Some(why.into());
        self
    }
}

enum Between<V> {
    Instead(Answer),
    Before(Box<dyn FnOnce(&mut V) + Send>),
}

struct State<V> {
    vendor: V,
    requests: Vec<Request>,
    /// By the request's number, from 1 on.
    between: Vec<(usize, Between<V>)>,
    misuses: Vec<String>,
}

pub struct StandIn<V: Vendor> {
    pub address: String,
    state: Arc<Mutex<State<V>>>,
}

impl<V: Vendor> StandIn<V> {
    /// The vendor is made when its address is known.
    pub fn start(vendor: impl FnOnce(&str) -> V) -> StandIn<V> {
        let listener = RUNTIME.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let socket = listener.local_addr().unwrap();
        let address = format!("http://{socket}");
        let state = Arc::new(Mutex::new(State {
            vendor: vendor(&address),
            requests: Vec::new(),
            between: Vec::new(),
            misuses: Vec::new(),
        }));
        RUNTIME.spawn(serve(listener, socket, Arc::clone(&state)));
        StandIn { address, state }
    }

    fn state(&self) -> MutexGuard<'_, State<V>> {
        self.state.lock().unwrap()
    }

    /// Does something to the vendor between requests.
    pub fn with<T>(&self, what: impl FnOnce(&mut V) -> T) -> T {
        what(&mut self.state().vendor)
    }

    /// Forgets the requests so far, so that the next one is the first.
    pub fn count_anew(&self) {
        let mut state = self.state();
        state.requests.clear();
        state.between.clear();
    }

    /// Something happens to the vendor just before it gets this request.
    pub fn before(&self, number: usize, what: impl FnOnce(&mut V) + Send + 'static) {
        let between = Between::Before(Box::new(what));
        self.state().between.push((number, between));
    }

    /// This request is answered so, and the vendor does not get it.
    pub fn instead(&self, number: usize, answer: Answer) {
        let between = Between::Instead(answer);
        self.state().between.push((number, between));
    }

    pub fn requests(&self) -> Vec<Request> {
        self.state().requests.clone()
    }

    /// Misuses that the test meant: forgotten, and how many there were.
    pub fn excuse(&self) -> usize {
        std::mem::take(&mut self.state().misuses).len()
    }
}

impl<V: Vendor> Drop for StandIn<V> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let misuses = std::mem::take(&mut self.state().misuses);
            assert!(misuses.is_empty(), "{misuses:#?}");
        }
    }
}

async fn serve<V: Vendor>(listener: TcpListener, socket: SocketAddr, state: Arc<Mutex<State<V>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        let service = service_fn(move |request| respond(request, socket, Arc::clone(&state)));
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(connection);
    }
}

async fn respond<V: Vendor>(
    request: hyper::Request<Incoming>,
    socket: SocketAddr,
    state: Arc<Mutex<State<V>>>,
) -> Result<hyper::Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let request = Request {
        method: head.method.to_string(),
        path: decoded(head.uri.path(), false),
        query: pairs(head.uri.query().unwrap_or_default()),
        headers: head.headers,
        body,
    };
    let answer = state.lock().unwrap().take(request, socket);
    let mut response = hyper::Response::builder().status(answer.status);
    if !answer.body.is_empty() {
        response = response.header(CONTENT_TYPE, "application/json;charset=utf-8");
    }
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    Ok(response.body(Full::from(answer.body)).unwrap())
}

impl<V: Vendor> State<V> {
    fn take(&mut self, request: Request, socket: SocketAddr) -> Answer {
        self.requests.push(request.clone());
        let number = self.requests.len();
        let due = |(at, _): &mut (usize, Between<V>)| *at == number;
        let due: Vec<_> = self.between.extract_if(.., due).collect();
        let mut instead = None;
        for (_, between) in due {
            match between {
                Between::Instead(answer) => instead = Some(answer),
                Between::Before(what) => what(&mut self.vendor),
            }
        }
        let host = request.headers.get(HOST).map(|h| h.as_bytes().to_vec());
        let mut answer = instead.unwrap_or_else(|| self.vendor.answer(&request));
        if host != Some(socket.to_string().into_bytes()) || request.body.len() > BODY_BYTES {
            answer = answer.misuse("another host's request, or one that is too large");
        }
        if let Some(why) = &answer.misuse {
            let Request { method, path, .. } = &request;
            self.misuses.push(format!("{method} {path}: {why}"));
        }
        answer
    }
}

/// `a=1&b=x%20y`.
fn pairs(text: &str) -> Vec<(String, String)> {
    let parts = text.split('&').filter(|part| !part.is_empty());
    let pairs = parts.map(|part| part.split_once('=').unwrap_or((part, "")));
    pairs
        .map(|(name, value)| (decoded(name, true), decoded(value, true)))
        .collect()
}

fn decoded(text: &str, plus_is_blank: bool) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.bytes());
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let hex = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap()
            }
            b'+' if plus_is_blank => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).unwrap()
}
