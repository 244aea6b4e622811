//! An office with a running daemon and a Hipcall to itself; tests read as what happens in it.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

use ringcard::config::Config;
use ringcard::daemon::Daemon;
use ringcard::demo::hipcall::{Posted, RATE_LIMIT, StandIn, StandInSettings, User};
use ringcard::demo::office::Office as MadeUp;
use ringcard::demo::panel::{CallShape, Panel, Sent, call_hangup, call_init, fresh_uuid};
use ringcard::domain::call::{Direction, Skip};
use ringcard::domain::deadline::Moment;
use ringcard::flow::office::Flow;
use ringcard::flow::report::Report;
use ringcard::flow::sync::{Memory, Order, sync};
use ringcard::status::Status;
use ringcard::system::clock::Clock;
use ringcard::system::control::{ControlError, Request, ask};
use ringcard::webhook::Handed;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub const CUSTOMER: &str = "+905325550101";
pub const OFFICE: &str = "+908505550100";
/// Longer than anything here takes; a test that waits so long has failed.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct Office {
    pub hipcall: StandIn,
    pub made_up: MadeUp,
    /// What the next start lives by.
    pub clock: Clock,
    running: Option<Running>,
    _directory: Option<tempfile::TempDir>,
}

struct Running {
    flow: Flow,
    address: String,
    stop: oneshot::Sender<()>,
    reload: Arc<Notify>,
    task: JoinHandle<Result<(), String>>,
    panel: Panel,
}

impl Office {
    /// An office whose daemon runs and has read its contacts.
    pub async fn open() -> Office {
        Office::with(|config| config).await
    }

    /// The same with another configuration.
    pub async fn with(change: impl FnOnce(String) -> String) -> Office {
        let mut office = Office::closed().await;
        office.configure(change);
        office.start().await;
        office
    }

    /// An office with files and a Hipcall, and no daemon yet.
    pub async fn closed() -> Office {
        Office::closed_with(Vec::new()).await
    }

    /// The same with users in its Hipcall.
    pub async fn closed_with(users: Vec<User>) -> Office {
        let directory = tempfile::tempdir().unwrap();
        let made_up = MadeUp::in_directory(directory.path()).unwrap();
        let hipcall = StandIn::start(StandInSettings {
            listen: "127.0.0.1:0".parse().unwrap(),
            token: made_up.token.clone(),
            latency: Duration::ZERO,
            identity: Some(made_up.identity.clone()),
            rate_limit: RATE_LIMIT,
            users,
        })
        .await
        .unwrap();
        made_up
            .configure(&hipcall.node_url(), "127.0.0.1:0")
            .unwrap();
        Office {
            hipcall,
            made_up,
            clock: Clock::of_the_system(),
            running: None,
            _directory: Some(directory),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.made_up.directory.join(name)
    }

    /// As an operator replaces it: beside, then by its name at once.
    pub fn write_token(&self, token: &str) {
        use std::os::unix::fs::PermissionsExt;
        let beside = self.path("token.new");
        std::fs::write(&beside, token).unwrap();
        std::fs::set_permissions(&beside, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::rename(&beside, self.path("token")).unwrap();
    }

    pub fn configure(&self, change: impl FnOnce(String) -> String) {
        let path = self.made_up.config_path();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, change(text)).unwrap();
    }

    pub async fn start(&mut self) {
        self.start_unsynced().await;
        self.sync().await.unwrap();
    }

    /// Starts without insisting that the contacts can be read.
    pub async fn start_unsynced(&mut self) {
        let config = Config::load(&self.made_up.config_path()).unwrap();
        let path = self.made_up.config_path();
        let clock = self.clock.clone();
        let daemon = Daemon::start_by(clock, config, Some(path), Handed::default())
            .await
            .unwrap();
        let port = daemon.addresses().first().unwrap().port();
        let address = format!("localhost:{port}");
        let flow = daemon.flow().clone();
        let panel = panel(&self.made_up, &address);
        let (stop, stopped) = oneshot::channel::<()>();
        let reload = Arc::new(Notify::new());
        let asked = reload.clone();
        let task = tokio::spawn(async move {
            let stop = async { drop(stopped.await) };
            daemon.run(stop, &asked).await
        });
        self.running = Some(Running {
            flow,
            address,
            stop,
            reload,
            task,
            panel,
        });
    }

    pub async fn stop(&mut self) {
        let running = self.running.take().unwrap();
        running.stop.send(()).unwrap();
        running.task.await.unwrap().unwrap();
    }

    pub async fn restart(&mut self) {
        self.stop().await;
        self.start().await;
    }

    fn running(&self) -> &Running {
        self.running.as_ref().expect("the daemon runs")
    }

    pub fn panel(&self) -> &Panel {
        &self.running().panel
    }

    pub fn address(&self) -> &str {
        &self.running().address
    }

    pub fn hook(&self) -> String {
        format!(
            "https://{}/hooks/{}",
            self.address(),
            self.made_up.webhook_secret
        )
    }

    pub fn certificate(&self) -> String {
        std::fs::read_to_string(self.made_up.daemon_certificate()).unwrap()
    }

    /// Reads the configuration anew, as SIGHUP does, and waits until that is done.
    pub async fn reload(&self) {
        let before = self.status().reloads;
        self.running().reload.notify_one();
        self.until(|status| status.reloads > before).await;
    }

    pub async fn ask<T: DeserializeOwned>(&self, request: Request) -> Result<T, ControlError> {
        ask(&self.path("run/control.sock"), &request, |_| {}).await
    }

    /// Runs a command of the program itself, with this office's configuration.
    pub async fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringcard"));
        command.env_remove("NOTIFY_SOCKET").arg("--config");
        command.arg(self.made_up.config_path()).args(arguments);
        let output = command.kill_on_drop(true).output();
        let output = tokio::time::timeout(PATIENCE, output).await;
        output.unwrap().unwrap()
    }

