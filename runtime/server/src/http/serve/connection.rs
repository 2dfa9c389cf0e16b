//! One connection: TLS if it is configured, then requests until somebody has enough.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use rustls::ServerConfig;
use rustls::crypto::ring;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tower::Service;

use super::activity::{Activity, Answer, Verdict, Watched};
use super::certificates::Certificates;
use super::places::Seated;
use super::{Peer, Phase};

/// What is read at once, and the most that the head of an HTTP/1 request may have: no header of ours comes near.
const READ_BYTES: usize = 64 << 10;

/// The most that the headers of an HTTP/2 request may have.
const HEADER_LIST_BYTES: u32 = 32 << 10;

/// Requests at once on one HTTP/2 connection: what a client with more to ask opens a second connection for.
const STREAMS: u32 = 128;

/// What a client may send on an HTTP/2 stream before it is read: enough for a fast link, little enough to hold for every stream.
const STREAM_WINDOW_BYTES: u32 = 256 << 10;

/// The same for all streams of a connection.
const CONNECTION_WINDOW_BYTES: u32 = 1 << 20;

/// Streams that a client opened and reset before they were looked at. More of them is the attack called rapid reset.
const RESET_STREAMS: usize = 32;

/// The longest that the handshake of TLS may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long an idle connection has to end in good form.
const LEAVE: Duration = Duration::from_secs(2);

/// What all connections have in common.
pub(super) struct Connections {
    pub(super) router: Router,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) client_timeout: Duration,
    pub(super) phases: watch::Receiver<Phase>,
    /// Held for as long as there are connections.
    pub(super) alive: watch::Receiver<()>,
}

/// TLS with the certificate in force, in the newest protocol that both sides know.
pub(super) fn acceptor(certificates: Arc<Certificates>) -> Result<TlsAcceptor, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

impl Connections {
    /// Serves one connection to its end.
    pub(super) async fn serve(self: Arc<Self>, seated: Seated, address: SocketAddr) {
        let _alive = self.alive.clone();
        // Answers are small and awaited: they must not wait for more to send.
        if let Err(error) = seated.stream.set_nodelay(true) {
            tracing::debug!(%error, "a socket would not send without delay");
        }
        let peer = Peer(address.ip().to_canonical());
        let Some(acceptor) = &self.tls else {
            return self.speak(seated, peer).await;
        };
        let mut phases = self.phases.clone();
        let handshake = timeout(HANDSHAKE.min(self.client_timeout), acceptor.accept(seated));
        let result = tokio::select! {
            result = handshake => result,
            _ = phases.wait_for(|phase| *phase != Phase::Serving) => return,
        };
        match result {
            Ok(Ok(stream)) => self.speak(stream, peer).await,
            Ok(Err(error)) => tracing::debug!(%error, "a handshake of TLS failed"),
            Err(_) => tracing::debug!("a handshake of TLS took too long"),
        }
    }

    /// HTTP, as the client begins it.
    async fn speak<S>(&self, stream: S, peer: Peer)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let activity = Activity::new();
        let watched = Watched::new(stream, Arc::clone(&activity));
        let service = service_fn(|request| self.answer(request, peer, &activity));
        let builder = self.bounds();
        let connection = builder.serve_connection(TokioIo::new(watched), service);
        tokio::pin!(connection);
        let mut phases = self.phases.clone();
        let mut leaving = false;
        let mut look_at = Instant::now() + self.client_timeout;
        loop {
            let going_on = phases.wait_for(|phase| match phase {
                Phase::Serving => false,
                Phase::Draining => !leaving,
                Phase::Over => true,
            });
            tokio::select! {
                result = connection.as_mut() => {
                    if let Err(error) = result {
                        tracing::debug!(%error, "a connection ended early");
                    }
                    return;
                }
                phase = going_on => match phase.map(|phase| *phase) {
                    Ok(Phase::Serving | Phase::Draining) => {
                        leaving = true;
                        connection.as_mut().graceful_shutdown();
                    }
                    Ok(Phase::Over) | Err(_) => return,
                },
                () = sleep_until(look_at) => match activity.verdict(Instant::now(), self.client_timeout) {
                    Verdict::Fine(next) => look_at = next,
                    Verdict::Idle if !leaving => {
                        leaving = true;
                        connection.as_mut().graceful_shutdown();
                        look_at = Instant::now() + LEAVE;
                    }
                    Verdict::Idle | Verdict::Stuck => {
                        tracing::debug!("a client kept its connection waiting for too long");
                        return;
                    }
                },
            }
        }
    }

    fn bounds(&self) -> Builder<TokioExecutor> {
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(self.client_timeout)
            .max_buf_size(READ_BYTES);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(HEADER_LIST_BYTES)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_send_buf_size(STREAM_WINDOW_BYTES as usize)
            .max_pending_accept_reset_streams(RESET_STREAMS)
            .max_local_error_reset_streams(RESET_STREAMS)
            // Finds out whether the other end of a quiet connection is still there.
            .keep_alive_interval(self.client_timeout)
            .keep_alive_timeout(self.client_timeout);
        builder
    }

    fn answer(
        &self,
        request: hyper::Request<Incoming>,
        peer: Peer,
        activity: &Arc<Activity>,
    ) -> impl Future<Output = Result<hyper::Response<Answer>, Infallible>> + use<> {
        let turn = activity.begin();
        let mut request: Request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        let answered = self.router.clone().call(request);
        async move {
            let response: Response = answered.await?;
            Ok(response.map(|body| Answer::new(body, turn)))
        }
    }
}
