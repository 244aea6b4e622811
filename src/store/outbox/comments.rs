//! Calls that got no card in time, and whose record is to get a comment.

use tokio::sync::futures::Notified;

use super::{Entry, Key, NotDurable, Outbox, Outcome, Phase, Why};

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

    /// Gives up the comments of accounts that are not there any more: nobody would write them, and they hold
    /// personal data.
    pub fn drop_comments_of_others(&self, is_known: impl Fn(&str) -> bool) {
        let mut index = self.lock();
        let slots = index.comments.iter().filter_map(|key| index.slots.get(key));
        let orphans = slots.filter(|slot| !is_known(&slot.entry.account));
        let orphans: Vec<Key> = orphans.map(|slot| slot.entry.key()).collect();
        for key in orphans {
            index.finish(&key, &Outcome::Dropped(Why::NoAccount));
        }
    }

    /// Comes when another comment is due than when it was asked for.
    pub fn comment_due(&self) -> Notified<'_> {
        self.comment_due.notified()
    }

    /// Ends what is still due. False if it was dropped, or made room, meanwhile: then there is nothing to write.
    pub fn end_comment(&self, key: &Key, outcome: &Outcome) -> bool {
        let mut index = self.lock();
        let is_due = index
            .slots
            .get(key)
            .is_some_and(|s| s.entry.phase == Phase::CommentDue);
        if is_due {
            index.finish(key, outcome);
        }
        is_due
    }

    /// Hipcall has no card of the call: nothing has to be asked any more. False if it was known.
    pub fn mark_certain(&self, key: &Key) -> bool {
        let mut index = self.lock();
        let slot = index.slots.get_mut(key);
        slot.is_some_and(|slot| !std::mem::take(&mut slot.entry.uncertain))
    }

    /// The comment was certainly not written: it is due again, after all others.
    pub fn comment_again(&self, entry: &Entry) {
        let (mut index, key) = (self.lock(), entry.key());
        if index.remove(&key).is_some() {
            index.insert(entry.clone());
            index.comments.rotate_right(1);
            index.changes.note(&key);
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

#[cfg(test)]
mod tests {
    use super::super::tests::{entry, outbox};
    use super::*;

    #[test]
    fn the_newest_comment_of_an_account_is_due_first_and_those_of_no_account_never() {
        let (outbox, _writes) = outbox();
        for (account, call) in [("office", "a"), ("gone", "b"), ("office", "c")] {
            let account = account.to_owned();
            let entry = Entry {
                account,
                ..entry(call)
            };
            outbox.accept(entry.clone()).unwrap();
            outbox.finish(&entry.key(), &Outcome::ExpiredWithComment(Why::TooLate));
        }
        assert_eq!(outbox.next_comment("office").unwrap().key(), "office/c");
        outbox.drop_comments_of_others(|account| account == "office");
        assert_eq!(outbox.counts().comments, 2);
        let gone = &outbox.find("b")[0];
        assert_eq!((gone.phase, gone.card.is_some()), (Phase::Dropped, false));
        outbox.finish(&"office/c".into(), &Outcome::Expired(Why::TooLate));
        assert_eq!(outbox.next_comment("office").unwrap().key(), "office/a");
    }
}
