//! Who has a Hipcall account: their ids by their e-mail addresses, read page by page.
//!
//! No call waits for this, so it asks only where cards have plenty of the quota left, and sleeps where they
//! have not. It reads what it needs and is blind to the rest: a user without an address is passed over,
//! since no source could name them, and only an answer that holds no list at all is an error.

use std::fmt;

use serde_json::Value;

use super::client::{Client, whole};
use super::error::{SendError, Verdict};
use crate::domain::join;

/// Hipcall's largest page (measured: 101 is refused).
const PAGE: usize = 100;
/// Most users that are known: far more than any company has telephones.
const USERS: usize = 10_000;
/// Longest page: a user has some hundred bytes here, and ten times as many where much is filled in.
const PAGE_BYTES: usize = 1 << 20;

/// A colleague, as far as a card can show one.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    pub id: i64,
    /// In the form in which equal ones are the same text.
    pub email: String,
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, thiserror::Error)]
pub enum UsersError {
    #[error(transparent)]
    Send(#[from] SendError),
    /// Without the parser's words: they may quote an address.
    #[error("Hipcall's answer holds no list of users")]
    NoList,
}

impl UsersError {
    pub fn verdict(&self) -> Verdict {
        match self {
            UsersError::Send(e) => e.verdict(),
            UsersError::NoList => Verdict::Park,
        }
    }

    /// What the operator can do.
    pub fn advice(&self) -> &'static str {
        match self {
            UsersError::Send(SendError::Refused {
                status: 404 | 422, ..
            })
            | UsersError::NoList => "Hipcall's API has changed: look for a newer Ringcard",
            UsersError::Send(e) => e.advice(),
        }
    }
}

impl Client {
    /// Everybody with an address, in the order of their ids; those beyond `USERS` are left out.
    pub async fn users(&self) -> Result<Vec<User>, UsersError> {
        let (mut users, mut offset, mut last) = (Vec::new(), 0, None);
        while offset < USERS {
            let page = self.page(offset).await?;
            offset += page.length;
            users.extend(page.users);
            // A node that does not know `offset` would give one page for ever.
            let is_new = page.last > last;
            let is_last = page.length < PAGE && page.count.is_none_or(|count| offset >= count);
            if !is_new || is_last {
                break;
            }
            last = page.last;
        }
        users.truncate(USERS);
        Ok(users)
    }

    async fn page(&self, offset: usize) -> Result<Page, UsersError> {
        let (node, turn) = (&self.node, self.aside_turn().await);
        let url = format!("{node}/api/v3/users?limit={PAGE}&offset={offset}&sort=id.asc");
        let mut answer = self.ask(turn, |http| http.get(url)).await?;
        Page::read(&whole(&mut answer, PAGE_BYTES).await?)
    }
}

#[derive(Debug)]
struct Page {
    /// With those who are passed over.
    length: usize,
    users: Vec<User>,
    /// The highest id on it.
    last: Option<i64>,
    /// How many users there are on all pages, if the answer says so.
    count: Option<usize>,
}

impl Page {
    fn read(body: &[u8]) -> Result<Page, UsersError> {
        let body: Value = serde_json::from_slice(body).map_err(|_| UsersError::NoList)?;
        let rows = body["data"].as_array().ok_or(UsersError::NoList)?;
        let ids = rows.iter().filter_map(|row| row["id"].as_i64());
        let count = body["meta"]["count"].as_u64();
        Ok(Page {
            length: rows.len(),
            users: rows.iter().filter_map(user).collect(),
            last: ids.max(),
            count: count.and_then(|count| usize::try_from(count).ok()),
        })
    }
}

