//! Everything at once: calls, faults of every kind and kills as a seed has planned them, then the judgement.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ringcard::demo::hipcall::{StandIn, StandInSettings};
use ringcard::demo::panel::fresh_uuid;
use ringcard::store::outbox::Phase;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::fate::{Life, Ms, Stretch, Trouble};
use super::gather::{Heard, gather};
use super::office::{self, CONTACTS, MACHINE, Office, Setting, Told, hangup, init};
use super::oracle::judge;
use super::plan::{Caller, Measure, Plan, Who};
use super::process::{occupied_kib, resident_kib};
use super::shim::Field;
use super::summary::{self, Sample};

/// A card's time in a run: short, so that a short run sees cards expire.
const DEADLINE: Duration = Duration::from_secs(15);
/// How often the daemon is asked what became of its cards, which it remembers for some thousand calls.
const ASK_EVERY: Duration = Duration::from_secs(2);
const SAMPLE_EVERY: Duration = Duration::from_secs(1);

/// What a run has seen so far.
#[derive(Default)]
pub struct Seen {
    pub calls: Vec<Heard>,
    pub troubles: Vec<Stretch>,
    pub lives: Vec<Life>,
    pub said: std::collections::HashMap<String, super::fate::Said>,
    pub samples: Vec<Sample>,
    /// From the kill's start to the readiness, and whether the disk was bad meanwhile.
    pub restarts: Vec<(Duration, bool)>,
    pub log: Vec<String>,
}

pub struct Run {
    pub office: Office,
    pub began: Instant,
    pub seen: Mutex<Seen>,
    /// Where redirects lead, and nothing should ever come.
    pub elsewhere: StandIn,
}

pub fn number_of(name: &str, otherwise: u64) -> u64 {
    let value = std::env::var(format!("RINGCARD_FAULTS_{name}")).ok();
    value.map_or(otherwise, |text| text.parse().expect("a number"))
}

