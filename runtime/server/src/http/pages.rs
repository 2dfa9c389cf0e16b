//! The pages that explain error codes: those of `docs/errors`, served where the `type` of a problem points.

use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use include_dir::{Dir, include_dir};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::error::{ApiError, Problem};

static PAGES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../docs/errors");

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(show))
}

/// Explain an error code.
///
/// What happened, why, and what to do. This is what the `type` of a problem points to.
#[utoipa::path(
    get,
    path = "/docs/errors/{code}",
    tag = "node",
    params(("code" = String, Path, description = "The `code` of a problem")),
    responses(
        (status = 200, description = "The page", body = String, content_type = "text/markdown"),
        (status = 404, description = "There is no such code"),
    )
)]
async fn show(Path(code): Path<String>) -> Result<Response, Problem> {
    let page = PAGES.get_file(format!("{code}.md"));
    let page = page.and_then(|page| page.contents_utf8()).ok_or_else(|| {
        ApiError::not_found("no_such_page", format!("there is no error code `{code}`"))
    })?;
    let content_type = [(header::CONTENT_TYPE, "text/markdown; charset=utf-8")];
    Ok((content_type, page).into_response())
}
