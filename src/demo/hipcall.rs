//! A Hipcall of one's own: the API that Ringcard posts cards to, on this machine, over TLS.
//!
//! It is as strict as the real one: what that refuses is refused here, in the same words, and there is no
//! switch to loosen it. It can be worse than the real one: faults are scripted per coming request, the whole
//! node can go down and come up, and show itself with another certificate. What an agent would see is asked
//! of the handle.
//!
//! - `rules`, `limits`, `query`, `routes`: what is refused and answered, pure
//! - `faults`: what goes wrong with which request, pure
//! - `book`: what is known and recorded
//! - `server`, `wire`: sockets, TLS and HTTP, and what goes wrong below it

mod book;
mod faults;
mod limits;
mod query;
mod routes;
mod rules;
mod server;
mod wire;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Mutex, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

pub use book::{Comment, Posted, Request};
pub use faults::{Aim, Fault, Kind};
pub use routes::Plan;

use super::identity::Identity;
use book::Book;
use routes::Account;
use server::{Server, Shared};

/// Hipcall's measured limit, in requests per minute.
pub const RATE_LIMIT: u32 = 60;

/// Somebody with a Hipcall account; `user` rows and `GET /users` name them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub id: i64,
    pub email: String,
    pub full_name: String,
}

#[derive(Clone)]
pub struct StandInSettings {
    /// Port 0 takes any free one.
    pub listen: SocketAddr,
    pub token: String,
    /// How long each answer takes; the real one needs 200 to 400 ms.
    pub latency: Duration,
    /// None makes one up.
    pub identity: Option<Identity>,
    /// Requests per minute.
    pub rate_limit: u32,
    pub users: Vec<User>,
}

/// The stand-in starts with [`StandIn::start`] and stops when its last clone is dropped.
#[derive(Clone)]
pub struct StandIn {
    inner: Arc<Inner>,
}

struct Inner {
    address: SocketAddr,
    ca_pem: String,
    shared: Arc<Shared>,
    /// None while the node is down.
    server: Mutex<Option<Server>>,
}

impl StandIn {
    pub async fn start(settings: StandInSettings) -> io::Result<StandIn> {
        let identity = settings.identity.map_or_else(Identity::generate, Ok)?;
        let tls = acceptor(&identity)?;
        let account = Account {
            token: settings.token,
            users: settings.users,
            plan: Plan::WHOLE,
        };
        let shared = Shared::new(account, tls, settings.latency, settings.rate_limit);
        let shared = Arc::new(shared);
        let server = Server::open(settings.listen, shared.clone()).await?;
        let inner = Inner {
            address: server.address(),
            ca_pem: identity.ca_pem,
            shared,
            server: Mutex::new(Some(server)),
        };
        let inner = Arc::new(inner);
        Ok(StandIn { inner })
    }

