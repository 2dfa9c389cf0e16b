//! The outside: a small server in this process that the steps call. It answers at once and remembers how often it was asked.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use axum::Router;
use axum::routing::post;
use tokio::net::TcpListener;

/// The server; it lives as long as the process.
pub(crate) struct Effects {
    address: SocketAddr,
    requests: Arc<AtomicU64>,
}

impl Effects {
    pub(crate) async fn serve() -> Result<Self> {
        let requests = Arc::new(AtomicU64::new(0));
        let count = requests.clone();
        let effect = move || {
            count.fetch_add(1, Ordering::Relaxed);
            std::future::ready("{}")
        };
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let router = Router::new().route("/effect", post(effect));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, requests })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/effect", self.address)
    }

    /// How many requests have come so far.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}
