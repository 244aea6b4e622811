//! The writer at work: what it acknowledges, and what it does while the disk does not do its part.

use std::future::Future;
use std::pin::Pin;
use std::task::Poll;

use nix::errno::Errno;
use tokio::runtime;

use super::*;
use crate::domain::call::{CallId, Skip};
use crate::domain::card::{Card, Row};
use crate::domain::deadline::{Deadline, Moment};
use crate::domain::fate::Why;
use crate::store::drive::FileSystem;
use crate::store::entry::{Entry, Key, Outcome, Phase};
use crate::store::file::OUTBOX_BYTES;
use crate::store::outbox::{FINISHED_CALLS, NotDurable, WAITING_CARDS};
use crate::store::platter::{Platter, Written};

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
    let (outbox, mut writer) = Writer::open(drive, path);
    writer.pace = pace;
    let reports = Reports::default();
    let report = reports.clone();
    let thread = thread::spawn(move || writer.run(report));
    runtime.block_on(body(&outbox, &reports));
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
fn a_stalled_disk_holds_up_nobody_and_loses_nothing() {
    let platter = Platter::default();
    let calls = 6_000;
    on(&platter, PATIENT, async |outbox, _| {
        durable(outbox, "before").await.unwrap();
        platter.stall(true);
        let first = durable(outbox, "first");
        tokio::pin!(first);
        tokio::select! {
            biased;
            _ = &mut first => panic!("it can't be durable"),
            () = committing(outbox) => {}
        }
        assert!(matches!(outbox.writer_state(), WriterState::Committing(_)));
        assert!(outbox.ping().await);
        // More than any queue would hold; each change of them counts.
        for i in 0..calls {
            let (entry, _) = outbox.accept(entry(&format!("c{i}"))).unwrap();
            let mut durable = Box::pin(outbox.persist(&entry));
            assert!(all([poll_once(&mut durable)]).await[0].is_none());
            if i % 2 == 0 {
                outbox.finish(&entry.key(), &Outcome::Settled);
            }
        }
        platter.stall(false);
        first.await.unwrap();
        durable(outbox, "last").await.unwrap();
    });
    on(&platter, PATIENT, async |outbox, _| {
        assert_eq!(outbox.counts().waiting, calls / 2 + 3);
        assert_eq!(outbox.counts().finished, calls / 2);
    });
}

async fn poll_once<F: Future>(future: &mut Pin<Box<F>>) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        Poll::Ready(match future.as_mut().poll(context) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        })
    })
    .await
}

#[test]
fn a_disk_that_fails_leaves_the_cards_in_memory_and_gets_them_when_it_is_back() {
    for errno in [Errno::ENOSPC, Errno::EIO, Errno::EROFS] {
        let platter = Platter::default();
        let pace = Pace {
            disk_retry: Duration::ZERO,
            ..PATIENT
        };
        let told = on(&platter, pace, async |outbox, reports| {
            durable(outbox, "before").await.unwrap();
            outbox.finish(&keyed("before"), &Outcome::Settled);
            platter.fail(Some(errno));
            assert!(durable(outbox, "a").await.is_err());
            assert!(durable(outbox, "b").await.is_err());
            assert!(outbox.ping().await);
            outbox.finish(&keyed("b"), &Outcome::Settled);
            platter.fail(None);
            reports.comes("recovered").await;
            durable(outbox, "c").await.unwrap();
        });
        assert_eq!(told.len(), 2, "{told:?}");
        assert_eq!(told[1], "recovered");
        let names = platter.list(Path::new("/state")).unwrap();
        assert_eq!(names, ["outbox.redb"], "a fault is no damage");
        on(&platter, PATIENT, async |outbox, _| {
            assert_eq!(waiting(outbox), ["office/a", "office/c"]);
            let done = ["before", "b"].map(|call| outbox.find(call)[0].phase);
            assert_eq!(done, [Phase::Settled; 2]);
        });
    }
}

