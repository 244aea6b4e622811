//! A disk that stalls, fails, is full, or comes back as something else.

use nix::errno::Errno;

use super::*;

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
