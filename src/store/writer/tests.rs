//! The writer at work: what it acknowledges, and what it does while the disk does not do its part.

use std::future::Future;
use std::pin::Pin;
use std::task::Poll;

use tokio::runtime;

use super::*;
use crate::domain::call::{CallId, Skip};
use crate::domain::card::{Card, Row};
use crate::domain::deadline::{Deadline, Moment};
use crate::domain::fate::Why;
use crate::store::drive::FileSystem;
use crate::store::entry::{Entry, Key, Outcome, Phase};
use crate::store::outbox::NotDurable;
use crate::store::platter::Platter;

mod faults;
mod volume;

const PLACE: &str = "/state/outbox.redb";
/// Nothing happens by itself.
const NEVER: Duration = Duration::from_secs(86_400);
const PATIENT: Pace = Pace {
    linger: NEVER,
    gather: GATHER,
    disk_retry: NEVER,
    compact_rest: NEVER,
    compact_every: NEVER,
    damage_told: NEVER,
};

#[derive(Clone)]
struct Reports(watch::Sender<Vec<String>>);

impl Default for Reports {
    fn default() -> Reports {
        Reports(watch::Sender::new(Vec::new()))
    }
}

impl Reports {
    fn push(&self, what: &str) {
        self.0.send_modify(|told| {
            // A reason may come with each try.
            if told.last().is_none_or(|last| last != what) {
                told.push(what.to_owned());
            }
        });
    }

    fn told(&self) -> Vec<String> {
        self.0.borrow().clone()
    }

    async fn comes(&self, what: &str) {
        let mut told = self.0.subscribe();
        let came = |told: &Vec<String>| told.iter().any(|t| t.contains(what));
        told.wait_for(came).await.unwrap();
    }
}

impl DiskReport for Reports {
    fn disk_refused(&mut self, reason: &str, _: &str) {
        self.push(reason);
    }
    fn disk_recovered(&mut self) {
        self.push("recovered");
    }
    fn outbox_damaged(&mut self, what: &str) {
        self.push(&format!("damaged: {what}"));
    }
    fn damage_is_past(&mut self) {
        self.push("past");
    }
}

fn entry(call: &str) -> Entry {
    let wall = jiff::Timestamp::UNIX_EPOCH;
    let now = Moment {
        boot: 1,
        since_boot: Duration::from_secs(5),
        wall,
        belief: Default::default(),
    };
    let deadline = Deadline::new(now, None, Duration::from_secs(90));
    let row = |text: &str| Row::ShortText {
        text: text.into(),
        label: Some("Balance".into()),
        link: Some("https://crm.example/contacts/4711".into()),
        ios: None,
        android: None,
    };
    let rows = ["Ayşe Örnek", "12.345,67 TRY", "Örnek Gıda", "14:03"].map(row);
    let card = Card {
        rows: rows.to_vec(),
    };
    Entry::new("office", CallId::parse(call).unwrap(), card, deadline)
}

fn keyed(call: &str) -> Key {
    format!("office/{call}")
}

async fn durable(outbox: &Outbox, call: &str) -> Result<(), NotDurable> {
    let (entry, _) = outbox.accept(entry(call)).unwrap();
    outbox.persist(&entry).await
}

#[cfg(test)]
/// Runs `body` against an outbox until it and the writer are done.
fn with_outbox(
    drive: Arc<dyn Drive>,
    path: &Path,
    pace: Pace,
    body: impl AsyncFnOnce(&Outbox, &Reports),
) -> Vec<String> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let (outbox, mut writer) = Writer::new(drive, path);
    writer.pace = pace;
    let reports = Reports::default();
    let report = reports.clone();
    let thread = thread::spawn(move || writer.run(report));
    runtime.block_on(async {
        assert!(outbox.was_read().await);
        body(&outbox, &reports).await;
    });
    drop(outbox);
    thread.join().unwrap();
    reports.told()
}

