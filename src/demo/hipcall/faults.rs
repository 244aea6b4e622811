//! What goes wrong with the coming API requests, and with which of them.
//!
//! Pure. A fault waits in a queue for the first request it is meant for, or stays until the node is mended;
//! one that is used up comes before one that stays.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

/// Faults that can be waiting for their request, and that can stay.
pub(super) const FAULTS_KEPT: usize = 10_000;

/// What goes wrong with one API request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Answers with this status and does nothing else.
    Status(u16),
    /// The same with a `Retry-After` of so many seconds, which the real Hipcall was never seen to send.
    StatusWithRetryAfter(u16, u64),
    /// Answers with this status and sends the client to the same path of another server.
    Redirect(u16, SocketAddr),
    /// Never answers.
    Hang,
    /// Never answers, and the connection is dead from then on: nothing is read from it or written to it,
    /// pings neither, and it is not closed.
    HalfOpen,
    /// Drops the connection without an answer.
    Close,
    /// The same with a reset instead of an end.
    Reset,
    /// Does what it should and answers this much later.
    Slow(Duration),
    /// Does what it should, answers the head at once and the body in pieces over this time.
    Drip(Duration),
    /// Does what it should and drops the connection before answering: the worst case for "was it posted?".
    AcceptThenClose,
    /// Does what it should, and resets the connection after the answer's head and half of its body.
    AcceptThenCut,
    /// Does nothing, answers with this status, and resets the connection in the middle of the body.
    StatusThenCut(u16),
}

impl Fault {
    /// Whether the request is worked on as if nothing were wrong.
    pub(super) fn works(self) -> bool {
        use Fault::{AcceptThenClose, AcceptThenCut, Drip, Slow};
        matches!(self, Slow(_) | Drip(_) | AcceptThenClose | AcceptThenCut)
    }
}

/// What a request wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `POST /calls/{uuid}/cards`
    Card,
    /// `GET /calls/{uuid}/cards`
    ReadBack,
    /// `POST /calls/{uuid}/comments`
    Comment,
    /// `GET /profile`
    Profile,
    Other,
}

/// The parts of an API path after its version.
pub(super) fn parts(path: &str) -> Option<Vec<&str>> {
    let rest = path.strip_prefix("/api/v3/")?;
    Some(rest.split('/').collect())
}

impl Kind {
    pub(super) fn of(method: &str, path: &str) -> Kind {
        match (method, parts(path).unwrap_or_default().as_slice()) {
            ("POST", ["calls", _, "cards"]) => Kind::Card,
            ("GET", ["calls", _, "cards"]) => Kind::ReadBack,
            ("POST", ["calls", _, "comments"]) => Kind::Comment,
            ("GET", ["profile"]) => Kind::Profile,
            _ => Kind::Other,
        }
    }
}

/// Which requests a fault is meant for: all, unless narrowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aim {
    kind: Option<Kind>,
    call: Option<String>,
}

impl Aim {
    pub fn at(kind: Kind) -> Aim {
        let (kind, call) = (Some(kind), None);
        Aim { kind, call }
    }

    /// Only requests about this call.
    pub fn of_call(self, uuid: &str) -> Aim {
        let call = Some(uuid.to_owned());
        Aim { call, ..self }
    }

    fn hits(&self, kind: Kind, call: Option<&str>) -> bool {
        self.kind.is_none_or(|k| k == kind) && self.call.as_deref().is_none_or(|c| call == Some(c))
    }
}

#[derive(Debug, Default)]
pub(super) struct Faults {
    once: VecDeque<(Aim, Fault)>,
    lasting: VecDeque<(Aim, Fault)>,
}

impl Faults {
    pub(super) fn script(&mut self, aim: &Aim, faults: impl IntoIterator<Item = Fault>) {
        let room = FAULTS_KEPT - self.once.len();
        let faults = faults.into_iter().take(room);
        self.once.extend(faults.map(|fault| (aim.clone(), fault)));
    }

    pub(super) fn keep(&mut self, aim: Aim, fault: Fault) {
        if self.lasting.len() < FAULTS_KEPT {
            self.lasting.push_back((aim, fault));
        }
    }

    pub(super) fn mend(&mut self) {
        *self = Faults::default();
    }

    pub(super) fn next(&mut self, kind: Kind, path: &str) -> Option<Fault> {
        let parts = parts(path).unwrap_or_default();
        let call = match parts.as_slice() {
            ["calls", uuid, ..] => Some(*uuid),
            _ => None,
        };
        let once = self.once.iter().position(|(aim, _)| aim.hits(kind, call));
        if let Some(n) = once {
            return self.once.remove(n).map(|(_, fault)| fault);
        }
        let mut lasting = self.lasting.iter();
        let kept = lasting.find(|(aim, _)| aim.hits(kind, call));
        kept.map(|(_, fault)| *fault)
    }

    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.once.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARDS: &str = "/api/v3/calls/a/cards";

    #[test]
    fn each_request_is_of_its_kind() {
        for (method, path, kind) in [
            ("POST", CARDS, Kind::Card),
            ("GET", CARDS, Kind::ReadBack),
            ("POST", "/api/v3/calls/a/comments", Kind::Comment),
            ("GET", "/api/v3/profile", Kind::Profile),
            ("GET", "/api/v3/calls", Kind::Other),
            ("PUT", CARDS, Kind::Other),
            ("POST", "/api/v2/calls/a/cards", Kind::Other),
        ] {
            assert_eq!(Kind::of(method, path), kind, "{method} {path}");
        }
    }

    #[test]
    fn a_fault_waits_for_the_request_it_is_meant_for() {
        let mut faults = Faults::default();
        faults.script(&Aim::at(Kind::Profile), [Fault::Status(401)]);
        faults.script(&Aim::at(Kind::Card).of_call("b"), [Fault::Hang]);
        faults.script(&Aim::default(), [Fault::Close]);
        assert_eq!(faults.next(Kind::Card, CARDS), Some(Fault::Close));
        assert_eq!(faults.next(Kind::Card, CARDS), None);
        let of_b = "/api/v3/calls/b/cards";
        assert_eq!(faults.next(Kind::ReadBack, of_b), None);
        assert_eq!(faults.next(Kind::Card, of_b), Some(Fault::Hang));
        let profile = faults.next(Kind::Profile, "/api/v3/profile");
        assert_eq!((profile, faults.waiting()), (Some(Fault::Status(401)), 0));
    }

    #[test]
    fn a_lasting_fault_stays_until_it_is_mended_and_comes_second() {
        let mut faults = Faults::default();
        faults.keep(Aim::at(Kind::Card), Fault::Status(403));
        faults.script(&Aim::default(), [Fault::Hang]);
        assert_eq!(faults.next(Kind::Card, CARDS), Some(Fault::Hang));
        for _ in 0..3 {
            assert_eq!(faults.next(Kind::Card, CARDS), Some(Fault::Status(403)));
        }
        assert_eq!(faults.next(Kind::ReadBack, CARDS), None);
        faults.mend();
        assert_eq!(faults.next(Kind::Card, CARDS), None);
    }

    #[test]
    fn so_many_faults_can_wait_and_no_more() {
        let mut faults = Faults::default();
        let many = || std::iter::repeat_n(Fault::Hang, FAULTS_KEPT + 1);
        faults.script(&Aim::default(), many());
        many().for_each(|fault| faults.keep(Aim::default(), fault));
        assert_eq!(
            (faults.waiting(), faults.lasting.len()),
            (FAULTS_KEPT, FAULTS_KEPT)
        );
    }
}
