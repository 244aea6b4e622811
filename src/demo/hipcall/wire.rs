//! What goes wrong below HTTP: a connection that dies silently, one that is reset, a body that comes in
//! pieces or not to its end.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};
use tokio_util::sync::CancellationToken;

/// Pieces of a body that drips.
const PIECES: usize = 16;
/// How long half of a body may take to its peer before the connection is reset under it.
const FLUSH_TIME: Duration = Duration::from_millis(20);

/// The server's end of one connection, and what is done to it.
#[derive(Clone, Default)]
pub(super) struct Line {
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// Nothing moves any more.
    dead: AtomicBool,
    /// It is to end with a reset.
    abrupt: AtomicBool,
    over: CancellationToken,
}

impl Line {
    pub(super) fn over(&self) -> &CancellationToken {
        &self.state.over
    }

    pub(super) fn die(&self) {
        self.state.dead.store(true, Relaxed);
    }

    pub(super) fn close(&self) {
        self.state.over.cancel();
    }

    pub(super) fn reset(&self) {
        self.state.abrupt.store(true, Relaxed);
        self.close();
    }
}

/// A socket that does what its `Line` was told.
pub(super) struct Wire {
    stream: TcpStream,
    line: Line,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, line: Line) -> Wire {
        Wire { stream, line }
    }

    fn is_dead(&self) -> bool {
        self.line.state.dead.load(Relaxed)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.line.state.abrupt.load(Relaxed) {
            // Where it is refused the connection ends politely, which is a fault as well.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_dead() {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.is_dead() {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_dead() {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// An answer's body and the way it goes out.
pub(super) struct Paced {
    rest: Bytes,
    pace: Pace,
    pause: Option<Pin<Box<Sleep>>>,
}

pub(super) enum Pace {
    Whole,
    /// In pieces over this time.
    Drip(Duration),
    /// The first half, and then the line is reset.
    Cut(Line),
}

impl Paced {
    pub(super) fn new(rest: Bytes, pace: Pace) -> Paced {
        let pause = None;
        Paced { rest, pace, pause }
    }
}

impl Body for Paced {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let me = self.get_mut();
        if let Some(pause) = &mut me.pause {
            ready!(pause.as_mut().poll(cx));
            me.pause = None;
            if let Pace::Cut(line) = &me.pace {
                line.reset();
                return Poll::Pending;
            }
        }
        if me.rest.is_empty() {
            return Poll::Ready(None);
        }
        let length = match &me.pace {
            Pace::Whole => me.rest.len(),
            Pace::Drip(time) => {
                me.pause = Some(Box::pin(sleep(*time / PIECES as u32)));
                // Of what is left, so the last pieces are single bytes.
                me.rest.len().div_ceil(PIECES)
            }
            Pace::Cut(_) => {
                me.pause = Some(Box::pin(sleep(FLUSH_TIME)));
                me.rest.len().div_ceil(2)
            }
        };
        let piece = me.rest.split_to(length);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.pause.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}
