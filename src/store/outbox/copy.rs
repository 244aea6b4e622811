//! An outbox for another box: a file of its own with the entries that were told.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::Entry;
use crate::store::drive::FileSystem;
use crate::store::file::OutboxFile;

/// Written in one commit.
const AT_ONCE: usize = 1_024;

/// Begins an outbox at `path`, where nothing is, and closes it whole.
pub fn write_copy(path: &Path, entries: Vec<Entry>) -> io::Result<()> {
    let mut file = OutboxFile::new(Arc::new(FileSystem), path);
    let written = (|| {
        file.open(&mut |_| {})?;
        let mut entries = entries.into_iter().map(|e| (e.key(), Some(e))).peekable();
        while entries.peek().is_some() {
            let some: Vec<_> = entries.by_ref().take(AT_ONCE).collect();
            file.commit(&some)?;
        }
        Ok(())
    })();
    file.close();
    written.map_err(|e: crate::store::file::FileError| io::Error::other(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::outbox::tests::entry;
    use crate::store::outbox::{Outbox, Phase};
    use crate::store::writer::DiskReport;

    struct Nobody;

    impl DiskReport for Nobody {
        fn disk_refused(&mut self, reason: &str, _: &str) {
            panic!("{reason}");
        }
        fn disk_recovered(&mut self) {}
        fn outbox_damaged(&mut self, what: &str) {
            panic!("{what}");
        }
        fn damage_is_past(&mut self) {}
    }

    #[tokio::test]
    async fn a_copy_of_an_outbox_holds_the_same_cards() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("outbox.redb");
        let mut entries: Vec<Entry> = (0..AT_ONCE + 10).map(|n| entry(&format!("c{n}"))).collect();
        for (turn, entry) in entries.iter_mut().enumerate().take(20) {
            entry.phase = Phase::Parked;
            entry.turn = turn as u64 + 1;
        }
        write_copy(&path, entries.clone()).unwrap();
        let (outbox, writer) = Outbox::open(&path);
        let work = std::thread::spawn(move || writer.run(Nobody));
        assert!(outbox.was_read().await);
        let mut found = outbox.list();
        found.sort_by_key(Entry::key);
        entries.sort_by_key(Entry::key);
        assert!(found == entries);
        outbox.close();
        work.join().unwrap();
    }
}
