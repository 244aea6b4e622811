//! The thread that brings the outbox to disk.
//!
//! Changes that come while a commit runs go into the next one together, so a burst of calls costs a few
//! fsyncs and not one each. A card's end lingers a moment for company: losing it costs one card sent twice,
//! which Hipcall ignores. A disk that refuses a commit is tried again every few seconds with everything
//! that is still unwritten; until then cards live in memory.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use redb::{Builder, Database, DatabaseError, Durability, ReadableDatabase, ReadableTable};
use tokio::sync::oneshot;

use super::outbox::{Entry, FINISHED_CALLS, Key, PARKED_CARDS, Phase, WAITING_CARDS};
use super::schema::{CARDS, OUTBOX_META, OUTBOX_VERSION};

/// How long a card's end waits for other changes before it is committed.
const LINGER: Duration = Duration::from_millis(500);
/// How long a card waits for others, or for its own delivery, before it is committed: nothing beside the 5 to
/// 100 ms that an SD card takes, and each commit saved is an fsync saved.
const GATHER: Duration = Duration::from_millis(2);
/// How soon a disk that refused is tried again.
const DISK_RETRY: Duration = Duration::from_secs(5);
/// Pages of the outbox kept in memory: it holds little.
const OUTBOX_CACHE_BYTES: usize = 1 << 20;
/// Changes taken from the queue at a time.
const COMMIT_CHANGES: usize = 1_024;
/// Changes kept for a disk that refuses: each call the outbox remembers, once.
const UNWRITTEN_CHANGES: usize = WAITING_CARDS + PARKED_CARDS + FINISHED_CALLS;

pub enum Write {
    Put(Box<Entry>, oneshot::Sender<()>),
    Forget(Key),
    Ping(oneshot::Sender<()>),
    Close,
}

/// Tells the daemon how the disk does.
pub trait DiskReport: Send {
    fn disk_refused(&mut self, error: &str);
    fn disk_recovered(&mut self);
}

pub struct Writer {
    file: OutboxFile,
    queue: mpsc::Receiver<Write>,
    unwritten: HashMap<Key, Option<Box<Entry>>>,
    acknowledge: Vec<oneshot::Sender<()>>,
    pongs: Vec<oneshot::Sender<()>>,
    /// While the disk refuses: when it is tried next.
    retry_at: Option<Instant>,
    closed: bool,
}

impl Writer {
    pub(super) fn new(file: OutboxFile, queue: mpsc::Receiver<Write>) -> Writer {
        let (unwritten, acknowledge, pongs) = Default::default();
        Writer {
            file,
            queue,
            unwritten,
            acknowledge,
            pongs,
            retry_at: None,
            closed: false,
        }
    }

    /// Runs until the outbox is closed or dropped, then writes what is left.
    pub fn run(mut self, mut report: impl DiskReport) {
        if let Some(problem) = self.file.problem.take() {
            self.retry_at = Some(Instant::now());
            report.disk_refused(&problem);
        }
        loop {
            let open = self.collect();
            if !self.unwritten.is_empty() {
                self.commit(&mut report);
            }
            self.answer();
            if !open || self.closed {
                return;
            }
        }
    }

    /// Gathers changes until they should be written. False once all is said.
    fn collect(&mut self) -> bool {
        let mut until = match (self.unwritten.is_empty(), self.retry_at) {
            (true, _) => None,
            (false, None) => Some(Instant::now() + LINGER),
            (false, retry_at) => retry_at,
        };
        let mut gather_until = None;
        loop {
            let next = match until {
                None => self
                    .queue
                    .recv()
                    .map_err(|_| RecvTimeoutError::Disconnected),
                Some(at) => self
                    .queue
                    .recv_timeout(at.saturating_duration_since(Instant::now())),
            };
            let mut hurry = match next {
                Err(RecvTimeoutError::Timeout) => return true,
                Err(RecvTimeoutError::Disconnected) => return false,
                Ok(write) => self.take(write),
            };
            for more in self
                .queue
                .try_iter()
                .take(COMMIT_CHANGES)
                .collect::<Vec<_>>()
            {
                hurry |= self.take(more);
            }
            match self.retry_at {
                _ if self.closed => return true,
                None if hurry => {
                    gather_until = gather_until.or_else(|| Some(Instant::now() + GATHER));
                    until = gather_until;
                }
                // The disk has refused and its next chance is not come: nothing is durable until then.
                Some(at) if at > Instant::now() => {
                    self.answer();
                    until = Some(at);
                }
                Some(_) => return true,
                None => until = until.or_else(|| Some(Instant::now() + LINGER)),
            }
        }
    }

    /// Lets go of whoever waits: with a word if the commit gave one, else as not durable.
    fn answer(&mut self) {
        self.acknowledge.clear();
        for pong in self.pongs.drain(..) {
            let _ = pong.send(());
        }
    }

