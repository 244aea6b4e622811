//! Who the token's owner is to Hipcall: what the plan allows, and what it knows of the office's habits.

use serde_json::Value;

use super::client::{Client, whole};
use super::error::SendError;

/// Longest profile: the real one has some 3 kB.
const PROFILE_BYTES: usize = 256 << 10;

/// What `GET /profile` tells. What it does not tell is `None`, and never taken for a no.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// Whether the plan allows to send cards.
    pub api: Option<bool>,
    /// Whether the plan allows to be told of calls.
    pub webhook: Option<bool>,
    /// The country of numbers without a country code, as it is written there: `TR`.
    pub region: Option<String>,
    /// The language: `tr`.
    pub locale: Option<String>,
    /// `Europe/Istanbul`.
    pub time_zone: Option<String>,
}

impl Client {
    pub async fn profile(&self) -> Result<Profile, SendError> {
        let turn = self.turns.aside().await;
        let url = format!("{}/api/v3/profile", self.node);
        let mut answer = self.ask(turn, |http| http.get(url)).await?;
        let body = whole(&mut answer, PROFILE_BYTES).await?;
        let body: Value = serde_json::from_slice(&body).map_err(|_| SendError::Unreadable)?;
        match &body["data"] {
            data @ Value::Object(_) => Ok(Profile::of(data)),
            _ => Err(SendError::Unreadable),
        }
    }
}

impl Profile {
    fn of(data: &Value) -> Profile {
        let features = &data["capabilities"]["features"];
        let text = |value: &Value| value.as_str().map(str::to_owned).filter(|t| !t.is_empty());
        Profile {
            api: features["api"].as_bool(),
            webhook: features["webhook"].as_bool(),
            region: text(&data["user"]["phone_prefix"]),
            locale: text(&data["account"]["locale"]),
            time_zone: text(&data["account"]["timezone"]),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_told_is_not_known() {
        assert_eq!(Profile::of(&json!({})), Profile::default());
        let strange = json!({
            "capabilities": {"features": {"api": "yes", "webhook": false}},
            "user": {"phone_prefix": ""},
            "account": {"locale": "tr", "timezone": null},
        });
        let profile = Profile::of(&strange);
        assert_eq!((profile.api, profile.webhook), (None, Some(false)));
        let told = (profile.region, profile.locale.as_deref(), profile.time_zone);
        assert_eq!(told, (None, Some("tr"), None));
    }
}
