//! The world outside: a small HTTP server that every step's body reports to.
//!
//! It records a report before it answers, and answers a little later, so that the node also dies between the two. It knows which
//! connections are open: after a death [`Witness::drained`] waits for what the dead process had sent, so that a late report is
//! never taken for one of the next life.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::records::{Effect, Records};
use crate::rng::Rng;

/// How long the connections of a dead process may take to close.
const DRAIN: Duration = Duration::from_secs(20);

/// The path of the request that tells whether all earlier connections were taken.
const MARK: &str = "/mark";

/// A running witness. Its tasks end with the runtime.
pub struct Witness {
    address: SocketAddr,
    open: watch::Sender<usize>,
}

impl Witness {
    /// Starts it on a port of loopback. It holds its answers back for up to `delay`.
    pub async fn start(records: Arc<Records>, rng: Rng, delay: Duration) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .context("the witness cannot listen")?;
        let address = listener.local_addr()?;
        let open = watch::Sender::new(0_usize);
        let pace = Arc::new(Pace {
            rng: Mutex::new(rng),
            longest: delay,
        });
        tokio::spawn(accept(listener, records, pace, open.clone()));
        Ok(Self { address, open })
    }

    /// What step bodies are told: the variable `WITNESS_URL`.
    pub fn url(&self) -> String {
        format!("http://{}/effect", self.address)
    }

    /// What step bodies must be allowed to reach.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Waits until everything that a dead process had sent was taken.
    pub async fn drained(&self) -> Result<()> {
        // Connections are accepted in the order in which they were made: when this one is answered, all earlier ones were.
        let mut mark = TcpStream::connect(self.address).await?;
        let request = format!("GET {MARK} HTTP/1.1\r\nhost: witness\r\nconnection: close\r\n\r\n");
        mark.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        mark.read_to_end(&mut answer).await?;
        drop(mark);
        let mut open = self.open.subscribe();
        let drained = tokio::time::timeout(DRAIN, open.wait_for(|open| *open == 0)).await;
        ensure!(
            drained.is_ok(),
            "connections of a dead process stay open at the witness"
        );
        Ok(())
    }
}

/// How long answers are held back.
struct Pace {
    rng: Mutex<Rng>,
    longest: Duration,
}

impl Pace {
    fn draw(&self) -> Duration {
        let longest = u64::try_from(self.longest.as_micros()).unwrap_or(u64::MAX - 1);
        Duration::from_micros(self.rng.lock().within(0..longest + 1))
    }
}

async fn accept(
    listener: TcpListener,
    records: Arc<Records>,
    pace: Arc<Pace>,
    open: watch::Sender<usize>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        open.send_modify(|open| *open += 1);
        let (records, pace, open) = (records.clone(), pace.clone(), open.clone());
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(request, records.clone(), pace.clone()));
            // A connection that breaks off is what this test is about.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
            open.send_modify(|open| *open -= 1);
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    records: Arc<Records>,
    pace: Arc<Pace>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let says = |status, text: &'static str| {
        let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
        *response.status_mut() = status;
        Ok(response)
    };
    if request.uri().path() == MARK {
        return says(StatusCode::OK, "");
    }
    let key = request
        .headers()
        .get("idempotency-key")
        .and_then(|key| key.to_str().ok())
        .map(str::to_owned);
    let Ok(body) = request.into_body().collect().await else {
        return says(StatusCode::BAD_REQUEST, "the body broke off");
    };
    let effect = match serde_json::from_slice::<Effect>(&body.to_bytes()) {
        Ok(effect) if key.as_deref() == Some(&effect.idempotency_key) => effect,
        Ok(effect) => {
            records.violated(format!("the header says {key:?}: {effect:?}"));
            return says(StatusCode::BAD_REQUEST, "the header and the body differ");
        }
        Err(error) => {
            records.violated(format!("a report that cannot be read: {error}"));
            return says(StatusCode::BAD_REQUEST, "this is no report");
        }
    };
    records.effect(&effect);
    tokio::time::sleep(pace.draw()).await;
    says(StatusCode::OK, "{}")
}
