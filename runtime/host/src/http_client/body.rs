//! A response's body as it comes in, with a limit on how long it may pause.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use tokio::time::{Instant, Sleep};

use super::FetchError;
use super::connect::Keep;
use super::idle::Connection;

/// The body of a response.
pub(crate) enum ResponseBody {
    /// It comes in over a connection.
    Incoming(Incoming),
    /// All of it is here.
    Whole(Full<Bytes>),
}

impl ResponseBody {
    pub(super) fn new(
        body: hyper::body::Incoming,
        connection: Connection,
        keep: Keep,
        pause: Duration,
    ) -> Self {
        let mut incoming = Incoming {
            body,
            pause,
            timer: None,
            way: Some((connection, keep)),
        };
        if incoming.body.is_end_stream() {
            incoming.ended();
        }
        Self::Incoming(incoming)
    }

    pub(super) fn whole(content: Bytes) -> Self {
        Self::Whole(Full::new(content))
    }
}

/// A body on its way. One that is dropped before its end takes the connection with it.
pub(crate) struct Incoming {
    body: hyper::body::Incoming,
    pause: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    way: Option<(Connection, Keep)>,
}

impl Incoming {
    /// The connection is free for the next request.
    fn ended(&mut self) {
        if let Some((connection, keep)) = self.way.take() {
            keep.put(connection);
        }
    }

    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, FetchError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            self.timer = None;
            match &frame {
                Some(Err(_)) => self.way = None,
                Some(Ok(_)) if !self.body.is_end_stream() => {}
                Some(Ok(_)) | None => self.ended(),
            }
            return Poll::Ready(
                frame.map(|frame| frame.map_err(|e| FetchError::Http(e.to_string()))),
            );
        }
        let pause = self.pause;
        let timer = self.timer.get_or_insert_with(|| {
            // A pause too long to be a time is no limit at all.
            let until = Instant::now().checked_add(pause);
            Box::pin(tokio::time::sleep_until(
                until.unwrap_or_else(|| Instant::now() + Duration::from_hours(24)),
            ))
        });
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Some(Err(FetchError::Timeout(
            "waiting for more of the response",
        ))))
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = FetchError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, FetchError>>> {
        match &mut *self {
            Self::Incoming(incoming) => incoming.poll_frame(cx),
            Self::Whole(content) => Pin::new(content)
                .poll_frame(cx)
                .map_err(|never| match never {}),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Incoming(incoming) => incoming.body.is_end_stream(),
            Self::Whole(content) => content.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Incoming(incoming) => incoming.body.size_hint(),
            Self::Whole(content) => content.size_hint(),
        }
    }
}
