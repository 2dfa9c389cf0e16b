//! HTTP requests within the egress policy: of bodies, and of the `fetch` operation.
//!
//! Invariant: a connection goes to an address that the policy has checked, and to no other. A name is looked up once a
//! request, and the answer of that look-up is what is checked and used; a redirect is a new request.

mod body;
mod connect;

use std::time::Duration;

use abide_core::Json;
use abide_core::failure::{Failure, Origin, RetryAdvice};
use abide_core::operation::Fetch;
use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Method, StatusCode, Uri};
use http_body_util::{BodyExt, Full};

use crate::egress::EgressPolicy;

pub(crate) use body::ResponseBody;

/// The most redirects that `fetch` follows.
const MAX_REDIRECTS: u32 = 10;

/// Headers that would go to a place that they are not meant for.
const SECRET_HEADERS: [HeaderName; 3] = [
    header::AUTHORIZATION,
    header::COOKIE,
    header::PROXY_AUTHORIZATION,
];

/// Headers that the client sets itself.
const OWN_HEADERS: [HeaderName; 4] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
];

/// A request of the `fetch` operation.
#[derive(Debug, Clone)]
pub struct FetchRequest {
    /// `GET`, `POST`…
    pub method: String,
    /// Absolute, `http` or `https`.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// What is sent.
    pub body: Option<Bytes>,
    /// For everything together: look-up, connection, redirects, the response's last byte.
    pub timeout: Duration,
    /// The largest response body in bytes.
    pub max_response_bytes: usize,
}

impl FetchRequest {
    /// The request that an operation asks for.
    pub fn new(fetch: &Fetch, max_response_bytes: usize) -> Self {
        Self {
            method: fetch.method.clone(),
            url: fetch.url.clone(),
            headers: fetch.headers.clone(),
            body: fetch.body.clone().map(Bytes::from),
            timeout: Duration::from_millis(fetch.timeout_ms()),
            max_response_bytes,
        }
    }
}

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchResponse {
    /// The HTTP status.
    pub status: u16,
    /// Names in lower case, and values; bytes that are not UTF-8 are replaced.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Bytes,
    /// The URL that answered, after redirects.
    pub url: String,
}

impl FetchResponse {
    /// Whether the operation is tried again: a status of 500 and above, or 429.
    pub fn is_retriable(&self) -> bool {
        self.status >= 500 || self.status == 429
    }

    /// When the server wants the next attempt, if it says so in seconds.
    pub fn retry_advice(&self) -> RetryAdvice {
        let after = self
            .header("retry-after")
            .and_then(|value| value.trim().parse::<u64>().ok());
        after.map_or(RetryAdvice::Retriable, |seconds| {
            RetryAdvice::After(seconds.saturating_mul(1_000))
        })
    }

    /// The failure of an attempt that got this response, one that is retriable.
    pub fn to_failure(&self) -> Failure {
        let message = format!(
            "{} answered with status {}",
            without_query(&self.url),
            self.status
        );
        Failure {
            retry: self.retry_advice(),
            ..Failure::platform(Origin::Network, message)
        }
    }

