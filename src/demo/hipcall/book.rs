//! What the stand-in knows: the calls, the cards posted for them, the requests it saw, the faults to come.
//!
//! No I/O. A card is recorded when its request has arrived, before any latency: a client that gives up
//! waiting has still posted it, as with the real one. Everything kept is bounded: the oldest call and the
//! oldest request are forgotten first.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::faults::{Aim, Fault, Faults, Kind};
use super::limits::Window;

/// Enough for the longest test run, ten minutes at twenty calls a second; older calls become unknown.
const CALLS_KEPT: usize = 20_000;
/// Requests kept for inspection: of the same run, with each card tried again and again.
const REQUESTS_KEPT: usize = 200_000;
/// Posts and comments kept per call: far more than any test sends on purpose.
const POSTS_KEPT: usize = 1_000;

/// A card as it was posted and accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct Posted {
    pub rows: Value,
    /// When the request had arrived in full.
    pub when: Instant,
    /// The agent saw it: it was the call's first card, and the call was live.
    pub seen: bool,
    /// How long after the call's end it came, if the call had ended.
    pub late: Option<Duration>,
}

/// A note in a call's record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    pub content: String,
    pub when: Instant,
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
    /// When it had arrived in full.
    pub when: Instant,
    /// What went wrong with it.
    pub fault: Option<Fault>,
    /// It carried a token, right or wrong.
    pub with_token: bool,
}

impl Request {
    pub fn kind(&self) -> Kind {
        Kind::of(&self.method, &self.path)
    }
}

#[derive(Debug)]
pub(super) struct CallRecord {
    pub(super) started: Duration,
    pub(super) ended: Option<Duration>,
    pub(super) posts: Vec<Posted>,
    pub(super) comments: Vec<Comment>,
}

#[derive(Debug)]
pub(super) struct Book {
    calls: HashMap<String, CallRecord>,
    /// Calls by age, for forgetting the oldest and for listing.
    order: VecDeque<String>,
    requests: VecDeque<Request>,
    request_count: usize,
    faults: Faults,
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
            faults: Faults::default(),
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
            comments: Vec::new(),
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
        let now = self.now();
        if let Some(call) = self.calls.get_mut(uuid)
            && call.posts.len() < POSTS_KEPT
        {
            call.posts.push(Posted {
                rows,
                when: Instant::now(),
                seen: call.posts.is_empty() && call.ended.is_none(),
                late: call.ended.map(|ended| now.saturating_sub(ended)),
            });
        }
    }

    pub(super) fn comment(&mut self, uuid: &str, content: String) {
        if let Some(call) = self.calls.get_mut(uuid)
            && call.comments.len() < POSTS_KEPT
        {
            let when = Instant::now();
            call.comments.push(Comment { content, when });
        }
    }

    pub(super) fn script(&mut self, aim: &Aim, faults: impl IntoIterator<Item = Fault>) {
        self.faults.script(aim, faults);
    }

    pub(super) fn keep_failing(&mut self, aim: Aim, fault: Fault) {
        self.faults.keep(aim, fault);
    }

    pub(super) fn mend(&mut self) {
        self.faults.mend();
    }

    pub(super) fn next_fault(&mut self, kind: Kind, path: &str) -> Option<Fault> {
        self.faults.next(kind, path)
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
    fn a_late_card_tells_how_late_it_is() {
        let mut book = Book::new(60);
        book.ring("a");
        book.post("a", json!([1]));
        book.hang_up("a");
        book.let_time_pass(Duration::from_secs(7));
        book.post("a", json!([2]));
        let posts = &book.call("a").unwrap().posts;
        assert_eq!(posts[0].late, None);
        assert_eq!(posts[1].late.unwrap().as_secs(), 7);
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
            book.note(Request {
                method: "GET".into(),
                path: i.to_string(),
                status: None,
                when: Instant::now(),
                fault: None,
                with_token: false,
            });
        }
        assert_eq!(book.requests().len(), REQUESTS_KEPT);
        assert_eq!(book.requests()[0].path, "1");
        for _ in 0..=POSTS_KEPT {
            book.post("1", json!([]));
            book.comment("1", "a".into());
        }
        let call = book.call("1").unwrap();
        assert_eq!(
            (call.posts.len(), call.comments.len()),
            (POSTS_KEPT, POSTS_KEPT)
        );
    }

    #[test]
    fn an_empty_card_is_a_grey_box() {
        let posted = |rows| Posted {
            rows,
            when: Instant::now(),
            seen: true,
            late: None,
        };
        assert!(posted(json!([])).is_grey_box());
        assert!(!posted(json!([{"type":"title","text":"a"}])).is_grey_box());
    }
}
