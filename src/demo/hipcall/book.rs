//! What the stand-in knows: the calls, the cards posted for them, the requests it saw, the faults to come.
//!
//! No I/O. A card is recorded when its request has arrived, before any latency: a client that gives up
//! waiting has still posted it, as with the real one. Everything kept is bounded: the oldest call and the
//! oldest request are forgotten first.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::limits::Window;

/// Enough for the longest test run; older calls become unknown.
const CALLS_KEPT: usize = 10_000;
/// Requests kept for inspection.
const REQUESTS_KEPT: usize = 10_000;
/// Faults that can be waiting for their request.
const FAULTS_KEPT: usize = 10_000;
/// Posts kept per call: far more than any test sends on purpose.
const POSTS_KEPT: usize = 1_000;

/// What goes wrong with one coming API request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Answers with this status and does nothing else.
    Status(u16),
    /// The same with a `Retry-After` of so many seconds, which the real Hipcall was never seen to send.
    StatusWithRetryAfter(u16, u64),
    /// Never answers.
    Hang,
    /// Drops the connection without an answer.
    Close,
    /// Does what it should and answers this much later.
    Slow(Duration),
    /// Does what it should and drops the connection before answering: the worst case for "was it posted?".
    AcceptThenClose,
}

/// A card as it was posted and accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct Posted {
    pub rows: Value,
    /// When the request had arrived in full.
    pub when: Instant,
    /// The agent saw it: it was the call's first card, and the call was live.
    pub seen: bool,
}

impl Posted {
    /// A card without rows, which the phone shows as an empty grey box.
    pub fn is_grey_box(&self) -> bool {
        self.rows.as_array().is_some_and(Vec::is_empty)
    }
}

/// A request as the stand-in saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    /// The path with its query, as sent.
    pub path: String,
    /// None when no answer was given on purpose.
    pub status: Option<u16>,
}

#[derive(Debug)]
pub(super) struct CallRecord {
    pub(super) started: Duration,
    pub(super) ended: Option<Duration>,
    pub(super) posts: Vec<Posted>,
}

#[derive(Debug)]
pub(super) struct Book {
    calls: HashMap<String, CallRecord>,
    /// Calls by age, for forgetting the oldest and for listing.
    order: VecDeque<String>,
    requests: VecDeque<Request>,
    request_count: usize,
    faults: VecDeque<Fault>,
    pub(super) window: Window,
    clock: Clock,
}

impl Book {
    pub(super) fn new(rate_limit: u32) -> Book {
        Book {
            calls: HashMap::new(),
            order: VecDeque::new(),
            requests: VecDeque::new(),
            request_count: 0,
            faults: VecDeque::new(),
            window: Window::new(rate_limit),
            clock: Clock::new(),
        }
    }

    pub(super) fn now(&self) -> Duration {
        self.clock.now()
    }

    pub(super) fn let_time_pass(&mut self, time: Duration) {
        self.clock.ahead += time;
    }

    /// A call that rang before keeps what is known of it.
    pub(super) fn ring(&mut self, uuid: &str) {
        if self.calls.contains_key(uuid) {
            return;
        }
        if self.order.len() == CALLS_KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.calls.remove(&oldest);
        }
        let record = CallRecord {
            started: self.now(),
            ended: None,
            posts: Vec::new(),
        };
        self.order.push_back(uuid.to_owned());
        self.calls.insert(uuid.to_owned(), record);
    }

    pub(super) fn hang_up(&mut self, uuid: &str) {
        let now = self.now();
        if let Some(call) = self.calls.get_mut(uuid) {
            call.ended.get_or_insert(now);
        }
    }

    pub(super) fn call(&self, uuid: &str) -> Option<&CallRecord> {
        self.calls.get(uuid)
    }

    /// Every call with its id, oldest first.
    pub(super) fn calls(&self) -> impl DoubleEndedIterator<Item = (&str, &CallRecord)> {
        let order = self.order.iter();
        order.filter_map(|uuid| Some((uuid.as_str(), self.calls.get(uuid)?)))
    }

    /// Accepts a card, whether or not anybody will see it.
    pub(super) fn post(&mut self, uuid: &str, rows: Value) {
        if let Some(call) = self.calls.get_mut(uuid)
            && call.posts.len() < POSTS_KEPT
        {
            let seen = call.posts.is_empty() && call.ended.is_none();
            let when = Instant::now();
            call.posts.push(Posted { rows, when, seen });
        }
    }

    pub(super) fn script(&mut self, faults: impl IntoIterator<Item = Fault>) {
        let room = FAULTS_KEPT - self.faults.len();
        self.faults.extend(faults.into_iter().take(room));
    }

    pub(super) fn next_fault(&mut self) -> Option<Fault> {
        self.faults.pop_front()
    }

    pub(super) fn note(&mut self, request: Request) {
        if self.requests.len() == REQUESTS_KEPT {
            self.requests.pop_front();
        }
        self.requests.push_back(request);
        self.request_count += 1;
    }

    /// All of them, forgotten ones included.
    pub(super) fn request_count(&self) -> usize {
        self.request_count
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests.iter().cloned().collect()
    }
}

/// The time since 1970, which steps of the machine's clock can't move and tests can.
#[derive(Debug)]
struct Clock {
    unix: Duration,
    since: Instant,
    ahead: Duration,
}

impl Clock {
    fn new() -> Clock {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH);
        Clock {
            unix: unix.unwrap_or_default(),
            since: Instant::now(),
            ahead: Duration::ZERO,
        }
    }

    fn now(&self) -> Duration {
        self.unix + self.since.elapsed() + self.ahead
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_card_of_a_live_call_is_seen_and_no_other() {
        let mut book = Book::new(60);
        book.ring("a");
        book.post("a", json!([1]));
        book.post("a", json!([2]));
        book.hang_up("a");
        book.post("a", json!([3]));
        let seen: Vec<_> = book
            .call("a")
            .unwrap()
            .posts
            .iter()
            .map(|p| p.seen)
            .collect();
        assert_eq!(seen, [true, false, false]);
    }

    #[test]
    fn a_card_after_hangup_is_seen_by_nobody_even_if_the_call_rings_again() {
        let mut book = Book::new(60);
        book.ring("a");
        book.hang_up("a");
        book.ring("a");
        book.post("a", json!([1]));
        assert!(!book.call("a").unwrap().posts[0].seen);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut book = Book::new(60);
        for i in 0..=CALLS_KEPT {
            book.ring(&i.to_string());
        }
        assert!(book.call("0").is_none());
        assert_eq!(book.calls().count(), CALLS_KEPT);
        for i in 0..=REQUESTS_KEPT {
            let (method, path, status) = ("GET".into(), i.to_string(), None);
            book.note(Request {
                method,
                path,
                status,
            });
        }
        assert_eq!(book.requests().len(), REQUESTS_KEPT);
        assert_eq!(book.requests()[0].path, "1");
        for _ in 0..=POSTS_KEPT {
            book.post("1", json!([]));
        }
        assert_eq!(book.call("1").unwrap().posts.len(), POSTS_KEPT);
        book.script(std::iter::repeat_n(Fault::Hang, FAULTS_KEPT + 1));
        assert_eq!(book.faults.len(), FAULTS_KEPT);
    }

    #[test]
    fn an_empty_card_is_a_grey_box() {
        let posted = |rows| Posted {
            rows,
            when: Instant::now(),
            seen: true,
        };
        assert!(posted(json!([])).is_grey_box());
        assert!(!posted(json!([{"type":"title","text":"a"}])).is_grey_box());
    }
}
