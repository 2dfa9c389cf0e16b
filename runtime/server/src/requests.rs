//! Requests that the host performs for runs: `fetch` and `ai-infer`.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use abide_core::Json;
use abide_core::engine::{Input, Request};
use abide_core::failure::{Failure, Origin};
use abide_core::ids::{EventId, RunId};
use abide_core::journal::OpNumber;
use abide_core::state::Run;
use abide_core::trace::TraceContext;
use abide_host::{FetchRequest, Task};
use futures::FutureExt;
use parking_lot::Mutex;

use crate::node::Inner;

/// The requests under way.
#[derive(Default)]
pub(crate) struct Requests {
    under_way: Mutex<HashMap<(RunId, OpNumber), Box<dyn Task>>>,
}

impl Requests {
    /// Performs a request in a task of its own; its end is an input of the engine.
    pub(crate) fn begin(
        &self,
        node: &Arc<Inner>,
        run: &Run,
        op: OpNumber,
        attempt: u32,
        request: Request,
    ) {
        let id = run.id;
        let app = run.function.app.clone();
        let place = Place {
            run: id,
            event: run.event,
            op,
        };
        let surroundings = node.host.surroundings().clone();
        let node = Arc::downgrade(node);
        // The lock is held until the entry is there: a request may end at once.
        let mut under_way = self.under_way.lock();
        let task = surroundings.spawn(Box::pin(async move {
            let Some(node) = node.upgrade() else { return };
            let began = Instant::now();
            let performed = AssertUnwindSafe(perform(&node, &app, &place, request)).catch_unwind().await;
            if let Some(steps) = node.metrics.timings.steps(id) {
                steps.request_ended(op, began.elapsed());
            }
            let result = performed.unwrap_or_else(|_| {
                Err(Failure::platform(
                    Origin::Limit,
                    "the host failed while it performed the request (a fault of Abide; its log has the details)",
                ))
            });
            node.requests.under_way.lock().remove(&(id, op));
            node.shard.input(Input::RequestDone {
                run: id,
                op,
                attempt,
                result,
            });
        }));
        under_way.insert((id, op), task);
    }

    /// Gives up a request.
    pub(crate) fn drop_request(&self, run: RunId, op: OpNumber) {
        if let Some(task) = self.under_way.lock().remove(&(run, op)) {
            task.abort();
        }
    }
}

/// What a request is sent for.
struct Place {
    run: RunId,
    event: EventId,
    op: OpNumber,
}

impl Place {
    /// Where the request stands in a trace, if its run is part of one. A trace that cannot be read keeps no request from leaving.
    async fn trace(&self, node: &Inner) -> Option<TraceContext> {
        let (view, event) = (node.view.clone(), self.event);
        let event = node.blocking(move || view.get_event(event)).await;
        let given = event.ok()?.ok()??.trace;
        let trace = node.trace_of(given.as_deref(), self.run)?;
        // All attempts are one span: the journal tells only how the last one ended.
        Some(trace.of_attempt(self.run, self.op, 0))
    }
}

async fn perform(
    node: &Inner,
    app: &str,
    place: &Place,
    request: Request,
) -> Result<Json, Failure> {
    let trace = place.trace(node).await;
    let trace = trace.as_ref();
    let (variables, egress) = node.app_settings(app);
    let limit = node.fetch_response_bytes;
    match request {
        Request::Fetch(fetch) => {
            let wanted = FetchRequest::new(&fetch, limit).traced(trace);
            let response = node.host.http().fetch(&egress, wanted).await;
            let response = response.map_err(|error| error.to_failure())?;
            if response.is_retriable() {
                return Err(response.to_failure());
            }
            Ok(response.to_json())
        }
        Request::AiInfer(infer) => {
            let key = match &infer.key_variable {
                None => None,
                Some(name) => match variables.iter().find(|(variable, _)| variable == name) {
                    Some((_, value)) => Some(value.as_str()),
                    None => {
                        return Err(Failure::permanent(
                            Origin::Limit,
                            format!(
                                "the variable `{name}`, which is to hold the model provider's key, is not configured for the app `{app}`"
                            ),
                        ));
                    }
                },
            };
            let fetch = abide_host::infer::to_fetch(&infer, key)?;
            let wanted = FetchRequest::new(&fetch, limit).traced(trace);
            let response = node.host.http().fetch(&egress, wanted).await;
            abide_host::infer::result(&response.map_err(|error| error.to_failure())?)
        }
    }
}
