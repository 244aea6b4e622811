//! Now, on the box's two clocks, and how far the wall clock can be believed.
//!
//! Somebody else's time, as Hipcall's answers carry it, is kept beside the clock since boot. So a jump of the
//! wall clock shows at once, and what time it is can be told even on a box whose wall clock is wrong.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use nix::time::{ClockId, clock_gettime};

use crate::domain::clock::{Signs, Synchronised, belief, skew};
use crate::domain::deadline::{Belief, Moment};

/// How long a time that was heard is compared with the wall clock: without a newer one, the line is gone, and a
/// time server of the office's own may know better.
const HEARD_FOR: Duration = Duration::from_secs(15 * 60);
/// systemd-timesyncd's own directory while it runs, with the file `synchronized` once it has set the clock.
const TIMESYNC: &str = "/run/systemd/timesync";

/// Where the time comes from: the box's clocks, or in tests whatever they say.
#[derive(Clone)]
pub struct Clock(Arc<Source>);

struct Source {
    read: Box<dyn Fn() -> Moment + Send + Sync>,
    ask: Box<dyn Fn() -> Synchronised + Send + Sync>,
    synchronised: AtomicU8,
    outside_certificate: AtomicBool,
    heard: Mutex<Option<(Timestamp, Moment)>>,
}

impl Clock {
    pub fn of_the_system() -> Clock {
        Clock::new(now, synchronised)
    }

    /// A clock that reads as `read` says, kept by a time server as `ask` says.
    pub fn new(
        read: impl Fn() -> Moment + Send + Sync + 'static,
        ask: impl Fn() -> Synchronised + Send + Sync + 'static,
    ) -> Clock {
        let clock = Clock(Arc::new(Source {
            read: Box::new(read),
            ask: Box::new(ask),
            synchronised: AtomicU8::default(),
            outside_certificate: AtomicBool::default(),
            heard: Mutex::default(),
        }));
        clock.look();
        clock
    }

    pub fn now(&self) -> Moment {
        let moment = (self.0.read)();
        let synchronised = match moment.belief {
            Belief::Believed => Synchronised::Yes,
            Belief::Doubtful => self.synchronised(),
        };
        Moment {
            belief: belief(synchronised, self.skew(&moment)),
            ..moment
        }
    }

    /// Asks anew whether a time server keeps the clock: too slow for each reading of it.
    pub fn look(&self) {
        let said = (self.0.ask)() as u8;
        self.0.synchronised.store(said, Ordering::Relaxed);
    }

    /// Hears what time it is now from somebody whose certificate was checked.
    pub fn hear(&self, date: Timestamp) {
        let heard = Some((date, (self.0.read)()));
        *self.0.heard.lock().unwrap_or_else(PoisonError::into_inner) = heard;
        self.doubt(false);
    }

    /// Whether TLS takes Hipcall's certificate for one of another time.
    pub fn doubt(&self, outside_certificate: bool) {
        let doubt = &self.0.outside_certificate;
        doubt.store(outside_certificate, Ordering::Relaxed);
    }

    pub fn signs(&self) -> Signs {
        let moment = (self.0.read)();
        Signs {
            wall: moment.wall,
            synchronised: self.synchronised(),
            skew: self.skew(&moment),
            outside_certificate: self.0.outside_certificate.load(Ordering::Relaxed),
        }
    }

    /// What time it is, whatever the wall clock says; `None` where nobody can know.
    pub fn true_time(&self) -> Option<Timestamp> {
        let now = self.now();
        match self.heard_at(&now) {
            Some((date, passed)) => date.checked_add(passed).ok(),
            None => (now.belief == Belief::Believed).then_some(now.wall),
        }
    }

    fn synchronised(&self) -> Synchronised {
        let said = self.0.synchronised.load(Ordering::Relaxed);
        let known = [Synchronised::Yes, Synchronised::No];
        let known = known.into_iter().find(|s| *s as u8 == said);
        known.unwrap_or(Synchronised::Unknown)
    }

    fn skew(&self, now: &Moment) -> Option<SignedDuration> {
        let (date, passed) = self.heard_at(now)?;
        let date = date.checked_add(passed).ok()?;
        (passed <= HEARD_FOR).then(|| skew(date, now.wall))
    }

    /// The last time that was heard, and how long ago that was.
    fn heard_at(&self, now: &Moment) -> Option<(Timestamp, Duration)> {
        let heard = *self.0.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.map(|(date, at)| (date, now.at_least_since(&at)))
    }
}

impl<F: Fn() -> Moment + Send + Sync + 'static> From<F> for Clock {
    fn from(now: F) -> Clock {
        Clock::new(now, || Synchronised::Unknown)
    }
}

/// The clock that counts through suspend tells how long ago; the boot id tells whether it can be compared.
fn now() -> Moment {
    let since_boot = clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from);
    Moment {
        boot: boot(),
        since_boot,
        wall: Timestamp::now(),
        belief: Belief::default(),
    }
}

