//! Functions: shown, paused, resumed.

use abide_core::engine::{Answer, Invocation};
use abide_core::function::FunctionConfig;
use abide_core::ids::{EventId, FunctionId, RunId};
use abide_core::state::{App, Control, ControlKind, LaneKey, Read, ReadError};
use abide_store::View;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::http::error::{ApiError, Problem};
use crate::http::idempotency::Once;
use crate::http::page::All;
use crate::http::{Api, body};
use crate::view::{
    FunctionDetail, FunctionScheduleView, FunctionView, Id, Paused, QueuedView, functions_of,
    schedules_of,
};

/// Queued runs that are counted.
const MOST_QUEUED: usize = 10_000;

/// Lanes, and controls, that are read at once.
const READ_AT_ONCE: usize = 256;

/// List the functions of all apps.
///
/// With what their runs did in the last hour and day.
#[utoipa::path(
    get,
    path = "/api/v1/functions",
    tag = "apps",
    responses((status = 200, description = "All functions", body = All<FunctionView>))
)]
pub(super) async fn list(State(api): State<Api>) -> Result<Json<All<FunctionView>>, Problem> {
    let (apps, paused) = api.read(|view| Ok((view.apps()?, paused(view)?))).await?;
    let functions = apps.iter().flat_map(|app| functions_of(app, &paused));
    Ok(Json(All {
        data: functions.map(|it| it.counted(&api.node)).collect(),
    }))
}

/// List the schedules of all functions, in the order of their next ticks.
#[utoipa::path(
    get,
    path = "/api/v1/schedules",
    tag = "apps",
    responses((status = 200, description = "All schedules", body = All<FunctionScheduleView>))
)]
pub(super) async fn schedules(
    State(api): State<Api>,
) -> Result<Json<All<FunctionScheduleView>>, Problem> {
    let (apps, paused) = api.read(|view| Ok((view.apps()?, paused(view)?))).await?;
    let data = schedules_of(&apps, &paused, api.node.clock().now_ms());
    Ok(Json(All { data }))
}

/// Show a function.
///
/// With its configuration in force, its schedules, what is queued, and expressions that could not be decided.
#[utoipa::path(
    get,
    path = "/api/v1/functions/{app}/{function}",
    tag = "apps",
    params(
        ("app" = String, Path, description = "The app's id"),
        ("function" = String, Path, description = "The function's id within its app"),
    ),
    responses(
        (status = 200, description = "The function in full", body = FunctionDetail),
        (status = 404, description = "There is no such app, or it has no such function"),
    )
)]
pub(super) async fn show(
    State(api): State<Api>,
    Path((app, function)): Path<(String, String)>,
) -> Result<Json<FunctionDetail>, Problem> {
    Ok(Json(api.function(app, &function).await?))
}

/// Pause a function.
///
/// None of its runs starts until it is resumed: events queue from now on; runs that have started go on.
#[utoipa::path(
    post,
    path = "/api/v1/functions/{app}/{function}/pause",
    tag = "apps",
    params(
        ("app" = String, Path, description = "The app's id"),
        ("function" = String, Path, description = "The function's id within its app"),
    ),
    responses(
        (status = 200, description = "The function in full", body = FunctionDetail),
        (status = 404, description = "There is no such app, or it has no such function"),
        (status = 409, description = "Refused; `detail` says why"),
    )
)]
pub(super) async fn pause(
    State(api): State<Api>,
    Path((app, function)): Path<(String, String)>,
) -> Result<Json<FunctionDetail>, Problem> {
    Ok(Json(api.pause_function(app, &function).await?))
}

/// Resume a function.
#[utoipa::path(
    post,
    path = "/api/v1/functions/{app}/{function}/resume",
    tag = "apps",
    params(
        ("app" = String, Path, description = "The app's id"),
        ("function" = String, Path, description = "The function's id within its app"),
    ),
    responses(
        (status = 200, description = "The function in full", body = FunctionDetail),
        (status = 404, description = "There is no such app, or it has no such function"),
        (status = 409, description = "Refused; `detail` says why"),
    )
)]
pub(super) async fn resume(
    State(api): State<Api>,
    Path((app, function)): Path<(String, String)>,
) -> Result<Json<FunctionDetail>, Problem> {
    Ok(Json(api.resume_function(app, &function).await?))
}