#[test]
fn a_full_disk_takes_everything_once_there_is_room() {
    for room in 0..24 {
        let platter = Platter::default();
        let pace = Pace {
            disk_retry: Duration::ZERO,
            ..PATIENT
        };
        let mut held = Vec::new();
        on(&platter, pace, async |outbox, reports| {
            durable(outbox, "before").await.unwrap();
            platter.leave_room(Some(room));
            let mut call = 0;
            // Until it is full: a block is full after some five cards.
            while durable(outbox, &format!("c{call:03}")).await.is_ok() {
                outbox.finish(&keyed(&format!("c{call:03}")), &Outcome::Parked("x".into()));
                call += 1;
                assert!(call < 1_000);
            }
            outbox.accept(entry("meanwhile")).unwrap();
            platter.leave_room(None);
            let mut after = 0;
            while durable(outbox, &format!("after-{after}")).await.is_err() {
                after += 1;
                let mut progress = outbox.progress();
                progress.wait_for(|p| !p.refused).await.unwrap();
            }
            reports.comes("recovered").await;
            held = known(outbox);
        });
        on(&platter, PATIENT, async |outbox, _| {
            assert_eq!(known(outbox), held, "{room}");
            assert!(waiting(outbox).contains(&keyed("meanwhile")), "{room}");
        });
    }
}

fn known(outbox: &Outbox) -> Vec<(Key, Phase)> {
    let mut known: Vec<_> = outbox.list().iter().map(|e| (e.key(), e.phase)).collect();
    known.sort_by(|a, b| a.0.cmp(&b.0));
    known
}

#[test]
fn a_file_that_could_not_be_read_at_the_start_is_taken_up_when_it_can_be() {
    let platter = Platter::default();
    on(&platter, PATIENT, async |outbox, _| {
        for call in ["waits", "settled", "both"] {
            durable(outbox, call).await.unwrap();
        }
        outbox.finish(&keyed("settled"), &Outcome::Settled);
    });
    platter.fail(Some(Errno::EIO));
    let pace = Pace {
        disk_retry: Duration::ZERO,
        ..PATIENT
    };
    on(&platter, pace, async |outbox, reports| {
        reports.comes("error").await;
        assert!(durable(outbox, "new").await.is_err());
        outbox.accept(entry("both")).unwrap();
        outbox.finish(&keyed("both"), &Outcome::Settled);
        platter.fail(None);
        let late = outbox.found_late().await;
        assert_eq!(late.len(), 1);
        assert_eq!(late[0].0.key(), "office/waits");
        outbox.finish(&keyed("waits"), &Outcome::Settled);
        reports.comes("recovered").await;
        let again = outbox.accept(entry("settled")).err();
        assert_eq!(again, Some(Skip::Duplicate));
    });
    on(&platter, PATIENT, async |outbox, _| {
        assert_eq!(waiting(outbox), ["office/new"]);
        assert_eq!(outbox.counts().finished, 3);
        let turns: std::collections::HashSet<u64> = outbox.list().iter().map(|e| e.turn).collect();
        assert_eq!(turns.len(), 4);
    });
}

#[test]
fn a_writer_that_has_ended_is_no_proof_of_life() {
    let platter = Platter::default();
    let (outbox, writer) = Writer::open(Arc::new(platter), Path::new(PLACE));
    let runtime = runtime::Builder::new_current_thread().build().unwrap();
    drop(writer);
    assert!(!runtime.block_on(outbox.ping()));
    assert_eq!(outbox.writer_state(), WriterState::Gone);
}

#[test]
fn a_damage_is_told_for_a_while() {
    let platter = Platter::default();
    platter.put(Path::new(PLACE), b"not a database".to_vec());
    let pace = Pace {
        damage_told: Duration::ZERO,
        ..PATIENT
    };
    let told = on(&platter, pace, async |outbox, reports| {
        durable(outbox, "a").await.unwrap();
        reports.comes("past").await;
    });
    assert!(
        told[0].contains("at most 0 cards that waited are lost"),
        "{told:?}"
    );
    assert_eq!(told[1..], ["past"]);
}

