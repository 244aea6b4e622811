//! Who we are: a login request of the vendor's own, or an access token by OAuth 2.
//!
//! Both are had before the first request, kept in memory, and had anew once when a request is refused. What they
//! give beside, such as the address of an account's own server, templates call `login`.

use std::iter;
use std::time::Duration;

use minijinja::value::Value as Names;
use reqwest::header::AUTHORIZATION;
use serde_json::Value;
use tokio::time::Instant;

use super::answer::{Raw, message, parsed};
use super::ask::{Asker, Tried, Tries, Wish, host_of};
use super::description::{Auth, Login, OAuth};
use super::error::{ApiError, Message};
use super::kept::{self, KeepError, Kept};
use super::request::{Prepared, address, basic};
use super::session::Token;
use crate::source::error::SourceError;
use crate::source::json::Path;
use crate::source::json::expression::value;

/// What a request for a token gave.
enum Grant {
    Given(Value),
    /// Whoever asks is not known: the error, and whether another refresh token may be.
    Refused(ApiError),
}

impl Asker<'_> {
    /// Does nothing where we are known already.
    pub(super) async fn log_in(&mut self) -> Result<(), SourceError> {
        let settings = self.settings;
        if let Auth::OAuth(oauth) = &settings.connector.auth
            && !self.session.token.as_ref().is_some_and(Token::is_fresh)
        {
            self.token(oauth).await?;
        }
        match &settings.connector.login {
            Some(login) if !self.session.is_logged_in => self.request_login(login).await,
            _ => Ok(()),
        }
    }

    async fn request_login(&mut self, login: &Login) -> Result<(), SourceError> {
        let reply = match self.tried(Wish::of(&login.request)).await? {
            Tried::Good(reply) => reply,
            Tried::Refused(error) => return Err(error.into()),
        };
        let body = reply.body.unwrap_or_default();
        if !self.capture(&login.capture, &body) {
            let answer = "its answer to the login lacks what it should give".to_owned();
            let message = message(self.settings, self.session, Some(&body), iter::empty());
            return Err(self.refused(host_of(&reply.url), answer, message).into());
        }
        self.session.is_logged_in = true;
        Ok(())
    }

    /// False if something is not there: a login that was refused in words gives nothing.
    fn capture(&mut self, capture: &[(String, Path)], body: &Value) -> bool {
        for (name, path) in capture {
            match path.find(body) {
                None | Some(Value::Null | Value::Bool(false)) => return false,
                Some(found) => drop(self.session.captured.insert(name.clone(), value(found))),
            }
        }
        true
    }

    async fn token(&mut self, oauth: &OAuth) -> Result<(), SourceError> {
        match &oauth.refresh_token {
            None => {
                let grant = ("grant_type".to_owned(), "client_credentials".to_owned());
                match self.grant(oauth, vec![grant]).await? {
                    Grant::Given(answer) => self.take_token(oauth, &answer),
                    Grant::Refused(error) => Err(error.into()),
                }
            }
            Some(configured) => {
                let names = self.names_of_login();
                let templates = &self.settings.connector.templates;
                let configured = templates.text(configured, &names).map_err(ApiError::from)?;
                self.refresh(oauth, &configured).await
            }
        }
    }

    /// With the newest refresh token, or with the one before if the newest never came to be known.
    async fn refresh(&mut self, oauth: &OAuth, configured: &str) -> Result<(), SourceError> {
        let not_kept = |error: KeepError| ApiError::NotKept {
            path: error.path.display().to_string(),
            what: error.source.to_string(),
        };
        let directory = kept::directory(self.state, configured);
        let mut kept = Kept::open(&directory, configured).map_err(not_kept)?;
        // Room for what comes is made first: a token that can't be kept must not be asked for.
        let mut room = Some(kept.make_room().map_err(not_kept)?);
        let mut refused = None;
        for token in kept.candidates() {
            let grant = [("grant_type", "refresh_token"), ("refresh_token", &token)];
            let grant = grant.map(|(name, text)| (name.to_owned(), text.to_owned()));
            match self.grant(oauth, grant.to_vec()).await? {
                Grant::Refused(error) => refused = refused.or(Some(error)),
                Grant::Given(answer) => {
                    let new = answer["refresh_token"]
                        .as_str()
                        .filter(|new| !new.is_empty());
                    if let Some(room) = room.take() {
                        kept.keep(room, new.unwrap_or(&token), &token)
                            .map_err(not_kept)?;
                    }
                    return self.take_token(oauth, &answer);
                }
            }
        }
        let none = || self.refused(String::new(), "no token".to_owned(), Message::default());
        Err(refused.unwrap_or_else(none).into())
    }

    fn names_of_login(&self) -> Names {
        self.names(None, None, None)
    }

    fn take_token(&mut self, oauth: &OAuth, answer: &Value) -> Result<(), SourceError> {
        let seconds = match &answer["expires_in"] {
            Value::Number(seconds) => seconds.as_f64(),
            Value::String(seconds) => seconds.trim().parse().ok(),
            _ => None,
        };
        let lifetime = seconds.and_then(|s| Duration::try_from_secs_f64(s).ok());
        let text = answer["access_token"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        self.session.token = Some(Token {
            text,
            until: lifetime.and_then(|lifetime| Instant::now().checked_add(lifetime)),
        });
        match self.capture(&oauth.capture, answer) {
            true => Ok(()),
            false => {
                self.session.token = None;
                let answer = "its answer lacks what the connector takes from it".to_owned();
                Err(self
                    .refused("the token's host".into(), answer, Message::default())
                    .into())
            }
        }
    }

    /// Asks for a token until there is an answer.
    async fn grant(
        &mut self,
        oauth: &OAuth,
        grant: Vec<(String, String)>,
    ) -> Result<Grant, SourceError> {
        let mut tries = Tries::default();
        loop {
            let prepared = self.token_request(oauth, &grant)?;
            let host = prepared.host();
            if self.halt.is_cancelled() {
                return Err(SourceError::Halted);
            }
            // Not to be broken off: with the answer a new refresh token would be lost.
            let raw = match self.exchange(prepared).await {
                Ok(raw) => raw,
                Err(error) => {
                    self.wait_after(&mut tries, error).await?;
                    continue;
                }
            };
            let json = parsed(&raw.body).ok();
            // A refresh token that rotated is in no file of secrets.
            let sent = grant.iter().map(|(_, text)| text.as_str());
            let sent = sent.filter(|text| *text != "refresh_token");
            let message = message(self.settings, self.session, json.as_ref(), sent);
            match (raw.status, json) {
                (200..300, Some(json)) if json["access_token"].is_string() => {
                    return Ok(Grant::Given(json));
                }
                (429, _) => {
                    self.wait_for_limit(&mut tries, raw.wait(self.settings), host, message)
                        .await?;
                }
                (status @ (408 | 425 | 500..), _) => {
                    let error = ApiError::Failing {
                        host,
                        status,
                        message,
                    };
                    self.wait_after(&mut tries, error).await?;
                }
                _ => return Ok(Grant::Refused(self.no_token(host, &raw, message))),
            }
        }
    }

    fn no_token(&self, host: String, raw: &Raw, message: Message) -> ApiError {
        let answer = match raw.status {
            200..300 => "its answer has no access token".to_owned(),
            status => format!("status {status}"),
        };
        self.refused(host, answer, message)
    }

    fn token_request(
        &self,
        oauth: &OAuth,
        grant: &[(String, String)],
    ) -> Result<Prepared, ApiError> {
        let names = self.names_of_login();
        let connector = &self.settings.connector;
        let text = |text| connector.templates.text(text, &names);
        let mut form = grant.to_vec();
        let (id, secret) = (text(&oauth.client_id)?, oauth.client_secret.as_ref());
        let secret = secret.map(text).transpose()?;
        if !oauth.client_in_header {
            form.push(("client_id".into(), id.clone()));
            form.extend(
                secret
                    .iter()
                    .map(|secret| ("client_secret".into(), secret.clone())),
            );
        }
        if let Some(scope) = &oauth.scope {
            form.push(("scope".into(), text(scope)?));
        }
        form.extend(connector.templates.pairs(&oauth.form, &names)?);
        let url = address("token-url", &text(&oauth.token_url)?, connector.allow_http)?;
        let mut prepared = Prepared::form(url, &form);
        if oauth.client_in_header {
            prepared.header(AUTHORIZATION, &basic(&id, &secret.unwrap_or_default()))?;
        }
        Ok(prepared)
    }
}
