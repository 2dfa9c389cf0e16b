//! The world outside: a small HTTP server that steps report to. Now and then it is slow, refuses, or is silent for longer than a step waits.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use parking_lot::Mutex;
use rand::RngExt;
use rand::rngs::StdRng;
use tokio::net::TcpListener;

use crate::findings::Findings;

/// A running witness. It ends with the runtime.
pub(crate) struct Witness {
    address: String,
}

#[derive(Clone)]
struct Shared {
    rng: Arc<Mutex<StdRng>>,
    findings: Arc<Findings>,
}

impl Witness {
    pub(crate) async fn start(rng: StdRng, findings: Arc<Findings>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .context("the witness cannot listen")?;
        let address = listener.local_addr()?.to_string();
        let shared = Shared {
            rng: Arc::new(Mutex::new(rng)),
            findings,
        };
        let router = Router::new()
            .route("/report", post(report))
            .with_state(shared);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address })
    }

    /// The settings of an app whose steps report here, as the query of a deployment.
    pub(crate) fn settings(&self) -> String {
        let address = &self.address;
        format!("var=WITNESS_URL=http://{address}/report&allow_net={address}")
    }
}

async fn report(State(shared): State<Shared>) -> StatusCode {
    shared.findings.count("reports to the witness");
    let (mood, delay_ms) = {
        let mut rng = shared.rng.lock();
        (rng.random_range(0..1_000), rng.random_range(0..20))
    };
    let (delay_ms, status) = match mood {
        0..30 => (delay_ms, StatusCode::SERVICE_UNAVAILABLE),
        30..40 => (1_500, StatusCode::OK),
        // Longer than a step waits for it.
        40..42 => (6_000, StatusCode::OK),
        _ => (delay_ms, StatusCode::OK),
    };
    tokio::time::sleep(Duration::from_millis(delay_ms)).await;
    status
}
