//! One exchange: look up, check, connect (or take a connection that waits), send.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http::Uri;
use http::header::{HOST, HeaderValue};
use http_body::Body;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::idle::{Connection, Idle, Outgoing};
use super::{FetchError, HttpClient, ResponseBody, Timeouts};
use crate::egress::{Egress, EgressPolicy};
use crate::surroundings::{Network, Surroundings};

pub(super) fn tls_config() -> Result<Arc<rustls::ClientConfig>, crate::Error> {
    let roots: rustls::RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| crate::Error::Engine(format!("TLS: {e}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Where a URL points.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Target {
    host: String,
    port: u16,
    tls: bool,
}

impl Target {
    fn of(url: &Uri) -> Result<Self, FetchError> {
        let invalid = |what: &str| FetchError::Invalid(what.to_owned());
        let tls = match url.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            Some(_) | None => return Err(invalid("the URL must begin with http:// or https://")),
        };
        let authority = url
            .authority()
            .ok_or_else(|| invalid("the URL names no host"))?;
        if authority.as_str().contains('@') {
            return Err(invalid(
                "the URL must not hold a user and password; send an authorization header",
            ));
        }
        let host = authority.host();
        if host.is_empty() {
            return Err(invalid("the URL names no host"));
        }
        Ok(Self {
            host: host
                .trim_start_matches('[')
                .trim_end_matches(']')
                .to_owned(),
            port: authority.port_u16().unwrap_or(if tls { 443 } else { 80 }),
            tls,
        })
    }

    /// The addresses that the policy allows, in the resolver's order.
    async fn addresses(&self, policy: &EgressPolicy) -> Result<Vec<SocketAddr>, FetchError> {
        let found: Vec<SocketAddr> = match self.host.parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, self.port)],
            Err(_) => tokio::net::lookup_host((self.host.as_str(), self.port))
                .await
                .map_err(|e| FetchError::Dns(format!("{}: {e}", self.host)))?
                .collect(),
        };
        let mut refusal = None;
        let mut allowed = Vec::with_capacity(found.len());
        for address in found {
            match policy.check(&self.host, address.ip(), self.port) {
                Ok(()) => allowed.push(address),
                Err(why) => refusal = Some(why),
            }
        }
        match (allowed.is_empty(), refusal) {
            (false, _) => Ok(allowed),
            (true, Some(why)) => Err(FetchError::Denied(why)),
            (true, None) => Err(FetchError::Dns(format!("{} has no address", self.host))),
        }
    }

    async fn connect(&self, policy: &EgressPolicy) -> Result<TcpStream, FetchError> {
        let mut problem = String::new();
        for address in self.addresses(policy).await? {
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Err(error) => {
                    problem = format!("{}:{} ({}): {error}", self.host, self.port, address.ip());
                }
            }
        }
        Err(FetchError::Connect(problem))
    }
}

