//! The calls of a run: when each is due, who calls, and how its event is sent.
//!
//! Open loop: an event is sent when it is due, whether or not the earlier ones were answered, and every time
//! counts from that instant. A program that falls behind can't slow the calls down and so look faster.
//! Callers don't wait for each other, so the gaps are random, and the same in every run of a round.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use ringcard::demo::panel::{CallShape, Panel, Sent, call_init, fresh_uuid};
use ringcard::domain::call::Direction;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::support::Result;
use crate::support::office::Known;

pub(crate) const CALLS_PER_SECOND: f64 = 50.0;
/// Of a hundred calls; the rest are inbound from numbers that nobody knows.
const KNOWN_INBOUND: u8 = 70;
const OUTBOUND: u8 = 10;
const OFFICE_NUMBER: &str = "+908505550100";
const AGENT: i64 = 1121;

pub(crate) struct Call {
    /// From the begin of the run.
    pub(crate) due: Duration,
    pub(crate) uuid: String,
    /// Who should be on the card; none: there should be no card.
    pub(crate) name: Option<String>,
    event: Value,
}

/// Who is called and calls within `length`. The same seed gives the same calls, with ids of their own.
pub(crate) fn plan(known: &[Known], length: Duration, seed: u64) -> Vec<Call> {
    let numbers: HashSet<&str> = known.iter().map(|k| k.number.as_str()).collect();
    let mut random = Rng::with_seed(seed);
    let mut due = Duration::ZERO;
    let mut calls = Vec::new();
    loop {
        due += Duration::from_secs_f64(-(1.0 - random.f64()).ln() / CALLS_PER_SECOND);
        if due >= length {
            return calls;
        }
        let dice = random.u8(..100);
        let contact = &known[random.usize(..known.len())];
        let mut stranger = || loop {
            let number = format!("+90535{:07}", random.u32(..10_000_000));
            if !numbers.contains(number.as_str()) {
                return number;
            }
        };
        let (direction, number, name) = match dice {
            0..KNOWN_INBOUND => (Direction::Inbound, contact.number.clone(), true),
            _ if dice < KNOWN_INBOUND + OUTBOUND => {
                (Direction::Outbound, contact.number.clone(), true)
            }
            _ => (Direction::Inbound, stranger(), false),
        };
        let uuid = fresh_uuid();
        calls.push(Call {
            due,
            event: event(&uuid, direction, &number),
            uuid,
            name: name.then(|| contact.name.clone()),
        });
    }
}

fn event(uuid: &str, direction: Direction, customer: &str) -> Value {
    let (caller_number, callee_number, user_id) = match direction {
        Direction::Outbound => (OFFICE_NUMBER, customer, Some(AGENT)),
        _ => (customer, OFFICE_NUMBER, None),
    };
    call_init(&CallShape {
        uuid,
        direction,
        caller_number: Some(caller_number),
        callee_number: Some(callee_number),
        user_id,
    })
}

/// How an event, or a card, gets out.
pub(crate) enum Line {
    /// Events over one connection that stays.
    Kept(reqwest::Client, String),
    /// Events over a connection each.
    Fresh(Panel),
    /// Cards straight to Hipcall's side: what the bench itself takes.
    Straight(reqwest::Client, String, String),
}

impl Line {
    /// One round, so that what is kept is there before the first call.
    pub(crate) async fn warm(&self) -> Result<()> {
        match self {
            Line::Kept(client, url) | Line::Straight(client, url, _) => {
                client.get(url).send().await?;
            }
            Line::Fresh(_) => {}
        }
        Ok(())
    }

    async fn send(&self, call: &Call) -> Result<()> {
        let status = match self {
            Line::Fresh(panel) => match panel.send(&call.event).await {
                Sent::Answered { status, .. } => status,
                other => return Err(format!("an event was not answered: {other:?}").into()),
            },
            Line::Kept(client, url) => {
                let post = client.post(url).header("content-type", "application/json");
                let answer = post.body(call.event.to_string()).send().await?;
                answer.status().as_u16()
            }
            Line::Straight(client, node, token) => {
                let url = format!("{node}/api/v3/calls/{}/cards", call.uuid);
                let card = json!({"card": [{"type": "title", "text": call.name}]});
                let post = client.post(url).bearer_auth(token).json(&card);
                post.send().await?.status().as_u16()
            }
        };
        match status {
            200 | 201 => Ok(()),
            status => Err(format!("an event was answered with {status}").into()),
        }
    }
}

/// Sends every call when it is due. Gives the begin, and when each was answered; none if it failed.
pub(crate) async fn send(calls: &Arc<Vec<Call>>, line: Line) -> Result<(Instant, Vec<Instant>)> {
    line.warm().await?;
    let (line, calls) = (Arc::new(line), calls.clone());
    let (tell, mut told) = mpsc::unbounded_channel();
    let runtime = tokio::runtime::Handle::current();
    let begin = Instant::now() + Duration::from_millis(100);
    let count = calls.len();
    // A thread, because tokio's timers are a millisecond wide.
    let pace = move || {
        for (index, call) in calls.iter().enumerate() {
            std::thread::sleep((begin + call.due).saturating_duration_since(Instant::now()));
            let (line, calls, tell) = (line.clone(), calls.clone(), tell.clone());
            runtime.spawn(async move {
                let sent = line.send(&calls[index]).await;
                let _ = tell.send((index, sent.map(|()| Instant::now())));
            });
        }
    };
    let pacing = std::thread::spawn(pace);
    let mut answered = vec![begin; count];
    while let Some((index, sent)) = told.recv().await {
        answered[index] = sent?;
    }
    pacing.join().map_err(|_| "the pacing thread failed")?;
    Ok((begin, answered))
}
