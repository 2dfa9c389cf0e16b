//! Serving on a socket, and stopping in an orderly way.

use std::future::Future;
use std::io;
use std::time::Duration;

use axum::serve::ListenerExt;
use axum::{Extension, Router};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::places::{self, Bounded};

/// How long requests that are under way may take once the server stops: with the node's own drain it stays below the 10 s that
/// SIGTERM promises.
const GRACE: Duration = Duration::from_secs(3);

/// Tells long answers, which are streams, that the server stops.
#[derive(Clone)]
pub(super) struct Stopping(watch::Receiver<bool>);

impl Stopping {
    /// Resolves when the server stops.
    pub(super) async fn stopped(&mut self) {
        // An error means that the server is gone altogether.
        let _ = self.0.wait_for(|stopping| *stopping).await;
    }
}

/// Serves until `shutdown` resolves. Then nothing new is accepted, streams end, and other requests have 3 s to finish.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (stop, stopping) = watch::channel(false);
    let mut stopped = Stopping(stopping.clone());
    let router = router.layer(Extension(Stopping(stopping)));
    // Answers are small and awaited: they must not wait for more to send.
    let listener = Bounded::new(listener, places::count()).tap_io(|socket| {
        if let Err(error) = socket.stream.set_nodelay(true) {
            tracing::debug!(%error, "a socket would not send without delay");
        }
    });
    let signal = async move {
        shutdown.await;
        let _ = stop.send(true);
        // The channel stays open for as long as the server runs: streams tell the end of it from its closing.
        std::future::ready(()).await;
        drop(stop);
    };
    let serving = axum::serve(listener, router).with_graceful_shutdown(signal);
    tokio::select! {
        result = async { serving.await } => result,
        () = async { stopped.stopped().await; tokio::time::sleep(GRACE).await } => {
            tracing::warn!("some requests did not finish in time; their connections are closed");
            Ok(())
        }
    }
}
