//! One exchange: look up, check, connect, send.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http::Uri;
use http::header::{HOST, HeaderValue};
use http_body::Body;
use http_body_util::BodyExt as _;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{FetchError, HttpClient, ResponseBody, Timeouts};
use crate::egress::EgressPolicy;
use crate::surroundings::Network;

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
struct Target {
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
        policy: &EgressPolicy,
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
        let connecting = async {
            let stream = target.connect(policy).await?;
            if !target.tls {
                return Exchange::begin(stream).await;
            }
            let name = ServerName::try_from(target.host.clone()).map_err(|_| {
                FetchError::Tls(format!("{} cannot have a certificate", target.host))
            })?;
            let stream = TlsConnector::from(self.tls.clone())
                .connect(name, stream)
                .await
                .map_err(|e| FetchError::Tls(format!("{}: {e}", target.host)))?;
            Exchange::begin(stream).await
        };
        let mut exchange = tokio::time::timeout(timeouts.connect, connecting)
            .await
            .unwrap_or(Err(FetchError::Timeout("connecting")))?;
        let response =
            tokio::time::timeout(timeouts.first_byte, exchange.sender.send_request(request))
                .await
                .map_err(|_| FetchError::Timeout("waiting for the response"))?
                .map_err(|e| FetchError::Http(describe(&e)))?;
        let driver = exchange.driver;
        Ok(response.map(|body| ResponseBody::new(body, driver, timeouts.between_bytes)))
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

struct Exchange<B> {
    sender: http1::SendRequest<B>,
    driver: AbortOnDrop,
}

/// The task that moves the connection's bytes; it ends with whoever reads the response.
pub(super) struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<B> Exchange<B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: std::error::Error + Send + Sync + 'static,
{
    async fn begin<S>(stream: S) -> Result<Self, FetchError>
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
        Ok(Self {
            sender,
            driver: AbortOnDrop(driver),
        })
    }
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
