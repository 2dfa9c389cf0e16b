//! The dashboard's files: one style sheet, one script, one icon. They are in the program, and their addresses hold a hash of them, so that
//! browsers keep them for ever and a new version is another file.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::http::error::{ApiError, PageError};

const STYLE: &str = concat!(
    include_str!("assets/base.css"),
    include_str!("assets/components.css"),
    include_str!("assets/charts.css"),
    include_str!("assets/run.css"),
);

/// A file.
struct Asset {
    name: String,
    content_type: &'static str,
    text: &'static str,
}

static STYLE_FILE: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("style", "css", "text/css; charset=utf-8", STYLE));
static SCRIPT_FILE: LazyLock<Asset> = LazyLock::new(|| {
    let text = include_str!("assets/abide.js");
    Asset::new("abide", "js", "text/javascript; charset=utf-8", text)
});
static ICON_FILE: LazyLock<Asset> = LazyLock::new(|| {
    let text = include_str!("assets/icon.svg");
    Asset::new("icon", "svg", "image/svg+xml", text)
});

impl Asset {
    fn new(stem: &str, extension: &str, content_type: &'static str, text: &'static str) -> Self {
        let hash = hex::encode(&Sha256::digest(text.as_bytes())[..8]);
        Self {
            name: format!("{stem}-{hash}.{extension}"),
            content_type,
            text,
        }
    }

    fn path(&self) -> String {
        format!("/assets/{}", self.name)
    }
}

/// Where the style sheet is.
pub(super) fn style() -> String {
    STYLE_FILE.path()
}

/// Where the script is.
pub(super) fn script() -> String {
    SCRIPT_FILE.path()
}

/// Where the icon is.
pub(super) fn icon() -> String {
    ICON_FILE.path()
}

/// A file by its name.
pub(super) async fn show(Path(name): Path<String>) -> Result<Response, PageError> {
    let files = [&*STYLE_FILE, &*SCRIPT_FILE, &*ICON_FILE];
    let file = files.into_iter().find(|file| file.name == name);
    let file = file.ok_or_else(|| {
        let detail = "this file is none of this version's; load the page again";
        ApiError::not_found("no_such_page", detail)
    })?;
    let headers = [
        (header::CONTENT_TYPE, file.content_type),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    Ok((headers, file.text).into_response())
}