    /// The node as a configuration names it: `https://127.0.0.1:PORT`.
    pub fn node_url(&self) -> String {
        format!("https://{}", self.inner.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.inner.address
    }

    /// The authority a client must trust.
    pub fn ca_pem(&self) -> &str {
        &self.inner.ca_pem
    }

    /// A call starts; until then its id is unknown.
    pub fn ring(&self, uuid: &str) {
        self.inner.shared.change(|book| book.ring(uuid));
    }

    /// A call ends: later cards are accepted, and nobody sees them.
    pub fn hang_up(&self, uuid: &str) {
        self.inner.shared.change(|book| book.hang_up(uuid));
    }

    /// Every card accepted for a call, in order.
    pub fn cards(&self, uuid: &str) -> Vec<Posted> {
        self.inner
            .shared
            .read(|book| book.call(uuid).map(|call| call.posts.clone()))
            .unwrap_or_default()
    }

    /// Every comment accepted for a call, in order.
    pub fn comments(&self, uuid: &str) -> Vec<Comment> {
        self.inner
            .shared
            .read(|book| book.call(uuid).map(|call| call.comments.clone()))
            .unwrap_or_default()
    }

    /// The rows the agent saw, if any.
    pub fn shown(&self, uuid: &str) -> Option<Value> {
        let posts = self.cards(uuid);
        let seen = posts.into_iter().find(|posted| posted.seen)?;
        Some(seen.rows)
    }

    /// The requests that are remembered, in order of their answers.
    pub fn requests(&self) -> Vec<Request> {
        self.inner.shared.read(|book| book.requests())
    }

    /// The first card accepted for a call, as soon as it is there.
    pub async fn wait_for_card(&self, uuid: &str, within: Duration) -> Option<Posted> {
        self.wait(within, |stand_in| stand_in.cards(uuid).into_iter().next())
            .await
    }

    /// Whether so many requests have been seen, as soon as they are.
    pub async fn wait_for_requests(&self, count: usize, within: Duration) -> bool {
        let enough = |stand_in: &StandIn| {
            let seen = stand_in.inner.shared.read(|book| book.request_count());
            (seen >= count).then_some(())
        };
        self.wait(within, enough).await.is_some()
    }

    async fn wait<T>(&self, within: Duration, look: impl Fn(&StandIn) -> Option<T>) -> Option<T> {
        let mut changes: watch::Receiver<()> = self.inner.shared.changes();
        let found = async {
            loop {
                if let Some(found) = look(self) {
                    return Some(found);
                }
                changes.changed().await.ok()?;
            }
        };
        timeout(within, found).await.ok().flatten()
    }

    /// What goes wrong with the coming API requests, one fault each; a failed one does not count against
    /// the rate limit.
    pub fn script(&self, faults: impl IntoIterator<Item = Fault>) {
        self.script_at(&Aim::default(), faults);
    }

    /// The same for requests of one kind, or about one call.
    pub fn script_at(&self, aim: &Aim, faults: impl IntoIterator<Item = Fault>) {
        self.inner.shared.change(|book| book.script(aim, faults));
    }

    /// What goes wrong with every such request until [`StandIn::mend`].
    pub fn keep_failing(&self, aim: Aim, fault: Fault) {
        self.inner
            .shared
            .change(|book| book.keep_failing(aim, fault));
    }

    /// Forgets every fault that has not happened yet.
    pub fn mend(&self) {
        self.inner.shared.change(Book::mend);
    }

    /// From now on only this token is right.
    pub fn take_only(&self, token: &str) {
        self.inner.shared.take_only(token);
    }

    /// From now on the account pays for this.
    pub fn pays_for(&self, plan: Plan) {
        self.inner.shared.pays_for(plan);
    }

    /// Shows this certificate from now on; the open connections are dropped.
    pub fn present(&self, identity: &Identity) -> io::Result<()> {
        self.inner.shared.present(acceptor(identity)?);
        self.cut();
        Ok(())
    }

    /// Drops the open connections.
    pub fn cut(&self) {
        self.inner.shared.cut();
    }

    /// Moves the clock behind the rate limit, for those who can't wait a minute.
    pub fn let_time_pass(&self, time: Duration) {
        self.inner.shared.change(|book| book.let_time_pass(time));
    }

    /// From the return of this on, connections are refused; the open ones are dropped.
    pub async fn go_down(&self) {
        if let Some(server) = self.inner.server.lock().await.take() {
            server.close().await;
        }
    }

    /// Listens again on the same port, knowing what it knew.
    pub async fn come_up(&self) -> io::Result<()> {
        let mut server = self.inner.server.lock().await;
        if server.is_none() {
            let Inner {
                address, shared, ..
            } = &*self.inner;
            *server = Some(Server::open(*address, shared.clone()).await?);
        }
        Ok(())
    }

    /// Stops it for every clone of the handle; what was recorded can still be asked.
    pub async fn stop(&self) {
        self.go_down().await;
    }
}

fn acceptor(identity: &Identity) -> io::Result<TlsAcceptor> {
    Ok(TlsAcceptor::from(Arc::new(identity.server_config()?)))
}

#[cfg(test)]
mod tests {
    use super::super::identity::{Authority, client_config};
    use super::*;
    use serde_json::json;
    use std::time::Instant;
    use tokio::io::AsyncReadExt;

