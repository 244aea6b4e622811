//! Ringcard as a process among everything that can go wrong: a producer of calls, the real daemon, a Hipcall
//! with faults, a bad disk, a wrong clock, SIGKILL. What became of each call is judged by an oracle.
//!
//! - `oracle`, `fate`: what may become of a call, and what became of it; pure, with made-up histories
//! - `plan`: a seed decides calls, faults and kills; pure
//! - `office`, `process`, `shim`: the daemon with everything around it
//! - `mixed`, `misfortune`, `gather`, `summary`: everything at once, then the judgement
//! - `disk`, `clock`, `line`, `outage`, `kills`, `loads`: one fault at a time, as sentences
//!
//! `RINGCARD_FAULTS_SEED` plays a run again (`target/faults/` keeps the seeds of failed ones),
//! `RINGCARD_FAULTS_SECONDS`, `_RATE` (calls a second) and `_KILL_EVERY` (seconds) say how long and how hard,
//! `_KINDS` leaves only some of the faults (names as in `plan`), `_CARD` adds lines to `[card]`, `_KILLS` says
//! how many kills `kills` tries, `_LOAD_KILLS` and `_LOAD_ROWS` the same of `loads`.

#![allow(unreachable_pub, reason = "a test program has no outside")]
#![allow(clippy::unwrap_used, reason = "a test that can not go on has failed")]
#![allow(
    clippy::print_stdout,
    reason = "the numbers are for whoever asked for them"
)]

mod clock;
mod disk;
mod fate;
mod gather;
mod kills;
mod line;
mod loads;
mod misfortune;
mod mixed;
mod office;
mod oracle;
mod outage;
mod plan;
mod process;
mod shim;
mod summary;
