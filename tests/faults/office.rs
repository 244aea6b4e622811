//! An office with a daemon of its own, a Hipcall that can fail, and contacts whose names tell their numbers.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use ringcard::demo::hipcall::{Posted, StandIn, StandInSettings};
use ringcard::demo::identity::Authority;
use ringcard::demo::office::Office as MadeUp;
use ringcard::demo::panel::{CallShape, Panel, Sent, call_hangup, call_init, fresh_uuid};
use ringcard::domain::call::{CallId, Direction};
use ringcard::status::{AlarmId, Status};
use ringcard::store::outbox::Entry;
use ringcard::system::control::{ControlError, Request, ask};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::{RwLock, RwLockReadGuard};

use super::process::{Place, Process, ringcard};
use super::shim::Shim;

/// Longer than anything here takes; a test that waits so long has failed.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// The key of a card's time in `[card]`.
const DEADLINE_KEY: &str = "deadline";
/// Contacts of the office, with the numbers 0 to one less.
pub const CONTACTS: usize = 500;
const LINE: &str = "+908505550100";
/// No test here is about the limit of requests, but the one that scripts a 429.
const RATE_LIMIT: u32 = 1_000_000;
/// Years in which the node's certificate is valid, unless a test says otherwise.
pub const YEARS: std::ops::Range<i32> = 1970..3000;

/// Single faults share the machine; what measures has it to itself.
pub static MACHINE: RwLock<()> = RwLock::const_new(());

pub struct Setting {
    pub deadline: Duration,
    /// Further lines of `[card]`.
    pub card: String,
    pub years: std::ops::Range<i32>,
    /// Where the state is, if not in the office's own directory.
    pub state: Option<PathBuf>,
}

impl Default for Setting {
    fn default() -> Setting {
        Setting {
            deadline: Duration::from_secs(90),
            card: String::new(),
            years: YEARS,
            state: None,
        }
    }
}

pub struct Office {
    pub hipcall: StandIn,
    pub authority: Authority,
    pub shim: Shim,
    pub state: PathBuf,
    made_up: MadeUp,
    panel: Panel,
    process: tokio::sync::Mutex<Option<Process>>,
    pid: Mutex<i32>,
    directory: tempfile::TempDir,
}

/// How an event went.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    pub at: Instant,
    pub end: Instant,
    /// None if nothing answered.
    pub status: Option<u16>,
}

impl Told {
    pub fn took(&self) -> Duration {
        self.end - self.at
    }
}

pub fn number(contact: usize) -> String {
    format!("+90532555{contact:04}")
}

pub fn name(contact: usize) -> String {
    format!("Deneme Kişi {contact:04}")
}

/// A number that no contact has.
pub fn strange_number(n: usize) -> String {
    format!("+90216333{n:04}")
}

/// Whose name is on a card; nothing if none of ours.
pub fn name_on(rows: &Value) -> Option<&str> {
    let mut rows = rows.as_array()?.iter();
    rows.find_map(|row| row["text"].as_str().filter(|t| t.starts_with("Deneme ")))
}

impl Office {
    /// An office whose daemon runs and has read its contacts, beside others on this machine.
    pub async fn open(setting: Setting) -> (Office, RwLockReadGuard<'static, ()>) {
        let machine = MACHINE.read().await;
        let office = Office::closed(setting).await;
        office.start().await;
        (office, machine)
    }