impl HttpClient {
    /// One exchange with the server that the request's URL names. Redirects are answers like any other.
    pub(crate) async fn send<B>(
        &self,
        egress: &Egress,
        mut request: http::Request<B>,
        timeouts: Timeouts,
    ) -> Result<http::Response<ResponseBody>, FetchError>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        if let Some(network) = &self.network {
            return self.exchange(&**network, request).await;
        }
        let target = Target::of(request.uri())?;
        to_origin_form(&mut request)?;
        let mut request = request.map(|body| body.map_err(Into::into).boxed_unsync());
        loop {
            let waiting = egress.idle.take(&target).await;
            let reused = waiting.is_some();
            let mut connection = match waiting {
                Some(connection) => connection,
                None => {
                    tokio::time::timeout(timeouts.connect, self.connect(&target, &egress.policy))
                        .await
                        .unwrap_or(Err(FetchError::Timeout("connecting")))?
                }
            };
            let again = if reused { repeatable(&request) } else { None };
            let sent = connection.sender.try_send_request(request);
            let response = tokio::time::timeout(timeouts.first_byte, sent)
                .await
                .map_err(|_| FetchError::Timeout("waiting for the response"))?;
            match response {
                Ok(response) => {
                    let keep = Keep {
                        idle: egress.idle.clone(),
                        surroundings: self.surroundings.clone(),
                        target,
                    };
                    return Ok(response.map(|body| {
                        ResponseBody::new(body, connection, keep, timeouts.between_bytes)
                    }));
                }
                Err(mut failed) => {
                    // A connection that the server closed while it waited: nothing of the request left, or nothing that it may not get twice.
                    let unsent = failed.take_message();
                    let again = again.filter(|_| closed_meanwhile(failed.error()));
                    match unsent.or(again) {
                        Some(unsent) if reused => request = unsent,
                        Some(_) | None => {
                            return Err(FetchError::Http(describe(failed.error())));
                        }
                    }
                }
            }
        }
    }

    async fn connect(
        &self,
        target: &Target,
        policy: &EgressPolicy,
    ) -> Result<Connection, FetchError> {
        let stream = target.connect(policy).await?;
        if !target.tls {
            return self.begin(stream).await;
        }
        let name = ServerName::try_from(target.host.clone())
            .map_err(|_| FetchError::Tls(format!("{} cannot have a certificate", target.host)))?;
        let stream = TlsConnector::from(self.tls.clone())
            .connect(name, stream)
            .await
            .map_err(|e| FetchError::Tls(format!("{}: {e}", target.host)))?;
        self.begin(stream).await
    }

    async fn begin<S>(&self, stream: S) -> Result<Connection, FetchError>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|e| FetchError::Http(describe(&e)))?;
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
        Ok(Connection {
            sender,
            _driver: AbortOnDrop(driver),
        })
    }

    /// The same without a network: the whole request is handed over, the whole response comes back.
    async fn exchange<B>(
        &self,
        network: &dyn Network,
        request: http::Request<B>,
    ) -> Result<http::Response<ResponseBody>, FetchError>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        let (parts, body) = request.into_parts();
        let body = body.collect().await;
        let body = body
            .map_err(|e| FetchError::Http(e.to_string()))?
            .to_bytes();
        let answer = network.exchange(http::Request::from_parts(parts, body));
        Ok(answer.await?.map(ResponseBody::whole))
    }
}

/// Where a connection goes when its response was read to its end.
pub(super) struct Keep {
    idle: Idle,
    surroundings: Arc<dyn Surroundings>,
    target: Target,
}

impl Keep {
    pub(super) fn put(self, connection: Connection) {
        self.idle.put(&self.surroundings, self.target, connection);
    }
}

/// The task that moves the connection's bytes; it ends with whoever holds the connection.
pub(super) struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Whether a request failed because the server had closed its connection: the end of what it sends is seen, or, if it answers what
/// came after its end, a reset or a broken pipe.
fn closed_meanwhile(error: &hyper::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            return matches!(
                io.kind(),
                ErrorKind::ConnectionReset
                    | ErrorKind::ConnectionAborted
                    | ErrorKind::BrokenPipe
                    | ErrorKind::UnexpectedEof
            );
        }
        source = cause.source();
    }
    error.is_incomplete_message()
}

/// The same request once more, if a server may get it twice: RFC 9110, section 9.2.2.
fn repeatable(request: &http::Request<Outgoing>) -> Option<http::Request<Outgoing>> {
    if !request.method().is_idempotent() || !request.body().is_end_stream() {
        return None;
    }
    let empty = Empty::new().map_err(|never| match never {}).boxed_unsync();
    let mut again = http::Request::new(empty);
    again.method_mut().clone_from(request.method());
    again.uri_mut().clone_from(request.uri());
    again.headers_mut().clone_from(request.headers());
    Some(again)
}

/// The path alone, and the host in its header.
fn to_origin_form<B>(request: &mut http::Request<B>) -> Result<(), FetchError> {
    let uri = request.uri().clone();
    let authority = uri.authority().map_or("", http::uri::Authority::as_str);
    let host = HeaderValue::from_str(authority)
        .map_err(|_| FetchError::Invalid("the host's name".into()))?;
    request.headers_mut().insert(HOST, host);
    let path = uri
        .path_and_query()
        .map_or("/", http::uri::PathAndQuery::as_str);
    let path = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/{path}")
    };
    *request.uri_mut() = path
        .parse()
        .map_err(|_| FetchError::Invalid("the URL's path cannot be sent".into()))?;
    Ok(())
}

fn describe(error: &hyper::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
