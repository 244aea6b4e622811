//! A disk that does not answer: told by somebody who does not wait for it.
//!
//! The writer's own thread can't tell: it is the one that waits. A commit that fails is the writer's to tell.

use std::time::Duration;

use tokio::sync::watch;

use super::changes::{Progress, WriterState};
use super::outbox::Outbox;
use super::writer::DiskReport;

/// An SD card may take a second for its own housekeeping; this is longer than any that works.
pub const STALLED: Duration = Duration::from_secs(5);

/// Runs as long as the writer does.
pub async fn watch(outbox: &Outbox, report: impl DiskReport) {
    follow(outbox.progress(), report).await;
}

async fn follow(mut progress: watch::Receiver<Progress>, mut report: impl DiskReport) {
    let is_busy = |p: &Progress| matches!(p.state, WriterState::Committing(_));
    loop {
        let Ok(begun) = progress.wait_for(is_busy).await.map(|p| p.state) else {
            return;
        };
        let over = progress.wait_for(|p| p.state != begun);
        match tokio::time::timeout(STALLED, over).await {
            Ok(Ok(_)) => continue,
            Ok(Err(_)) => return,
            Err(_) => {}
        }
        report.disk_refused(
            "the disk does not answer",
            "look at the SD card (journalctl -k); cards go on from memory, and are written when it answers",
        );
        match progress.wait_for(|p| p.state != begun).await {
            // Else the writer has told why it failed.
            Ok(p) if !p.refused => {}
            Ok(_) => continue,
            Err(_) => return,
        }
        report.disk_recovered();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use std::time::Instant;

    #[derive(Clone, Default)]
    struct Reports(Arc<Mutex<Vec<String>>>);

    impl DiskReport for Reports {
        fn disk_refused(&mut self, reason: &str, _: &str) {
            self.0.lock().unwrap().push(reason.to_owned());
        }
        fn disk_recovered(&mut self) {
            self.0.lock().unwrap().push("recovered".into());
        }
        fn outbox_damaged(&mut self, _: &str) {}
        fn damage_is_past(&mut self) {}
    }

    async fn told(after: Duration, end: Progress) -> Vec<String> {
        let (writer, progress) = watch::channel(Progress::default());
        let reports = Reports::default();
        let watching = tokio::spawn(follow(progress, reports.clone()));
        let busy = WriterState::Committing(Instant::now());
        writer.send_modify(|p| p.state = busy);
        tokio::time::sleep(after).await;
        writer.send_replace(end);
        tokio::task::yield_now().await;
        drop(writer);
        watching.await.unwrap();
        reports.0.lock().unwrap().clone()
    }

    #[tokio::test(start_paused = true)]
    async fn a_disk_that_does_not_answer_is_told_until_it_does() {
        let second = Duration::from_secs(1);
        assert!(told(STALLED - second, Progress::default()).await.is_empty());
        let stalled = told(STALLED + second, Progress::default()).await;
        assert_eq!(stalled, ["the disk does not answer", "recovered"]);
        let refused = Progress {
            refused: true,
            ..Progress::default()
        };
        // It goes on to be told as what the writer says it is.
        assert_eq!(told(STALLED + second, refused).await.len(), 1);
    }
}
