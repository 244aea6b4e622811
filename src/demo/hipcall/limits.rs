//! How many requests Hipcall takes: a number per minute, counted in windows that open with a request.
//!
//! Pure: the time comes in with each question, as the time since 1970 that `x-ratelimit-reset` speaks of.

use std::time::Duration;

/// Hipcall counts by the minute.
const WINDOW: Duration = Duration::from_secs(60);

/// One window after the other.
#[derive(Debug)]
pub(super) struct Window {
    limit: u32,
    used: u32,
    opened: Option<Duration>,
}

/// What the headers of a taken request say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Allowance {
    pub(super) limit: u32,
    pub(super) remaining: u32,
    /// Unix seconds at which the next window may open.
    pub(super) reset: u64,
}

impl Window {
    pub(super) fn new(limit: u32) -> Window {
        Window {
            limit,
            used: 0,
            opened: None,
        }
    }

    /// Counts a request in, or refuses it: a refused one does not count.
    pub(super) fn take(&mut self, now: Duration) -> Option<Allowance> {
        let open = self.opened.filter(|opened| now < *opened + WINDOW);
        let opened = open.unwrap_or_else(|| {
            self.used = 0;
            now
        });
        self.opened = Some(opened);
        if self.used >= self.limit {
            return None;
        }
        self.used += 1;
        let end = opened + WINDOW;
        Some(Allowance {
            limit: self.limit,
            remaining: self.limit - self.used,
            reset: end.as_secs() + u64::from(end.subsec_nanos() > 0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Duration = Duration::from_millis(1_788_177_600_500);

    #[test]
    fn the_sixty_first_request_of_a_minute_is_refused() {
        let mut window = Window::new(60);
        for used in 1..=60 {
            let allowance = window.take(NOON + Duration::from_secs(used)).unwrap();
            let expected = Allowance {
                limit: 60,
                remaining: 60 - u32::try_from(used).unwrap(),
                reset: 1_788_177_662,
            };
            assert_eq!(allowance, expected);
        }
        assert_eq!(window.take(NOON + Duration::from_secs(60)), None);
    }

    #[test]
    fn a_new_window_opens_a_minute_after_the_first_request_and_not_before() {
        let mut window = Window::new(1);
        assert!(window.take(NOON).is_some());
        assert!(window.take(NOON + Duration::from_millis(59_999)).is_none());
        let next = window.take(NOON + Duration::from_secs(60));
        assert_eq!(
            next.map(|a| (a.remaining, a.reset)),
            Some((0, 1_788_177_721))
        );
    }

    #[test]
    fn refused_requests_do_not_keep_the_window_shut() {
        let mut window = Window::new(1);
        assert!(window.take(NOON).is_some());
        assert!((1..60).all(|s| window.take(NOON + Duration::from_secs(s)).is_none()));
        assert!(window.take(NOON + Duration::from_secs(60)).is_some());
    }

    #[test]
    fn a_limit_of_nothing_takes_nothing() {
        assert!(Window::new(0).take(NOON).is_none());
    }
}
