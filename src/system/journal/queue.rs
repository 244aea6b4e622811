//! Log lines on their way to the journal. journald that hangs, as on an SD card that does, reads nothing, and writing to it
//! waits without end; so a thread of its own waits, and whoever logs does not.

use std::collections::VecDeque;
use std::fmt::{Debug, Write};
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::dispatcher::with_default;
use tracing::field::{Field, Value, Visit};
use tracing::{Dispatch, Event, Metadata, Subscriber, warn};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::tasks::Tasks;

/// Lines that wait at once; what is logged beyond them is lost, and counted. journald has room for as many.
const ROOM: usize = 512;
/// As many as tracing's macros take.
const FIELDS: usize = 32;

/// Everything logged into it is logged once more, from a thread, into the journal.
#[derive(Clone)]
pub(super) struct Queue(Arc<Lines>);

struct Lines {
    state: Mutex<State>,
    /// A line has come, was written, or the end of what waited.
    changed: Condvar,
    room: usize,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Line>,
    writing: bool,
    lost: u64,
}

/// What was logged, of which nothing is borrowed any more.
struct Line {
    metadata: &'static Metadata<'static>,
    fields: Vec<(Field, String)>,
}

enum Next {
    Line(Line),
    /// So many lines are missing after those that were written.
    Lost(u64),
}

impl Queue {
    pub(super) fn to(journal: Dispatch) -> io::Result<Queue> {
        Queue::with_room(journal, ROOM)
    }

    fn with_room(journal: Dispatch, room: usize) -> io::Result<Queue> {
        let lines = Arc::new(Lines {
            state: Mutex::default(),
            changed: Condvar::new(),
            room,
        });
        let queue = Queue(Arc::clone(&lines));
        Tasks::thread("journal", move || lines.write_to(&journal))?;
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
    fn write_to(&self, journal: &Dispatch) {
        loop {
            match self.next() {
                Next::Line(line) => line.write_to(journal),
                Next::Lost(lines) => with_default(journal, || {
                    let event_id = "log-lost";
                    warn!(
                        event_id,
                        lines, "the journal took nothing: lines are missing before this one"
                    );
                }),
            }
        }
    }

    fn next(&self) -> Next {
        let mut state = self.lock();
        state.writing = false;
        self.changed.notify_all();
        let mut state = self
            .changed
            .wait_while(state, |state| state.waiting.is_empty() && state.lost == 0)
            .unwrap_or_else(PoisonError::into_inner);
        state.writing = true;
        match state.waiting.pop_front() {
            Some(line) => Next::Line(line),
            None => Next::Lost(std::mem::take(&mut state.lost)),
        }
    }

    fn push(&self, line: Line) {
        let mut state = self.lock();
        // Once one is lost, so are the next until what waited is written: the gap is in one place.
        if state.lost > 0 || state.waiting.len() >= self.room {
            state.lost += 1;
        } else {
            state.waiting.push_back(line);
            self.changed.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.lost == 0 && !self.writing
    }
}

impl Line {
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

    /// Runs `work` with a queue of `room` lines before a journal that takes one when it is read.
    fn through_queue(room: usize, work: impl FnOnce(&Queue, &Receiver<String>)) {
        let (journal, read) = journal();
        let queue = Queue::with_room(journal, room).unwrap();
        let logged = Dispatch::new(registry().with(queue.clone()));
        with_default(&logged, || work(&queue, &read));
    }

    fn log_everything() {
        let masked = Some("+90532*****01");
        warn!(event_id = "sync-held", rows = 3_u64, share = 0.5, ok = true, masked, path = %"/a b", why = ?"no", "held: {}", 1);
    }

    #[test]
    fn a_line_arrives_as_if_there_were_no_queue() {
        let (direct, read) = journal();
        let expected = std::thread::scope(|scope| {
            scope.spawn(|| with_default(&direct, log_everything));
            read.recv().unwrap()
        });
        assert!(
            expected.starts_with("WARN message=held: 1 event_id=sync-held rows=3 "),
            "{expected}"
        );
        through_queue(1, |_, read| {
            log_everything();
            assert_eq!(read.recv().unwrap(), expected);
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
            let read: Vec<String> = (0..4).map(|_| read.recv().unwrap()).collect();
            assert_eq!(
                read[..3],
                ["INFO message=1", "INFO message=2", "INFO message=3"]
            );
            assert!(
                read[3].starts_with("WARN message=the journal took nothing"),
                "{read:?}"
            );
            assert!(read[3].ends_with(" event_id=log-lost lines=3"), "{read:?}");
            assert!(queue.flush(LONG));
        });
    }

    #[test]
    fn what_comes_after_a_gap_is_written_again() {
        through_queue(1, |queue, read| {
            for line in 1..=9 {
                info!("{line}");
            }
            while !read.recv().unwrap().contains("log-lost") {}
            assert!(queue.flush(LONG));
            info!("after");
            assert_eq!(read.recv().unwrap(), "INFO message=after");
        });
    }
}
