//! Whether the box's clock is right: against Hipcall's, and by what its time server says.

use jiff::Timestamp;

use super::finding::{CLOCK, Finding, TIME_SERVER};
use crate::domain::clock::{Synchronised, Verdict, judge};
use crate::system::clock::Clock;

const ADVICE: &str = "timedatectl must say \"System clock synchronized: yes\" and the right time: sudo timedatectl \
    set-ntp true, and let the box reach a time server (UDP port 123)";

/// `heard` is what time Hipcall's answer says it is now.
pub(super) fn look(clock: &Clock, heard: Option<Timestamp>) -> Vec<Finding> {
    if let Some(heard) = heard {
        clock.hear(heard);
    }
    let signs = clock.signs();
    let clock = match (judge(&signs), signs.skew) {
        (Verdict::Wrong(what), _) => CLOCK.fail("", what, ADVICE),
        (Verdict::Fine, Some(skew)) => {
            let seconds = skew.as_secs();
            CLOCK.ok("", format!("{seconds:+} s from Hipcall's"))
        }
        (Verdict::Fine, None) => CLOCK.skip("", "nobody told the time: Hipcall was not reached"),
    };
    let server = match signs.synchronised {
        Synchronised::Yes => TIME_SERVER.ok("", "systemd-timesyncd has set the clock"),
        Synchronised::No => TIME_SERVER.warn(
            "",
            "systemd-timesyncd runs and has not reached a time server yet",
            ADVICE,
        ),
        Synchronised::Unknown => TIME_SERVER.skip(
            "",
            "systemd-timesyncd does not run; another time server may keep the clock",
        ),
    };
    vec![clock, server]
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;
    use crate::domain::deadline::{Belief, Moment};

    #[test]
    fn a_clock_is_judged_by_hipcalls() {
        let wall: Timestamp = "2026-09-01T10:41:00Z".parse().unwrap();
        let reads = move || Moment {
            boot: 1,
            since_boot: std::time::Duration::from_secs(9),
            wall,
            belief: Belief::default(),
        };
        for (ahead, synchronised, expected) in [
            (None, Synchronised::Unknown, [State::Skip, State::Skip]),
            (Some(3), Synchronised::Yes, [State::Ok, State::Ok]),
            (Some(86_400), Synchronised::No, [State::Fail, State::Warn]),
        ] {
            let clock = Clock::new(reads, move || synchronised);
            let heard = ahead.map(|s| wall - jiff::SignedDuration::from_secs(s));
            let states: Vec<State> = look(&clock, heard).iter().map(|f| f.state).collect();
            assert_eq!(states, expected, "{ahead:?}");
        }
    }
}
