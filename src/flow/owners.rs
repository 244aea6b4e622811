//! contact -> user: who of the account's Hipcall users looks after a contact.
//!
//! Held in memory only: without Hipcall there is no card that could show it, and Hipcall tells it anew. What
//! is known is swapped as a whole; a card takes what is there and waits for nothing.

use std::collections::HashMap;

use arc_swap::ArcSwapOption;
use jiff::Timestamp;
use tokio::sync::Notify;

use super::office::Account;
use crate::domain::contact::Contact;
use crate::hipcall::User;
use crate::status::UsersStatus;

/// The users of one Hipcall account by their addresses.
#[derive(Default)]
pub struct Owners {
    known: ArcSwapOption<Known>,
    missed: Notify,
}

struct Known {
    /// `None`: two users have this address, and neither is shown for the other.
    ids: HashMap<String, Option<i64>>,
    read: Timestamp,
}

impl Owners {
    /// Takes a reading in the place of the one before.
    pub fn take(&self, users: Vec<User>) {
        let mut ids: HashMap<String, Option<i64>> = HashMap::with_capacity(users.len());
        for user in users {
            let id = ids.entry(user.email).or_insert(Some(user.id));
            *id = id.filter(|id| *id == user.id);
        }
        let read = Timestamp::now();
        self.known.store(Some(Known { ids, read }.into()));
    }

    /// Comes when a contact's owner was looked for and not known, once for all that were since the last time.
    pub async fn missed(&self) {
        self.missed.notified().await;
    }

    pub fn id_of(&self, email: &str) -> Option<i64> {
        let known = self.known.load();
        // Before the first reading there is one to come anyway.
        let ids = &known.as_ref()?.ids;
        if !ids.contains_key(email) {
            self.missed.notify_one();
        }
        ids.get(email).copied().flatten()
    }
}

impl Account {
    /// The Hipcall user who looks after the contact.
    pub fn owner_id(&self, contact: &Contact) -> Option<i64> {
        self.owners.as_ref()?.id_of(contact.owner.as_deref()?)
    }

    /// Why the contact's owner, if it has one, is not on its card.
    pub fn owner_missing(&self, contact: &Contact) -> Option<&'static str> {
        let (owners, email) = (self.owners.as_ref()?, contact.owner.as_deref()?);
        match owners.known.load().as_ref() {
            None => Some(
                "not told: Hipcall's users have not been read, which only the running daemon does",
            ),
            Some(known) => match known.ids.get(email) {
                None => Some("not shown: no user of this Hipcall account has this address"),
                Some(None) => Some("not shown: several users in Hipcall have this address"),
                Some(Some(_)) => None,
            },
        }
    }

    /// What is known, for the board; `None` where no source names owners.
    pub fn users_status(&self) -> Option<UsersStatus> {
        let known = self.owners.as_ref()?.known.load();
        Some(UsersStatus {
            known: known.as_ref().map_or(0, |k| k.ids.len()),
            read: known.as_ref().map(|k| k.read),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};

    fn user(id: i64, email: &str) -> User {
        let email = email.to_owned();
        User { id, email }
    }

    fn was_missed(owners: &Owners) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        pin!(owners.missed()).poll(&mut context).is_ready()
    }

    #[test]
    fn an_owner_is_known_by_the_last_reading_alone() {
        let owners = Owners::default();
        assert_eq!(owners.id_of("ali@firma.example"), None);
        assert!(!was_missed(&owners), "the first reading is to come");
        owners.take(vec![
            user(1, "ali@firma.example"),
            user(2, "can@firma.example"),
        ]);
        assert_eq!(owners.id_of("ali@firma.example"), Some(1));
        assert!(!was_missed(&owners));
        owners.take(vec![user(3, "can@firma.example")]);
        assert_eq!(owners.id_of("can@firma.example"), Some(3));
        assert_eq!(owners.id_of("ali@firma.example"), None);
        assert_eq!(owners.id_of("ali@firma.example"), None);
        assert!(was_missed(&owners) && !was_missed(&owners));
    }

    #[test]
    fn an_address_of_two_users_is_nobodys() {
        let owners = Owners::default();
        let twice = [(1, "a@b"), (1, "a@b"), (2, "c@d"), (3, "c@d"), (2, "c@d")];
        owners.take(twice.map(|(id, email)| user(id, email)).into());
        assert_eq!((owners.id_of("a@b"), owners.id_of("c@d")), (Some(1), None));
        assert!(!was_missed(&owners), "another reading would change nothing");
    }
}