fn measure() -> Measure {
    let kinds = std::env::var("RINGCARD_FAULTS_KINDS").unwrap_or_default();
    Measure {
        seconds: number_of("SECONDS", 25),
        rate: number_of("RATE", 10),
        kill_every: number_of("KILL_EVERY", 8),
        kinds: kinds
            .split([',', ' '])
            .filter(|kind| !kind.is_empty())
            .map(str::to_owned)
            .collect(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_accepted_event_has_an_allowed_fate_among_mixed_faults() {
    let _alone = MACHINE.write().await;
    let seed = number_of("SEED", fastrand::u64(..1_000_000));
    let measure = measure();
    println!("seed {seed}, {measure:?}");
    let plan = Plan::new(seed, &measure, CONTACTS);
    let run = Arc::new(Run::begin().await);
    run.play(&plan).await;
    let history = gather(&run, DEADLINE).await;
    let mut judgement = judge(&history);
    judgement
        .violations
        .extend(summary::swollen(&run.seen.lock().await.samples));
    let followed = run.elsewhere.requests().len();
    if followed > 0 {
        let what = format!("{followed} requests followed a redirect");
        judgement.violations.push(what);
    }
    let table = summary::table(
        seed,
        &measure,
        &history,
        &judgement,
        &*run.seen.lock().await,
    );
    println!("{table}");
    summary::save("summary.txt", &table);
    if !judgement.violations.is_empty() {
        let kept = run.keep(seed, &table, &judgement.violations).await;
        panic!(
            "{} violations; {}",
            judgement.violations.len(),
            kept.display()
        );
    }
}

impl Run {
    async fn begin() -> Run {
        let card = std::env::var("RINGCARD_FAULTS_CARD").unwrap_or_default();
        let setting = Setting {
            deadline: DEADLINE,
            card,
            ..Setting::default()
        };
        let office = Office::closed(setting).await;
        let elsewhere = StandIn::start(StandInSettings {
            listen: "127.0.0.1:0".parse().unwrap(),
            token: "another".into(),
            latency: Duration::ZERO,
            // Signed by whom the daemon trusts: nothing but its own caution keeps the token from there.
            identity: Some(office.authority.identity(office::YEARS).unwrap()),
            rate_limit: 1_000_000,
            users: Vec::new(),
        });
        let elsewhere = elsewhere.await.unwrap();
        let (began, seen) = (Instant::now(), Mutex::default());
        Run {
            office,
            began,
            seen,
            elsewhere,
        }
    }

    pub fn ms(&self, at: Instant) -> Ms {
        let since = at.saturating_duration_since(self.began);
        Ms::try_from(since.as_millis()).unwrap()
    }

    pub fn now(&self) -> Ms {
        self.ms(Instant::now())
    }

    pub async fn log(&self, what: impl std::fmt::Display) {
        let line = format!("{:>8} {what}", self.now());
        self.seen.lock().await.log.push(line);
    }

    pub async fn until(&self, at: Ms) {
        let at = self.began + Duration::from_millis(at);
        tokio::time::sleep_until(at.into()).await;
    }

    pub async fn trouble(&self, what: Trouble, from: Ms) {
        let to = self.now();
        self.log(format!("{what:?} from {from}")).await;
        self.seen
            .lock()
            .await
            .troubles
            .push(Stretch { what, from, to });
    }

    async fn play(self: &Arc<Run>, plan: &Plan) {
        self.office.start().await;
        let ready = self.now();
        self.seen.lock().await.lives.push(Life {
            ready,
            end: Ms::MAX,
        });
        let mut watching = JoinSet::new();
        let run = self.clone();
        watching.spawn(async move { run.ask_again_and_again().await });
        let run = self.clone();
        watching.spawn(async move { run.sample().await });
        let mut playing = JoinSet::new();
        let (run, happenings) = (self.clone(), plan.happenings.clone());
        playing.spawn(async move { run.misfortune(&happenings).await });
        let (run, kills) = (self.clone(), plan.kills.clone());
        playing.spawn(async move { run.kills(&kills).await });
        for caller in plan.calls.clone() {
            let run = self.clone();
            playing.spawn(async move { run.call(&caller).await });
        }
        while let Some(played) = playing.join_next().await {
            played.unwrap();
        }
        self.log("the last call has ended").await;
        // What is still waiting has time until its deadline, and a moment for its last try.
        let settled = async {
            while self.office.status().await.outbox.waiting > 0 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let longest = DEADLINE + ringcard::hipcall::REQUEST_TIME;
        if tokio::time::timeout(longest, settled).await.is_err() {
            self.log("cards still wait").await;
        }
        self.listen().await;
        watching.shutdown().await;
    }

    async fn call(&self, caller: &Caller) {
        self.until(caller.at).await;
        let number = match caller.who {
            Who::Contact(contact) => office::number(contact),
            Who::Stranger(n) => office::strange_number(n),
        };
        let id = fresh_uuid();
        self.office.hipcall.ring(&id);
        let told = self.office.send(&init(&id, &number)).await;
        let ended = match caller.lasts {
            Some(lasts) => {
                self.until(caller.at + lasts).await;
                self.office.hipcall.hang_up(&id);
                Some(self.office.send(&hangup(&id, &number)).await)
            }
            None => None,
        };
        let mut seen = self.seen.lock().await;
        let line = |what: &str, told: &Told| {
            let (at, took) = (self.ms(told.at), told.took().as_millis());
            format!("{at:>8} {what} {id} {:?} in {took} ms", told.status)
        };
        let ended_line = ended.as_ref().map(|told| line("hangup", told));
        seen.log.push(line("init", &told));
        seen.log.extend(ended_line);
        let who = caller.who;
        seen.calls.push(Heard {
            id,
            who,
            told,
            ended,
        });
    }

    async fn kills(&self, kills: &[Ms]) {
        for at in kills {
            self.until(*at).await;
            let from = self.now();
            self.seen.lock().await.lives.last_mut().unwrap().end = from;
            self.office.kill().await;
            let bad = self.disk_is_bad();
            let took = self.office.start().await;
            let bad = bad || self.disk_is_bad();
            let ready = self.now();
            self.trouble(Trouble::Killed, from).await;
            let mut seen = self.seen.lock().await;
            seen.lives.push(Life {
                ready,
                end: Ms::MAX,
            });
            seen.restarts.push((took, bad));
        }
    }

    fn disk_is_bad(&self) -> bool {
        use Field::{OpenErrno, Stall, SyncErrno, WriteErrno};
        let fields = [WriteErrno, SyncErrno, OpenErrno, Stall];
        fields
            .iter()
            .any(|field| self.office.shim.read(*field) != 0)
    }

    async fn ask_again_and_again(&self) {
        loop {
            tokio::time::sleep(ASK_EVERY).await;
            self.listen().await;
        }
    }

    /// Notes what the daemon says has become of its cards.
    async fn listen(&self) {
        let Ok(entries) = self.office.entries().await else {
            return;
        };
        let mut seen = self.seen.lock().await;
        // What waited before and is not there any more has come to no end, whatever was said then.
        seen.said.retain(|_, said| said.phase != Phase::Waiting);
        for entry in entries {
            let said = super::fate::Said {
                phase: entry.phase,
                why: entry.why,
                has_reason: entry.reason.is_some_and(|reason| !reason.is_empty()),
            };
            seen.said.insert(entry.call.to_string(), said);
        }
    }

    async fn sample(&self) {
        loop {
            tokio::time::sleep(SAMPLE_EVERY).await;
            let at = self.now();
            let mut seen = self.seen.lock().await;
            let ready = seen.lives.last().map_or(0, |life| life.ready);
            if let Some(rss) = resident_kib(self.office.pid()) {
                seen.samples.push(Sample {
                    age: at.saturating_sub(ready),
                    rss,
                    state: occupied_kib(&self.office.state),
                });
            }
        }
    }

    /// Keeps all there is to say about a run that failed, and says where.
    async fn keep(&self, seed: u64, table: &str, violations: &[String]) -> std::path::PathBuf {
        let mut seen = self.seen.lock().await;
        seen.log.sort();
        let requests = self.office.hipcall.requests().into_iter().map(|request| {
            let (at, fault) = (self.ms(request.when), request.fault);
            let (method, path, status) = (request.method, request.path, request.status);
            format!("{at:>8} {method} {path} {status:?} {fault:?}")
        });
        let mut log: Vec<String> = seen.log.iter().cloned().chain(requests).collect();
        log.sort();
        let parts = [
            violations.join("\n"),
            table.to_owned(),
            log.join("\n"),
            self.office.log(),
        ];
        summary::save(&format!("seed-{seed}.txt"), &parts.join("\n\n"))
    }
}
