//! Looking a number up: in the replica on disk, by the whole ladder, as the daemon does it, and in a `HashMap`;
//! and how much of the disk what numbers are found by takes.

mod support;

use std::collections::{HashMap, HashSet};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use fastrand::Rng;
use ringcard::config::Config;
use ringcard::domain::call::Skip;
use ringcard::domain::contact::Contact;
use ringcard::domain::dialling::{Dialling, Reading};
use ringcard::domain::ladder::Question as Asked;
use ringcard::domain::phone::{PhoneNumber, Region};
use ringcard::domain::renewal::Depth;
use ringcard::flow::office::{Flow, Office as Flows};
use ringcard::flow::sync::{Memory, Order, Witnesses, sync};
use ringcard::source::read::{Each, Job, Wanted};
use ringcard::store::outbox::Outbox;
use ringcard::tasks::Tasks;
use tokio_util::sync::CancellationToken;

use support::office::{Office, known};
use support::spread::{Spread, Unit};
use support::{CONTACTS, Result, say, table, target};

/// Numbers looked up in one go.
const LOOKUPS: usize = 200_000;
/// Each hands a worker's tasks on, so fewer do.
const DAEMON_LOOKUPS: usize = 50_000;
/// How long lookups are asked beside loads: a million contacts take a quarter of a minute to load.
const LOADING: Duration = Duration::from_secs(30);
/// Of a hundred.
const KNOWN: u8 = 80;
/// The targets, in microseconds: one question, and all of a ladder that finds nobody.
const P99_MICROS: f64 = 20.0;
const LADDER_P99_MICROS: f64 = 50.0;
/// The target for a lookup while its source is read and loaded, beside one of an idle box.
const LOADING_TIMES: f64 = 2.0;
/// The target for all indexes together.
const BYTES_A_NUMBER: f64 = 40.0;

fn main() -> ExitCode {
    let contacts = match support::has("--million") {
        true => 1_000_000,
        false => CONTACTS,
    };
    let title = format!("Looking a number up among {contacts} contacts");
    support::bench(&title, || support::runtime()?.block_on(measure(contacts)))
}

/// A number, and whose it is.
type Question = (PhoneNumber, Option<String>);

async fn measure(contacts: usize) -> Result<()> {
    let office = Office::new(contacts)?;
    office.sync()?;
    let config = Config::load(&office.demo.config_path())?;
    let account = config.accounts.first().ok_or("no account")?;
    let (region, dialling) = (account.region, account.dialling.clone());
    let (flows, damaged) = Flows::open(config, None)?;
    if !damaged.is_empty() {
        return Err("the replica is damaged".into());
    }
    let flows = Arc::new(flows);
    let questions = questions(contacts, region)?;
    let first = replica(&flows, &questions)?;
    let again = replica(&flows, &questions)?;
    let daemon = as_the_daemon(&flows, &questions[..DAEMON_LOOKUPS]).await?;
    let (loading, loads) = while_loading(&flows, &questions[..DAEMON_LOOKUPS]).await?;
    let floor = floor(&flows, &questions)?;
    let flow = flow(&flows);
    let climb = |texts: &[String], expected| climb(&flow, &dialling, texts, expected);
    let exact = climb(&known_texts(contacts), Expected::Somebody)?;
    let nobody = climb(&nobodys(contacts, "+90212", 7), Expected::Nobody)?;
    let bare = climb(&nobodys(contacts, "020", 8), Expected::Nobody)?;
    let rows = [
        ("HashMap", &floor),
        ("replica, just opened", &first),
        ("replica, the same again", &again),
        ("replica, as a call asks", &daemon),
        ("the same, while it is loaded anew", &loading),
        ("ladder, the number itself", &exact),
        ("ladder, a line nobody has", &nobody),
        ("ladder, digits without a country", &bare),
    ]
    .map(|(name, spread)| {
        let mut row = vec![name.to_owned(), spread.count().to_string()];
        row.extend(spread.cells(Unit::Micros));
        row
    });
    table(&["us", "times", "p50", "p90", "p99", "max"], &rows);
    let slow = first.at(0.99).max(again.at(0.99));
    target("a lookup in the replica, p99", P99_MICROS, slow, " us");
    say(&format!("it was loaded anew {loads} times meanwhile"));
    let times = loading.at(0.99) / daemon.at(0.99);
    target(
        "a lookup during a load beside one without, p99",
        LOADING_TIMES,
        times,
        "x",
    );
    let slow = nobody.at(0.99).max(bare.at(0.99)).max(exact.at(0.99));
    target("from text to answer, p99", LADDER_P99_MICROS, slow, " us");
    let bytes = bytes_a_number(&flows)?;
    target("the indexes, a number", BYTES_A_NUMBER, bytes, " bytes");
    Ok(())
}

