//! Events.

use abide_core::ids::EventId;
use axum::Json;
use axum::extract::{Path, RawQuery, State};

use super::Params;
use crate::http::error::Problem;
use crate::http::page::{Listed, Wanted};
use crate::http::runs::{read_event_pending, read_event_runs, standing};
use crate::http::{Api, event_id, no_such_event};
use crate::view::{EventView, RunView};

/// List events, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/events",
    tag = "events",
    params(
        ("name" = Option<String>, Query, description = "Only events of this name"),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 200, description = "Items of the page; 50 unless given"),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of events", body = Listed<EventView>))
)]
pub(super) async fn list(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
) -> Result<Json<Listed<EventView>>, Problem> {
    let params = Params::parse(query.as_deref(), &["name", "limit", "cursor"])?;
    let wanted = Wanted::<EventId>::parse(params.get("limit"), params.get("cursor"))?;
    let name = params.get("name").map(str::to_owned);
    let page = api
        .read(move |view| {
            wanted.gather(
                |before, limit| Ok(view.list_events(before, name.as_deref(), limit)?),
                |event| (event.id, event.data.len()),
            )
        })
        .await?;
    Ok(Json(Listed::new(&page, |event| EventView::from(event))))
}

/// Show an event.
///
/// With the runs that it started, and those that are not created yet because a debounce or a batch collects for them.
#[utoipa::path(
    get,
    path = "/api/v1/events/{id}",
    tag = "events",
    params(("id" = String, Path, description = "The event's id, as the answer to sending it gave it")),
    responses(
        (status = 200, description = "The event", body = EventView),
        (status = 404, description = "There is no such event"),
    )
)]
pub(super) async fn show(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<EventView>, Problem> {
    let id = event_id(&id)?;
    let read = api
        .read(move |view| {
            // In this order: a run that is created in between is seen twice rather than not at all.
            let pending = read_event_pending(view, id)?;
            Ok((view.get_event(id)?, read_event_runs(view, id)?, pending))
        })
        .await?;
    let (Some(event), runs, pending) = read else {
        return Err(no_such_event(id).into());
    };
    let mut shown = EventView::from(&event);
    shown.runs = Some(
        runs.iter()
            .map(|run| RunView::new(run, standing(&api.node, run)))
            .collect(),
    );
    shown.pending = Some(pending);
    Ok(Json(shown))
}
