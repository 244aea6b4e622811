//! What was held back, remembered: so that it is not loaded again only to be held again, and so that a person
//! accepts what was shown.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::failure::SyncError;
use super::office::Feed;
use super::sync::Order;
use crate::domain::guard::Doubt;
use crate::domain::renewal::{Depth, Mode};

/// What a feed remembers between syncs.
#[derive(Debug, Default)]
pub struct Memory {
    held: Mutex<Option<Held>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Held {
    digest: String,
    mode: Mode,
    doubts: Vec<Doubt>,
}

impl Held {
    fn error(&self, feed: &Feed) -> SyncError {
        let doubts: Vec<String> = self.doubts.iter().map(ToString::to_string).collect();
        SyncError::Held {
            name: feed.source.name().to_owned(),
            doubts: doubts.join("; "),
        }
    }
}

impl Memory {
    pub(super) fn hold(
        &self,
        feed: &Feed,
        digest: &str,
        mode: Mode,
        doubts: Vec<Doubt>,
    ) -> SyncError {
        let held = Held {
            digest: digest.to_owned(),
            mode,
            doubts,
        };
        let error = held.error(feed);
        *self.lock() = Some(held);
        error
    }

    /// What was published by this way was not held. That changes could be put into the copy says nothing of what
    /// a look at everything has shown.
    pub(super) fn passed(&self, mode: Mode) {
        let mut held = self.lock();
        *held = held
            .take()
            .filter(|held| mode == Mode::Increment && held.mode != Mode::Increment);
    }

    /// What a person was shown, if something is held.
    pub(super) fn shown(&self) -> Option<Vec<Doubt>> {
        self.lock().as_ref().map(|held| held.doubts.clone())
    }

    /// Refuses a file that was held already.
    pub(super) fn refuse_held(
        &self,
        feed: &Feed,
        digest: &str,
        order: Order,
    ) -> Result<(), SyncError> {
        match &*self.lock() {
            Some(held) if held.digest == digest && !order.accept => Err(held.error(feed)),
            _ => Ok(()),
        }
    }

    /// What has to be read once more to find what was held; everything, if that is not remembered.
    pub(super) fn depth_of_held(&self) -> Option<Depth> {
        let held = self.lock();
        Some(held.as_ref().map_or(Depth::Whole, |held| match held.mode {
            Mode::Full => Depth::Whole,
            Mode::Comparison => Depth::Thorough,
            Mode::Increment => Depth::Quick,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
