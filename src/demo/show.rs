//! `ringcard demo`: the real daemon on a made-up office, with calls from a stand-in for Hipcall.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{IsTerminal, Write, stdout};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::signal::ctrl_c;

use super::export::{BRITISH_CONTACT, TURKISH_CONTACT, TWO_NUMBER_CONTACT};
use super::hipcall::{StandIn, StandInSettings};
use super::office::Office;
use super::panel::{CallShape, Panel, Sent, call_init, fresh_uuid};
use super::screen::{Surface, caption, draw_rows};
use crate::config::Config;
use crate::daemon::Daemon;
use crate::domain::call::{Direction, Skip};
use crate::flow::report::{Outcome, Report};
use crate::system::control::{Request, ask};

/// What the real Hipcall takes for a card (measured: 0.2 to 0.4 s).
const HIPCALL_LATENCY: Duration = Duration::from_millis(250);
/// How long a card may take to come; a phone rings that long.
const PATIENCE: Duration = Duration::from_secs(5);
/// Calls that can be placed by hand; the stand-in knows no others, as the real Hipcall would not.
pub const BY_HAND: usize = 100;
/// The calls of the recorded events.
const RECORDED: [&str; 2] = [
    "2f4c1c1e-7d0b-4c55-9a53-5b9e6f0c7a10",
    "9b8a60d3-02c5-4a5e-8f2e-1c0d7f9d4e21",
];
const OFFICE_NUMBER: &str = "+908505550100";
const AGENT: i64 = 1121;

pub struct Options {
    pub once: bool,
    pub directory: Option<PathBuf>,
    pub stand_in_only: bool,
    pub listen: SocketAddr,
    /// Requests per minute.
    pub rate_limit: u32,
    /// How many calls can be placed by hand.
    pub calls: usize,
}

type Failed = Box<dyn Error + Send + Sync>;

pub async fn demo(options: Options) -> Result<(), Failed> {
    let temporary = match &options.directory {
        Some(_) => None,
        None => Some(
            tempfile::Builder::new()
                .prefix("ringcard-demo-")
                .tempdir()?,
        ),
    };
    let directory = match (&options.directory, &temporary) {
        (Some(directory), _) => std::path::absolute(directory)?,
        (None, Some(temporary)) => temporary.path().to_owned(),
        (None, None) => return Err("there is no directory to work in".into()),
    };
    let office = Office::in_directory(&directory)?;
    let hipcall = StandIn::start(StandInSettings {
        listen: options.listen,
        token: office.token.clone(),
        latency: HIPCALL_LATENCY,
        identity: Some(office.identity.clone()),
        rate_limit: options.rate_limit,
        users: Vec::new(),
    })
    .await?;
    let by_hand: Vec<String> = (1..=options.calls)
        .map(|i| format!("by-hand-{i}"))
        .collect();
    by_hand
        .iter()
        .map(String::as_str)
        .chain(RECORDED)
        .for_each(|call| hipcall.ring(call));
    let stage = Stage {
        hipcall,
        surface: Surface::of(stdout().is_terminal()),
        by_hand,
    };
    match options.stand_in_only {
        true => stage.alone(&office).await,
        false => stage.play(&office, options.once).await,
    }
}

struct Stage {
    hipcall: StandIn,
    surface: Surface,
    by_hand: Vec<String>,
}

impl Stage {
    /// Only the stand-in: the daemon is started by hand.
    async fn alone(self, office: &Office) -> Result<(), Failed> {
        office.configure(&self.hipcall.node_url(), "127.0.0.1:8443")?;
        let (directory, config) = (office.directory.display(), office.config_path());
        say(&format!(
            "A stand-in for Hipcall listens at {}.",
            self.hipcall.node_url()
        ));
        say(&format!(
            "Contacts, secrets and a configuration for it are in {directory}."
        ));
        say(&format!(
            "Run Ringcard on them:  ringcard run --config {}",
            config.display()
        ));
        say("Place a call:");
        say(&curl(office, "localhost:8443"));
        self.watch(None).await
    }

    async fn play(self, office: &Office, once: bool) -> Result<(), Failed> {
        office.configure(&self.hipcall.node_url(), "127.0.0.1:0")?;
        let begun = Instant::now();
        let config = Config::load(&office.config_path())?;
        let control = config.control_socket();
        let daemon = Daemon::start(config, None).await?;
        let ready = begun.elapsed();
        let port = daemon
            .addresses()
            .first()
            .ok_or("the daemon has no address")?
            .port();
        // By name: the certificate that the daemon made for itself is for this name.
        let host = format!("localhost:{port}");
        let reports: Vec<Report> = ask(
            &control,
            &Request::Sync {
                source: None,
                accept: false,
                full: false,
            },
            |_| {},
        )
        .await?;
        say(&format!(
            "Ringcard was ready after {:.1} ms, at https://{host}",
            ms(ready)
        ));
        for report in reports {
            say(&first_load(&daemon, report).to_string());
        }
        say("");
        let url = format!("https://{host}/hooks/{}", office.webhook_secret);
        let trust = std::fs::read_to_string(office.daemon_certificate())?;
        let panel = Panel::new(&url, &trust)?;
        for scene in SCENES {
            self.scene(&panel, &daemon, scene).await;
        }
        if !once {
            self.stay(office, &host, &daemon).await?;
        }
        daemon.stop().await;
        self.hipcall.stop().await;
        Ok(())
    }