fn on(platter: &Platter, pace: Pace, body: impl AsyncFnOnce(&Outbox, &Reports)) -> Vec<String> {
    with_outbox(Arc::new(platter.clone()), Path::new(PLACE), pace, body)
}

fn waiting(outbox: &Outbox) -> Vec<String> {
    let mut waiting: Vec<_> = outbox.resume().into_iter().map(|(e, _)| e.key()).collect();
    waiting.sort();
    waiting
}

#[test]
fn what_is_durable_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("outbox.redb");
    let drive = || Arc::new(FileSystem);
    with_outbox(drive(), &path, PATIENT, async |outbox, _| {
        for call in ["a", "b", "c", "d"] {
            durable(outbox, call).await.unwrap();
        }
        outbox.finish(&keyed("b"), &Outcome::Settled);
        outbox.finish(&keyed("c"), &Outcome::Parked("token refused".into()));
        outbox.finish(&keyed("d"), &Outcome::ExpiredWithComment(Why::NoConnection));
    });
    with_outbox(drive(), &path, PATIENT, async |outbox, _| {
        assert_eq!(waiting(outbox), ["office/a"]);
        let again = outbox.accept(entry("b")).err();
        assert_eq!(again, Some(Skip::Duplicate));
        let reason = outbox.find("c")[0].reason.clone();
        assert_eq!(reason.as_deref(), Some("token refused"));
        let comment = outbox.find("d").remove(0);
        assert_eq!(comment.phase, Phase::CommentDue);
        assert_eq!(comment.why, Some(Why::NoConnection));
    });
}

/// Polls all of them until each has come.
async fn all<F: Future>(work: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut work: Vec<_> = work.into_iter().map(|f| (Box::pin(f), None)).collect();
    std::future::poll_fn(|context| {
        for (future, output) in work.iter_mut().filter(|(_, output)| output.is_none()) {
            if let Poll::Ready(came) = future.as_mut().poll(context) {
                *output = Some(came);
            }
        }
        match work.iter().all(|(_, output)| output.is_some()) {
            true => Poll::Ready(work.iter_mut().map(|(_, o)| o.take().unwrap()).collect()),
            false => Poll::Pending,
        }
    })
    .await
}

/// Comes when the writer has begun to write.
async fn committing(outbox: &Outbox) {
    let mut progress = outbox.progress();
    let busy = |p: &Progress| matches!(p.state, WriterState::Committing(_));
    progress.wait_for(busy).await.unwrap();
}

#[test]
fn concurrent_calls_share_a_sync() {
    let platter = Platter::default();
    on(&platter, PATIENT, async |outbox, _| {
        // The file grows first, for which redb syncs by itself.
        let calls = |name: &str| (0..500).map(|i| format!("{name}-{i}")).collect::<Vec<_>>();
        let earlier = calls("earlier");
        all(earlier.iter().map(|c| durable(outbox, c))).await;
        for call in &earlier {
            outbox.finish(&keyed(call), &Outcome::Settled);
        }
        durable(outbox, "before").await.unwrap();
        let before = platter.written().syncs;
        platter.stall(true);
        let calls = calls("call");
        let release = async {
            committing(outbox).await;
            platter.stall(false);
            Ok(())
        };
        let written = async { all(calls.iter().map(|c| durable(outbox, c))).await };
        let (written, _): (_, Result<(), NotDurable>) = tokio::join!(written, release);
        assert!(written.iter().all(Result::is_ok));
        // Those that came before the first commit began, and all others.
        let syncs = platter.written().syncs - before;
        assert!(syncs <= 2, "{syncs}");
    });
}

#[test]
fn a_writer_that_has_ended_is_no_proof_of_life() {
    let platter = Platter::default();
    let (outbox, writer) = Writer::new(Arc::new(platter), Path::new(PLACE));
    let runtime = runtime::Builder::new_current_thread().build().unwrap();
    drop(writer);
    assert!(!runtime.block_on(outbox.ping()));
    assert_eq!(outbox.writer_state(), WriterState::Gone);
}
