//! Log lines on their way to the journal. journald that hangs, as on an SD card that does, reads nothing, and writing to it
//! waits without end; so a thread of its own waits, and whoever logs does not.

use std::collections::VecDeque;
use std::fmt::{Debug, Write};
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::dispatcher::with_default;
use tracing::field::{Field, Value, Visit};
use tracing::{Dispatch, Event, Metadata, Subscriber, warn};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::tasks::Tasks;

/// Bytes of lines that wait: some six hundred lines. What is logged beyond them is lost, and counted.
const ROOM: usize = 256 * 1024;
/// What a line takes beside its texts, about.
const LINE_OVERHEAD: usize = 256;
/// More than any line of ours has.
const FIELDS: usize = 32;

/// Everything logged into it is logged once more, from a thread, into the journal.
#[derive(Clone)]
pub(super) struct Queue(Arc<Lines>);

struct Lines {
    state: Mutex<State>,
    /// A line has come, or one was written.
    changed: Condvar,
    room: usize,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Entry>,
    bytes: usize,
    writing: bool,
}

enum Entry {
    Line(Line),
    Gap(Gap),
}

/// What was logged, of which nothing is borrowed any more.
struct Line {
    metadata: &'static Metadata<'static>,
    fields: Vec<(Field, String)>,
}

/// Lines that are missing.
struct Gap {
    lines: u64,
    began: Instant,
}

impl Queue {
    /// `journal` is called in the thread, as it may wait too.
    pub(super) fn to(journal: impl FnOnce() -> Dispatch + Send + 'static) -> io::Result<Queue> {
        Queue::with_room(ROOM, journal)
    }

    fn with_room(
        room: usize,
        journal: impl FnOnce() -> Dispatch + Send + 'static,
    ) -> io::Result<Queue> {
        let lines = Arc::new(Lines {
            state: Mutex::default(),
            changed: Condvar::new(),
            room,
        });
        let queue = Queue(Arc::clone(&lines));
        Tasks::thread("journal", move || lines.write_all_to(&journal()))?;
        Ok(queue)
    }

    /// Waits until nothing waits any more; false if `within` was not enough.
    pub(super) fn flush(&self, within: Duration) -> bool {
        let (state, _) = self
            .0
            .changed
            .wait_timeout_while(self.0.lock(), within, |state| !state.is_idle())
            .unwrap_or_else(PoisonError::into_inner);
        state.is_idle()
    }
}

impl<S: Subscriber> Layer<S> for Queue {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields(Vec::with_capacity(event.metadata().fields().len()));
        event.record(&mut fields);
        self.0.push(Line {
            metadata: event.metadata(),
            fields: fields.0,
        });
    }
}

impl Lines {
    /// Never returns: lines may come as long as the process lasts.
    fn write_all_to(&self, journal: &Dispatch) {
        loop {
            match self.next() {
                Entry::Line(line) => line.write_to(journal),
                Entry::Gap(gap) => with_default(journal, || gap.write()),
            }
        }
    }

    fn next(&self) -> Entry {
        let mut state = self.lock();
        state.writing = false;
        self.changed.notify_all();
        loop {
            if let Some(entry) = state.waiting.pop_front() {
                state.bytes -= entry.bytes();
                state.writing = true;
                return entry;
            }
            let woken = self.changed.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn push(&self, line: Line) {
        let line = Entry::Line(line);
        let mut state = self.lock();
        let bytes = state.bytes + line.bytes();
        match state.waiting.back_mut() {
            // Once one is lost, so are the next until what waited is written: the gap is in one place.
            Some(Entry::Gap(gap)) => gap.lines += 1,
            _ if bytes > self.room => state.waiting.push_back(Entry::Gap(Gap {
                lines: 1,
                began: Instant::now(),
            })),
            _ => {
                state.bytes = bytes;
                state.waiting.push_back(line);
            }
        }
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_idle(&self) -> bool {
        self.waiting.is_empty() && !self.writing
    }
}

impl Entry {
    fn bytes(&self) -> usize {
        match self {
            Entry::Line(line) => line.bytes(),
            Entry::Gap(_) => 0,
        }
    }
}

impl Gap {
    fn write(&self) {
        let (event_id, lines) = ("log-lost", self.lines);
        let seconds = self.began.elapsed().as_secs();
        warn!(
            event_id,
            lines,
            seconds,
            "{lines} lines are missing before this one: the journal did not keep up for {seconds} s"
        );
    }
}

impl Line {
    fn bytes(&self) -> usize {
        let texts = self.fields.iter().map(|(_, text)| text.len());
        LINE_OVERHEAD + texts.sum::<usize>()
    }

    fn write_to(&self, journal: &Dispatch) {
        let names = self.metadata.fields();
        let Some(any) = names.iter().next() else {
            return;
        };
        let mut values: [(&Field, Option<&dyn Value>); FIELDS] = [(&any, None); FIELDS];
        for (value, (name, text)) in values.iter_mut().zip(&self.fields) {
            *value = (name, Some(text));
        }
        journal.event(&Event::new(self.metadata, &names.value_set(&values)));
    }
}

/// The values as texts, which is what the journal has of them.
struct Fields(Vec<(Field, String)>);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.clone(), value.to_owned()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut text = String::new();
        let _ = write!(text, "{value:?}");
        self.0.push((field.clone(), text));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

    use tracing::info;
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::registry;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);
    const SHORT: Duration = Duration::from_millis(20);

    /// Hands over what it is told, as soon as somebody takes it.
    struct Journal(SyncSender<String>);

    impl<S: Subscriber> Layer<S> for Journal {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            let mut fields = Fields(Vec::new());
            event.record(&mut fields);
            let mut told = event.metadata().level().to_string();
            for (name, text) in fields.0 {
                let _ = write!(told, " {name}={text}");
            }
            self.0.send(told).unwrap();
        }
    }