    async fn stay(&self, office: &Office, host: &str, daemon: &Daemon) -> Result<(), Failed> {
        let last = self.by_hand.last().map_or("", String::as_str);
        say(&format!(
            "Ringcard stays up. Place a call yourself (each by-hand-1 to {last} is one call):"
        ));
        say(&curl(office, host));
        say("Ctrl-C ends.");
        self.watch(Some(daemon)).await
    }

    async fn scene(&self, panel: &Panel, daemon: &Daemon, scene: &Scene) {
        let call = fresh_uuid();
        self.hipcall.ring(&call);
        let (caller, callee, user_id) = match scene.direction {
            Direction::Outbound => (Some(OFFICE_NUMBER), scene.customer, Some(AGENT)),
            _ => (scene.customer, Some(OFFICE_NUMBER), None),
        };
        let event = call_init(&CallShape {
            uuid: &call,
            direction: scene.direction,
            caller_number: caller,
            callee_number: callee,
            user_id,
        });
        let before = skipped(daemon);
        let sent = Instant::now();
        let answer = panel.send(&event).await;
        let customer = scene.customer.unwrap_or_default();
        say(scene.title);
        if let Some(skip) = new_skip(&before, &skipped(daemon)) {
            let line = caption(scene.direction, customer, None, self.surface);
            say(&format!("  {line}\n  no card: {}\n", skip.reason()));
        } else if let Some(card) = self.hipcall.wait_for_card(&call, PATIENCE).await {
            let took = card.when.saturating_duration_since(sent);
            let line = caption(scene.direction, customer, Some(took), self.surface);
            say(&draw_rows(&card.rows, &line, self.surface));
        } else {
            say("  no card came\n");
        }
        if !matches!(answer, Sent::Answered { status: 200, .. }) {
            say(&format!(
                "  the webhook was not answered with 200: {answer:?}\n"
            ));
        }
    }

    /// Draws the cards of calls placed by hand, until Ctrl-C.
    async fn watch(&self, daemon: Option<&Daemon>) -> Result<(), Failed> {
        let mut drawn = std::collections::BTreeSet::new();
        let mut before = daemon.map(skipped).unwrap_or_default();
        loop {
            let seen = self.hipcall.requests().len();
            tokio::select! {
                end = ctrl_c() => return Ok(end?),
                _ = self.hipcall.wait_for_requests(seen + 1, Duration::from_millis(300)) => {}
            }
            for call in self.by_hand.iter().map(String::as_str).chain(RECORDED) {
                if let Some(rows) = self.hipcall.shown(call)
                    && drawn.insert(call.to_owned())
                {
                    say(&draw_rows(&rows, &format!("call {call}"), self.surface));
                }
            }
            if let Some(daemon) = daemon {
                let now = skipped(daemon);
                if let Some(skip) = new_skip(&before, &now) {
                    say(&format!("  no card: {}\n", skip.reason()));
                }
                before = now;
            }
        }
    }
}

struct Scene {
    title: &'static str,
    direction: Direction,
    /// `None`: withheld.
    customer: Option<&'static str>,
}

const SCENES: &[Scene] = &[
    Scene {
        title: "A customer calls.",
        direction: Direction::Inbound,
        customer: Some(TURKISH_CONTACT.numbers[0]),
    },
    Scene {
        title: "An agent calls a customer.",
        direction: Direction::Outbound,
        customer: Some(BRITISH_CONTACT.numbers[0]),
    },
    Scene {
        title: "A customer calls from their second number.",
        direction: Direction::Inbound,
        customer: Some(TWO_NUMBER_CONTACT.numbers[1]),
    },
    Scene {
        title: "Somebody calls whom the CRM does not know.",
        direction: Direction::Inbound,
        customer: Some("+905325559999"),
    },
    Scene {
        title: "Somebody calls who hides the number.",
        direction: Direction::Inbound,
        customer: None,
    },
];

fn skipped(daemon: &Daemon) -> BTreeMap<Skip, u64> {
    let flow = daemon.flow();
    let status = flow.status();
    status
        .accounts
        .into_values()
        .flat_map(|a| a.skipped)
        .collect()
}

fn new_skip(before: &BTreeMap<Skip, u64>, now: &BTreeMap<Skip, u64>) -> Option<Skip> {
    now.iter()
        .find(|(skip, n)| before.get(skip) < Some(n))
        .map(|(skip, _)| *skip)
}

/// What the load at the start did; the sync that was asked for came after it and found nothing to do.
fn first_load(daemon: &Daemon, report: Report) -> Report {
    let flow = daemon.flow();
    let status = flow.status();
    match status.sources.get(&report.source) {
        Some(source) if source.rejects.is_some() => Report {
            outcome: Outcome::Published,
            rows: source.rows,
            seconds: source.load_seconds,
            rejects: source.rejects.clone().unwrap_or_default(),
            ..report
        },
        _ => report,
    }
}

fn curl(office: &Office, host: &str) -> String {
    let (certificate, secret) = (office.daemon_certificate(), &office.webhook_secret);
    let number = TURKISH_CONTACT.numbers[0];
    format!(
        "  curl --cacert {} https://{host}/hooks/{secret} \\\n    -d '{{\"event\":\"call_init\",\
         \"data\":{{\"uuid\":\"by-hand-1\",\"direction\":\"inbound\",\"caller_number\":\"{number}\"}}}}'",
        certificate.display()
    )
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// A reader that goes away is no error.
fn say(text: &str) {
    let _ = writeln!(stdout().lock(), "{text}");
}
