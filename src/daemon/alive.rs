//! Whether the daemon is useful: the only reason to give systemd a sign of life.
//!
//! A made-up call has come through all that a real one needs (`flow::drill`), the threads that wait for disks
//! take work, and the outbox's writer lives. A disk that is full, or that lets the writer wait, is no reason to
//! start anew: cards go out from memory, and after a restart there would be none.

use std::time::Duration;

use tokio::time::timeout;
use tracing::{info, warn};

use crate::flow::drill::Drill;
use crate::flow::office::Flow;

/// How long a call may take that waits for nobody, and a thread to take work. Three of these are over before
/// systemd gives up.
const COMES_WITHIN: Duration = Duration::from_secs(10);

/// What the parts say.
struct Signs {
    /// Or the stage in which the made-up call was lost.
    drill: Result<(), &'static str>,
    pool: bool,
    /// Its thread answers, or waits for the disk.
    writer: bool,
}

/// Or what keeps the daemon from being useful.
fn verdict(signs: &Signs) -> Result<(), &'static str> {
    match (signs.drill, signs.pool, signs.writer) {
        (Err(stage), _, _) => Err(stage),
        (Ok(()), false, _) => Err("threads"),
        (Ok(()), true, false) => Err("writer"),
        (Ok(()), true, true) => Ok(()),
    }
}

#[derive(Default)]
pub(super) struct Life {
    drill: Drill,
    /// What was said last to be in the way.
    failing: Option<&'static str>,
}

impl Life {
    /// Asks every part; tells the log once when one fails and when all are well again.
    pub(super) async fn shows(&mut self, flow: &Flow) -> bool {
        self.shows_within(flow, COMES_WITHIN).await
    }

    async fn shows_within(&mut self, flow: &Flow, within: Duration) -> bool {
        // A box that is not set up has no calls to make up.
        let drill = match flow.office.load().accounts.is_empty() {
            true => Ok(()),
            false => self.drill.run(flow, within).await,
        };
        // Only after the drill, which has seen that nobody keeps the outbox's index to himself.
        let (pool, writer) = match drill {
            Ok(()) => tokio::join!(pool(flow, within), writer(flow, within)),
            Err(_) => (false, false),
        };
        let failing = verdict(&Signs {
            drill,
            pool,
            writer,
        })
        .err();
        if failing != self.failing {
            match failing {
                Some(part) => {
                    let event_id = "no-sign-of-life";
                    warn!(event_id, part, "a made-up call did not come through");
                }
                None => info!("made-up calls come through again"),
            }
            self.failing = failing;
        }
        failing.is_none()
    }
}

async fn pool(flow: &Flow, within: Duration) -> bool {
    matches!(
        timeout(within, flow.tasks.blocking(|| ())).await,
        Ok(Ok(()))
    )
}

