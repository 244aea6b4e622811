//! How many connections there may be, and which one goes when there are too many.
//!
//! The port is open to the internet, and whoever holds connections must not keep Hipcall out: at the bound
//! the one that has longest shown no right secret is closed for the new one. But who opens many pushes out his
//! own first, and not a handshake of Hipcall's. A connection that has shown a right secret, and is answering
//! now, is never closed.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// Connections at once. Hipcall needs a few; each costs some 40 kB with TLS.
pub const CONNECTIONS: usize = 256;
/// A network with more strangers than this gives up one of its own. Less could be Hipcall's, in a burst of calls.
const STRANGERS: usize = 32;

#[derive(Clone, Default)]
pub(super) struct Connections(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    next: u64,
    open: HashMap<u64, Open>,
}

struct Open {
    from: Option<Network>,
    marks: Arc<Marks>,
}

/// What one customer of a provider has: an address of IPv4, 64 bits of IPv6.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Network(u64);

impl Network {
    pub(super) fn of(address: IpAddr) -> Network {
        match address.to_canonical() {
            IpAddr::V4(address) => Network(address.to_bits().into()),
            IpAddr::V6(address) => Network((address.to_bits() >> 64) as u64),
        }
    }
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

    fn is_trusted(&self) -> bool {
        self.trusted.load(Ordering::Relaxed)
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
    /// Finds a place for one more connection; a proxy on the same box has no network. `None` if all are
    /// answering requests with a right secret.
    pub(super) fn admit(&self, from: Option<Network>) -> Option<Place> {
        let mut state = self.lock();
        if state.open.len() >= CONNECTIONS {
            let victim = state.victim()?;
            if let Some(open) = state.open.remove(&victim) {
                open.marks.close.cancel();
            }
        }
        state.next += 1;
        let id = state.next;
        let marks = Arc::new(Marks {
            last_used: AtomicU64::new(id),
            ..Marks::default()
        });
        let open = Open {
            from,
            marks: marks.clone(),
        };
        state.open.insert(id, open);
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

impl State {
    /// Who makes room.
    fn victim(&self) -> Option<u64> {
        let mut strangers: HashMap<Option<Network>, usize> = HashMap::new();
        for open in self.open.values().filter(|o| !o.marks.is_trusted()) {
            *strangers.entry(open.from).or_default() += 1;
        }
        let worth = |open: &Open| {
            let trusted = open.marks.is_trusted();
            let is_one_of_many = !trusted && strangers.get(&open.from) > Some(&STRANGERS);
            let used = open.marks.last_used.load(Ordering::Relaxed);
            (trusted, !is_one_of_many, used)
        };
        let may_go = |open: &Open| !(open.marks.is_trusted() && open.marks.is_busy());
        let those = self.open.iter().filter(|(_, open)| may_go(open));
        those.min_by_key(|(_, open)| worth(open)).map(|(id, _)| *id)
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
        let places = (0..CONNECTIONS).map(|_| all.admit(None).unwrap()).collect();
        (all, places)
    }

    fn from(address: &str) -> Option<Network> {
        Some(Network::of(address.parse().unwrap()))
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
        let _new = all.admit(None).unwrap();
        assert_eq!(closed(&places), [2]);
    }

    #[test]
    fn an_idle_trusted_one_goes_before_one_that_answers() {
        let (all, places) = full();
        let _requests: Vec<InRequest> = places[1..].iter().map(|p| p.marks.begin()).collect();
        places.iter().for_each(|p| p.marks.trust());
        let _new = all.admit(None).unwrap();
        assert_eq!(closed(&places), [0]);
    }

    #[test]
    fn with_all_answering_a_new_one_is_turned_away() {
        let (all, places) = full();
        let requests: Vec<InRequest> = places.iter().map(|p| p.marks.begin()).collect();
        places.iter().for_each(|p| p.marks.trust());
        assert!(all.admit(None).is_none());
        drop(requests);
        assert!(all.admit(None).is_some());
    }

    #[test]
    fn who_opens_many_pushes_out_his_own_and_not_a_handshake_of_another() {
        let all = Connections::default();
        let handshake = all.admit(from("192.0.2.1")).unwrap();
        let mut flood = Vec::new();
        for n in 0..4 * CONNECTIONS {
            // One network, though each address of it is another.
            let address = format!("2001:db8:0:7::{n:x}");
            flood.push(all.admit(from(&address)).unwrap());
            let open = flood.iter().filter(|p| !p.marks.close.is_cancelled());
            assert!(open.count() < CONNECTIONS);
        }
        assert!(!handshake.marks.close.is_cancelled());
        // The newest of the flood stay.
        let closed = closed(&flood);
        assert_eq!(closed, (0..closed.len()).collect::<Vec<_>>());
        assert!(from("::ffff:192.0.2.1") == from("192.0.2.1"));
        assert!(from("2001:db8:0:8::1") != from("2001:db8:0:7::1"));
    }

    #[test]
    fn of_many_networks_with_few_each_the_oldest_goes_whoever_has_more() {
        let all = Connections::default();
        let scanners: Vec<Place> = (0..CONNECTIONS - STRANGERS)
            .map(|n| {
                all.admit(from(&format!("198.51.{}.{}", n / 100, n % 100)))
                    .unwrap()
            })
            .collect();
        let hipcall = (0..STRANGERS).map(|_| all.admit(from("192.0.2.1")).unwrap());
        let hipcall: Vec<Place> = hipcall.collect();
        let _new = all.admit(from("203.0.113.1")).unwrap();
        assert_eq!((closed(&scanners), closed(&hipcall)), (vec![0], vec![]));
    }

    #[test]
    fn a_place_is_free_again_when_its_connection_ends() {
        let (all, mut places) = full();
        places.pop();
        let _new = all.admit(None).unwrap();
        assert!(closed(&places).is_empty());
    }
}
