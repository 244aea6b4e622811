//! What has changed and what was deleted since a cursor.
//!
//! Deleted records are asked for first: one that was deleted and restored is then among the changes and stays. A
//! vendor that shows only so many records of a query is asked again from where its last page begins.

use jiff::Timestamp;
use serde_json::Value;

use super::cursor::{CursorKind, CursorRule, Mark};
use super::description::{Changes, IdListing, Listing, Tombstone};
use super::error::ApiError;
use super::paging::Place;
use super::read::Reading;
use super::walk::{Step, Walk, origin};
use crate::source::error::{ReadError, SourceError};
use crate::source::read::Cursor;

/// How far a query of changes came.
enum Walked {
    Whole,
    Moved,
    /// As far as the vendor shows; a query from here on gives the rest.
    Enough(Mark),
}

impl<'a, E> Reading<'a, '_, E> {
    pub(super) async fn changes(&mut self, since: &Cursor) -> Result<(), ReadError<E>> {
        let object = self.object;
        let changes = object
            .changes
            .as_ref()
            .ok_or_else(|| self.unable("what has changed"))?;
        let rule = &changes.cursor;
        let since = Mark::parse(rule, &since.0).ok_or(SourceError::CursorExpired)?;
        // What a login gave may be a part of the addresses.
        self.asker.log_in().await?;
        self.check_token(changes, &since)?;
        self.rows.rows.let_repeat();
        let asked = since.less_overlap(rule);
        // Deleted ones first: one that was restored meanwhile is then among the changes.
        if let Some(deleted) = &object.deleted {
            self.deleted(deleted, rule, &asked).await?;
        }
        self.seen.since = Some(since.clone());
        self.seen.greatest = Some(since).filter(|_| matches!(rule.kind, CursorKind::Number { .. }));
        let mut asked = asked;
        loop {
            match self.walk_changes(changes, &asked).await? {
                Walked::Moved => self.begin_again(&changes.listing)?,
                Walked::Enough(next) => asked = next,
                Walked::Whole => return Ok(()),
            }
        }
    }

    /// A token that is an address is of the same host as everything else: the credential goes there.
    fn check_token(&self, changes: &Changes, since: &Mark) -> Result<(), ApiError> {
        let (CursorKind::Token { .. }, Mark::Token(token)) = (&changes.cursor.kind, since) else {
            return Ok(());
        };
        let base = origin(&self.asker, &self.object.everything)?;
        let asker = &self.asker;
        let (place, since) = (Place::default(), Value::from(token.as_str()));
        let names = asker.names(Some(&place), Some(&since), Some(&since));
        let connector = &asker.settings.connector;
        let url = (connector.templates).text(&changes.listing.request.url, &names)?;
        super::request::on_the_same_host(&base, &url).map(drop)
    }

    async fn walk_changes(
        &mut self,
        changes: &'a Changes,
        asked: &Mark,
    ) -> Result<Walked, ReadError<E>> {
        let rule = &changes.cursor;
        let mut walk = self.since(&changes.listing, rule, asked);
        let mut count = 0;
        loop {
            self.seen.begin_page();
            let page = match self.next(&mut walk).await? {
                Step::Page(page) => page,
                Step::Moved => return Ok(Walked::Moved),
                Step::Done => return Ok(Walked::Whole),
            };
            let size = page.records.len() as u64;
            count += size;
            for record in &page.records {
                self.note(record);
                self.take_change(changes.tombstone.as_ref(), record)?;
            }
            self.seen.note_answer(rule, &page.answer);
            self.tell_progress();
            // The page after this one would not be shown any more.
            if rule.most.is_some_and(|most| count + size > most) && !page.is_last {
                // More of one time than a query shows, as an import makes them: only everything has them all.
                let next = self.next_query(asked);
                return Ok(Walked::Enough(next.ok_or(SourceError::CursorExpired)?));
            }
        }
    }

    /// From where a query goes on that shows no more. The least of the last page, since a record that was changed
    /// after the index was asked has a later time than its place; where the page is all of one time, the greatest.
    fn next_query(&self, asked: &Mark) -> Option<Mark> {
        let later = |mark: &&Mark| **mark > *asked;
        let least = self.seen.least_of_page.as_ref().filter(later);
        least.or(self.seen.greatest.as_ref().filter(later)).cloned()
    }

    fn take_change(
        &mut self,
        tombstone: Option<&Tombstone>,
        record: &Value,
    ) -> Result<(), ReadError<E>> {
        let Some(tombstone) = tombstone.filter(|tombstone| tombstone.holds.holds(record)) else {
            return self.take(record);
        };
        self.rows.rows.rows += 1;
        let id = match &tombstone.id {
            Some(id) => id.of(record),
            None => self.rows.identity_of(record),
        };
        self.gone(&id)
    }

    async fn deleted(
        &mut self,
        deleted: &'a IdListing,
        rule: &CursorRule,
        asked: &Mark,
    ) -> Result<(), ReadError<E>> {
        loop {
            let mut walk = self.since(&deleted.listing, rule, asked);
            loop {
                match self.next(&mut walk).await? {
                    Step::Page(page) => {
                        for record in &page.records {
                            self.gone(&deleted.id.of(record))?;
                        }
                    }
                    Step::Moved => break,
                    Step::Done => return Ok(()),
                }
            }
            self.begin_again(&deleted.listing)?;
        }
    }

    fn since(&self, listing: &'a Listing, rule: &CursorRule, asked: &Mark) -> Walk<'a> {
        let now = Mark::Time(self.asker.date.unwrap_or_else(Timestamp::now));
        Walk::new(listing).since(asked.write(rule), now.write(rule))
    }
}
