//! A disk that is full, failing, read-only or asleep costs no card and no 200, and is told of.
//!
//! `RINGCARD_FAULTS_FULL=DIRECTORY` takes a real small file system instead of the shim's refusals for the
//! full disk (`tests/slow/full-disk` makes one).

use std::io::Write;
use std::path::{Path, PathBuf};

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use ringcard::status::{AlarmId, Status};

use super::office::{CONTACTS, Office, Setting};
use super::shim::{Disk, Field};

/// Calls while the disk is bad, at least and at most: on a full disk the outbox has first to fill its own file.
const CALLS: usize = 20;
const MOST_CALLS: usize = 5_000;

/// What makes the disk bad, and good again.
enum Cause {
    Shim(Disk),
    /// A file that takes what is left of a file system.
    Ballast(PathBuf),
}

impl Cause {
    fn begin(&self, office: &Office) {
        match self {
            Cause::Shim(disk) => office.shim.spoil(*disk),
            Cause::Ballast(path) => fill(path),
        }
    }

    fn end(&self, office: &Office) {
        match self {
            Cause::Shim(_) => office.shim.repair(),
            Cause::Ballast(path) => std::fs::remove_file(path).unwrap(),
        }
    }
}

/// Writes until not one more byte fits.
fn fill(path: &Path) {
    let mut file = std::fs::File::create(path).unwrap();
    for size in [64 << 10, 1 << 10, 1] {
        let piece = vec![0; size];
        while file.write_all(&piece).is_ok() {}
    }
}

async fn cards_go_on(cause: Cause, setting: Setting) {
    let (office, _machine) = Office::open(setting).await;
    let before = office.call(0).await;
    office.card(&before).await;
    cause.begin(&office);
    let (mut slowest, mut calls) = (Duration::ZERO, 0);
    let refuses = |status: Status| status.alarms.iter().any(|a| a.id == AlarmId::DiskRefused);
    while calls < CALLS || (calls < MOST_CALLS && !refuses(office.status().await)) {
        let began = Instant::now();
        let call = office.call(calls % CONTACTS).await;
        slowest = slowest.max(began.elapsed());
        office.card(&call).await;
        calls += 1;
    }
    let slowest = slowest.as_millis();
    println!("{calls} cards on a bad disk, the slowest 200 after {slowest} ms");
    let alarm = office.alarmed(AlarmId::DiskRefused).await;
    let told = match cause {
        Cause::Shim(Disk::Stalled) => "does not answer",
        _ => "df -h",
    };
    assert!(alarm.contains(told), "{alarm}");
    cause.end(&office);
    office.calmed(AlarmId::DiskRefused).await;
    // By itself it has become what it was: a card that is accepted outlasts a kill.
    office.hipcall.go_down().await;
    let call = office.call(7).await;
    office.kill().await;
    office.start().await;
    office.hipcall.come_up().await.unwrap();
    office.card(&call).await;
    office.stop().await;
}

#[tokio::test]
async fn on_a_full_disk_cards_go_on_and_it_mends_by_itself() {
    let Some(directory) = std::env::var_os("RINGCARD_FAULTS_FULL") else {
        return cards_go_on(Cause::Shim(Disk::Full), Setting::default()).await;
    };
    let directory = PathBuf::from(directory);
    let setting = Setting {
        state: Some(directory.join("state")),
        ..Setting::default()
    };
    cards_go_on(Cause::Ballast(directory.join("ballast")), setting).await;
}

#[tokio::test]
async fn on_a_failing_disk_cards_go_on_and_it_mends_by_itself() {
    cards_go_on(Cause::Shim(Disk::Failing), Setting::default()).await;
}

#[tokio::test]
async fn on_a_read_only_disk_cards_go_on_and_it_mends_by_itself() {
    cards_go_on(Cause::Shim(Disk::ReadOnly), Setting::default()).await;
}

#[tokio::test]
async fn on_a_disk_that_never_answers_cards_go_on_and_it_mends_by_itself() {
    cards_go_on(Cause::Shim(Disk::Stalled), Setting::default()).await;
}

/// Every thread that may wait for a disk could be waiting, were there no bound of lookups.
#[tokio::test]
async fn lookups_that_hang_keep_no_200_back_and_go_on_when_the_disk_does() {
    const LOOKUPS: usize = 40;
    let (office, _machine) = Office::open(Setting::default()).await;
    // What a daemon has read once it knows without its disk.
    office.kill().await;
    office.start().await;
    let met = office.shim.read(Field::Refused);
    office.shim.set(Field::ReadStall, 1);
    let began = Instant::now();
    let calls = join_all((0..LOOKUPS).map(|contact| office.call(contact))).await;
    let all = began.elapsed().as_millis();
    office.shim.met(met).await;
    println!("{LOOKUPS} calls that can't be looked up, the last 200 after {all} ms");
    assert!(
        calls
            .iter()
            .all(|call| office.hipcall.cards(call).is_empty())
    );
    office.shim.repair();
    for call in &calls {
        office.card(call).await;
    }
    office.stop().await;
}

#[tokio::test]
async fn a_daemon_that_starts_on_a_bad_disk_shows_cards() {
    let _machine = super::office::MACHINE.read().await;
    let office = Office::closed(Setting::default()).await;
    for disk in [Disk::Full, Disk::Failing, Disk::ReadOnly, Disk::Stalled] {
        let met = office.shim.read(Field::Refused);
        office.shim.spoil(disk);
        office.start().await;
        let call = office.call(0).await;
        office.card(&call).await;
        office.shim.met(met).await;
        office.alarmed(AlarmId::DiskRefused).await;
        office.shim.repair();
        office.calmed(AlarmId::DiskRefused).await;
        office.kill().await;
    }
}
