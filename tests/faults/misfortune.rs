//! Makes the planned faults happen, and notes from when until when each did.

use std::time::Duration;

use nix::sys::signal::Signal;
use ringcard::demo::hipcall::{Aim, Fault, Kind};
use ringcard::demo::identity::Identity;
use ringcard::system::control::Request;

use super::fate::{Ms, Trouble};
use super::mixed::Run;
use super::office::{self, CONTACTS};
use super::plan::{Failing, Happening, Trial};
use super::shim::{Disk, Field};

/// What is stopped by SIGSTOP goes on after this: less than Hipcall waits for an answer.
const PAUSE: Duration = Duration::from_millis(1_000);
const YEAR_SECONDS: i64 = 365 * 24 * 3_600;

impl Run {
    pub async fn misfortune(&self, happenings: &[Happening]) {
        for happening in happenings {
            self.until(happening.at).await;
            self.log(format!("{} begins", happening.name)).await;
            let from = self.now();
            if let Some(trouble) = self.happen(happening).await {
                self.trouble(trouble, from).await;
            }
            self.log(format!("{} is over", happening.name)).await;
        }
    }

    /// What every call can feel of it; what single requests met is read from Hipcall's record of them.
    async fn happen(&self, happening: &Happening) -> Option<Trouble> {
        let until = happening.at + happening.lasts;
        match happening.trial {
            Trial::Down => Some(self.down(until).await),
            Trial::Names => Some(self.nameless(until).await),
            Trial::Dates => {
                let years = match happening.lasts.is_multiple_of(2) {
                    true => 1970..1980,
                    false => 2900..3000,
                };
                let identity = self.office.authority.identity(years).unwrap();
                self.shown(&identity, until).await;
                Some(Trouble::Dates)
            }
            Trial::Stranger => {
                self.shown(&Identity::generate().unwrap(), until).await;
                Some(Trouble::Stranger)
            }
            Trial::CutLine => {
                self.office.hipcall.cut();
                Some(Trouble::Broken)
            }
            Trial::Clock { years } => {
                self.clock(years * YEAR_SECONDS, until).await;
                None
            }
            Trial::Disk(disk) => Some(self.disk(disk, until).await),
            Trial::Pause => Some(self.pause().await),
            Trial::Sync => {
                self.sync(CONTACTS + happening.lasts as usize % 7).await;
                None
            }
            Trial::Posts { failing, count } => {
                let (aim, faults) = self.faults(failing, count);
                self.office.hipcall.script_at(&aim, faults);
                self.until(until).await;
                self.office.hipcall.mend();
                None
            }
        }
    }

    async fn down(&self, until: Ms) -> Trouble {
        self.office.hipcall.go_down().await;
        self.until(until).await;
        self.office.hipcall.come_up().await.unwrap();
        Trouble::Down
    }

    async fn nameless(&self, until: Ms) -> Trouble {
        self.office.shim.set(Field::NoNames, 1);
        // A name is only asked for where there is no connection yet.
        self.office.hipcall.cut();
        self.until(until).await;
        self.office.shim.set(Field::NoNames, 0);
        Trouble::Names
    }

    /// The node is somebody else until then.
    async fn shown(&self, identity: &Identity, until: Ms) {
        self.office.hipcall.present(identity).unwrap();
        self.until(until).await;
        let right = self.office.authority.identity(office::YEARS).unwrap();
        self.office.hipcall.present(&right).unwrap();
    }

    async fn clock(&self, seconds: i64, until: Ms) {
        self.office.shim.set(Field::Realtime, seconds);
        self.until(until).await;
        self.office.shim.set(Field::Realtime, 0);
    }

    async fn disk(&self, disk: Disk, until: Ms) -> Trouble {
        self.office.shim.spoil(disk);
        self.until(until).await;
        self.office.shim.repair();
        Trouble::Disk
    }

    async fn pause(&self) -> Trouble {
        self.office.signal(Signal::SIGSTOP).await;
        tokio::time::sleep(PAUSE).await;
        self.office.signal(Signal::SIGCONT).await;
        Trouble::Paused
    }

    async fn sync(&self, contacts: usize) {
        office::export(self.office.path("").as_path(), contacts);
        let request = Request::Sync {
            source: None,
            accept: false,
            full: false,
        };
        // A kill in between is meant to happen.
        let _ = self.office.ask::<serde_json::Value>(request).await;
    }

    fn faults(&self, failing: Failing, count: usize) -> (Aim, Vec<Fault>) {
        let secs = Duration::from_secs;
        let some: &[Fault] = match failing {
            Failing::Fault => &[500, 503, 408, 425, 502].map(Fault::Status),
            Failing::Quota => &[Fault::StatusWithRetryAfter(429, 1)],
            Failing::Token => &[401, 403].map(Fault::Status),
            Failing::Unknown => &[Fault::Status(404)],
            Failing::Refused => &[Fault::Status(422)],
            Failing::Elsewhere => {
                &[302, 307, 308].map(|status| Fault::Redirect(status, self.elsewhere.address()))
            }
            Failing::Hang => &[Fault::Hang],
            Failing::Slow => &[Fault::Slow(secs(1)), Fault::Slow(secs(6))],
            Failing::Drip => &[Fault::Drip(secs(1)), Fault::Drip(secs(8))],
            Failing::HalfOpen => &[Fault::HalfOpen],
            Failing::Close => &[Fault::Close],
            Failing::Reset => &[Fault::Reset],
            Failing::Taken => &[Fault::AcceptThenClose],
            Failing::Cut => &[Fault::AcceptThenCut, Fault::StatusThenCut(503)],
            Failing::ReadBack => &[Fault::Status(500), Fault::Hang, Fault::Close],
        };
        let kind = match failing {
            Failing::ReadBack => Kind::ReadBack,
            _ => Kind::Card,
        };
        let faults = some.iter().cycle().take(count).copied();
        (Aim::at(kind), faults.collect())
    }
}
