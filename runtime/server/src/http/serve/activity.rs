//! Whether a connection waits for its client, and since when.
//!
//! The server waits for the client when it needs a request or the rest of one, or has something to send that is not taken. It does not
//! while a handler works or a stream has nothing to tell: such a connection may be quiet for as long as it likes.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// What is known of one connection.
#[derive(Debug)]
pub(super) struct Activity(Mutex<State>);

#[derive(Debug)]
struct State {
    /// Requests for which it is the server's turn.
    ours: usize,
    /// When the client last took something, or the server's turn ended.
    moved: Instant,
    /// Since when the socket takes no more.
    blocked: Option<Instant>,
}

/// What to do about a connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing before this time.
    Fine(Instant),
    /// The client has nothing to ask.
    Idle,
    /// The client takes nothing of what it is sent.
    Stuck,
}

impl Activity {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            ours: 0,
            moved: Instant::now(),
            blocked: None,
        })))
    }

    /// Judges the connection as of this time, if a client has this long.
    pub(super) fn verdict(&self, now: Instant, patience: Duration) -> Verdict {
        let state = self.0.lock();
        let blocked = state.blocked.map(|since| since + patience);
        if blocked.is_some_and(|until| until <= now) {
            return Verdict::Stuck;
        }
        let quiet = if state.ours == 0 {
            state.moved + patience
        } else {
            now + patience
        };
        if quiet <= now {
            return Verdict::Idle;
        }
        Verdict::Fine(blocked.map_or(quiet, |until| until.min(quiet)))
    }

    /// A request has come: it is the server's turn.
    pub(super) fn begin(self: &Arc<Self>) -> Turn {
        self.0.lock().ours += 1;
        Turn {
            activity: Arc::clone(self),
            ours: true,
        }
    }

    fn wrote(&self, result: &Poll<io::Result<usize>>) {
        let mut state = self.0.lock();
        match result {
            Poll::Ready(_) => {
                state.moved = Instant::now();
                state.blocked = None;
            }
            Poll::Pending => {
                state.blocked.get_or_insert_with(Instant::now);
            }
        }
    }
}

/// One request, and whose turn it is.
#[derive(Debug)]
pub(super) struct Turn {
    activity: Arc<Activity>,
    ours: bool,
}

impl Turn {
    fn set(&mut self, ours: bool) {
        if std::mem::replace(&mut self.ours, ours) == ours {
            return;
        }
        let mut state = self.activity.0.lock();
        if ours {
            state.ours += 1;
        } else {
            state.ours -= 1;
            state.moved = Instant::now();
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.set(false);
    }
}

/// The body of an answer. It is the client's turn from when a piece was handed on until the next one is asked for.
pub(super) struct Answer {
    body: Body,
    turn: Turn,
}

impl Answer {
    pub(super) fn new(body: Body, turn: Turn) -> Self {
        Self { body, turn }
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.turn.set(true);
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        self.turn.set(false);
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream whose writes are noted.
pub(super) struct Watched<S> {
    stream: S,
    activity: Arc<Activity>,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S, activity: Arc<Activity>) -> Self {
        Self { stream, activity }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.activity.wrote(&result);
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.activity.wrote(&result);
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;

    use futures::StreamExt;
    use http_body_util::BodyExt;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    /// The verdict if nothing happens for as long as a client has.
    fn later(activity: &Activity) -> Verdict {
        activity.verdict(Instant::now() + PATIENCE, PATIENCE)
    }

    fn is_fine(verdict: &Verdict) -> bool {
        matches!(verdict, Verdict::Fine(_))
    }

    #[tokio::test]
    async fn a_connection_is_idle_when_it_has_been_the_clients_turn_for_long() {
        let activity = Activity::new();
        assert!(is_fine(&activity.verdict(Instant::now(), PATIENCE)));
        assert_eq!(later(&activity), Verdict::Idle);
        let turn = activity.begin();
        assert!(is_fine(&later(&activity)), "a handler may take its time");
        let before = Instant::now();
        drop(turn);
        assert_eq!(later(&activity), Verdict::Idle);
        let soon = activity.verdict(before + PATIENCE, PATIENCE);
        assert!(is_fine(&soon), "the client's time began with its turn");
    }

    #[tokio::test]
    async fn a_client_that_takes_nothing_is_stuck_whoevers_turn_it_is() {
        let activity = Activity::new();
        let _turn = activity.begin();
        activity.wrote(&Poll::Pending);
        let since = activity.0.lock().blocked;
        activity.wrote(&Poll::Pending);
        assert_eq!(activity.0.lock().blocked, since, "it counts from the first");
        assert_eq!(later(&activity), Verdict::Stuck);
        activity.wrote(&Poll::Ready(Ok(1)));
        assert!(is_fine(&later(&activity)));
    }

    #[tokio::test]
    async fn a_piece_of_an_answer_is_the_clients_turn_until_the_next_is_asked_for() {
        let activity = Activity::new();
        let first = futures::stream::iter([Ok::<_, io::Error>("a")]);
        let pieces = first.chain(futures::stream::pending());
        let mut answer = Answer::new(Body::from_stream(pieces), activity.begin());
        assert!(answer.frame().await.is_some());
        assert_eq!(later(&activity), Verdict::Idle);
        let mut next = answer.frame();
        let polled = std::future::poll_fn(|context| {
            Poll::Ready(Pin::new(&mut next).poll(context).is_pending())
        });
        assert!(polled.await, "the stream has nothing more to tell yet");
        assert!(is_fine(&later(&activity)));
    }
}