    /// An office with files and a Hipcall, whose daemon has run once and does not run now.
    pub async fn closed(setting: Setting) -> Office {
        let directory = tempfile::tempdir().unwrap();
        let made_up = MadeUp::in_directory(directory.path()).unwrap();
        let authority = Authority::generate().unwrap();
        let identity = authority.identity(setting.years.clone()).unwrap();
        std::fs::write(directory.path().join("hipcall-ca.pem"), &identity.ca_pem).unwrap();
        let hipcall = StandIn::start(StandInSettings {
            listen: "127.0.0.1:0".parse().unwrap(),
            token: made_up.token.clone(),
            latency: Duration::ZERO,
            identity: Some(identity),
            rate_limit: RATE_LIMIT,
            users: Vec::new(),
        })
        .await
        .unwrap();
        let state = setting.state.clone();
        let state = state.unwrap_or_else(|| directory.path().join("state"));
        let port = free_port();
        configure(&made_up, &setting, &hipcall, port, &state);
        export(directory.path(), CONTACTS);
        let config = made_up.config_path();
        let read = ringcard(&config).arg("sync").output().await.unwrap();
        assert!(read.status.success(), "{read:?}");
        // The first start makes the certificate that the panel is to trust.
        let shim = Shim::new(directory.path().join("shim"));
        let mut first = Process::start(&Place {
            config: &config,
            directory: directory.path(),
            state: &state,
            shim: &shim,
        });
        first.ready().await;
        first.stopped().await;
        let trust = std::fs::read_to_string(state.join("self-signed.crt")).unwrap();
        let url = format!("https://localhost:{port}/hooks/{}", made_up.webhook_secret);
        Office {
            hipcall,
            authority,
            shim,
            state,
            made_up,
            panel: Panel::new(&url, &trust).unwrap(),
            process: tokio::sync::Mutex::default(),
            pid: Mutex::default(),
            directory,
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Starts the daemon and tells how long that took.
    pub async fn start(&self) -> Duration {
        let mut process = self.begin();
        let took = process.ready().await;
        *self.process.lock().await = Some(process);
        took
    }

    /// Starts a daemon that nobody waits for.
    pub fn begin(&self) -> Process {
        let process = Process::start(&Place {
            config: &self.made_up.config_path(),
            directory: self.directory.path(),
            state: &self.state,
            shim: &self.shim,
        });
        *self.pid.lock().unwrap() = process.pid;
        process
    }

    pub async fn kill(&self) {
        let process = self.process.lock().await.take();
        process.expect("the daemon runs").killed().await;
    }

    pub async fn stop(&self) {
        let process = self.process.lock().await.take();
        process.expect("the daemon runs").stopped().await;
    }

    pub async fn signal(&self, signal: nix::sys::signal::Signal) {
        if let Some(process) = &*self.process.lock().await {
            process.signal(signal);
        }
    }

    pub fn pid(&self) -> i32 {
        *self.pid.lock().unwrap()
    }

    /// What the daemon had to say since the office opened.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("daemon.log")).unwrap_or_default()
    }

    /// Hipcall tells of an event, once.
    pub async fn send(&self, event: &Value) -> Told {
        let at = Instant::now();
        let status = loop {
            match self.panel.send(event).await {
                Sent::Answered { status, .. } => break Some(status),
                // A person is there who re-activates it: the kills here are meant.
                Sent::NotSentBroken => self.panel.reactivate(),
                Sent::TimedOut | Sent::Failed(_) => break None,
            }
        };
        let end = Instant::now();
        Told { at, end, status }
    }

    /// A call comes in, and is answered with 200.
    pub async fn call(&self, contact: usize) -> String {
        let call = fresh_uuid();
        self.hipcall.ring(&call);
        let told = self.send(&init(&call, &number(contact))).await;
        assert_eq!(told.status, Some(200));
        call
    }

    pub async fn hang_up(&self, call: &str, contact: usize) {
        self.hipcall.hang_up(call);
        let told = self.send(&hangup(call, &number(contact))).await;
        assert_eq!(told.status, Some(200));
    }

    /// The card that the agent sees.
    pub async fn card(&self, call: &str) -> Posted {
        match self.hipcall.wait_for_card(call, PATIENCE).await {
            Some(card) => card,
            None => panic!(
                "no card for {call}: {:?}\n{}",
                self.entry(call).await,
                self.log()
            ),
        }
    }

    pub async fn ask<T: DeserializeOwned>(&self, request: Request) -> Result<T, ControlError> {
        ask(&self.path("run/control.sock"), &request, |_| {}).await
    }

    pub async fn status(&self) -> Status {
        self.ask(Request::Status).await.unwrap()
    }

    pub async fn entries(&self) -> Result<Vec<Entry>, ControlError> {
        self.ask(Request::OutboxList).await
    }

    pub async fn entry(&self, call: &str) -> Option<Entry> {
        let id = CallId::parse(call)?;
        let entries = self.entries().await.unwrap_or_default();
        entries.into_iter().find(|entry| entry.call == id)
    }

    /// Waits until the daemon says that a call's card has come to such an end.
    pub async fn until_entry(&self, call: &str, wanted: impl Fn(&Entry) -> bool) -> Entry {
        let reached = async {
            loop {
                match self.entry(call).await {
                    Some(entry) if wanted(&entry) => return entry,
                    _ => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        };
        match tokio::time::timeout(PATIENCE, reached).await {
            Ok(entry) => entry,
            Err(_) => panic!("not reached: {:?}\n{}", self.entry(call).await, self.log()),
        }
    }

    /// Waits until the status is as wanted.
    pub async fn until(&self, wanted: impl Fn(&Status) -> bool) -> Status {
        let reached = async {
            loop {
                let status = self.status().await;
                if wanted(&status) {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        match tokio::time::timeout(PATIENCE, reached).await {
            Ok(status) => status,
            Err(_) => panic!("not reached: {:#?}\n{}", self.status().await, self.log()),
        }
    }

    /// Waits until such an alarm stands, and gives what it says.
    pub async fn alarmed(&self, id: AlarmId) -> String {
        let stands = |status: &Status| status.alarms.iter().any(|alarm| alarm.id == id);
        let status = self.until(stands).await;
        let mut alarms = status.alarms.iter();
        let alarm = alarms.find(|alarm| alarm.id == id).unwrap();
        format!("{}; {}", alarm.what, alarm.advice)
    }

    pub async fn calmed(&self, id: AlarmId) {
        let gone = |status: &Status| status.alarms.iter().all(|alarm| alarm.id != id);
        self.until(gone).await;
    }
}

fn configure(made_up: &MadeUp, setting: &Setting, hipcall: &StandIn, port: u16, state: &Path) {
    let node = format!("https://localhost:{}", hipcall.address().port());
    let listen = format!("127.0.0.1:{port}");
    made_up.configure(&node, &listen).unwrap();
    let path = made_up.config_path();
    let text = std::fs::read_to_string(&path).unwrap();
    let state = format!("state-dir = \"{}\"", state.display());
    let text = text.replace("state-dir = \"state\"", &state);
    let (seconds, lines) = (setting.deadline.as_secs(), &setting.card);
    let card = format!("\n[card]\n{DEADLINE_KEY} = \"{seconds}s\"\n{lines}\n");
    std::fs::write(&path, text + &card).unwrap();
}

/// Replaces the export: beside, then by its name at once.
pub fn export(directory: &Path, contacts: usize) {
    let mut text = "Cari Kodu;Ad Soyad;Firma;Cep;Telefon;Bakiye;Döviz;E-posta\n".to_owned();
    for contact in 0..contacts {
        let (name, number) = (name(contact), number(contact));
        text.push_str(&format!("K{contact};{name};;{number};;;;\n"));
    }
    let beside = directory.join("contacts.tmp");
    std::fs::write(&beside, text).unwrap();
    std::fs::rename(&beside, directory.join("contacts.csv")).unwrap();
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

pub fn init(call: &str, number: &str) -> Value {
    call_init(&inbound(call, number))
}

pub fn hangup(call: &str, number: &str) -> Value {
    call_hangup(&inbound(call, number))
}

fn inbound<'a>(uuid: &'a str, number: &'a str) -> CallShape<'a> {
    CallShape {
        uuid,
        direction: Direction::Inbound,
        caller_number: Some(number),
        callee_number: Some(LINE),
        user_id: None,
    }
}
