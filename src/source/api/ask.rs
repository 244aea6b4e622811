//! One request after the other: within the limits, tried again where it failed in passing, never twice at once.
//!
//! Everything that waits ends at once when the read is halted, but for the renewal of a token, which may cost
//! the old one.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use minijinja::context;
use minijinja::value::Value as Names;
use reqwest::Url;
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::answer::{Judged, Raw, Reply, judge};
use super::description::{ApiSettings, Request};
use super::error::{ApiError, Message, Patience, why_unreachable};
use super::paging::Place;
use super::request::{self, Prepared};
use super::session::Session;
use super::template::named;
use crate::source::error::{SourceError, Verdict};
use crate::source::http;

/// What is asked for.
#[derive(Clone, Copy)]
pub(super) struct Wish<'r> {
    pub(super) request: &'r Request,
    pub(super) place: Option<&'r Place>,
    pub(super) since: Option<&'r Value>,
    pub(super) now: Option<&'r Value>,
}

impl<'r> Wish<'r> {
    pub(super) fn of(request: &'r Request) -> Wish<'r> {
        Wish {
            request,
            place: None,
            since: None,
            now: None,
        }
    }
}

pub(super) struct Asker<'a> {
    pub(super) settings: &'a ApiSettings,
    pub(super) session: &'a mut Session,
    pub(super) state: &'a Path,
    pub(super) halt: &'a CancellationToken,
    pub(super) patience: Patience,
    pub(super) client: reqwest::Client,
    with: Names,
    secrets: Names,
    /// How long limits have made this read wait.
    limited: Duration,
    /// The server's clock when it first answered.
    pub(super) date: Option<Timestamp>,
    pub(super) bytes: u64,
}

/// How far a request has come.
#[derive(Default)]
pub(super) struct Tries {
    failed: u32,
    limited: u32,
}

/// What came of a request.
pub(super) enum Tried {
    Good(Reply),
    /// We are not known, or not any more.
    Refused(ApiError),
}

