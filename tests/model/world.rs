//! A small office with sources of contacts and balances, and numbers that collide.

use std::fmt;
use std::fs;
use std::sync::Arc;

use arc_swap::ArcSwap;
use fastrand::Rng;
use jiff::Timestamp;
use ringcard::config::{Config, MatchingConfig};
use ringcard::demo::office::Office as MadeUp;
use ringcard::domain::contact::{Contact, Ids, Shared};
use ringcard::domain::dialling::{Dialling, Reading};
use ringcard::domain::ladder::Rung;
use ringcard::domain::matching::Sharing;
use ringcard::domain::money::{DecimalSign, Money};
use ringcard::domain::phone::Region;
use ringcard::flow::office::{Flow, Office};
use ringcard::store::load::{Load, Made, Plan};
use ringcard::store::outbox::Outbox;
use ringcard::tasks::Tasks;

/// Three sources: two of contacts, trusted in this order, and one of balances.
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
name = "Name"
numbers = "Phone"
customer-code = "Code"
[[source]]
name = "portal"
type = "csv"
path = "portal.csv"
[source.columns]
name = "Name"
numbers = "Phone"
customer-code = "Code"
[[source]]
name = "erp"
type = "csv"
kind = "balances"
path = "erp.csv"
[source.columns]
join = "Code"
join-by = "customer-code"
join-to = ["crm", "portal"]
balance = "Balance"
default-currency = "TRY"
"#;
pub const SOURCES: usize = 3;
pub const BALANCES: usize = 2;

/// What the sources hold, and how numbers are matched.
pub struct Contents {
    pub sources: [Vec<Contact>; SOURCES],
    pub matching: MatchingConfig,
}

impl fmt::Display for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (source, contacts) in self.sources.iter().enumerate() {
            for c in contacts {
                let numbers: Vec<String> = c.numbers.iter().map(|n| n.e164()).collect();
                let loose: Vec<_> = c.loose.iter().map(|l| (l.digits(), l.home())).collect();
                let boards: Vec<String> = c.switchboards.iter().map(|n| n.e164()).collect();
                let (name, company) = (&c.name, &c.company);
                let (code, tax) = (&c.ids.customer_code, &c.ids.tax_number);
                writeln!(
                    f,
                    "{source}: {name:?} {company:?} {numbers:?} ?{loose:?} boards {boards:?} {code:?} \
                     {tax:?} {:?} {:?}",
                    c.updated,
                    c.balance.map(|b| b.amount.to_string())
                )?;
            }
        }
        Ok(())
    }
}

/// Whom a card names.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    pub rung: Rung,
    pub shared: Shared,
    pub name: Option<String>,
    pub company: Option<String>,
    pub balance: Option<String>,
    pub key: Option<String>,
}

impl Answer {
    /// Colleagues may write their company in different ways, and any will do.
    pub fn spelt(shared: Shared, company: String) -> String {
        match shared {
            Shared::Company => company.to_uppercase(),
            _ => company,
        }
    }
}

pub struct World {
    pub contents: Contents,
    pub dialling: Dialling,
    pub random: Random,
    flow: Flow,
    office: Arc<Office>,
    directory: tempfile::TempDir,
}

fn config(directory: &std::path::Path) -> Config {
    Config::load(&directory.join("ringcard.toml")).unwrap()
}

impl World {
    pub fn new(seed: u64) -> World {
        let directory = tempfile::tempdir().unwrap();
        MadeUp::in_directory(directory.path()).unwrap();
        fs::write(directory.path().join("ringcard.toml"), CONFIG).unwrap();
        let (office, _) = Office::open(config(directory.path()), None).unwrap();
        let office = Arc::new(office);
        let flow = Flow {
            clock: ringcard::system::clock::Clock::of_the_system(),
            renewed: std::sync::Arc::default(),
            office: Arc::new(ArcSwap::new(office.clone())),
            outbox: Arc::new(Outbox::in_memory()),
            board: Arc::default(),
            callers: Arc::default(),
            tasks: Tasks::default(),
        };
        let contents = Contents {
            sources: Default::default(),
            matching: (*office.matching).clone(),
        };
        let mut world = World {
            contents,
            dialling: Dialling::of(Region::parse("TR").unwrap()),
            random: Random(Rng::with_seed(seed)),
            flow,
            office,
            directory,
        };
        (0..SOURCES).for_each(|source| world.publish(source));
        world
    }

    /// Another generation of a source, another way to match, or all files opened again.
    pub fn change(&mut self) {
        let source = self.random.0.usize(..SOURCES);
        match self.random.0.u8(..4) {
            0..2 => self.publish(source),
            2 => self.settle(),
            _ => self.reopen(),
        }
    }

    fn publish(&mut self, source: usize) {
        let feed = &self.office.feeds[source];
        let plan = Plan {
            join: feed.join,
            ..Plan::default()
        };
        let mut load = Load::begin(&feed.shelf, &plan).unwrap();
        let contacts: Vec<Contact> = match source {
            BALANCES => (0..3).map(|_| self.random.balance()).collect(),
            _ => {
                let count = self.random.0.usize(1..14);
                (0..count).map(|_| self.random.contact()).collect()
            }
        };
        for contact in &contacts {
            load.add(contact).unwrap();
        }
        let made = Made {
            as_of: Timestamp::UNIX_EPOCH,
            digest: "d".into(),
            cursor: None,
            history: Default::default(),
        };
        load.finish(made).unwrap().publish(&feed.shelf).unwrap();
        self.contents.sources[source] = contacts;
    }