    /// True for what somebody waits for.
    fn take(&mut self, write: Write) -> bool {
        match write {
            Write::Put(entry, done) => {
                let hurry = entry.phase == Phase::Waiting;
                if self.note(entry.key(), Some(entry)) && hurry {
                    self.acknowledge.push(done);
                }
                hurry
            }
            Write::Forget(key) => {
                self.note(key, None);
                false
            }
            Write::Ping(pong) => {
                self.pongs.push(pong);
                true
            }
            Write::Close => {
                self.closed = true;
                true
            }
        }
    }

    /// False at the bound: the change is given up, and with it only what a restart would know of this call.
    fn note(&mut self, key: Key, change: Option<Box<Entry>>) -> bool {
        let room = self.unwritten.len() < UNWRITTEN_CHANGES || self.unwritten.contains_key(&key);
        if room {
            self.unwritten.insert(key, change);
        }
        room
    }

    fn commit(&mut self, report: &mut impl DiskReport) {
        match self.file.commit(&self.unwritten) {
            Ok(()) => {
                self.unwritten.clear();
                for done in self.acknowledge.drain(..) {
                    // The caller may have had its answer already: the card was delivered first.
                    let _ = done.send(());
                }
                if self.retry_at.take().is_some() {
                    report.disk_recovered();
                }
            }
            Err(e) => {
                let again = self.retry_at.replace(Instant::now() + DISK_RETRY);
                if again.is_none() {
                    report.disk_refused(&e.to_string());
                }
            }
        }
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(OUTBOX_CACHE_BYTES);
    builder
}

/// Makes a missing file beside its place: a power cut leaves a whole one or none, and none is no damage.
fn make(path: &Path) -> Result<(), DatabaseError> {
    if path.exists() {
        return Ok(());
    }
    let beside = path.with_extension("new");
    let _ = fs::remove_file(&beside);
    builder().create(&beside)?.close()?;
    fs::rename(&beside, path)?;
    path.parent().map_or(Ok(()), super::sync_directory)?;
    Ok(())
}

type Create = Box<dyn Fn() -> Result<Database, DatabaseError> + Send>;

/// The file, closed after an error: redb does not go on after the disk has failed it.
pub(super) struct OutboxFile {
    create: Create,
    database: Option<Database>,
    problem: Option<String>,
}

impl OutboxFile {
    /// Opens or makes the file. One that can't be read is set aside, never deleted, and a new one begun.
    pub(super) fn open(path: &Path) -> (OutboxFile, Vec<Entry>) {
        let place = path.to_owned();
        let create = move || {
            make(&place)?;
            builder().create(&place)
        };
        OutboxFile::with(path, Box::new(create))
    }

    fn with(path: &Path, create: Create) -> (OutboxFile, Vec<Entry>) {
        let mut file = OutboxFile {
            create,
            database: None,
            problem: None,
        };
        match file.load() {
            Ok(entries) => return (file, entries),
            Err(redb::Error::Io(e)) if e.kind() != std::io::ErrorKind::InvalidData => {
                file.problem = Some(e.to_string());
            }
            Err(redb::Error::DatabaseAlreadyOpen) => {
                file.problem = Some("another Ringcard has it open".into());
            }
            Err(e) => {
                let aside =
                    path.with_extension(format!("broken-{}", jiff::Timestamp::now().as_second()));
                let kept = fs::rename(path, &aside)
                    .and_then(|()| file.load().map(drop).map_err(std::io::Error::other));
                file.problem = Some(match kept {
                    Ok(()) => format!("{e}; the damaged file was kept as {}", aside.display()),
                    Err(again) => format!("{e}; {again}"),
                });
            }
        }
        (file, Vec::new())
    }

    fn load(&mut self) -> Result<Vec<Entry>, redb::Error> {
        let database = (self.create)()?;
        let mut entries = Vec::new();
        let is_new = database.begin_read()?.list_tables()?.next().is_none();
        if is_new {
            let begin = database.begin_write()?;
            begin
                .open_table(OUTBOX_META)?
                .insert("version", OUTBOX_VERSION)?;
            begin.open_table(CARDS)?;
            begin.commit()?;
        } else {
            let read = database.begin_read()?;
            let version = read
                .open_table(OUTBOX_META)?
                .get("version")?
                .map(|v| v.value());
            if version != Some(OUTBOX_VERSION) {
                return Err(redb::Error::Corrupted(format!(
                    "its version is {version:?}"
                )));
            }
            for card in read.open_table(CARDS)?.iter()? {
                // An entry of another make is left where it is; the others count.
                entries.extend(serde_json::from_slice(card?.1.value()).ok());
            }
        }
        self.database = Some(database);
        Ok(entries)
    }