fn flow(office: &Arc<Flows>) -> Flow {
    Flow {
        clock: ringcard::system::clock::Clock::of_the_system(),
        renewed: std::sync::Arc::default(),
        office: Arc::new(ArcSwap::new(office.clone())),
        outbox: Arc::new(Outbox::in_memory()),
        board: Arc::default(),
        callers: Arc::default(),
        tasks: Tasks::default(),
    }
}

fn known_texts(contacts: usize) -> Vec<String> {
    let known = known(contacts);
    let mut random = Rng::with_seed(2);
    let one = || known[random.usize(..known.len())].number.clone();
    std::iter::repeat_with(one).take(LOOKUPS).collect()
}

/// Numbers that begin so and that no contact has.
fn nobodys(contacts: usize, start: &str, more: usize) -> Vec<String> {
    let last = |text: &str| {
        let digits = text.chars().filter(char::is_ascii_digit).rev();
        digits.take(10).collect::<String>()
    };
    let known: HashSet<String> = known(contacts).iter().map(|k| last(&k.number)).collect();
    let mut random = Rng::with_seed(3);
    let one = || {
        let digits = std::iter::repeat_with(|| random.digit(10)).take(more);
        format!("{start}{}", digits.collect::<String>())
    };
    let some = std::iter::repeat_with(one).filter(|text| !known.contains(&last(text)));
    some.take(LOOKUPS).collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    Somebody,
    /// An extension may still be found for its company.
    Nobody,
}

/// From the text that a call has to the answer.
fn climb(flow: &Flow, dialling: &Dialling, texts: &[String], expected: Expected) -> Result<Spread> {
    let office = flow.office.load_full();
    let mut spread = Spread::new()?;
    for text in texts {
        let asked = Instant::now();
        let caller = dialling.read(text)?;
        let search = flow.find(&office, &caller);
        spread.add(asked.elapsed());
        let exact = search.tried.first().is_some_and(|(_, found)| *found > 0);
        if exact != (expected == Expected::Somebody) {
            return Err(format!("on the way: {}", search.steps()).into());
        }
    }
    Ok(spread)
}

fn bytes_a_number(flows: &Flows) -> Result<f64> {
    let shelf = &flows.feeds.first().ok_or("no source")?.shelf;
    let replica = shelf.current().ok_or("no replica")?;
    Ok(replica.index_bytes()? as f64 / replica.facts.numbers as f64)
}

fn questions(contacts: usize, region: Region) -> Result<Vec<Question>> {
    let known = known(contacts);
    let mut numbers = HashMap::new();
    for contact in &known {
        let number = PhoneNumber::parse(&contact.number, region)?;
        numbers.insert(number, contact.name.as_str());
    }
    let mut random = Rng::with_seed(1);
    let mut questions = Vec::with_capacity(LOOKUPS);
    while questions.len() < LOOKUPS {
        let stranger = random.u8(..100) >= KNOWN;
        let text = match stranger {
            true => format!("+90535{:07}", random.u32(..10_000_000)),
            false => known[random.usize(..known.len())].number.clone(),
        };
        let number = PhoneNumber::parse(&text, region)?;
        let name = numbers.get(&number).map(|name| (*name).to_owned());
        questions.push((number, name));
    }
    Ok(questions)
}