/// Which run of the kernel this is; 0 where the kernel does not tell.
fn boot() -> u64 {
    static BOOT: OnceLock<u64> = OnceLock::new();
    *BOOT.get_or_init(|| {
        let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let digits: String = id
            .chars()
            .filter(char::is_ascii_hexdigit)
            .take(16)
            .collect();
        u64::from_str_radix(&digits, 16).unwrap_or(0)
    })
}

/// Whether the usual time server has set the clock. The kernel would know of every kind of them (adjtimex), but
/// the service may not ask it, and no safe call of it builds for all boxes; with another time server, Hipcall's
/// time has to do.
fn synchronised() -> Synchronised {
    by_timesyncd(Path::new(TIMESYNC))
}

fn by_timesyncd(directory: &Path) -> Synchronised {
    match (directory.join("synchronized").exists(), directory.exists()) {
        (true, _) => Synchronised::Yes,
        (false, true) => Synchronised::No,
        (false, false) => Synchronised::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUILT: i64 = 1_790_000_000;
    const YEARS: i64 = 365 * 86_400;

    #[test]
    fn time_goes_on_within_one_boot() {
        let (first, second) = (now(), now());
        assert_eq!(first.boot, second.boot);
        assert!(second.since_boot >= first.since_boot);
        assert!(second.since_boot > Duration::ZERO);
    }

    /// A clock whose two hands are set by hand.
    fn by_hand(synchronised: Synchronised) -> (Clock, Arc<Mutex<(u64, i64)>>) {
        let hands = Arc::new(Mutex::new((100, BUILT)));
        let read = hands.clone();
        let read = move || {
            let (since_boot, wall) = *read.lock().unwrap();
            Moment {
                boot: 1,
                since_boot: Duration::from_secs(since_boot),
                wall: Timestamp::from_second(wall).unwrap(),
                belief: Belief::default(),
            }
        };
        (Clock::new(read, move || synchronised), hands)
    }

    fn skew_of(clock: &Clock) -> Option<i64> {
        clock.signs().skew.map(|s| s.as_secs())
    }

    #[test]
    fn a_jump_of_the_wall_clock_shows_at_once_and_the_time_is_still_known() {
        let (clock, hands) = by_hand(Synchronised::No);
        assert_eq!((skew_of(&clock), clock.true_time()), (None, None));
        clock.hear(Timestamp::from_second(BUILT).unwrap());
        assert_eq!(skew_of(&clock), Some(0));
        assert_eq!(clock.now().belief, Belief::Believed);
        for wall in [BUILT + 10 * YEARS, BUILT - 10 * YEARS, 0] {
            *hands.lock().unwrap() = (160, wall);
            assert_eq!(skew_of(&clock), Some(wall - BUILT - 60));
            assert_eq!(clock.now().belief, Belief::Doubtful);
            assert_eq!(clock.true_time().unwrap().as_second(), BUILT + 60);
        }
    }

    #[test]
    fn what_was_heard_long_ago_says_nothing_of_the_wall_clock() {
        let (clock, hands) = by_hand(Synchronised::Yes);
        clock.hear(Timestamp::from_second(BUILT - 3600).unwrap());
        assert_eq!(clock.now().belief, Belief::Doubtful);
        *hands.lock().unwrap() = (100 + HEARD_FOR.as_secs() + 1, BUILT);
        assert_eq!(skew_of(&clock), None);
        assert_eq!(clock.now().belief, Belief::Believed);
    }

    #[test]
    fn a_time_server_is_believed_until_hipcall_says_otherwise() {
        for (synchronised, expected) in [
            (Synchronised::Yes, Belief::Believed),
            (Synchronised::No, Belief::Doubtful),
            (Synchronised::Unknown, Belief::Doubtful),
        ] {
            let (clock, _) = by_hand(synchronised);
            assert_eq!(clock.signs().synchronised, synchronised);
            assert_eq!(clock.now().belief, expected);
            clock.hear(Timestamp::from_second(BUILT - YEARS).unwrap());
            assert_eq!(clock.now().belief, Belief::Doubtful);
        }
    }

    #[test]
    fn the_time_server_of_systemd_leaves_a_sign() {
        let directory = tempfile::tempdir().unwrap();
        let of = by_timesyncd;
        assert_eq!(of(&directory.path().join("none")), Synchronised::Unknown);
        assert_eq!(of(directory.path()), Synchronised::No);
        std::fs::write(directory.path().join("synchronized"), "").unwrap();
        assert_eq!(of(directory.path()), Synchronised::Yes);
    }

    #[test]
    fn tls_may_doubt_the_clock_until_somebody_answers() {
        let (clock, _) = by_hand(Synchronised::Unknown);
        clock.doubt(true);
        assert!(clock.signs().outside_certificate);
        clock.hear(Timestamp::from_second(BUILT).unwrap());
        assert!(!clock.signs().outside_certificate);
    }
}