/// What a function is invoked with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Invocation)]
pub(super) struct NewInvocation {
    /// The `data` of the event that the function sees: an object.
    #[schema(value_type = Option<Object>)]
    data: Option<Box<RawValue>>,
    /// Its `user`: an object.
    #[schema(value_type = Option<Object>)]
    user: Option<Box<RawValue>>,
}

/// What an invocation started.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Invoked)]
#[allow(clippy::struct_field_names, reason = "the names of the members")]
pub(in crate::http) struct InvokedView {
    #[schema(value_type = Id)]
    pub(in crate::http) run_id: RunId,
    /// The event that the function sees.
    #[schema(value_type = Id)]
    event_id: EventId,
    function_id: String,
}

/// Invoke a function.
///
/// It starts one run, whatever the function's triggers say, with an event `inngest/function.invoked`. Controls that drop or collect events
/// have no say; limits on what goes on at once have.
#[utoipa::path(
    post,
    path = "/api/v1/functions/{app}/{function}/invoke",
    tag = "apps",
    params(
        ("app" = String, Path, description = "The app's id"),
        ("function" = String, Path, description = "The function's id within its app"),
    ),
    request_body = NewInvocation,
    responses(
        (status = 201, description = "The run is created", body = InvokedView),
        (status = 400, description = "The body is wrong"),
        (status = 404, description = "There is no such app, or it has no such function"),
    )
)]
pub(super) async fn invoke(
    State(api): State<Api>,
    Path((app, function)): Path<(String, String)>,
    once: Once,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let bytes = body::read(&headers, body, api.config.body_bytes).await?;
    let wanted: NewInvocation = serde_json::from_slice(&bytes).map_err(|error| {
        let detail = format!("the body must be {{\"data\":{{…}},\"user\"?:{{…}}}}: {error}");
        ApiError::invalid("invalid_body", detail)
    })?;
    let json = |raw: Option<Box<RawValue>>| raw.map(|raw| raw.get().into());
    let invoked = once
        .api(&api)
        .invoke_function(app, &function, json(wanted.data), json(wanted.user))
        .await?;
    Ok((StatusCode::CREATED, Json(invoked)).into_response())
}

fn refused(answer: &Answer, function: &FunctionDetail) -> ApiError {
    match answer {
        Answer::NoSuchFunction => ApiError::not_found(
            "no_such_function",
            format!("there is no function `{}`", function.id()),
        ),
        Answer::Refused(reason) => ApiError::conflict("refused", reason.as_str()),
        other => ApiError::unexpected(other),
    }
}

impl Api {
    /// Pauses a function.
    pub(in crate::http) async fn pause_function(
        &self,
        app: String,
        function: &str,
    ) -> Result<FunctionDetail, ApiError> {
        let before = self.function(app.clone(), function).await?;
        let id = FunctionId::new(app.as_str(), function);
        match self.node.pause_function(id).await? {
            Answer::Paused => self.function(app, function).await,
            other => Err(refused(&other, &before)),
        }
    }

    /// Resumes a function.
    pub(in crate::http) async fn resume_function(
        &self,
        app: String,
        function: &str,
    ) -> Result<FunctionDetail, ApiError> {
        let before = self.function(app.clone(), function).await?;
        let id = FunctionId::new(app.as_str(), function);
        match self.node.resume_function(id).await? {
            Answer::Resumed => self.function(app, function).await,
            other => Err(refused(&other, &before)),
        }
    }

