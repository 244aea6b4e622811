//! The node's name to its addresses, one question at a time.
//!
//! The system's resolver blocks a thread for as long as the name servers are silent, which is far longer
//! than a try lasts. Were each try to ask anew, a few waiting cards would hold every thread that lookups and
//! the watchdog need. So a question goes on when the try that asked it has given up, and the next one waits
//! for the same answer.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

type Addresses = io::Result<Vec<SocketAddr>>;
pub(super) type Question = Pin<Box<dyn Future<Output = Addresses> + Send>>;
/// Whoever holds the lock asks on; `None` between questions.
type Slot = Arc<tokio::sync::Mutex<Option<Question>>>;

/// Grows with the names asked for: one for each node.
pub(super) struct Names {
    ask: fn(String) -> Question,
    slots: Mutex<HashMap<String, Slot>>,
}

impl Names {
    pub(super) fn of_the_system() -> Names {
        Names::new(|name| {
            Box::pin(async move {
                let found = tokio::net::lookup_host((name, 0)).await?;
                Ok(found.collect())
            })
        })
    }

    pub(super) fn new(ask: fn(String) -> Question) -> Names {
        Names {
            ask,
            slots: Mutex::default(),
        }
    }

    fn addresses(&self, name: String) -> impl Future<Output = Addresses> + Send + use<> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let (slot, ask) = (slots.entry(name.clone()).or_default().clone(), self.ask);
        async move {
            let mut slot = slot.lock().await;
            let answer = slot.get_or_insert_with(|| ask(name)).await;
            *slot = None;
            answer
        }
    }
}

/// The system's resolver has no addresses for a name; a type of its own, so that this is told from a refused
/// connection.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(super) struct NameError(io::Error);

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let addresses = self.addresses(name.as_str().to_owned());
        Box::pin(async move {
            let addresses = addresses.await.map_err(NameError)?;
            if addresses.is_empty() {
                return Err(NameError(io::Error::other("it has no addresses")).into());
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    static ASKED: AtomicUsize = AtomicUsize::new(0);

    #[tokio::test(start_paused = true)]
    async fn tries_that_give_up_leave_one_question_behind_and_the_next_has_its_answer() {
        let names = Names::new(|_| {
            ASKED.fetch_add(1, Ordering::Relaxed);
            Box::pin(async {
                tokio::time::sleep(Duration::from_secs(30)).await;
                Ok(vec![([127, 0, 0, 1], 0).into()])
            })
        });
        for _ in 0..9 {
            let addresses = names.addresses("node.example".to_owned());
            let gave_up = tokio::time::timeout(Duration::from_secs(3), addresses).await;
            assert!(gave_up.is_err());
        }
        let answer = names.addresses("node.example".to_owned()).await.unwrap();
        assert_eq!((answer.len(), ASKED.load(Ordering::Relaxed)), (1, 1));
    }
}