    pub async fn sync(&self) -> Result<Vec<Report>, ControlError> {
        self.ask(Request::Sync {
            source: None,
            accept: false,
            full: false,
        })
        .await
    }

    /// Publishes what the sources hold, whatever the guards say of it.
    pub async fn accept(&self) -> Vec<Report> {
        let request = Request::Sync {
            source: None,
            accept: true,
            full: false,
        };
        self.ask(request).await.unwrap()
    }

    /// As its schedule would have the first source read.
    pub async fn sync_by(&self, order: Order) -> Report {
        let flow = self.running().flow.clone();
        let work = move || {
            let feed = &flow.office.load().feeds[0];
            let (memory, halt) = (Memory::default(), CancellationToken::new());
            sync(feed, &memory, &flow.witnesses(), order, &halt, &mut |_| {})
        };
        tokio::task::spawn_blocking(work).await.unwrap().unwrap()
    }

    pub fn now(&self) -> Moment {
        self.running().flow.clock.now()
    }

    pub fn status(&self) -> Status {
        self.running().flow.status()
    }

    pub fn skipped(&self, skip: Skip) -> u64 {
        self.status().accounts["demo"]
            .skipped
            .get(&skip)
            .copied()
            .unwrap_or(0)
    }

    pub fn alarm(&self, subject: &str) -> Option<String> {
        let alarms = self.status().alarms;
        let mut alarms = alarms.iter();
        alarms
            .find(|a| a.subject == subject)
            .map(|a| a.what.clone())
    }

    /// A call comes in; returns its id once the webhook was answered with 200.
    pub async fn call(&self, number: &str) -> String {
        let call = fresh_uuid();
        self.hipcall.ring(&call);
        self.send(&inbound(&call, Some(number))).await;
        call
    }

    /// Hipcall tells of an event, and must get its 200.
    pub async fn send(&self, event: &Value) {
        match self.panel().send(event).await {
            Sent::Answered { status: 200, .. } => {}
            other => panic!("{other:?} for {event}"),
        }
    }

