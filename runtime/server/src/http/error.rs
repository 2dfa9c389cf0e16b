//! Errors, and the three shapes in which clients get them.

use std::any::Any;

use abide_core::engine::Answer;
use abide_core::state::ReadError;
use axum::Json;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::dashboard;
use super::measured::Told;
use crate::admin::AdminError;
use crate::{DeployError, SendError};

/// Why a request is not answered with what it asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiError {
    pub(super) status: StatusCode,
    /// For programs.
    pub(super) code: &'static str,
    /// For people: what happened and what to do.
    pub(super) detail: String,
    /// When to try again, in seconds.
    pub(super) retry_after_s: Option<u32>,
}

impl ApiError {
    pub(super) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            retry_after_s: None,
        }
    }

    pub(super) fn invalid(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    pub(super) fn not_found(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, detail)
    }

    pub(super) fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    pub(super) fn internal(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
    }

    /// The engine answered something that nobody asked for: a fault of the node.
    pub(super) fn unexpected(answer: &Answer) -> Self {
        tracing::error!(
            ?answer,
            "the engine answered something else than it was asked"
        );
        Self::internal("the engine answered something else than it was asked")
    }

    /// The store could not answer.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "it is the argument of map_err"
    )]
    pub(super) fn read(error: ReadError) -> Self {
        tracing::error!(%error, "the store could not answer a request");
        Self::internal(format!("the store could not answer: {error}"))
    }

    fn overloaded(retry_after_s: u32) -> Self {
        Self {
            retry_after_s: Some(retry_after_s),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "overloaded",
                format!(
                    "the node has more work queued than it can take; nothing was stored, try again in {retry_after_s} s"
                ),
            )
        }
    }

    /// A key, or an address with wrong keys, asked too often.
    pub(super) fn rate_limited(retry_after_s: u32) -> Self {
        Self {
            retry_after_s: Some(retry_after_s),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "rate_limited",
                format!(
                    "too many requests with this key, or with wrong keys or signatures from this address; nothing was done, try again in {retry_after_s} s"
                ),
            )
        }
    }

    fn stopping() -> Self {
        Self {
            retry_after_s: Some(1),
            ..Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "stopping",
                "the node is stopping; try again when it is back",
            )
        }
    }
}

impl From<SendError> for ApiError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Invalid(invalid) => Self::invalid("invalid_event", invalid.to_string()),
            SendError::Overloaded { retry_after_s } => Self::overloaded(retry_after_s),
            SendError::Stopping => Self::stopping(),
        }
    }
}

impl From<AdminError> for ApiError {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::Id { .. } => Self::invalid("invalid_id", error.to_string()),
            AdminError::Store(_)
            | AdminError::Directory { .. }
            | AdminError::Record(_)
            | AdminError::Stopping => {
                tracing::error!(%error, "the admin store could not answer a request");
                Self::internal(error.to_string())
            }
        }
    }
}

impl From<DeployError> for ApiError {
    fn from(error: DeployError) -> Self {
        let detail = error.to_string();
        match error {
            DeployError::AppId(_) => Self::invalid("invalid_app_id", detail),
            DeployError::AllowNet(_) => Self::invalid("invalid_allow_net", detail),
            DeployError::Refused(_) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "refused", detail)
            }
            DeployError::Component(_) => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid_component",
                detail,
            ),
            DeployError::Io(_) => Self::internal(detail),
            DeployError::Node(error) => error.into(),
        }
    }
}

/// Where the page of a code is served: a problem's type is this and the code.
pub(super) const PAGES: &str = "/docs/errors";

/// An error of Abide's own routes: a problem document of RFC 9457.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemDocument {
    /// The page that explains the code, relative to this server.
    #[serde(rename = "type")]
    #[schema(format = "uri-reference", example = "/docs/errors/no_such_run")]
    problem_type: String,
    /// The meaning of the status.
    title: &'static str,
    /// The status of the answer.
    status: u16,
    /// What went wrong, for programs. It never changes its meaning.
    #[schema(example = "no_such_run")]
    code: &'static str,
    /// What went wrong, where, and what to do, for people.
    detail: String,
}

/// An error under `/v1`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = InngestError)]
pub(super) struct InngestErrorBody {
    /// What went wrong, for people.
    error: String,
    /// The status of the answer.
    status: u16,
}

