//! The outbox's disk: the thread that writes, and what is told when the disk refuses, forgets or does not answer.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;
use tracing::error;

use super::resume;
use super::start::StartError;
use crate::config::Config;
use crate::flow::office::Flow;
use crate::status::{AlarmId, Board};
use crate::store::outbox::Outbox;
use crate::store::stall;
use crate::store::writer::DiskReport;
use crate::tasks::Tasks;

/// How long the start waits for the outbox's file, which takes 0.2 s with everything in it (measured).
const READ_WITHIN: Duration = Duration::from_millis(1_500);

/// Its thread runs; the receiver hears of its end.
pub(super) async fn open_outbox(
    config: &Config,
    board: &Arc<Board>,
) -> Result<(Arc<Outbox>, oneshot::Receiver<()>), StartError> {
    let (outbox, writer) = Outbox::open(&config.outbox_file());
    let report = Disk(board.clone());
    let (ended, writer_ended) = oneshot::channel();
    let write = move || {
        writer.run(report);
        // Nobody waits for it unless the daemon stops.
        let _ = ended.send(());
    };
    Tasks::thread("outbox", write).map_err(StartError::Thread)?;
    // A disk that does not answer is not waited for: calls come in, and what it holds is taken up later.
    let _ = timeout(READ_WITHIN, outbox.was_read()).await;
    Ok((Arc::new(outbox), writer_ended))
}

/// Tells when the disk does not answer, and sends the cards on one that could not be read until now.
pub(super) async fn watch(flow: Flow) {
    let late = async {
        loop {
            resume(&flow, flow.outbox.found_late().await);
        }
    };
    tokio::select! {
        () = flow.tasks.stopping() => {}
        () = stall::watch(&flow.outbox, Disk(flow.board.clone())) => {}
        () = late => {}
    }
}

/// Tells of the outbox's disk.
struct Disk(Arc<Board>);

impl DiskReport for Disk {
    fn disk_refused(&mut self, reason: &str, advice: &str) {
        let what = format!("the outbox can't be written: {reason}");
        if self.0.raise(AlarmId::DiskRefused, "disk", &what, advice) {
            error!(
                event_id = "disk-refused",
                reason, "cards live in memory only until the disk is back"
            );
        }
    }

    fn disk_recovered(&mut self) {
        self.0.clear(AlarmId::DiskRefused, "disk");
    }

    fn outbox_damaged(&mut self, what: &str) {
        let advice = "replace the SD card if power was not lost; this is told for a day";
        self.0.raise(AlarmId::OutboxDamaged, "outbox", what, advice);
        error!(
            event_id = "outbox-damaged",
            reason = what,
            "a new outbox was begun"
        );
    }

    fn damage_is_past(&mut self) {
        self.0.clear(AlarmId::OutboxDamaged, "outbox");
    }
}