    fn commit(&mut self, changes: &HashMap<Key, Option<Box<Entry>>>) -> Result<(), redb::Error> {
        if self.database.is_none() {
            self.load()?;
        }
        let result = self.write(changes);
        if result.is_err() {
            self.database = None;
        }
        result
    }

    fn write(&self, changes: &HashMap<Key, Option<Box<Entry>>>) -> Result<(), redb::Error> {
        let Some(database) = &self.database else {
            return Ok(());
        };
        let mut transaction = database.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        {
            let mut cards = transaction.open_table(CARDS)?;
            for (key, entry) in changes {
                match entry {
                    Some(entry) => {
                        let json = serde_json::to_vec(entry).map_err(std::io::Error::other)?;
                        cards.insert(key.as_str(), json.as_slice())?;
                    }
                    None => drop(cards.remove(key.as_str())?),
                }
            }
        }
        transaction.commit()?;
        Ok(())
    }
}

#[cfg(test)]
mod crash;

#[cfg(test)]
mod tests {
    use super::super::outbox::{NotDurable, Outbox, Outcome};
    use super::*;
    use crate::domain::call::{CallId, Skip};
    use crate::domain::card::Card;
    use crate::domain::deadline::{Deadline, Moment};
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Reports(Arc<Mutex<Vec<String>>>);

    impl DiskReport for Reports {
        fn disk_refused(&mut self, error: &str) {
            self.0.lock().unwrap().push(error.to_owned());
        }
        fn disk_recovered(&mut self) {
            self.0.lock().unwrap().push("recovered".into());
        }
    }

    fn entry(call: &str) -> Entry {
        let wall = jiff::Timestamp::UNIX_EPOCH;
        let now = Moment {
            boot: 1,
            since_boot: Duration::from_secs(5),
            wall,
            belief: Default::default(),
        };
        let deadline = Deadline::new(now, None, Duration::from_secs(90));
        Entry::new(
            "office",
            CallId::parse(call).unwrap(),
            Card { rows: vec![] },
            deadline,
        )
    }

    async fn durable(outbox: &Outbox, entry: Entry) -> Result<(), NotDurable> {
        let (entry, _) = outbox.accept(entry).unwrap();
        outbox.persist(&entry).await
    }

    /// Runs `body` against the outbox in `path` until it and the writer are done.
    fn with_outbox(path: &Path, body: impl AsyncFnOnce(&Outbox)) -> Vec<String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let (outbox, writer) = Outbox::open(path);
        let reports = Reports::default();
        let report = reports.clone();
        let thread = std::thread::spawn(move || writer.run(report));
        runtime.block_on(body(&outbox));
        drop(outbox);
        thread.join().unwrap();
        reports.0.lock().unwrap().clone()
    }

    #[test]
    fn what_is_durable_is_there_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("outbox.redb");
        with_outbox(&path, async |outbox| {
            for call in ["a", "b", "c"] {
                durable(outbox, entry(call)).await.unwrap();
            }
            outbox.finish(&"office/b".into(), &Outcome::Settled);
            outbox.finish(&"office/c".into(), &Outcome::Parked("token refused".into()));
        });
        with_outbox(&path, async |outbox| {
            let waiting: Vec<_> = outbox.resume().into_iter().map(|(e, _)| e.key()).collect();
            assert_eq!(waiting, ["office/a"]);
            assert_eq!(outbox.accept(entry("b")).err(), Some(Skip::Duplicate));
            assert_eq!(outbox.find("c")[0].reason.as_deref(), Some("token refused"));
        });
    }

    #[test]
    fn a_damaged_file_is_set_aside_and_said() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("outbox.redb");
        fs::write(&path, "not a database").unwrap();
        let reports = with_outbox(&path, async |outbox| {
            durable(outbox, entry("a")).await.unwrap();
        });
        assert!(reports[0].contains("outbox.broken-"), "{reports:?}");
        let names: Vec<_> = fs::read_dir(dir.path())
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        assert_eq!(names.len(), 2, "{names:?}");
    }

    #[test]
    fn a_disk_that_refuses_leaves_the_cards_in_memory() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("missing/outbox.redb");
        let reports = with_outbox(&path, async |outbox| {
            assert!(durable(outbox, entry("a")).await.is_err());
            assert_eq!(outbox.counts().waiting, 1);
            fs::create_dir(dir.path().join("missing")).unwrap();
            // Its next chance is not come yet, and nobody is kept waiting for it.
            assert!(durable(outbox, entry("b")).await.is_err());
            assert!(outbox.ping().await);
            outbox.close();
        });
        assert_eq!(reports.len(), 2, "{reports:?}");
        assert_eq!(reports[1], "recovered");
        with_outbox(&path, async |outbox| assert_eq!(outbox.resume().len(), 2));
    }
}
