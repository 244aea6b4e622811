//! Building the daemon, in the order in which things can fail, and until it may say that it is ready.
//!
//! The outbox and the copies are opened before the doors, so the first call finds everything; the line to
//! Hipcall and the sources are not waited for, since a branch must come up without them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tracing::{info, warn};

use super::{
    Daemon, Fixed, commands, credentials, disk, feeds::Feeds, housekeeping, owners::Keepers, resume,
};
use crate::config::Config;
use crate::domain::phone::{PhoneNumber, Region};
use crate::flow::callers::Recent;
use crate::flow::office::{Flow, Office, OfficeError};
use crate::status::{AlarmId, Board, metrics};
use crate::store::outbox::Outbox;
use crate::store::replica::ReplicaError;
use crate::store::{LockError, StateLock};
use crate::system::clock::Clock;
use crate::system::{chain, control, notify};
use crate::tasks::Tasks;
use crate::webhook::{
    Bound, CertificateError, Door, Gate, Handed, Identity, Listener, NothingHanded, Page,
};

/// Where collectors look by themselves.
const METRICS_PATH: &str = "/metrics";

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(transparent)]
    Office(#[from] OfficeError),
    #[error("the TLS certificate can't be used")]
    Certificate(#[from] CertificateError),
    #[error(transparent)]
    Handed(#[from] NothingHanded),
    #[error("webhooks can't be taken at {address}")]
    Listen {
        address: String,
        source: std::io::Error,
    },
    #[error("the control socket {path} can't be opened")]
    Control {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("the outbox's thread can't be started")]
    Thread(#[source] std::io::Error),
}

impl Daemon {
    /// Starts everything; `config_path` is read again at a reload.
    pub async fn start(config: Config, config_path: Option<PathBuf>) -> Result<Daemon, StartError> {
        Daemon::start_by(
            Clock::of_the_system(),
            config,
            config_path,
            Handed::default(),
        )
        .await
    }

    /// The same, living by another clock, and with doors that others have opened.
    pub async fn start_by(
        clock: Clock,
        config: Config,
        config_path: Option<PathBuf>,
        handed: Handed,
    ) -> Result<Daemon, StartError> {
        report_unfit(&handed);
        let doors = Door::plan(&config.webhook.listen, handed)?;
        let lock = StateLock::take(&config.state_directory)?;
        let (fixed, control_path) = (Fixed::of(&config), config.control_socket());
        let (board, tasks) = (Arc::new(Board::default()), Tasks::default());
        let (outbox, writer_ended) = disk::open_outbox(&config, &board).await?;
        let identity = match doors.iter().any(Door::is_tls) {
            true => Some(Arc::new(identity(&config)?)),
            false => None,
        };
        let gate = Arc::new(ArcSwap::from_pointee(gate(&config)));
        let schedules = super::feeds::schedules(&config, config_path.clone());
        let warm_up = config.accounts.first().map(|a| a.region);
        let flow = flow(config, clock, outbox, board, tasks.clone())?;

        let mut essential = JoinSet::new();
        let listener = Listener::new(gate.clone(), Arc::new(flow.clone()), tasks.clone());
        let doors = open(doors, identity.as_ref()).await?;
        let addresses = serve(doors, &listener, &mut essential);
        let feeds = Arc::new(Feeds::default());
        open_control(control_path, &flow, &feeds, &mut essential)?;
        open_metrics(fixed.metrics, &flow, &mut essential).await;
        let daemon = Daemon {
            flow,
            gate,
            listener,
            identity,
            feeds,
            owners: Keepers::default(),
            accounts: super::accounts::Keepers::default(),
            silences: super::silence::Keepers::default(),
            essential,
            writer_ended: Some(writer_ended),
            addresses,
            fixed,
            config_path,
            _lock: lock,
        };
        Ok(daemon.begin(schedules, warm_up))
    }

    /// The doors are open: says so, and begins what nobody waits for.
    fn begin(mut self, schedules: super::feeds::Schedules, region: Option<Region>) -> Daemon {
        self.show_doors();
        notify::ready(&housekeeping::line(&self.flow));
        // The first number costs the library's tables some milliseconds; no caller should pay them.
        self.flow.tasks.spawn(async move {
            let _ = region.map(|r| PhoneNumber::parse("+905325550101", r));
        });
        resume(&self.flow, self.flow.outbox.resume());
        self.flow.tasks.spawn(disk::watch(self.flow.clone()));
        self.flow.tasks.spawn(credentials::watch(self.flow.clone()));
        self.feeds.begin(&self.flow, schedules);
        self.owners.begin(&self.flow);
        self.accounts.begin(&self.flow);
        self.silences.begin(&self.flow);
        let (flow, identity) = (self.flow.clone(), self.identity.clone());
        self.essential.spawn(async move {
            housekeeping::run(flow, identity).await;
            "housekeeping"
        });
        self
    }

    fn show_doors(&self) {
        let addresses: Vec<String> = self.addresses.iter().map(ToString::to_string).collect();
        let fingerprint = self.identity.as_ref().map(|i| i.fingerprint());
        info!(
            ?addresses,
            version = env!("CARGO_PKG_VERSION"),
            "taking webhooks"
        );
        if let Some(fingerprint) = &fingerprint {
            info!(fingerprint, "the certificate's SHA-256");
        }
        self.flow.board.webhook(|w| {
            w.addresses = addresses;
            w.certificate_fingerprint = fingerprint;
        });
    }
}

/// Opens what an event meets, and says what of it was damaged.
fn flow(
    config: Config,
    clock: Clock,
    outbox: Arc<Outbox>,
    board: Arc<Board>,
    tasks: Tasks,
) -> Result<Flow, StartError> {
    let callers = Arc::new(Recent::open(config.callers_file()));
    let (office, damaged) = Office::open(config, None)?;
    report_damaged(&damaged);
    announce(&board, &office);
    Ok(Flow {
        office: Arc::new(ArcSwap::from_pointee(office)),
        outbox,
        board,
        callers,
        clock,
        renewed: Arc::default(),
        tasks,
    })
}

fn identity(config: &Config) -> Result<Identity, CertificateError> {
    match &config.webhook.certificate {
        Some(files) => Identity::load(files.clone()),
        None => {
            let mut names = vec!["localhost".to_owned(), "ringcard".to_owned()];
            for name in &config.webhook.names {
                if !names.contains(name) {
                    names.push(name.clone());
                }
            }
            Identity::self_signed(&config.state_directory, names)
        }
    }
}

async fn open(
    doors: Vec<Door>,
    identity: Option<&Arc<Identity>>,
) -> Result<Vec<Bound>, StartError> {
    let mut open = Vec::new();
    for door in doors {
        let address = door.name();
        let opened = door.open(identity).await;
        open.push(opened.map_err(|source| StartError::Listen { address, source })?);
    }
    Ok(open)
}

fn report_unfit(handed: &Handed) {
    for why in handed.unfit() {
        let event_id = "socket-unfit";
        warn!(event_id, why, "a socket that was handed over is not used");
    }
}

/// The addresses are those in use.
fn serve(
    doors: Vec<Bound>,
    listener: &Listener<Flow>,
    essential: &mut JoinSet<&'static str>,
) -> Vec<SocketAddr> {
    let addresses = doors.iter().filter_map(Bound::address).collect();
    for bound in doors {
        let listener = listener.clone();
        essential.spawn(async move {
            listener.serve(bound).await;
            "a webhook listener"
        });
    }
    addresses
}

fn open_control(
    path: PathBuf,
    flow: &Flow,
    feeds: &Arc<Feeds>,
    essential: &mut JoinSet<&'static str>,
) -> Result<(), StartError> {
    let socket = control::bind(&path).map_err(|source| StartError::Control { path, source })?;
    let answer = commands::answerer(flow.clone(), feeds.clone());
    let tasks = flow.tasks.clone();
    essential.spawn(async move {
        control::serve(socket, tasks, answer).await;
        "the control socket"
    });
    Ok(())
}

/// The port for a collector on this box. Calls don't wait for anybody who counts them: one that can't be opened
/// is told, and nothing more.
async fn open_metrics(
    address: Option<SocketAddr>,
    flow: &Flow,
    essential: &mut JoinSet<&'static str>,
) {
    let Some(address) = address else { return };
    let listener = match TcpListener::bind(address).await {
        Ok(listener) => listener,
        Err(reason) => {
            warn!(event_id = "metrics-closed", %address, %reason, "metrics can't be asked for");
            return;
        }
    };
    let (told, tasks) = (flow.clone(), flow.tasks.clone());
    let page = Page {
        path: METRICS_PATH,
        content_type: metrics::CONTENT_TYPE,
        text: Box::new(move || metrics::text(Some(&told.status()), Timestamp::now())),
    };
    essential.spawn(async move {
        page.serve(listener, tasks).await;
        "the port for metrics"
    });
}

pub(super) fn gate(config: &Config) -> Gate {
    Gate::new(config.accounts.iter().flat_map(|account| {
        let secrets = account.webhook_secrets.iter();
        secrets.map(|secret| (account.name.clone(), secret.expose()))
    }))
}

pub(super) fn report_damaged(damaged: &[ReplicaError]) {
    for error in damaged {
        let reason = chain::of(error);
        warn!(
            event_id = "replica-damaged",
            reason, "a copy was passed over for the one before it"
        );
    }
}

/// Puts the accounts and sources on the board, with what the copies hold already.
pub(super) fn announce(board: &Board, office: &Office) {
    let accounts = office
        .accounts
        .values()
        .map(|a| (&*a.config.name, &*a.config.node));
    let sources = office.feeds.iter();
    board.set_parts(accounts, sources.map(|f| (f.source.name(), f.records())));
    match office.accounts.is_empty() {
        true => report_not_set_up(board),
        false => drop(board.clear(AlarmId::NotSetUp, "setup")),
    }
    for (name, account) in &office.accounts {
        board.account(name, |a| a.users = account.users_status());
        if account.owners.is_none() {
            board.clear(AlarmId::UsersNotRead, &format!("users {name}"));
        }
    }
    for feed in &office.feeds {
        if let Some(replica) = feed.shelf.current() {
            let name = feed.source.name();
            board.source(name, |s| {
                s.contacts = replica.facts.contacts;
                s.numbers = replica.facts.numbers;
                s.full_at = replica.facts.history.full_at;
                s.last_good = s.last_good.or(Some(replica.facts.as_of));
            });
        }
    }
}

fn report_not_set_up(board: &Board) {
    let what = "no account of Hipcall's is configured, so every request is answered 404";
    let advice = "sudo ringcard setup asks for what is needed; or write an [[account]] and a [[source]] into the \
                  configuration, then: systemctl reload ringcard";
    if board.raise(AlarmId::NotSetUp, "setup", what, advice) {
        warn!(event_id = "not-set-up", advice, "{what}");
    }
}
