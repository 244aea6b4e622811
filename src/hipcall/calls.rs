//! What Hipcall says has happened: its newest calls, to be held against what its webhook told.
//!
//! No call waits for this, so it asks only where cards have plenty of the quota left. It takes of each call
//! what it needs, and passes over one that lacks it: a list with strange rows is still a list.

use jiff::Timestamp;
use serde_json::Value;

use super::client::{Client, whole};
use super::error::{SendError, Verdict};
use super::hello::date;
use crate::domain::silence::Begun;

/// Calls asked for: Hipcall's largest page (measured: 101 is refused). Whoever missed more has missed enough.
const CALLS: usize = 100;
/// Longest answer taken: a call has one to two kilobytes.
const LIST_BYTES: usize = 1 << 20;

/// Hipcall's newest calls, and what time it was there.
#[derive(Debug)]
pub struct CallList {
    pub date: Timestamp,
    pub calls: Vec<Begun>,
}

#[derive(Debug, thiserror::Error)]
pub enum CallsError {
    #[error(transparent)]
    Send(#[from] SendError),
    /// Without the parser's words: they may quote a number.
    #[error("Hipcall's answer holds no list of calls")]
    NoList,
    #[error("Hipcall's answer does not say what time it is")]
    NoDate,
}

impl CallsError {
    pub fn verdict(&self) -> Verdict {
        match self {
            CallsError::Send(e) => e.verdict(),
            CallsError::NoList | CallsError::NoDate => Verdict::Park,
        }
    }
}

impl Client {
    pub async fn calls(&self) -> Result<CallList, CallsError> {
        let (node, turn) = (&self.node, self.aside_turn().await);
        let url = format!("{node}/api/v3/calls?sort=started_at.desc&limit={CALLS}");
        let mut answer = self.ask(turn, |http| http.get(url)).await?;
        let date = date(answer.headers());
        let calls = read(&whole(&mut answer, LIST_BYTES).await?)?;
        Ok(CallList {
            date: date.ok_or(CallsError::NoDate)?,
            calls,
        })
    }
}

fn read(body: &[u8]) -> Result<Vec<Begun>, CallsError> {
    let body: Value = serde_json::from_slice(body).map_err(|_| CallsError::NoList)?;
    let rows = body["data"].as_array().ok_or(CallsError::NoList)?;
    Ok(rows.iter().filter_map(begun).collect())
}

fn begun(row: &Value) -> Option<Begun> {
    Some(Begun {
        at: row["started_at"].as_str()?.parse().ok()?,
        is_internal: row["direction"].as_str() == Some("internal"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::hipcall::{Fault, RATE_LIMIT, StandIn, StandInSettings};
    use crate::hipcall::{Connector, Trust};
    use std::time::Duration;

    const TOKEN: &str = "secret";

    async fn hipcall() -> (StandIn, Client, tempfile::TempDir) {
        let settings = StandInSettings {
            listen: "127.0.0.1:0".parse().unwrap(),
            token: TOKEN.into(),
            latency: Duration::ZERO,
            identity: None,
            rate_limit: RATE_LIMIT,
            users: Vec::new(),
        };
        let stand_in = StandIn::start(settings).await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        let ca_file = directory.path().join("ca.pem");
        std::fs::write(&ca_file, stand_in.ca_pem()).unwrap();
        let trust = Trust {
            ca_file: Some(ca_file),
        };
        let connector = Connector::new(&trust).unwrap();
        let client = Client::new(&connector, &stand_in.node_url(), TOKEN).unwrap();
        (stand_in, client, directory)
    }

    #[tokio::test]
    async fn the_newest_calls_come_with_the_time_at_hipcall() {
        let (hipcall, client, _directory) = hipcall().await;
        assert!(client.calls().await.unwrap().calls.is_empty());
        (0..150).for_each(|n| hipcall.ring(&format!("call-{n}")));
        let list = client.calls().await.unwrap();
        assert_eq!(list.calls.len(), CALLS);
        assert!(list.calls.is_sorted_by_key(|c| std::cmp::Reverse(c.at)));
        assert!(list.date.duration_since(list.calls[0].at).as_secs().abs() < 60);
        let asked = hipcall.requests();
        assert_eq!(
            asked[0].path,
            "/api/v3/calls?sort=started_at.desc&limit=100"
        );
    }

    #[tokio::test]
    async fn each_refusal_has_its_verdict_and_none_holds_cards_back() {
        let (hipcall, client, _directory) = hipcall().await;
        for (fault, verdict) in [
            (Fault::Status(503), Verdict::Retry),
            (Fault::Close, Verdict::RetrySoon),
            (Fault::Status(403), Verdict::Pause),
            (
                Fault::StatusWithRetryAfter(429, 1),
                Verdict::RetryAfter(Duration::from_secs(1)),
            ),
        ] {
            hipcall.script([fault]);
            let error = client.calls().await.unwrap_err();
            assert_eq!(error.verdict(), verdict, "{error}");
        }
        assert!(client.calls().await.is_ok());
    }

    #[test]
    fn what_is_strange_in_the_list_is_passed_over() {
        let calls = read(
            br#"{"data":[
                {"uuid":"a","started_at":"2026-09-01T10:41:00Z","direction":"inbound"},
                {"started_at":"2026-09-01T10:40:00.5Z","direction":"internal"},
                {"started_at":"2026-09-01T13:39:00+03:00"},
                {"uuid":"b","started_at":null},{"uuid":"c"},{"started_at":7},7,null
            ]}"#,
        );
        let calls = calls.unwrap();
        let internal: Vec<bool> = calls.iter().map(|c| c.is_internal).collect();
        assert_eq!(internal, [false, true, false]);
        assert_eq!(calls[2].at.to_string(), "2026-09-01T10:39:00Z");
        for none in ["", "<html>", "{}", "[]", r#"{"data":{}}"#] {
            let error = read(none.as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), "Hipcall's answer holds no list of calls");
        }
    }
}
