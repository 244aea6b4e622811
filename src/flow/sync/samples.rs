//! A few of the records that would be added, changed or removed, masked: to see that they are the right ones.

use crate::domain::contact::Contact;
use crate::source::reject::mask_text;

/// Shown of each kind: enough to see a pattern.
const SHOWN: usize = 5;

#[derive(Default)]
pub(super) struct Samples {
    added: Vec<String>,
    removed: Vec<String>,
    changed: Vec<(u64, Contact, String)>,
}

impl Samples {
    pub(super) fn added(&mut self, contact: &Contact) {
        if self.added.len() < SHOWN {
            self.added.push(format!("added: {}", masked(contact)));
        }
    }

    pub(super) fn removed(&mut self, contact: &Contact) {
        if self.removed.len() < SHOWN {
            self.removed.push(format!("removed: {}", masked(contact)));
        }
    }

    pub(super) fn changed(&mut self, identity: u64, contact: Contact) {
        if self.changed.len() < SHOWN {
            self.changed.push((identity, contact, String::new()));
        }
    }

    /// What a record in the copy is, in case it is one of the changed.
    pub(super) fn was(&mut self, identity: u64, old: &Contact) {
        for (id, new, what) in &mut self.changed {
            if *id == identity {
                *what = differences(old, new).join(", ");
            }
        }
    }

    pub(super) fn shown(self) -> Vec<String> {
        let changed = self.changed.into_iter();
        let changed = changed.map(|(_, c, what)| format!("changed: {}: {what}", masked(&c)));
        let added = self.added.into_iter();
        added.chain(changed).chain(self.removed).collect()
    }
}

/// Names like those of rejected rows, numbers as everywhere.
fn masked(contact: &Contact) -> String {
    let name = contact.name.as_deref().or(contact.company.as_deref());
    let mut parts = vec![mask_text(name.unwrap_or_default())];
    parts.extend(
        contact
            .key
            .as_deref()
            .map(|key| format!("key {}", mask_text(key))),
    );
    parts.extend(contact.numbers.iter().take(2).map(ToString::to_string));
    parts.extend(contact.loose.iter().take(1).map(ToString::to_string));
    parts.retain(|part| !part.is_empty());
    parts.join(", ")
}

/// Which parts are different, not what they say.
fn differences(old: &Contact, new: &Contact) -> Vec<&'static str> {
    let parts = [
        ("name", old.name != new.name),
        ("company", old.company != new.company),
        ("balance", old.balance != new.balance),
        (
            "numbers",
            old.numbers != new.numbers || old.loose != new.loose,
        ),
        ("ids", old.ids != new.ids || old.key != new.key),
        ("owner", old.owner != new.owner),
        ("flags", old.flags != new.flags),
        ("date", old.updated != new.updated),
        ("fields", old.fields != new.fields),
    ];
    let parts = parts.into_iter().filter(|(_, differ)| *differ);
    parts.map(|(part, _)| part).collect()
}

#[cfg(test)]
mod tests {
    use super::super::old::hashes;
    use super::*;
    use crate::domain::join::JoinBy;

    fn contact(key: &str, name: &str) -> Contact {
        Contact {
            key: Some(key.into()),
            name: Some(name.into()),
            ..Contact::default()
        }
    }

    #[test]
    fn a_few_are_shown_and_nobody_is_named() {
        let mut samples = Samples::default();
        for n in 0..SHOWN + 1 {
            samples.added(&contact(&n.to_string(), "Ayşe Yılmaz"));
            samples.removed(&contact(&n.to_string(), "Can"));
        }
        let (old, new) = (
            contact("120.01", "Ayşe Yılmaz"),
            contact("120.01", "Ayşe Kaya"),
        );
        let (identity, content) = hashes(&old, Some(JoinBy::Key));
        assert_eq!(hashes(&new, Some(JoinBy::Key)).0, identity);
        assert_ne!(hashes(&new, Some(JoinBy::Key)).1, content);
        samples.changed(identity, new);
        samples.was(identity, &old);
        let shown = samples.shown();
        assert_eq!(shown.len(), 2 * SHOWN + 1);
        assert_eq!(shown[SHOWN], "changed: Ay***, key 1***: name");
        assert_eq!(shown[SHOWN + 1], "removed: ***, key ***");
    }
}
