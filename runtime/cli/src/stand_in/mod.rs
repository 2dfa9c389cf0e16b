//! The stand-in service that the examples talk to: `examples/STAND-IN.md` is its contract.
//!
//! [`World`] is the service itself: a request in, an answer out, no I/O. This file gives it a socket. It must not know
//! anything of Abide: it plays somebody else's services.

mod idempotency;
mod message;
mod model;
mod routes;
#[cfg(test)]
mod tests;
mod text;
mod world;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, Request, StatusCode};
use axum::response::Response;

use crate::address;
use message::{Answer, Asked};
use world::World;

/// The longest request body that is read.
const MAX_BODY_BYTES: usize = 1 << 20;
/// Where the port is remembered, within the data directory.
const PORT_FILE: &str = "dev/stand-in.port";

/// A running service.
pub(crate) struct StandIn {
    /// Where it is, without a slash at the end.
    pub(crate) url: String,
    /// `127.0.0.1:PORT`: what bodies must be allowed to reach.
    pub(crate) address: String,
}

/// Starts the service on loopback. It keeps its port over restarts if nobody took it meanwhile, so that runs which go on
/// after a restart still reach it.
pub(crate) fn start(data_dir: &Path) -> Result<StandIn> {
    let remembered = data_dir.join(PORT_FILE);
    let port = std::fs::read_to_string(&remembered)
        .ok()
        .and_then(|text| text.trim().parse().ok());
    let listener =
        address::listen_at_or_anywhere(port).context("cannot start the stand-in service")?;
    let port = listener.local_addr()?.port();
    remember(&remembered, port);
    let address = format!("127.0.0.1:{port}");
    let url = format!("http://{address}");
    let app = router(World::new(&url));
    let listener = tokio::net::TcpListener::from_std(listener)?;
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, app).await {
            tracing::error!(%error, "the stand-in service ended");
        }
    });
    Ok(StandIn { url, address })
}

/// That the port cannot be remembered only matters after a restart.
fn remember(file: &PathBuf, port: u16) {
    let folder = file.parent().unwrap_or(Path::new("."));
    let written =
        std::fs::create_dir_all(folder).and_then(|()| std::fs::write(file, format!("{port}\n")));
    if let Err(error) = written {
        tracing::warn!(%error, file = %file.display(), "cannot remember the stand-in service's port");
    }
}

fn router(world: World) -> Router {
    Router::new()
        .fallback(handle)
        .with_state(Arc::new(Mutex::new(world)))
}

async fn handle(State(world): State<Arc<Mutex<World>>>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, MAX_BODY_BYTES).await.ok();
    let key = parts
        .headers
        .get("idempotency-key")
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let asked = Asked {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        key: key.as_deref(),
        body: body.as_deref(),
    };
    // A panic of another request leaves a world that is as good as before: every request changes it in one step.
    let answer = world
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .answer(&asked);
    response(answer)
}

fn response(answer: Answer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    for (name, value) in answer.headers {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    response
}
