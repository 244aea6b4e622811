//! A branch whose only sources are Tryton's customers and accounts.

use std::os::unix::fs::PermissionsExt;
use std::sync::OnceLock;

use ringcard::config::Config;
use ringcard::domain::call::Skip;
use ringcard::domain::renewal::Depth;
use ringcard::flow::office::Office as Feeds;
use ringcard::flow::report::Report;
use ringcard::flow::sync::{Memory, Order, Witnesses, sync};
use ringcard::system::control::{ControlError, Request};
use tokio_util::sync::CancellationToken;

use crate::keeper::Keeper;
use crate::office::Office;
use crate::servers::Server;

const SOURCES: &str = r#"
[[source]]
name = "customers"
type = "tryton"
object = "contacts"
every = "1h"
[source.with]
address = "ADDRESS"
database = "DATABASE"
user = "USER"
[source.secrets]
password = { file = "tryton-password" }

[[source]]
name = "accounts"
type = "tryton"
object = "balances"
every = "1h"
[source.with]
address = "ADDRESS"
database = "DATABASE"
user = "USER"
[source.secrets]
password = { file = "tryton-password" }
"#;

/// The ERP of all tests that leave it running.
pub fn tryton() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::start("tryton", &[]))
}

pub struct Branch {
    pub office: Office,
    pub keeper: Keeper,
}

impl Branch {
    /// One that has not been started.
    pub async fn closed(tryton: &Server) -> Branch {
        let keeper = Keeper::at(tryton).await;
        let office = Office::closed().await;
        let sources = SOURCES
            .replace("ADDRESS", tryton.told("ADDRESS"))
            .replace("DATABASE", tryton.database())
            .replace("USER", tryton.user());
        office.configure(|config| {
            let (rest, _) = config.split_once("[[source]]").unwrap();
            format!("{rest}{sources}")
        });
        let branch = Branch { office, keeper };
        branch.set_password(tryton.password());
        branch
    }

    pub fn set_password(&self, password: &str) {
        let path = self.office.path("tryton-password");
        std::fs::write(&path, password).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// The card that the agent sees at a call from `number`, without its times.
    pub async fn card(&self, number: &str) -> Vec<String> {
        let call = self.office.call(number).await;
        self.office.timeless_card(&call).await
    }

    /// Whether a call from `number` is one of nobody we know.
    pub async fn is_stranger(&self, number: &str) -> bool {
        let before = self.office.skipped(Skip::UnknownCaller);
        let call = self.office.call(number).await;
        let cards = self.office.cards(&call).await;
        cards == 0 && self.office.skipped(Skip::UnknownCaller) > before
    }

    /// What a command of the program itself prints; it must succeed.
    pub async fn said(&self, arguments: &[&str]) -> String {
        let output = self.office.run(arguments).await;
        let [out, error] = [output.stdout, output.stderr].map(|t| String::from_utf8(t).unwrap());
        assert!(output.status.success(), "{arguments:?}: {out}{error}");
        out
    }

    /// Reads what has changed.
    pub async fn sync(&self, source: &str) -> Result<Report, ControlError> {
        self.read(source, false).await
    }

    /// Reads everything.
    pub async fn read_all(&self, source: &str) -> Result<Report, ControlError> {
        self.read(source, true).await
    }

    /// Reads what has changed, and compares the ids, as the schedule has it done once a day: by hand, since a
    /// day is long.
    pub async fn compare(&mut self, source: &'static str) -> Report {
        self.office.stop().await;
        let config = Config::load(&self.office.made_up.config_path()).unwrap();
        let compare = move || {
            let (feeds, _) = Feeds::open(config, None).unwrap();
            let mut feeds = feeds.feeds.iter();
            let feed = feeds.find(|feed| feed.source.name() == source).unwrap();
            let order = Order {
                depth: Depth::Thorough,
                ..Order::default()
            };
            let (memory, witnesses) = (Memory::default(), Witnesses::default());
            let halt = CancellationToken::new();
            sync(feed, &memory, &witnesses, order, &halt, &mut |_| {}).unwrap()
        };
        let report = tokio::task::spawn_blocking(compare).await.unwrap();
        self.office.start().await;
        report
    }

    async fn read(&self, source: &str, full: bool) -> Result<Report, ControlError> {
        let request = Request::Sync {
            source: Some(source.to_owned()),
            accept: false,
            full,
        };
        let reports: Vec<Report> = self.office.ask(request).await?;
        Ok(reports.into_iter().next().unwrap())
    }
}