    fn journal() -> (Dispatch, Receiver<String>) {
        let (told, read) = sync_channel(0);
        (Dispatch::new(registry().with(Journal(told))), read)
    }

    fn next(read: &Receiver<String>) -> String {
        read.recv_timeout(LONG).unwrap()
    }

    /// Runs `work` with a queue that has room for so many short lines, before a journal that takes one when it is read.
    fn through_queue(lines: usize, work: impl FnOnce(&Queue, &Receiver<String>)) {
        let (journal, read) = journal();
        let queue = Queue::with_room(lines * (LINE_OVERHEAD + 9), || journal).unwrap();
        let logged = Dispatch::new(registry().with(queue.clone()));
        with_default(&logged, || work(&queue, &read));
    }

    #[test]
    fn a_line_arrives_whole() {
        through_queue(9, |queue, read| {
            let masked = Some("+90532*****01");
            let nothing: Option<u64> = None;
            warn!(event_id = "x", rows = 3_u64, share = 0.5, ok = true, masked, nothing, path = %"/a b", why = ?"no", "held: {}", 1);
            assert_eq!(
                next(read),
                "WARN message=held: 1 event_id=x rows=3 share=0.5 ok=true masked=+90532*****01 path=/a b why=\"no\""
            );
            assert!(queue.flush(LONG));
        });
    }

    #[test]
    fn nobody_waits_for_a_journal_that_does_not_read_and_what_is_lost_is_counted() {
        through_queue(2, |queue, read| {
            // The first is under way, though nobody takes it.
            info!("1");
            while !queue.0.lock().waiting.is_empty() {
                std::thread::yield_now();
            }
            for line in 2..=6 {
                info!("{line}");
            }
            assert!(!queue.flush(SHORT));
            for line in 1..=3 {
                assert_eq!(next(read), format!("INFO message={line}"));
            }
            let gap = next(read);
            let (_, seconds) = gap.split_once(" seconds=").unwrap();
            assert!(seconds.parse::<u64>().is_ok(), "{gap}");
            assert_eq!(
                gap,
                format!(
                    "WARN message=3 lines are missing before this one: the journal did not keep up for {seconds} s \
                     event_id=log-lost lines=3 seconds={seconds}"
                )
            );
            assert!(queue.flush(LONG));
        });
    }

    #[test]
    fn what_comes_after_a_gap_is_written_again() {
        through_queue(1, |queue, read| {
            for line in 1..=9 {
                info!("{line}");
            }
            while !next(read).contains("log-lost") {}
            assert!(queue.flush(LONG));
            info!("after");
            assert_eq!(next(read), "INFO message=after");
        });
    }

    #[test]
    fn a_line_that_has_no_room_even_alone_is_counted() {
        through_queue(1, |_, read| {
            info!("much longer than nine bytes");
            assert!(next(read).contains("log-lost lines=1"));
        });
    }

    #[test]
    fn a_journal_that_is_not_there_yet_is_not_waited_for() {
        let (come, comes) = sync_channel::<Dispatch>(0);
        let queue = Queue::to(move || comes.recv().unwrap()).unwrap();
        let logged = Dispatch::new(registry().with(queue.clone()));
        with_default(&logged, || info!("early"));
        assert!(!queue.flush(SHORT));
        let (journal, read) = journal();
        come.send(journal).unwrap();
        assert_eq!(next(&read), "INFO message=early");
    }
}
