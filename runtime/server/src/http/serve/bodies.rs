//! A bound on what the bodies of all requests hold in memory together.
//!
//! Each body has a limit of its own, but a hundred large ones at once would still be more than a machine has. What arrives is counted
//! before it is kept, and given back when the request has its answer. A request for which there is no room is refused with 503 and told
//! when to come again; a body that stops to arrive ends its request with 408. What nobody read of a body, because its request was refused, is
//! read and thrown away before the answer goes: a client that is still writing would find the connection closed, and not the answer.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use parking_lot::Mutex;
use tokio::time::{Instant, Sleep};

use super::super::body::{DISCARDED_BYTES, discard};
use super::super::error::{ApiError, Dialect};

/// Seconds after which there may be room again: a body is usually there and done within one.
const RETRY_AFTER_S: u32 = 1;

/// How long it is waited for what a refused request still sends. Whoever is slower may find the connection closed.
const LINGER: Duration = Duration::from_secs(2);

/// What all bodies may hold together, and what they do.
#[derive(Debug)]
pub(super) struct Bodies {
    most: usize,
    held: AtomicUsize,
    /// How long the next piece of a body may take.
    patience: Duration,
}

impl Bodies {
    pub(super) fn new(most: usize, patience: Duration) -> Arc<Self> {
        Arc::new(Self {
            most,
            held: AtomicUsize::new(0),
            patience,
        })
    }

    /// Whether a body of this length would find room now. One that never would is its route's affair.
    fn has_room_for(&self, bytes: usize) -> bool {
        let free = self.most.saturating_sub(self.held.load(Ordering::Relaxed));
        bytes <= free || bytes > self.most
    }
}

/// What one body holds. It gives that back when it goes.
#[derive(Debug)]
struct Account {
    bodies: Arc<Bodies>,
    held: AtomicUsize,
    refused: AtomicBool,
    late: AtomicBool,
    /// What was not read.
    rest: Mutex<Option<Body>>,
}

impl Account {
    fn charge(&self, bytes: usize) -> bool {
        let charged = self
            .bodies
            .held
            .try_update(Ordering::Relaxed, Ordering::Relaxed, |held| {
                held.checked_add(bytes)
                    .filter(|sum| *sum <= self.bodies.most)
            });
        match charged {
            Ok(_) => self.held.fetch_add(bytes, Ordering::Relaxed),
            Err(_) => return false,
        };
        true
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.bodies
            .held
            .fetch_sub(*self.held.get_mut(), Ordering::Relaxed);
    }
}

/// Handles a request within the bound.
pub(super) async fn bound(
    State(bodies): State<Arc<Bodies>>,
    request: Request,
    next: Next,
) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let dialect = Dialect::of(request.uri().path());
    let declared = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse().ok());
    // Such a client sends nothing before it is told to; and of so much, not all would be read.
    let is_left = request.headers().contains_key(header::EXPECT)
        || declared.is_some_and(|length| length > DISCARDED_BYTES);
    let patience = bodies.patience;
    let account = Arc::new(Account {
        bodies: Arc::clone(&bodies),
        held: AtomicUsize::new(0),
        refused: AtomicBool::new(false),
        late: AtomicBool::new(false),
        rest: Mutex::new(None),
    });
    if declared.is_some_and(|length| !bodies.has_room_for(length)) {
        discard(request.into_body()).await;
        return dialect.render(&no_room());
    }
    let request = request.map(|body| {
        Body::new(Arriving {
            body,
            account: Arc::clone(&account),
            pause: None,
            is_over: false,
        })
    });
    let response = next.run(request).await;
    let rest = account.rest.lock().take();
    if let Some(rest) = rest.filter(|_| !is_left) {
        // Late: then the answer goes all the same.
        let _ = tokio::time::timeout(LINGER, discard(rest)).await;
    }
    if account.refused.load(Ordering::Relaxed) {
        return dialect.render(&no_room());
    }
    if account.late.load(Ordering::Relaxed) {
        return dialect.render(&too_slow(patience));
    }
    response
}

fn no_room() -> ApiError {
    ApiError {
        retry_after_s: Some(RETRY_AFTER_S),
        ..ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "overloaded",
            format!(
                "the bodies of requests take as much memory as they may (setting `body_memory`); nothing was stored, try again in {RETRY_AFTER_S} s"
            ),
        )
    }
}

fn too_slow(patience: Duration) -> ApiError {
    ApiError::new(
        StatusCode::REQUEST_TIMEOUT,
        "body_too_slow",
        format!(
            "nothing of the body arrived for {} s (setting `client_timeout`); nothing was stored",
            patience.as_secs_f32()
        ),
    )
}

/// A body on its way in: counted, and not waited for without end.
struct Arriving {
    body: Body,
    account: Arc<Account>,
    pause: Option<Pin<Box<Sleep>>>,
    /// Nothing more comes of it.
    is_over: bool,
}

