//! Request bodies: read whole, within a limit and within a time.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;

use super::error::ApiError;

/// How long a client may take to send a small body: a connection that trickles holds memory.
const LONGEST: Duration = Duration::from_mins(1);

/// The bytes a second at which a large one may come.
const SLOWEST: usize = 256 << 10;

/// How much more than the limit is read and thrown away, so that the client is still listening when the refusal arrives: an HTTP/1
/// client that is busy writing sees a closed connection instead of an answer.
pub(super) const DISCARDED_BYTES: usize = 16 << 20;

/// Reads a body of at most `limit` bytes.
pub(super) async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, ApiError> {
    let declared = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > limit.saturating_add(DISCARDED_BYTES)) {
        return Err(too_large(limit));
    }
    let longest = longest(declared.unwrap_or(limit).min(limit));
    match tokio::time::timeout(longest, collect(body, limit)).await {
        Ok(result) => result,
        Err(_) => Err(ApiError::new(
            StatusCode::REQUEST_TIMEOUT,
            "body_too_slow",
            format!("the body did not arrive within {} s", longest.as_secs()),
        )),
    }
}

/// How long a body of so many bytes may take.
fn longest(bytes: usize) -> Duration {
    LONGEST.saturating_add(Duration::from_secs((bytes / SLOWEST) as u64))
}

async fn collect(mut body: Body, limit: usize) -> Result<Bytes, ApiError> {
    let mut first: Option<Bytes> = None;
    let mut rest = BytesMut::new();
    let mut received = 0_usize;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            ApiError::invalid("broken_body", format!("the body broke off: {error}"))
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        received = received.saturating_add(data.len());
        if received > limit {
            (first, rest) = (None, BytesMut::new());
            if received > limit.saturating_add(DISCARDED_BYTES) {
                break;
            }
            continue;
        }
        // A small body comes in one piece, which then need not be copied.
        match first.take() {
            None if rest.is_empty() => first = Some(data),
            None => rest.extend_from_slice(&data),
            Some(earlier) => {
                rest.extend_from_slice(&earlier);
                rest.extend_from_slice(&data);
            }
        }
    }
    if received > limit {
        return Err(too_large(limit));
    }
    Ok(first.unwrap_or_else(|| rest.freeze()))
}

/// Reads what is not wanted, up to a bound, so that the client is still listening when its answer arrives.
pub(super) async fn discard(mut body: Body) {
    let reading = async {
        let mut received = 0_usize;
        while let Some(Ok(frame)) = body.frame().await {
            received = received.saturating_add(frame.data_ref().map_or(0, Bytes::len));
            if received > DISCARDED_BYTES {
                break;
            }
        }
    };
    // Whoever is slower than that sees the connection close.
    let _ = tokio::time::timeout(LONGEST, reading).await;
}

fn too_large(limit: usize) -> ApiError {
    ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "body_too_large",
        format!("the body is larger than the limit of {limit} bytes; send it in several requests"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::stream;

    fn chunks(pieces: &[&'static str]) -> Body {
        let pieces: Vec<Result<_, std::io::Error>> = pieces
            .iter()
            .map(|piece| Ok(Bytes::from_static(piece.as_bytes())))
            .collect();
        Body::from_stream(stream::iter(pieces))
    }

    async fn read_of(pieces: &[&'static str], limit: usize) -> Result<Bytes, u16> {
        read(&HeaderMap::new(), chunks(pieces), limit)
            .await
            .map_err(|error| error.status.as_u16())
    }

    #[tokio::test]
    async fn pieces_are_put_together_up_to_the_limit() {
        assert_eq!(read_of(&[], 4).await, Ok(Bytes::new()));
        assert_eq!(read_of(&["abcd"], 4).await, Ok(Bytes::from("abcd")));
        assert_eq!(read_of(&["a", "bc", "d"], 4).await, Ok(Bytes::from("abcd")));
        assert_eq!(read_of(&["abcd", "e"], 4).await, Err(413));
    }

    #[test]
    fn a_component_may_take_the_time_that_a_slow_link_needs() {
        assert_eq!(longest(100), LONGEST);
        // 18 MiB with two megabits a second.
        assert!(longest(18 << 20) > Duration::from_secs(75));
        assert!(longest(usize::MAX) > longest(64 << 20));
    }

    #[tokio::test]
    async fn a_length_far_beyond_the_limit_is_refused_unread() {
        let headers = HeaderMap::from_iter([(
            header::CONTENT_LENGTH,
            "1000000000".parse().expect("a number"),
        )]);
        let never = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        let error = read(&headers, never, 10)
            .await
            .expect_err("it is too large");
        assert_eq!(error.code, "body_too_large");
    }
}