    /// The result of the operation: `{"status","headers","body"}`, or `"body_base64"` in place of `"body"`.
    pub fn to_json(&self) -> Json {
        let mut headers = serde_json::Map::new();
        for (name, value) in &self.headers {
            match headers.get_mut(name) {
                Some(serde_json::Value::String(before)) => {
                    before.push_str(", ");
                    before.push_str(value);
                }
                Some(_) | None => {
                    headers.insert(name.clone(), value.clone().into());
                }
            }
        }
        let mut object = serde_json::Map::new();
        object.insert("status".into(), self.status.into());
        object.insert("headers".into(), headers.into());
        match std::str::from_utf8(&self.body) {
            Ok(text) => object.insert("body".into(), text.into()),
            Err(_) => object.insert("body_base64".into(), base64(&self.body).into()),
        };
        serde_json::Value::Object(object).to_string().into()
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// Why there is no response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The egress policy forbids it.
    #[error("the connection is not allowed: {0}")]
    Denied(String),
    /// The name has no address.
    #[error("the name could not be looked up: {0}")]
    Dns(String),
    /// Nobody answers there.
    #[error("the connection failed: {0}")]
    Connect(String),
    /// No trust could be established.
    #[error("the TLS connection failed: {0}")]
    Tls(String),
    /// It took too long.
    #[error("timed out while {0}")]
    Timeout(&'static str),
    /// The response is larger than this many bytes.
    #[error("the response is larger than the limit of {0} bytes")]
    TooLarge(usize),
    /// The request cannot be sent as it is.
    #[error("the request is not valid: {0}")]
    Invalid(String),
    /// The other side does not speak HTTP as it should.
    #[error("the HTTP exchange failed: {0}")]
    Http(String),
}

impl FetchError {
    /// The error as a failure of the operation.
    pub fn to_failure(&self) -> Failure {
        match self {
            Self::Denied(_) | Self::Invalid(_) | Self::TooLarge(_) => {
                Failure::permanent(Origin::Network, self.to_string())
            }
            Self::Timeout(_) => Failure::platform(Origin::Timeout, self.to_string()),
            Self::Dns(_) | Self::Connect(_) | Self::Tls(_) | Self::Http(_) => {
                Failure::platform(Origin::Network, self.to_string())
            }
        }
    }
}

/// Limits of time within one exchange.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeouts {
    pub(crate) connect: Duration,
    pub(crate) first_byte: Duration,
    pub(crate) between_bytes: Duration,
}

/// Sends requests. Cloning it is cheap.
#[derive(Clone)]
pub struct HttpClient {
    tls: std::sync::Arc<rustls::ClientConfig>,
}

impl HttpClient {
    /// A client that trusts the roots of Mozilla's programme.
    pub fn new() -> Result<Self, crate::Error> {
        Ok(Self {
            tls: connect::tls_config()?,
        })
    }

    /// Performs a request, follows up to 10 redirects, and reads the whole response.
    pub async fn fetch(
        &self,
        policy: &EgressPolicy,
        request: FetchRequest,
    ) -> Result<FetchResponse, FetchError> {
        let timeout = request.timeout;
        tokio::time::timeout(timeout, self.follow(policy, request))
            .await
            .unwrap_or(Err(FetchError::Timeout("waiting for the response")))
    }

    async fn follow(
        &self,
        policy: &EgressPolicy,
        request: FetchRequest,
    ) -> Result<FetchResponse, FetchError> {
        let invalid = |what: &str| FetchError::Invalid(what.to_owned());
        let mut method = Method::from_bytes(request.method.to_ascii_uppercase().as_bytes())
            .map_err(|_| invalid("the method is not one of HTTP"))?;
        let mut url: Uri = request
            .url
            .parse()
            .map_err(|_| invalid("the URL cannot be parsed"))?;
        let mut headers = header_map(&request.headers)?;
        let mut body = request.body.unwrap_or_default();
        let timeouts = Timeouts {
            connect: request.timeout,
            first_byte: request.timeout,
            between_bytes: request.timeout,
        };
        for _ in 0..=MAX_REDIRECTS {
            let mut outgoing = http::Request::new(Full::new(body.clone()));
            *outgoing.method_mut() = method.clone();
            *outgoing.uri_mut() = url.clone();
            *outgoing.headers_mut() = headers.clone();
            if !body.is_empty() || matches!(method, Method::POST | Method::PUT | Method::PATCH) {
                outgoing
                    .headers_mut()
                    .insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
            }
            let response = self.send(policy, outgoing, timeouts).await?;
            let Some(target) = redirect(&response, &url) else {
                return collect(response, &url, request.max_response_bytes).await;
            };
            let target = target?;
            if target.authority() != url.authority() || target.scheme() != url.scheme() {
                for secret in &SECRET_HEADERS {
                    headers.remove(secret);
                }
            }
            let status = response.status();
            let changes = status == StatusCode::SEE_OTHER
                || (method == Method::POST
                    && matches!(status, StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND));
            if changes && method != Method::HEAD {
                method = Method::GET;
                body = Bytes::new();
                headers.remove(header::CONTENT_TYPE);
            }
            url = target;
        }
        Err(FetchError::Http(format!(
            "more than {MAX_REDIRECTS} redirects"
        )))
    }
}

fn header_map(headers: &[(String, String)]) -> Result<http::HeaderMap, FetchError> {
    let mut map = http::HeaderMap::new();
    for (name, value) in headers {
        let fault = || FetchError::Invalid(format!("the header `{name}` is not one of HTTP"));
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| fault())?;
        let value = HeaderValue::from_str(value).map_err(|_| fault())?;
        if !OWN_HEADERS.contains(&name) {
            map.append(name, value);
        }
    }
    if !map.contains_key(header::USER_AGENT) {
        map.insert(header::USER_AGENT, HeaderValue::from_static("abide"));
    }
    Ok(map)
}

