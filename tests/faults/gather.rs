//! From what a run has seen, what Hipcall has recorded and what the daemon has said, to a history.

use std::collections::HashMap;
use std::time::Duration;

use ringcard::demo::hipcall::{Fault, Kind, Request};

use super::fate::{Asked, Bad, Call, Card, History, Ms, Stretch, Trouble};
use super::mixed::Run;
use super::office::{self, Told, name_on};
use super::oracle::REQUEST;
use super::plan::Who;

/// An account that was paused for its token tries itself again by then.
const PROBE: Ms = 30_000;

/// A call as its producer knows it.
pub struct Heard {
    pub id: String,
    pub who: Who,
    pub told: Told,
    pub ended: Option<Told>,
}

pub async fn gather(run: &Run, deadline: Duration) -> History {
    let requests = run.office.hipcall.requests();
    let seen = run.seen.lock().await;
    let mut troubles = seen.troubles.clone();
    troubles.extend(general(run, &requests));
    let mut bad = own(run, &requests);
    let calls = seen.calls.iter().map(|heard| Call {
        id: heard.id.clone(),
        name: match heard.who {
            Who::Contact(contact) => Some(office::name(contact)),
            Who::Stranger(_) => None,
        },
        init: asked(run, &heard.told),
        hangup: heard.ended.as_ref().map(|told| asked(run, told)),
        bad: bad.remove(&heard.id).unwrap_or_default(),
        cards: cards(run, &heard.id),
        comments: {
            let comments = run.office.hipcall.comments(&heard.id).into_iter();
            comments.map(|comment| run.ms(comment.when)).collect()
        },
        said: seen.said.get(&heard.id).cloned(),
    });
    History {
        deadline: deadline.as_millis() as Ms,
        calls: calls.collect(),
        troubles,
        lives: seen.lives.clone(),
    }
}

fn asked(run: &Run, told: &Told) -> Asked {
    Asked {
        at: run.ms(told.at),
        end: run.ms(told.end),
        status: told.status,
    }
}

fn cards(run: &Run, call: &str) -> Vec<Card> {
    let posted = run.office.hipcall.cards(call).into_iter();
    let card = posted.map(|card| Card {
        at: run.ms(card.when),
        name: name_on(&card.rows).map(str::to_owned),
        late: card.late.map(|late| late.as_millis() as Ms),
        seen: card.seen,
    });
    card.collect()
}

/// What a fault of one request is to its sender, and whether it leaves a doubt.
fn meaning(fault: Fault) -> (Trouble, bool) {
    match fault {
        Fault::Status(401 | 403) => (Trouble::Token, false),
        Fault::Status(404) => (Trouble::Unknown, false),
        Fault::Status(422) => (Trouble::Refused, false),
        Fault::StatusWithRetryAfter(429, _) | Fault::Status(429) => (Trouble::Quota, false),
        Fault::Status(_) | Fault::StatusWithRetryAfter(..) => (Trouble::Fault, false),
        Fault::Redirect(..) => (Trouble::Elsewhere, false),
        Fault::Hang | Fault::HalfOpen | Fault::Slow(_) | Fault::Drip(_) => (Trouble::Silent, true),
        Fault::Close | Fault::Reset | Fault::AcceptThenClose => (Trouble::Broken, true),
        Fault::AcceptThenCut | Fault::StatusThenCut(_) => (Trouble::Broken, true),
    }
}

/// The bad requests of each call.
fn own(run: &Run, requests: &[Request]) -> HashMap<String, Vec<Bad>> {
    let mut bad: HashMap<String, Vec<Bad>> = HashMap::new();
    for request in requests {
        let (Some(fault), Some(call)) = (request.fault, request.path.split('/').nth(4)) else {
            continue;
        };
        let (what, mut doubtful) = meaning(fault);
        let at = run.ms(request.when);
        // Answered within the time that a client has.
        if let Fault::Slow(time) | Fault::Drip(time) = fault {
            doubtful &= time.as_millis() as Ms >= REQUEST;
        }
        bad.entry(call.to_owned()).or_default().push(Bad {
            what,
            at,
            doubtful: doubtful && request.kind() == Kind::Card,
        });
    }
    bad
}

/// What a fault of one request is to all others: a connection and an account are shared.
fn general(run: &Run, requests: &[Request]) -> Vec<Stretch> {
    let mut troubles = Vec::new();
    for (n, request) in requests.iter().enumerate() {
        let Some(fault) = request.fault else { continue };
        let from = run.ms(request.when);
        let (what, _) = meaning(fault);
        let to = match (what, fault) {
            (Trouble::Quota, Fault::StatusWithRetryAfter(_, seconds)) => from + seconds * 1_000,
            (Trouble::Token, _) => {
                let mut later = requests[n..].iter();
                let taken = later.find(|r| r.with_token && matches!(r.status, Some(200..300)));
                let taken = taken.map_or(from + PROBE, |r| run.ms(r.when));
                taken.min(from + PROBE)
            }
            (Trouble::Broken, _) => from,
            (_, Fault::HalfOpen) => from + REQUEST,
            _ => continue,
        };
        troubles.push(Stretch { what, from, to });
    }
    troubles
}
