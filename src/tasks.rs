//! Where work runs. Nothing else in the daemon starts a task or a thread.
//!
//! Work that a peer or a timer begins is counted here, so that a stop can wait for it: a peer that hangs up
//! never cancels what was accepted. A panic in one such task is that task's own end.

use std::future::Future;
use std::panic::resume_unwind;
use std::time::Duration;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

#[derive(Clone, Debug, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Tasks {
    pub fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.tracker.spawn(work)
    }

    /// Counts what somebody else runs.
    pub fn count<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        self.tracker.track_future(work)
    }

    /// Runs what waits for the disk or computes long, off the threads that answer peers.
    pub async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        self.tracker.spawn_blocking(work).await
    }

    /// Runs what may wait for the disk right here, after handing this thread's other tasks to another. Saves
    /// the way to a waiting thread and back, which takes ten times as long as a lookup (measured).
    pub fn in_place<T>(work: impl FnOnce() -> T) -> T {
        match Handle::try_current().map(|h| h.runtime_flavor()) {
            Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
            // One thread has nobody to hand its tasks to.
            _ => work(),
        }
    }

    /// A thread of its own, for work that lasts as long as the daemon.
    pub fn thread(
        name: &str,
        work: impl FnOnce() + Send + 'static,
    ) -> std::io::Result<std::thread::JoinHandle<()>> {
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(work)
    }

    /// Runs `aside` on a thread of its own while `work` runs here. Both are over before this is, and a panic of
    /// either is the caller's.
    pub fn beside<A: Send, B>(
        aside: impl FnOnce() -> A + Send,
        work: impl FnOnce() -> B,
    ) -> (A, B) {
        std::thread::scope(|scope| {
            let aside = scope.spawn(aside);
            let done = work();
            let aside = aside.join().unwrap_or_else(|panic| resume_unwind(panic));
            (aside, done)
        })
    }

    /// Comes when the daemon stops: take no new work, finish what runs.
    pub async fn stopping(&self) {
        self.stop.cancelled().await;
    }

    /// Cancelled when the daemon stops, if not before.
    pub fn until_stop(&self) -> CancellationToken {
        self.stop.child_token()
    }

    pub fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits for everything begun; false if `within` was not enough.
    pub async fn drain(&self, within: Duration) -> bool {
        self.tracker.close();
        tokio::time::timeout(within, self.tracker.wait())
            .await
            .is_ok()
    }
}
