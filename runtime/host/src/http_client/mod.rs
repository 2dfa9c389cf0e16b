//! HTTP requests within the egress policy: of bodies, and of the `fetch` operation.
//!
//! Invariant: a connection goes to an address that the policy has checked, and to no other. A name is looked up once a
//! connection, and the answer of that look-up is what is checked and used; a redirect is a new request. Connections are kept for
//! the next request of the same app, under the same policy.

mod body;
mod connect;
mod idle;
mod message;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Method, StatusCode, Uri};
use http_body_util::{BodyExt, Full};

use crate::egress::Egress;
use crate::surroundings::{Network, Process, Surroundings};

pub(crate) use body::ResponseBody;
pub(crate) use idle::Idle;
pub use message::{FetchError, FetchRequest, FetchResponse};

/// The most redirects that `fetch` follows.
const MAX_REDIRECTS: u32 = 10;

/// Headers that would go to a place that they are not meant for. The last two hold the keys of model providers.
const SECRET_HEADERS: [HeaderName; 5] = [
    header::AUTHORIZATION,
    header::COOKIE,
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("x-goog-api-key"),
];

/// Headers that the client sets itself.
const OWN_HEADERS: [HeaderName; 4] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
];

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
    tls: Arc<rustls::ClientConfig>,
    surroundings: Arc<dyn Surroundings>,
    /// What answers in place of the network.
    network: Option<Arc<dyn Network>>,
}

impl HttpClient {
    /// A client that trusts the roots of Mozilla's programme.
    pub fn new() -> Result<Self, crate::Error> {
        Self::within(Arc::new(Process::ambient()))
    }

    pub(crate) fn within(surroundings: Arc<dyn Surroundings>) -> Result<Self, crate::Error> {
        Ok(Self {
            tls: connect::tls_config()?,
            network: surroundings.network(),
            surroundings,
        })
    }

    /// Performs a request, follows up to 10 redirects, and reads the whole response.
    pub async fn fetch(
        &self,
        egress: &Egress,
        request: FetchRequest,
    ) -> Result<FetchResponse, FetchError> {
        self.within_time(egress, request, MAX_REDIRECTS).await
    }

    /// As [`HttpClient::fetch`], but a redirect is the response: what is sent goes to nobody else.
    pub async fn fetch_once(
        &self,
        egress: &Egress,
        request: FetchRequest,
    ) -> Result<FetchResponse, FetchError> {
        self.within_time(egress, request, 0).await
    }

    async fn within_time(
        &self,
        egress: &Egress,
        request: FetchRequest,
        redirects: u32,
    ) -> Result<FetchResponse, FetchError> {
        let timeout = request.timeout;
        self.surroundings
            .timeout(timeout, self.follow(egress, request, redirects))
            .await
            .unwrap_or(Err(FetchError::Timeout("waiting for the response")))
    }

    async fn follow(
        &self,
        egress: &Egress,
        request: FetchRequest,
        redirects: u32,
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
        for _ in 0..=redirects {
            let mut outgoing = http::Request::new(Full::new(body.clone()));
            *outgoing.method_mut() = method.clone();
            *outgoing.uri_mut() = url.clone();
            *outgoing.headers_mut() = headers.clone();
            if !body.is_empty() || matches!(method, Method::POST | Method::PUT | Method::PATCH) {
                outgoing
                    .headers_mut()
                    .insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
            }
            let response = self.send(egress, outgoing, timeouts).await?;
            let Some(target) = redirect(&response, &url).filter(|_| redirects > 0) else {
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
        Err(FetchError::Http(format!("more than {redirects} redirects")))
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
    if has_scheme(location) {
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

/// Whether a reference begins with a scheme. A query may well hold a URL: that of a page to come back to, for example.
fn has_scheme(reference: &str) -> bool {
    let scheme = reference.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| !scheme.contains(['/', '?']))
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
            (
                "/login?back=https://a.example/x",
                "https://a.example/login?back=https://a.example/x",
            ),
            (
                "login?back=https://a.example/x",
                "https://a.example/x/login?back=https://a.example/x",
            ),
            ("?back=http://b", "https://a.example/x/y?back=http://b"),
        ] {
            assert_eq!(
                resolve(&base, location)
                    .map(|uri| uri.to_string())
                    .as_deref(),
                Some(expected)
            );
        }
    }
}
