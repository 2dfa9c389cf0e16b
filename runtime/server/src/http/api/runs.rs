//! Runs.

use abide_core::ids::{EventId, RunId};
use abide_core::state::{ReadError, Run, RunEnd};
use abide_store::{Page, View};
use axum::Json;
use axum::extract::{Path, RawQuery, State};

use super::Params;
use crate::http::error::{ApiError, Problem};
use crate::http::logs::{self, LogFilter, LogLines};
use crate::http::page::{All, Listed, Wanted};
use crate::http::runs::{read_event_runs, standing};
use crate::http::select::{PARAMETERS, Selection};
use crate::http::{Api, event_id, no_such_run, run_id};
use crate::view::{EntryView, RunDetail, RunView};

/// List runs, newest first.
///
/// A page may hold fewer than `limit` items, even none, although more follow: it ends early when it becomes heavy, or when a filter has
/// looked at many runs in vain.
#[utoipa::path(
    get,
    path = "/api/v1/runs",
    tag = "runs",
    params(
        ("status" = Option<Vec<String>>, Query, description = "One or several of the statuses of a run, in any letter case; also separated by commas"),
        ("function" = Option<String>, Query, description = "`app/function`"),
        ("app" = Option<String>, Query, description = "An app's id"),
        ("since" = Option<String>, Query, description = "Only runs created at this time or later, as RFC 3339"),
        ("until" = Option<String>, Query, description = "Only runs created before this time, as RFC 3339"),
        ("if" = Option<String>, Query, description = "A condition in CEL over the `event` of the run, its `output` and its `error`"),
        ("event" = Option<String>, Query, description = "The id of an event: only runs that it started"),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 200, description = "Items of the page; 50 unless given"),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of runs", body = Listed<RunView>))
)]
pub(super) async fn list(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
) -> Result<Json<Listed<RunView>>, Problem> {
    let known = [&PARAMETERS[..], &["event", "limit", "cursor"]].concat();
    let params = Params::parse(query.as_deref(), &known)?;
    let wanted = Wanted::<RunId>::parse(params.get("limit"), params.get("cursor"))?;
    let selection = Selection::of_query(&params)?;
    let event = params.get("event").map(event_id).transpose()?;
    let page = api.list_runs(event, selection, wanted).await?;
    Ok(Json(Listed::new(&page, |run| {
        RunView::new(run, standing(&api.node, run))
    })))
}

impl Api {
    /// A page of the runs that pass, newest first; of an event's only, if one is given.
    pub(in crate::http) async fn list_runs(
        &self,
        event: Option<EventId>,
        selection: Selection,
        wanted: Wanted<RunId>,
    ) -> Result<Page<Run, RunId>, ApiError> {
        self.read(move |view| match event {
            Some(event) => of_event(view, event, &selection, wanted),
            None => wanted.gather(
                |before, limit| selection.page(view, before, limit),
                |run| (run.id, weight(run)),
            ),
        })
        .await
    }
}

/// An event starts at most one run a function, and their replays: they are few.
fn of_event(
    view: &View,
    event: EventId,
    selection: &Selection,
    wanted: Wanted<RunId>,
) -> Result<Page<Run, RunId>, ReadError> {
    let mut items = Vec::new();
    for run in read_event_runs(view, event)?.into_iter().rev() {
        if wanted.after.is_none_or(|after| run.id < after) && selection.passes(view, &run)? {
            items.push(run);
        }
    }
    let more = items.len() > wanted.limit;
    items.truncate(wanted.limit);
    let next = items.last().map(|run| run.id).filter(|_| more);
    Ok(Page { items, next })
}

fn weight(run: &Run) -> usize {
    match &run.end {
        Some(RunEnd::Output(json)) => json.len(),
        Some(RunEnd::Failure(_) | RunEnd::Skipped(_)) | None => 0,
    }
}

/// Show a run.
///
/// With its steps and their attempts, and in `waiting_for` why it does not go on right now.
#[utoipa::path(
    get,
    path = "/api/v1/runs/{id}",
    tag = "runs",
    params(("id" = String, Path, description = "The run's id")),
    responses(
        (status = 200, description = "The run", body = RunDetail),
        (status = 404, description = "There is no such run"),
    )
)]
pub(super) async fn show(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<RunDetail>, Problem> {
    Ok(Json(api.detail(run_id(&id)?).await?))
}

/// Show a run's journal: everything that its code was told, in order.
#[utoipa::path(
    get,
    path = "/api/v1/runs/{id}/journal",
    tag = "runs",
    params(("id" = String, Path, description = "The run's id")),
    responses(
        (status = 200, description = "The journal", body = All<EntryView>),
        (status = 404, description = "There is no such run"),
    )
)]
pub(super) async fn journal(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<All<EntryView>>, Problem> {
    let id = run_id(&id)?;
    let read = api
        .read(move |view| Ok((view.get_run(id)?.is_some(), view.run_journal(id)?)))
        .await?;
    let (true, journal) = read else {
        return Err(no_such_run(id).into());
    };
    let entries = journal.iter().enumerate();
    let entries = entries.map(|(index, entry)| EntryView::new(index, entry));
    Ok(Json(All {
        data: entries.collect(),
    }))
}

/// Show what a run logged.
///
/// Lines come in order.
#[utoipa::path(
    get,
    path = "/api/v1/runs/{id}/logs",
    tag = "runs",
    params(
        ("id" = String, Path, description = "The run's id"),
        ("after" = Option<String>, Query, description = "The `next_after` of an earlier answer: only what is newer"),
        ("level" = Option<String>, Query, description = "Only lines that matter at least so much: `trace`, `debug`, `info`, `warn`, `error`"),
        ("step" = Option<String>, Query, description = "Only lines of this step; with an empty value those of the code between the steps"),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 2000, description = "Lines of the answer; 2,000 unless given"),
    ),
    responses(
        (status = 200, description = "Lines", body = LogLines),
        (status = 404, description = "There is no such run"),
    )
)]
pub(super) async fn logs(
    State(api): State<Api>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<LogLines>, Problem> {
    let id = run_id(&id)?;
    let params = Params::parse(query.as_deref(), &logs::PARAMETERS)?;
    let filter = LogFilter::parse(
        params.get("level"),
        params.all("step").last().map(String::as_str),
        params.get("after"),
        params.get("limit"),
    )?;
    let limits = api.node.limits().clone();
    let read = api.read(move |view| filter.read(view, &limits, id)).await?;
    Ok(Json(read.ok_or_else(|| no_such_run(id))?))
}