/// Where a response sends the request on to, if it does.
fn redirect(
    response: &http::Response<ResponseBody>,
    from: &Uri,
) -> Option<Result<Uri, FetchError>> {
    match response.status() {
        StatusCode::MOVED_PERMANENTLY
        | StatusCode::FOUND
        | StatusCode::SEE_OTHER
        | StatusCode::TEMPORARY_REDIRECT
        | StatusCode::PERMANENT_REDIRECT => {}
        _ => return None,
    }
    let location = response.headers().get(header::LOCATION)?;
    Some(
        location
            .to_str()
            .ok()
            .and_then(|location| resolve(from, location))
            .ok_or_else(|| FetchError::Http("the redirect's location is not a URL".into())),
    )
}

/// What `location` means to a page at `base`.
fn resolve(base: &Uri, location: &str) -> Option<Uri> {
    let location = location.split('#').next().unwrap_or_default();
    if location.contains("://") {
        return location.parse().ok();
    }
    let scheme = base.scheme_str()?;
    if location.starts_with("//") {
        return format!("{scheme}:{location}").parse().ok();
    }
    let authority = base.authority()?;
    let path = if location.starts_with('/') {
        location.to_owned()
    } else if location.starts_with('?') {
        format!("{}{location}", base.path())
    } else {
        let folder = base
            .path()
            .rsplit_once('/')
            .map_or("", |(folder, _)| folder);
        format!("{folder}/{location}")
    };
    format!("{scheme}://{authority}{path}").parse().ok()
}

async fn collect(
    response: http::Response<ResponseBody>,
    url: &Uri,
    max_bytes: usize,
) -> Result<FetchResponse, FetchError> {
    let (parts, mut body) = response.into_parts();
    let mut bytes = bytes::BytesMut::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            if bytes.len() + data.len() > max_bytes {
                return Err(FetchError::TooLarge(max_bytes));
            }
            bytes.extend_from_slice(&data);
        }
    }
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Ok(FetchResponse {
        status: parts.status.as_u16(),
        headers: parts
            .headers
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), text(value)))
            .collect(),
        body: bytes.freeze(),
        url: url.to_string(),
    })
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk
            .iter()
            .fold(0_u32, |group, byte| group << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for place in 0..4 {
            if place <= chunk.len() {
                text.push(char::from(
                    ALPHABET[(group >> (18 - 6 * place) & 63) as usize],
                ));
            } else {
                text.push('=');
            }
        }
    }
    text
}

/// A URL as it may be shown: its query often holds a secret.
fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_resolved_as_browsers_do() {
        let base: Uri = "https://a.example/x/y?q=1".parse().expect("a URL");
        for (location, expected) in [
            ("https://b.example/z", "https://b.example/z"),
            ("//b.example/z", "https://b.example/z"),
            ("/z#part", "https://a.example/z"),
            ("z", "https://a.example/x/z"),
            ("?q=2", "https://a.example/x/y?q=2"),
        ] {
            assert_eq!(
                resolve(&base, location)
                    .map(|uri| uri.to_string())
                    .as_deref(),
                Some(expected)
            );
        }
    }

    #[test]
    fn base64_is_padded() {
        for (bytes, expected) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
        ] {
            assert_eq!(base64(bytes.as_bytes()), expected);
        }
    }

    #[test]
    fn a_response_becomes_json() {
        let mut response = FetchResponse {
            status: 200,
            headers: vec![("a".into(), "1".into()), ("a".into(), "2".into())],
            body: Bytes::from_static(b"hi"),
            url: String::new(),
        };
        assert_eq!(
            &*response.to_json(),
            r#"{"body":"hi","headers":{"a":"1, 2"},"status":200}"#
        );
        response.body = Bytes::from_static(b"\xff");
        assert!(response.to_json().contains(r#""body_base64":"/w==""#));
    }
}
