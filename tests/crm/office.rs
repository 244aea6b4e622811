//! The office that reads the files: the daemon's own configuration, sync and lookup, without its network.

use std::fs;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

use arc_swap::ArcSwap;
use ringcard::config::Config;
use ringcard::demo::office::Office as MadeUp;
use ringcard::domain::contact::Shared;
use ringcard::domain::dialling::Dialling;
use ringcard::domain::ladder::Rung;
use ringcard::flow::office::{Flow, Office as Feeds};
use ringcard::flow::sync::{Memory, Order, Witnesses, sync};
use ringcard::store::outbox::Outbox;
use ringcard::tasks::Tasks;

use super::people::World;

const CONFIG: &str = r#"
state-dir = "state"
runtime-dir = "run"

[webhook]
listen = "127.0.0.1:0"

[[account]]
name = "office"
node = "https://127.0.0.1:9"
region = "TR"
token = { file = "token" }
webhook-secrets = { file = "webhook-secrets" }

[[source]]
name = "crm"
type = "csv"
path = "crm.csv"
[source.columns]
COLUMNS
balance = "Bakiye"
default-currency = "TRY"
decimal = ","

[[source]]
name = "portal"
type = "csv"
path = "portal.csv"
[source.columns]
COLUMNS

[[source]]
name = "erp"
type = "csv"
kind = "balances"
path = "balances.csv"
[source.columns]
join = "Cari"
join-by = "customer-code"
join-to = ["crm", "portal"]
balance = "Bakiye"
default-currency = "TRY"
decimal = ","
"#;

const COLUMNS: &str = r#"
key = "Kod"
name = "Ad"
company = "Firma"
customer-code = "Cari"
tax-number = "VKN"
numbers = [
  "Cep",
  "Telefon",
  { column = "Santral", switchboard = true },
  { column = "Yabanci", region = "none" },
  { column = "Londra", region = "GB" },
  { column = "Dis Hat", trunk-prefix = "9" },
]
"#;

pub struct Office {
    flow: Flow,
    feeds: Arc<Feeds>,
    dialling: Dialling,
    /// What the sources were read to.
    pub synced: String,
    _directory: tempfile::TempDir,
}

#[derive(Debug)]
pub enum Answer {
    Found {
        name: Option<String>,
        company: Option<String>,
        /// The account whose balance it is.
        balance: Option<usize>,
        shared: Shared,
        rung: Rung,
    },
    Nobody(String),
}

impl Office {
    pub fn open(world: &World) -> Office {
        let directory = tempfile::tempdir().unwrap();
        let made_up = MadeUp::in_directory(directory.path()).unwrap();
        let files = [
            ("crm.csv", &world.crm),
            ("portal.csv", &world.portal),
            ("balances.csv", &world.balances),
            ("ringcard.toml", &CONFIG.replace("COLUMNS", COLUMNS)),
        ];
        for (name, text) in files {
            fs::write(directory.path().join(name), text).unwrap();
        }
        let config = Config::load(&made_up.config_path()).unwrap();
        let dialling = config.accounts[0].dialling.clone();
        let (feeds, damaged) = Feeds::open(config, None).unwrap();
        assert!(damaged.is_empty());
        let mut synced = String::new();
        for feed in &feeds.feeds {
            let report = sync(
                feed,
                &Memory::default(),
                &Witnesses::default(),
                Order::default(),
                &CancellationToken::new(),
                &mut |_| {},
            )
            .unwrap();
            let (rows, contacts, numbers) = (report.rows, report.contacts, report.numbers);
            let counts = format!("{rows} rows, {contacts} contacts, {numbers} numbers");
            synced.push_str(&format!("{}: {counts}\n", report.source));
            for (reason, tally) in &report.rejects.rows {
                synced.push_str(&format!("  {reason:?}: {}\n", tally.count));
            }
        }
        let feeds = Arc::new(feeds);
        let flow = Flow {
            clock: ringcard::system::clock::Clock::of_the_system(),
            renewed: std::sync::Arc::default(),
            office: Arc::new(ArcSwap::new(feeds.clone())),
            outbox: Arc::new(Outbox::in_memory()),
            board: Arc::default(),
            callers: Arc::default(),
            tasks: Tasks::default(),
        };
        Office {
            flow,
            feeds,
            dialling,
            synced,
            _directory: directory,
        }
    }

    pub fn answer(&self, text: &str) -> Answer {
        let caller = match self.dialling.read(text) {
            Ok(caller) => caller,
            Err(why) => return Answer::Nobody(format!("{why:?}")),
        };
        let search = self.flow.find(&self.feeds, &caller);
        match search.outcome {
            Ok(finding) => {
                let contact = finding.profile.contact;
                let balance = contact.balance.map(|b| b.amount.to_string());
                // Only the accounts' own balances end so.
                let account = balance.map(|b| b.strip_suffix(".50").and_then(|b| b.parse().ok()));
                Answer::Found {
                    name: contact.name,
                    company: contact.company,
                    balance: account.map(|account| account.unwrap_or(usize::MAX)),
                    shared: finding.profile.shared,
                    rung: finding.rung,
                }
            }
            Err(skip) => Answer::Nobody(format!("{skip:?}")),
        }
    }
}
