//! When Hipcall gives up on a customer's server. Pure: the time comes in.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// So many failures within the window break an integration.
const FAILURES: usize = 4;
const WINDOW: Duration = Duration::from_secs(3600);

/// Counts failures; once broken it stays so, however long ago they were.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    recent: VecDeque<Instant>,
    broken: bool,
}

impl Breaker {
    /// An answer that was not 200, or none.
    pub(super) fn fail(&mut self, now: Instant) {
        self.recent.push_back(now);
        if self.recent.len() > FAILURES {
            self.recent.pop_front();
        }
        let full = self.recent.len() == FAILURES;
        let first = self.recent.front().copied().unwrap_or(now);
        self.broken |= full && now.duration_since(first) < WINDOW;
    }

    pub(super) fn is_broken(&self) -> bool {
        self.broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken_by(minutes: &[u64]) -> bool {
        let start = Instant::now();
        let mut breaker = Breaker::default();
        for minute in minutes {
            breaker.fail(start + Duration::from_secs(60 * minute));
        }
        breaker.is_broken()
    }

    #[test]
    fn four_failures_within_an_hour_break_it() {
        for (minutes, broken) in [
            (&[][..], false),
            (&[0, 1, 2], false),
            (&[0, 1, 2, 3], true),
            (&[0, 20, 40, 59], true),
            (&[0, 20, 40, 60], false),
            (&[0, 20, 40, 60, 79], true),
            (&[0, 59, 118, 177, 236, 295], false),
        ] {
            assert_eq!(broken_by(minutes), broken, "{minutes:?}");
        }
    }

    #[test]
    fn it_does_not_mend_by_itself() {
        assert!(broken_by(&[0, 1, 2, 3, 600]));
    }
}
