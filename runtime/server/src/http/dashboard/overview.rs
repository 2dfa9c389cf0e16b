//! *Overview*: what needs attention, how much goes on, and how that was lately.

use abide_core::ids::FunctionId;
use abide_core::state::{Read as _, RunFilter, RunStatus};
use axum::extract::RawQuery;
use axum::response::Response;
use maud::{Markup, html};

use super::charts::{Chart, Line, Merge, Unit};
use super::visit::Visit;
use super::{Section, components as ui, paths};
use crate::http::api::{Params, paused};
use crate::http::error::{ApiError, PageError};
use crate::series::{Measure, Range};
use crate::view::{Paused, RunView};

/// Paused runs, and functions, that are named one by one.
const MOST_NAMED: usize = 5;

/// Of a hundred runs that ended, so many failures make a function one that fails.
const FAILING_PERCENT: u64 = 10;

/// Points that a chart has at least: on a server that was started just now they span two minutes, twelve, or half a day.
const LEAST_POINTS: usize = 12;

/// A chart before its points are read.
struct Plan {
    id: &'static str,
    title: &'static str,
    unit: Unit,
    merge: Merge,
    lines: &'static [(Measure, &'static str, &'static str)],
}

const CHARTS: [Plan; 8] = [
    Plan {
        id: "chart-throughput",
        title: "Runs",
        unit: Unit::PerMinute,
        merge: Merge::Mean,
        lines: &[
            (Measure::RunsStarted, "started", "line-main"),
            (Measure::RunsCompleted, "completed", "line-good"),
            (Measure::RunsFailed, "failed", "line-bad"),
            (Measure::RunsCancelled, "cancelled", "line-calm"),
        ],
    },
    Plan {
        id: "chart-duration",
        title: "How long runs took",
        unit: Unit::Milliseconds,
        merge: Merge::Peak,
        lines: &[
            (Measure::RunDurationP50, "p50", "line-good"),
            (Measure::RunDurationP95, "p95", "line-main"),
            (Measure::RunDurationP99, "p99", "line-warm"),
        ],
    },
    Plan {
        id: "chart-backlog",
        title: "Backlog",
        unit: Unit::Count,
        merge: Merge::Peak,
        lines: &[(
            Measure::Backlog,
            "runs that wait for their turn",
            "line-warm",
        )],
    },
    Plan {
        id: "chart-concurrency",
        title: "At once",
        unit: Unit::Count,
        merge: Merge::Peak,
        lines: &[
            (Measure::Executing, "executing", "line-main"),
            (Measure::Resident, "in memory", "line-far"),
        ],
    },
    Plan {
        id: "chart-pending",
        title: "What runs wait for",
        unit: Unit::Count,
        merge: Merge::Peak,
        lines: &[
            (Measure::Waiting, "events, signals, answers", "line-warm"),
            (Measure::Sleeping, "times", "line-far"),
        ],
    },
    Plan {
        id: "chart-work",
        title: "Events and steps",
        unit: Unit::PerMinute,
        merge: Merge::Mean,
        lines: &[
            (Measure::Events, "events", "line-main"),
            (Measure::Steps, "steps", "line-far"),
        ],
    },
    Plan {
        id: "chart-sync",
        title: "Commits to the disk",
        unit: Unit::Milliseconds,
        merge: Merge::Peak,
        lines: &[
            (Measure::SyncP50, "p50", "line-good"),
            (Measure::SyncP99, "p99", "line-warm"),
        ],
    },
    Plan {
        id: "chart-size",
        title: "Store and memory",
        unit: Unit::Bytes,
        merge: Merge::Peak,
        lines: &[
            (Measure::StoreBytes, "store", "line-main"),
            (Measure::MemoryBytes, "memory of the process", "line-far"),
        ],
    },
];

/// What is looked at before the page is drawn.
struct Known {
    functions: Vec<FunctionId>,
    paused: Paused,
    paused_runs: Vec<RunView>,
    more_paused_runs: bool,
}

