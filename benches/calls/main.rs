//! From the webhook to the card, over TLS on both sides: `ringcard run` beside the least program there is.
//!
//! Each run gives one program some seconds of calls. Floor and Ringcard take turns, so that what the machine
//! does meanwhile meets both. A card's time counts from the instant its event was due until the stand-in for
//! Hipcall had the card's whole request. Every card is looked at: a missing one, a second one, one with the
//! wrong name, or one that differs from the floor's breaks the bench.

mod floor;
#[path = "../support/mod.rs"]
mod support;
mod traffic;

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use ringcard::demo::hipcall::StandIn;
use ringcard::demo::panel::Panel;
use serde_json::Value;

use support::child::Measured;
use support::office::{Daemon, Known, Office, client_tls, known};
use support::spread::{Spread, Unit};
use support::{CONTACTS, Result, table, target};
use traffic::{Call, Line};

const WARM_UP: Duration = Duration::from_secs(2);
/// Of each run, after the warm-up, unless `--seconds` says otherwise.
const SECONDS: u64 = 10;
/// Turns that each program takes for each kind of line.
const ROUNDS: u64 = 2;
/// How long after the last answer a card may take before it counts as missing.
const CARD_TIME: Duration = Duration::from_secs(5);
/// The targets: how much slower than the floor the usual and the slow cards may be.
const P50_RATIO: f64 = 1.3;
const P99_RATIO: f64 = 2.0;

