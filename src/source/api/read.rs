//! One read of a source: everything, what has changed, or only which records there are.
//!
//! Records are handed out page by page, and nothing of them is kept. A list that changes while it is read is read
//! again from its beginning, at most `RESTARTS` times: a record that slipped from one page to the other would else
//! be missing until the next full read.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ask::Asker;
use super::cursor::{CursorRule, Mark, Seen};
use super::description::{IdListing, Listing, Object};
use super::error::ApiError;
use super::walk::{Page, Step, Walk, origin};
use crate::source::error::ReadError;
use crate::source::json::{JsonRows, shown};
use crate::source::read::{Cursor, Position, Progress, Raw, ReadReport, Taker, Wanted};
use crate::source::settings::Kind;

/// How often a list that changes under our hands is begun again.
const RESTARTS: u32 = 3;

pub(super) struct Reading<'a, 't, E> {
    pub(super) asker: Asker<'a>,
    pub(super) object: &'a Object,
    pub(super) rows: JsonRows<'a>,
    pub(super) taker: &'t mut dyn Taker<Error = E>,
    /// Our own clock, of the first part of an interrupted read.
    pub(super) begun: Timestamp,
    pub(super) seen: Seen,
    /// The start of the first part by the server's clock, where it tells it.
    start: Option<Timestamp>,
    restarts: u32,
}

/// What a read that is interrupted has to know to go on.
#[derive(Serialize, Deserialize)]
struct Place {
    at: Value,
    begun: Timestamp,
    start: Option<Timestamp>,
    seen: Option<String>,
}

/// Whether the list was read to its end.
pub(super) enum Walked {
    Whole,
    Moved,
}

impl<'a, 't, E> Reading<'a, 't, E> {
    pub(super) fn new(
        asker: Asker<'a>,
        rows: JsonRows<'a>,
        taker: &'t mut dyn Taker<Error = E>,
    ) -> Reading<'a, 't, E> {
        Reading {
            object: &asker.settings.connector.object,
            asker,
            rows,
            taker,
            begun: Timestamp::now(),
            seen: Seen::default(),
            start: None,
            restarts: 0,
        }
    }

    pub(super) async fn run(mut self, wanted: Wanted<'_>) -> Result<ReadReport, ReadError<E>> {
        match wanted {
            Wanted::Everything { from } => self.everything(from).await?,
            Wanted::Few(most) => self.few(most).await?,
            Wanted::Ids => self.ids().await?,
            Wanted::Changes { since } => self.changes(since).await?,
        }
        self.tell_progress();
        let cursor = match wanted {
            Wanted::Everything { .. } | Wanted::Changes { .. } => self.cursor(),
            Wanted::Few(_) | Wanted::Ids => None,
        };
        Ok(ReadReport {
            rows_read: self.rows.rows.rows,
            contacts: self.rows.rows.contacts,
            rejects: self.rows.rows.rejects,
            digest: None,
            as_of: self.begun,
            cursor,
            notices: Vec::new(),
        })
    }

