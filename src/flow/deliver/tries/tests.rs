//! A delivery under a paused clock, against a scripted Hipcall.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use super::*;
use crate::domain::call::CallId;
use crate::domain::card::Card;
use crate::domain::deadline::Deadline;
use crate::domain::deadline::Moment;
use jiff::Timestamp;

const LIFETIME: u64 = 90;

fn refused(status: u16) -> Option<SendError> {
    let detail = String::new();
    Some(SendError::Refused { status, detail })
}

fn limited(seconds: u64) -> Option<SendError> {
    let wait = Duration::from_secs(seconds);
    Some(SendError::RateLimited { wait })
}

/// What stands between a card and Hipcall.
#[derive(Default)]
struct Road {
    /// The answers to cards; `None` is a card taken. After the last, 503 for ever.
    answers: RefCell<VecDeque<Option<SendError>>>,
    /// How long each answer takes.
    latency: Duration,
    /// What Hipcall says when asked whether it has the card; `None`: there is no quota to ask.
    has_card: Option<bool>,
    /// Or that it refuses to say.
    no_telling: Option<u16>,
    hindrance: Option<Why>,
    /// How far the box has slept, which no timer has noticed.
    slept: Cell<Duration>,
    posts: Cell<usize>,
    questions: Cell<usize>,
    cuts: Cell<usize>,
}

struct Scripted<'a> {
    road: &'a Road,
    start: tokio::time::Instant,
}

impl Way for Scripted<'_> {
    type Turn = ();

    async fn turn(&self, pause: Option<Duration>) {
        if self.road.hindrance.is_some() {
            std::future::pending::<()>().await;
        }
        sleep(pause.unwrap_or_default()).await;
    }

    async fn has_card(&self) -> Option<Result<bool, SendError>> {
        if let Some(error) = self.road.no_telling.and_then(refused) {
            self.road.questions.set(self.road.questions.get() + 1);
            return Some(Err(error));
        }
        let answer = self.road.has_card?;
        self.road.questions.set(self.road.questions.get() + 1);
        Some(Ok(answer))
    }

    async fn post(&self, (): ()) -> Result<(), SendError> {
        self.road.posts.set(self.road.posts.get() + 1);
        sleep(self.road.latency).await;
        let answer = self.road.answers.borrow_mut().pop_front();
        answer.unwrap_or_else(|| refused(503)).map_or(Ok(()), Err)
    }

    fn hindrance(&self) -> Option<Why> {
        self.road.hindrance
    }

    fn now(&self) -> Moment {
        Moment {
            boot: 1,
            since_boot: self.start.elapsed() + self.road.slept.get(),
            ..moment()
        }
    }

    fn failed(&self, _: &SendError) {}

    fn cut(&self) {
        self.road.cuts.set(self.road.cuts.get() + 1);
    }
}

fn moment() -> Moment {
    Moment {
        boot: 1,
        since_boot: Duration::ZERO,
        wall: Timestamp::UNIX_EPOCH,
        belief: Default::default(),
    }
}

#[derive(Debug, PartialEq)]
struct Trial {
    outcome: Outcome,
    posts: usize,
    questions: usize,
    seconds: u64,
}

fn entry(uncertain: bool) -> Entry {
    let deadline = Deadline::new(moment(), None, Duration::from_secs(LIFETIME));
    let call = CallId::parse("a").unwrap();
    let mut entry = Entry::new("office", call, Card { rows: vec![] }, deadline);
    entry.uncertain = uncertain;
    entry
}

/// Sends the card, while something else happens.
async fn deliver(
    road: &Road,
    uncertain: bool,
    meanwhile: impl AsyncFnOnce(&watch::Sender<Option<Halt>>),
) -> Trial {
    let start = tokio::time::Instant::now();
    let (halter, halt) = watch::channel(None);
    let way = Scripted { road, start };
    let entry = entry(uncertain);
    let meanwhile = async {
        meanwhile(&halter).await;
        std::future::pending::<()>().await;
    };
    let outcome = tokio::select! {
        outcome = tries(&way, &entry, halt) => outcome,
        () = meanwhile => unreachable!("never ends"),
    };
    Trial {
        outcome,
        posts: road.posts.get(),
        questions: road.questions.get(),
        seconds: start.elapsed().as_secs(),
    }
}

async fn send(answers: impl IntoIterator<Item = Option<SendError>>) -> Trial {
    let road = Road {
        answers: RefCell::new(answers.into_iter().collect()),
        ..Road::default()
    };
    deliver(&road, false, async |_| {}).await
}

async fn after(seconds: u64, halter: &watch::Sender<Option<Halt>>, why: Halt) {
    sleep(Duration::from_secs(seconds)).await;
    halter.send_replace(Some(why));
}

