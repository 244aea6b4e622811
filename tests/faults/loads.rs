//! SIGKILL at any instant of a load: the old answers until the new ones, never a mixture.

use std::fmt::Write as _;
use std::io::Write as _;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::{Duration, Instant};

use ringcard::daemon::Explanation;
use ringcard::system::control::{Question, Request};

use super::mixed::number_of;
use super::office::{MACHINE, Office, Setting};
use super::summary::{ms, save};

/// Numbers that are looked up one after the other, to find a mixture.
const LOOKUPS: usize = 40;
/// A load of a million rows takes a quarter of a minute; one that takes so long has failed.
const PATIENCE: Duration = Duration::from_secs(300);
/// Between two looks at whether a load is over.
const PAUSE: Duration = Duration::from_millis(50);

struct Rows {
    rows: usize,
    dice: fastrand::Rng,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_instant_of_a_load_it_has_the_old_answers_until_the_new_ones() {
    let _alone = MACHINE.write().await;
    let rows = number_of("LOAD_ROWS", 10_000) as usize;
    let kills = number_of("LOAD_KILLS", 10);
    let seed = number_of("SEED", fastrand::u64(..1_000_000));
    println!("seed {seed}, {kills} kills in loads of {rows} rows");
    let dice = fastrand::Rng::with_seed(seed);
    let mut rows = Rows { rows, dice };
    let office = Office::closed(Setting::default()).await;
    rows.export(office.path("").as_path(), 0);
    // Everybody is another than in the office's own export, which would be held for a person.
    std::fs::remove_dir_all(office.state.join("replica")).unwrap();
    let begun = Instant::now();
    office.start().await;
    rows.until(&office, 0).await;
    let whole = begun.elapsed();
    office.kill().await;
    let (mut serving, mut published, mut broken_off) = (0, 0, 0);
    let mut slowest = Duration::ZERO;
    for version in 1..=kills {
        rows.export(office.path("").as_path(), version);
        slowest = slowest.max(office.start().await);
        let before = rows.answers(&office, serving..=version).await;
        let moment = whole.mul_f64(1.2 * rows.dice.f64());
        tokio::time::sleep(moment).await;
        let after = rows.answers(&office, *before.end()..=version).await;
        office.kill().await;
        serving = *after.end();
        match serving == version {
            true => published += 1,
            false => broken_off += 1,
        }
    }
    slowest = slowest.max(office.start().await);
    rows.until(&office, kills).await;
    let left = partials(&office.state.join("replica"));
    assert_eq!(left, 0, "seed {seed}: halves of loads were left");
    office.stop().await;
    let table = format!(
        "{:<44} {seed:>10}\n{:<44} {:>10}\n{:<44} {:>10}\n{:<44} {broken_off:>10}\n{:<44} {published:>10}\n{:<44} {:>10}\n",
        "seed",
        "rows of each load",
        rows.rows,
        "from the start until the load was published",
        ms(whole),
        "kills before the load was published",
        "kills after it",
        "slowest start",
        ms(slowest),
    );
    println!("{table}");
    save("loads.txt", &table);
}

impl Rows {
    /// Every name says which export it is of.
    fn export(&self, directory: &Path, version: u64) {
        let beside = directory.join("contacts.tmp");
        let file = std::fs::File::create(&beside).unwrap();
        let mut file = std::io::BufWriter::new(file);
        let header = "Cari Kodu;Ad Soyad;Firma;Cep;Telefon;Bakiye;Döviz;E-posta\n";
        file.write_all(header.as_bytes()).unwrap();
        let mut line = String::new();
        for row in 0..self.rows {
            line.clear();
            writeln!(
                line,
                "K{row};Kişi {row} sürüm {version}.;;{};;;;",
                number(row)
            )
            .unwrap();
            file.write_all(line.as_bytes()).unwrap();
        }
        file.into_inner().unwrap().sync_all().unwrap();
        std::fs::rename(&beside, directory.join("contacts.csv")).unwrap();
    }

    /// From which export to which the answers are: within these, never back, and none is of a third.
    async fn answers(
        &mut self,
        office: &Office,
        allowed: RangeInclusive<u64>,
    ) -> RangeInclusive<u64> {
        let mut seen = Vec::new();
        for _ in 0..LOOKUPS {
            seen.push(version_of(office, self.dice.usize(..self.rows)).await);
        }
        let changes = seen.windows(2).filter(|pair| pair[0] != pair[1]).count();
        let (first, last) = (seen[0], seen[LOOKUPS - 1]);
        assert!(
            changes <= 1 && first <= last && allowed.contains(&first) && allowed.contains(&last),
            "allowed {allowed:?}, seen {seen:?}\n{}",
            office.log()
        );
        first..=last
    }

    async fn until(&mut self, office: &Office, version: u64) {
        let begun = Instant::now();
        while version_or_none(office, self.rows - 1).await != Some(version) {
            assert!(begun.elapsed() < PATIENCE, "{}", office.log());
            tokio::time::sleep(PAUSE).await;
        }
        assert_eq!(
            self.answers(office, version..=version).await,
            version..=version
        );
    }
}

fn number(row: usize) -> String {
    format!("+90533{row:07}")
}

async fn version_of(office: &Office, row: usize) -> u64 {
    match version_or_none(office, row).await {
        Some(version) => version,
        None => panic!("row {row} is not found\n{}", office.log()),
    }
}

/// The export that the contact of a row is from.
async fn version_or_none(office: &Office, row: usize) -> Option<u64> {
    let question = Question {
        number: number(row),
        ..Question::default()
    };
    let found: Explanation = office.ask(Request::Lookup(question)).await.unwrap();
    let card = serde_json::to_value(found.card).unwrap().to_string();
    let (_, rest) = card.split_once(&format!("Kişi {row} sürüm "))?;
    let (version, _) = rest.split_once('.')?;
    Some(version.parse().unwrap())
}

/// What is left of loads that were broken off, in the directories of all sources.
fn partials(replicas: &Path) -> usize {
    let listed = |path: &Path| std::fs::read_dir(path).unwrap().map(|e| e.unwrap().path());
    let files = listed(replicas).flat_map(|source| listed(&source).collect::<Vec<_>>());
    files
        .filter(|path| path.extension().is_some_and(|e| e == "partial"))
        .count()
}
