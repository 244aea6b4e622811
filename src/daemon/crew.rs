//! Tasks that last as long as the office they were begun for: a reload, or a new token, sends them home together.

use std::future::Future;
use std::sync::{Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::tasks::Tasks;

/// Those of the office in use.
#[derive(Default)]
pub(super) struct Crews(Mutex<CancellationToken>);

/// Those that are begun now.
pub(super) struct Crew(CancellationToken);

impl Crews {
    /// Ends the tasks of before, and makes place for others.
    pub(super) fn relieve(&self) -> Crew {
        let mut retire = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        retire.cancel();
        *retire = CancellationToken::new();
        Crew(retire.clone())
    }
}

impl Crew {
    pub(super) fn begin(&self, tasks: &Tasks, work: impl Future<Output = ()> + Send + 'static) {
        let (retire, stop) = (self.0.clone(), tasks.clone());
        tasks.spawn(async move {
            tokio::select! {
                () = retire.cancelled() => {}
                () = stop.stopping() => {}
                () = work => {}
            }
        });
    }
}
