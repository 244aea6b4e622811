//! How many connections there may be, and which one goes when there are too many.
//!
//! The port is open to the internet, and whoever holds connections must not keep Hipcall out: at the bound
//! the connection that has longest shown no right secret is closed for the new one. A connection that
//! did, and is answering now, is never closed.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// Connections at once. Hipcall needs a few; each costs some 40 kB with TLS.
pub const CONNECTIONS: usize = 256;

#[derive(Clone, Default)]
pub(super) struct Connections(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    next: u64,
    open: HashMap<u64, Arc<Marks>>,
}

/// What a connection has done so far.
#[derive(Default)]
pub(super) struct Marks {
    asked: CancellationToken,
    trusted: AtomicBool,
    requests: AtomicUsize,
    /// Turns of `next` serve as a clock: the smaller, the longer ago.
    last_used: AtomicU64,
    close: CancellationToken,
}

impl Marks {
    /// A request's head has come, whatever it said.
    pub(super) fn ask(&self) {
        self.asked.cancel();
    }

    pub(super) fn has_asked(&self) -> bool {
        self.asked.is_cancelled()
    }

    /// Comes with the first request's head.
    pub(super) async fn asked(&self) {
        self.asked.cancelled().await;
    }

    /// This connection has shown a right secret.
    pub(super) fn trust(&self) {
        self.trusted.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_busy(&self) -> bool {
        self.requests.load(Ordering::Relaxed) > 0
    }

    pub(super) async fn closing(&self) {
        self.close.cancelled().await;
    }

    /// Counts a request as being answered until the guard goes.
    pub(super) fn begin(self: &Arc<Self>) -> InRequest {
        self.requests.fetch_add(1, Ordering::Relaxed);
        InRequest(self.clone())
    }
}

pub(super) struct InRequest(Arc<Marks>);

impl Drop for InRequest {
    fn drop(&mut self) {
        self.0.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A place among the open connections; free again when dropped.
pub(super) struct Place {
    id: u64,
    pub(super) marks: Arc<Marks>,
    all: Connections,
}

impl Connections {
    /// Finds a place for one more connection. `None` if all are answering requests with a right secret.
    pub(super) fn admit(&self) -> Option<Place> {
        let mut state = self.lock();
        if state.open.len() >= CONNECTIONS {
            let victim = state
                .open
                .iter()
                .filter(|(_, m)| !(m.trusted.load(Ordering::Relaxed) && m.is_busy()))
                .min_by_key(|(_, m)| {
                    (
                        m.trusted.load(Ordering::Relaxed),
                        m.last_used.load(Ordering::Relaxed),
                    )
                })
                .map(|(id, _)| *id)?;
            if let Some(marks) = state.open.remove(&victim) {
                marks.close.cancel();
            }
        }
        state.next += 1;
        let id = state.next;
        let marks = Arc::new(Marks {
            last_used: AtomicU64::new(id),
            ..Marks::default()
        });
        state.open.insert(id, marks.clone());
        Some(Place {
            id,
            marks,
            all: self.clone(),
        })
    }

    pub(super) fn used(&self, marks: &Marks) {
        let mut state = self.lock();
        state.next += 1;
        marks.last_used.store(state.next, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.all.lock().open.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> (Connections, Vec<Place>) {
        let all = Connections::default();
        let places = (0..CONNECTIONS).map(|_| all.admit().unwrap()).collect();
        (all, places)
    }

    fn closed(places: &[Place]) -> Vec<usize> {
        let closed = |p: &Place| p.marks.close.is_cancelled();
        places
            .iter()
            .enumerate()
            .filter(|(_, p)| closed(p))
            .map(|(i, _)| i)
            .collect()
    }

    #[test]
    fn the_oldest_without_a_right_secret_makes_room() {
        let (all, places) = full();
        places[0].marks.trust();
        all.used(&places[1].marks);
        let _new = all.admit().unwrap();
        assert_eq!(closed(&places), [2]);
    }

    #[test]
    fn an_idle_trusted_one_goes_before_one_that_answers() {
        let (all, places) = full();
        let _requests: Vec<InRequest> = places[1..].iter().map(|p| p.marks.begin()).collect();
        places.iter().for_each(|p| p.marks.trust());
        let _new = all.admit().unwrap();
        assert_eq!(closed(&places), [0]);
    }

    #[test]
    fn with_all_answering_a_new_one_is_turned_away() {
        let (all, places) = full();
        let requests: Vec<InRequest> = places.iter().map(|p| p.marks.begin()).collect();
        places.iter().for_each(|p| p.marks.trust());
        assert!(all.admit().is_none());
        drop(requests);
        assert!(all.admit().is_some());
    }

    #[test]
    fn a_place_is_free_again_when_its_connection_ends() {
        let (all, mut places) = full();
        places.pop();
        let _new = all.admit().unwrap();
        assert!(closed(&places).is_empty());
    }
}
