//! Runs that are not created yet: a debounce or a batch collects their events.

use std::fmt;

use abide_core::ids::RunId;
use abide_core::state::Registration;
use serde::Serialize;
use utoipa::ToSchema;

use super::value::{Id, Time};

/// What an event waits in.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = PendingRun)]
pub(crate) struct PendingView {
    /// The id that the run will have.
    #[schema(value_type = Id)]
    pub(crate) run_id: RunId,
    pub(crate) function_id: String,
    /// `debounce` or `batch`.
    pub(crate) control: &'static str,
    pub(crate) events: usize,
    /// When the run is created, unless another event comes, or the batch is full before.
    pub(crate) due_at: Time,
}

impl PendingView {
    /// Of what is registered for the run, if that is one of the two.
    pub(crate) fn of(run: RunId, registration: &Registration) -> Option<Self> {
        let (control, function, events, due_ms) = match registration {
            Registration::Debounce(pending) => (
                "debounce",
                &pending.function,
                pending.events.len(),
                pending.due_ms,
            ),
            Registration::Batch(pending) => (
                "batch",
                &pending.function,
                pending.count as usize,
                pending.due_ms,
            ),
            Registration::Sleep { .. }
            | Registration::Retry { .. }
            | Registration::Start { .. }
            | Registration::Event { .. }
            | Registration::Signal { .. }
            | Registration::Invoke { .. }
            | Registration::Fetch { .. }
            | Registration::AiInfer { .. }
            | Registration::CancelOn { .. }
            | Registration::Timeout { .. } => return None,
        };
        Some(Self {
            run_id: run,
            function_id: function.to_string(),
            control,
            events,
            due_at: Time(due_ms),
        })
    }
}

impl fmt::Display for PendingView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            run_id,
            function_id,
            control,
            events,
            due_at,
        } = self;
        write!(
            f,
            "run {run_id} is not created yet: the {control} of `{function_id}` has collected {events} events for it, and is due at {due_at}"
        )
    }
}
