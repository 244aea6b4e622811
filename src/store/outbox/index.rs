//! The cards and calls in memory, each in the list of its phase, and the bounds of these lists.

use super::*;

impl Index {
    pub(super) fn insert(&mut self, entry: Entry) -> watch::Receiver<Option<Halt>> {
        let (halt, halted) = watch::channel(entry.ended.then_some(Halt::CallEnded));
        let key = entry.key();
        match entry.phase {
            Phase::Waiting => self.waiting += 1,
            Phase::Parked => self.parked.push_back(key.clone()),
            Phase::CommentDue => self.comments.push_back(key.clone()),
            _ => self.finished.push_back(key.clone()),
        }
        self.card_bytes += entry.card_bytes();
        let halt = (entry.phase == Phase::Waiting).then_some(halt);
        self.slots.insert(key, Slot { entry, halt });
        halted
    }

    pub(super) fn remove(&mut self, key: &Key) -> Option<Slot> {
        let slot = self.slots.remove(key)?;
        self.card_bytes -= slot.entry.card_bytes();
        match slot.entry.phase {
            Phase::Waiting => self.waiting -= 1,
            Phase::Parked => self.parked.retain(|k| k != key),
            Phase::CommentDue => self.comments.retain(|k| k != key),
            _ => self.finished.retain(|k| k != key),
        }
        Some(slot)
    }

    /// What the disk has to learn of it, if a card waited.
    pub(super) fn call_ended(&mut self, account: &str, call: &CallId, now: &Moment) -> Option<u64> {
        let key = key(account, call);
        match self.slots.get_mut(&key) {
            Some(slot) => {
                let halt = slot.halt.as_ref()?;
                halt.send_replace(Some(Halt::CallEnded));
                slot.entry.ended = true;
                self.changes.hurry();
                Some(self.changes.note(&key))
            }
            None => {
                let deadline = Deadline::new(*now, None, std::time::Duration::ZERO);
                let nothing = Card { rows: Vec::new() };
                self.insert(Entry::new(account, call.clone(), nothing, deadline));
                // Only in memory: most calls that end had no card, and none of them needs the disk.
                self.end(&key, &Outcome::Expired(Why::CallEnded));
                self.make_room();
                None
            }
        }
    }

    pub(super) fn finish(&mut self, key: &Key, outcome: &Outcome) {
        self.end(key, outcome);
        self.changes.note(key);
        self.make_room();
    }

    /// Whether a card can be kept; what no call waits for is let go of for it, oldest first.
    pub(super) fn has_room_for(&mut self, entry: &Entry) -> bool {
        let bytes = entry.card_bytes();
        while self.card_bytes + bytes > CARD_BYTES {
            let oldest = self.comments.front().or_else(|| self.parked.front());
            let Some(oldest) = oldest.cloned() else {
                return false;
            };
            self.finish(&oldest, &Outcome::Dropped(Why::NoRoom));
        }
        true
    }

    /// Lets go of the oldest that are beyond a bound.
    pub(super) fn make_room(&mut self) {
        while self.parked.len() > PARKED_CARDS
            && let Some(oldest) = self.parked.front().cloned()
        {
            self.end(&oldest, &Outcome::Dropped(Why::NoRoom));
            self.changes.note(&oldest);
        }
        while self.comments.len() > COMMENTS_DUE
            && let Some(oldest) = self.comments.front().cloned()
        {
            self.end(&oldest, &Outcome::Dropped(Why::NoRoom));
            self.changes.note(&oldest);
        }
        while self.finished.len() > FINISHED_CALLS
            && let Some(oldest) = self.finished.pop_front()
        {
            self.slots.remove(&oldest);
            self.changes.note(&oldest);
        }
    }

    pub(super) fn end(&mut self, key: &Key, outcome: &Outcome) {
        let Some(slot) = self.remove(key) else { return };
        let (phase, why) = match outcome {
            Outcome::Settled => (Phase::Settled, None),
            Outcome::Expired(why) => (Phase::Expired, Some(*why)),
            Outcome::ExpiredWithComment(why) => (Phase::CommentDue, Some(*why)),
            Outcome::Parked(_) => (Phase::Parked, None),
            Outcome::Dropped(why) => (Phase::Dropped, Some(*why)),
        };
        let reason = match outcome {
            Outcome::Settled => None,
            Outcome::Parked(reason) => Some(shortened(reason)),
            _ => why.map(|why| told(why, slot.entry.reason.as_deref())),
        };
        if let (Outcome::Dropped(why), false) = (outcome, slot.entry.phase == Phase::Waiting) {
            // Taken by every look at the status, so this grows no longer than the lists are.
            self.let_go.push((slot.entry.account.clone(), *why));
        }
        self.turn += 1;
        let mut entry = Entry {
            phase,
            turn: self.turn,
            attempts: slot.entry.attempts + u32::from(*outcome == Outcome::Settled),
            reason,
            why,
            ..slot.entry
        };
        if phase.is_finished() {
            entry.card = None;
        }
        self.insert(entry);
    }
}
