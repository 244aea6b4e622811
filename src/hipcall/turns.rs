//! Whose request goes next, among all that use one token at one node.
//!
//! Cards go newest first: an old one must not make a telephone ring in vain. A first try waits for the quota,
//! and hardly ever for room; further tries are few at a time, so that a node that hangs is not stormed, and while the node can't be
//! reached only the newest is tried, so that nothing stands before it when the line is back. What no call waits for goes
//! one at a time, with quota that cards leave, and only while no card is ready to go.
//!
//! A turn is a thing: whoever holds it may send once, and dropping it lets the next one in. While the token is
//! refused no card has a turn, and each waits for its deadline or for a token that is taken.

mod turn;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot, watch};
use tokio::time::{Instant, sleep_until};

pub use turn::Turn;

use super::quota::{Purpose, Quota};
use crate::domain::fate::Why;

/// Cards under way at once; further ones wait, the newest for the shortest time.
const AT_ONCE: usize = 32;
/// Of these, cards that failed before.
const AGAIN_AT_ONCE: usize = 8;
/// How often a card looks whether it is the one to try a line that is down.
const LINE_LOOK: Duration = Duration::from_secs(1);
/// How long nobody looks whether there is a turn, when nothing tells: far longer than anything lasts.
const IDLE: Duration = Duration::from_secs(3600);

/// Shared by the accounts that have the same node and token.
#[derive(Clone)]
pub(super) struct Turns(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// The quota has closed: whoever waits for something else waits for its opening now.
    closed: Notify,
    refused: watch::Sender<bool>,
    /// The last request reached nobody.
    down: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    quota: Quota,
    /// Cards by rank: the last is the newest.
    first: BTreeMap<u64, oneshot::Sender<Turn>>,
    again: BTreeMap<u64, Waiter>,
    aside: VecDeque<oneshot::Sender<Turn>>,
    first_under_way: usize,
    again_under_way: usize,
    aside_under_way: bool,
    refused: bool,
    /// The last request reached nobody.
    down: bool,
}

struct Waiter {
    grant: oneshot::Sender<Turn>,
    /// When its pause is over.
    not_before: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    First,
    Again,
    Aside,
}

impl Kind {
    fn purpose(self) -> Purpose {
        match self {
            Kind::First | Kind::Again => Purpose::Card,
            Kind::Aside => Purpose::Aside,
        }
    }
}

impl Default for Turns {
    fn default() -> Turns {
        Turns(Arc::new(Shared {
            state: Mutex::default(),
            closed: Notify::new(),
            refused: watch::Sender::new(false),
            down: watch::Sender::new(false),
        }))
    }
}

impl Turns {
    /// A card's turn. Ranks are different, and the highest goes first; `pause` is what a card that failed
    /// before waits at least, unless the line comes back.
    pub(super) async fn card(&self, rank: u64, pause: Option<Duration>) -> Turn {
        let (grant, mut granted) = oneshot::channel();
        let not_before = Instant::now() + pause.unwrap_or_default();
        self.0.lock().wait(rank, grant, pause.map(|_| not_before));
        // Dropped with this future when the card is given up.
        let _leave = Leave(self, rank);
        self.granted(&mut granted, |state, now| {
            let until = state.quota.closed_until(Purpose::Card, now);
            until.max(Some(not_before).filter(|at| *at > now))
        })
        .await
    }

    /// The turn of what no call waits for.
    pub(super) async fn aside(&self) -> Turn {
        let (grant, mut granted) = oneshot::channel();
        self.0.lock().aside.push_back(grant);
        self.granted(&mut granted, |state, now| {
            state.quota.closed_until(Purpose::Aside, now)
        })
        .await
    }

    /// The same, only if it is free now.
    pub(super) fn aside_now(&self) -> Option<Turn> {
        let mut state = self.0.lock();
        let now = Instant::now();
        let is_free = state.aside.is_empty() && state.aside_may_go(now);
        is_free.then(|| state.go(&self.0, Kind::Aside, now))
    }

    async fn granted(
        &self,
        granted: &mut oneshot::Receiver<Turn>,
        next_chance: impl Fn(&State, Instant) -> Option<Instant>,
    ) -> Turn {
        loop {
            let closed = self.0.closed.notified();
            self.0.dispatch();
            let chance = {
                let (state, now) = (self.0.lock(), Instant::now());
                let idle = if state.down { LINE_LOOK } else { IDLE };
                next_chance(&state, now).unwrap_or(now + idle)
            };
            tokio::select! {
                biased;
                Ok(turn) = &mut *granted => return turn,
                () = sleep_until(chance) => {}
                () = closed => {}
            }
        }
    }

    /// Why a card that waits for its turn does not have it.
    pub(super) fn hindrance(&self) -> Option<Why> {
        let state = self.0.lock();
        if state.refused {
            return Some(Why::TokenRefused);
        }
        let closed = state.quota.closed_until(Purpose::Card, Instant::now());
        closed.map(|_| Why::Quota)
    }

    /// The token is refused, or taken again.
    pub(super) fn refuse(&self, refused: bool) {
        let mut state = self.0.lock();
        state.refused = refused;
        // Under the lock, so that both say the same.
        self.0.refused.send_replace(refused);
        drop(state);
        self.0.dispatch();
    }

