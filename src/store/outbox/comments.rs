//! Calls that got no card in time, and whose record is to get a comment.

use tokio::sync::futures::Notified;

use super::{Entry, Key, NotDurable, Outbox};

impl Outbox {
    /// The newest call of an account whose record is to get a comment.
    pub fn next_comment(&self, account: &str) -> Option<Entry> {
        let index = self.lock();
        let mut newest_first = index.comments.iter().rev();
        newest_first.find_map(|key| {
            let entry = &index.slots.get(key)?.entry;
            (entry.account == account).then(|| entry.clone())
        })
    }

    /// Comes when another comment is due than when it was asked for.
    pub fn comment_due(&self) -> Notified<'_> {
        self.comment_due.notified()
    }

    /// The comment was certainly not written: it is due again.
    pub fn comment_again(&self, entry: &Entry) {
        let mut index = self.lock();
        if index.remove(&entry.key()).is_some() {
            index.insert(entry.clone());
            index.changes.note(&entry.key());
        }
    }

    /// Comes when what has become of a card is on disk, where it is not written at once otherwise; fails when the
    /// disk refuses it.
    pub async fn persist_end(&self, key: &Key) -> Result<(), NotDurable> {
        let change = {
            let mut index = self.lock();
            index.changes.hurry();
            index.changes.note(key)
        };
        self.written(change).await
    }
}
