//! The deployments of an app: what was served when, and what runs are still on it.
//!
//! The store knows only what is served now. What was served before is remembered in the admin store, up to a bound for each app; a
//! deployment whose record was lost to a crash is recorded by the next one.

use std::time::{Duration, Instant};

use abide_core::state::{App, RunFilter, RunStatus};
use abide_store::View;
use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};

use super::apps::find;
use crate::admin::{AdminRecord, Principal};
use crate::http::Api;
use crate::http::error::{ApiError, Problem};
use crate::http::page::All;
use crate::view::{DeploymentView, PinnedView};

/// Deployments of one app that are remembered.
const REMEMBERED: u32 = 100;

/// Deployments whose components are looked into: each may have many megabytes.
const LOOKED_INTO: usize = 20;

/// Runs that have not ended that are counted, and read at once.
const MOST_RUNS: usize = 10_000;
const READ_AT_ONCE: usize = 500;

/// How long runs are counted, and how many are looked at between two looks at the clock: most of a long history has ended.
const LONGEST: Duration = Duration::from_millis(60);
const LOOKED_AT: usize = 2_000;

/// A deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Deployment {
    pub(crate) app: String,
    /// Counted from 1.
    pub(crate) number: u32,
    pub(crate) digest: String,
    pub(crate) at_ms: u64,
    pub(crate) bytes: u64,
    pub(crate) functions: Vec<String>,
    /// The name of the key that deployed it, where that is known.
    pub(crate) by: Option<String>,
}

impl AdminRecord for Deployment {
    const KIND: &'static str = "deployment";
}

fn id(app: &str, number: u32) -> String {
    format!("{app}/{number:010}")
}

fn current(app: &App, by: Option<&Principal>) -> Deployment {
    let functions = app.current.functions.iter();
    Deployment {
        app: app.id.to_string(),
        number: app.deployments,
        digest: app.current.digest.to_string(),
        at_ms: app.current.at_ms,
        bytes: app.current.bytes,
        functions: functions.map(|function| function.id.clone()).collect(),
        by: by.map(|principal| principal.name.to_string()),
    }
}

impl Api {
    /// The deployments of an app, newest first.
    pub(in crate::http) async fn deployments(
        &self,
        app: String,
    ) -> Result<Vec<DeploymentView>, ApiError> {
        let app = find(self, app).await?;
        let known = self.admin.list::<Deployment>(&self.environment).await;
        let known = known.map_err(ApiError::from)?.into_iter();
        let mut deployments: Vec<_> = known
            .map(|it| it.record)
            .filter(|it| *it.app == *app.id && it.number <= app.deployments)
            .collect();
        if deployments
            .last()
            .is_none_or(|it| it.number < app.deployments)
        {
            deployments.push(current(&app, None));
        }
        let wanted = app.id.to_string();
        let digests = self.read(move |view| pinned(view, wanted)).await?;
        let mut views = Vec::new();
        for (n, deployment) in deployments.iter().rev().enumerate() {
            let runs = digests.0.iter().filter(|it| **it == deployment.digest);
            let pinned = PinnedView {
                runs: runs.count(),
                at_least: digests.1,
            };
            let anatomy = match deployment.digest.parse() {
                Ok(digest) if n < LOOKED_INTO => self.node.anatomy(digest).await,
                Ok(_) | Err(_) => None,
            };
            let served = deployment.number == app.deployments;
            views.push(DeploymentView::new(
                deployment,
                served,
                pinned,
                anatomy.as_deref(),
            ));
        }
        Ok(views)
    }

    /// Remembers what an app serves now, unless it is remembered already.
    pub(super) async fn remember_deployment(
        &self,
        app: &App,
        by: Option<&Principal>,
    ) -> Result<(), ApiError> {
        let deployment = current(app, by);
        let own = id(&deployment.app, deployment.number);
        let environment = &self.environment;
        let inserted = self.admin.insert(environment, &own, &deployment).await;
        if inserted.map_err(ApiError::from)?
            && let Some(oldest) = deployment.number.checked_sub(REMEMBERED)
        {
            let oldest = id(&deployment.app, oldest);
            let forgotten = self.admin.delete::<Deployment>(environment, &oldest).await;
            forgotten.map_err(ApiError::from)?;
        }
        Ok(())
    }
}

/// List the deployments of an app, newest first.
///
/// The latest 100, each with the runs that have not ended and are still on its code.
#[utoipa::path(
    get,
    path = "/api/v1/apps/{app}/deployments",
    tag = "apps",
    params(("app" = String, Path, description = "The app's id")),
    responses(
        (status = 200, description = "Its deployments", body = All<DeploymentView>),
        (status = 404, description = "There is no such app"),
    )
)]
pub(super) async fn of_app(
    State(api): State<Api>,
    Path(app): Path<String>,
) -> Result<Json<All<DeploymentView>>, Problem> {
    let data = api.deployments(app).await?;
    Ok(Json(All { data }))
}

/// What the runs of an app that have not ended are pinned to, and whether there may be more of them.
fn pinned(view: &View, app: String) -> Result<(Vec<String>, bool), abide_core::state::ReadError> {
    let open = RunStatus::ALL.into_iter().filter(|it| !it.is_final());
    let filter = RunFilter {
        app: Some(app),
        statuses: open.collect(),
        ..RunFilter::default()
    };
    let (mut digests, mut before) = (Vec::new(), None);
    let began = Instant::now();
    loop {
        let mut rows = LOOKED_AT;
        let page = view.list_runs_within(before, &filter, READ_AT_ONCE, &mut rows)?;
        digests.extend(page.items.iter().map(|run| run.digest.to_string()));
        before = page.next;
        let enough = digests.len() >= MOST_RUNS || began.elapsed() > LONGEST;
        if before.is_none() || enough {
            return Ok((digests, before.is_some()));
        }
    }
}