/// The page.
pub(super) async fn show(visit: Visit, RawQuery(query): RawQuery) -> Result<Response, PageError> {
    let params = Params::parse(query.as_deref(), &["range"])?;
    let range = match params.get("range") {
        None => Range::Hour,
        Some(name) => Range::of_name(name).ok_or_else(|| {
            ApiError::invalid("invalid_query", "range: must be hour, day or month")
        })?,
    };
    let known = known(&visit).await?;
    let first = first_point(&visit, range);
    let content = html! {
        (ui::heading(&html! { "Overview" }, &ranges(range)))
        @if known.functions.is_empty() { (super::apps::none_deployed()) }
        #attention data-live { (attention(&visit, &known)) }
        #tiles data-live { (tiles(&visit, range)) }
        div.charts #charts data-live {
            @for plan in &CHARTS { (chart(&visit, plan, range, first).render()) }
        }
    };
    let page = visit.page(Section::Overview, "Overview");
    Ok(page.live("runs").show(content))
}

async fn known(visit: &Visit) -> Result<Known, ApiError> {
    let filter = RunFilter {
        statuses: vec![RunStatus::Paused],
        ..RunFilter::default()
    };
    let read = visit.api.read(move |view| {
        let page = view.list_runs(None, &filter, MOST_NAMED)?;
        Ok((view.apps()?, paused(view)?, page))
    });
    let (apps, paused, page) = read.await?;
    let functions = apps.iter().flat_map(|app| {
        let functions = app.current.functions.iter();
        functions.map(|it| FunctionId::new(app.id.clone(), it.id.as_str()))
    });
    Ok(Known {
        functions: functions.collect(),
        paused,
        paused_runs: page
            .items
            .iter()
            .map(|run| RunView::new(run, RunStatus::Paused))
            .collect(),
        more_paused_runs: page.next.is_some() && page.items.len() >= MOST_NAMED,
    })
}

fn ranges(chosen: Range) -> Markup {
    html! {
        nav.chips aria-label="Time" {
            @for (range, label) in [(Range::Hour, "Hour"), (Range::Day, "Day"), (Range::Month, "30 days")] {
                a href=(paths::with_query("/", &[("range", range.name())])) aria-current=[(range == chosen).then_some("page")]
                    data-testid=(format!("range-{}", range.name())) { (label) }
            }
        }
    }
}

/// What somebody should look at.
fn attention(visit: &Visit, known: &Known) -> Markup {
    let mut lines = Vec::new();
    if let Some(failure) = visit.api.node.health().failure {
        lines.push((
            "bad",
            html! { strong { "The node failed" } span { (ui::shown(&failure)) } },
        ));
    }
    lines.extend(failing(visit, known).into_iter().map(|line| ("bad", line)));
    for run in &known.paused_runs {
        let reason = run.paused_reason.as_deref().unwrap_or_default();
        lines.push(("", html! {
            (ui::status("Paused"))
            a href=(paths::run(run.run_id)) { "run " (ui::short(run.run_id)) " of " bdi { (ui::shown(&run.function_id)) } }
            span.dim { bdi { (ui::shown(reason)) } }
        }));
    }
    if known.more_paused_runs {
        lines.push((
            "",
            html! { a href="/runs?status=Paused" { "All paused runs" } },
        ));
    }
    for (function, since) in known.paused.0.iter().take(MOST_NAMED) {
        let id = function.to_string();
        lines.push((
            "",
            html! {
                (ui::status("Paused"))
                a href=(paths::function(&id)) { "function " bdi { (ui::shown(&id)) } }
                span.dim { "since " (ui::time(crate::view::Time(*since), visit.now_ms)) }
            },
        ));
    }
    let warned = known.functions.iter();
    let warned = warned.filter(|id| !visit.api.node.warnings(id).is_empty());
    for id in warned.take(MOST_NAMED).map(FunctionId::to_string) {
        lines.push((
            "",
            html! {
                span.status.waiting { "warnings" }
                a href=(paths::function(&id)) { "function " bdi { (ui::shown(&id)) } }
                span.dim { "an expression could not be decided" }
            },
        ));
    }
    html! {
        @if !lines.is_empty() {
            section aria-label="What needs attention" {
                h2 { "Needs attention" }
                ul.attention data-testid="attention" {
                    @for (class, line) in &lines { li class=[(!class.is_empty()).then_some(class)] { (line) } }
                }
            }
        } @else if !known.functions.is_empty() {
            p.dim data-testid="calm" { "Nothing needs attention: no function fails, nothing is paused." }
        }
    }
}

