//! What is written, and how large the file is.

use super::*;
use crate::store::file::OUTBOX_BYTES;
use crate::store::outbox::{FINISHED_CALLS, WAITING_CARDS};
use crate::store::platter::Written;

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
    let length = platter.length(Path::new(PLACE)).unwrap();
    eprintln!("{length} bytes with 5,000 ended calls and 1,000 parked cards");
    eprintln!(
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
        let at_work = |p: &Progress| matches!(p.state, WriterState::Compacting(_));
        if length() > OUTBOX_BYTES {
            progress.wait_for(at_work).await.unwrap();
            progress.wait_for(|p| !at_work(p)).await.unwrap();
        }
        lengths.push(length());
    });
    eprintln!("10,000 wait, all settled, compacted: {lengths:?}");
    assert!(lengths[0] > OUTBOX_BYTES, "{lengths:?}");
    assert!(lengths[2] <= OUTBOX_BYTES, "{lengths:?}");
    let start = Instant::now();
    on(&platter, PATIENT, async |outbox, _| {
        eprintln!("opened with 5,000 ended calls in {:?}", start.elapsed());
        assert_eq!(outbox.counts().finished, FINISHED_CALLS);
    });
}