    const UUID: &str = "2f4c1c1e-7d0b-4c55-9a53-5b9e6f0c7a10";
    const SOON: Duration = Duration::from_secs(5);

    struct Office {
        hipcall: StandIn,
        client: reqwest::Client,
    }

    impl Office {
        async fn open() -> Office {
            Office::with(Duration::ZERO).await
        }

        async fn with(latency: Duration) -> Office {
            let settings = StandInSettings {
                listen: SocketAddr::from(([127, 0, 0, 1], 0)),
                token: "secret".into(),
                latency,
                identity: None,
                rate_limit: RATE_LIMIT,
                users: Vec::new(),
            };
            let hipcall = StandIn::start(settings).await.unwrap();
            hipcall.ring(UUID);
            let client = reqwest::Client::builder()
                .tls_backend_preconfigured(client_config(hipcall.ca_pem()).unwrap())
                .retry(reqwest::retry::never())
                .no_proxy()
                .build()
                .unwrap();
            Office { hipcall, client }
        }

        fn cards(&self) -> String {
            format!("{}/api/v3/calls/{UUID}/cards", self.hipcall.node_url())
        }

        async fn post_body(&self, body: Vec<u8>) -> reqwest::Result<reqwest::Response> {
            self.client
                .post(self.cards())
                .bearer_auth("secret")
                .header("content-type", "application/json")
                .body(body)
                .send()
                .await
        }

        async fn post(&self) -> reqwest::Result<reqwest::Response> {
            let card = json!({"card": [{"type": "title", "text": "Ayşe Yılmaz"}]});
            self.post_body(card.to_string().into_bytes()).await
        }

        fn statuses(&self) -> Vec<Option<u16>> {
            self.hipcall.requests().iter().map(|r| r.status).collect()
        }
    }