/// Functions of whose runs many failed in the last hour, the worst first.
fn failing(visit: &Visit, known: &Known) -> Vec<Markup> {
    let totals = known.functions.iter().filter_map(|id| {
        let (hour, _) = visit.api.node.function_totals(id)?;
        let ended = hour.completed + hour.failed;
        (hour.failed > 0 && hour.failed * 100 >= ended * FAILING_PERCENT)
            .then(|| (hour.failed, ended, id.to_string()))
    });
    let mut failing: Vec<_> = totals.collect();
    failing.sort_by(|a, b| b.cmp(a));
    let line = |(failed, ended, id): &(u64, u64, String)| {
        html! {
            (ui::status("Failed"))
            a href=(paths::function(id)) { "function " bdi { (ui::shown(id)) } }
            span {
                (failed) " of " (ended) " runs failed in the last hour. "
                a href=(paths::with_query("/runs", &[("function", id), ("status", "Failed")])) { "Show them" }
            }
        }
    };
    failing.iter().take(MOST_NAMED).map(line).collect()
}

/// How things are now.
fn tiles(visit: &Visit, range: Range) -> Markup {
    let now = |measure, unit: Unit| {
        let points = visit.api.node.series().points(measure, range, visit.now_ms);
        let value = points.values.iter().rev().find_map(|value| *value);
        value.map_or_else(|| "–".to_owned(), |value| unit.show(value))
    };
    let health = visit.api.node.health();
    let tiles = [
        ("Executing", health.executing.to_string(), "runs"),
        ("In memory", health.resident.to_string(), "runs"),
        ("Backlog", now(Measure::Backlog, Unit::Count), "runs"),
        (
            "Waiting",
            now(Measure::Waiting, Unit::Count),
            "for events and answers",
        ),
        (
            "Sleeping",
            now(Measure::Sleeping, Unit::Count),
            "until a time",
        ),
        (
            "Commit, p99",
            now(Measure::SyncP99, Unit::Milliseconds),
            "to the disk",
        ),
        (
            "Store",
            now(Measure::StoreBytes, Unit::Bytes),
            "on the disk",
        ),
        (
            "Memory",
            now(Measure::MemoryBytes, Unit::Bytes),
            "of the process",
        ),
    ];
    html! {
        dl.tiles {
            @for (name, value, unit) in &tiles {
                div { dt { (name) } dd { (value) small { (unit) } } }
            }
        }
    }
}

/// The place of the first point that all charts show: nothing is drawn of the time before the first measurement.
fn first_point(visit: &Visit, range: Range) -> usize {
    let measures = CHARTS.iter().flat_map(|plan| plan.lines);
    let firsts = measures.filter_map(|(measure, ..)| {
        let points = visit.api.node.series();
        let values = points.points(*measure, range, visit.now_ms).values;
        values.iter().position(Option::is_some)
    });
    let latest = range.points().saturating_sub(LEAST_POINTS);
    firsts.min().map_or(latest, |first| first.min(latest))
}

fn chart(visit: &Visit, plan: &Plan, range: Range, first: usize) -> Chart {
    let mut span = None;
    let lines = plan.lines.iter().map(|(measure, name, look)| {
        let mut points = visit
            .api
            .node
            .series()
            .points(*measure, range, visit.now_ms);
        points.values.drain(..first.min(points.values.len()));
        points.start_ms += points.step_ms * first as u64;
        let steps = points.values.len() as u64;
        span = Some((points.start_ms, points.start_ms + points.step_ms * steps));
        // How often in the time of a point becomes how often in a minute.
        let per_minute = |count: f64| {
            #[allow(clippy::cast_precision_loss, reason = "at most an hour")]
            let step_ms = points.step_ms as f64;
            count * 60_000.0 / step_ms
        };
        let value = |value: f64| match plan.unit {
            Unit::PerMinute => per_minute(value),
            Unit::Count | Unit::Milliseconds | Unit::Bytes => value,
        };
        let of = |(n, found): (u64, &Option<f64>)| {
            (points.start_ms + points.step_ms * n, found.map(value))
        };
        Line {
            name: (*name).to_owned(),
            look,
            points: (0..).zip(&points.values).map(of).collect(),
        }
    });
    let lines: Vec<_> = lines.collect();
    let (from_ms, to_ms) = span.unwrap_or((visit.now_ms, visit.now_ms));
    Chart {
        id: plan.id,
        title: plan.title.to_owned(),
        unit: plan.unit,
        merge: plan.merge,
        lines,
        from_ms,
        to_ms,
    }
}
