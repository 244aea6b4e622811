//! The client against a stand-in that fails in every way: each has its name, and says whether the card may have
//! arrived.

use std::net::SocketAddr;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::*;
use crate::demo::hipcall::{Fault, RATE_LIMIT, StandIn, StandInSettings};
use crate::demo::identity::{Authority, Identity};

const TOKEN: &str = "secret";
const CALL: &str = "2f4c1c1e-7d0b-4c55-9a53-5b9e6f0c7a10";

struct Hipcall {
    stand_in: StandIn,
    client: Client,
    _directory: tempfile::TempDir,
}

fn connector(directory: &tempfile::TempDir, ca_pem: &str, names: Names) -> Connector {
    let ca_file = directory.path().join("ca.pem");
    std::fs::write(&ca_file, ca_pem).unwrap();
    let ca_file = Some(ca_file);
    Connector::with(&Trust { ca_file }, names).unwrap()
}

impl Hipcall {
    async fn open() -> Hipcall {
        Hipcall::with(Identity::generate().unwrap(), None).await
    }

    /// With an identity, and an authority to trust that may be another's.
    async fn with(identity: Identity, trusted: Option<&str>) -> Hipcall {
        let trusted = trusted.unwrap_or(&identity.ca_pem).to_owned();
        let settings = StandInSettings {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            token: TOKEN.into(),
            latency: Duration::ZERO,
            identity: Some(identity),
            rate_limit: RATE_LIMIT,
            users: Vec::new(),
        };
        let stand_in = StandIn::start(settings).await.unwrap();
        stand_in.ring(CALL);
        let directory = tempfile::tempdir().unwrap();
        let connector = connector(&directory, &trusted, Names::of_the_system());
        let client = Client::new(&connector, &stand_in.node_url(), TOKEN).unwrap();
        Hipcall {
            stand_in,
            client,
            _directory: directory,
        }
    }

    async fn post(&self) -> Result<(), SendError> {
        post(&self.client).await
    }
}

async fn post(client: &Client) -> Result<(), SendError> {
    let turn = client.card_turn(1, None).await;
    let card = Card {
        rows: vec![crate::domain::card::Row::Title {
            text: "Ayşe".into(),
            link: None,
        }],
    };
    client
        .post_card(turn, &CallId::parse(CALL).unwrap(), &card)
        .await
}

/// Which kind of failure it was, and whether the card may have arrived.
fn kind(result: Result<(), SendError>) -> (Why, bool) {
    let error = result.unwrap_err();
    (error.why(), error.may_have_arrived())
}

/// A peer that is no Hipcall: what it does with a connection.
async fn peer<F>(serve: fn(tokio::net::TcpStream) -> F) -> Client
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let node = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    client(&node, Names::of_the_system())
}

fn client(node: &str, names: Names) -> Client {
    let directory = tempfile::tempdir().unwrap();
    let connector = connector(&directory, &Identity::generate().unwrap().ca_pem, names);
    Client::new(&connector, node, TOKEN).unwrap()
}

#[tokio::test]
async fn http_2_is_spoken_where_hipcall_speaks_it() {
    let hipcall = Hipcall::open().await;
    let answer = hipcall
        .client
        .connector
        .http()
        .head(hipcall.stand_in.node_url());
    assert_eq!(
        answer.send().await.unwrap().version(),
        reqwest::Version::HTTP_2
    );
}

#[tokio::test]
async fn a_node_that_refuses_connections_has_nothing() {
    let hipcall = Hipcall::open().await;
    hipcall.stand_in.go_down().await;
    assert_eq!(kind(hipcall.post().await), (Why::NoConnection, false));
}

#[tokio::test]
async fn a_name_without_addresses_is_told_from_a_dead_line() {
    let nobody = Names::new(|_| Box::pin(async { Err(std::io::Error::other("no such name")) }));
    let client = client("https://node.example", nobody);
    assert_eq!(kind(post(&client).await), (Why::NoName, false));
    let none = Names::new(|_| Box::pin(async { Ok(Vec::new()) }));
    let client = self::client("https://node.example", none);
    assert_eq!(kind(post(&client).await), (Why::NoName, false));
}

#[tokio::test]
async fn a_certificate_outside_its_dates_is_a_matter_of_the_clock() {
    for years in [2000..2001, 4000..4001] {
        let identity = Authority::generate().unwrap().identity(years).unwrap();
        let hipcall = Hipcall::with(identity, None).await;
        assert_eq!(kind(hipcall.post().await), (Why::Clock, false));
        assert!(hipcall.stand_in.requests().is_empty());
    }
}

