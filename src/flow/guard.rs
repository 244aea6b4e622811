//! What must not be published without a person: a load that can only be a mistake at the source.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::office::Feed;
use super::report::SyncError;
use super::sync::Order;
use crate::source::read::ReadReport;

/// A load that would remove more than this share of the contacts, and more than `REMOVED_ROWS`, is held
/// until a person accepts it: half a CRM deleted by mistake must not empty the office's screens.
const REMOVED_SHARE: f64 = 0.1;
const REMOVED_ROWS: u32 = 20;

/// What a feed remembers between syncs.
#[derive(Debug, Default)]
pub struct Memory {
    /// The content that was held back, so that it is not loaded again only to be held again.
    held: Mutex<Option<(String, u32, u32)>>,
}

/// Refuses to publish what can only be a mistake.
pub(super) fn check(
    feed: &Feed,
    read: &ReadReport,
    contacts: u32,
    memory: &Memory,
    order: Order,
) -> Result<(), SyncError> {
    let old = feed.shelf.current().map_or(0, |r| r.facts.contacts);
    if contacts == 0 && !order.accept_removals {
        let first = read.rejects.rows.values().flat_map(|t| &t.examples).next();
        let first = first.map_or_else(
            || "it has a header and nothing below".to_owned(),
            |e| format!("line {}: {}", e.line, e.reason),
        );
        return Err(SyncError::NothingUsable {
            rows: read.rows_read,
            first,
        });
    }
    let removed = old.saturating_sub(contacts);
    let many = removed > REMOVED_ROWS && f64::from(removed) > f64::from(old) * REMOVED_SHARE;
    if many && !order.accept_removals {
        let digest = read.digest.map(|d| d.to_string()).unwrap_or_default();
        memory.hold(Some((digest, removed, old)));
        let name = feed.source.name().to_owned();
        return Err(SyncError::Removals {
            name,
            removed,
            of: old,
        });
    }
    memory.hold(None);
    Ok(())
}

impl Memory {
    fn hold(&self, held: Option<(String, u32, u32)>) {
        *self
            .held
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = held;
    }

    pub(super) fn refuse_held(
        &self,
        feed: &Feed,
        digest: &str,
        order: Order,
    ) -> Result<(), SyncError> {
        let held = self.lock();
        match &*held {
            Some((same, removed, of)) if same == digest && !order.accept_removals => {
                let name = feed.source.name().to_owned();
                Err(SyncError::Removals {
                    name,
                    removed: *removed,
                    of: *of,
                })
            }
            _ => Ok(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<(String, u32, u32)>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