    #[tokio::test]
    async fn the_agent_sees_the_first_card_of_a_live_call() {
        let office = Office::open().await;
        let answer = office.post().await.unwrap();
        assert_eq!(answer.status(), 201);
        assert_eq!(answer.version(), reqwest::Version::HTTP_2);
        assert_eq!(answer.headers()["x-ratelimit-limit"], "60");
        assert_eq!(answer.headers()["x-ratelimit-remaining"], "59");
        assert!(answer.headers().contains_key("x-ratelimit-reset"));
        office.post_body(br#"{"card":[]}"#.to_vec()).await.unwrap();
        let shown = office.hipcall.shown(UUID).unwrap();
        assert_eq!(shown[0]["text"], "Ayşe Yılmaz");
        let cards = office.hipcall.cards(UUID);
        assert_eq!(
            cards.iter().map(|c| c.seen).collect::<Vec<_>>(),
            [true, false]
        );
        assert!(cards[1].is_grey_box());
        let request = &office.hipcall.requests()[0];
        assert_eq!(request.method, "POST");
        assert_eq!(request.path, format!("/api/v3/calls/{UUID}/cards"));
        assert_eq!(request.status, Some(201));
    }

    #[tokio::test]
    async fn after_hangup_a_card_is_accepted_and_nobody_sees_it() {
        let office = Office::open().await;
        office.hipcall.hang_up(UUID);
        assert_eq!(office.post().await.unwrap().status(), 201);
        assert_eq!(office.hipcall.shown(UUID), None);
        assert_eq!(office.hipcall.cards(UUID).len(), 1);
    }

    #[tokio::test]
    async fn waiting_for_a_card_ends_with_it_or_with_the_time_given() {
        let office = Office::open().await;
        let before = Instant::now();
        let (card, _) = tokio::join!(office.hipcall.wait_for_card(UUID, SOON), office.post());
        assert!(card.unwrap().when >= before);
        let none = office
            .hipcall
            .wait_for_card("unknown", Duration::from_millis(1));
        assert_eq!(none.await, None);
        assert!(office.hipcall.wait_for_requests(1, SOON).await);
    }

    #[tokio::test]
    async fn both_versions_of_http_are_spoken() {
        let office = Office::open().await;
        let mut tls = client_config(office.hipcall.ca_pem()).unwrap();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy();
        let client = client.http1_only().build().unwrap();
        let answer = client.head(office.hipcall.node_url()).send().await.unwrap();
        assert_eq!(answer.version(), reqwest::Version::HTTP_11);
        assert_eq!(answer.status(), 200);
    }

    #[tokio::test]
    async fn a_request_too_large_is_refused() {
        let office = Office::open().await;
        let answer = office.post_body(vec![b' '; 64 * 1024 + 1]).await.unwrap();
        assert_eq!(answer.status(), 413);
        let mut fits = br#"{"card":[]}"#.to_vec();
        fits.resize(64 * 1024, b' ');
        assert_eq!(office.post_body(fits).await.unwrap().status(), 201);
    }

    #[tokio::test]
    async fn scripted_answers_come_one_per_request_and_record_nothing() {
        let office = Office::open().await;
        office
            .hipcall
            .script([Fault::Status(503), Fault::StatusWithRetryAfter(429, 7)]);
        // The root is no API request and takes no fault.
        office
            .client
            .get(office.hipcall.node_url())
            .send()
            .await
            .unwrap();
        let first = office.post().await.unwrap();
        assert_eq!(first.status(), 503);
        assert!(!first.headers().contains_key("x-ratelimit-limit"));
        let second = office.post().await.unwrap();
        assert_eq!(second.status(), 429);
        assert_eq!(second.headers()["retry-after"], "7");
        let body: Value = second.json().await.unwrap();
        let detail = "Too many requests. Please try again later.";
        assert_eq!(body, json!({"errors": {"detail": detail}}));
        assert!(office.hipcall.cards(UUID).is_empty());
        let third = office.post().await.unwrap();
        assert_eq!(third.headers()["x-ratelimit-remaining"], "59");
        assert_eq!(
            office.statuses(),
            [Some(200), Some(503), Some(429), Some(201)]
        );
    }

    #[tokio::test]
    async fn a_dropped_connection_leaves_the_card_unposted_or_posted_but_unanswered() {
        let office = Office::open().await;
        office
            .hipcall
            .script([Fault::Close, Fault::AcceptThenClose]);
        assert!(office.post().await.is_err());
        assert!(office.hipcall.cards(UUID).is_empty());
        assert!(office.post().await.is_err());
        assert_eq!(office.hipcall.cards(UUID).len(), 1);
        assert_eq!(office.post().await.unwrap().status(), 201);
        assert_eq!(office.statuses(), [None, None, Some(201)]);
    }

    #[tokio::test]
    async fn a_hanging_request_is_never_answered_and_its_neighbours_are() {
        let office = Office::open().await;
        office.hipcall.script([Fault::Hang]);
        tokio::select! {
            _ = office.post() => panic!("it was answered"),
            seen = office.hipcall.wait_for_requests(1, SOON) => assert!(seen),
        }
        assert!(office.hipcall.cards(UUID).is_empty());
        assert_eq!(office.post().await.unwrap().status(), 201);
    }

    #[tokio::test]
    async fn a_slow_answer_comes_after_the_card_was_recorded() {
        let office = Office::with(Duration::from_millis(20)).await;
        office
            .hipcall
            .script([Fault::Slow(Duration::from_millis(50))]);
        let asked = Instant::now();
        let (answer, card) = tokio::join!(office.post(), office.hipcall.wait_for_card(UUID, SOON));
        assert_eq!(answer.unwrap().status(), 201);
        assert!(asked.elapsed() >= Duration::from_millis(70));
        let until_recorded = card.unwrap().when - asked;
        assert!(asked.elapsed() - until_recorded >= Duration::from_millis(70));
    }

    #[tokio::test]
    async fn a_dripping_answer_comes_whole_and_late() {
        let office = Office::open().await;
        office
            .hipcall
            .script([Fault::Drip(Duration::from_millis(80))]);
        let asked = Instant::now();
        let answer = office.post().await.unwrap();
        let head = asked.elapsed();
        let body: Value = answer.json().await.unwrap();
        assert_eq!(body["data"]["call_id"], UUID);
        assert!(asked.elapsed() - head >= Duration::from_millis(50));
        assert_eq!(office.hipcall.cards(UUID).len(), 1);
    }

    #[tokio::test]
    async fn an_answer_that_is_cut_off_tells_its_status_and_not_its_end() {
        let office = Office::open().await;
        let faults = [Fault::StatusThenCut(503), Fault::AcceptThenCut];
        office.hipcall.script(faults);
        for (status, cards) in [(503, 0), (201, 1)] {
            let answer = office.post().await.unwrap();
            assert_eq!(answer.status(), status);
            assert!(answer.bytes().await.is_err());
            assert_eq!(office.hipcall.cards(UUID).len(), cards);
        }
        let faults: Vec<_> = office.hipcall.requests().iter().map(|r| r.fault).collect();
        assert_eq!(
            faults,
            [Some(Fault::StatusThenCut(503)), Some(Fault::AcceptThenCut)]
        );
    }

    #[tokio::test]
    async fn a_reset_is_no_end() {
        let office = Office::open().await;
        office.hipcall.script([Fault::Reset]);
        let told = office.post().await.unwrap_err();
        let mut cause: Option<&dyn std::error::Error> = Some(&told);
        let mut words = String::new();
        while let Some(error) = cause {
            words.push_str(&error.to_string());
            cause = error.source();
        }
        assert!(words.contains("reset"), "{words}");
        assert!(office.hipcall.cards(UUID).is_empty());
    }

    #[tokio::test]
    async fn a_dead_connection_answers_nobody_until_it_is_cut() {
        let office = Office::open().await;
        office.hipcall.script([Fault::HalfOpen]);
        let first = async { office.post().await.is_err() };
        let second = async {
            assert!(office.hipcall.wait_for_requests(1, SOON).await);
            // On the same connection, which nobody reads any more.
            let neighbour = tokio::time::timeout(Duration::from_millis(100), office.post());
            assert!(neighbour.await.is_err(), "a dead connection answered");
            assert_eq!(office.hipcall.requests().len(), 1);
            office.hipcall.cut();
        };
        assert!(tokio::join!(first, second).0);
        assert_eq!(office.post().await.unwrap().status(), 201);
    }

    #[tokio::test]
    async fn a_redirect_leads_elsewhere_and_who_follows_it_is_seen_there() {
        let office = Office::open().await;
        let target = Office::open().await;
        for status in [302, 307, 308] {
            let there = Fault::Redirect(status, target.hipcall.address());
            office.hipcall.script([there]);
            let client = reqwest::Client::builder()
                .tls_backend_preconfigured(client_config(office.hipcall.ca_pem()).unwrap())
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .build()
                .unwrap();
            let answer = client.post(office.cards()).send().await.unwrap();
            assert_eq!(answer.status(), status);
            assert_eq!(answer.headers()["location"], target.cards());
        }
        assert!(target.hipcall.requests().is_empty());
        // A client that follows with its token is noticed.
        target.post().await.unwrap();
        assert!(target.hipcall.requests()[0].with_token);
        assert!(!office.hipcall.requests()[0].with_token);
    }

    #[tokio::test]
    async fn a_certificate_of_another_time_or_authority_is_not_trusted_until_the_right_one_is_back()
    {
        let authority = Authority::generate().unwrap();
        let valid = authority.identity(2000..3000).unwrap();
        let mut office = Office::open().await;
        office.hipcall.present(&valid).unwrap();
        office.client = reqwest::Client::builder()
            .tls_backend_preconfigured(client_config(&valid.ca_pem).unwrap())
            .no_proxy()
            .build()
            .unwrap();
        assert!(office.post().await.is_ok());
        for other in [
            authority.identity(2000..2001).unwrap(),
            authority.identity(2900..3000).unwrap(),
            Identity::generate().unwrap(),
        ] {
            office.hipcall.present(&other).unwrap();
            assert!(office.post().await.is_err());
        }
        office.hipcall.present(&valid).unwrap();
        assert!(office.post().await.is_ok());
    }

    #[tokio::test]
    async fn comments_are_kept_and_a_new_token_shuts_the_old_one_out() {
        let office = Office::open().await;
        let comments = office.cards().replace("/cards", "/comments");
        let comment = || {
            let request = office.client.post(&comments).bearer_auth("secret");
            request
                .header("content-type", "application/json")
                .body(r#"{"content":"Ayşe"}"#)
                .send()
        };
        assert_eq!(comment().await.unwrap().status(), 201);
        assert_eq!(office.hipcall.comments(UUID)[0].content, "Ayşe");
        office.hipcall.take_only("other");
        assert_eq!(comment().await.unwrap().status(), 401);
        office.hipcall.take_only("secret");
        let aim = Aim::at(Kind::Comment).of_call(UUID);
        office.hipcall.keep_failing(aim, Fault::Status(500));
        assert_eq!(comment().await.unwrap().status(), 500);
        assert_eq!(office.post().await.unwrap().status(), 201);
        office.hipcall.mend();
        assert_eq!(comment().await.unwrap().status(), 201);
    }

    #[tokio::test]
    async fn a_node_that_is_down_refuses_connections_and_comes_back_on_its_port() {
        let office = Office::open().await;
        assert!(office.post().await.is_ok());
        office.hipcall.script([Fault::Hang]);
        let hanging = async { office.post().await.is_err() };
        let falling = async {
            assert!(office.hipcall.wait_for_requests(2, SOON).await);
            office.hipcall.go_down().await;
        };
        let (dropped, ()) = tokio::join!(hanging, falling);
        assert!(dropped, "an open connection outlived its node");
        let refused = office.post().await.unwrap_err();
        assert!(refused.is_connect(), "{refused:?}");
        office.hipcall.come_up().await.unwrap();
        office.hipcall.come_up().await.unwrap();
        assert_eq!(office.post().await.unwrap().status(), 201);
        assert_eq!(office.hipcall.cards(UUID).len(), 2);
    }

    #[tokio::test]
    async fn it_stops_when_told_and_frees_its_port() {
        let Office { hipcall, client } = Office::open().await;
        hipcall.clone().stop().await;
        assert!(client.get(hipcall.node_url()).send().await.is_err());
        let _port_is_free = tokio::net::TcpListener::bind(hipcall.address())
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn it_stops_when_its_last_handle_goes_and_not_before() {
        let Office { hipcall, client } = Office::open().await;
        let last = hipcall.clone();
        drop(hipcall);
        assert!(client.get(last.node_url()).send().await.is_ok());
        let mut open = tokio::net::TcpStream::connect(last.address())
            .await
            .unwrap();
        drop(last);
        let end = open.read(&mut [0]).await;
        assert!(end.is_err() || matches!(end, Ok(0)), "{end:?}");
    }

    #[tokio::test]
    async fn a_client_that_does_not_trust_it_gets_no_answer() {
        let office = Office::open().await;
        let other = Identity::generate().unwrap();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(client_config(&other.ca_pem).unwrap())
            .no_proxy()
            .build()
            .unwrap();
        assert!(client.get(office.hipcall.node_url()).send().await.is_err());
        assert!(office.hipcall.requests().is_empty());
    }
}
