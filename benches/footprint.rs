//! What `ringcard run` is while nothing happens, after a day of traffic in a moment, and how soon it is up.

mod support;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use ringcard::demo::hipcall::StandIn;
use ringcard::demo::panel::{CallShape, call_init, fresh_uuid};
use ringcard::domain::call::Direction;
use tokio::task::JoinSet;

use support::office::{Daemon, Known, Office, RINGCARD, known};
use support::spread::{Spread, Unit};
use support::{CONTACTS, Result, say, table, target};

/// After readiness: by then the source was compared with its copy and everything is at rest.
const REST: Duration = Duration::from_secs(5);
const CALLS: usize = 1_000;
const GARBAGE: usize = 10_000;
/// Requests under way at once.
const AT_ONCE: usize = 16;
const STARTS: usize = 10;
/// The targets.
const IDLE_MIB: f64 = 20.0;
const READY_MILLIS: f64 = 100.0;
const CARD_TIME: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    support::bench("The daemon's footprint, 100,000 contacts", || {
        support::runtime()?.block_on(measure())
    })
}

async fn measure() -> Result<()> {
    let office = Office::prepared(CONTACTS)?;
    let hipcall = office.hipcall().await?;
    let daemon = Daemon::start(&office)?;
    tokio::time::sleep(REST).await;
    let idle = Memory::of("idle, 5 s after ready", &daemon)?;
    let url = office.webhook(daemon.address().await?);
    let client = office.client()?;
    calls(&client, &url, &hipcall, &known(CONTACTS)).await?;
    let after_calls = Memory::of("after 1,000 calls", &daemon)?;
    garbage(&client, &url).await?;
    let after_garbage = Memory::of("after 10,000 garbage bodies too", &daemon)?;
    tokio::time::sleep(REST).await;
    let rested = Memory::of("5 s later", &daemon)?;
    daemon.process.stop()?;
    hipcall.stop().await;
    let mut starts = Spread::new()?;
    for _ in 0..STARTS {
        let daemon = Daemon::start(&office)?;
        starts.add(daemon.ready_after);
        daemon.process.stop()?;
    }
    let rows = [&idle, &after_calls, &after_garbage, &rested].map(Memory::row);
    table(&["MiB", "resident", "without its file", "peak"], &rows);
    let mut row = vec!["start to ready".to_owned(), starts.count().to_string()];
    row.extend(starts.cells(Unit::Millis));
    table(&["ms", "times", "p50", "p90", "p99", "max"], &[row]);
    let binary = std::fs::metadata(RINGCARD)?.len() as f64 / 1024.0 / 1024.0;
    say(&format!(
        "the binary has {binary:.1} MiB (release profile)\n"
    ));
    target("idle memory", IDLE_MIB, idle.resident, " MiB");
    let slowest = starts.max() / 1_000.0;
    target("start to ready, slowest", READY_MILLIS, slowest, " ms");
    Ok(())
}

/// In MiB.
struct Memory {
    when: &'static str,
    resident: f64,
    /// Without the program's own file, whose pages the kernel can drop.
    own: f64,
    peak: f64,
}

impl Memory {
    fn of(when: &'static str, daemon: &Daemon) -> Result<Memory> {
        let mib =
            |key: &str| Ok::<f64, support::Failed>(daemon.process.memory(key)? as f64 / 1024.0);
        Ok(Memory {
            when,
            resident: mib("VmRSS")?,
            own: mib("RssAnon")?,
            peak: mib("VmHWM")?,
        })
    }

    fn row(&self) -> Vec<String> {
        let mut row = vec![self.when.to_owned()];
        row.extend([self.resident, self.own, self.peak].map(|mib| format!("{mib:.1}")));
        row
    }
}

/// Known callers; every one of them gets a card.
async fn calls(
    client: &reqwest::Client,
    url: &str,
    hipcall: &StandIn,
    known: &[Known],
) -> Result<()> {
    let mut events = Vec::new();
    let mut ids = Vec::new();
    for contact in known.iter().take(CALLS) {
        let uuid = fresh_uuid();
        hipcall.ring(&uuid);
        let event = call_init(&CallShape {
            uuid: &uuid,
            direction: Direction::Inbound,
            caller_number: Some(&contact.number),
            callee_number: None,
            user_id: None,
        });
        events.push(event.to_string().into_bytes());
        ids.push(uuid);
    }
    send_all(client, url, events).await?;
    for id in &ids {
        let card = hipcall.wait_for_card(id, CARD_TIME).await;
        card.ok_or("a card is missing")?;
    }
    Ok(())
}

/// What scanners and broken senders post.
async fn garbage(client: &reqwest::Client, url: &str) -> Result<()> {
    let mut random = fastrand::Rng::with_seed(1);
    let mut noise = |length: usize| (0..length).map(|_| random.u8(..)).collect::<Vec<u8>>();
    let bodies = (0..GARBAGE).map(|i| match i % 8 {
        0 => Vec::new(),
        1 => b"{".to_vec(),
        2 => b"[1,2,3]".to_vec(),
        3 => br#"{"event":"call_init","data":{}}"#.to_vec(),
        4 => format!(r#"{{"event":"event_{i}","data":{{}}}}"#).into_bytes(),
        5 => noise(1_000),
        6 => noise(100_000),
        _ => vec![b'['; 60_000],
    });
    let bodies = bodies.collect();
    send_all(client, url, bodies).await
}

/// Every one is answered with 200.
async fn send_all(client: &reqwest::Client, url: &str, bodies: Vec<Vec<u8>>) -> Result<()> {
    let url: Arc<str> = url.into();
    let mut sending: JoinSet<Result<()>> = JoinSet::new();
    for body in bodies {
        if sending.len() == AT_ONCE
            && let Some(sent) = sending.join_next().await
        {
            sent??;
        }
        let (client, url) = (client.clone(), url.clone());
        sending.spawn(async move {
            let answer = client.post(&*url).body(body).send().await?;
            match answer.status().as_u16() {
                200 => Ok(()),
                status => Err(format!("a body was answered with {status}").into()),
            }
        });
    }
    while let Some(sent) = sending.join_next().await {
        sent??;
    }
    Ok(())
}