    pub(super) fn is_refused(&self) -> bool {
        self.0.lock().refused
    }

    /// Comes when the token is, or is not, refused.
    pub(super) async fn refused(&self, wanted: bool) {
        // The sender lives as long as `self`.
        let _ = self
            .0
            .refused
            .subscribe()
            .wait_for(|is| *is == wanted)
            .await;
    }

    /// A request came through: whoever waits because the line was down need not wait any longer.
    pub(super) fn line_is_up(&self) {
        let mut state = self.0.lock();
        if !std::mem::take(&mut state.down) {
            return;
        }
        let now = Instant::now();
        state.again.values_mut().for_each(|w| w.not_before = now);
        self.0.down.send_replace(false);
        drop(state);
        self.0.dispatch();
    }

    pub(super) fn line_is_down(&self) {
        let mut state = self.0.lock();
        state.down = true;
        self.0.down.send_replace(true);
    }

    /// Comes when the last request came through.
    pub(super) async fn until_line_is_up(&self) {
        // The sender lives as long as `self`.
        let _ = self.0.down.subscribe().wait_for(|down| !down).await;
    }

    /// How many cards wait for a turn.
    #[cfg(test)]
    fn waiting(&self) -> usize {
        let state = self.0.lock();
        state.first.len() + state.again.len()
    }
}

/// Takes a card out of the queue when it does not wait any more.
struct Leave<'a>(&'a Turns, u64);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        let mut state = self.0.0.lock();
        state.first.remove(&self.1);
        let waited = state.again.remove(&self.1).is_some();
        let is_down = state.down;
        drop(state);
        // The next in rank takes its place at the line.
        if waited && is_down {
            self.0.0.dispatch();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives out every turn there is. Those whom nobody waits for any more come back when the lock is free.
    fn dispatch(self: &Arc<Shared>) {
        loop {
            let mut unwanted = Vec::new();
            let mut state = self.lock();
            let now = Instant::now();
            while let Some((grant, kind)) = state.next(now) {
                let turn = state.go(self, kind, now);
                unwanted.extend(grant.send(turn).err());
            }
            drop(state);
            if unwanted.is_empty() {
                return;
            }
            unwanted.into_iter().for_each(Turn::give_back_quietly);
        }
    }
}

impl State {
    fn wait(&mut self, rank: u64, grant: oneshot::Sender<Turn>, not_before: Option<Instant>) {
        match not_before {
            None => drop(self.first.insert(rank, grant)),
            Some(not_before) => drop(self.again.insert(rank, Waiter { grant, not_before })),
        }
    }

    /// Who goes now: the newest card that may, or what waits aside if no card may.
    fn next(&mut self, now: Instant) -> Option<(oneshot::Sender<Turn>, Kind)> {
        match self.newest(now) {
            Some((rank, Kind::First)) => return Some((self.first.remove(&rank)?, Kind::First)),
            Some((rank, kind)) => return Some((self.again.remove(&rank)?.grant, kind)),
            None => {}
        }
        if !self.aside.is_empty() && self.aside_may_go(now) {
            return Some((self.aside.pop_front()?, Kind::Aside));
        }
        None
    }

    fn newest(&self, now: Instant) -> Option<(u64, Kind)> {
        let is_closed = self.quota.closed_until(Purpose::Card, now).is_some();
        let under_way = self.first_under_way + self.again_under_way;
        if self.refused || is_closed || under_way >= AT_ONCE {
            return None;
        }
        let first = self
            .first
            .keys()
            .next_back()
            .map(|rank| (*rank, Kind::First));
        // The newest alone finds out whether a line that was down is back, so that it is the first to go.
        let (candidates, has_room) = match self.down {
            true => (1, under_way == 0),
            false => (usize::MAX, self.again_under_way < AGAIN_AT_ONCE),
        };
        let again = || {
            let mut newest_first = self.again.iter().rev().take(candidates);
            let (rank, _) = newest_first.find(|(_, waiter)| waiter.not_before <= now)?;
            Some((*rank, Kind::Again))
        };
        let again = has_room.then(again).flatten();
        first.into_iter().chain(again).max_by_key(|(rank, _)| *rank)
    }

    /// To cards, and to what no call waits for.
    fn open_to(&self, now: Instant) -> [bool; 2] {
        let is_open = |purpose| self.quota.closed_until(purpose, now).is_none();
        [Purpose::Card, Purpose::Aside].map(is_open)
    }

    fn aside_may_go(&self, now: Instant) -> bool {
        !self.aside_under_way
            && self.quota.closed_until(Purpose::Aside, now).is_none()
            && self.newest(now).is_none()
    }

    fn go(&mut self, shared: &Arc<Shared>, kind: Kind, now: Instant) -> Turn {
        self.quota.take(now);
        self.count(kind, true);
        Turn::new(shared.clone(), kind)
    }

    fn count(&mut self, kind: Kind, begins: bool) {
        match kind {
            Kind::Aside => self.aside_under_way = begins,
            Kind::First if begins => self.first_under_way += 1,
            Kind::First => self.first_under_way -= 1,
            Kind::Again if begins => self.again_under_way += 1,
            Kind::Again => self.again_under_way -= 1,
        }
    }
}

#[cfg(test)]
mod tests;