async fn writer(flow: &Flow, within: Duration) -> bool {
    timeout(within, flow.outbox.ping()).await == Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::daemon::Daemon;
    use crate::demo::office::Office as MadeUp;
    use crate::flow::drill::{CALL, Stages};
    use crate::flow::office::Office;
    use crate::status::Status;
    use crate::store::outbox::Outbox;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// Nothing here takes so long; a test that waits so long has failed.
    const PATIENCE: Duration = Duration::from_secs(20);
    /// For what never comes.
    const SHORT: Duration = Duration::from_millis(50);

    struct Running {
        daemon: Daemon,
        _directory: tempfile::TempDir,
    }

    async fn running() -> Running {
        let directory = tempfile::tempdir().unwrap();
        let made_up = MadeUp::in_directory(directory.path()).unwrap();
        made_up
            .configure("https://127.0.0.1:9", "127.0.0.1:0")
            .unwrap();
        let config = Config::load(&made_up.config_path()).unwrap();
        let daemon = Daemon::start(config, None).await.unwrap();
        Running {
            daemon,
            _directory: directory,
        }
    }

    /// The sources are read at the start, by tasks of their own.
    async fn with_contacts() -> Running {
        let running = running().await;
        let synced = async {
            let office = running.daemon.flow().office.load_full();
            while office.feeds.iter().any(|f| f.shelf.current().is_none()) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(PATIENCE, synced).await.unwrap();
        running
    }

    fn life(stages: Stages) -> Life {
        Life {
            drill: Drill::new(stages),
            failing: None,
        }
    }

    fn hang(released: &AtomicBool) {
        while !released.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// What a made-up call must not change.
    fn counted(status: &Status) -> String {
        let accounts = &status.accounts;
        format!("{accounts:?} {:?} {:?}", status.webhook, status.outbox)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_made_up_call_comes_through_and_leaves_nothing_behind() {
        for office in [running().await, with_contacts().await] {
            let flow = office.daemon.flow();
            let mut life = Life::default();
            let before = counted(&flow.status());
            for _ in 0..3 {
                assert!(
                    life.shows_within(flow, PATIENCE).await,
                    "{:?}",
                    life.failing
                );
            }
            let after = counted(&flow.status());
            assert_eq!(before, after);
            assert!(flow.outbox.list().is_empty() && flow.outbox.find(CALL).is_empty());
            office.daemon.stop().await;
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_stage_that_fails_is_named_and_a_later_call_may_come_through() {
        let office = with_contacts().await;
        let flow = office.daemon.flow();
        let good = Stages::default();
        let broken: [(&str, Stages); 6] = [
            (
                "event",
                Stages {
                    event: |_, _| panic!("scripted"),
                    ..good
                },
            ),
            (
                "event",
                Stages {
                    event: |_, _| Err(crate::webhook::Unreadable::NotJson),
                    ..good
                },
            ),
            (
                "lookup",
                Stages {
                    lookup: |_, _, _| panic!("scripted"),
                    ..good
                },
            ),
            (
                "card",
                Stages {
                    card: |_, _| panic!("scripted"),
                    ..good
                },
            ),
            (
                "outbox",
                Stages {
                    outbox: |_, _| panic!("scripted"),
                    ..good
                },
            ),
            (
                "outbox",
                Stages {
                    outbox: |_, _| false,
                    ..good
                },
            ),
        ];
        for (stage, stages) in broken {
            let mut life = life(stages);
            assert!(!life.shows_within(flow, PATIENCE).await);
            assert_eq!(life.failing, Some(stage));
            life.drill = Drill::default();
            assert!(life.shows_within(flow, PATIENCE).await);
            assert_eq!(life.failing, None);
        }
        office.daemon.stop().await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_lookup_that_hangs_takes_one_thread_and_ends_the_signs_of_life() {
        static RELEASED: AtomicBool = AtomicBool::new(false);
        let office = with_contacts().await;
        let flow = office.daemon.flow();
        let mut life = life(Stages {
            lookup: |flow, office: &Office, caller| {
                crate::tasks::Tasks::in_place(|| hang(&RELEASED));
                flow.find(office, caller)
            },
            ..Stages::default()
        });
        for _ in 0..3 {
            assert!(!life.shows_within(flow, SHORT).await);
            assert_eq!(life.failing, Some("lookup"));
        }
        RELEASED.store(true, Ordering::Relaxed);
        assert!(life.shows_within(flow, PATIENCE).await);
        office.daemon.stop().await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 3)]
    async fn an_index_that_is_never_let_go_of_ends_the_signs_of_life() {
        let office = with_contacts().await;
        let flow = office.daemon.flow();
        let mut life = Life::default();
        let outbox = flow.outbox.clone();
        let held = Arc::new(AtomicBool::new(false));
        let (is_held, let_go) = (held.clone(), Arc::new(AtomicBool::new(false)));
        let holder = let_go.clone();
        let thread = std::thread::spawn(move || {
            outbox.hold(|| {
                is_held.store(true, Ordering::Relaxed);
                hang(&holder);
            });
        });
        hang(&held);
        assert!(!life.shows_within(flow, SHORT).await);
        assert_eq!(life.failing, Some("outbox"));
        let_go.store(true, Ordering::Relaxed);
        thread.join().unwrap();
        assert!(life.shows_within(flow, PATIENCE).await);
        office.daemon.stop().await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_writer_that_is_gone_ends_the_signs_of_life() {
        let office = running().await;
        let mut flow = office.daemon.flow().clone();
        flow.outbox = Arc::new(Outbox::in_memory());
        let mut life = Life::default();
        assert!(!life.shows_within(&flow, PATIENCE).await);
        assert_eq!(life.failing, Some("writer"));
        office.daemon.stop().await;
    }

    #[test]
    fn any_part_but_a_waiting_disk_is_in_the_way() {
        let signs = |drill, pool, writer| {
            verdict(&Signs {
                drill,
                pool,
                writer,
            })
        };
        assert_eq!(signs(Ok(()), true, true), Ok(()));
        assert_eq!(signs(Ok(()), true, false), Err("writer"));
        assert_eq!(signs(Ok(()), false, true), Err("threads"));
        assert_eq!(signs(Err("card"), true, true), Err("card"));
    }
}