    fn rule(&self) -> Option<&'a CursorRule> {
        self.object.changes.as_ref().map(|changes| &changes.cursor)
    }

    fn cursor(&self) -> Option<Cursor> {
        let start = self.start.or(self.asker.date);
        let mark = self
            .seen
            .next(self.rule()?, start.unwrap_or(self.begun), start.is_some())?;
        Some(Cursor(mark.text()))
    }

    async fn everything(&mut self, from: Option<&Position>) -> Result<(), ReadError<E>> {
        let mut from = from.and_then(|position| self.resume(position));
        loop {
            let listing = &self.object.everything;
            let walk = match from.take() {
                Some(at) => Walk::new(listing).resumed(at),
                None => Walk::new(listing),
            };
            match self.walk_everything(walk).await? {
                Walked::Moved => self.begin_again(listing)?,
                Walked::Whole => return Ok(()),
            }
        }
    }

    /// What of an interrupted read has to be known; `None` if it is of no use any more.
    fn resume(&mut self, position: &Position) -> Option<Value> {
        let place: Place = serde_json::from_str(&position.0).ok()?;
        self.begun = place.begun;
        self.start = place.start;
        let seen = place.seen.zip(self.rule());
        self.seen.greatest = seen.and_then(|(text, rule)| Mark::parse(rule, &text));
        Some(place.at)
    }

    async fn walk_everything(&mut self, mut walk: Walk<'a>) -> Result<Walked, ReadError<E>> {
        loop {
            let mut page = match self.next(&mut walk).await? {
                Step::Page(page) => page,
                Step::Moved => return Ok(Walked::Moved),
                Step::Done => return Ok(Walked::Whole),
            };
            for record in std::mem::take(&mut page.records) {
                self.note(&record);
                if !self
                    .object
                    .skip
                    .as_ref()
                    .is_some_and(|skip| skip.holds(&record))
                {
                    self.take(&record)?;
                }
            }
            self.page_is_over(&page)?;
        }
    }

    fn page_is_over(&mut self, page: &Page) -> Result<(), ReadError<E>> {
        if let Some(rule) = self.rule() {
            self.seen.note_answer(rule, &page.answer);
        }
        self.tell_progress();
        if let (true, Some(at)) = (self.object.resumes, &page.position) {
            let place = Place {
                at: at.clone(),
                begun: self.begun,
                start: self.start.or(self.asker.date),
                seen: self.seen.greatest.as_ref().map(Mark::text),
            };
            let text = serde_json::to_string(&place).unwrap_or_default();
            self.taker
                .position(&Position(text))
                .map_err(ReadError::Row)?;
        }
        Ok(())
    }

    async fn few(&mut self, most: usize) -> Result<(), ReadError<E>> {
        let mut walk = Walk::new(&self.object.everything);
        let mut count = 0;
        while let Step::Page(page) = self.next(&mut walk).await? {
            for record in page.records {
                if count == most {
                    return Ok(());
                }
                count += 1;
                let members = shown(&record);
                let values: Vec<_> = members
                    .iter()
                    .map(|(n, v)| (n.as_str(), v.as_str()))
                    .collect();
                self.taker.raw(Raw { values: &values });
                self.take(&record)?;
            }
        }
        Ok(())
    }

    async fn ids(&mut self) -> Result<(), ReadError<E>> {
        let ids = self
            .object
            .ids
            .as_ref()
            .ok_or_else(|| self.unable("which records there are"))?;
        loop {
            let mut walk = Walk::new(&ids.listing);
            let walked = loop {
                match self.next(&mut walk).await? {
                    Step::Page(page) => self.take_ids(ids, &page)?,
                    Step::Moved => break Walked::Moved,
                    Step::Done => break Walked::Whole,
                }
            };
            match walked {
                Walked::Moved => self.begin_again(&ids.listing)?,
                Walked::Whole => return Ok(()),
            }
        }
    }

    fn take_ids(&mut self, ids: &IdListing, page: &Page) -> Result<(), ReadError<E>> {
        for record in &page.records {
            self.rows.rows.rows += 1;
            if let Some(identity) = self.identity(&ids.id.of(record)) {
                self.taker.id(&identity).map_err(ReadError::Row)?;
            }
        }
        self.tell_progress();
        Ok(())
    }

    pub(super) fn gone(&mut self, id: &str) -> Result<(), ReadError<E>> {
        match self.identity(id) {
            Some(identity) => self.taker.gone(&identity).map_err(ReadError::Row),
            None => Ok(()),
        }
    }

    pub(super) fn identity(&self, id: &str) -> Option<String> {
        self.asker.settings.records.identity(id.trim())
    }

    pub(super) async fn next(&mut self, walk: &mut Walk<'a>) -> Result<Step, ReadError<E>> {
        let (rows, settings) = (&self.rows, self.asker.settings);
        // Where no key is mapped, a record is known by all of it.
        let name = |record: &Value| match rows.identity_of(record) {
            id if id.is_empty() => record.to_string(),
            id => settings.records.identity(&id).unwrap_or(id),
        };
        Ok(walk.next(&mut self.asker, &name).await?)
    }

    pub(super) fn note(&mut self, record: &Value) {
        if let Some(rule) = self.rule() {
            self.seen.note(rule, record);
        }
    }

    pub(super) fn take(&mut self, record: &Value) -> Result<(), ReadError<E>> {
        let line = self.rows.rows.rows + 1;
        self.rows.take(record, line, self.taker)
    }

    pub(super) fn begin_again(&mut self, listing: &Listing) -> Result<(), ApiError> {
        let host = || match origin(&self.asker, listing) {
            Ok(url) => super::ask::host_of(&url),
            Err(_) => self.asker.settings.connector.name.clone(),
        };
        self.restarts += 1;
        let can_be_told = self.rows.rows.begin_again();
        match self.asker.settings.records.kind {
            Kind::Contacts if !can_be_told => Err(ApiError::MovedWithoutKey { host: host() }),
            // Balances have no key: two of one id would make both doubtful.
            _ if self.restarts > RESTARTS || !can_be_told => Err(ApiError::Moved {
                host: host(),
                tries: self.restarts,
            }),
            _ => Ok(()),
        }
    }

    pub(super) fn tell_progress(&mut self) {
        self.taker.progress(Progress {
            rows: self.rows.rows.rows,
            bytes_read: self.asker.bytes,
            bytes_total: 0,
        });
    }

    pub(super) fn unable(&self, what: &'static str) -> ApiError {
        ApiError::Unable {
            connector: self.asker.settings.connector.name.clone(),
            what,
        }
    }
}

impl<E> From<ApiError> for ReadError<E> {
    fn from(error: ApiError) -> ReadError<E> {
        ReadError::Source(error.into())
    }
}