impl<'a> Asker<'a> {
    pub(super) fn new(
        settings: &'a ApiSettings,
        session: &'a mut Session,
        state: &'a Path,
        halt: &'a CancellationToken,
        patience: Patience,
    ) -> Result<Asker<'a>, ApiError> {
        let with = settings.with.iter();
        let secrets = settings.secrets.iter();
        Ok(Asker {
            settings,
            session,
            state,
            halt,
            patience,
            client: http::client(settings.ca_file.as_deref())?,
            with: named(with.map(|(name, text)| (name, text.as_str()))),
            secrets: named(secrets.map(|(name, secret)| (name, secret.0.as_str()))),
            limited: Duration::ZERO,
            date: None,
            bytes: 0,
        })
    }

    /// Sends the request until it is answered, logging in first, and once more when we are not known any more.
    pub(super) async fn ask(&mut self, wish: Wish<'_>) -> Result<Reply, SourceError> {
        let mut renewed = false;
        loop {
            self.log_in().await?;
            match self.tried(wish).await? {
                Tried::Good(reply) => return Ok(reply),
                Tried::Refused(error) => {
                    if renewed || !self.session.forget(&self.settings.connector) {
                        return Err(error.into());
                    }
                    renewed = true;
                }
            }
        }
    }

    /// Sends the request until it is answered or may not be sent again.
    pub(super) async fn tried(&mut self, wish: Wish<'_>) -> Result<Tried, SourceError> {
        let mut tries = Tries::default();
        loop {
            let prepared = self.prepare(wish)?;
            let host = prepared.host();
            let judged = match self.send(prepared).await? {
                Ok(raw) => judge(self.settings, self.session, &raw),
                Err(error) => Judged::Failing(error),
            };
            match judged {
                Judged::Good(reply) => {
                    self.session.hold = reply.rest.map(|rest| Instant::now() + rest);
                    return Ok(Tried::Good(reply));
                }
                Judged::CursorExpired => return Err(SourceError::CursorExpired),
                Judged::Wrong(error) => return Err(error.into()),
                Judged::NotLoggedIn { answer, message } => {
                    return Ok(Tried::Refused(self.refused(host, answer, message)));
                }
                Judged::Limited { wait, message } => {
                    self.wait_for_limit(&mut tries, wait, host, message).await?;
                }
                Judged::Failing(error) => self.wait_after(&mut tries, error).await?,
            }
        }
    }

    /// Sends it once, when it is its turn. The inner error is the transport's.
    async fn send(&mut self, prepared: Prepared) -> Result<Result<Raw, ApiError>, SourceError> {
        let turn = self.session.turn(self.settings);
        if turn > self.patience.limited {
            let (host, message) = (prepared.host(), Message::default());
            return Err(ApiError::Limited { host, message }.into());
        }
        self.sleep(turn).await?;
        let sent = tokio::select! {
            () = self.halt.cancelled() => return Err(SourceError::Halted),
            sent = self.exchange(prepared) => sent,
        };
        if let Ok(raw) = &sent {
            self.date = self.date.or(raw.date());
            self.bytes += raw.body.len() as u64;
        }
        Ok(sent)
    }

    /// Request and answer, whole.
    pub(super) async fn exchange(&self, prepared: Prepared) -> Result<Raw, ApiError> {
        let (host, url) = (prepared.host(), prepared.url.clone());
        let limits = &self.settings.connector.limits;
        let request = prepared.build(&self.client).timeout(limits.timeout);
        let unreachable = |error: reqwest::Error| ApiError::Unreachable {
            host: host.clone(),
            why: why_unreachable(&error),
        };
        let mut answer = request.send().await.map_err(unreachable)?;
        let mut body = Vec::new();
        let broken_off = |error: reqwest::Error| ApiError::BrokenOff {
            host: host.clone(),
            why: why_unreachable(&error),
        };
        while let Some(chunk) = answer.chunk().await.map_err(broken_off)? {
            if body.len() + chunk.len() > limits.page_bytes {
                let limit = limits.page_bytes;
                return Err(ApiError::TooLarge { host, limit });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Raw {
            url,
            status: answer.status().as_u16(),
            headers: std::mem::take(answer.headers_mut()),
            body,
        })
    }

    /// Before a request that failed in passing is sent again.
    pub(super) async fn wait_after(
        &self,
        tries: &mut Tries,
        error: ApiError,
    ) -> Result<(), SourceError> {
        tries.failed += 1;
        if tries.failed >= self.patience.tries || error.verdict() == Verdict::NeedsPerson {
            return Err(error.into());
        }
        self.sleep(self.pause(tries.failed)).await
    }

    /// A request with everything filled in that it needs.
    pub(super) fn prepare(&self, wish: Wish<'_>) -> Result<Prepared, ApiError> {
        let names = self.names(wish.place, wish.since, wish.now);
        request::prepare(self.settings, self.session, &names, wish)
    }

    pub(super) fn names(
        &self,
        place: Option<&Place>,
        since: Option<&Value>,
        now: Option<&Value>,
    ) -> Names {
        let value = |json: Option<&Value>| match json {
            Some(json) => crate::source::json::expression::value(json),
            None => Names::UNDEFINED,
        };
        // A page that has none yet is empty, where a missing name would be an error.
        let given = |json: &Value| match json {
            Value::Null => Names::from(()),
            json => crate::source::json::expression::value(json),
        };
        let page = place.map(|place| {
            context! {
                cursor => given(&place.cursor),
                last => given(&place.last),
                number => place.number,
                offset => place.offset,
                size => place.size,
            }
        });
        context! {
            with => self.with.clone(),
            secrets => self.secrets.clone(),
            login => self.session.names(),
            page => page.unwrap_or(Names::UNDEFINED),
            since => value(since),
            now => value(now),
        }
    }

    pub(super) async fn wait_for_limit(
        &mut self,
        tries: &mut Tries,
        wait: Option<Duration>,
        host: String,
        message: Message,
    ) -> Result<(), SourceError> {
        tries.limited += 1;
        let wait = wait.unwrap_or_else(|| self.pause(tries.limited));
        // Told to come again at once, we would all the same not hammer.
        let wait = wait.max(self.patience.first_pause);
        self.limited += wait;
        if self.limited > self.patience.limited {
            return Err(ApiError::Limited { host, message }.into());
        }
        self.sleep(wait).await
    }

    /// Doubled with each try, and never the same for two boxes.
    fn pause(&self, tries: u32) -> Duration {
        let doubled =
            self.patience.first_pause * 2_u32.saturating_pow(tries.saturating_sub(1).min(16));
        doubled
            .min(self.patience.longest_pause)
            .mul_f64(0.5 + fastrand::f64())
    }

    pub(super) async fn sleep(&self, wait: Duration) -> Result<(), SourceError> {
        tokio::select! {
            () = self.halt.cancelled() => Err(SourceError::Halted),
            () = tokio::time::sleep(wait) => Ok(()),
        }
    }

    pub(super) fn refused(&self, host: String, answer: String, message: Message) -> ApiError {
        let credentials = &self.settings.connector.credentials;
        let renew: Vec<String> = credentials
            .iter()
            .map(|c| match &c.renew {
                Some(renew) => format!("renew the secret {} ({renew})", c.secret),
                None => format!("renew the secret {}", c.secret),
            })
            .collect();
        ApiError::Refused {
            host,
            answer,
            message,
            renew: match renew.is_empty() {
                true => "it needs credentials, and the connector gives none".to_owned(),
                false => renew.join("; "),
            },
        }
    }
}

/// Longest name shown of a host: DNS has none that is longer.
const HOST_CHARS: usize = 253;

/// Scheme and host, which is all of an address that is shown.
pub(super) fn host_of(url: &Url) -> String {
    let host: String = url
        .host_str()
        .unwrap_or_default()
        .chars()
        .take(HOST_CHARS)
        .collect();
    let port = url
        .port()
        .map(|port| format!(":{port}"))
        .unwrap_or_default();
    format!("{}://{host}{port}", url.scheme())
}
