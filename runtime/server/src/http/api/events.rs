//! Events.

use abide_core::event::Event;
use abide_core::ids::EventId;
use abide_core::state::{Run, RunStatus};
use abide_store::Page;
use axum::Json;
use axum::extract::{Path, RawQuery, State};

use super::Params;
use crate::http::error::{ApiError, Problem};
use crate::http::page::{Listed, Wanted};
use crate::http::runs::{read_event_pending, read_event_runs, standing};
use crate::http::{Api, event_id, no_such_event};
use crate::view::{EventView, PendingView, RunView};

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
    let page = api.list_events(name, wanted).await?;
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
    let Followed {
        event,
        runs,
        pending,
    } = api.follow_event(event_id(&id)?).await?;
    let mut shown = EventView::from(&event);
    let runs = runs.iter().map(|(run, status)| RunView::new(run, *status));
    shown.runs = Some(runs.collect());
    shown.pending = Some(pending);
    Ok(Json(shown))
}

/// An event, and what came of it.
pub(in crate::http) struct Followed {
    pub(in crate::http) event: Event,
    /// Its runs, oldest first, with where they stand.
    pub(in crate::http) runs: Vec<(Run, RunStatus)>,
    /// What collects it for runs to come.
    pub(in crate::http) pending: Vec<PendingView>,
}

impl Api {
    /// A page of events, newest first, of this name if one is given.
    pub(in crate::http) async fn list_events(
        &self,
        name: Option<String>,
        wanted: Wanted<EventId>,
    ) -> Result<Page<Event, EventId>, ApiError> {
        self.read(move |view| {
            wanted.gather(
                |before, limit| Ok(view.list_events(before, name.as_deref(), limit)?),
                |event| (event.id, event.data.len()),
            )
        })
        .await
    }

    /// An event, and what came of it.
    pub(in crate::http) async fn follow_event(&self, id: EventId) -> Result<Followed, ApiError> {
        let read = self
            .read(move |view| {
                // In this order: a run that is created in between is seen twice rather than not at all.
                let pending = read_event_pending(view, id)?;
                Ok((view.get_event(id)?, read_event_runs(view, id)?, pending))
            })
            .await?;
        let (Some(event), runs, pending) = read else {
            return Err(no_such_event(id));
        };
        let stands = |run: Run| {
            let status = standing(&self.node, &run);
            (run, status)
        };
        Ok(Followed {
            event,
            runs: runs.into_iter().map(stands).collect(),
            pending,
        })
    }
}