#[test]
fn damage_that_shows_while_it_runs_costs_nothing() {
    let platter = Platter::default();
    let pace = Pace {
        disk_retry: Duration::ZERO,
        ..PATIENT
    };
    let told = on(&platter, pace, async |outbox, reports| {
        durable(outbox, "a").await.unwrap();
        // The disk fails, and what it comes back with is something else.
        platter.fail(Some(Errno::EIO));
        assert!(durable(outbox, "b").await.is_err());
        platter.put(Path::new(PLACE), vec![0x55; 20_000]);
        platter.fail(None);
        reports.comes("recovered").await;
    });
    assert!(told.iter().any(|t| t.starts_with("damaged")), "{told:?}");
    on(&platter, PATIENT, async |outbox, _| {
        assert_eq!(waiting(outbox), ["office/a", "office/b"]);
    });
}

fn fill(outbox: &Outbox, calls: usize, outcome: &Outcome) {
    for i in 0..calls {
        outbox.accept(entry(&format!("full-{i}"))).unwrap();
        outbox.finish(&keyed(&format!("full-{i}")), outcome);
    }
}

/// What a call a minute has the disk write: accepted, and settled with the next.
#[test]
fn a_call_a_minute_costs_the_disk_little() {
    let platter = Platter::default();
    const CALLS: u64 = 100;
    let mut written = Written::default();
    on(&platter, PATIENT, async |outbox, _| {
        fill(outbox, 1_000, &Outcome::Parked("refused".into()));
        fill_finished(outbox, FINISHED_CALLS);
        durable(outbox, "before").await.unwrap();
        let before = platter.written();
        for i in 0..CALLS {
            let call = fresh(i);
            durable(outbox, &call).await.unwrap();
            outbox.finish(&keyed(&call), &Outcome::Settled);
        }
        let after = platter.written();
        written = Written {
            bytes: (after.bytes - before.bytes) / CALLS,
            syncs: after.syncs - before.syncs,
        };
    });
    println!(
        "{} bytes a call, {} syncs for {CALLS} calls",
        written.bytes, written.syncs
    );
    assert!(written.bytes <= 32 << 10);
    assert_eq!(written.syncs, CALLS);
}

fn fill_finished(outbox: &Outbox, calls: usize) {
    for i in 0..calls as u64 {
        outbox.accept(entry(&fresh(1_000_000 + i))).unwrap();
        outbox.finish(&keyed(&fresh(1_000_000 + i)), &Outcome::Settled);
    }
}

/// As long as Hipcall's, and in no order.
fn fresh(i: u64) -> String {
    let mut dice = fastrand::Rng::with_seed(i);
    format!(
        "{:08x}-0000-4000-8000-{:012x}",
        dice.u32(..),
        dice.u64(..1 << 48)
    )
}

#[test]
fn after_a_burst_the_file_shrinks_to_its_budget() {
    let platter = Platter::default();
    let length = || platter.length(Path::new(PLACE)).unwrap();
    let pace = Pace {
        compact_rest: Duration::ZERO,
        ..PATIENT
    };
    let mut lengths = Vec::new();
    on(&platter, PATIENT, async |outbox, _| {
        let calls: Vec<String> = (0..WAITING_CARDS as u64).map(fresh).collect();
        let written = all(calls.iter().map(|c| durable(outbox, c))).await;
        assert!(written.iter().all(Result::is_ok));
        lengths.push(length());
        for call in &calls {
            outbox.finish(&keyed(call), &Outcome::Settled);
        }
    });
    lengths.push(length());
    on(&platter, pace, async |outbox, _| {
        let mut progress = outbox.progress();
        let at_work = |p: &Progress| matches!(p.state, WriterState::Committing(_));
        if length() > OUTBOX_BYTES {
            progress.wait_for(at_work).await.unwrap();
            progress.wait_for(|p| !at_work(p)).await.unwrap();
        }
        lengths.push(length());
    });
    println!("10,000 wait, all settled, compacted: {lengths:?}");
    assert!(lengths[0] > OUTBOX_BYTES, "{lengths:?}");
    assert!(lengths[2] <= OUTBOX_BYTES, "{lengths:?}");
    on(&platter, PATIENT, async |outbox, _| {
        assert_eq!(outbox.counts().finished, FINISHED_CALLS);
    });
}
