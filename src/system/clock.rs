//! Now, on the box's two clocks.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use nix::time::{ClockId, clock_gettime};

use crate::domain::deadline::Moment;

/// Where the time comes from: the box's clocks, or in tests whatever they say.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Moment + Send + Sync>);

impl Clock {
    pub fn of_the_system() -> Clock {
        Clock::from(now)
    }

    pub fn now(&self) -> Moment {
        (self.0)()
    }
}

impl<F: Fn() -> Moment + Send + Sync + 'static> From<F> for Clock {
    fn from(now: F) -> Clock {
        Clock(Arc::new(now))
    }
}

/// The clock that counts through suspend tells how long ago; the boot id tells whether it can be compared.
fn now() -> Moment {
    let since_boot = clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from);
    Moment {
        boot: boot(),
        since_boot,
        wall: Timestamp::now(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_within_one_boot() {
        let (first, second) = (now(), now());
        assert_eq!(first.boot, second.boot);
        assert!(second.since_boot >= first.since_boot && !first.since_boot.is_zero());
    }
}
