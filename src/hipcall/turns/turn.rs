//! The right to send one request: what became of it is told by how it ends.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::HeaderMap;
use tokio::time::Instant;

use super::{Kind, Shared};
use crate::hipcall::quota::Quota;

/// The right to send one request.
pub struct Turn {
    shared: Arc<Shared>,
    kind: Kind,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing has been sent yet.
    Given,
    Sent,
    Over,
}

impl Turn {
    pub(super) fn new(shared: Arc<Shared>, kind: Kind) -> Turn {
        Turn {
            shared,
            kind,
            stage: Stage::Given,
        }
    }

    /// From here on the request may reach Hipcall, whatever becomes of it.
    pub(in crate::hipcall) fn sending(&mut self) {
        self.stage = Stage::Sent;
    }

    /// Hipcall has answered. Tells how long to wait if it was refused for the limit.
    pub(in crate::hipcall) fn answered(
        mut self,
        status: u16,
        headers: &HeaderMap,
    ) -> Option<Duration> {
        let purpose = self.kind.purpose();
        self.end(|quota| quota.answered(purpose, status, headers, Instant::now()))
    }

    /// The request has certainly not reached Hipcall.
    pub(in crate::hipcall) fn not_sent(mut self) {
        self.end(Quota::give_back);
    }

    pub(super) fn give_back_quietly(mut self) {
        self.stage = Stage::Over;
        let mut state = self.shared.lock();
        state.count(self.kind, false);
        state.quota.give_back();
    }

    fn end<T>(&mut self, how: impl FnOnce(&mut Quota) -> T) -> T {
        self.stage = Stage::Over;
        let mut state = self.shared.lock();
        let was_open = state.open_to(Instant::now());
        state.count(self.kind, false);
        let result = how(&mut state.quota);
        let has_closed = was_open != state.open_to(Instant::now());
        // A card that found the line down comes back for its next turn, and keeps its place until then.
        let is_kept = state.down && self.kind != Kind::Aside;
        drop(state);
        if has_closed {
            self.shared.closed.notify_waiters();
        }
        if !is_kept {
            self.shared.dispatch();
        }
        result
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        match self.stage {
            Stage::Given => self.end(Quota::give_back),
            Stage::Sent => self.end(Quota::spent),
            Stage::Over => {}
        }
    }
}
