//! Hipcall's other half: the panel that tells a customer's server about calls, and gives up on it.
//!
//! Each event is sent at most once, on a connection of its own, so nothing is sent again by a pool either.
//! Four failures within an hour mark the integration broken, and it stays silent until a person
//! re-activates it: that is what Ringcard must never cause.

mod breaker;
mod events;

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

pub use events::{CallShape, call_bridged, call_hangup, call_init, fresh_uuid};

use super::identity::client_config;
use breaker::Breaker;

/// What Hipcall calls itself.
const USER_AGENT: &str = "mint/1.9.0";
/// The shortest time Hipcall was seen to wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What became of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Only 200 is right.
    Answered {
        status: u16,
        took: Duration,
    },
    TimedOut,
    /// No answer: refused, dropped or not trusted.
    Failed(String),
    /// Nothing was sent: the integration is broken.
    NotSentBroken,
}

/// One webhook integration.
pub struct Panel {
    url: String,
    client: reqwest::Client,
    breaker: Mutex<Breaker>,
}

impl Panel {
    /// Sends to `url`, trusting the certificates in `trust_pem` and no others.
    pub fn new(url: &str, trust_pem: &str) -> io::Result<Panel> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(client_config(trust_pem)?)
            .user_agent(USER_AGENT)
            .timeout(TIMEOUT)
            .pool_max_idle_per_host(0)
            .retry(reqwest::retry::never())
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(io::Error::other)?;
        Ok(Panel {
            url: url.to_owned(),
            client,
            breaker: Mutex::default(),
        })
    }

    /// Sends an event once, unless the integration is broken.
    pub async fn send(&self, body: &Value) -> Sent {
        if self.is_broken() {
            return Sent::NotSentBroken;
        }
        let sent = self.post(body).await;
        if !matches!(sent, Sent::Answered { status: 200, .. }) {
            self.breaker().fail(Instant::now());
        }
        sent
    }

    async fn post(&self, body: &Value) -> Sent {
        let asked = Instant::now();
        let request = self
            .client
            .post(&self.url)
            .header("content-type", "application/json")
            .body(body.to_string());
        match request.send().await {
            Ok(response) => Sent::Answered {
                status: response.status().as_u16(),
                took: asked.elapsed(),
            },
            Err(cause) if cause.is_timeout() => Sent::TimedOut,
            Err(cause) => Sent::Failed(in_words(&cause.without_url())),
        }
    }

    pub fn is_broken(&self) -> bool {
        self.breaker().is_broken()
    }

    /// What a person does in the panel; the failures before it are forgotten.
    pub fn reactivate(&self) {
        *self.breaker() = Breaker::default();
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An error with its causes; the address, which holds the secret, is not among them.
fn in_words(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words.push_str(": ");
        words.push_str(&cause.to_string());
        source = cause.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::super::identity::Identity;
    use super::*;
    use http_body_util::{BodyExt, Empty};
    use hyper::{Request, Response, body::Incoming, service::service_fn};
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use hyper_util::server::conn::auto;
    use serde_json::json;
    use std::sync::Arc;
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    /// A customer's server that answers as told and remembers what it was sent.
    struct Customer {
        url: String,
        ca_pem: String,
        answer: Arc<Mutex<u16>>,
        events: Arc<Mutex<Vec<(hyper::http::request::Parts, Value)>>>,
    }

    impl Customer {
        async fn open() -> Customer {
            let identity = Identity::generate().unwrap();
            let tls = TlsAcceptor::from(Arc::new(identity.server_config().unwrap()));
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let customer = Customer {
                url: format!("https://{}/hook/secret", listener.local_addr().unwrap()),
                ca_pem: identity.ca_pem,
                answer: Arc::new(Mutex::new(200)),
                events: Arc::default(),
            };
            let (answer, events) = (customer.answer.clone(), customer.events.clone());
            let service = service_fn(move |request: Request<Incoming>| {
                let (answer, events) = (answer.clone(), events.clone());
                async move {
                    let (parts, body) = request.into_parts();
                    let body = body.collect().await?.to_bytes();
                    let body = serde_json::from_slice(&body).unwrap();
                    events.lock().unwrap().push((parts, body));
                    let mut response = Response::new(Empty::<&[u8]>::new());
                    let status = *answer.lock().unwrap();
                    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap();
                    Ok::<_, hyper::Error>(response)
                }
            });
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let (tls, service) = (tls.clone(), service.clone());
                    tokio::spawn(async move {
                        let stream = tls.accept(stream).await.ok()?;
                        let server = auto::Builder::new(TokioExecutor::new());
                        let connection = server.serve_connection(TokioIo::new(stream), service);
                        connection.await.ok()
                    });
                }
            });
            customer
        }

        fn panel(&self) -> Panel {
            Panel::new(&self.url, &self.ca_pem).unwrap()
        }

        fn answers(&self, status: u16) {
            *self.answer.lock().unwrap() = status;
        }

        fn count(&self) -> usize {
            self.events.lock().unwrap().len()
        }
    }

    fn status(sent: &Sent) -> Option<u16> {
        match sent {
            Sent::Answered { status, .. } => Some(*status),
            _ => None,
        }
    }

    #[tokio::test]
    async fn an_event_arrives_as_hipcall_sends_it() {
        let customer = Customer::open().await;
        let event = json!({"event": "call_init", "data": {"caller_number": "+905325550101"}});
        assert_eq!(status(&customer.panel().send(&event).await), Some(200));
        let events = customer.events.lock().unwrap();
        let (parts, body) = &events[0];
        assert_eq!(parts.method, "POST");
        assert_eq!(parts.uri.path(), "/hook/secret");
        assert_eq!(parts.headers["user-agent"], "mint/1.9.0");
        assert_eq!(parts.headers["content-type"], "application/json");
        assert_eq!(body, &event);
    }

    #[tokio::test]
    async fn four_answers_that_are_not_200_silence_it_until_reactivated() {
        let customer = Customer::open().await;
        let panel = customer.panel();
        for (sent, answer) in [201, 200, 404, 302, 503].into_iter().enumerate() {
            assert!(!panel.is_broken());
            customer.answers(answer);
            assert_eq!(status(&panel.send(&json!({})).await), Some(answer));
            assert_eq!(customer.count(), sent + 1);
        }
        customer.answers(200);
        assert!(panel.is_broken());
        assert_eq!(panel.send(&json!({})).await, Sent::NotSentBroken);
        assert_eq!(customer.count(), 5);
        panel.reactivate();
        assert_eq!(status(&panel.send(&json!({})).await), Some(200));
        customer.answers(500);
        panel.send(&json!({})).await;
        assert!(
            !panel.is_broken(),
            "the failures before the re-activation still count"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_does_not_answer_breaks_it_too() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}/hook/secret", silent.local_addr().unwrap());
        let panel = Panel::new(&url, &Identity::generate().unwrap().ca_pem).unwrap();
        for _ in 0..4 {
            let before = tokio::time::Instant::now();
            assert_eq!(panel.send(&json!({})).await, Sent::TimedOut);
            assert!(before.elapsed() >= TIMEOUT);
        }
        assert_eq!(panel.send(&json!({})).await, Sent::NotSentBroken);
    }

    #[tokio::test]
    async fn what_could_not_be_sent_says_why_without_the_secret() {
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}/hook/secret", port.local_addr().unwrap());
        drop(port);
        let panel = Panel::new(&url, &Identity::generate().unwrap().ca_pem).unwrap();
        let Sent::Failed(why) = panel.send(&json!({})).await else {
            panic!("it was sent to nobody");
        };
        assert!(why.contains("refused") && !why.contains("secret"), "{why}");
    }

    #[tokio::test]
    async fn a_server_it_does_not_trust_is_told_nothing() {
        let customer = Customer::open().await;
        let stranger = Identity::generate().unwrap();
        let panel = Panel::new(&customer.url, &stranger.ca_pem).unwrap();
        assert!(matches!(panel.send(&json!({})).await, Sent::Failed(_)));
        assert_eq!(customer.count(), 0);
        assert!(Panel::new(&customer.url, "").is_err());
    }
}