/// An error of the routes that take events.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = IngestError)]
pub(super) struct IngestErrorBody {
    /// Empty: nothing was stored.
    ids: [String; 0],
    /// The status of the answer.
    status: u16,
    /// What went wrong, for people: the index of the event and the field.
    error: String,
}

/// The shape of errors that a client of a route expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `POST /e/{key}`: `{"ids":[],"status":N,"error":"…"}`.
    Ingest,
    /// `/v1`: `{"error":"…","status":N}`.
    Inngest,
    /// Abide's own: a problem document of RFC 9457.
    Problem,
    /// The dashboard's: a page for people.
    Page,
}

impl Dialect {
    /// Those of the API.
    pub(super) const ALL: [Self; 3] = [Self::Ingest, Self::Inngest, Self::Problem];

    /// The dialect of a path, known or not.
    pub(super) fn of(path: &str) -> Self {
        if below(path, "/e") {
            Self::Ingest
        } else if below(path, "/v1") || below(path, "/dev") {
            Self::Inngest
        } else if dashboard::is_page(path) {
            Self::Page
        } else {
            Self::Problem
        }
    }

    /// The dialect of a request: as its path says, and a page for a browser that asks for what there is not.
    pub(super) fn of_request(uri: &Uri, headers: &HeaderMap) -> Self {
        match Self::of(uri.path()) {
            Self::Problem if !is_of_programs(uri.path()) && dashboard::wants_page(headers) => {
                Self::Page
            }
            dialect => dialect,
        }
    }

    /// The error in this shape.
    pub(super) fn render(self, error: &ApiError) -> Response {
        if self == Self::Page {
            return dashboard::fault(error);
        }
        let status = error.status.as_u16();
        let mut response = match self {
            Self::Ingest => {
                let error = error.detail.clone();
                let ids = [];
                Json(IngestErrorBody { ids, status, error }).into_response()
            }
            Self::Inngest => {
                let error = error.detail.clone();
                Json(InngestErrorBody { error, status }).into_response()
            }
            Self::Problem | Self::Page => {
                let document = Json(ProblemDocument {
                    problem_type: format!("{PAGES}/{}", error.code),
                    title: error.status.canonical_reason().unwrap_or("Error"),
                    status,
                    code: error.code,
                    detail: error.detail.clone(),
                });
                let content_type = [(header::CONTENT_TYPE, "application/problem+json")];
                (content_type, document).into_response()
            }
        };
        *response.status_mut() = error.status;
        if let Some(seconds) = error.retry_after_s {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(Told(error.code));
        response
    }

    /// The answer when a handler panicked. What it panicked with stays in the log.
    pub(super) fn panicked(self, panic: &(dyn Any + Send)) -> Response {
        let reason = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("unknown");
        tracing::error!(
            reason,
            "a request handler panicked; this is a fault of the node, please report it"
        );
        self.render(&ApiError::internal(
            "the node failed to handle the request; its log says why",
        ))
    }

    /// The answer when the path exists but not with this method. The router adds `Allow`, which is all that `OPTIONS` asks for.
    pub(super) fn wrong_method(self, method: &Method) -> Response {
        if *method == Method::OPTIONS {
            return StatusCode::NO_CONTENT.into_response();
        }
        self.render(&ApiError::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "this path exists, but not with this method; the header `allow` lists those that do",
        ))
    }
}

/// Whether only programs ask at a path. Some of them say in every request that they accept pages.
fn is_of_programs(path: &str) -> bool {
    ["/api", "/cloudevents", "/hooks"]
        .iter()
        .any(|root| below(path, root))
}

/// Whether a path is `root` or lies below it.
fn below(path: &str, root: &str) -> bool {
    let rest = path.strip_prefix(root);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

macro_rules! dialect_error {
    ($(#[$doc:meta])* $name:ident, $dialect:ident) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub(super) struct $name(pub(super) ApiError);

        impl<E: Into<ApiError>> From<E> for $name {
            fn from(error: E) -> Self {
                Self(error.into())
            }
        }

        impl IntoResponse for $name {
            fn into_response(self) -> Response {
                Dialect::$dialect.render(&self.0)
            }
        }
    };
}

dialect_error!(
    /// An error of `POST /e/{key}`.
    IngestError, Ingest
);
dialect_error!(
    /// An error under `/v1`.
    InngestError, Inngest
);
dialect_error!(
    /// An error of Abide's own routes.
    Problem, Problem
);
dialect_error!(
    /// An error of a page.
    PageError, Page
);
