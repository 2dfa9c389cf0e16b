//! The description of the API: OpenAPI 3.1, made from the annotations of the handlers and the shapes of views.
//!
//! A route is listed once, by `routes!`, and is served and described by that. What holds for many routes is added here, so that a handler
//! says only what is its own: the shapes of errors, the key that a route wants, the answers that every route may give. It must not
//! describe a single route.

use std::sync::LazyLock;

use axum::http::{Method, header};
use axum::response::{IntoResponse, Response};
use utoipa::OpenApi as _;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{OpenApi, PathItem, Ref, RefOr, Response as Described, ResponseBuilder};
use utoipa_axum::router::OpenApiRouter;

use super::error::{Dialect, IngestErrorBody, InngestErrorBody, ProblemDocument};
use super::{Api, groups, idempotency};

/// The scheme of keys, by its name in the document.
const API_KEY: &str = "api_key";

/// Routes that ask nobody for a key, or find it elsewhere than in a header: what a path begins with.
const WITHOUT_KEY: [&str; 7] = [
    "/api/openapi.json",
    "/cloudevents",
    "/docs",
    "/e/",
    "/health",
    "/hooks",
    "/ready",
];

/// Routes that find the key in their path.
const KEY_IN_PATH: [&str; 2] = ["/cloudevents", "/e/"];

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Abide",
        description = "The HTTP API of an Abide node: events in, runs out. `docs/http-api.md` is the manual.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    components(schemas(ProblemDocument, InngestErrorBody, IngestErrorBody)),
    tags(
        (name = "events", description = "Events: sent, listed, followed"),
        (name = "runs", description = "Runs: listed, shown, followed, acted on"),
        (name = "apps", description = "Apps, their functions, schedules and deployments"),
        (name = "jobs", description = "One thing done to many runs"),
        (name = "schemas", description = "The shapes of events"),
        (name = "notifications", description = "Who is told when runs fail or wait too long"),
        (name = "access", description = "Environments, keys and the audit log"),
        (name = "inngest", description = "What Inngest's SDKs and clients use, in Inngest's shapes"),
        (name = "node", description = "The node itself"),
    )
)]
struct Document;

/// The whole description.
pub fn openapi() -> OpenApi {
    let mut document = Document::openapi();
    for (_, group) in groups() {
        document.merge(group.into_openapi());
    }
    document.info.version = env!("CARGO_PKG_VERSION").into();
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(
        API_KEY,
        SecurityScheme::Http(
            HttpBuilder::new()
                .scheme(HttpAuthScheme::Bearer)
                .description(Some("An API key: `abide keys create` makes one. Its role decides what it may do; a server that was started with `--insecure`, and `abide dev`, ask for none."))
                .build(),
        ),
    );
    for dialect in Dialect::ALL {
        for (status, description) in USUAL {
            let mut response = ResponseBuilder::new().description(description).build();
            describe_error(dialect, &mut response);
            let name = usual_name(dialect, status);
            components.responses.insert(name, response.into());
        }
    }
    let paths = std::mem::take(&mut document.paths.paths);
    for (path, mut item) in paths {
        for (method, operation) in operations(&mut item) {
            if idempotency::heeds(&method, &path) {
                heed_idempotency_key(operation);
            }
            finish(&path, operation);
        }
        // The router's way to write a parameter that may hold slashes.
        document.paths.paths.insert(path.replace("{*", "{"), item);
    }
    document
}

/// What any route may answer besides what is its own.
const USUAL: [(&str, &str); 8] = [
    (
        "400",
        "The request is not what it should be; the answer says where.",
    ),
    ("401", "No key, or one that is unknown, revoked or expired."),
    ("403", "The key may not do this."),
    ("408", "The body did not arrive in time."),
    ("413", "The body is too large."),
    (
        "429",
        "More than the node can take, or more than the key may ask for: `Retry-After` says when to try again.",
    ),
    ("500", "A fault of the node or its disk; its log says more."),
    ("503", "The node is stopping: try again when it is back."),
];