    fn settle(&mut self) {
        let (matching, random) = (&mut self.contents.matching, &mut self.random.0);
        let all = [
            Sharing::List,
            Sharing::First,
            Sharing::CompanyOnly,
            Sharing::None,
        ];
        matching.sharing = *random.choice(&all).unwrap();
        matching.ladder.tail_digits = random.u32(8..=11);
        matching.ladder.head_office_digits = random.u32(1..=4);
        matching.ladder.rungs = Rung::ALL.to_vec();
        if random.u8(..4) == 0 {
            let without = random.usize(1..Rung::ALL.len());
            matching.ladder.rungs.remove(without);
        }
        self.reopen();
    }

    fn reopen(&mut self) {
        let mut config = config(self.directory.path());
        config.matching = self.contents.matching.clone();
        let (office, damaged) = Office::open(config, None).unwrap();
        assert!(damaged.is_empty());
        self.office = Arc::new(office);
    }

    pub fn find(&self, caller: &Reading) -> Option<Answer> {
        let finding = self.flow.find(&self.office, caller).outcome.ok()?;
        let contact = finding.profile.contact;
        let shared = finding.profile.shared;
        let company = contact.company;
        Some(Answer {
            rung: finding.rung,
            shared,
            name: contact.name,
            company: company.map(|c| Answer::spelt(shared, c)),
            balance: contact.balance.map(|b| b.amount.to_string()),
            key: contact.key,
        })
    }
}

/// Few of everything.
pub struct Random(Rng);

impl Random {
    fn one(&mut self, of: &[&str]) -> String {
        (*self.0.choice(of).unwrap()).to_owned()
    }

    fn maybe(&mut self, of: &[&str]) -> Option<String> {
        self.0.bool().then(|| self.one(of))
    }

    /// National digits, most of which several countries have.
    fn national(&mut self) -> String {
        let starts = ["212555", "212555", "312555", "532555", "204520", "850555"];
        let ends = [
            "0100", "0101", "0110", "0199", "0112", "1000", "1004", "0200", "0123", "5757",
        ];
        match self.0.u8(..10) {
            0 => self.one(&["4440333", "4440334", "912345678", "612345678", "21234567"]),
            1 => self.one(&[
                "3012345600",
                "301234560",
                "30123456012",
                "3012345601",
                "0212345678",
            ]),
            _ => self.one(&starts) + &self.one(&ends),
        }
    }

    /// As networks send and as people type.
    pub fn text(&mut self) -> String {
        let mut digits = self.national();
        if self.0.u8(..8) == 0 {
            let at = self.0.usize(..digits.len());
            let digit = self.0.digit(10).to_string();
            match self.0.u8(..3) {
                0 => drop(digits.remove(at)),
                1 => digits.insert_str(at, &digit),
                _ => digits.replace_range(at..=at, &digit),
            }
        }
        let code = self.one(&[
            "90", "90", "90", "90", "90", "90", "1", "44", "49", "39", "33",
        ]);
        match self.0.u8(..12) {
            0..5 => format!("+{code}{digits}"),
            5 => format!("00{code}{digits}"),
            6 => format!("{code}{digits}"),
            7 => digits,
            8 => format!("0{digits}"),
            9 => format!("80{digits}"),
            10 => format!("8 0 {digits}"),
            _ => format!("9{code}{digits}"),
        }
    }

    fn contact(&mut self) -> Contact {
        let mut contact = Contact {
            key: self.maybe(&["1", "2"]),
            name: self.maybe(&["Ali", "Can", "Ece", "Su", "Nil"]),
            company: self.maybe(&["Acme", "ACME", "Beta A.S.", "Yok"]),
            updated: self.0.bool().then(|| self.0.i64(0..5)),
            ids: Ids {
                customer_code: self.maybe(&["c1", "c2", "c3", "c4"]),
                tax_number: (self.0.u8(..4) == 0).then(|| self.one(&["123", "456"])),
                email: None,
            },
            ..Contact::default()
        };
        if self.0.u8(..3) == 0 {
            contact.balance = money(&self.one(&["1 TRY", "2 TRY"]));
        }
        if !contact.is_nameable() {
            contact.name = Some("Ayla".to_owned());
        }
        let is_head_office = self.0.u8(..4) == 0;
        if is_head_office {
            contact.name = None;
            contact.company = Some(self.one(&["Acme", "ACME", "Beta A.S."]));
            let end = self.one(&["0100", "0110", "1000", "0200"]);
            let start = self.one(&["212555", "312555", "3012"]);
            self.add(&mut contact, "TR", &format!("+90{start}{end}"));
        }
        for _ in usize::from(is_head_office)..self.0.usize(1..4) {
            let text = self.text();
            let region = self.one(&["TR", "TR", "TR", "GB", "-"]);
            self.add(&mut contact, &region, &text);
        }
        contact
    }

    /// As a source does: each once, and some marked.
    fn add(&mut self, contact: &mut Contact, region: &str, text: &str) {
        let place = Dialling {
            region: Region::parse(region),
            ..Dialling::default()
        };
        let marked = self.0.u8(..4) == 0;
        let Ok(reading) = place.read(text) else {
            return;
        };
        let number = reading.number.filter(|n| !contact.numbers.contains(n));
        contact.numbers.extend(number);
        let loose = reading.loose.filter(|l| !contact.loose.contains(l));
        contact.loose.extend(loose);
        let marked = reading.number.filter(|_| marked);
        let marked = marked.filter(|n| !contact.switchboards.contains(n));
        contact.switchboards.extend(marked);
    }

    fn balance(&mut self) -> Contact {
        let amount = format!("{} TRY", self.0.u8(10..90));
        Contact {
            balance: money(&amount),
            ids: Ids {
                customer_code: Some(self.one(&["c1", "c2", "c3", "c4", "c5"])),
                ..Ids::default()
            },
            ..Contact::default()
        }
    }
}

fn money(text: &str) -> Option<Money> {
    Money::parse(text, DecimalSign::Point, None).ok()
}
