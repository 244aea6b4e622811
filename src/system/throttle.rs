//! Log lines that a peer can cause: one a minute, with the number of those left out.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_secs(60);

pub struct Throttle(Mutex<(Option<Instant>, u64)>);

impl Default for Throttle {
    fn default() -> Throttle {
        Throttle::new()
    }
}

impl Throttle {
    pub const fn new() -> Throttle {
        Throttle(Mutex::new((None, 0)))
    }

    /// `Some` with the number of lines left out since the last one, when a line may be written.
    pub fn pass(&self) -> Option<u64> {
        self.pass_at(Instant::now())
    }

    fn pass_at(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.0.is_some_and(|last| now.duration_since(last) < EVERY) {
            state.1 += 1;
            return None;
        }
        state.0 = Some(now);
        Some(std::mem::take(&mut state.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_minute_tells_of_the_others() {
        let (throttle, start) = (Throttle::new(), Instant::now());
        let at = |seconds| throttle.pass_at(start + Duration::from_secs(seconds));
        assert_eq!(
            [at(0), at(1), at(59), at(60), at(61), at(121)],
            [Some(0), None, None, Some(2), None, Some(1)]
        );
    }
}
