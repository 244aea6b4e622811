//! A word to the node while no call needs it: its connection is opened if it is lost, and its answer tells what
//! time it is there.
//!
//! The time is as trustworthy as the connection, whose certificate was checked: nobody on the way can set it.

use jiff::Timestamp;
use reqwest::header::{DATE, HeaderMap};

use super::client::Client;
use super::error::SendError;

impl Client {
    /// Needs no token and counts for no quota.
    pub async fn hello(&self) -> Result<Option<Timestamp>, SendError> {
        let root = format!("{}/", self.node);
        let http = self.connector.http();
        match http.head(root).send().await {
            Ok(answer) => {
                self.turns.line_is_up();
                Ok(date(answer.headers()))
            }
            Err(e) => {
                let error = SendError::transport(e);
                self.failed(&error, &http);
                Err(error)
            }
        }
    }
}

/// When the answer was given, by its sender's clock.
pub(super) fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let date = headers.get(DATE)?.to_str().ok()?;
    Some(jiff::fmt::rfc2822::parse(date).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_read_as_servers_write_it() {
        let read = |text: &str| date(&[(DATE, text.parse().unwrap())].into_iter().collect());
        let read = |text| read(text).map(|t| t.to_string());
        let expected = Some("2026-09-01T10:41:00Z".to_owned());
        assert_eq!(read("Tue, 01 Sep 2026 10:41:00 GMT"), expected);
        assert_eq!(read("yesterday"), None);
        assert_eq!(date(&HeaderMap::new()), None);
    }
}