    /// Starts a function, whatever its triggers say.
    pub(in crate::http) async fn invoke_function(
        &self,
        app: String,
        function: &str,
        data: Option<abide_core::Json>,
        user: Option<abide_core::Json>,
    ) -> Result<InvokedView, ApiError> {
        let invocation = Invocation::check(data, user, self.node.limits())
            .map_err(|fault| ApiError::invalid("invalid_event", fault.to_string()))?;
        let before = self.function(app.clone(), function).await?;
        let id = FunctionId::new(app.as_str(), function);
        let (run_id, event_id) = match self.node.invoke_function(id, invocation).await? {
            Answer::Invoked { run, event } => (run, event),
            Answer::DoneBefore(Some(run)) => (run, self.run(run).await?.event),
            other => return Err(refused(&other, &before)),
        };
        Ok(InvokedView {
            run_id,
            event_id,
            function_id: before.id().to_owned(),
        })
    }

    /// The configuration of a function, as its author gave it.
    pub(in crate::http) async fn function_config(
        &self,
        app: String,
        function: &str,
    ) -> Result<FunctionConfig, ApiError> {
        let app = super::apps::find(self, app).await?;
        config(&app, function).cloned()
    }

    /// A function with everything that is known of it.
    pub(in crate::http) async fn function(
        &self,
        app: String,
        function: &str,
    ) -> Result<FunctionDetail, ApiError> {
        let app = super::apps::find(self, app).await?;
        let config = config(&app, function)?;
        let id = FunctionId::new(app.id.clone(), function);
        let wanted = id.clone();
        let (paused, queued) = self
            .read(move |view| Ok((paused(view)?, queued(view, &wanted)?)))
            .await?;
        Ok(FunctionDetail::new(
            FunctionView::new(&app, config, &paused).counted(&self.node),
            config,
            queued,
            &self.node.warnings(&id),
            self.node.clock().now_ms(),
        ))
    }
}

fn config<'a>(app: &'a App, function: &str) -> Result<&'a FunctionConfig, ApiError> {
    let functions = &app.current.functions;
    let found = functions.iter().find(|config| config.id == function);
    found.ok_or_else(|| {
        let ids: Vec<_> = functions
            .iter()
            .map(|config| format!("{}/{}", app.id, config.id))
            .collect();
        let detail = format!(
            "there is no function `{}/{function}`; the app's functions are: {}",
            app.id,
            ids.join(", ")
        );
        ApiError::not_found("no_such_function", detail)
    })
}

/// The functions that are paused.
pub(in crate::http) fn paused(view: &View) -> Result<Paused, ReadError> {
    let mut paused = Paused::default();
    let mut after = None;
    loop {
        let part = view.controls(ControlKind::Pause, after.as_ref(), READ_AT_ONCE)?;
        let whole = part.len() < READ_AT_ONCE;
        after = part.last().map(|(key, _)| key.clone());
        for (key, control) in part {
            if let Control::Paused { since_ms } = control {
                paused.0.insert(key.function, since_ms);
            }
        }
        if whole {
            return Ok(paused);
        }
    }
}

/// The runs of a function that may not start yet, counted up to a bound.
fn queued(view: &View, function: &FunctionId) -> Result<QueuedView, ReadError> {
    let mut lane = LaneKey {
        function: function.clone(),
        lane: "".into(),
    };
    let mut runs = view.queued(&lane, None, MOST_QUEUED)?.len();
    while runs < MOST_QUEUED {
        let lanes = view.lanes_after(Some(&lane), false, READ_AT_ONCE)?;
        let ours: Vec<_> = lanes
            .into_iter()
            .map(|(lane, _)| lane)
            .take_while(|lane| lane.function == *function)
            .collect();
        let whole = ours.len() < READ_AT_ONCE;
        for next in ours {
            runs += view.queued(&next, None, MOST_QUEUED - runs)?.len();
            lane = next;
            if runs >= MOST_QUEUED {
                break;
            }
        }
        if whole {
            break;
        }
    }
    Ok(QueuedView {
        runs,
        at_least: runs >= MOST_QUEUED,
    })
}