fn user(row: &Value) -> Option<User> {
    Some(User {
        id: row["id"].as_i64()?,
        email: join::email(row["email"].as_str()?)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::hipcall::{self, Fault, RATE_LIMIT, StandIn, StandInSettings};
    use crate::hipcall::{Connector, Trust};
    use std::time::Duration;

    const TOKEN: &str = "secret";

    struct Hipcall {
        stand_in: StandIn,
        connector: Connector,
        _directory: tempfile::TempDir,
    }

    impl Hipcall {
        /// With so many users, whose ids begin at 1001.
        async fn of(users: i64) -> Hipcall {
            Hipcall::with(users, RATE_LIMIT).await
        }

        async fn with(users: i64, rate_limit: u32) -> Hipcall {
            let user = |n| hipcall::User {
                id: 1000 + n,
                email: format!("Agent{n}@Firma.example"),
                full_name: format!("Agent {n}"),
            };
            let settings = StandInSettings {
                listen: "127.0.0.1:0".parse().unwrap(),
                token: TOKEN.into(),
                latency: Duration::ZERO,
                identity: None,
                rate_limit,
                users: (1..=users).map(user).collect(),
            };
            let stand_in = StandIn::start(settings).await.unwrap();
            let directory = tempfile::tempdir().unwrap();
            let ca_file = directory.path().join("ca.pem");
            std::fs::write(&ca_file, stand_in.ca_pem()).unwrap();
            let trust = Trust {
                ca_file: Some(ca_file),
            };
            Hipcall {
                stand_in,
                connector: Connector::new(&trust).unwrap(),
                _directory: directory,
            }
        }

        fn client(&self, token: &str) -> Client {
            Client::new(&self.connector, &self.stand_in.node_url(), token).unwrap()
        }

        fn asked(&self) -> Vec<String> {
            let requests = self.stand_in.requests().into_iter();
            requests
                .map(|r| r.path.replace("/api/v3/users?limit=100&offset=", ""))
                .collect()
        }
    }

    #[tokio::test]
    async fn a_small_office_is_one_page() {
        let hipcall = Hipcall::of(2).await;
        let users = hipcall.client(TOKEN).users().await.unwrap();
        let expected = [
            (1001, "agent1@firma.example"),
            (1002, "agent2@firma.example"),
        ];
        let known: Vec<_> = users.iter().map(|u| (u.id, u.email.as_str())).collect();
        assert_eq!(known, expected);
        assert_eq!(hipcall.asked(), ["0&sort=id.asc"]);
    }

    #[tokio::test]
    async fn a_large_one_is_read_page_by_page_to_its_end() {
        for (users, pages) in [(99, 1), (100, 2), (101, 2), (250, 3)] {
            let hipcall = Hipcall::of(users).await;
            let read = hipcall.client(TOKEN).users().await.unwrap();
            let ids: Vec<i64> = read.iter().map(|u| u.id).collect();
            assert_eq!(ids, (1001..=1000 + users).collect::<Vec<_>>());
            let expected: Vec<_> = (0..pages)
                .map(|n| format!("{}&sort=id.asc", n * 100))
                .collect();
            assert_eq!(hipcall.asked(), expected);
        }
    }

    #[tokio::test]
    async fn more_than_anybody_has_are_left_out() {
        let hipcall = Hipcall::with(USERS as i64 + 1, 1000).await;
        assert_eq!(hipcall.client(TOKEN).users().await.unwrap().len(), USERS);
        assert_eq!(hipcall.asked().len(), USERS / PAGE);
    }

    #[tokio::test]
    async fn a_long_list_leaves_half_of_the_window_to_cards() {
        let hipcall = Hipcall::of(USERS as i64).await;
        let client = hipcall.client(TOKEN);
        let half = async {
            assert!(
                hipcall
                    .stand_in
                    .wait_for_requests(30, Duration::from_secs(20))
                    .await
            );
            // What is not to come can only be waited for by something that comes after it.
            client.card_turn(1, None).await;
            while client.aside_turn_now().is_some() {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            _ = client.users() => panic!("it did not wait for the next window"),
            () = half => {}
        }
        assert_eq!(client.hindrance(), None);
        assert_eq!(hipcall.asked().len(), 30);
    }

    #[tokio::test]
    async fn each_refusal_has_its_verdict_and_none_holds_cards_back() {
        let hipcall = Hipcall::of(1).await;
        let client = hipcall.client(TOKEN);
        for (fault, verdict) in [
            (Fault::Status(503), Verdict::Retry),
            (Fault::Close, Verdict::RetrySoon),
            (Fault::Status(403), Verdict::Pause),
            (
                Fault::StatusWithRetryAfter(429, 1),
                Verdict::RetryAfter(Duration::from_secs(1)),
            ),
        ] {
            hipcall.stand_in.script([fault]);
            let error = client.users().await.unwrap_err();
            assert_eq!(error.verdict(), verdict, "{error}");
            assert_eq!(client.hindrance(), None);
        }
        assert_eq!(client.users().await.unwrap().len(), 1);
        let error = hipcall.client("other").users().await.unwrap_err();
        assert_eq!(error.verdict(), Verdict::Pause);
        assert!(error.advice().contains("the token"), "{error}");
    }

    #[test]
    fn what_is_strange_on_a_page_is_passed_over() {
        let page = Page::read(
            br#"{"data":[
                {"id":1,"email":" Ali@Firma.example ","full_name":"Ali","teams":[{"id":9}],"extension":null},
                {"id":2,"email":null},{"id":3},{"id":"4","email":"a@b"},{"email":"a@b"},7,null,
                {"id":5,"email":"no address"},{"id":6,"email":["a@b"]}
            ],"links":{}}"#,
        );
        let page = page.unwrap();
        assert_eq!((page.length, page.last, page.count), (9, Some(6), None));
        assert_eq!(page.users.len(), 1);
        assert_eq!(page.users[0].email, "ali@firma.example");
        for none in [
            "",
            "<html>",
            "{}",
            "[]",
            r#"{"data":{}}"#,
            r#"{"data":null}"#,
        ] {
            let error = Page::read(none.as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), "Hipcall's answer holds no list of users");
        }
    }

    #[test]
    fn debug_shows_no_address() {
        let email = "ali@firma.example".into();
        assert_eq!(format!("{:?}", User { id: 1, email }), "User { id: 1, .. }");
    }
}
