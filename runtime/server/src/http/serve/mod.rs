//! Serving on a socket, and stopping in an orderly way.
//!
//! [`Server`] accepts connections while there are places, and gives each a task: TLS if it is configured, then HTTP/1 or HTTP/2 within
//! bounds. `activity` finds clients that keep a connection waiting, `bodies` bounds what request bodies hold in memory, `certificates`
//! keeps what TLS shows. Nothing here knows a route.
//!
//! # Invariants
//! - A client that is slow, silent or rude loses its own connection, and nothing else.
//! - What a connection holds is bounded, and so is their number.
//! - Once the server is told to stop, `serve` returns within [`GRACE`] and a little.

mod activity;
mod bodies;
mod certificates;
mod connection;
mod places;

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::{Extension, Router, middleware};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use bodies::Bodies;
use certificates::Certificates;
pub use certificates::TlsError;
use connection::Connections;
pub(super) use places::Occupied;
use places::Places;

/// How long requests that are under way may take once the server stops: with the node's own drain it stays below the 10 s that
/// SIGTERM promises.
const GRACE: Duration = Duration::from_secs(3);

/// How long a browser may remember that an origin is allowed.
const CORS_REMEMBERED: Duration = Duration::from_mins(10);

/// Settings of a [`Server`].
#[derive(Debug, Clone)]
pub struct ServeConfig {
    /// Serves HTTPS with these files, and nothing without.
    pub tls: Option<TlsFiles>,
    /// How often the files of TLS are looked at for a change.
    pub tls_check_every: Duration,
    /// Origins whose pages may call the API from a browser, as `https://app.example.com`; `*` is any. None unless given.
    pub cors_origins: Vec<String>,
    /// How long a client may keep a connection waiting: with the handshake of TLS, the head of a request, the next piece of a body, with
    /// taking what it is sent, and between requests.
    pub client_timeout: Duration,
    /// What the bodies of all requests that are under way may hold in memory together, in bytes.
    pub body_memory_bytes: usize,
    /// The most connections at once, if the process's limit of open files allows as many.
    pub max_connections: Option<usize>,
}

impl Default for ServeConfig {
    fn default() -> Self {
        Self {
            tls: None,
            tls_check_every: Duration::from_secs(5),
            cors_origins: Vec::new(),
            client_timeout: Duration::from_secs(30),
            body_memory_bytes: 256 << 20,
            max_connections: None,
        }
    }
}

/// Where the certificate and its private key are, as PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate of the server, followed by those that lead to a known authority.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// The address of whoever sent a request; an extension of every request that came through a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// Whether the server goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It does.
    Serving,
    /// It accepts nothing new, and ends what is under way.
    Draining,
    /// What still is under way is given up.
    Over,
}

/// Tells long answers, which are streams, that the server stops.
#[derive(Clone)]
pub(super) struct Stopping(watch::Receiver<Phase>);

impl Stopping {
    /// Resolves when the server stops.
    pub(super) async fn stopped(&mut self) {
        // An error means that the server is gone altogether.
        let _ = self.0.wait_for(|phase| *phase != Phase::Serving).await;
    }
}

/// A server that is ready to listen.
pub struct Server {
    config: ServeConfig,
    tls: Option<(TlsAcceptor, Arc<Certificates>)>,
}

/// Serves with default settings until `shutdown` resolves. Then nothing new is accepted, streams end, and other requests have 3 s to
/// finish.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let server = Server {
        config: ServeConfig::default(),
        tls: None,
    };
    server.serve(listener, router, shutdown).await
}

impl Server {
    /// Reads what TLS needs.
    pub fn new(config: ServeConfig) -> Result<Self, TlsError> {
        let tls = match &config.tls {
            Some(files) => {
                let certificates = Arc::new(Certificates::load(files.clone())?);
                let acceptor = connection::acceptor(Arc::clone(&certificates))
                    .map_err(|error| TlsError::new(&files.certificate, error.to_string()))?;
                Some((acceptor, certificates))
            }
            None => None,
        };
        Ok(Self { config, tls })
    }

    /// The URL at which it serves on this address.
    pub fn url(&self, address: SocketAddr) -> String {
        match self.tls {
            Some(_) => format!("https://{address}"),
            None => format!("http://{address}"),
        }
    }

    /// Serves until `shutdown` resolves. Then nothing new is accepted, streams end, and other requests have 3 s to finish.
    pub async fn serve(
        self,
        listener: TcpListener,
        router: Router,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let (phase, phases) = watch::channel(Phase::Serving);
        let most = self.config.max_connections.unwrap_or(usize::MAX);
        let mut places = Places::new(listener, places::count().min(most));
        let router = router.layer(Extension(places.occupied()));
        let router = self.surrounded(router, Stopping(phases.clone()));
        // Every connection holds a receiver: when there is none, there is no connection.
        let (alive, held) = watch::channel(());
        let connections = Connections {
            router,
            tls: self.tls.as_ref().map(|(acceptor, _)| acceptor.clone()),
            client_timeout: self.config.client_timeout,
            phases: phases.clone(),
            alive: held,
        };
        let connections = Arc::new(connections);
        if let Some((_, certificates)) = self.tls {
            let every = self.config.tls_check_every;
            tokio::spawn(certificates.follow(every, Stopping(phases)));
        }
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                (seated, address) = places.accept() => {
                    tokio::spawn(Arc::clone(&connections).serve(seated, address));
                }
            }
        }
        drop((places, connections));
        let _ = phase.send(Phase::Draining);
        if tokio::time::timeout(GRACE, alive.closed()).await.is_err() {
            tracing::warn!("some requests did not finish in time; their connections are closed");
            let _ = phase.send(Phase::Over);
        }
        Ok(())
    }

    /// What every request goes through before the router: other origins' preflights need no key, and no body is read beyond the bound.
    fn surrounded(&self, router: Router, stopping: Stopping) -> Router {
        let bodies = Bodies::new(self.config.body_memory_bytes, self.config.client_timeout);
        let bound = middleware::from_fn_with_state(bodies, bodies::bound);
        let router = router.layer(Extension(stopping)).layer(bound);
        if self.config.cors_origins.is_empty() {
            return router;
        }
        router.layer(cors(&self.config.cors_origins))
    }
}

/// Lets pages of these origins call the API.
fn cors(origins: &[String]) -> CorsLayer {
    let allowed = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(
            origins
                .iter()
                .filter_map(|origin| HeaderValue::from_str(origin).ok()),
        )
    };
    CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        // Keys come in a header that the page sets by itself: a browser adds none.
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([header::RETRY_AFTER, HeaderName::from_static("x-request-id")])
        .max_age(CORS_REMEMBERED)
}
