//! One HTTP exchange over `wasi:http`, by hand: a general client would triple the size of a small component.
//!
//! It waits through wstd's reactor, so that several requests of one body can be under way at once.

use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingResponse, Method, OutgoingBody,
    OutgoingRequest, RequestOptions, Scheme,
};
use wasip2::io::streams::StreamError;
use wstd::io::{AsyncOutputStream, AsyncPollable};

use super::{Request, Response};
use crate::duration::as_ms;
use crate::error::{Error, Result};

/// How much of a response is asked for at once.
const CHUNK: u64 = 64 * 1024;
/// The contract's durations are in milliseconds, WASI's in nanoseconds.
const NS_PER_MS: u64 = 1_000_000;

pub(super) async fn perform(request: Request) -> Result<Response> {
    let (outgoing, options) = prepare(&request)?;
    // Without a body none is opened: an empty one would be announced and sent all the same.
    let body = match request.body.as_slice() {
        [] => None,
        _ => Some(outgoing.body().map_err(|()| refused("body"))?),
    };
    let pending = outgoing_handler::handle(outgoing, Some(options)).map_err(failed)?;
    // A service may answer without having read the whole body; the answer says what happened.
    let sent = match body {
        Some(body) => send(body, &request.body).await,
        None => Ok(()),
    };
    match (answer(pending).await, sent) {
        (Ok(response), _) => read(response).await,
        (Err(_), Err(error)) | (Err(error), Ok(())) => Err(error),
    }
}

fn prepare(request: &Request) -> Result<(OutgoingRequest, RequestOptions)> {
    let target = Target::parse(&request.url)
        .ok_or_else(|| refused("URL: it must be absolute, with `http` or `https`"))?;
    let mut headers: Vec<(String, Vec<u8>)> = request
        .headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.clone().into_bytes()))
        .collect();
    let has_body = !request.body.is_empty() || ["POST", "PUT", "PATCH"].contains(&&*request.method);
    if has_body && !headers.iter().any(|(name, _)| name == "content-length") {
        headers.push((
            "content-length".to_owned(),
            request.body.len().to_string().into_bytes(),
        ));
    }
    let fields =
        Fields::from_list(&headers).map_err(|error| refused(&format!("headers ({error})")))?;
    let outgoing = OutgoingRequest::new(fields);
    outgoing
        .set_method(&method(&request.method))
        .map_err(|()| refused("method"))?;
    outgoing
        .set_scheme(Some(&target.scheme))
        .map_err(|()| refused("URL"))?;
    outgoing
        .set_authority(Some(target.authority))
        .map_err(|()| refused("URL"))?;
    outgoing
        .set_path_with_query(Some(&target.path))
        .map_err(|()| refused("URL"))?;

    let options = RequestOptions::new();
    if let Some(timeout) = request.timeout {
        let ns = Some(as_ms(timeout).saturating_mul(NS_PER_MS));
        let set = options
            .set_connect_timeout(ns)
            .and_then(|()| options.set_first_byte_timeout(ns))
            .and_then(|()| options.set_between_bytes_timeout(ns));
        set.map_err(|()| refused("timeout"))?;
    }
    Ok((outgoing, options))
}

/// The parts of an absolute URL. What follows `#` is not sent.
struct Target<'a> {
    scheme: Scheme,
    authority: &'a str,
    path: String,
}

impl<'a> Target<'a> {
    fn parse(url: &'a str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let scheme = match scheme {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return None,
        };
        let rest = rest.split('#').next()?;
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/{path}")
        };
        (!authority.is_empty()).then_some(Self {
            scheme,
            authority,
            path,
        })
    }
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "PATCH" => Method::Patch,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        other => Method::Other(other.to_owned()),
    }
}

async fn send(body: OutgoingBody, bytes: &[u8]) -> Result<()> {
    {
        let stream = AsyncOutputStream::new(body.write().map_err(|()| refused("body"))?);
        stream.write_all(bytes).await?;
        stream.flush().await?;
    }
    OutgoingBody::finish(body, None).map_err(failed)
}

async fn answer(pending: FutureIncomingResponse) -> Result<IncomingResponse> {
    AsyncPollable::new(pending.subscribe()).wait_for().await;
    match pending.get() {
        Some(Ok(answer)) => answer.map_err(failed),
        Some(Err(())) | None => Err(Error::retriable("the host gave no response")),
    }
}

async fn read(response: IncomingResponse) -> Result<Response> {
    let headers = response.headers().entries();
    let headers = headers
        .into_iter()
        .map(|(name, value)| (name, String::from_utf8_lossy(&value).into_owned()));
    let (status, headers) = (response.status(), headers.collect());
    let incoming = response
        .consume()
        .map_err(|()| Error::retriable("the response has no body"))?;
    let stream = incoming
        .stream()
        .map_err(|()| Error::retriable("the response has no body"))?;
    let readable = AsyncPollable::new(stream.subscribe());
    let mut body = Vec::new();
    loop {
        readable.wait_for().await;
        match stream.read(CHUNK) {
            Ok(bytes) => body.extend_from_slice(&bytes),
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(error)) => {
                let message = format!("the response broke off: {}", error.to_debug_string());
                return Err(Error::retriable(message).named("HttpConnection"));
            }
        }
    }
    // The pollable belongs to the stream, the stream to the body: they go in this order.
    drop(readable);
    drop(stream);
    Ok(Response {
        status,
        headers,
        body,
    })
}

fn refused(what: &str) -> Error {
    Error::non_retriable(format!("the request cannot be sent because of its {what}"))
        .named("HttpRequest")
}

/// What went wrong between here and the service. Only a refusal by the app's own policy is final.
#[allow(clippy::needless_pass_by_value)]
fn failed(code: ErrorCode) -> Error {
    match code {
        ErrorCode::HttpRequestDenied => {
            Error::non_retriable("the app's network policy does not allow it").named("HttpDenied")
        }
        // The host explains itself.
        ErrorCode::InternalError(Some(text)) => Error::retriable(text).named("HttpConnection"),
        other => {
            let text = format!("{other:?}");
            let text = text.strip_prefix("ErrorCode::").unwrap_or(&text);
            Error::retriable(format!("no answer: {text}")).named("HttpConnection")
        }
    }
}
