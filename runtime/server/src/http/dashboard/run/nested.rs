//! Runs in runs: which runs the steps of a page invoked, and what those did, drawn inside the steps that invoked them.

use std::collections::BTreeMap;

use abide_core::ids::RunId;
use abide_core::journal::OpNumber;
use abide_core::state::{Read, ReadError, Run};
use abide_store::View;
use axum::http::StatusCode;
use maud::{Markup, html};

use super::bar::{self, Part};
use super::scale::Scale;
use super::step;
use super::timeline::{self, took};
use crate::Node;
use crate::http::dashboard::visit::Visit;
use crate::http::dashboard::{components as ui, paths};
use crate::http::error::ApiError;
use crate::http::runs::standing;
use crate::view::{RunDetail, RunView, StepStatus, StepView};

/// Steps that invoked a run and are over, whose runs are looked for.
const MOST_CHILDREN: usize = 20;

/// Runs that are looked at for each.
const LOOKED_AT: usize = 200;

/// Runs whose steps are shown: each costs the reading of a journal.
const MOST_OPENED: usize = 5;

/// Steps that are shown of each.
const MOST_STEPS: usize = 10;

/// A run that a step invoked.
pub(super) struct Child {
    run: RunView,
    /// Its first steps.
    steps: Vec<StepView>,
    /// Steps that are not among those.
    left_out: usize,
}

/// The runs that steps of the page invoked, by those steps.
pub(super) async fn children(
    visit: &Visit,
    run: &RunDetail,
    from: usize,
) -> Result<BTreeMap<OpNumber, Child>, ApiError> {
    let mut children = BTreeMap::new();
    for (op, run) in found(visit, run, from).await? {
        let mut child = Child {
            run,
            steps: Vec::new(),
            left_out: 0,
        };
        if children.len() < MOST_OPENED {
            let mut steps = match visit.api.detail(child.run.run_id).await {
                Ok(detail) => detail.steps,
                // It was removed a moment ago.
                Err(error) if error.status == StatusCode::NOT_FOUND => continue,
                Err(error) => return Err(error),
            };
            child.left_out = steps.len().saturating_sub(MOST_STEPS);
            steps.truncate(MOST_STEPS);
            child.steps = steps;
        }
        children.insert(op, child);
    }
    Ok(children)
}

/// Of a step that is over, the record does not name its run any more; it was created with the step, so that it is found among the runs of
/// that moment.
async fn found(
    visit: &Visit,
    run: &RunDetail,
    from: usize,
) -> Result<BTreeMap<OpNumber, RunView>, ApiError> {
    let id = run.run.run_id;
    let shown = run.steps.iter().skip(from).take(timeline::AT_ONCE);
    let invokes = shown.filter(|step| step.kind == "invoke" && !step.carried_over);
    let wanted: Vec<_> = invokes
        .map(|step: &StepView| (step.op, step.child_run_id, step.started_at.0))
        .take(MOST_CHILDREN)
        .collect();
    if wanted.is_empty() {
        return Ok(BTreeMap::new());
    }
    let node = visit.api.node.clone();
    let find = move |view: &View| -> Result<BTreeMap<OpNumber, RunView>, ReadError> {
        let mut children = BTreeMap::new();
        for (op, child, started_ms) in wanted {
            let found = match child {
                Some(child) => view.get_run(child)?,
                None => {
                    let first = RunId(u128::from(started_ms.saturating_sub(1)) << 80);
                    let near = view.runs_after(Some(first), LOOKED_AT)?;
                    near.into_iter().find(|it| it.parent == Some((id, op)))
                }
            };
            if let Some(found) = found {
                children.insert(op, shown_run(&node, &found));
            }
        }
        Ok(children)
    };
    visit.api.read(find).await
}

fn shown_run(node: &Node, run: &Run) -> RunView {
    RunView::new(run, standing(node, run))
}

/// The lines of an invoked run, to stand under its step.
pub(super) fn lines(child: &Child, scale: &Scale, now_ms: u64) -> Markup {
    let run = &child.run;
    let path = paths::run(run.run_id);
    let whole = Part {
        from_ms: run.started_at.unwrap_or(run.queued_at).0,
        until_ms: run.ended_at.map_or(now_ms, |at| at.0),
        class: if run.error.is_some() { "bad" } else { "nested" },
    };
    html! {
        div.child data-testid="child-run" {
            span.name { "↳ " a href=(path) { (ui::shown(&run.function_id)) } (ui::status(run.status)) }
            (bar::draw(&[whole], scale))
            span.took { (ui::short(run.run_id)) }
        }
        @for step in &child.steps {
            @let op = step.op.to_string();
            @let way = paths::with_query(&path, &[("step", &op)]);
            div.child.deeper data-testid="child-step" {
                span.name {
                    span.kind { (step.kind) }
                    a href=(format!("{way}#op-{op}")) { bdi { (ui::shown(&step.id)) } }
                    @if !matches!(step.status, StepStatus::Completed) { (ui::status(step::status(step.status))) }
                }
                @if step.carried_over { span.bar {} } @else { (bar::draw(&bar::parts(step, now_ms), scale)) }
                span.took { (took(step, now_ms)) }
            }
        }
        @if child.left_out > 0 {
            div.child.deeper {
                span.name { a href=(path) { (child.left_out) " more steps" } }
            }
        }
    }
}
