//! Runs.

use abide_core::ids::{EventId, RunId};
use abide_core::state::{ReadError, Run, RunEnd};
use abide_store::{Page, View};
use axum::Json;
use axum::extract::{Path, RawQuery, State};
use serde_json::{Value, json};

use super::Params;
use crate::http::error::{ApiError, Problem};
use crate::http::page::{Listed, Wanted};
use crate::http::runs::{read_event_runs, standing};
use crate::http::select::{PARAMETERS, Selection};
use crate::http::{Api, event_id, no_such_run, run_id};
use crate::view::{EntryView, LogView, RunDetail, RunView, StepNames};

/// Log lines of one answer; it ends with a whole chunk.
const LINES_AT_ONCE: usize = 2_000;

/// Newest first.
pub(super) async fn list(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
) -> Result<Json<Listed<RunView>>, Problem> {
    let known = [&PARAMETERS[..], &["event", "limit", "cursor"]].concat();
    let params = Params::parse(query.as_deref(), &known)?;
    let wanted = Wanted::<RunId>::parse(params.get("limit"), params.get("cursor"))?;
    let selection = Selection::of_query(&params)?;
    let event = params.get("event").map(event_id).transpose()?;
    let page = api
        .read(move |view| match event {
            Some(event) => of_event(view, event, &selection, wanted),
            None => wanted.gather(
                |before, limit| selection.page(view, before, limit),
                |run| (run.id, weight(run)),
            ),
        })
        .await?;
    Ok(Json(Listed::new(&page, |run| {
        RunView::new(run, standing(&api.node, run))
    })))
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