fn caller(number: PhoneNumber) -> Reading {
    Reading {
        number: Some(number),
        loose: None,
        kind: number.kind(),
    }
}

fn check(found: Option<&Contact>, expected: Option<&String>) -> Result<()> {
    match found.and_then(|c| c.name.as_ref().or(c.company.as_ref())) == expected {
        true => Ok(()),
        false => Err("a lookup found somebody else".into()),
    }
}

fn replica(flows: &Flows, questions: &[Question]) -> Result<Spread> {
    let shelf = &flows.feeds.first().ok_or("no source")?.shelf;
    let mut spread = Spread::new()?;
    for (number, name) in questions {
        let asked = Instant::now();
        let replica = shelf.current().ok_or("no replica")?;
        let found = replica.ask(Asked::Having(*number))?;
        spread.add(asked.elapsed());
        check(found.first().map(|(_, contact)| contact), name.as_ref())?;
    }
    Ok(spread)
}

/// As a call asks: on a worker that hands its other tasks on first.
async fn as_the_daemon(office: &Arc<Flows>, questions: &[Question]) -> Result<Spread> {
    let flow = flow(office);
    let (office, questions) = (office.clone(), questions.to_vec());
    let ask = async move {
        let mut spread = Spread::new()?;
        for (number, name) in &questions {
            let asked = Instant::now();
            let search = flow.find(&office, &caller(*number));
            spread.add(asked.elapsed());
            match search.outcome {
                Ok(finding) => check(Some(&finding.profile.contact), name.as_ref())?,
                Err(Skip::UnknownCaller) => check(None, name.as_ref())?,
                Err(skip) => return Err(format!("a lookup was refused: {skip:?}").into()),
            }
            tokio::task::yield_now().await;
        }
        Ok(spread)
    };
    tokio::spawn(ask).await?
}

/// The same while the source is read and loaded by the side, over and over; and how often it was.
async fn while_loading(office: &Arc<Flows>, questions: &[Question]) -> Result<(Spread, u32)> {
    let halt = CancellationToken::new();
    let (feed, stop) = (office.feeds[0].clone(), halt.clone());
    let order = Order {
        depth: Depth::Whole,
        ..Order::default()
    };
    let load = move || -> Result<u32> {
        let (memory, witnesses) = (Memory::default(), Witnesses::default());
        let mut loads = 0;
        while !stop.is_cancelled() {
            match sync(&feed, &memory, &witnesses, order, &stop, &mut |_| {}) {
                Ok(_) => loads += 1,
                Err(_) if stop.is_cancelled() => {}
                Err(e) => return Err(e.into()),
            }
        }
        Ok(loads)
    };
    let loading = tokio::task::spawn_blocking(load);
    let mut asked = as_the_daemon(office, questions).await?;
    // A few lookups take less time than a load.
    let begun = Instant::now();
    while begun.elapsed() < LOADING {
        asked.merge(&as_the_daemon(office, questions).await?)?;
    }
    halt.cancel();
    Ok((asked, loading.await??))
}

/// The same contacts, held in memory, and given out as the replica does: owned.
fn floor(flows: &Flows, questions: &[Question]) -> Result<Spread> {
    let source = &flows.feeds.first().ok_or("no source")?.source;
    let halt = tokio_util::sync::CancellationToken::new();
    let picked = source.pick(std::time::SystemTime::now(), &halt)?;
    let mut contacts: HashMap<PhoneNumber, Contact> = HashMap::new();
    let mut keep = Each(|contact: Contact| {
        for number in &contact.numbers {
            contacts.insert(*number, contact.clone());
        }
        Ok::<(), std::convert::Infallible>(())
    });
    let job = Job {
        wanted: Wanted::Everything { from: None },
        halt: &halt,
    };
    source
        .read(picked.as_ref(), &job, &mut keep)
        .map_err(|e| format!("{e:?}"))?;
    let mut spread = Spread::new()?;
    for (number, name) in questions {
        let asked = Instant::now();
        let found = contacts.get(number).cloned();
        spread.add(asked.elapsed());
        check(found.as_ref(), name.as_ref())?;
    }
    Ok(spread)
}