fn usual_name(dialect: Dialect, status: &str) -> String {
    format!("{}_{status}", schema_name(dialect))
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (Method, &mut Operation)> {
    let all = [
        (Method::GET, &mut item.get),
        (Method::PUT, &mut item.put),
        (Method::POST, &mut item.post),
        (Method::DELETE, &mut item.delete),
        (Method::PATCH, &mut item.patch),
    ];
    all.into_iter()
        .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// Adds the header, and what may be wrong with it.
fn heed_idempotency_key(operation: &mut Operation) {
    let header = ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .description(Some(
            "The same request with the same key has its effect once, and gets the same answer, for 24 hours",
        ))
        .schema(Some(
            ObjectBuilder::new()
                .schema_type(Type::String)
                .min_length(Some(1))
                .max_length(Some(255)),
        ));
    operation
        .parameters
        .get_or_insert_default()
        .push(RefOr::T(header.build()));
    let mut add = |status: &str, description: &str| {
        let response = ResponseBuilder::new().description(description);
        let responses = &mut operation.responses.responses;
        responses
            .entry(status.to_owned())
            .or_insert_with(|| response.into());
    };
    add(
        "409",
        "A request with this `Idempotency-Key` is being handled, or nobody knows how it ended",
    );
    add(
        "422",
        "The `Idempotency-Key` was used for a request with another body",
    );
}

/// Adds what every route may answer, the shape of each error, and the rest that follows from the path.
fn finish(path: &str, operation: &mut Operation) {
    operation.operation_id = operation
        .operation_id
        .take()
        .map(|name| operation_id(path, &name));
    let mut usual = vec!["500", "503"];
    if WITHOUT_KEY.iter().any(|prefix| path.starts_with(prefix)) {
        operation.security = Some(Vec::new());
        if KEY_IN_PATH.iter().any(|prefix| path.starts_with(prefix)) {
            usual.extend(["401", "403", "429"]);
        } else if path.starts_with("/hooks") {
            usual.push("429");
        }
    } else {
        operation.security = Some(vec![SecurityRequirement::new(API_KEY, [""; 0])]);
        usual.extend(["401", "403", "429"]);
    }
    if operation.request_body.is_some() {
        usual.extend(["400", "408", "413"]);
    }
    if operation.parameters.is_some() {
        usual.push("400");
    }
    let dialect = Dialect::of(path);
    let responses = &mut operation.responses.responses;
    for (status, response) in &mut *responses {
        if let RefOr::T(response) = response
            && status.as_str() >= "400"
            && response.content.is_empty()
        {
            describe_error(dialect, response);
        }
    }
    for status in usual {
        let described = Ref::from_response_name(usual_name(dialect, status));
        responses
            .entry(status.to_owned())
            .or_insert_with(|| described.into());
    }
}

/// Unique: what the path is about, and the name of the handler.
fn operation_id(path: &str, name: &str) -> String {
    let mut segments = path.split('/').filter(|segment| !segment.is_empty());
    let mut words: Vec<_> = match segments.next() {
        Some("api") => segments
            .filter(|segment| *segment != "v1")
            .take(1)
            .collect(),
        Some("v1") => [Some("inngest"), segments.next()]
            .into_iter()
            .flatten()
            .collect(),
        Some(first) => vec![first],
        None => Vec::new(),
    };
    if words.last() != Some(&name) {
        words.push(name);
    }
    words.join("_").replace(['.', '-'], "_")
}

fn schema_name(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Ingest => "IngestError",
        Dialect::Inngest => "InngestError",
        // Pages are not described.
        Dialect::Problem | Dialect::Page => "Problem",
    }
}

fn describe_error(dialect: Dialect, response: &mut Described) {
    let content_type = match dialect {
        Dialect::Ingest | Dialect::Inngest => "application/json",
        Dialect::Problem | Dialect::Page => "application/problem+json",
    };
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(schema_name(dialect))))
        .build();
    response
        .content
        .insert(content_type.to_owned(), RefOr::T(content));
}

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(utoipa_axum::routes!(document))
}

/// This document.
#[utoipa::path(
    get,
    path = "/api/openapi.json",
    tag = "node",
    responses((status = 200, description = "The description of the API, in OpenAPI 3.1", body = serde_json::Value))
)]
async fn document() -> Response {
    static TEXT: LazyLock<Result<String, serde_json::Error>> =
        LazyLock::new(|| openapi().to_json());
    match &*TEXT {
        Ok(text) => ([(header::CONTENT_TYPE, "application/json")], text.as_str()).into_response(),
        Err(error) => Dialect::Problem.render(&super::error::ApiError::internal(format!(
            "the description of the API can't be written: {error}"
        ))),
    }
}