#[tokio::test]
async fn a_certificate_of_a_stranger_is_not_trusted() {
    let stranger = Identity::generate().unwrap();
    let hipcall = Hipcall::with(Identity::generate().unwrap(), Some(&stranger.ca_pem)).await;
    assert_eq!(kind(hipcall.post().await), (Why::NotTrusted, false));
}

#[tokio::test]
async fn a_peer_that_speaks_no_tls_is_no_connection() {
    let client = peer(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    });
    assert_eq!(kind(post(&client.await).await), (Why::NoConnection, false));
}

#[tokio::test(start_paused = true)]
async fn a_time_out_before_the_request_is_sent_is_no_connection() {
    let client = peer(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    });
    assert_eq!(kind(post(&client.await).await), (Why::NoConnection, false));
}

#[tokio::test]
async fn a_time_out_after_the_request_was_sent_leaves_it_open() {
    let hipcall = Hipcall::open().await;
    hipcall.stand_in.script([Fault::Hang]);
    assert_eq!(kind(hipcall.post().await), (Why::NoAnswer, true));
    assert!(hipcall.post().await.is_ok(), "the connection goes on");
}

#[tokio::test]
async fn a_line_that_has_silently_gone_costs_one_request_and_no_more() {
    let hipcall = Hipcall::open().await;
    hipcall.post().await.unwrap();
    hipcall.stand_in.script([Fault::HalfOpen]);
    assert_eq!(kind(hipcall.post().await), (Why::NoAnswer, true));
    assert!(hipcall.post().await.is_ok(), "on another connection");
}

#[tokio::test]
async fn a_connection_that_breaks_before_the_answer_leaves_it_open() {
    for (fault, cards) in [
        (Fault::Close, 0),
        (Fault::Reset, 0),
        (Fault::AcceptThenClose, 1),
    ] {
        let hipcall = Hipcall::open().await;
        hipcall.stand_in.script([fault]);
        assert_eq!(
            kind(hipcall.post().await),
            (Why::BrokenConnection, true),
            "{fault:?}"
        );
        assert_eq!(hipcall.stand_in.cards(CALL).len(), cards);
        let turn = hipcall.client.aside_turn().await;
        let has_card = hipcall
            .client
            .has_card(turn, &CallId::parse(CALL).unwrap())
            .await;
        assert_eq!(has_card.unwrap(), cards == 1, "{fault:?}");
    }
}

#[tokio::test]
async fn the_status_settles_it_whatever_becomes_of_the_body() {
    let slow = Duration::from_secs(30);
    for fault in [Fault::AcceptThenCut, Fault::Drip(slow)] {
        let hipcall = Hipcall::open().await;
        hipcall.stand_in.script([fault]);
        assert!(hipcall.post().await.is_ok(), "{fault:?}");
    }
    let hipcall = Hipcall::open().await;
    hipcall.stand_in.script([Fault::StatusThenCut(503)]);
    assert_eq!(kind(hipcall.post().await), (Why::HipcallFault, false));
}

#[tokio::test]
async fn a_redirect_is_refused_and_its_target_never_asked() {
    let target = Hipcall::open().await;
    for status in [301, 302, 303, 307, 308] {
        let hipcall = Hipcall::open().await;
        let to = target.stand_in.address();
        hipcall.stand_in.script([Fault::Redirect(status, to)]);
        let error = hipcall.post().await.unwrap_err();
        assert_eq!(error.verdict(), Verdict::Park, "{status}");
    }
    assert!(target.stand_in.requests().is_empty());
}

#[tokio::test]
async fn a_refused_token_holds_cards_until_a_probe_is_taken() {
    let hipcall = Hipcall::open().await;
    hipcall
        .stand_in
        .script([Fault::Status(401), Fault::Status(401)]);
    assert_eq!(kind(hipcall.post().await), (Why::TokenRefused, false));
    assert_eq!(hipcall.client.hindrance(), Some(Why::TokenRefused));
    assert!(hipcall.client.probe().await.is_err());
    assert_eq!(hipcall.client.hindrance(), Some(Why::TokenRefused));
    hipcall.client.probe().await.unwrap();
    assert_eq!(hipcall.client.hindrance(), None);
    assert!(hipcall.post().await.is_ok());
}

#[tokio::test]
async fn a_comment_arrives_as_it_was_written() {
    let hipcall = Hipcall::open().await;
    let turn = hipcall.client.aside_turn().await;
    let call = CallId::parse(CALL).unwrap();
    hipcall
        .client
        .post_comment(turn, &call, "**Ayşe**")
        .await
        .unwrap();
    assert_eq!(hipcall.stand_in.comments(CALL)[0].content, "**Ayşe**");
}
