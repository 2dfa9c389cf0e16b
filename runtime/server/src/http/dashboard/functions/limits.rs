//! What the limits of a function are used for right now: by the values of their keys.

use abide_core::engine::Usage;
use abide_core::function::FunctionConfig;
use abide_core::function::options::{Concurrency, ConcurrencyScope, ConcurrencyUnit};
use abide_core::ids::FunctionId;
use abide_core::state::{Counter, LaneKey, Read as _};
use maud::{Markup, html};

use crate::http::Api;
use crate::http::dashboard::components as ui;
use crate::http::error::ApiError;

/// Runs that are counted in one lane, and in all of them: a page is looked at often, and there may be thousands of lanes.
const MOST_RUNS: usize = 1_000;
const MOST_IN_ALL: usize = 20_000;

/// One limit, for one value of its key.
pub(super) struct Row {
    what: String,
    key: String,
    held: Option<u32>,
    limit: u32,
    steps: usize,
    runs: usize,
    /// Not all runs were counted.
    at_least: bool,
}

/// How the limits of a function are used.
pub(super) struct Limits {
    pub(super) rows: Vec<Row>,
    /// Runs whose start a throttle puts off.
    pub(super) throttled: usize,
}

/// Asks the engine, and counts the runs that wait.
pub(super) async fn of(
    api: &Api,
    id: &FunctionId,
    config: &FunctionConfig,
) -> Result<Limits, ApiError> {
    let usage = api.node.usage(id.clone()).await;
    let lanes: Vec<Vec<LaneKey>> = usage.iter().map(|it| it.lanes.clone()).collect();
    let counted = api
        .read(move |view| {
            let (mut counted, mut left) = (Vec::new(), MOST_IN_ALL);
            for lanes in &lanes {
                let (mut runs, mut at_least) = (0, false);
                for lane in lanes {
                    let most = MOST_RUNS.min(left);
                    let found = view.queued(lane, None, most)?.len();
                    runs += found;
                    left -= found;
                    at_least |= found == most;
                }
                counted.push((runs, at_least));
            }
            Ok(counted)
        })
        .await?;
    let rows: Vec<_> = usage
        .iter()
        .zip(counted)
        .map(|(usage, counted)| row(id, config, usage, counted))
        .collect();
    let throttled = rows
        .iter()
        .filter(|row| row.held.is_none())
        .map(|row| row.runs)
        .sum();
    Ok(Limits { rows, throttled })
}

fn row(
    id: &FunctionId,
    config: &FunctionConfig,
    usage: &Usage,
    (runs, at_least): (usize, bool),
) -> Row {
    let throttle = config.throttle.as_ref();
    let mut row = Row {
        what: "throttle".to_owned(),
        key: usage.throttle_key.to_string(),
        held: None,
        limit: throttle.map_or(0, |it| it.limit),
        steps: usage.steps,
        runs,
        at_least,
    };
    if let Some(counter) = &usage.counter {
        let limit = config.concurrency.iter().find(|it| it.counts(id, counter));
        row.what = limit.map_or_else(|| "concurrency".to_owned(), in_words);
        Counter::key_of(counter).clone_into(&mut row.key);
        row.held = Some(usage.held);
        row.limit = limit.map_or(0, |it| it.limit);
    }
    row
}

fn in_words(limit: &Concurrency) -> String {
    let unit = match limit.per {
        ConcurrencyUnit::Step => "steps",
        ConcurrencyUnit::Run => "runs",
    };
    match limit.scope {
        ConcurrencyScope::Fn => unit.to_owned(),
        ConcurrencyScope::Env => format!("{unit}, shared in the environment"),
        ConcurrencyScope::Account => format!("{unit}, shared in the account"),
    }
}

/// The table.
pub(super) fn table(rows: &[Row]) -> Markup {
    let columns = [
        ("Limit on", ""),
        ("Key", "grow"),
        ("In use", "number"),
        ("Waiting", "number"),
    ];
    let body = html! {
        @for row in rows {
            tr data-testid="limit-row" {
                td { (row.what) }
                td.grow {
                    @if row.key.is_empty() { span.dim { "–" } } @else { code { bdi { (ui::shown(&row.key)) } } }
                }
                td.number {
                    @match row.held {
                        Some(held) => { (held) " of " (row.limit) }
                        None => span.dim { "closed" },
                    }
                }
                td.number { (waiting(row)) }
            }
        }
    };
    ui::table("Limits in use", &columns, &body)
}

fn waiting(row: &Row) -> Markup {
    let plus = if row.at_least { "+" } else { "" };
    html! {
        @match (row.steps, row.runs) {
            (0, 0) => span.dim { "–" },
            (0, runs) => { (runs) (plus) " runs" }
            (steps, 0) => { (steps) " steps" }
            (steps, runs) => { (steps) " steps, " (runs) (plus) " runs" }
        }
    }
}
