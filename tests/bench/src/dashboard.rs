//! How long the dashboard's pages take over a store full of runs: from the request to the last byte, from the release binary over HTTP.
//!
//! The store is filled through the API: most runs have completed, one in twenty has failed, and one run has a thousand steps.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use hyper::Method;
use serde_json::{Value, json};

use crate::Scale;
use crate::compare::line::Line;
use crate::ingestion::start;
use crate::machine::{ms, quantile};
use crate::report::Report;

/// Events of one request.
const BATCH: usize = 100;

/// Runs that are under way at once, at most.
const AT_ONCE: usize = 50 * BATCH;

/// One run in so many fails.
const FAILING: usize = 20;

/// Steps of the long run.
const STEPS: usize = 1_000;

/// How often each page is opened; the first time counts like the others.
const OPENED: usize = 20;

/// How often it is looked whether the runs have ended.
const PAUSE: Duration = Duration::from_millis(100);

/// What a page should stay below.
const GOAL_MS: f64 = 200.0;

/// Pages that show many runs or events, by what they are called in the figures.
const PAGES: [(&str, &str); 20] = [
    ("overview", "/"),
    ("runs", "/runs"),
    ("runs_of_a_status", "/runs?status=Failed"),
    ("runs_of_a_status_in_vain", "/runs?status=Waiting"),
    ("runs_of_a_function", "/runs?function=shop%2Fcharge"),
    ("runs_of_a_function_in_vain", "/runs?function=shop%2Fnap"),
    ("runs_of_an_app", "/runs?app=shop"),
    ("runs_since", "/runs?since=2026-01-01T00%3A00%3A00Z"),
    ("runs_by_event", "/runs?if=event.data.amount%20%3D%3D%20500"),
    (
        "runs_by_event_in_vain",
        "/runs?if=event.data.amount%20%3E%20999",
    ),
    ("runs_by_output_in_vain", "/runs?if=output%20%3D%3D%20999"),
    (
        "runs_of_a_status_by_event_in_vain",
        "/runs?status=Failed&if=event.data.amount%20%3E%20999",
    ),
    ("bulk_replay", "/runs/bulk?action=replay"),
    ("events", "/events"),
    ("events_of_a_name", "/events?name=shop%2Fcharge.asked"),
    ("events_of_a_name_in_vain", "/events?name=shop%2Fnothing"),
    ("functions", "/functions"),
    ("function", "/functions/shop/steps"),
    ("apps", "/apps"),
    ("app", "/apps/shop"),
];

/// Fills a store, and opens the pages.
pub(crate) async fn pages(base: &Path, scale: Scale, report: &mut Report) -> Result<()> {
    let folder = tempfile::tempdir_in(base)?;
    let (_process, address) = start(folder.path()).await?;
    let mut line = Line::open(address).await?;
    let component = component()?;
    line.ask(Method::PUT, "/api/v1/apps/shop", component)
        .await?;
    fill(&mut line, scale.live).await?;
    let long = long_run(&mut line).await?;

    let (event, long) = (format!("/events/{}", long.0), format!("/runs/{}", long.1));
    let others = [
        ("event", event.as_str()),
        ("run_of_1000_steps", long.as_str()),
    ];
    for (name, path) in PAGES.into_iter().chain(others) {
        let (p50, longest, bytes) = opened(address, path).await?;
        let meaning = format!("`{path}` over {} runs, median; {bytes} bytes", scale.live);
        report.by("dashboard_ms", name, p50, 1, &meaning);
        report.by("dashboard_longest_ms", name, longest, 1, "");
    }
    let meaning = "what every page should stay below";
    report.figure("dashboard_goal_ms", GOAL_MS, 0, meaning);
    Ok(())
}

/// Median and longest time of a page, in milliseconds, and its size.
async fn opened(address: SocketAddr, path: &str) -> Result<(f64, f64, usize)> {
    let mut took = Vec::with_capacity(OPENED);
    let mut bytes = 0;
    for _ in 0..OPENED {
        // As a browser does that was not here before.
        let began = Instant::now();
        let mut line = Line::open(address).await?;
        bytes = line.get(path).await?.len();
        took.push(began.elapsed());
    }
    let longest = took.iter().max().copied().unwrap_or_default();
    Ok((ms(quantile(&mut took, 0.5)), ms(longest), bytes))
}

/// Starts that many runs, and waits until all have ended.
async fn fill(line: &mut Line, runs: usize) -> Result<()> {
    let began = Instant::now();
    let event = |n: usize| match n % FAILING {
        0 => json!({"name": "shop/charge.asked", "data": {"amount": 500, "currency": "EUR"}}),
        _ => json!({"name": "shop/stock.count", "data": {"count": 1, "shelf": n}}),
    };
    for first in (0..runs).step_by(BATCH) {
        let last = runs.min(first + BATCH);
        let events: Vec<_> = (first..last).map(event).collect();
        line.post("/e/bench", &Value::from(events)).await?;
        // No more than the node takes at once.
        if first % AT_ONCE == 0 {
            rest(line).await?;
        }
    }
    rest(line).await?;
    eprintln!("{runs} runs in {:.1} s", began.elapsed().as_secs_f64());
    Ok(())
}

/// Waits until no run is under way. One part of the list looks at more runs than are ever under way: those before have all ended.
async fn rest(line: &mut Line) -> Result<()> {
    loop {
        let path = "/api/v1/runs?status=Queued,Running,Sleeping&limit=1";
        let answer: Value = serde_json::from_slice(&line.get(path).await?)?;
        if answer["data"].as_array().is_some_and(Vec::is_empty) {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The ids of a run with many steps that has ended, and of its event before it.
async fn long_run(line: &mut Line) -> Result<(String, String)> {
    let event = json!({"name": "shop/stock.count", "data": {"count": STEPS}});
    let answer: Value = serde_json::from_slice(&line.post("/e/bench", &event).await?)?;
    let event = answer["ids"][0].as_str().context("the event has an id")?;
    let event = event.to_owned();
    rest(line).await?;
    let path = format!("/api/v1/events/{event}");
    let answer: Value = serde_json::from_slice(&line.get(&path).await?)?;
    let run = &answer["runs"][0];
    ensure!(run["status"] == "Completed", "the long run ended as {run}");
    let id = run["run_id"].as_str().context("the run has an id")?;
    Ok((event, id.to_owned()))
}

/// The app that the dashboard's tests look at.
fn component() -> Result<Bytes> {
    let folder = std::env::var_os("ABIDE_TEST_GUESTS")
        .context("ABIDE_TEST_GUESTS does not name the guests; `cargo xtask bench` builds them")?;
    let path = PathBuf::from(folder).join("shop.wasm");
    let bytes = std::fs::read(&path).with_context(|| format!("no {}", path.display()))?;
    Ok(bytes.into())
}