impl Drop for Arriving {
    fn drop(&mut self) {
        if !self.is_over {
            *self.account.rest.lock() = Some(std::mem::take(&mut self.body));
        }
    }
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        match Pin::new(&mut this.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                this.pause = None;
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                if this.account.charge(bytes) {
                    return Poll::Ready(Some(Ok(frame)));
                }
                this.account.refused.store(true, Ordering::Relaxed);
                Poll::Ready(Some(Err(axum::Error::new("there is no room for it"))))
            }
            Poll::Ready(other) => {
                this.is_over = true;
                Poll::Ready(other)
            }
            Poll::Pending => {
                let patience = this.account.bodies.patience;
                let pause = this.pause.get_or_insert_with(|| {
                    Box::pin(tokio::time::sleep_until(Instant::now() + patience))
                });
                if pause.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
                this.account.late.store(true, Ordering::Relaxed);
                this.is_over = true;
                Poll::Ready(Some(Err(axum::Error::new("it stopped to arrive"))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::HeaderMap;
    use axum::routing::post;
    use futures::stream;
    use tower::ServiceExt;

    use super::super::super::body;
    use super::*;

    fn app(bodies: &Arc<Bodies>) -> Router {
        let read = async |headers: HeaderMap, body: Body| {
            let read = body::read(&headers, body, 1 << 20).await;
            read.map(|bytes| bytes.len().to_string())
                .map_err(|error| error.status)
        };
        Router::new()
            .route("/e/{key}", post(read))
            .layer(axum::middleware::from_fn_with_state(
                Arc::clone(bodies),
                bound,
            ))
    }

    fn request(body: Body) -> Request {
        Request::post("/e/key").body(body).expect("a request")
    }

    #[tokio::test]
    async fn what_does_not_fit_is_refused_and_what_was_held_is_given_back() {
        let bodies = Bodies::new(10, Duration::from_secs(30));
        for _ in 0..3 {
            let pieces = ["12345", "67890"].map(Ok::<_, std::io::Error>);
            let fits = request(Body::from_stream(stream::iter(pieces)));
            let answer = app(&bodies).oneshot(fits).await.expect("an answer");
            assert_eq!(answer.status(), StatusCode::OK);
            let pieces = ["12345", "67890", "1"].map(Ok::<_, std::io::Error>);
            let more = request(Body::from_stream(stream::iter(pieces)));
            let answer = app(&bodies).oneshot(more).await.expect("an answer");
            assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(answer.headers()[header::RETRY_AFTER], "1");
        }
        assert_eq!(bodies.held.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn a_declared_length_that_finds_no_room_is_refused_before_it_is_read() {
        let bodies = Bodies::new(10, Duration::from_secs(30));
        bodies.held.store(8, Ordering::Relaxed);
        let mut declared = request(Body::from("12345"));
        let length = "5".parse().expect("a number");
        declared
            .headers_mut()
            .insert(header::CONTENT_LENGTH, length);
        let answer = app(&bodies).oneshot(declared).await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(bodies.held.load(Ordering::Relaxed), 8);
    }

    #[tokio::test]
    async fn what_a_refused_request_still_sends_is_read_before_its_answer() {
        let bodies = Bodies::new(10, Duration::from_secs(30));
        for (expects, read) in [(false, 3), (true, 0)] {
            let refusing = Router::new()
                .route("/e/{key}", post(async || StatusCode::FORBIDDEN))
                .layer(axum::middleware::from_fn_with_state(
                    Arc::clone(&bodies),
                    bound,
                ));
            let taken = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&taken);
            let pieces = stream::iter(["123456", "123456", "123456"]);
            let pieces = futures::StreamExt::map(pieces, move |piece| {
                count.fetch_add(1, Ordering::Relaxed);
                Ok::<_, std::io::Error>(piece)
            });
            let mut sent = request(Body::from_stream(pieces));
            if expects {
                let told = "100-continue".parse().expect("a value");
                sent.headers_mut().insert(header::EXPECT, told);
            }
            let answer = refusing.oneshot(sent).await.expect("an answer");
            assert_eq!(answer.status(), StatusCode::FORBIDDEN);
            assert_eq!(taken.load(Ordering::Relaxed), read);
        }
        assert_eq!(bodies.held.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn a_body_that_stops_to_arrive_ends_its_request() {
        let bodies = Bodies::new(10, Duration::from_millis(10));
        let first = stream::iter([Ok::<_, std::io::Error>("123")]);
        let stops = futures::StreamExt::chain(first, stream::pending());
        let answer = app(&bodies)
            .oneshot(request(Body::from_stream(stops)))
            .await
            .expect("an answer");
        assert_eq!(answer.status(), StatusCode::REQUEST_TIMEOUT);
        assert_eq!(bodies.held.load(Ordering::Relaxed), 0);
    }
}
