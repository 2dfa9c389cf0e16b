//! Runs.

use abide_core::ids::{EventId, FunctionId, RunId};
use abide_core::state::{Run, RunEnd, RunStatus};
use abide_store::{Page, RunFilter};
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Params;
use crate::http::error::{ApiError, Problem};
use crate::http::page::{Listed, Wanted};
use crate::http::runs::{read_event_runs, standing};
use crate::http::{Api, body, event_id, no_such_run, run_id};
use crate::view::{EntryView, LogView, RunDetail, RunView, StepNames};

/// Log lines of one answer; it ends with a whole chunk.
const LINES_AT_ONCE: usize = 2_000;

/// Newest first.
pub(super) async fn list(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
) -> Result<Json<Listed<RunView>>, Problem> {
    let known = ["status", "function", "app", "event", "limit", "cursor"];
    let params = Params::parse(query.as_deref(), &known)?;
    let wanted = Wanted::<RunId>::parse(params.get("limit"), params.get("cursor"))?;
    let filter = RunFilter {
        status: params.get("status").map(status).transpose()?,
        function: params.get("function").map(function).transpose()?,
        app: params.get("app").map(str::to_owned),
    };
    let event = params.get("event").map(event_id).transpose()?;
    let page = api
        .read(move |view| match event {
            Some(event) => Ok(of_event(
                read_event_runs(view, event)?,
                event,
                &filter,
                wanted,
            )),
            None => wanted.gather(
                |before, limit| Ok(view.list_runs(before, &filter, limit)?),
                |run| (run.id, weight(run)),
            ),
        })
        .await?;
    Ok(Json(Listed::new(&page, |run| {
        RunView::new(run, standing(&api.node, run))
    })))
}

/// An event starts at most one run a function: they are few.
fn of_event(
    runs: Vec<Run>,
    _: EventId,
    filter: &RunFilter,
    wanted: Wanted<RunId>,
) -> Page<Run, RunId> {
    let passes = |run: &Run| {
        filter.status.is_none_or(|status| run.status == status)
            && filter
                .function
                .as_ref()
                .is_none_or(|function| run.function == *function)
            && filter
                .app
                .as_deref()
                .is_none_or(|app| *run.function.app == *app)
            && wanted.after.is_none_or(|after| run.id < after)
    };
    let mut items: Vec<_> = runs.into_iter().rev().filter(passes).collect();
    let more = items.len() > wanted.limit;
    items.truncate(wanted.limit);
    let next = items.last().map(|run| run.id).filter(|_| more);
    Page { items, next }
}

fn weight(run: &Run) -> usize {
    match &run.end {
        Some(RunEnd::Output(json)) => json.len(),
        Some(RunEnd::Failure(_)) | None => 0,
    }
}

fn status(text: &str) -> Result<RunStatus, ApiError> {
    let found = RunStatus::ALL
        .into_iter()
        .find(|status| status.as_str().eq_ignore_ascii_case(text));
    found.ok_or_else(|| {
        let all = RunStatus::ALL.map(RunStatus::as_str).join(", ");
        ApiError::invalid("invalid_status", format!("status: must be one of {all}"))
    })
}

fn function(text: &str) -> Result<FunctionId, ApiError> {
    let (app, function) = text
        .split_once('/')
        .ok_or_else(|| ApiError::invalid("invalid_function", "function: must be `app/function`"))?;
    Ok(FunctionId::new(app, function))
}

/// With its waterfall.
pub(super) async fn show(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<RunDetail>, Problem> {
    Ok(Json(api.detail(run_id(&id)?).await?))
}

pub(super) async fn journal(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let id = run_id(&id)?;
    let read = api
        .read(move |view| Ok((view.get_run(id)?.is_some(), view.run_journal(id)?)))
        .await?;
    let (true, journal) = read else {
        return Err(no_such_run(id).into());
    };
    let entries: Vec<_> = journal
        .iter()
        .enumerate()
        .map(|(index, entry)| EntryView::new(index, entry))
        .collect();
    Ok(Json(json!({ "data": entries })))
}

/// Lines in order. `next_after` goes into the `after` of the next request; it answers only what is newer.
pub(super) async fn logs(
    State(api): State<Api>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, Problem> {
    let id = run_id(&id)?;
    let params = Params::parse(query.as_deref(), &["after"])?;
    let after: u32 = match params.get("after") {
        None => 0,
        Some(text) => text.parse().map_err(|_| {
            ApiError::invalid(
                "invalid_after",
                "after: must be the `next_after` of an earlier answer",
            )
        })?,
    };
    let read = api
        .read(move |view| {
            if view.get_run(id)?.is_none() {
                return Ok(None);
            }
            let lines = view.run_logs(id, after)?;
            let named = lines.iter().any(|(_, line)| line.op.is_some());
            let journal = if named {
                view.run_journal(id)?
            } else {
                Vec::new()
            };
            Ok(Some((lines, StepNames::of(&journal))))
        })
        .await?;
    let (lines, names) = read.ok_or_else(|| no_such_run(id))?;
    // A chunk is appended at once: what has been answered is told by the number of the chunk after it.
    let mut next_after = after;
    let mut shown = Vec::new();
    for (chunk, line) in &lines {
        if shown.len() >= LINES_AT_ONCE && *chunk >= next_after {
            break;
        }
        next_after = chunk.saturating_add(1);
        shown.push(LogView::new(line, &names));
    }
    Ok(Json(
        json!({ "data": shown, "next_after": next_after.to_string() }),
    ))
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct CancelBody {
    reason: Option<String>,
}

/// Answers the run as it then stands. The body is optional.
pub(super) async fn cancel(
    State(api): State<Api>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<RunDetail>, Problem> {
    let id = run_id(&id)?;
    let bytes = body::read(&headers, body, api.config.body_bytes).await?;
    let body = if bytes.is_empty() {
        CancelBody::default()
    } else {
        serde_json::from_slice(&bytes).map_err(|error| {
            ApiError::invalid(
                "invalid_body",
                format!("the body must be {{\"reason\":\"…\"}} or empty: {error}"),
            )
        })?
    };
    let reason = body.reason.filter(|reason| !reason.is_empty());
    api.cancel(id, reason.as_deref().unwrap_or("cancelled through the API"))
        .await?;
    Ok(Json(api.detail(id).await?))
}
