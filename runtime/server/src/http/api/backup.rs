//! A backup of the whole server.

use std::io::{self, BufWriter, Write};

use axum::Extension;
use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;

use crate::Site;
use crate::http::error::{ApiError, Problem};

/// Bytes of one piece of the answer.
const PIECE: usize = 128 << 10;
/// Pieces that wait for the client: what a backup holds in memory.
const PIECES: usize = 8;
/// The header that says about how many bytes will come.
const ESTIMATE: &str = "x-abide-estimated-bytes";

/// Take a backup.
///
/// The answer is a file that `abide restore` takes: all environments with their keys and webhooks, as they were at one instant. It holds
/// secrets. A backup that fails after it was begun ends with a section that says why.
#[utoipa::path(
    post,
    path = "/api/v1/backup",
    tag = "server",
    responses(
        (status = 200, description = "The backup", content_type = "application/octet-stream", body = crate::view::Octets),
        (status = 409, description = "Another backup is under way"),
        (status = 404, description = "The server keeps nothing on disk"),
    )
)]
pub(super) async fn take(site: Option<Extension<Site>>) -> Result<Response, Problem> {
    let Some(Extension(site)) = site else {
        return Err(ApiError::not_found(
            "unknown_path",
            "this server has one environment in memory, and no backups",
        )
        .into());
    };
    let (pieces, body) = mpsc::channel::<Bytes>(PIECES);
    let (began, beginning) = oneshot::channel();
    tokio::task::spawn_blocking(move || {
        let backup = match site.begin_backup() {
            Ok(backup) => backup,
            Err(error) => {
                let _ = began.send(Err(error.to_string()));
                return;
            }
        };
        if began.send(Ok(backup.estimate())).is_err() {
            return;
        }
        let out = BufWriter::with_capacity(PIECE, Pieces(pieces));
        match backup.write(&site, out) {
            Ok(totals) => tracing::info!(?totals, "a backup was taken"),
            Err(error) => tracing::warn!(%error, "a backup was not taken"),
        }
    });
    let estimate = match beginning.await {
        Ok(Ok(estimate)) => estimate,
        Ok(Err(reason)) => return Err(ApiError::conflict("backup_under_way", reason).into()),
        Err(_) => return Err(ApiError::internal("the backup did not begin").into()),
    };
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"abide.backup\"".to_owned(),
        ),
        (
            header::HeaderName::from_static(ESTIMATE),
            estimate.to_string(),
        ),
    ];
    let body = ReceiverStream::new(body).map(Ok::<_, io::Error>);
    Ok((headers, Body::from_stream(body)).into_response())
}

/// Hands what is written to the answer, as fast as the client takes it.
struct Pieces(mpsc::Sender<Bytes>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = Bytes::copy_from_slice(bytes);
        let gone = |_| io::Error::new(io::ErrorKind::BrokenPipe, "the client went away");
        self.0.blocking_send(piece).map_err(gone)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
