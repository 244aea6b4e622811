//! The pages of one list, one after the other: each is fetched, taken apart, and asked where the next one is.

use minijinja::value::Value as Names;
use serde_json::Value;

use super::ask::{Asker, Wish, host_of};
use super::description::Listing;
use super::error::ApiError;
use super::paging::{Answer, Next, PAGES, Pager, PagingError};
use super::request::on_the_same_host;
use crate::source::error::SourceError;
use crate::source::json::Path;

pub(super) struct Walk<'r> {
    listing: &'r Listing,
    pager: Pager<'r>,
    since: Option<Value>,
    now: Option<Value>,
    is_done: bool,
}

/// What a walk comes to next.
pub(super) enum Step {
    Page(Page),
    /// The list has changed under our hands: what was read is not what there is.
    Moved,
    Done,
}

pub(super) struct Page {
    pub(super) records: Vec<Value>,
    /// What the answer says beside the records.
    pub(super) answer: Value,
    /// After which a later read may go on; none after the last page.
    pub(super) position: Option<Value>,
    pub(super) is_last: bool,
}

impl<'r> Walk<'r> {
    pub(super) fn new(listing: &'r Listing) -> Walk<'r> {
        Walk {
            listing,
            pager: Pager::new(&listing.paging),
            since: None,
            now: None,
            is_done: false,
        }
    }

    pub(super) fn since(self, since: Value, now: Value) -> Walk<'r> {
        Walk {
            since: Some(since),
            now: Some(now),
            ..self
        }
    }

    pub(super) fn resumed(mut self, at: Value) -> Walk<'r> {
        self.pager.resume(at);
        self
    }

    /// `name` is what a record is known by.
    pub(super) async fn next(
        &mut self,
        asker: &mut Asker<'_>,
        name: &dyn Fn(&Value) -> String,
    ) -> Result<Step, SourceError> {
        if self.is_done {
            return Ok(Step::Done);
        }
        let wish = Wish {
            request: &self.listing.request,
            place: Some(&self.pager.place),
            since: self.since.as_ref(),
            now: self.now.as_ref(),
        };
        let reply = asker.ask(wish).await?;
        let host = host_of(&reply.url);
        let (mut records, answer) = match reply.body {
            Some(body) => self.taken_apart(body, &host)?,
            None => (Vec::new(), Value::Null),
        };
        let paged = Answer {
            body: &answer,
            link: reply.link.as_deref(),
            records: &records,
        };
        let (repeated, next) = match self.pager.after(&paged, name) {
            Ok(after) => after,
            Err(PagingError::Moved) => return Ok(Step::Moved),
            Err(error) => return Err(self.error(error, host).into()),
        };
        if let Next::Page(place) = &next
            && let Some(url) = &place.url
        {
            let url = on_the_same_host(&reply.url, url)?;
            self.pager.place.url = Some(url.into());
        }
        self.is_done = next == Next::Done;
        records.drain(..repeated);
        Ok(Step::Page(Page {
            records,
            answer,
            position: self.pager.position().filter(|_| !self.is_done),
            is_last: self.is_done,
        }))
    }

    /// The records, and what is left of the answer.
    fn taken_apart(&self, mut body: Value, host: &str) -> Result<(Vec<Value>, Value), ApiError> {
        let wrong = |what| ApiError::NoRecords {
            host: host.to_owned(),
            path: self.listing.records.as_str().to_owned(),
            what,
        };
        let list = match self.listing.records.find_mut(&mut body) {
            None => return Err(wrong("there is nothing")),
            Some(list) => list.take(),
        };
        let list = match list {
            Value::Null => Vec::new(),
            Value::Array(list) => list,
            _ => return Err(wrong("there is something else")),
        };
        let within = &self.listing.record;
        let record = |mut element: Value| match within.as_str() {
            "" => element,
            _ => within
                .find_mut(&mut element)
                .map(Value::take)
                .unwrap_or_default(),
        };
        Ok((list.into_iter().map(record).collect(), body))
    }

    fn error(&self, error: PagingError, host: String) -> ApiError {
        match error {
            PagingError::TooMany => ApiError::TooManyPages { host, limit: PAGES },
            PagingError::NoKey => ApiError::NoKey {
                host,
                path: self
                    .key()
                    .map_or(String::new(), |key| key.as_str().to_owned()),
            },
            PagingError::Same | PagingError::Moved => ApiError::SamePage { host },
        }
    }

    fn key(&self) -> Option<&Path> {
        match &self.listing.paging {
            super::paging::Paging::Keyset { key, .. } => Some(key),
            _ => None,
        }
    }
}

/// The address of the list's first page, without its query.
pub(super) fn origin(asker: &Asker<'_>, listing: &Listing) -> Result<reqwest::Url, ApiError> {
    let names: Names = asker.names(None, None, None);
    let connector = &asker.settings.connector;
    let text = connector.templates.text(&listing.request.url, &names)?;
    super::request::address("url", &text, connector.allow_http)
}