fn main() -> ExitCode {
    if let Some(directory) = support::value("--floor") {
        return support::finish(floor::run(directory.as_ref()));
    }
    support::bench("From webhook to card, 100,000 contacts, 50 calls/s", || {
        support::runtime()?.block_on(compare())
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Program {
    Floor,
    Ringcard,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Kept,
    Fresh,
}

/// What one program did for one kind of line.
struct Seen {
    cards: Spread,
    answers: Spread,
}

impl Seen {
    fn new() -> Result<Seen> {
        Ok(Seen {
            cards: Spread::new()?,
            answers: Spread::new()?,
        })
    }
}

async fn compare() -> Result<()> {
    let office = Office::prepared(CONTACTS)?;
    let known = known(CONTACTS);
    let seconds = support::value("--seconds").map_or(Ok(SECONDS), |s| s.parse())?;
    let length = WARM_UP + Duration::from_secs(seconds);
    let mut rows = vec![alone(&office, &known).await?];
    let mut ratios = Vec::new();
    for (kind, shown) in [
        (Kind::Kept, "one connection kept"),
        (Kind::Fresh, "a connection each"),
    ] {
        let (mut floor, mut ours) = (Seen::new()?, Seen::new()?);
        for round in 0..ROUNDS {
            let bench = Bench {
                office: &office,
                known: &known,
                length,
                seed: round,
            };
            let expected = bench.run(Program::Floor, kind, &mut floor).await?;
            let drawn = bench.run(Program::Ringcard, kind, &mut ours).await?;
            if expected != drawn {
                return Err("Ringcard's cards differ from the floor's".into());
            }
        }
        for (name, seen) in [("floor", &floor), ("ringcard", &ours)] {
            rows.push(row(&format!("{shown}, {name}: card"), &seen.cards));
            rows.push(row(&format!("{shown}, {name}: 200"), &seen.answers));
        }
        ratios.push((shown, floor, ours));
    }
    table(&["ms", "times", "p50", "p90", "p99", "max"], &rows);
    for (shown, floor, ours) in &ratios {
        let ratio = |at: f64| ours.cards.at(at) / floor.cards.at(at);
        target(&format!("{shown}, p50"), P50_RATIO, ratio(0.5), "x");
        target(&format!("{shown}, p99"), P99_RATIO, ratio(0.99), "x");
    }
    Ok(())
}

fn row(name: &str, spread: &Spread) -> Vec<String> {
    let mut row = vec![name.to_owned(), spread.count().to_string()];
    row.extend(spread.cells(Unit::Millis));
    row
}

/// What sending and taking a card costs with nothing between: a part of every other figure.
async fn alone(office: &Office, known: &[Known]) -> Result<Vec<String>> {
    let hipcall = office.hipcall().await?;
    let tls = client_tls(hipcall.ca_pem().as_bytes())?;
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .build()?;
    let mut calls = traffic::plan(known, WARM_UP * 2, ROUNDS);
    calls.retain(|call| call.name.is_some());
    calls.iter().for_each(|call| hipcall.ring(&call.uuid));
    let calls = Arc::new(calls);
    let token = office.demo.token.clone();
    let line = Line::Straight(client, hipcall.node_url(), token);
    let (begin, _) = traffic::send(&calls, line).await?;
    let mut spread = Spread::new()?;
    for call in calls.iter().filter(|call| call.due >= WARM_UP) {
        let card = hipcall.wait_for_card(&call.uuid, CARD_TIME).await;
        let card = card.ok_or("a card sent straight to the stand-in is missing")?;
        spread.add(card.when.saturating_duration_since(begin + call.due));
    }
    hipcall.stop().await;
    Ok(row("the bench alone: card", &spread))
}

struct Bench<'a> {
    office: &'a Office,
    known: &'a [Known],
    length: Duration,
    seed: u64,
}

impl Bench<'_> {
    /// One turn of a program. Gives the rows of each call's card, in the order of the calls.
    async fn run(
        &self,
        program: Program,
        kind: Kind,
        seen: &mut Seen,
    ) -> Result<Vec<Option<Value>>> {
        let hipcall = self.office.hipcall().await?;
        let calls = Arc::new(traffic::plan(self.known, self.length, self.seed));
        calls.iter().for_each(|call| hipcall.ring(&call.uuid));
        let running = Running::start(program, self.office).await?;
        let url = self.office.webhook(running.address);
        let line = match kind {
            Kind::Kept => Line::Kept(self.office.client()?, url),
            Kind::Fresh => {
                let trust = std::fs::read_to_string(self.office.demo.daemon_certificate())?;
                Line::Fresh(Panel::new(&url, &trust)?)
            }
        };
        let (begin, answered) = traffic::send(&calls, line).await?;
        let mut cards = Vec::new();
        for (call, answered) in calls.iter().zip(answered) {
            let due = begin + call.due;
            let card = card(&hipcall, call).await?;
            if call.due >= WARM_UP {
                seen.answers.add(answered.saturating_duration_since(due));
                if let Some((_, when)) = &card {
                    seen.cards.add(when.saturating_duration_since(due));
                }
            }
            cards.push(card.map(|(rows, _)| rows));
        }
        running.stop()?;
        hipcall.stop().await;
        Ok(cards)
    }
}

/// The one right card of a call, with the instant at which it was there.
async fn card(hipcall: &StandIn, call: &Call) -> Result<Option<(Value, std::time::Instant)>> {
    let Some(name) = &call.name else {
        return match hipcall.cards(&call.uuid).is_empty() {
            true => Ok(None),
            false => Err("a caller whom nobody knows got a card".into()),
        };
    };
    let first = hipcall.wait_for_card(&call.uuid, CARD_TIME).await;
    let first = first.ok_or("a card is missing")?;
    if hipcall.cards(&call.uuid).len() != 1 {
        return Err("a call got more than one card".into());
    }
    let shown = first.rows.as_array().into_iter().flatten();
    if !shown.into_iter().any(|row| row["text"] == **name) {
        return Err(format!("the card of {name} has another name").into());
    }
    Ok(Some((first.rows, first.when)))
}

/// A program that takes calls.
struct Running {
    program: Program,
    process: Measured,
    address: SocketAddr,
}

impl Running {
    async fn start(program: Program, office: &Office) -> Result<Running> {
        if program == Program::Ringcard {
            let daemon = Daemon::start(office)?;
            let address = daemon.address().await?;
            let process = daemon.process;
            return Ok(Running {
                program,
                process,
                address,
            });
        }
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--floor").arg(&office.demo.directory);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Measured::start(&mut command)?;
        let output = process.child().stdout.take().ok_or("no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let address = line
            .trim()
            .parse()
            .map_err(|e| format!("the floor did not start: {e}: {line}"))?;
        Ok(Running {
            program,
            process,
            address,
        })
    }

    fn stop(self) -> Result<()> {
        match self.program {
            Program::Floor => Ok(()),
            Program::Ringcard => self.process.stop(),
        }
    }
}