#[tokio::test(start_paused = true)]
async fn a_passing_fault_is_tried_again_soon() {
    let trial = send([refused(503), refused(500), None]).await;
    assert_eq!(
        (trial.outcome, trial.posts, trial.seconds),
        (Outcome::Settled, 3, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn what_only_a_person_can_mend_is_parked_at_once() {
    for status in [302, 400, 405, 422] {
        let trial = send([refused(status)]).await;
        assert!(matches!(trial.outcome, Outcome::Parked(_)), "{status}");
        assert_eq!(trial.posts, 1, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_not_known_yet_is_tried_for_seconds() {
    let trial = send([refused(404), refused(404), None]).await;
    assert_eq!((trial.outcome, trial.posts), (Outcome::Settled, 3));
    let trial = send((0..50).map(|_| refused(404))).await;
    assert_eq!(trial.outcome, Outcome::Expired(Why::UnknownCall));
    assert!((5..=12).contains(&trial.seconds), "{trial:?}");
    assert!((4..=8).contains(&trial.posts), "{trial:?}");
}

#[tokio::test(start_paused = true)]
async fn a_fault_that_lasts_expires_the_card_at_its_deadline() {
    let trial = send([]).await;
    assert_eq!(trial.outcome, Outcome::Expired(Why::HipcallFault));
    assert_eq!(trial.seconds, LIFETIME);
    assert!((18..=60).contains(&trial.posts), "{trial:?}");
}

#[tokio::test(start_paused = true)]
async fn a_limit_is_waited_for_and_not_asked_against() {
    let trial = send([limited(20), limited(10), None]).await;
    assert_eq!(
        (trial.outcome, trial.posts, trial.seconds),
        (Outcome::Settled, 3, 30)
    );
    let trial = send([limited(3600)]).await;
    assert_eq!(trial.outcome, Outcome::Expired(Why::Quota));
    assert_eq!(
        (trial.posts, trial.seconds),
        (1, LIFETIME),
        "its wait ends with the card"
    );
}

#[tokio::test(start_paused = true)]
async fn a_card_without_a_turn_tells_what_it_waited_for() {
    for why in [Why::Quota, Why::TokenRefused] {
        let road = Road {
            hindrance: Some(why),
            ..Road::default()
        };
        let trial = deliver(&road, false, async |_| {}).await;
        let expected = (Outcome::Expired(why), 0, LIFETIME);
        assert_eq!((trial.outcome, trial.posts, trial.seconds), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_call_ends_the_tries() {
    let ended = async |halter: &_| after(12, halter, Halt::CallEnded).await;
    let trial = deliver(&Road::default(), false, ended).await;
    assert_eq!(
        (trial.outcome, trial.seconds),
        (Outcome::Expired(Why::CallEnded), 12)
    );
    let dropped = async |halter: &_| after(3, halter, Halt::DroppedByHand).await;
    let trial = deliver(&Road::default(), false, dropped).await;
    assert_eq!(
        (trial.outcome, trial.seconds),
        (Outcome::Dropped(Why::ByHand), 3)
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_under_way_when_the_call_ends_has_a_second_to_come_through() {
    let ended = async |halter: &_| after(1, halter, Halt::CallEnded).await;
    for (millis, outcome, cuts) in [
        (1_900, Outcome::Settled, 0),
        (2_100, Outcome::Expired(Why::CallEnded), 1),
    ] {
        let road = Road {
            answers: RefCell::new([None].into()),
            latency: Duration::from_millis(millis),
            ..Road::default()
        };
        let trial = deliver(&road, false, ended).await;
        assert_eq!(
            (trial.outcome, road.cuts.get()),
            (outcome, cuts),
            "{millis}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_under_way_at_the_deadline_is_given_up_as_uncertain() {
    let road = Road {
        latency: Duration::from_secs(LIFETIME + 10),
        ..Road::default()
    };
    let trial = deliver(&road, false, async |_| {}).await;
    assert_eq!(
        (trial.outcome, trial.seconds),
        (Outcome::Expired(Why::NoAnswer), LIFETIME)
    );
    assert_eq!(road.cuts.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_try_that_the_deadline_cuts_short_leaves_the_reason_of_those_before() {
    let road = Road {
        latency: Duration::from_secs(LIFETIME / 2 + 1),
        ..Road::default()
    };
    let trial = deliver(&road, false, async |_| {}).await;
    assert_eq!(
        (trial.outcome, trial.seconds, trial.posts),
        (Outcome::Expired(Why::HipcallFault), LIFETIME, 2)
    );
}

#[tokio::test(start_paused = true)]
async fn an_uncertain_card_is_asked_for_before_it_is_sent_again() {
    let with = |has_card, answers: Vec<Option<SendError>>| Road {
        answers: RefCell::new(answers.into()),
        has_card,
        ..Road::default()
    };
    // A gateway's 502 leaves it open; 503 does not.
    let cases = [
        (with(Some(true), vec![refused(502)]), false, (1, 1)),
        (with(Some(false), vec![refused(502), None]), false, (2, 1)),
        (with(Some(true), vec![refused(503), None]), false, (2, 0)),
        (with(None, vec![refused(502), None]), false, (2, 0)),
        (with(Some(true), vec![]), true, (0, 1)),
        (with(Some(false), vec![None]), true, (1, 1)),
        (with(Some(false), vec![refused(503), None]), true, (2, 1)),
    ];
    for (road, uncertain, expected) in cases {
        let trial = deliver(&road, uncertain, async |_| {}).await;
        assert_eq!(trial.outcome, Outcome::Settled);
        assert_eq!((trial.posts, trial.questions), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_question_that_is_not_answered_decides_nothing() {
    for status in [404, 405, 422, 429, 500] {
        let road = Road {
            answers: RefCell::new([None].into()),
            no_telling: Some(status),
            ..Road::default()
        };
        let trial = deliver(&road, true, async |_| {}).await;
        let told = (trial.outcome, trial.posts, trial.questions, trial.seconds);
        assert_eq!(told, (Outcome::Settled, 1, 1, 0), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_box_that_slept_sends_nothing_that_is_too_late() {
    let road = Road::default();
    let sleeps = async |_: &_| {
        sleep(Duration::from_secs(3)).await;
        road.slept.set(Duration::from_secs(7_200));
    };
    let trial = deliver(&road, false, sleeps).await;
    assert_eq!(trial.outcome, Outcome::Expired(Why::HipcallFault));
    assert!(trial.seconds <= 4, "{trial:?}");
}
