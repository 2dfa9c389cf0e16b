//! What several subjects need.

use std::time::Duration;

use abide_e2e::{Api, Server, guest};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Long enough for anything that should take a moment, on a slow machine that builds at the same time. It says that something never comes:
/// nothing is measured with it.
pub(crate) const SOON: Duration = Duration::from_secs(180);

/// Tries with ever longer times, in milliseconds, until one is long enough for what has to happen within it. On a machine that has time
/// the first one is.
#[track_caller]
pub(crate) fn given_time<T>(attempt: impl FnMut(u64) -> Option<T>) -> T {
    let times = [1_500, 6_000, 24_000, 96_000];
    let done = times.into_iter().find_map(attempt);
    done.expect("no time is long enough for it")
}

/// A folder that is removed at the end.
pub(crate) fn folder() -> TempDir {
    TempDir::new().expect("a temporary folder")
}

/// What is recorded of a run: not where a server that executed it saw its time go.
pub(crate) fn recorded(mut run: Value) -> Value {
    let timings = run["timings"].as_object_mut().expect("timings");
    timings.remove("execution");
    let steps = run["steps"].as_array_mut().expect("steps");
    for step in steps {
        *step = recorded_step(step);
    }
    run
}

/// The same of one step.
pub(crate) fn recorded_step(step: &Value) -> Value {
    let mut step = step.clone();
    step.as_object_mut().expect("a step").remove("timings");
    step
}

/// A server over a fresh data directory, with the `ledger` guest.
pub(crate) struct Ledger {
    pub(crate) data: TempDir,
    pub(crate) server: Server,
    pub(crate) api: Api,
}

impl Ledger {
    pub(crate) fn start() -> Self {
        let data = folder();
        let server = Server::serve(data.path());
        let api = server.api();
        deploy(&api, "ledger", "ledger");
        Self { data, server, api }
    }

    /// The same data directory, served by a new process.
    pub(crate) fn restart(self) -> Self {
        let Self { data, server, .. } = self;
        drop(server);
        let server = Server::serve(data.path());
        let api = server.api();
        Self { data, server, api }
    }

    /// Waits until a run stands so.
    pub(crate) fn stands(&self, run: &str, status: &str) -> Value {
        stands(&self.api, run, status)
    }
}

/// Waits until a run stands so.
#[track_caller]
pub(crate) fn stands(api: &Api, run: &str, status: &str) -> Value {
    let what = format!("{run} is {status}");
    abide_e2e::until(&what, SOON, || {
        Some(api.run(run)).filter(|run| run["status"] == status)
    })
}

/// Deploys a guest of `tests/guests`.
#[track_caller]
pub(crate) fn deploy(api: &Api, app: &str, name: &str) -> Value {
    let answer = api.deploy(app, &guest(name), "");
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json
}

/// An event's data for the ledger.
pub(crate) fn order(key: &str, count: u64, sleep_ms: u64) -> Value {
    json!({"key": key, "seed": 7, "count": count, "sleep_ms": sleep_ms})
}

/// The value of the step with this number, for the seed of [`order`].
pub(crate) fn value(number: u64) -> u64 {
    (7 * 31 + number * 17 + 7) % 1_000_003
}