    /// The card that the agent sees, as `label: text` lines.
    pub async fn card(&self, call: &str) -> Vec<String> {
        match self.hipcall.wait_for_card(call, PATIENCE).await {
            Some(card) => lines(&card),
            None => panic!(
                "no card came for call {call}: {:?}",
                self.hipcall.requests()
            ),
        }
    }

    /// The same without the times of day that balances are of: no test knows those beforehand.
    pub async fn timeless_card(&self, call: &str) -> Vec<String> {
        let lines = self.card(call).await.into_iter();
        let is_time = |end: &str| end.starts_with("as of ") || end.ends_with(" itibarıyla");
        let timeless = lines.map(|line| match line.rsplit_once(", ") {
            Some((start, end)) if is_time(end) => start.to_owned(),
            _ => line,
        });
        timeless.collect()
    }

    /// All cards sent for a call, once everything under way has ended.
    pub async fn cards(&self, call: &str) -> usize {
        self.settled().await;
        self.hipcall.cards(call).len()
    }

    /// Waits until no card waits.
    pub async fn settled(&self) {
        self.until(|status| status.outbox.waiting == 0).await;
    }

    /// Waits until the status is as wanted.
    pub async fn until(&self, wanted: impl Fn(&Status) -> bool) {
        let reached = async {
            while !wanted(&self.status()) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, reached).await.is_err() {
            panic!("not reached: {:#?}", self.status());
        }
    }
}

pub fn panel(made_up: &MadeUp, address: &str) -> Panel {
    let url = format!("https://{address}/hooks/{}", made_up.webhook_secret);
    let trust = std::fs::read_to_string(made_up.daemon_certificate()).unwrap();
    Panel::new(&url, &trust).unwrap()
}

pub fn inbound(call: &str, number: Option<&str>) -> Value {
    shape(call, Direction::Inbound, number, Some(OFFICE), None)
}

pub fn outbound(call: &str, number: &str) -> Value {
    shape(
        call,
        Direction::Outbound,
        Some(OFFICE),
        Some(number),
        Some(1121),
    )
}

pub fn shape(
    call: &str,
    direction: Direction,
    caller: Option<&str>,
    callee: Option<&str>,
    user_id: Option<i64>,
) -> Value {
    let (caller_number, callee_number) = (caller, callee);
    call_init(&CallShape {
        uuid: call,
        direction,
        caller_number,
        callee_number,
        user_id,
    })
}

pub fn hangup(call: &str) -> Value {
    call_hangup(&CallShape {
        uuid: call,
        direction: Direction::Inbound,
        caller_number: Some(CUSTOMER),
        callee_number: Some(OFFICE),
        user_id: None,
    })
}

/// The short form of Hipcall's marketing page.
pub fn short_form(call: &str, number: &str) -> Value {
    json!({"event": "call_init", "data": {
        "uuid": call, "caller_number": number, "callee_number": OFFICE,
        "callee_extension_id": 1042, "started_at": "2026-09-01T10:41:00Z"
    }})
}

pub fn lines(card: &Posted) -> Vec<String> {
    let text = |row: &Value, key: &str| row[key].as_str().map(str::to_owned);
    let rows = card.rows.as_array().unwrap().iter();
    rows.map(|row| {
        let said = text(row, "text").unwrap_or_else(|| row["user_id"].to_string());
        text(row, "label").map_or(said.clone(), |label| format!("{label}: {said}"))
    })
    .collect()
}

/// Replaces the contacts as an export would: beside, then by its name at once.
pub fn export(path: &Path, rows: &[&str]) {
    let mut text = "Cari Kodu;Ad Soyad;Firma;Cep;Telefon;Bakiye;Döviz;E-posta\n".to_owned();
    rows.iter()
        .for_each(|row| text.push_str(&format!("{row}\n")));
    let beside = path.with_extension("tmp");
    std::fs::write(&beside, text).unwrap();
    std::fs::rename(&beside, path).unwrap();
}
