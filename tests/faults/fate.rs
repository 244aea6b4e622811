//! What happened, as far as the oracle looks at it. Times are milliseconds since the run's beginning.

use ringcard::domain::fate::Why;
use ringcard::store::outbox::Phase;

pub type Ms = u64;

/// What went wrong, by what the daemon can see of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Trouble {
    /// Connections are refused.
    Down,
    /// The node's name can't be resolved.
    Names,
    /// The node's certificate is of another time.
    Dates,
    /// The node's certificate is of another authority.
    Stranger,
    /// Requests are not answered, or too late.
    Silent,
    /// Connections end in the middle of something.
    Broken,
    /// 408, 425, 5xx
    Fault,
    /// 429
    Quota,
    /// 401, 403
    Token,
    /// 404
    Unknown,
    /// 422
    Refused,
    /// 3xx
    Elsewhere,
    /// No process, from the kill until the next one is ready.
    Killed,
    Paused,
    /// The disk refuses or stalls: no reason for anything but the loss of what it did not take.
    Disk,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    pub what: Trouble,
    pub from: Ms,
    pub to: Ms,
}

/// An event, from its sending to its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    pub at: Ms,
    pub end: Ms,
    pub status: Option<u16>,
}

impl Asked {
    pub fn accepted(&self) -> bool {
        self.status == Some(200)
    }
}

/// A request about a call that Hipcall did something wrong with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bad {
    pub what: Trouble,
    pub at: Ms,
    /// Its sender can't know what became of it.
    pub doubtful: bool,
}

/// A card that Hipcall took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    pub at: Ms,
    pub name: Option<String>,
    /// How long after the call's end.
    pub late: Option<Ms>,
    pub seen: bool,
}

/// What the daemon said last became of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub phase: Phase,
    pub why: Option<Why>,
    /// A reason in words.
    pub has_reason: bool,
}

/// Everything known about one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub id: String,
    /// Whose name must be on its card; none if nobody knows the number.
    pub name: Option<String>,
    pub init: Asked,
    pub hangup: Option<Asked>,
    pub bad: Vec<Bad>,
    pub cards: Vec<Card>,
    pub comments: Vec<Ms>,
    pub said: Option<Said>,
}

/// A process, from its readiness to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    pub ready: Ms,
    pub end: Ms,
}

#[derive(Clone, Debug, Default)]
pub struct History {
    /// How long a card is worth something.
    pub deadline: Ms,
    pub calls: Vec<Call>,
    /// What concerned every call.
    pub troubles: Vec<Stretch>,
    pub lives: Vec<Life>,
}
