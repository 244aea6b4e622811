//! What came of a sync, told to the board and the log.

use jiff::Timestamp;
use tracing::{debug, error, info, warn};

use crate::domain::renewal::Mode;
use crate::flow::office::Feed;
use crate::flow::sync::{Outcome, Report, SyncError};
use crate::source::error::SourceError;
use crate::status::{AlarmId, Board, SourceStatus};
use crate::system::chain;

/// What a try that failed may have told: one reason at a time.
const FAULTS: [AlarmId; 3] = [
    AlarmId::SyncFailed,
    AlarmId::SyncHeld,
    AlarmId::CredentialRefused,
];

/// `is_owed`: a look for deleted records has failed or was held before this sync, and is still to be done.
pub(super) fn tell(board: &Board, feed: &Feed, result: &Result<Report, SyncError>, is_owed: bool) {
    let (name, now) = (feed.source.name(), Timestamp::now());
    let subject = format!("source {name}");
    board.source(name, |s| s.last_try = Some(now));
    match result {
        Ok(report) if is_owed && report.mode == Mode::Increment => {
            board.source(name, |s| {
                let (error, is_held) = (s.last_error.take(), s.is_held);
                show(s, feed, report, now);
                (s.last_error, s.is_held) = (error, is_held);
            });
            notice(board, &subject, report);
            log(report);
        }
        Ok(report) => {
            let over = [AlarmId::LookupFailed, AlarmId::ReplicaRolledBack];
            for id in FAULTS.into_iter().chain(over) {
                board.clear(id, &subject);
            }
            board.source(name, |s| show(s, feed, report, now));
            notice(board, &subject, report);
            log(report);
        }
        Err(SyncError::Source(SourceError::Halted)) => {
            debug!(source = name, "a sync was ended before its time");
        }
        Err(e) if e.is_nothing_new() && feed.shelf.current().is_some() => {
            board.source(name, |s| s.last_error = None);
            debug!(source = name, "no new file");
        }
        Err(e) => failed(board, name, &subject, e),
    }
}

fn failed(board: &Board, name: &str, subject: &str, error: &SyncError) {
    let reason = chain::of(error);
    board.source(name, |s| {
        s.last_error = Some(reason.clone());
        s.is_held = matches!(error, SyncError::Held { .. });
    });
    let (id, advice) = fault(name, error);
    // One try has one reason; the one before it is not over, but told anew.
    for other in FAULTS.into_iter().filter(|other| *other != id) {
        board.clear(other, subject);
    }
    // The alarm's advice names the command; its words need not too.
    let what = match error {
        SyncError::Held { doubts, .. } => format!("{doubts}, so the copy was kept"),
        _ => reason.clone(),
    };
    if board.raise(id, subject, &what, &advice) {
        let event_id = id.as_str();
        error!(event_id, source = name, reason, "the copy was not renewed");
    }
}

/// A period is over until the source says nothing of it any more.
fn notice(board: &Board, subject: &str, report: &Report) {
    let id = AlarmId::PeriodOver;
    match report.notices.first() {
        Some(told) if board.raise(id, subject, &told.words, &told.advice) => {
            warn!(event_id = "period-over", subject, "{}", told.words);
        }
        Some(_) => {}
        None => drop(board.clear(id, subject)),
    }
}

fn fault(name: &str, error: &SyncError) -> (AlarmId, String) {
    let refused = match error {
        SyncError::Source(e) => e.refused_credential(),
        _ => None,
    };
    match (error, refused) {
        (_, Some(what)) => (
            AlarmId::CredentialRefused,
            format!("{what}; the next sync takes it, or: ringcard sync {name}"),
        ),
        (SyncError::Held { .. }, _) => (
            AlarmId::SyncHeld,
            format!(
                "look at the source (ringcard sync --dry-run {name}); if it is right: ringcard sync --accept {name}"
            ),
        ),
        _ => (
            AlarmId::SyncFailed,
            format!("after mending it: ringcard sync {name}"),
        ),
    }
}

fn show(s: &mut SourceStatus, feed: &Feed, report: &Report, now: Timestamp) {
    s.last_good = Some(now);
    s.last_error = None;
    (s.is_held, s.is_rolled_back) = (false, false);
    s.mode = Some(report.mode);
    // Of a read of everything it is not known; those of the read before it would be taken for its own.
    s.changes = report.changes;
    if report.outcome == Outcome::Published {
        (s.contacts, s.numbers) = (report.contacts as u32, report.numbers);
        (s.rows, s.load_seconds) = (report.rows, report.seconds);
        s.rejects = Some(report.rejects.clone());
    }
    if let Some(current) = feed.shelf.current() {
        let facts = &current.facts;
        s.full_at = facts.history.full_at;
        s.changes_as_of = facts.cursor.is_some().then_some(facts.as_of);
    }
}

fn log(report: &Report) {
    let Report {
        outcome,
        mode,
        rows,
        contacts,
        seconds,
        ..
    } = report;
    let (source, rejected) = (&report.source, report.rejects.rows_rejected());
    let changes = report.changes.map(|changes| changes.to_string());
    info!(
        %source, ?outcome, ?mode, rows, contacts, rejected, changes, seconds, "synced"
    );
}

/// The copy before serves because a person wanted it so, and no schedule takes that back.
pub(in crate::daemon) fn tell_rolled_back(board: &Board, name: &str) {
    board.source(name, |s| s.is_rolled_back = true);
    let what = "a person went back to the copy before; it is not renewed by schedule";
    let advice = format!("when the source is right again: ringcard sync {name}");
    let subject = format!("source {name}");
    if board.raise(AlarmId::ReplicaRolledBack, &subject, what, &advice) {
        let event_id = "replica-rolled-back";
        warn!(event_id, source = name, "{what}");
    }
}
