//! Holds what is known of the box's clock against each other, and says when it is wrong.

use tracing::error;

use crate::domain::clock::{Synchronised, Verdict, judge};
use crate::flow::office::Flow;
use crate::status::{AlarmId, ClockStatus};

const SUBJECT: &str = "clock";
const ADVICE: &str = "timedatectl must say that the system clock is synchronized: let the box reach a time server \
                      (sudo timedatectl set-ntp true), or set it by hand (sudo timedatectl set-time)";

pub(super) fn look(flow: &Flow) {
    flow.clock.look();
    let signs = flow.clock.signs();
    flow.board.clock(ClockStatus {
        synchronised: match signs.synchronised {
            Synchronised::Yes => Some(true),
            Synchronised::No => Some(false),
            Synchronised::Unknown => None,
        },
        ahead_seconds: signs.skew.map(|skew| skew.as_secs()),
    });
    match judge(&signs) {
        Verdict::Fine => drop(flow.board.clear(AlarmId::ClockWrong, SUBJECT)),
        Verdict::Wrong(what) => {
            if flow
                .board
                .raise(AlarmId::ClockWrong, SUBJECT, &what, ADVICE)
            {
                let reason = what;
                error!(event_id = "clock-wrong", reason, "the clock is wrong");
            }
        }
    }
}
